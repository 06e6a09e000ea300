#include "samples.h"

#include "dlb/tensor/random.h"

namespace dlb::testing {

const SampleTable& all_samples() {
  static const SampleTable samples = [] {
    SampleTable t;
    add_create_samples(t);
    add_unary_samples(t);
    add_binary_samples(t);
    add_activation_samples(t);
    add_special_samples(t);
    add_reduce_samples(t);
    add_order_samples(t);
    add_shape_samples(t);
    add_index_samples(t);
    add_network_samples(t);
    add_spatial_samples(t);
    add_fft_samples(t);
    add_sequence_samples(t);
    add_move_samples(t);
    add_linalg_samples(t);
    return t;
  }();
  return samples;
}

Tensor values(Shape shape, double low, double high, uint32_t stream) {
  RandomStream random({.seed = 20, .purpose = RngPurpose::kUser, .step = 0, .index = stream});
  std::vector<double> v(static_cast<size_t>(numel(shape)));
  for (double& x : v) x = low + (high - low) * random.uniform_double();
  return Tensor::from(v, std::move(shape));
}

TensorFunction on_one(const std::function<Tensor(const Tensor&)>& f) {
  return [f](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0])}; };
}
TensorFunction on_two(const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  return [f](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0], in[1])}; };
}

void add_unary(SampleTable& table, const std::string& name, const std::function<Tensor(const Tensor&)>& f,
               Range range, const Sample& base) {
  std::vector<Sample>& list = table[name];
  const auto add = [&](Tensor x, bool large) {
    Sample s = base;
    s.inputs = {std::move(x)};
    s.call = on_one(f);
    s.large = large;
    list.push_back(std::move(s));
  };
  add(values({2, 3, 5}, range.low, range.high), false);
  add(values({}, range.low, range.high, 1), false);
  add(values({3, 0}), false);
  add(values({37}, range.low, range.high, 2), false);
  add(values({300, 333}, range.low, range.high, 3), true);
}

void add_binary(SampleTable& table, const std::string& name,
                const std::function<Tensor(const Tensor&, const Tensor&)>& f, Range a, Range b,
                const Sample& base) {
  std::vector<Sample>& list = table[name];
  const auto add = [&](const Shape& x, const Shape& y, bool large) {
    Sample s = base;
    s.inputs = {values(x, a.low, a.high, 4), values(y, b.low, b.high, 5)};
    s.call = on_two(f);
    s.large = large;
    list.push_back(std::move(s));
  };
  add({2, 3, 4}, {2, 3, 4}, false);
  add({3, 1, 2}, {4, 1}, false);
  add({5}, {}, false);
  add({}, {}, false);
  add({2, 0}, {1}, false);
  add({300, 333}, {300, 333}, true);
  add({300, 333}, {333}, true);
}

}  // namespace dlb::testing
