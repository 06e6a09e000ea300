#pragma once
/// \file Initial values chosen in a config: `init: [{match: "*.weight", normal: {std: 0.02}}]`.
///
/// Each is torch.nn.init's function of that name. fan_in = size(1) * receptive field, fan_out = size(0) *
/// receptive field.

#include <memory>
#include <span>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/config/reader.h"
#include "dlb/nn/layer.h"

namespace dlb::nn {

class Initializer {
 public:
  virtual ~Initializer() = default;
  /// Errors: shape, config for a parameter of that shape that it cannot fill.
  virtual void check(const Shape& /*shape*/) const {}
  virtual Init init() const = 0;
};

using InitializerType = TypeInfo<Initializer>;
/// zeros, ones, constant, normal, trunc_normal, uniform, xavier_uniform, xavier_normal, kaiming_uniform,
/// kaiming_normal, orthogonal, sparse, dirac, eye
std::span<const InitializerType> initializer_types();

/// Gives each parameter (no buffer) the initialiser of the first entry of the list `node` whose pattern
/// matches its name; the others keep their layer's. Errors, recorded in the reader at their place: config for
/// a malformed entry, a pattern that matches no parameter, and an initialiser that cannot fill one.
void apply_initializers(config::Reader& reader, const config::Node& node, std::vector<Variable>& variables);

}  // namespace dlb::nn
