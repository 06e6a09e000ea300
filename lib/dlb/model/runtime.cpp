#include "dlb/model/runtime.h"

#include <fmt/format.h>

#include <algorithm>

#include "dlb/base/log.h"
#include "dlb/model/control_flow.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/join.h"
#include "dlb/ops/view.h"

namespace dlb::model {

namespace {

using Tensors8 = InlineVector<Tensor, 8>;

/// What is the same at each step: the shared values behind room for the own ones.
Tensors8 with_shared(size_t own, const Inner& inner, Inputs inputs) {
  Tensors8 values(own);
  for (const size_t i : inner.shared) values.push_back(inputs[i]);
  return values;
}

[[noreturn]] void wrong_carry(const std::string& construct, const std::string& carry,
                              const TensorSpec& before, const TensorSpec& after) {
  Error e(
      before.shape == after.shape ? ErrorKind::kDtype : ErrorKind::kShape,
      fmt::format("{} carries '{}' from one step to the next, but it starts as {} and the body makes it {}",
                  construct, carry, spec_text(before), spec_text(after)));
  throw e;
}

std::vector<TensorSpec> specs_of(std::span<const Tensor> tensors) {
  std::vector<TensorSpec> specs;
  for (const Tensor& t : tensors) specs.push_back(t.spec());
  return specs;
}

bool same_forms(const std::vector<TensorSpec>& a, const std::vector<TensorSpec>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same_form);
}

Outputs metas_of(const std::vector<TensorSpec>& specs) {
  Outputs out;
  for (TensorSpec spec : specs) {
    spec.device = kMeta;
    out.push_back(Tensor::empty(std::move(spec)));
  }
  return out;
}

std::string summary(const Tensor& x) {
  if (x.numel() <= 16) return fmt::format("{} {}", spec_text(x.spec()), x.text());
  const Tensor y = x.detach();
  const std::vector<double> values = y.to_vector<double>();
  double low = values[0], high = values[0], total = 0;
  for (const double v : values) {
    low = std::min(low, v);
    high = std::max(high, v);
    total += v;
  }
  return fmt::format("{} min {:.6g}, mean {:.6g}, max {:.6g}", spec_text(x.spec()), low,
                     total / static_cast<double>(values.size()), high);
}

}  // namespace

namespace {
thread_local ControlFlow* active_control_flow = nullptr;
}

ControlFlow* set_control_flow(ControlFlow* control) { return std::exchange(active_control_flow, control); }
ControlFlow* control_flow() { return active_control_flow; }

bool same_form(const TensorSpec& a, const TensorSpec& b) { return a.dtype == b.dtype && a.shape == b.shape; }

Outputs Inner::run(nn::Context& context, std::span<Tensor> own, Inputs inputs) const {
  Tensors8 values;
  for (const size_t i : shared) values.push_back(inputs[i]);
  return program.run(context, own, values);
}

Outputs PrintLayer::run(nn::Context& c, Inputs inputs) {
  Outputs out;
  out.push_back(inputs[0]);
  const bool now = !c.shapes_only && c.step % static_cast<uint64_t>(every_) == 0;
  const NoGrad no_grad;
  for (const Formula& formula : values_) {
    const functional::Value v = formula.evaluate(c, inputs);
    if (!now) continue;
    const std::string label = label_.empty() ? formula.text().brief() : label_;
    log::info("{}: {}", label, v.is<Tensor>() ? summary(v.as<Tensor>()) : functional::text(v));
  }
  return out;
}

Outputs AssertLayer::run(nn::Context& c, Inputs inputs) {
  const std::optional<bool> holds = condition_.holds(c, inputs);
  if (holds && !*holds) {
    const std::string text = condition_.text().brief();
    throw Error(ErrorKind::kNumeric, message_.empty() ? fmt::format("assertion failed: {}", text)
                                                      : fmt::format("{} (assertion {})", message_, text));
  }
  Outputs out;
  out.push_back(inputs[0]);
  return out;
}

Outputs MergeLayer::run(nn::Context& /*c*/, Inputs inputs) {
  Outputs out;
  if (how_ == "stack") {
    out.push_back(stack({inputs.begin(), inputs.end()}, dim_));
    return out;
  }
  Tensor y = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) y = how_ == "max" ? maximum(y, inputs[i]) : add(y, inputs[i]);
  out.push_back(how_ == "mean" ? y / static_cast<double>(inputs.size()) : y);
  return out;
}

