#include "dlb/model/program.h"

#include <algorithm>

#include "dlb/ops/shape_ops.h"
#include "dlb/ops/work_observer.h"

namespace dlb::model {
namespace {

constexpr size_t kNever = SIZE_MAX;

/// Points the layer's parameters that are transposes at the present values, with the history that leads
/// there.
void refresh(const std::vector<std::pair<Tensor, Tensor>>& transposes) {
  for (const auto& [handle, source] : transposes) {
    const Tensor view = transpose(source, 0, 1);
    handle.swap_data(view);
    handle.set_history(view.grad_node(), view.grad_index());
  }
}

}  // namespace

void add_frame(Error& error, const std::string& frame) {
  if (std::find(error.context.begin(), error.context.end(), frame) == error.context.end()) error.in(frame);
}

Outputs Program::run(nn::Context& context, std::span<Tensor> own, Inputs shared) const {
  DLB_CHECK(own.size() + shared.size() == input_slots_.size());
  InlineVector<Tensor, 16> slots(slot_count_);
  for (size_t i = 0; i < input_slots_.size(); ++i) {
    const bool owned = i < own.size();
    if (input_slots_[i] >= 0) {
      Tensor& slot = slots[static_cast<size_t>(input_slots_[i])];
      if (owned) {
        slot = std::move(own[i]);
      } else {
        slot = shared[i - own.size()];
      }
    }
    if (owned) own[i] = {};
  }
  const Step* current = nullptr;
  WorkObserver* const observer = work_observer();
  try {
    InlineVector<Tensor, 4> args;
    for (const Step& step : steps_) {
      current = &step;
      args.clear();
      for (const Step::Arg& arg : step.args) {
        if (arg.slot < 0) {
          args.push_back({});
          continue;
        }
        Tensor& value = slots[static_cast<size_t>(arg.slot)];
        if (arg.last) {
          args.push_back(std::move(value));
          value = {};
        } else {
          args.push_back(value);
        }
      }
      const WorkScope scope(observer, step.name, trace_->report[step.row].where);
      if (!step.transposes.empty()) refresh(step.transposes);
      Outputs outputs = step.layer->run_owned(context, {args.data(), args.size()});
      DLB_CHECK(outputs.size() == step.outs.size());
      if (trace_->hook) trace_->hook(step.name, trace_->report[step.row].where, outputs);
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (step.outs[i] >= 0) slots[static_cast<size_t>(step.outs[i])] = std::move(outputs[i]);
      }
    }
  } catch (Error& e) {
    e.at(current->place);
    for (const std::string& frame : current->frames) add_frame(e, frame);
    throw;
  }
  Outputs result;
  for (const int slot : output_slots_) result.push_back(slots[static_cast<size_t>(slot)]);
  return result;
}

void Program::finish(std::vector<Step> steps, size_t values, const std::vector<int>& inputs,
                     const std::vector<int>& outputs, std::vector<LayerReport>& report,
                     const OnFused& on_fused) {
  std::vector<int> uses(values, 0);
  for (const Step& step : steps) {
    for (const Step::Arg& arg : step.args) {
      if (arg.slot >= 0) ++uses[static_cast<size_t>(arg.slot)];
    }
  }
  for (const int slot : outputs) ++uses[static_cast<size_t>(slot)];

  for (Step& step : steps) {
    step.name = report[step.row].name;
    // Inputs by name that are left out are there without a slot.
    const auto given =
        std::count_if(step.args.begin(), step.args.end(), [](const Step::Arg& a) { return a.slot >= 0; });
    const bool chained = !steps_.empty() && given == 1 && steps_.back().outs.size() == 1 &&
                         steps_.back().outs[0] >= 0 && steps_.back().outs[0] == step.args[0].slot &&
                         uses[static_cast<size_t>(step.args[0].slot)] == 1;
    if (chained && steps_.back().layer->absorb(*step.layer)) {
      steps_.back().outs = std::move(step.outs);
      steps_.back().name += " + " + step.name;
      report[step.row].fused = true;
      on_fused(steps_.back(), step.row);
    } else {
      steps_.push_back(std::move(step));
    }
  }

  std::vector<size_t> last_use(values, kNever);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const Step::Arg& arg : steps_[i].args) {
      if (arg.slot >= 0) last_use[static_cast<size_t>(arg.slot)] = i;
    }
  }
  std::vector<bool> kept_to_end(values, false);
  for (const int slot : outputs) kept_to_end[static_cast<size_t>(slot)] = true;

  std::vector<int> renamed(values, -1);
  std::vector<int> free;
  auto take = [&](int value) {
    const auto v = static_cast<size_t>(value);
    if (last_use[v] == kNever && !kept_to_end[v]) return -1;
    if (free.empty()) free.push_back(static_cast<int>(slot_count_++));
    renamed[v] = free.back();
    free.pop_back();
    return renamed[v];
  };
  for (const int slot : inputs) input_slots_.push_back(take(slot));
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    // Backwards, because of a value that is there twice only the later one is the last use.
    for (size_t a = step.args.size(); a-- > 0;) {
      if (step.args[a].slot < 0) continue;
      const auto value = static_cast<size_t>(step.args[a].slot);
      step.args[a].last = last_use[value] == i && !kept_to_end[value];
      if (step.args[a].last) last_use[value] = kNever;
    }
    for (Step::Arg& arg : step.args) {
      if (arg.slot < 0) continue;
      arg.slot = renamed[static_cast<size_t>(arg.slot)];
      if (arg.last) free.push_back(arg.slot);
    }
    for (int& out : step.outs) out = take(out);
  }
  for (const int slot : outputs) output_slots_.push_back(renamed[static_cast<size_t>(slot)]);
}

}  // namespace dlb::model
