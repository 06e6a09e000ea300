#include "dlb/model/weights.h"

#include <catch2/catch.hpp>

#include "model/support.h"

using namespace dlb;
using namespace dlb::model;
using Catch::Matchers::Contains;

namespace {

const char* const kText = "model: [linear: {out: 4, id: a}, batch_norm, linear: {out: 2, id: b}]";

std::unique_ptr<Model> ready(uint64_t seed, const std::string& yaml = kText) {
  auto model = build(yaml, {5, 3});
  model->materialize(seed);
  return model;
}

io::Safetensors saved(const Model& model) {
  return io::parse_safetensors(io::to_safetensors(named_tensors(model)), "w.safetensors");
}

}  // namespace

TEST_CASE("saved weights load into a fresh model, materialised or not") {
  const auto source = ready(1);
  auto other = ready(2);
  auto bare = build(kText, {5, 3});
  CHECK(params_hash(*source) != params_hash(*other));
  const LoadReport report = load_weights(*other, saved(*source));
  CHECK(report.loaded == 8);
  CHECK(report.missing.empty());
  CHECK(report.unexpected.empty());
  CHECK(params_hash(*source) == params_hash(*other));
  load_weights(*bare, saved(*source));
  CHECK(params_hash(*source) == params_hash(*bare));
  CHECK(bare->variables()[0].value.requires_grad());
}

TEST_CASE("the hash covers names, values and buffers") {
  const auto a = ready(1);
  const std::string hash = params_hash(*a);
  CHECK(hash.size() == 64);
  CHECK(hash == params_hash(*ready(1)));
  CHECK(hash !=
        params_hash(*ready(1, "model: [linear: {out: 4, id: a}, batch_norm, linear: {out: 2, id: c}]")));
  for (nn::Variable& v : a->variables()) {
    auto b = ready(1);
    for (nn::Variable& w : b->variables()) {
      if (w.name == v.name) w.value.data<float>()[0] += 1;
    }
    INFO(v.name);
    CHECK(params_hash(*b) != hash);
  }
}

TEST_CASE("everything that does not fit is told at once, and nothing is loaded") {
  auto model = ready(1);
  const std::string before = params_hash(*model);
  io::Safetensors file = saved(*ready(2, "model: [linear: {out: 5, id: a}, linear: {out: 2, id: c}]"));
  try {
    load_weights(*model, file);
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kData);
    CHECK(e.message ==
          "the weights do not fit the model:"
          "\n  shapes differ: a.weight (model [4, 3], file [5, 3]), a.bias (model [4], file [5])"
          "\n  missing in the file: batch_norm_1.weight, batch_norm_1.bias, batch_norm_1.running_mean, "
          "batch_norm_1.running_var, b.weight, b.bias"
          "\n  not in the model: c.bias, c.weight");
  }
  CHECK(params_hash(*model) == before);
  CHECK_THROWS_WITH(load_weights(*model, file, {.strict = false}),
                    Contains("shapes differ") && !Contains("missing"));
}

TEST_CASE("prefix, other names and partial files") {
  const auto source = ready(3);
  std::vector<io::NamedTensor> tensors;
  for (const io::NamedTensor& t : named_tensors(*source)) {
    tensors.push_back({t.name == "a.weight" ? "first" : "net." + t.name, t.value});
  }
  tensors.push_back({"optimizer.step", Tensor::scalar(3)});
  const io::Safetensors file = io::parse_safetensors(io::to_safetensors(tensors), "w");
  auto model = ready(4);
  CHECK(load_weights(*model, file, {.prefix = "net.", .names = {{"a.weight", "first"}}}).loaded == 8);
  CHECK(params_hash(*model) == params_hash(*source));

  auto partial = ready(5);
  const LoadReport report = load_weights(*partial, file, {.strict = false, .prefix = "net."});
  CHECK(report.loaded == 7);
  CHECK(report.missing == std::vector<std::string>{"a.weight"});
  CHECK(report.unexpected.empty());
}

TEST_CASE("a name is exchanged by a pattern, star for star") {
  CHECK(renamed("layer1_0.body.conv1.weight", "layer*_*.body.*", "layer*.*.*") == "layer1.0.conv1.weight");
  CHECK(renamed("head.weight", "head.*", "*") == "weight");
  CHECK(renamed("head.weight", "head.*", "fc") == "fc");
  CHECK(renamed("a.b.c", "*.c", "x.*") == "x.a.b");
  CHECK(renamed("a.c.c", "*.c", "*") == "a.c");  // the shortest that lets the rest fit
  CHECK(renamed("aaa", "a*a", "*") == "a");
  CHECK(renamed("abc", "abc", "x*y") == "x*y");
  CHECK_FALSE(renamed("abc", "ab", "x"));
  CHECK_FALSE(renamed("ab", "abc", "x"));
  CHECK_FALSE(renamed("a.b", "a*c", "x"));
  CHECK(renamed("", "*", "y*") == "y");
  CHECK_FALSE(renamed(std::string(2000, 'a'), "*a*a*a*a*a*a*a*a*a*b", "x"));
}

TEST_CASE("several files fill a model together, the last one wins, counters of norms are left out") {
  const auto source = ready(3);
  io::Safetensors first, second;
  for (const io::NamedTensor& t : named_tensors(*source)) {
    if (t.name.starts_with("a.")) {
      second.tensors.push_back({t.name.substr(2), t.value});
    } else {
      first.tensors.push_back(t);
    }
  }
  first.tensors.push_back({"a.bias", Tensor::from(std::vector<float>{9, 9, 9, 9}, {4})});
  first.tensors.push_back({"batch_norm_1.num_batches_tracked", Tensor::scalar(3, DType::kInt64)});
  auto model = ready(4);
  std::vector<WeightsFile> files = {{&first, "one", {}}, {&second, "two", {}}};
  files[1].options.names = {{"a.*", "*"}};
  CHECK(load_weights(*model, files).loaded == 8);
  CHECK(params_hash(*model) == params_hash(*source));

  second.tensors.push_back({"extra", Tensor::scalar(1)});
  first.tensors.erase(first.tensors.begin());
  auto other = ready(5);
  const std::string before = params_hash(*other);
  CHECK_THROWS_WITH(load_weights(*other, files),
                    Contains("missing in the file: batch_norm_1.weight") &&
                        Contains("not in the model: extra in 'two'"));
  CHECK(params_hash(*other) == before);
  files[1].options.strict = false;
  CHECK(load_weights(*other, files).missing == std::vector<std::string>{"batch_norm_1.weight"});
}

TEST_CASE("other dtypes are converted") {
  auto model = build("model: [linear: {out: 1, bias: false}]", {5, 2});
  io::Safetensors file;
  file.tensors.push_back({"linear_1.weight", Tensor::from<double>({0.5, -3}, {1, 2})});
  load_weights(*model, file);
  CHECK(model->variables()[0].value.dtype() == DType::kFloat32);
  CHECK(model->variables()[0].value.to_vector<float>() == std::vector<float>{0.5F, -3.0F});
}
