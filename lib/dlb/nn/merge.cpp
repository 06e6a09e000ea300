#include "dlb/nn/merge.h"

#include "dlb/nn/named_inputs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::nn {

namespace {

constexpr int kMostInputs = 1 << 20;

Outputs fold(Inputs inputs, std::string_view name, Tensor (*f)(const Tensor&, const Tensor&)) {
  if (inputs.size() < 2) fail(ErrorKind::kConfig, "{} takes at least 2 inputs, got {}", name, inputs.size());
  Tensor y = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) y = f(y, inputs[i]);
  Outputs out;
  out.push_back(std::move(y));
  return out;
}

}  // namespace

std::pair<int, int> Add::inputs_allowed() const { return {2, kMostInputs}; }
Outputs Add::run(Context& /*c*/, Inputs inputs) { return fold(inputs, "add", &add); }

std::pair<int, int> Mul::inputs_allowed() const { return {2, kMostInputs}; }
Outputs Mul::run(Context& /*c*/, Inputs inputs) { return fold(inputs, "mul", &mul); }

Fields Concat::fields() {
  static const Field list[] = {
      field<&Concat::dim>("dim", "dimension that grows; negative counts from the last")};
  return list;
}
std::pair<int, int> Concat::inputs_allowed() const { return {1, kMostInputs}; }
Outputs Concat::run(Context& /*c*/, Inputs inputs) {
  if (inputs.empty()) fail(ErrorKind::kConfig, "concat takes at least 1 input, got 0");
  Outputs out;
  out.push_back(cat(std::vector<Tensor>(inputs.begin(), inputs.end()), dim));
  return out;
}

template <Tensor (*F)(const Tensor&, const Tensor&)>
Outputs Fold<F>::run(Context& /*c*/, Inputs inputs) {
  return fold(inputs, "a layer that joins inputs", F);
}
template struct Fold<&maximum>;
template struct Fold<&minimum>;

template <Tensor (*F)(const Tensor&, const Tensor&)>
Outputs Pair<F>::run(Context& /*c*/, Inputs inputs) {
  return one(F(inputs[0], inputs[1]));
}
template struct Pair<static_cast<Tensor (*)(const Tensor&, const Tensor&)>(&sub)>;
template struct Pair<static_cast<Tensor (*)(const Tensor&, const Tensor&)>(&div)>;
template struct Pair<&matmul>;

std::pair<int, int> Average::inputs_allowed() const { return {2, kMostInputs}; }
Outputs Average::run(Context& /*c*/, Inputs inputs) {
  return one(mul(fold(inputs, "average", &add)[0], 1 / static_cast<double>(inputs.size())));
}

Fields Stack::fields() {
  static const Field list[] = {
      field<&Stack::dim>("dim", "where the new dimension stands; negative counts from the last")};
  return list;
}
std::pair<int, int> Stack::inputs_allowed() const { return {1, kMostInputs}; }
Outputs Stack::run(Context& /*c*/, Inputs inputs) {
  return one(stack(std::vector<Tensor>(inputs.begin(), inputs.end()), dim));
}

}  // namespace dlb::nn
