#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using One = std::function<Tensor(const Tensor&)>;

Sample sample(const Shape& shape, const One& f, Sample base = {}) {
  base.inputs = {values(shape, -2, 2, static_cast<uint32_t>(shape.size()))};
  base.call = [f](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0])}; };
  return base;
}
Sample created(const std::function<Tensor()>& f) {
  return {.inputs = {},
          .call = [f](const std::vector<Tensor>&) { return std::vector<Tensor>{f()}; },
          .gradient = false};
}

/// All, last, first, middle, several and kept dimensions; 0-d; empty.
void add_reduction(SampleTable& table, const char* name, Tensor (*f)(const Tensor&, Dims, bool),
                   bool of_nothing, const Sample& base = {}) {
  std::vector<Sample>& list = table[name];
  const auto add = [&](const Shape& shape, const Dims& dims, bool keep) {
    list.push_back(sample(
        shape, [=](const Tensor& x) { return f(x, dims, keep); }, base));
  };
  add({2, 3, 4}, {}, false);
  add({2, 3, 4}, {-1}, false);
  add({2, 3, 4}, {0}, true);
  add({2, 3, 4, 2}, {1, 2}, false);
  add({3, 2, 3, 3}, {0, 2, 3}, true);
  add({}, {}, false);
  add({7}, {0}, false);
  add({0, 3}, {1}, false);
  if (of_nothing) add({0, 3}, {0}, false);
  Sample big = base;
  big.large = true;
  for (const auto& [shape, dims] : std::vector<std::pair<Shape, Dims>>{{{300, 333}, {}},
                                                                       {{300, 333}, {0}},
                                                                       {{300, 333}, {1}},
                                                                       {{40, 50, 60}, {0, 2}},
                                                                       {{2, 100000}, {1}},
                                                                       {{70000, 3}, {1}}}) {
    list.push_back(sample(
        shape, [f, d = dims](const Tensor& x) { return f(x, d, false); }, big));
  }
}

Tensor index_of(std::vector<int64_t> values, Shape shape) { return Tensor::from(values, std::move(shape)); }

}  // namespace

void add_create_samples(SampleTable& t) {
  const RngKey key{.seed = 3, .purpose = RngPurpose::kUser, .step = 1, .index = 2};
  t["full"] = {created([] {
                 return full({2, 3}, 1.5);
               }),
               created([] { return full({0}, 1); }), created([] { return full({}, 7, DType::kInt64); }),
               created([] {
                 return full({400, 400}, 2, DType::kFloat16);
               })};
  t["arange"] = {created([] { return arange(2, 9, 3); }), created([] { return arange(5, 5); }),
                 created([] { return arange(1, 0, -0.25, DType::kFloat64); })};
  t["eye"] = {created([] { return eye(3); }), created([] { return eye(0); })};
  t["uniform"] = {created([=] {
                    return uniform({5, 5}, -1, 2, key);
                  }),
                  created([=] {
                    return uniform({0, 4}, 0, 1, key);
                  }),
                  created([=] { return uniform({200000}, 0, 1, key); })};
  t["normal"] = {created([=] {
                   return normal({5, 5}, 1, 2, key);
                 }),
                 created([=] { return normal({0}, 0, 1, key); }),
                 created([=] { return normal({200000}, 0, 1, key); })};
  t["bernoulli"] = {created([=] {
                      return bernoulli({5, 5}, 0.3, key);
                    }),
                    created([=] { return bernoulli({0}, 0.5, key); }),
                    created([=] { return bernoulli({200000}, 0.5, key); })};
}

void add_reduce_samples(SampleTable& t) {
  const std::vector<DType> integers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};
  add_reduction(t, "sum", sum, true, {.tolerance = 8});
  add_reduction(t, "mean", mean, false, {.rejects = integers});
  add_reduction(t, "norm", norm, false, {.rejects = integers});
  t["norm"].erase(t["norm"].begin() + 5);  // of a 0-d tensor it is |x|: second order is 0 / 0-like noise
  add_reduction(t, "amax", amax, false);
  add_reduction(t, "amin", amin, false);
  add_reduction(t, "any", any, true, {.gradient = false});
  add_reduction(t, "all", all, true, {.gradient = false});
  for (const bool largest : {true, false}) {
    const auto f = [=](int64_t dim, bool keep) -> One {
      return [=](const Tensor& x) { return largest ? argmax(x, dim, keep) : argmin(x, dim, keep); };
    };
    const Sample base{.gradient = false};
    Sample big = base;
    big.large = true;
    t[largest ? "argmax" : "argmin"] = {
        sample({2, 3, 4}, f(-1, false), base), sample({2, 3, 4}, f(1, true), base),
        sample({5}, f(0, false), base),        sample({}, f(0, false), base),
        sample({0, 3}, f(1, false), base),     sample({300, 333}, f(0, false), big)};
  }
}

