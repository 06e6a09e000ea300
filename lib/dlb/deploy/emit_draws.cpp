// Operators that draw random numbers, of numbers that are drawn beforehand.
#include "dlb/deploy/draws.h"
#include "dlb/deploy/emit.h"
#include "dlb/ops/random_defs.h"
#include "dlb/ops/softmax_defs.h"

namespace dlb::deploy {

namespace {

std::vector<Size> sizes_of(const Emit& e, int64_t rank) {
  std::vector<Size> sizes;
  for (int64_t d = 0; d < rank; ++d) sizes.push_back(e.out_dim(0, d));
  return sizes;
}

/// What is drawn is the output.
void drawn(Emit& e) {
  const Distribution d = distribution_of(*e.node().op, e.any_attrs());
  for (size_t k = 1; k < e.builder().traces(); ++k) {
    // A permutation follows its size; other distributions have none.
    if (distribution_of(*e.node().op, e.any_attrs(k)) != d)
      e.unsupported("the limits of what {} draws depend on the sizes of the inputs", e.node().op->name);
  }
  e.output(e.draw(d, e.out_spec().dtype, sizes_of(e, e.out_spec().rank())));
}

void dropout(Emit& e) {
  const double p = e.attrs<DropoutAttrs>().p;
  if (p <= 0) return e.output(e.in(0));
  const DType t = e.out_spec().dtype;
  const std::string kept = e.draw({"bernoulli", {{"p", 1 - p}}}, t, sizes_of(e, e.out_spec().rank()));
  const std::string factors = e.add("Mul", {kept, e.number(p < 1 ? 1 / (1 - p) : 0, t)});
  e.output(e.add("Mul", {e.in(0), factors}));
}

/// With replacement: the class in whose part of the row's sum a uniform number lies. Without: the classes
/// whose exponential variables, of the weights as rates, are the least.
void multinomial(Emit& e) {
  const auto& a = e.attrs<MultinomialAttrs>();
  const std::string weights = e.in_as(0, DType::kFloat64);
  if (!a.replacement) {
    const std::string times =
        e.draw({"exponential", {{"rate", 1}}}, DType::kFloat64, {e.dim(0, 0), e.dim(0, 1)});
    const std::vector<std::string> first = e.add_many(
        "TopK", {e.add("Div", {times, weights}), e.ints({a.samples})}, 2,
        {attribute("axis", int64_t{1}), attribute("largest", int64_t{0}), attribute("sorted", int64_t{1})});
    return e.output(first[1]);
  }
  const std::string u = e.draw({"uniform", {{"low", 0}, {"high", 1}}}, DType::kFloat64, sizes_of(e, 2));
  const std::string sums = e.add("CumSum", {weights, e.constant(Tensor::from(std::vector<int64_t>{1}, {}))});
  const std::string total = e.add("Gather", {sums, e.ints({-1})}, {attribute("axis", int64_t{1})});
  const auto count = [&](const std::string& truths, int64_t axis, int64_t keep) {
    return e.add("ReduceSum", {e.cast(truths, DType::kInt64), e.ints({axis})}, {attribute("keepdims", keep)});
  };
  const std::string below = e.add(
      "LessOrEqual",
      {e.add("Unsqueeze", {sums, e.ints({1})}), e.add("Unsqueeze", {e.add("Mul", {u, total}), e.ints({2})})});
  // Rounding may reach the sum itself; classes behind the last one with a weight are none.
  const std::string last = count(e.add("Less", {sums, total}), 1, 1);
  e.output(e.add("Min", {count(below, 2, 0), last}));
}

constexpr EmitterRow kRows[] = {
    {"normal", &drawn},   {"uniform", &drawn},          {"bernoulli", &drawn}, {"randint", &drawn},
    {"randperm", &drawn}, {"exponential", &drawn},      {"geometric", &drawn}, {"log_normal", &drawn},
    {"cauchy", &drawn},   {"truncated_normal", &drawn}, {"dropout", &dropout}, {"multinomial", &multinomial},
};

}  // namespace

std::span<const EmitterRow> draw_emitters() { return kRows; }

}  // namespace dlb::deploy
