// Every function of the table with arguments that nobody sane would give: it works or says by name what is
// wrong; it never crashes, hangs or lets another exception out. The calls are the same in each run.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "dlb/autograd/autograd.h"
#include "dlb/functional/function.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {
namespace {

constexpr int kRounds = 12;

class Arguments {
 public:
  explicit Arguments(uint64_t seed) : random_(seed) { shape_ = shape(); }

  /// Usually of that type, sometimes not.
  Value value(std::string type) {
    if (one_in(25)) return odd();
    if (type.ends_with('?')) {
      type.pop_back();
      if (one_in(2)) return None{};
    }
    if (type == "tensor" || type == "any") return tensor();
    if (type == "int") return size();
    if (type == "float") return pick({0, 1, 0.5, -1, 2, 1e30, std::nan(""), HUGE_VAL, 3});
    if (type == "bool") return one_in(2);
    if (type == "dtype") return static_cast<DType>(below(kDTypeCount));
    if (type == "text") return text();
    if (type == "number") return one_in(2) ? Value(size()) : Value(0.5 * static_cast<double>(below(9)) - 2);
    if (type == "tensor or number") return one_in(3) ? Value(size()) : Value(tensor());
    if (type.starts_with("list of ")) {
      List list;
      for (int64_t n = below(5); n > 0; --n) list.push_back(value(type.substr(8)));
      return list;
    }
    return None{};
  }
  bool one_in(int64_t n) { return below(n) == 0; }

 private:
  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  double pick(std::vector<double> choices) {
    return choices[static_cast<size_t>(below(static_cast<int64_t>(choices.size())))];
  }
  int64_t extreme() {
    constexpr int64_t choices[] = {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(),
                                   -(int64_t{1} << 40), 33, -1000};
    return choices[below(5)];
  }
  int64_t size() { return one_in(10) ? extreme() : below(6) - 2; }
  Value odd() {
    switch (below(6)) {
      case 0:
        return None{};
      case 1:
        return extreme();
      case 2:
        return std::string("x");
      case 3:
        return tensor();
      case 4:
        return 1e30;
      default:
        return List{};
    }
  }
  std::string text() {
    constexpr const char* choices[] = {
        "mean",      "sum",      "none",     "linear",    "nearest",      "bilinear", "valid", "reflect",
        "replicate", "circular", "constant", "same",      "fro",          "nuc",      "max",   "left",
        "right",     "",         "amax",     "ij,jk->ik", "...ij->...ji", "reduced",  "tanh",  "i->"};
    return choices[below(24)];
  }
  Shape shape() {
    Shape s(static_cast<size_t>(below(5)), 0);
    for (int64_t& n : s) n = one_in(8) ? 0 : 1 + below(4);
    return s;
  }
  /// Often of the shape of the tensor before.
  Tensor tensor() {
    if (one_in(3)) shape_ = shape();
    const DType dtype = one_in(3) ? static_cast<DType>(below(kDTypeCount)) : DType::kFloat32;
    std::vector<double> v(static_cast<size_t>(numel(shape_)));
    for (double& x : v) {
      x = static_cast<double>(below(9)) - 3 + pick({0, 0.5});
      if (is_floating(dtype) && one_in(7)) x = pick({std::nan(""), HUGE_VAL, -1e30});
    }
    Tensor t = cast(Tensor::from(v, shape_), dtype);
    if (t.rank() > 1 && one_in(4)) t = transpose(t, 0, -1);
    t = t.detach();
    if (is_floating(dtype) && one_in(2)) t.set_requires_grad(true);
    return t;
  }

  std::mt19937_64 random_;
  Shape shape_;
};

void gather_tensors(const Value& v, std::vector<Tensor>& out) {
  if (v.is<Tensor>() && v.as<Tensor>().defined()) out.push_back(v.as<Tensor>());
  if (v.is<List>()) {
    for (const Value& item : v.as<List>()) gather_tensors(item, out);
  }
}

std::string described(const Value& v) {
  if (v.is<Tensor>()) return spec_text(v.as<Tensor>().spec());
  if (!v.is<List>()) return functional::text(v);
  std::string out = "[";
  for (const Value& item : v.as<List>()) out += described(item) + ", ";
  return out + "]";
}

/// The gradient of all results, where there is one, has the shape of what it is for.
void check_backward(const Value& result, const NamedValues& named) {
  std::vector<Tensor> outputs;
  gather_tensors(result, outputs);
  std::vector<Tensor> leaves;
  for (const auto& [name, v] : named) {
    if (v.is<Tensor>() && v.as<Tensor>().requires_grad()) leaves.push_back(v.as<Tensor>());
  }
  for (const Tensor& y : outputs) {
    if (!y.requires_grad() || leaves.empty()) continue;
    const std::vector<Tensor> grads = grad({sum(y)}, leaves, {}, false, true);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (grads[i].defined()) CHECK(grads[i].shape() == leaves[i].shape());
    }
    return;
  }
}

TEST_CASE("hostile arguments work or are refused by name") {
  uint64_t seed = 0;
  for (const Function& f : all_functions()) {
    for (int round = 0; round < kRounds; ++round) {
      Arguments arguments(++seed);
      std::vector<Value> args;
      NamedValues named;
      std::string call_text(f.name);
      for (const Param& p : f.params) {
        if (!p.required && arguments.one_in(2)) continue;
        const Value v = arguments.value(p.type);
        call_text += " " + p.name + "=" + described(v);
        if (p.variadic) {
          args.push_back(v);
        } else {
          named.emplace_back(p.name, v);
        }
      }
      INFO(call_text);
      try {
        check_backward(call(f.name, args, named), named);
      } catch (const Error& e) {
        if (e.kind == ErrorKind::kInternal) FAIL_CHECK(e.what());
        CHECK(!e.message.empty());
      } catch (const std::exception& e) {
        FAIL_CHECK("not an error of ours: " << e.what());
      }
    }
  }
}

}  // namespace
}  // namespace dlb::functional
