// Attention over several tiles against matmul, softmax and matmul; what dropout promises; memory linear in
// the length.
#include "dlb/ops/attention.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const RngKey kKey{.seed = 21, .purpose = RngPurpose::kDropout, .step = 3, .index = 4};

/// Largest difference of two tensors of one shape; infinite where one is not a number.
double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<double> x = a.to_vector<double>();
  const std::vector<double> y = b.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(x[i] - y[i]);
    worst = std::isnan(d) ? kInf : std::max(worst, d);
  }
  return worst;
}

Tensor leaf(const Tensor& x, DType dtype = DType::kFloat64) {
  return contiguous(cast(x.detach(), dtype)).detach().set_requires_grad(true);
}

/// 1 where f(i, j), as a mask [rows, cols].
template <class F>
Tensor mask_of(int64_t rows, int64_t cols, const F& f) {
  std::vector<int64_t> bits;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) bits.push_back(f(i, j) ? 1 : 0);
  }
  return cast(Tensor::from(bits, {rows, cols}), DType::kBool);
}

/// Each of the heads of k or v as often as the query has heads for it.
Tensor repeated(const Tensor& x, int64_t heads) {
  if (x.dim(-3) == heads) return x;
  std::vector<Tensor> all;
  for (int64_t h = 0; h < heads; ++h) all.push_back(narrow(x, -3, h / (heads / x.dim(-3)), 1));
  return cat(all, -3);
}

Tensor weights_of(const Tensor& q, const Tensor& k, const AttentionOptions& o) {
  const double scale = o.scale.value_or(1 / std::sqrt(static_cast<double>(q.dim(-1))));
  Tensor scores = mul(matmul(q, transpose(repeated(k, q.dim(-3)), -2, -1)), scale);
  const Tensor hidden = full({}, -kInf, DType::kFloat64);
  const Tensor zero = full({}, 0, DType::kFloat64);
  if (o.causal) {
    scores =
        where(mask_of(q.dim(-2), k.dim(-2), [](int64_t i, int64_t j) { return j <= i; }), scores, hidden);
  }
  if (o.mask.defined()) {
    scores = o.mask.dtype() == DType::kBool ? where(o.mask, scores, hidden) : add(scores, o.mask);
  }
  const Tensor seen = gt(amax(scores.detach(), {-1}, kKeepDim), -kInf);
  const Tensor weights = where(seen, softmax(where(seen, scores, zero), -1), zero);
  return o.dropout > 0 ? dropout(contiguous(weights), o.dropout, o.key) : weights;
}
Tensor plain(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o) {
  return matmul(weights_of(q, k, o), repeated(v, q.dim(-3)));
}

struct Sizes {
  int64_t b, h, g, l, s, e, ev;
};

std::vector<Tensor> inputs_of(const Sizes& z) {
  return {values({z.b, z.h, z.l, z.e}, -2, 2, 300), values({z.b, z.g, z.s, z.e}, -2, 2, 301),
          values({z.b, z.g, z.s, z.ev}, -2, 2, 302)};
}

/// Values and gradients of q, k, v and an additive mask in float64 and float32.
void compare(const Sizes& z, const AttentionOptions& o) {
  INFO("L " << z.l << " S " << z.s << " heads " << z.h << " groups " << z.g << " width " << z.ev << " causal "
            << o.causal << " dropout " << o.dropout << " mask "
            << (o.mask.defined() ? spec_text(o.mask.spec()) : "none"));
  const bool added = o.mask.defined() && o.mask.dtype() != DType::kBool;
  std::vector<Tensor> results[3];
  for (const int way : {0, 1, 2}) {
    const DType dtype = way == 2 ? DType::kFloat32 : DType::kFloat64;
    std::vector<Tensor> in = inputs_of(z);
    if (added) in.push_back(o.mask);
    for (Tensor& t : in) t = leaf(t, dtype);
    AttentionOptions options = o;
    if (added) options.mask = in[3];
    const Tensor y = way == 0 ? plain(in[0], in[1], in[2], options)
                              : scaled_dot_product_attention(in[0], in[1], in[2], options);
    CHECK(y.dtype() == dtype);
    const Tensor g = cast(values(y.shape(), -1, 1, 303), dtype);
    results[way].push_back(y.detach());
    // Without the mask the backward kernel runs, with it the composition.
    const std::vector<Tensor> qkv(in.begin(), in.begin() + 3);
    for (const Tensor& t : grad({y}, qkv, {g}, true)) results[way].push_back(t);
    if (added) results[way].push_back(grad({y}, in, {g}, true)[3]);
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    INFO("result " << i);
    CHECK(distance(results[1][i], results[0][i]) <= 1e-10);
    CHECK(distance(results[2][i], results[0][i]) <= 2e-4);
  }
}

