#pragma once
/// \file The operators behind sparse.h, for backends. Indices are int64.

#include "dlb/ops/op.h"

namespace dlb {

struct CsrAttrs {
  int64_t cols = 0;
  static Fields fields();
};
struct CooAttrs {
  int64_t rows = 0;
  int64_t cols = 0;
  static Fields fields();
};

namespace op {
/// (crow [n + 1], col [e], values [e], dense [m, k]) -> [n, k].
const OpDef& spmm();
/// (crow, col, a [n, k], b [m, k]) -> [e]: products of the rows of a and b that the entries join.
const OpDef& sampled_dot();
/// (crow, col) -> those of the transposed matrix, and the entry that each of its entries was.
const OpDef& csr_transpose();
/// (row [e], col [e]) -> (crow [rows + 1], col [e], the entry that each was), sorted, stable.
const OpDef& coo_to_csr();
}  // namespace op

}  // namespace dlb
