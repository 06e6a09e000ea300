// Programs inside programs: what belongs to which, and how values get from one into the other.

#include <algorithm>

#include "dlb/model/builder.h"
#include "dlb/model/cost_observer.h"

namespace dlb::model {

size_t Builder::Wants::of(Value v) {
  const auto found = std::find(values.begin(), values.end(), v);
  if (found != values.end()) return static_cast<size_t>(found - values.begin());
  values.push_back(v);
  return values.size() - 1;
}

Builder::Value Builder::new_value(Tensor meta, Frame& frame) {
  values_.push_back({std::move(meta), &frame, frame.values++});
  return static_cast<Value>(values_.size() - 1);
}

Builder::Value Builder::here(Value v, Frame& frame) {
  if (v < 0 || values_[static_cast<size_t>(v)].frame == &frame) return v;
  DLB_CHECK(frame.outer != nullptr);
  const Value outside = here(v, *frame.outer);
  const auto [captured, fresh] = frame.captured.emplace(outside, kUnknown);
  if (fresh) {
    captured->second = new_value(meta(outside), frame);
    frame.captures.push_back(outside);
    frame.inputs.push_back(captured->second);
  }
  return captured->second;
}

Program Builder::finished(Frame& frame, const std::vector<Value>& outputs) {
  const auto numbers = [&](const std::vector<Value>& values) {
    std::vector<int> out;
    for (const Value v : values) out.push_back(values_[static_cast<size_t>(v)].number);
    return out;
  };
  Program program(*model_->trace_);
  // An output may be a value from outside, which is captured only now.
  std::vector<Value> own;
  for (const Value v : outputs) own.push_back(here(v, frame));
  program.finish(std::move(frame.steps), static_cast<size_t>(frame.values), numbers(frame.inputs),
                 numbers(own), model_->trace_->report,
                 [&](const Step& step, size_t absorbed) { measure_fused(frame, step, absorbed); });
  return program;
}

void Builder::measure_fused(const Frame& frame, const Step& step, size_t absorbed) {
  if (!step.layer->changes_work()) return;
  std::vector<Tensor> args(step.args.size());  // values of frames that are done stand before this one's
  for (const ValueInfo& v : values_) {
    for (size_t i = 0; i < args.size(); ++i) {
      if (v.frame == &frame && v.number == step.args[i].slot) args[i] = v.meta;
    }
  }
  const NoGrad no_grad;
  CostObserver cost;
  step.layer->run(context_, Inputs(args.data(), args.size()));
  // What its own line does not account for is the absorbed layer's.
  LayerReport& own = model_->trace_->report[step.row];
  LayerReport& other = model_->trace_->report[absorbed];
  own.flops = std::min(own.flops, cost.flops);
  own.activation_bytes = std::min(own.activation_bytes, cost.bytes);
  other.flops = cost.flops - own.flops;
  other.activation_bytes = cost.bytes - own.activation_bytes;
}

Inner Builder::inner_program(Frame& frame, const std::vector<Value>& outputs, Wants& wants) {
  Inner inner{finished(frame, outputs), {}};
  for (const Value v : frame.captures) inner.shared.push_back(wants.of(v));
  return inner;
}

std::vector<Builder::Value> Builder::add_step(std::unique_ptr<nn::Layer> layer,
                                              const std::vector<Value>& inputs, std::vector<Tensor> outputs,
                                              size_t row, const Item& item,
                                              std::vector<std::pair<Tensor, Tensor>> transposes) {
  Step step;
  step.layer = layer.get();
  model_->layers_.push_back(std::move(layer));
  for (const Value v : inputs) {
    const int slot = v == kLeftOut ? -1 : values_[static_cast<size_t>(here(v))].number;
    step.args.push_back({slot, false});
  }
  std::vector<Value> values;
  for (Tensor& out : outputs) {
    values.push_back(new_value(std::move(out)));
    step.outs.push_back(values_.back().number);
  }
  step.row = row;
  step.place = item.mark().str();
  step.frames = frames(item);
  step.transposes = std::move(transposes);
  frame_->steps.push_back(std::move(step));
  finish_row(row, values.front());
  return values;
}

void Builder::repeat_rows(size_t begin, int64_t times) {
  std::vector<LayerReport>& report = model_->trace_->report;
  for (size_t i = begin; i < report.size(); ++i) {
    report[i].flops *= static_cast<double>(times);
    if (__builtin_mul_overflow(report[i].activation_bytes, static_cast<size_t>(times),
                               &report[i].activation_bytes))
      report[i].activation_bytes = SIZE_MAX / 2;
  }
}

}  // namespace dlb::model
