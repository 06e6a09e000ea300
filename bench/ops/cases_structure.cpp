#include <memory>

#include "dlb/ops/index.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/optim/optimizers.h"
#include "ops/cases.h"

namespace dlb::bench {
namespace {

constexpr bool kBackward = true;
const std::vector<Sizes> kSquares = {{32, 32}, {512, 512}, {4096, 2048}};

/// Rows of a table [entries, width] at [count] places.
Case embedding_case(const Sizes& s) {
  const Tensor table = leaf({s[0], s[1]});
  const Tensor at = indices({s[2]}, s[0]);
  return {[=] { return index_select(table, 0, at); }, {table}};
}

Case gather_case(const Sizes& s) {
  const Tensor x = leaf({s[0], s[1]});
  const Tensor at = indices({s[0], s[1]}, s[1]);
  return {[=] { return gather(x, 1, at); }, {x}};
}

Case cat_case(const Sizes& s) {
  const Tensor a = leaf({s[0], s[1]});
  const Tensor b = leaf({s[0], s[1]});
  return {[=] { return cat({a, b}, 1); }, {a, b}};
}

Case transpose_case(const Sizes& s) {
  const Tensor x = random({s[0], s[1]});
  return {[=] { return contiguous(transpose(x, 0, 1)); }};
}

/// Heads moved before positions: [batch, positions, heads, width] -> [batch, heads, positions, width].
Case heads_case(const Sizes& s) {
  const Tensor x = random({s[0], s[1], s[2], s[3]});
  return {[=] { return contiguous(permute(x, {0, 2, 1, 3})); }};
}

/// One update of `s[0]` parameters of `s[1]` elements.
Case adam_case(const Sizes& s) {
  auto adam = std::make_shared<optim::Adam>();
  std::vector<optim::Param> params;
  for (int64_t i = 0; i < s[0]; ++i) {
    params.push_back({std::to_string(i), leaf({s[1]})});
    params.back().value.set_grad(random({s[1]}));
  }
  adam->attach(params);
  return {[=] {
    adam->step(1e-3, 1.0);
    return params[0].value;
  }};
}

}  // namespace

void add_structure_cases() {
  add_cases({
      {"embedding", embedding_case, {{100, 32, 64}, {10000, 128, 2048}, {100000, 256, 32768}}, kBackward},
      {"gather", gather_case, kSquares},
      {"cat", cat_case, kSquares},
      {"transpose", transpose_case, kSquares},
      {"heads", heads_case, {{2, 16, 2, 16}, {8, 128, 8, 64}, {16, 512, 16, 64}}},
      {"adam", adam_case, {{4, 1024}, {16, 65536}, {16, 1048576}}},
  });
}

}  // namespace dlb::bench