void add_shape_samples(SampleTable& t) {
  const Sample big{.large = true};
  t["reshape"] = {sample({2, 3, 4},
                         [](const Tensor& x) {
                           return reshape(x, {4, -1});
                         }),
                  sample({2, 3, 4},
                         [](const Tensor& x) {
                           return reshape(transpose(x, 0, 2), {6, 4});
                         }),
                  sample({0, 3},
                         [](const Tensor& x) {
                           return reshape(x, {3, 0});
                         }),
                  sample({},
                         [](const Tensor& x) {
                           return reshape(x, {1, 1});
                         }),
                  sample({2, 3, 1}, [](const Tensor& x) { return unsqueeze(squeeze(x, 2), 0); }),
                  sample({2, 3, 4, 5}, [](const Tensor& x) { return flatten(x, 1, 2); }),
                  sample(
                      {20, 16, 15, 15},
                      [](const Tensor& x) { return flatten(contiguous(x, Layout::kChannelsLast), 1); }, big)};
  t["permute"] = {sample({2, 3, 4},
                         [](const Tensor& x) {
                           return permute(x, {2, 0, -2});
                         }),
                  sample({0, 2}, [](const Tensor& x) { return transpose(x, 0, 1); })};
  t["expand"] = {sample({3, 1},
                        [](const Tensor& x) {
                          return expand(x, {2, -1, 4});
                        }),
                 sample({}, [](const Tensor& x) { return expand(x, {3}); }),
                 sample({1, 2},
                        [](const Tensor& x) {
                          return expand(x, {0, 2});
                        }),
                 sample(
                     {1, 300},
                     [](const Tensor& x) {
                       return expand(x, {400, 300});
                     },
                     big)};
  t["slice"] = {sample({5, 4}, [](const Tensor& x) { return slice(x, 0, 1, 5, 2); }),
                sample({5, 4}, [](const Tensor& x) { return slice(x, -1, -3, 100); }),
                sample({5}, [](const Tensor& x) { return slice(x, 0, 3, 3); }),
                sample({3, 4}, [](const Tensor& x) { return select(x, 0, -1); }),
                sample({3, 4}, [](const Tensor& x) { return split(x, 3, 1)[1]; }),
                sample(
                    {300, 333}, [](const Tensor& x) { return narrow(x, 1, 3, 300); }, big)};
  t["contiguous"] = {
      sample({3, 4}, [](const Tensor& x) { return contiguous(transpose(x, 0, 1)); }, {.gradient = true}),
      sample({2, 3, 2, 2}, [](const Tensor& x) { return contiguous(contiguous(x, Layout::kChannelsLast)); }),
      sample({2, 0, 3},
             [](const Tensor& x) {
               return contiguous(permute(x, {2, 0, 1}));
             }),
      sample(
          {300, 333}, [](const Tensor& x) { return contiguous(transpose(x, 0, 1)); }, big),
      sample(
          {7, 130, 11, 13}, [](const Tensor& x) { return contiguous(x, Layout::kChannelsLast); }, big)};
  const auto joined = [](const Shape& a, const Shape& b, int64_t dim, bool large) {
    return Sample{.inputs = {values(a, -2, 2, 11), values(b, -2, 2, 12)},
                  .call =
                      [dim](const std::vector<Tensor>& in) {
                        return std::vector<Tensor>{cat({in[0], in[1], in[0]}, dim)};
                      },
                  .large = large};
  };
  t["cat"] = {joined({2, 3}, {2, 1}, 1, false),
              joined({2, 3}, {4, 3}, 0, false),
              joined({2, 0}, {2, 3}, -1, false),
              joined({2, 2, 2, 2}, {2, 3, 2, 2}, 1, false),
              joined({300, 200}, {300, 333}, 1, true),
              sample({2, 3}, [](const Tensor& x) { return stack({x, x}, 1); })};
  t["pad"] = {sample({2, 3},
                     [](const Tensor& x) {
                       return pad(x, {1, 2});
                     }),
              sample({2, 3},
                     [](const Tensor& x) {
                       return pad(x, {-1, 2, 1, -1}, 2.5);
                     }),
              sample({2, 3, 2, 2},
                     [](const Tensor& x) {
                       return pad(contiguous(x, Layout::kChannelsLast), {1, 1, 1, 1});
                     }),
              sample({0, 3},
                     [](const Tensor& x) {
                       return pad(x, {0, 0, 1, 1});
                     }),
              sample(
                  {300, 333},
                  [](const Tensor& x) {
                    return pad(x, {3, 3, 3, 3});
                  },
                  big)};
  t["flip"] = {sample({2, 3, 2},
                      [](const Tensor& x) {
                        return flip(x, {0, -1});
                      }),
               sample({}, [](const Tensor& x) { return flip(x, {0}); }),
               sample({0, 3}, [](const Tensor& x) { return flip(x, {1}); }),
               sample(
                   {300, 333}, [](const Tensor& x) { return flip(x, {1}); }, big)};
  t["slice_scatter"] = {sample({2, 3},
                               [](const Tensor& g) {
                                 return slice_scatter(g, {5, 3}, 0, 1, 2);
                               }),
                        sample({2, 3},
                               [](const Tensor& g) {
                                 return slice_scatter(g, {2, 9}, -1, 0, 3);
                               }),
                        sample({2, 0},
                               [](const Tensor& g) {
                                 return slice_scatter(g, {2, 4}, 1, 2, 1);
                               }),
                        sample(
                            {300, 300},
                            [](const Tensor& g) {
                              return slice_scatter(g, {300, 333}, 1, 3, 1);
                            },
                            big)};
}