Outputs LoopLayer::run(nn::Context& c, Inputs inputs) {
  Tensors8 owned(inputs.begin(), inputs.end());
  return run_owned(c, {owned.data(), owned.size()});
}

Outputs LoopLayer::run_owned(nn::Context& c, std::span<Tensor> inputs) {
  const size_t count = carries_.size();
  Tensors8 values = with_shared(count, body_, inputs);
  for (size_t i = 0; i < count; ++i) {
    Outputs start = start_[i].tensors(c, inputs);
    values[i] = std::move(start[0]);
  }
  for (Tensor& input : inputs) input = {};
  const std::span<Tensor> own(values.data(), count);
  const Inputs shared(values.data() + count, values.size() - count);
  if (ControlFlow* control = control_flow()) {
    ControlFlow::Loop loop{name_, Outputs(own.begin(), own.end()), {}, most_, {}};
    if (condition_) {
      loop.condition = [&](Inputs carries) {
        Tensors8 all(carries.begin(), carries.end());
        for (const Tensor& t : shared) all.push_back(t);
        return condition_->tensors(c, {all.data(), all.size()})[0];
      };
    }
    loop.body = [&](std::span<Tensor> carries) { return body_.program.run(c, carries, shared); };
    return control->loop(loop);
  }
  InlineVector<TensorSpec, 4> specs;
  for (const Tensor& t : own) specs.push_back(t.spec());
  for (int64_t i = 0; i < most_; ++i) {
    try {
      if (condition_) {
        const std::optional<bool> go = condition_->holds(c, {values.data(), values.size()});
        if (go && !*go) break;
      }
      Outputs results = body_.program.run(c, own, shared);
      for (size_t k = 0; k < count; ++k) {
        if (!same_form(specs[k], results[k].spec()))
          wrong_carry("loop", carries_[k], specs[k], results[k].spec());
        own[k] = std::move(results[k]);
      }
    } catch (Error& e) {
      if (!c.shapes_only) e.in(fmt::format("in iteration {} of {}", i + 1, name_));
      throw;
    }
    if (c.shapes_only) break;
  }
  Outputs out;
  for (Tensor& t : own) out.push_back(std::move(t));
  return out;
}

Outputs ScanLayer::run(nn::Context& c, Inputs inputs) {
  const size_t count = carries_.size();
  Tensors8 values = with_shared(count + sequences_, body_, inputs);
  for (size_t i = 0; i < count; ++i) {
    Outputs start = start_[i].tensors(c, inputs);
    values[i] = std::move(start[0]);
  }
  if (ControlFlow* control = control_flow()) {
    const Inputs shared(values.data() + count + sequences_, values.size() - count - sequences_);
    return control->scan({name_, Outputs(values.begin(), values.begin() + count),
                          Outputs(inputs.begin(), inputs.begin() + static_cast<ptrdiff_t>(sequences_)), axis_,
                          reverse_,
                          [&](std::span<Tensor> parts) { return body_.program.run(c, parts, shared); }});
  }
  std::vector<std::vector<Tensor>> slices;
  for (size_t s = 0; s < sequences_; ++s) {
    slices.push_back(unbind(inputs[s], axis_));
    if (slices[s].size() != slices[0].size()) {
      fail(ErrorKind::kShape, "scan goes over sequences of one length, got {} and {} along axis {}",
           slices[0].size(), slices[s].size(), axis_);
    }
  }
  const size_t steps = slices[0].size();
  if (steps == 0) {
    fail(ErrorKind::kShape, "scan goes over axis {} of {}, which is empty", axis_,
         shape_text(inputs[0].shape()));
  }
  const std::span<Tensor> own(values.data(), count + sequences_);
  const Inputs shared(values.data() + own.size(), values.size() - own.size());
  InlineVector<TensorSpec, 4> specs;
  for (size_t i = 0; i < count; ++i) specs.push_back(values[i].spec());
  std::vector<std::vector<Tensor>> emitted;
  for (size_t k = 0; k < steps; ++k) {
    const size_t at = reverse_ ? steps - 1 - k : k;
    for (size_t s = 0; s < sequences_; ++s) own[count + s] = std::move(slices[s][at]);
    try {
      Outputs results = body_.program.run(c, own, shared);
      emitted.resize(results.size() - count);
      for (size_t i = 0; i < count; ++i) {
        if (!same_form(specs[i], results[i].spec()))
          wrong_carry("scan", carries_[i], specs[i], results[i].spec());
        own[i] = std::move(results[i]);
      }
      for (size_t i = 0; i < emitted.size(); ++i) emitted[i].push_back(std::move(results[count + i]));
    } catch (Error& e) {
      if (!c.shapes_only) e.in(fmt::format("in step {} of {}", k + 1, name_));
      throw;
    }
    if (!c.shapes_only) continue;
    // The other steps have the same shapes.
    for (std::vector<Tensor>& values_of_one : emitted) values_of_one.resize(steps, values_of_one[0]);
    break;
  }
  Outputs out;
  for (std::vector<Tensor>& parts : emitted) {
    if (reverse_) std::reverse(parts.begin(), parts.end());
    const int64_t rank = parts[0].rank() + 1;
    out.push_back(stack(parts, std::min<int64_t>(axis_, rank - 1)));
  }
  for (size_t i = 0; i < count; ++i) out.push_back(std::move(own[i]));
  return out;
}

