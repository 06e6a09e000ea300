// Operators of ONNX that draw random numbers.
#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/random.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

Element type_of(const Call& c, Element otherwise) {
  return c.has_attribute("dtype") ? element_from_number(c.required("dtype")) : otherwise;
}

/// Random numbers of a floating type: drawn as float64 for float64, else as float32.
void draw(Call& c, const Shape& shape, Element e, bool normally) {
  if (!is_float(e)) c.fail("it gives floating types, not {}", element_name(e));
  const DType drawn = e == Element::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  Tensor x;
  if (normally) {
    const double scale = c.attribute("scale", 1.0);
    if (!(scale >= 0)) c.fail("scale is {}", scale);
    x = normal(shape, c.attribute("mean", 0.0), scale, c.random_key(), drawn);
  } else {
    const double low = c.attribute("low", 0.0), high = c.attribute("high", 1.0);
    if (!(low <= high)) c.fail("low is {}, high is {}", low, high);
    x = uniform(shape, low, high, c.random_key(), drawn);
  }
  c.output(Value(convert(x, element_of(drawn), e), e));
}

template <bool kNormal>
void random_of_shape(Call& c) {
  if (!c.has_attribute("shape")) c.fail("attribute 'shape' is missing");
  const Shape shape = to_dims(c.integers("shape"));
  numel(shape);  // refuses sizes that overflow or are negative
  draw(c, shape, type_of(c, Element::kFloat32), kNormal);
}

template <bool kNormal>
void random_like(Call& c) {
  const Element own = is_float(c.element(0)) ? c.element(0) : Element::kFloat32;
  draw(c, c.value(0).shape(), type_of(c, own), kNormal);
}

void bernoulli_node(Call& c) {
  const Element to = type_of(c, c.element(0));
  if (!is_float(c.element(0))) c.fail("input 0 is {}, expected probabilities", describe(c.value(0)));
  const Tensor p = c.tensor(0);
  const DType wide = p.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  c.output(Value(convert(bernoulli(cast(p, wide), c.random_key()), element_of(wide), to), to));
}

/// Classes drawn by the logarithms of their weights.
void multinomial_node(Call& c) {
  const Tensor x = c.tensor(0);
  const int64_t samples = c.attribute("sample_size", int64_t{1});
  const Element to = type_of(c, Element::kInt32);
  if (x.rank() != 2 || x.dim(1) == 0 || samples < 1)
    c.fail("{} samples of {}, expected [N, C]", samples, describe(c.value(0)));
  if (!is_integer(to)) c.fail("dtype must be of whole numbers, got {}", element_name(to));
  const Tensor wide = cast(x, x.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32);
  const Tensor weights = exp(sub(wide, amax(wide, {1}, kKeepDim)));
  c.output(Value(convert(multinomial(weights, samples, true, c.random_key()), Element::kInt64, to), to));
}

constexpr Operator kOperators[] = {
    {"RandomUniform", &random_of_shape<false>, 1, "", false, 0},
    {"RandomNormal", &random_of_shape<true>, 1, "", false, 0},
    {"RandomUniformLike", &random_like<false>, 1, "", false, 1},
    {"RandomNormalLike", &random_like<true>, 1, "", false, 1},
    {"Bernoulli", &bernoulli_node, 15, "", false, 1},
    {"Multinomial", &multinomial_node, 7, "", false, 1},
};

}  // namespace

std::span<const Operator> random_operators() { return kOperators; }

}  // namespace dlb::graph
