// Activations that are a few operators: compose first, a primitive when a benchmark asks for it.
#include "dlb/ops/activation.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

Tensor zero_of(const Tensor& like) { return full({}, 0, like.dtype(), like.device()); }

void check_floating(const char* name, const Tensor& x) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "{} expects a floating dtype, got {}", name, spec_text(x.spec()));
  }
}

/// Uniform random numbers like x: without data where x has none.
Tensor random_like(const Tensor& x, double low, double high, const RngKey& key) {
  return uniform(x.shape(), low, high, key, x.dtype(), x.device());
}

}  // namespace

Tensor selu(const Tensor& x) {
  // Klambauer et al., "Self-normalizing neural networks", 2017: the fixed point is mean 0, variance 1.
  constexpr double kAlpha = 1.6732632423543772848170429916717;
  constexpr double kScale = 1.0507009873554804934193349852946;
  return elu(x, kAlpha) * kScale;
}

Tensor celu(const Tensor& x, double alpha) {
  if (!(alpha > 0)) fail(ErrorKind::kUnsupported, "celu expects alpha > 0, got {}", alpha);
  if (alpha == 1) return elu(x, 1);
  check_floating("celu", x);
  return elu(x / alpha, 1) * alpha;
}

Tensor softsign(const Tensor& x) { return x / (abs(x) + 1.0); }
Tensor tanhshrink(const Tensor& x) { return x - tanh(x); }

Tensor glu(const Tensor& x, int64_t dim) {
  check_floating("glu", x);
  if (x.rank() == 0) fail(ErrorKind::kShape, "glu expects a tensor of at least one dimension, got a 0-d one");
  const int d = normalize_dim(dim, x.rank());
  const int64_t size = x.dim(d);
  if (size % 2 != 0) {
    fail(ErrorKind::kShape, "glu expects an even size along dim {}, got {}", d, shape_text(x.shape()));
  }
  return narrow(x, d, 0, size / 2) * sigmoid(narrow(x, d, size / 2, size / 2));
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  check_floating("prelu", x);
  if (x.dtype() != weight.dtype()) {
    fail(ErrorKind::kDtype, "prelu expects input and weight of one dtype, got {} and {}",
         dtype_name(x.dtype()), dtype_name(weight.dtype()));
  }
  if (weight.rank() > 1) {
    fail(ErrorKind::kShape, "prelu expects a weight of rank 0 or 1, got {}", shape_text(weight.shape()));
  }
  Tensor w = weight;
  if (weight.numel() != 1) {
    const int64_t channels = x.rank() < 2 ? 1 : x.dim(1);
    if (weight.numel() != channels) {
      fail(ErrorKind::kShape, "prelu expects a weight of size 1 or {} for input {}, got {}", channels,
           shape_text(x.shape()), shape_text(weight.shape()));
    }
    Shape shape(static_cast<size_t>(x.rank()), 1);
    shape[1] = channels;
    w = reshape(weight, shape);
  } else {
    w = reshape(weight, {});
  }
  const Tensor positive = gt(x, 0);
  // Not weight * x: an infinite x above 0 would make the weight's gradient NaN.
  return where(positive, x, w * where(positive, zero_of(x), x));
}

Tensor rrelu(const Tensor& x, double lower, double upper, bool training, const RngKey& key) {
  if (!(lower <= upper)) {
    fail(ErrorKind::kUnsupported, "rrelu expects lower <= upper, got {} and {}", lower, upper);
  }
  if (!training) return leaky_relu(x, (lower + upper) / 2);
  check_floating("rrelu", x);
  return where(le(x, 0), x * random_like(x, lower, upper, key), x);
}

Tensor softmin(const Tensor& x, int64_t dim) { return softmax(neg(x), dim); }

Tensor gumbel_softmax(const Tensor& x, double tau, bool hard, int64_t dim, const RngKey& key) {
  check_floating("gumbel_softmax", x);
  // A uniform number may be 0, whose noise would be -infinity; the smallest positive one of float32 bounds
  // it.
  const Tensor u = clamp(random_like(x, 0, 1, key), 0x1p-25, 1);
  const Tensor noise = neg(log(neg(log(u))));
  const Tensor soft = softmax((x + noise) / tau, dim);
  if (!hard) return soft;
  const int d = normalize_dim(dim, x.rank());
  const Tensor largest = argmax(soft.detach(), d, kKeepDim);
  Shape along(static_cast<size_t>(x.rank()), 1);
  const int64_t size = x.rank() == 0 ? 1 : x.dim(d);
  if (x.rank() > 0) along[static_cast<size_t>(d)] = size;
  const Tensor positions = reshape(arange(0, static_cast<double>(size), 1, DType::kInt64, x.device()), along);
  const Tensor one_hot = cast(eq(positions, largest), x.dtype());
  return one_hot - soft.detach() + soft;
}

}  // namespace dlb
