#include <algorithm>
#include <utility>

#include "dlb/backend/cpu/random_element.h"
#include "dlb/base/error.h"
#include "dlb/deploy/draws.h"
#include "dlb/model/control_flow.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/random_defs.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax_defs.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::deploy {

namespace {

/// The numbers in [0, 1) by which classes are drawn with replacement, [N, samples].
Tensor uniform_of(const MultinomialAttrs& a, int64_t rows) {
  const Tensor u = Tensor::empty({rows, a.samples}, DType::kFloat64);
  for (int64_t i = 0; i < u.numel(); ++i) {
    const std::array<uint32_t, 4> words = philox(a.key, static_cast<uint64_t>(i));
    u.data<double>()[i] =
        backend::cpu::ElementStream(a.key, static_cast<uint64_t>(i), words.data()).uniform();
  }
  return u;
}

/// What an operator has drawn for its output.
Tensor drawn(const OpDef& op, Inputs inputs, const void* attrs, const Tensor& output) {
  if (&op == &op::dropout()) {
    const Tensor kept = apply1(op, {ones_like(inputs[0])}, *static_cast<const DropoutAttrs*>(attrs));
    return cast(gt(kept, 0.0), output.dtype());
  }
  if (&op == &op::multinomial()) {
    const auto& a = *static_cast<const MultinomialAttrs*>(attrs);
    if (a.replacement) return uniform_of(a, inputs[0].dim(0));
    return exponential(inputs[0].shape(), 1, a.key, DType::kFloat64);
  }
  return output;
}

bool truth(const Tensor& t) { return t.to_vector<double>().at(0) != 0; }

}  // namespace

/// Runs operators, loops, scans and branches as the model does, and knows where in the program they are, as
/// draw_sites() has it.
class DrawLog::Recording : public Recorder, public model::ControlFlow {
  /// Runs a block of a construct, iteration `turn` of it where it is one that repeats.
  template <class F>
  auto inside(int construct, int which, std::optional<int64_t> turn, F&& body) {
    const std::string around = std::exchange(around_, fmt::format("{}{}.{}/", around_, construct, which));
    const int draws = std::exchange(draws_, 0), constructs = std::exchange(constructs_, 0);
    if (turn) turns_.push_back(*turn);
    auto result = body();
    if (turn) turns_.pop_back();
    around_ = around;
    draws_ = draws;
    constructs_ = constructs;
    return result;
  }

 public:
  explicit Recording(std::map<std::string, Entries>& entries) : entries_(entries) {}

  Outputs record(const OpDef& op, Inputs inputs, const void* attrs,
                 std::span<const Infer::Output> /*specs*/) override {
    const bool random = does_draw(op, attrs);
    if (random && !is_drawn(op) && op.reference != nullptr)
      return op.attrs->call_reference(op.reference, inputs, attrs);
    const EagerScope eager;
    Outputs outputs = apply(op, inputs, attrs);
    if (random)
      entries_[fmt::format("{}{}", around_, draws_++)][turns_] = drawn(op, inputs, attrs, outputs[0]);
    return outputs;
  }

  Outputs loop(const Loop& loop) override {
    const int construct = constructs_++;
    Outputs carries = loop.start;
    for (int64_t i = 0; i < loop.most; ++i) {
      if (loop.condition) {
        const Tensor go = inside(construct, 0, {}, [&] { return loop.condition(carries); });
        if (!truth(go)) break;
      }
      carries = inside(construct, 1, i, [&] { return loop.body({carries.data(), carries.size()}); });
    }
    return carries;
  }

  Outputs scan(const Scan& scan) override {
    const int construct = constructs_++;
    std::vector<std::vector<Tensor>> slices;
    for (const Tensor& t : scan.sequences) slices.push_back(unbind(t, scan.axis));
    const size_t steps = slices[0].size(), count = scan.start.size();
    Outputs values = scan.start;
    std::vector<std::vector<Tensor>> emitted;
    for (size_t k = 0; k < steps; ++k) {
      Outputs parts(values.begin(), values.begin() + static_cast<ptrdiff_t>(count));
      for (const auto& list : slices) parts.push_back(list[scan.reverse ? steps - 1 - k : k]);
      values = inside(construct, 0, static_cast<int64_t>(k), [&] {
        return scan.body({parts.data(), parts.size()});
      });
      emitted.resize(values.size() - count);
      for (size_t i = 0; i < emitted.size(); ++i) emitted[i].push_back(values[count + i]);
    }
    Outputs outputs;
    for (std::vector<Tensor>& list : emitted) {
      if (scan.reverse) std::reverse(list.begin(), list.end());
      const int64_t axis = scan.axis < 0 ? scan.axis + scan.sequences[0].rank() : scan.axis;
      outputs.push_back(stack(list, std::min<int64_t>(axis, list[0].rank())));
    }
    for (size_t i = 0; i < count; ++i) outputs.push_back(values[i]);
    return outputs;
  }

  Outputs branch(const Branch& branch) override {
    const int construct = constructs_++;
    const bool then = truth(branch.condition);
    return inside(construct, then ? 0 : 1, {}, then ? branch.then : branch.otherwise);
  }

 private:
  std::map<std::string, Entries>& entries_;
  std::string around_;
  int draws_ = 0, constructs_ = 0;
  std::vector<int64_t> turns_;
};

DrawLog::DrawLog(model::Model& model, const std::vector<Tensor>& inputs) {
  Recording recording(entries_);
  const NoGrad no_grad;
  const RecordScope scope(recording);
  struct ControlGuard {
    explicit ControlGuard(model::ControlFlow& c) : previous(model::set_control_flow(&c)) {}
    ~ControlGuard() { model::set_control_flow(previous); }
    ControlGuard(const ControlGuard&) = delete;
    model::ControlFlow* previous;
  } guard(recording);
  nn::Context context;
  model.forward(context, inputs);
}

namespace {

/// The entries below `prefix` as one tensor, zeros where there is none.
Tensor gathered(const std::map<std::vector<int64_t>, Tensor>& entries, const std::vector<int64_t>& sizes,
                size_t loops, std::vector<int64_t>& prefix, DType dtype) {
  if (prefix.size() == loops) {
    const auto found = entries.find(prefix);
    if (found != entries.end()) return contiguous(found->second);
    return zeros(Shape(sizes.begin() + static_cast<ptrdiff_t>(loops), sizes.end()), dtype);
  }
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < sizes[prefix.size()]; ++i) {
    prefix.push_back(i);
    parts.push_back(gathered(entries, sizes, loops, prefix, dtype));
    prefix.pop_back();
  }
  return stack(parts, 0);
}

}  // namespace

Tensor DrawLog::value(const DrawInput& input, const std::map<std::string, int64_t>& open) const {
  static const Entries kNone;
  const auto found = entries_.find(input.site);
  const Entries& entries = found == entries_.end() ? kNone : found->second;
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < input.sizes.size(); ++i) {
    const DrawSize& s = input.sizes[i];
    if (s.steps) {  // as many as there were, of which the graph needs one at least
      int64_t steps = 1;
      for (const auto& [turns, value] : entries) steps = std::max(steps, turns[i] + 1);
      sizes.push_back(steps);
    } else if (s.of.empty()) {
      sizes.push_back(s.size);
    } else {
      const auto own = open.find(s.of);
      if (own == open.end())
        fail(ErrorKind::kUnsupported, "the size '{}' of {} is none of the inputs'", s.of, input.name);
      sizes.push_back(s.at(own->second));
    }
  }
  std::vector<int64_t> prefix;
  return gathered(entries, sizes, input.loops, prefix, input.dtype);
}

}  // namespace dlb::deploy