void add_index_samples(SampleTable& t) {
  const auto picked = [](const Shape& x, const Tensor& index, int64_t dim,
                         Tensor (*f)(const Tensor&, int64_t, const Tensor&), bool large = false) {
    return Sample{
        .inputs = {values(x, -2, 2, 13), index},
        .call = [=](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0], dim, in[1])}; },
        .large = large};
  };
  const auto added = [](const Shape& x, const Tensor& index, const Shape& src, int64_t dim,
                        Tensor (*f)(const Tensor&, int64_t, const Tensor&, const Tensor&),
                        bool large = false) {
    return Sample{
        .inputs = {values(x, -2, 2, 14), values(src, -2, 2, 15), index},
        .call =
            [=](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0], dim, in[2], in[1])}; },
        .rejects = {DType::kBool},
        .tolerance = 2,
        .large = large};
  };
  std::vector<int64_t> many;
  for (int64_t i = 0; i < 1000; ++i) many.push_back(i * 37 % 300);
  const Tensor rows = index_of(many, {1000});

  t["gather"] = {picked({3, 4}, index_of({0, 2, 2, 1, 1, 0}, {3, 2}), 1, gather),
                 picked({3, 4}, index_of({0, 2, 2, 1}, {1, 4}), 0, gather),
                 picked({3, 4}, index_of({}, {0, 4}), 0, gather),
                 picked({300, 100}, expand(reshape(rows, {1000, 1}), {1000, 100}), 0, gather, true)};
  t["scatter_add"] = {
      added({3, 4}, index_of({0, 2, 2, 1, 1, 1}, {3, 2}), {3, 2}, 1, scatter_add),
      added({3, 4}, index_of({}, {0, 4}), {0, 4}, 0, scatter_add),
      added({300, 100}, expand(reshape(rows, {1000, 1}), {1000, 100}), {1000, 100}, 0, scatter_add, true)};
  t["index_select"] = {picked({3, 4}, index_of({2, 0, 2}, {3}), 0, index_select),
                       picked({2, 3, 4}, index_of({1, 1, 0, 2}, {4}), 1, index_select),
                       picked({3, 4}, index_of({}, {0}), 0, index_select),
                       picked({300, 100}, rows, 0, index_select, true)};
  const auto add_rows = [](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
    return index_add(x, dim, index, src);
  };
  t["index_add"] = {added({3, 4}, index_of({2, 0, 2}, {3}), {3, 4}, 0, add_rows),
                    added({2, 3, 4}, index_of({1, 1, 0, 2}, {4}), {2, 4, 4}, 1, add_rows),
                    added({3, 4}, index_of({}, {0}), {0, 4}, 0, add_rows),
                    added({300, 100}, rows, {1000, 100}, 0, add_rows, true)};
  const auto hot = [](const Tensor& index) {
    return Sample{
        .inputs = {index},
        .call = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{one_hot(in[0], 4)}; },
        .gradient = false};
  };
  t["one_hot"] = {hot(index_of({1, 3, 0, 2, 2, 1}, {2, 3})), hot(index_of({}, {0})), hot(index_of({3}, {}))};
}

}  // namespace dlb::testing
