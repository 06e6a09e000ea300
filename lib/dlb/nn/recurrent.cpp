#include "dlb/nn/recurrent.h"

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/create.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

std::vector<Field> sequence_fields() {
  using T = RecurrentBase;
  return {
      required<&T::size>("size", "features of the state", positive()),
      field<&T::layers>("layers", "layers on top of each other", between(1, 4096)),
      field<&T::bidirectional>("bidirectional", "run backwards as well: the output has both side by side"),
      field<&T::dropout>("dropout", "probability of zeroing an output of all layers but the last",
                         between(0, 1)),
      field<&T::bias>("bias", "add biases"),
  };
}

std::vector<Field> cell_fields() {
  return {required<&CellBase::size>("size", "features of the state", positive()),
          field<&CellBase::bias>("bias", "add biases")};
}

constexpr std::string_view kXHLengths[] = {"x", "h", "lengths"};
constexpr std::string_view kXHCLengths[] = {"x", "h", "c", "lengths"};
constexpr std::string_view kXHC[] = {"x", "h", "c"};

RecurrentWeights declare_weights(Build& b, const std::string& suffix, int64_t gates, int64_t in, int64_t size,
                                 int64_t proj, bool bias) {
  int64_t rows = 0;
  if (__builtin_mul_overflow(gates, size, &rows))
    fail(ErrorKind::kConfig, "a state of {} is too large", size);
  const Init init = uniform_fan(size);
  RecurrentWeights w;
  w.w_ih = b.parameter("weight_ih" + suffix, {rows, in}, init);
  w.w_hh = b.parameter("weight_hh" + suffix, {rows, proj > 0 ? proj : size}, init);
  if (bias) {
    w.b_ih = b.parameter("bias_ih" + suffix, {rows}, init);
    w.b_hh = b.parameter("bias_hh" + suffix, {rows}, init);
  }
  if (proj > 0) w.w_hr = b.parameter("weight_hr" + suffix, {proj, size}, init);
  return w;
}

Outputs result(RecurrentResult r) {
  Outputs out;
  out.push_back(std::move(r.output));
  out.push_back(std::move(r.h));
  if (r.c.defined()) out.push_back(std::move(r.c));
  return out;
}

}  // namespace

Tensor RecurrentBase::unsqueeze_first(const Tensor& s) { return unsqueeze(s, 0); }

void RecurrentBase::declare(Build& b, std::string_view layer, int64_t gates, int64_t proj, size_t states) {
  const TensorSpec& x = b.input();
  b.expect(x.rank() == 3 && x.dim(2) > 0, layer, "[N, T, features]");
  const int64_t directions = bidirectional ? 2 : 1;
  const int64_t n = x.dim(0);
  for (size_t i = 1; i <= states; ++i) {
    if (!b.has_input(i)) continue;
    const int64_t width = i == 1 && proj > 0 ? proj : size;
    const Shape full = {layers * directions, n, width};
    const Shape& shape = b.input(i).shape;
    const bool plain = layers * directions == 1 && shape == Shape{n, width};
    expect_input(shape == full || plain, b, i, layer, i == 1 ? "state h" : "state c", shape_text(full));
  }
  if (b.has_input(states + 1)) {
    expect_input(b.input(states + 1).shape == Shape{n}, b, states + 1, layer, "lengths",
                 shape_text(Shape{n}));
    expect_whole_numbers(b, states + 1, layer, "lengths");
  }
  weights_.clear();
  const int64_t state_size = proj > 0 ? proj : size;
  for (int64_t l = 0; l < layers; ++l) {
    for (int64_t d = 0; d < directions; ++d) {
      weights_.push_back(declare_weights(b, fmt::format("_l{}{}", l, d == 1 ? "_reverse" : ""), gates,
                                         l == 0 ? x.dim(2) : state_size * directions, size, proj, bias));
    }
  }
}

RecurrentOptions RecurrentBase::options(Context& c, const Tensor& lengths, const Tensor& table) const {
  RecurrentOptions o;
  o.bidirectional = bidirectional;
  o.batch_first = true;
  o.lengths = lengths;
  o.table = table;
  if (c.training && dropout > 0 && layers > 1) {
    o.dropout = dropout;
    o.key = c.next_key(RngPurpose::kDropout);
    // The operator counts on from this index, one for each layer behind the first.
    for (int64_t l = 2; l < layers; ++l) c.next_key(RngPurpose::kDropout);
  }
  return o;
}

