// Outputs that are larger than the caches are written in another way: every operator that does so gives the
// same bits for a large tensor as for its rows in small parts.
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/loss.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::testing {
namespace {

constexpr int64_t kRows = 5600;
constexpr int64_t kPart = 1400;

RngKey key(uint32_t index) { return {3, RngPurpose::kUser, 0, index}; }

bool same_bytes(const Tensor& a, const Tensor& b) {
  const Tensor x = contiguous(a);
  const Tensor y = contiguous(b);
  return x.shape() == y.shape() && std::memcmp(x.raw(), y.raw(), static_cast<size_t>(x.spec().bytes())) == 0;
}

using Rowwise = std::function<Tensor(const Tensor&)>;

void check_by_parts(const char* name, const Rowwise& f, const Tensor& x) {
  INFO(name << " of " << shape_text(x.shape()));
  const NoGrad guard;
  const Tensor whole = f(x);
  for (int64_t first = 0; first < x.dim(0); first += kPart) {
    const Tensor part = f(contiguous(narrow(x, 0, first, kPart)));
    if (!same_bytes(narrow(whole, 0, first, kPart), part)) FAIL_CHECK("rows from " << first << " differ");
  }
}

/// The gradient of f at x for outputs' gradients that do not depend on the rows.
Rowwise gradient_of(const Rowwise& f) {
  return [f](const Tensor& x) {
    const GradMode on(true);
    const Tensor leaf = x.detach().set_requires_grad(true);
    const Tensor y = f(leaf);
    return grad({y}, {leaf}, {y.rank() == 0 ? ones_like(y) : sin(y.detach())})[0].detach();
  };
}

TEST_CASE("large outputs have the bits of small ones") {
  // Rows of whole cache lines and rows that begin anywhere.
  for (const int64_t columns : {int64_t{1024}, int64_t{1003}}) {
    const Tensor x = normal({kRows, columns}, 0, 2, key(1));
    const Tensor row = normal({columns}, 0, 1, key(2));
    const Rowwise scaled = [&](const Tensor& t) { return layer_norm(t, 1, row, row); };
    check_by_parts("relu", relu, x);
    check_by_parts(
        "gelu", [](const Tensor& t) { return gelu(t); }, x);
    check_by_parts(
        "add to rows", [&](const Tensor& t) { return add(t, row); }, x);
    check_by_parts(
        "mul", [](const Tensor& t) { return mul(t, t); }, x);
    check_by_parts(
        "float64", [](const Tensor& t) { return cast(t, DType::kFloat64); }, x);
    check_by_parts(
        "comparison", [](const Tensor& t) { return gt(t, 0.5); }, x);
    check_by_parts(
        "softmax", [](const Tensor& t) { return softmax(t, -1); }, x);
    check_by_parts(
        "log_softmax", [](const Tensor& t) { return log_softmax(t, -1); }, x);
    check_by_parts("layer_norm", scaled, x);
    check_by_parts("softmax's gradient", gradient_of([](const Tensor& t) { return softmax(t, -1); }), x);
    check_by_parts("log_softmax's gradient", gradient_of([](const Tensor& t) { return log_softmax(t, -1); }),
                   x);
    check_by_parts("layer_norm's gradient", gradient_of(scaled), x);
  }
}

TEST_CASE("large losses, moves and masks have the bits of small ones") {
  const int64_t columns = 1003;
  const Tensor x = normal({kRows, columns}, 0, 2, key(1));
  const Tensor target = cast(uniform({kRows}, 0, columns, key(3)), DType::kInt64);
  const Rowwise entropy = [&](const Tensor& t) {
    return cross_entropy(t, narrow(target, 0, 0, t.dim(0))).sum;
  };
  const Tensor repeated = cat(
      {narrow(x, 0, 0, kPart), narrow(x, 0, 0, kPart), narrow(x, 0, 0, kPart), narrow(x, 0, 0, kPart)}, 0);
  const Tensor part = gradient_of(entropy)(contiguous(narrow(x, 0, 0, kPart)));
  const Tensor first = gradient_of(entropy)(repeated);
  CHECK(same_bytes(narrow(first, 0, 0, kPart), part));

  const Tensor order = cast(uniform({kRows}, 0, kRows, key(4)), DType::kInt64);
  const Tensor taken = index_select(x, 0, order);
  CHECK(same_bytes(narrow(taken, 0, kPart, kPart), index_select(x, 0, narrow(order, 0, kPart, kPart))));
  const Tensor at = cast(uniform({kRows, columns}, 0, columns, key(5)), DType::kInt64);
  const Tensor gathered = gather(x, 1, at);
  CHECK(same_bytes(narrow(gathered, 0, kPart, kPart), gather(contiguous(narrow(x, 0, kPart, kPart)), 1,
                                                             contiguous(narrow(at, 0, kPart, kPart)))));

  // Element i of a mask depends on i alone.
  const Tensor kept = dropout(x, 0.3, key(6));
  CHECK(same_bytes(narrow(kept, 0, 0, kPart), dropout(contiguous(narrow(x, 0, 0, kPart)), 0.3, key(6))));

  const Tensor heads = normal({10, 32, 256, 64}, 0, 1, key(7));
  const Tensor moved = contiguous(transpose(heads, 1, 2));
  CHECK(same_bytes(select(moved, 0, 7), contiguous(transpose(select(heads, 0, 7), 0, 1))));
}

}  // namespace
}  // namespace dlb::testing