TEST_CASE("attention over any number of tiles, causal or not") {
  const int64_t lengths[][2] = {{1, 1},   {1, 200},   {200, 1},   {63, 65}, {64, 64},
                                {65, 63}, {128, 129}, {513, 200}, {70, 513}};
  for (const auto& [l, s] : lengths) {
    for (const bool causal : {false, true}) {
      AttentionOptions o;
      o.causal = causal;
      compare({2, 2, 2, l, s, 5, 3}, o);
    }
  }
  AttentionOptions scaled;
  scaled.scale = -0.3;
  compare({1, 3, 3, 65, 130, 70, 65}, scaled);
  scaled.scale = 0;
  compare({1, 1, 1, 65, 66, 4, 9}, scaled);
}

TEST_CASE("attention with boolean and additive masks, broadcast, with rows that see nothing") {
  const Sizes z{2, 3, 3, 130, 70, 4, 5};
  // Rows 5 and 64 to 129 of some heads see nothing; the others a few positions of each tile.
  const Tensor mask =
      mask_of(z.l, z.s, [](int64_t i, int64_t j) { return i != 5 && (i * 7 + j * 3) % 5 < 2; });
  const Tensor heads =
      cat({unsqueeze(mask, 0), unsqueeze(mask_of(z.l, z.s, [](int64_t i, int64_t) { return i < 64; }), 0),
           unsqueeze(mask_of(z.l, z.s, [](int64_t, int64_t j) { return j >= 64; }), 0)},
          0);
  const Tensor padding =
      reshape(mask_of(2, z.s, [](int64_t b, int64_t j) { return j < 30 * b; }), {2, 1, 1, z.s});
  const Tensor columns = transpose(values({z.s, z.l}, -2, 2, 304), 0, 1);
  const Tensor bias = values({3, 1, z.s}, -2, 2, 305);
  const Tensor cut = where(heads, full({}, 0, DType::kFloat64), full({}, -kInf, DType::kFloat64));
  for (const Tensor& m : {mask, heads, padding, columns, bias, cut}) {
    AttentionOptions o;
    o.mask = m;
    compare(z, o);
  }
  const std::vector<Tensor> in = inputs_of(z);
  AttentionOptions o;
  o.mask = mask;
  for (const double x :
       select(scaled_dot_product_attention(in[0], in[1], in[2], o), 2, 5).to_vector<double>())
    CHECK(x == 0);
}

TEST_CASE("attention with fewer heads of keys and values") {
  for (const int64_t groups : {1, 2, 6}) {
    AttentionOptions o;
    o.enable_gqa = true;
    o.causal = groups == 2;
    compare({2, 6, groups, 100, 67, 4, 7}, o);
  }
}

TEST_CASE("attention takes any leading dimensions and layouts") {
  const Tensor q = leaf(values({3, 1, 2, 66, 4}, -1, 1, 306));
  const Tensor k = leaf(values({5, 1, 4, 70}, -1, 1, 307));
  const Tensor v = leaf(values({70, 3}, -1, 1, 308));
  const Tensor y = scaled_dot_product_attention(q, transpose(k, -1, -2), v);
  REQUIRE(y.shape() == Shape{3, 5, 2, 66, 3});
  const Tensor scores = mul(matmul(q, k), 0.5);
  const Tensor expected = matmul(softmax(scores, -1), v);
  CHECK(distance(y, expected) <= 1e-12);
  const Tensor g = values(y.shape(), -1, 1, 309);
  const std::vector<Tensor> a = grad({y}, {q, k, v}, {g});
  const std::vector<Tensor> b = grad({expected}, {q, k, v}, {g});
  for (size_t i = 0; i < 3; ++i) CHECK(distance(a[i], b[i]) <= 1e-10);
}