Outputs IfLayer::run(nn::Context& c, Inputs inputs) {
  const auto branch = [&](const Inner& inner) {
    Tensors8 own;
    if (own_) own.push_back(inputs[*own_]);
    return inner.run(c, {own.data(), own.size()}, inputs);
  };
  if (ControlFlow* control = control_flow()) {
    return control->branch(
        {condition_.tensors(c, inputs)[0], [&] { return branch(then_); }, [&] { return branch(else_); }});
  }
  const std::optional<bool> holds = condition_.holds(c, inputs);
  if (holds) return branch(*holds ? then_ : else_);
  // Only shapes are known: whichever it will be, they must agree.
  Outputs a = branch(then_);
  const Outputs b = branch(else_);
  for (size_t i = 0; i < a.size(); ++i) {
    if (same_form(a[i].spec(), b[i].spec())) continue;
    fail(ErrorKind::kShape, "the branches of an if give values of one form, here {} and {}",
         spec_text(a[i].spec()), spec_text(b[i].spec()));
  }
  return a;
}

Outputs CallLayer::inside(nn::Context& c, Inputs inputs) {
  try {
    return instance_.program->run(c, {}, inputs);
  } catch (Error& e) {
    if (!frame_.empty()) add_frame(e, frame_);
    throw;
  }
}

Outputs CallLayer::run(nn::Context& c, Inputs inputs) {
  Instance& instance = instance_;
  if (c.shapes_only) {
    constexpr int64_t kMostChecks = 20'000;
    const std::vector<TensorSpec> specs = specs_of(inputs);
    // Inside itself a call of the same form gives what is assumed, and what the outer one will be held to.
    const bool open = std::any_of(instance.checked.begin(), instance.checked.end(),
                                  [&](const auto& other) { return same_forms(other, specs); });
    if (instance.program == nullptr || open) return metas_of(instance.outputs);
    if (instance.checked.empty()) instance.checks = 0;
    if (instance.checked.size() >= static_cast<size_t>(kMostDepth) || ++instance.checks > kMostChecks) {
      fail(ErrorKind::kShape, "{} calls itself with ever more different shapes, such as {}", instance.what,
           shape_text(specs.front().shape));
    }
    instance.checked.push_back(specs);
    struct Pop {
      std::vector<std::vector<TensorSpec>>& list;
      ~Pop() { list.pop_back(); }
    };
    const Pop pop{instance.checked};
    return inside(c, inputs);
  }
  if (control_flow() != nullptr && instance.depth > 0)
    fail(ErrorKind::kUnsupported, "{} calls itself, which cannot be exported", instance.what);
  if (most_ && instance.depth >= *most_) {
    throw Error(ErrorKind::kNumeric,
                fmt::format("{} calls itself more than max: {} deep", instance.what, *most_));
  }
  struct Depth {
    explicit Depth(int& d) : depth(d) { ++depth; }
    ~Depth() { --depth; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    int& depth;
  };
  const Depth depth(instance.depth);
  return inside(c, inputs);
}

}  // namespace dlb::model
