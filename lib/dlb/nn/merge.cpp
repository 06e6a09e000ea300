#include "dlb/nn/merge.h"

#include "dlb/ops/binary.h"
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

}  // namespace dlb::nn