TEST_CASE("attention drops the weights that dropout() with its key drops") {
  for (const double p : {0.1, 0.5, 1.0}) {
    AttentionOptions o;
    o.dropout = p;
    o.key = kKey;
    compare({2, 2, 2, 67, 131, 4, 3}, o);
    o.causal = true;
    o.enable_gqa = true;
    compare({1, 4, 2, 130, 65, 4, 3}, o);
  }
}

TEST_CASE("attention's dropout keeps the right share, by key alone, and its gradient belongs to it") {
  const int64_t n = 320;
  const Tensor q = values({1, 2, n, 4}, -1, 1, 310);
  const Tensor k = values({1, 2, n, 4}, -1, 1, 311);
  AttentionOptions o;
  o.dropout = 0.3;
  o.key = kKey;
  // Values that show the weights themselves.
  const Tensor weights = scaled_dot_product_attention(q, k, eye(n, n, DType::kFloat64), o);
  const double count = static_cast<double>(weights.numel());
  const double kept = sum(cast(ne(weights, 0.0), DType::kFloat64)).item() / count;
  CHECK(std::abs(kept - 0.7) < 5 * std::sqrt(0.3 * 0.7 / count));
  CHECK(sum(weights).item() / static_cast<double>(2 * n) == Approx(1).epsilon(0.01));
  const Tensor again = scaled_dot_product_attention(q, k, eye(n, n, DType::kFloat64), o);
  CHECK(weights.to_vector<double>() == again.to_vector<double>());
  AttentionOptions other = o;
  other.key.step += 1;
  const Tensor differs = scaled_dot_product_attention(q, k, eye(n, n, DType::kFloat64), other);
  const double both = sum(cast(eq(ne(weights, 0.0), ne(differs, 0.0)), DType::kFloat64)).item() / count;
  CHECK(std::abs(both - 0.58) < 0.01);

  const std::vector<Tensor> in{leaf(values({1, 2, 130, 4}, -1, 1, 312)),
                               leaf(values({1, 2, 70, 4}, -1, 1, 313)),
                               leaf(values({1, 2, 70, 3}, -1, 1, 314))};
  const Tensor g = values({1, 2, 130, 3}, -1, 1, 315);
  const auto loss = [&](double step, size_t moved) {
    std::vector<Tensor> at = in;
    at[moved] = add(in[moved].detach(), mul(values(in[moved].shape(), -1, 1, 316), step));
    return sum(mul(scaled_dot_product_attention(at[0], at[1], at[2], o), g)).item();
  };
  const std::vector<Tensor> slopes = grad({scaled_dot_product_attention(in[0], in[1], in[2], o)}, in, {g});
  for (size_t i = 0; i < 3; ++i) {
    const double slope = sum(mul(slopes[i], values(in[i].shape(), -1, 1, 316))).item();
    CHECK((loss(1e-5, i) - loss(-1e-5, i)) / 2e-5 == Approx(slope).epsilon(1e-6).margin(1e-8));
  }
}

TEST_CASE("attention gives the same bits with 1 and 2 threads") {
  const int before = threads();
  // With few heads the gradient is split by tiles, with many by heads.
  for (const int64_t heads : {1, 6}) {
    std::vector<float> results[2];
    for (const int count : {1, 2}) {
      set_threads(count);
      std::vector<Tensor> in = inputs_of({1, heads, heads, 150, 200, 8, 6});
      for (Tensor& t : in) t = leaf(t, DType::kFloat32);
      AttentionOptions o;
      o.dropout = 0.2;
      o.key = kKey;
      o.causal = true;
      const Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], o);
      std::vector<Tensor> all = grad({y}, in, {ones(y.shape())});
      all.push_back(y);
      for (const Tensor& t : all) {
        const std::vector<float> part = t.to_vector<float>();
        results[count - 1].insert(results[count - 1].end(), part.begin(), part.end());
      }
    }
    CHECK(results[0] == results[1]);
  }
  set_threads(before);
}

