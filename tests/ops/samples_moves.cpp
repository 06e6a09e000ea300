// Samples of what only moves elements and PyTorch's own samples do not name.
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/shape_ops.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using One = std::function<Tensor(const Tensor&)>;

Sample sample(const Shape& shape, const One& f, bool large = false) {
  Sample s;
  s.inputs = {values(shape, -2, 2, static_cast<uint32_t>(shape.size()))};
  s.call = on_one(f);
  s.large = large;
  return s;
}
Sample pair(const Shape& a, const Shape& b, const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  Sample s;
  s.inputs = {values(a, -2, 2, 21), values(b, -2, 2, 22)};
  s.call = on_two(f);
  return s;
}
Sample created(const std::function<Tensor()>& f) {
  Sample s;
  s.call = [f](const std::vector<Tensor>&) { return std::vector<Tensor>{f()}; };
  s.gradient = false;
  return s;
}
Sample listed(const Shape& shape, const std::function<std::vector<Tensor>(const Tensor&)>& f) {
  Sample s;
  s.inputs = {values(shape, -2, 2, 23)};
  s.call = [f](const std::vector<Tensor>& in) { return f(in[0]); };
  return s;
}

Tensor ints(std::vector<int64_t> v, Shape shape) { return Tensor::from(v, std::move(shape)); }

}  // namespace

void add_move_samples(SampleTable& t) {
  const auto as_other = [](const Tensor& x, const Tensor& other) { return reshape(x, other.shape()); };
  t["view_as"] = {pair({2, 6}, {3, 4}, as_other), pair({0, 3}, {3, 0}, as_other)};
  t["swapaxes"] = {sample({2, 3, 4}, [](const Tensor& x) { return transpose(x, 0, -1); }),
                   sample({}, [](const Tensor& x) { return transpose(x, 0, 0); })};
  const auto as_large = [](const Tensor& x, const Tensor& other) { return expand(x, other.shape()); };
  t["expand_as"] = {pair({3, 1}, {2, 3, 4}, as_large), pair({}, {0, 2}, as_large)};
  for (const int rank : {2, 3}) {
    const auto f = [rank](const Tensor& x) { return atleast_nd(x, rank); };
    t[rank == 2 ? "atleast_2d" : "atleast_3d"] = {sample({}, f), sample({3}, f), sample({2, 3}, f),
                                                  sample({1, 0, 2}, f)};
  }
  t["split_with_sizes"] = {listed({2, 5},
                                  [](const Tensor& x) {
                                    return split_sizes(x, {1, 0, 4}, 1);
                                  }),
                           listed({0, 2}, [](const Tensor& x) { return split_sizes(x, {0}, 0); })};
  // Positions in memory: the gradient is that of whatever the layout makes of them, values are compared in
  // row-major order only.
  const auto row_major_strided = [](const Shape& size, const Strides& stride, int64_t offset) -> One {
    return [=](const Tensor& x) {
      const Tensor rows = contiguous(x);
      return as_strided(rows, size, stride, rows.is_meta() ? offset : rows.offset() + offset);
    };
  };
  t["as_strided"] = {sample({4, 5}, row_major_strided({2, 3}, {7, 2}, 1)),
                     sample({10}, row_major_strided({4, 3}, {2, 1}, 0)),
                     sample({3, 2}, row_major_strided({}, {}, 5)),
                     sample({2, 3}, row_major_strided({0, 2}, {1, 1}, 0)),
                     sample({300, 333}, row_major_strided({298, 333, 3}, {333, 1, 333}, 0), true)};
  t["diagflat"] = {sample({2, 2}, [](const Tensor& x) { return diag_embed(flatten(x), 1); }),
                   sample({0}, [](const Tensor& x) { return diag_embed(x, -1); })};
  t["select_scatter"] = {
      pair({2, 3}, {2}, [](const Tensor& x, const Tensor& s) { return select_scatter(x, s, 1, -2); }),
      pair({2, 0}, {0}, [](const Tensor& x, const Tensor& s) { return select_scatter(x, s, 0, 1); })};
  t["slice_scatter"].push_back(pair(
      {2, 7}, {2, 3}, [](const Tensor& x, const Tensor& s) { return slice_scatter(x, s, 1, 1, -1, 2); }));
  t["diagonal_scatter"] = {
      pair({3, 4}, {3}, [](const Tensor& x, const Tensor& s) { return diagonal_scatter(x, s, 1); }),
      pair({3, 2, 4}, {2, 2},
           [](const Tensor& x, const Tensor& s) { return diagonal_scatter(x, s, -1, 0, 2); }),
      pair({2, 2}, {0}, [](const Tensor& x, const Tensor& s) { return diagonal_scatter(x, s, 5); })};
  const Tensor i = ints({1, -1, 0}, {3});
  const Tensor j = ints({0, 3}, {2, 1});
  t["index"] = {sample({2, 3, 4},
                       [=](const Tensor& x) {
                         return index(x, {std::nullopt, i, j});
                       }),
                sample({3, 2, 4},
                       [=](const Tensor& x) {
                         return index(x, {i, std::nullopt, j});
                       }),
                sample({3, 2},
                       [](const Tensor& x) {
                         return index(x, {Tensor::from(std::vector<bool>{true, false, true}, {3})});
                       }),
                sample({3, 2}, [](const Tensor& x) { return index(x, {ints({}, {0})}); })};
  Sample found = sample({3, 4}, [](const Tensor& x) { return nonzero(x); });
  found.gradient = false;
  found.compare_16_bit = false;
  t["argwhere"] = {found};
  t["zeros_like"] = {created([] { return zeros_like(Tensor::empty({2, 3})); })};
  t["ones_like"] = {created([] { return ones_like(Tensor::empty({0, 3})); })};
  t["full_like"] = {created([] { return full_like(Tensor::empty(Shape{}), 4); })};
  t["logspace"] = {created([] { return logspace(-1, 2, 7); }), created([] { return logspace(0, 3, 0, 2); })};
  t["tril_indices"] = {created([] { return tril_indices(3, 4, 1); }),
                       created([] { return tril_indices(0, 4); })};
  t["triu_indices"] = {created([] { return triu_indices(3, 4, -1); }),
                       created([] { return triu_indices(2, 0); })};
  t["vander"] = {sample({4}, [](const Tensor& x) { return vander(x, 3); }),
                 sample({3}, [](const Tensor& x) { return vander(x, -1, true); }),
                 sample({0}, [](const Tensor& x) { return vander(x, 2); })};
  t["vander"][1].tolerance = 2;
}

}  // namespace dlb::testing
