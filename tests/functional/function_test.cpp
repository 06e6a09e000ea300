#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "dlb/functional/function.h"

#include <catch2/catch.hpp>
#include <limits>
#include <set>

#include "dlb/backend/cpu/install.h"
#include "dlb/functional/define.h"

namespace dlb::functional {
namespace {

struct Install : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testRunStarting(const Catch::TestRunInfo&) override { backend::cpu::install(); }
};
CATCH_REGISTER_LISTENER(Install)

Tensor vector(std::vector<float> values) {
  const auto n = static_cast<int64_t>(values.size());
  return Tensor::from(values, {n});
}

std::string message(std::string_view name, const std::vector<Value>& args, const NamedValues& named = {}) {
  try {
    call(name, args, named);
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kConfig);
    return e.message + (e.hint.empty() ? "" : " | " + e.hint);
  }
  return "no error";
}

TEST_CASE("a function is called by position, by name and with defaults") {
  const Tensor x = vector({1, -2, 3});
  CHECK(call("add", std::vector<Value>{x, x}).as<Tensor>().to_vector<float>() ==
        std::vector<float>{2, -4, 6});
  CHECK(call("add", std::vector<Value>{x, int64_t{1}}, {{"alpha", int64_t{3}}})
            .as<Tensor>()
            .to_vector<float>() == std::vector<float>{4, 1, 6});
  CHECK(call("amax", {}, {{"keepdim", true}, {"input", x}}).as<Tensor>().shape() == Shape{1});
}

TEST_CASE("numbers promote by kind") {
  const Tensor whole = Tensor::from<int64_t>({1, 2}, {2});
  CHECK(call("add", std::vector<Value>{whole, int64_t{1}}).as<Tensor>().dtype() == DType::kInt64);
  CHECK(call("add", std::vector<Value>{whole, 0.5}).as<Tensor>().dtype() == DType::kFloat32);
  CHECK(Scalar(true).promote(DType::kBool) == DType::kBool);
  CHECK(Scalar(int64_t{1}).promote(DType::kBool) == DType::kInt64);
  CHECK(Scalar(0.5).promote(DType::kFloat64) == DType::kFloat64);
  // Exact beyond what a double holds.
  const int64_t large = (int64_t{1} << 53) + 1;
  CHECK(Scalar(large).tensor(DType::kInt64).to_vector<int64_t>()[0] == large);
}

TEST_CASE("what does not fit is named with what is expected and found") {
  const Tensor x = vector({1, 2});
  CHECK(message("ad", {x}) == "there is no function 'ad' | did you mean 'add'?");
  CHECK(
      message("gather", {x, 0.5, x}) ==
      "gather: dim is to be int, got float | it is gather(input: tensor, dim: int, index: tensor) -> tensor");
  CHECK(message("gather", {x, int64_t{0}}).starts_with("gather: misses index"));
  CHECK(message("gather", {x, int64_t{0}, x, x}).starts_with("gather: takes 3 arguments, got 4"));
  CHECK(message("gather", {x}, {{"dims", int64_t{0}}}).starts_with("gather: has no parameter 'dims'"));
  CHECK(message("gather", {x}, {{"input", x}}).starts_with("gather: got input twice"));
  CHECK(message("gather", {x, int64_t{0}, None{}}).starts_with("gather: index is to be tensor, got none"));
}

Tensor optional_tensor(const Tensor& x, const Tensor& weight) { return weight.defined() ? weight : x; }
Tensor first(const std::vector<Tensor>& tensors, const std::string&) { return tensors.at(0); }

std::vector<Value> bound(const Function& f, const std::vector<Value>& values) {
  CHECK(f.mismatch(f, values).empty());
  return values;
}

TEST_CASE("entries read their defaults and describe themselves") {
  const Function f = define("f", "doc", {"x", "weight = none"}, &optional_tensor);
  CHECK(f.signature() == "f(x: tensor, weight: tensor? = none) -> tensor");
  const Tensor x = vector({1});
  CHECK(same(f.invoke(f.fn, bound(f, {x, None{}})).as<Tensor>(), x));
  const Function g = define("g", "doc", {"*tensors", "mode = 'a b'"}, &first);
  CHECK(g.signature() == "g(*tensors: list of tensor, mode: text = 'a b') -> tensor");
  CHECK(g.mismatch(g, std::vector<Value>{List{x, None{}}, std::string("a")}) ==
        "tensors is to be list of tensor, got list of tensor");
  const Function h = define(
      "h", "doc", {"a = -inf", "b = [1, -2]", "c = [0.5]", "d = true", "e = float64", "f = none"},
      +[](double a, const Dims& b, const std::vector<double>& c, bool d, DType e, std::optional<int64_t> i) {
        CHECK(a == -std::numeric_limits<double>::infinity());
        CHECK(b == Dims{1, -2});
        CHECK(c == std::vector<double>{0.5});
        CHECK(d);
        CHECK(e == DType::kFloat64);
        return !i.has_value();
      });
  std::vector<Value> defaults;
  for (const Param& p : h.params) defaults.push_back(p.value);
  CHECK(h.invoke(h.fn, bound(h, defaults)).as<bool>());
  CHECK(h.signature() ==
        "h(a: float = -inf, b: list of int = [1, -2], c: list of float = [0.5], d: bool = true, e: dtype = "
        "float64, "
        "f: int? = none) -> bool");
}

TEST_CASE("every entry of the table is described") {
  std::set<std::string> signatures;
  for (const Function& f : all_functions()) {
    INFO(f.signature());
    CHECK(!f.name.empty());
    CHECK(!f.doc.empty());
    CHECK(signatures.insert(f.signature()).second);
    CHECK(f.doc.back() != '.');
  }
}

}  // namespace
}  // namespace dlb::functional