TEST_CASE("attention needs memory linear in the length, forward and backward") {
  const int64_t n = 4096;
  const size_t input = static_cast<size_t>(n) * 8 * sizeof(float);
  const Tensor padding = mask_of(1, n, [](int64_t, int64_t j) { return j % 3 != 0; });
  for (const int variant : {0, 1, 2}) {
    std::vector<Tensor> in;
    for (const uint32_t stream : {320U, 321U, 322U}) {
      in.push_back(leaf(values({1, 1, n, 8}, -1, 1, stream), DType::kFloat32));
    }
    AttentionOptions o;
    o.causal = variant == 1;
    if (variant == 1) o.dropout = 0.1;
    if (variant == 2) o.mask = padding;
    reset_cpu_allocator_peak();
    const size_t before = cpu_allocator_stats().live_bytes;
    const Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], o);
    const std::vector<Tensor> g = grad({y}, in, {ones(y.shape())});
    CHECK(cpu_allocator_stats().peak_bytes - before <= 20 * input);  // L x S floats are 512 times an input
    CHECK(std::isfinite(sum(g[0]).item()));
  }
}

TEST_CASE("NaN stays in its row of attention, hidden positions do not count, empty sizes work") {
  Tensor q = values({1, 1, 70, 2}, -1, 1, 330);
  Tensor k = values({1, 1, 70, 2}, -1, 1, 331);
  const Tensor v = values({1, 1, 70, 2}, -1, 1, 332);
  q.data<double>()[2 * 66] = std::nan("");
  k.data<double>()[2 * 3] = std::nan("");
  AttentionOptions o;
  o.mask = mask_of(1, 70, [](int64_t, int64_t j) { return j != 3; });
  const std::vector<double> y = scaled_dot_product_attention(q, k, v, o).to_vector<double>();
  for (size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i / 2 == 66));
  for (const double x : scaled_dot_product_attention(q, zeros({1, 1, 0, 2}, DType::kFloat64),
                                                     zeros({1, 1, 0, 3}, DType::kFloat64))
                            .to_vector<double>())
    CHECK(x == 0);
  CHECK(scaled_dot_product_attention(zeros({0, 4}), zeros({5, 4}), zeros({5, 3})).shape() == Shape{0, 3});
}

TEST_CASE("attention's errors say what was expected") {
  const Tensor q = values({2, 3, 4});
  const auto fails = [&](const Tensor& k, const Tensor& v, const AttentionOptions& o, const char* text) {
    CHECK_THROWS_WITH(scaled_dot_product_attention(q, k, v, o), Catch::Contains(text));
  };
  AttentionOptions o;
  fails(values({2, 5, 3}), values({2, 5, 4}), o, "expects query [B, H, L, E]");
  fails(values({2, 5, 4}), values({2, 6, 4}), o, "expects query [B, H, L, E]");
  fails(values({3, 5, 4}), values({3, 5, 4}), o, "broadcast");
  fails(values({4}), values({2, 5, 4}), o, "at least 2 dimensions");
  fails(cast(q, DType::kFloat32), cast(q, DType::kFloat32), o, "float");
  o.enable_gqa = true;
  fails(values({3, 5, 4}), values({3, 5, 4}), o, "multiple");
  o = {};
  o.mask = mask_of(3, 4, [](int64_t, int64_t) { return true; });
  fails(q, q, o, "expand");
  o.mask = cast(values({3, 3}), DType::kInt64);
  fails(q, q, o, "float64");
  o.causal = true;
  fails(q, q, o, "a mask or causal, not both");
  o = {};
  for (const double p : {-0.1, 1.1, std::nan("")}) {
    o.dropout = p;
    fails(q, q, o, "probability from 0 to 1");
  }
}

}  // namespace
}  // namespace dlb::testing