Fields Rnn::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> all = sequence_fields();
    all.push_back(field<&Rnn::nonlinearity>("nonlinearity", "of the state", one_of({"tanh", "relu"})));
    return all;
  }();
  return list;
}
std::span<const std::string_view> Rnn::input_names() const { return kXHLengths; }
Outputs Rnn::run_rows(Context& c, Inputs inputs, const Tensor& table) const {
  const auto f = nonlinearity == "relu" ? &rnn_relu : &rnn_tanh;
  return result(
      f(inputs[0], state(input_or_none(inputs, 1)), weights_, options(c, input_or_none(inputs, 2), table)));
}

Fields Gru::fields() {
  static const std::vector<Field> list = sequence_fields();
  return list;
}
std::span<const std::string_view> Gru::input_names() const { return kXHLengths; }
Outputs Gru::run_rows(Context& c, Inputs inputs, const Tensor& table) const {
  return result(
      gru(inputs[0], state(input_or_none(inputs, 1)), weights_, options(c, input_or_none(inputs, 2), table)));
}

Fields Lstm::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> all = sequence_fields();
    all.push_back(field<&Lstm::proj>("proj", "features to which the state is projected, fewer than `size`",
                                     positive()));
    return all;
  }();
  return list;
}
std::span<const std::string_view> Lstm::input_names() const { return kXHCLengths; }
void Lstm::build(Build& b) {
  if (proj && *proj >= size) fail(ErrorKind::kConfig, "lstm.proj must be below size {}, got {}", size, *proj);
  declare(b, "lstm", 4, proj.value_or(0), 2);
}
Outputs Lstm::run_rows(Context& c, Inputs inputs, const Tensor& table) const {
  return result(lstm(inputs[0], state(input_or_none(inputs, 1)), state(input_or_none(inputs, 2)), weights_,
                     options(c, input_or_none(inputs, 3), table)));
}

void CellBase::declare(Build& b, std::string_view layer, int64_t gates, size_t states) {
  const TensorSpec& x = b.input();
  b.expect(x.rank() == 2 && x.dim(1) > 0, layer, "[N, features]");
  for (size_t i = 1; i <= states; ++i) {
    if (!b.has_input(i)) continue;
    const Shape expected = {x.dim(0), size};
    expect_input(b.input(i).shape == expected, b, i, layer, i == 1 ? "state h" : "state c",
                 shape_text(expected));
  }
  weights_ = declare_weights(b, "", gates, x.dim(1), size, 0, bias);
}

Tensor CellBase::state(Inputs inputs, size_t i) const {
  const Tensor given_state = input_or_none(inputs, i);
  if (given_state.defined()) return given_state;
  return zeros({inputs[0].dim(0), size}, inputs[0].dtype(), inputs[0].device());
}

Fields RnnCell::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> all = cell_fields();
    all.push_back(field<&RnnCell::nonlinearity>("nonlinearity", "of the state", one_of({"tanh", "relu"})));
    return all;
  }();
  return list;
}
std::span<const std::string_view> RnnCell::input_names() const { return std::span(kXHC).first(2); }
Outputs RnnCell::run(Context& /*c*/, Inputs inputs) {
  const auto f = nonlinearity == "relu" ? &rnn_relu_cell : &rnn_tanh_cell;
  return one(f(inputs[0], state(inputs, 1), weights_));
}

Fields GruCell::fields() {
  static const std::vector<Field> list = cell_fields();
  return list;
}
std::span<const std::string_view> GruCell::input_names() const { return std::span(kXHC).first(2); }
Outputs GruCell::run(Context& /*c*/, Inputs inputs) {
  return one(gru_cell(inputs[0], state(inputs, 1), weights_));
}

Fields LstmCell::fields() {
  static const std::vector<Field> list = cell_fields();
  return list;
}
std::span<const std::string_view> LstmCell::input_names() const { return kXHC; }
Outputs LstmCell::run(Context& /*c*/, Inputs inputs) {
  LstmState s = lstm_cell(inputs[0], state(inputs, 1), state(inputs, 2), weights_);
  Outputs out;
  out.push_back(std::move(s.h));
  out.push_back(std::move(s.c));
  return out;
}

}  // namespace dlb::nn
