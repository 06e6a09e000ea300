// From the steps in order of writing to the steps to run: fuses neighbours, finds last uses, and numbers
// slots anew so that few are needed.

#include "dlb/model/step.h"

namespace dlb::model {
namespace {

constexpr size_t kNever = SIZE_MAX;

}  // namespace

void Model::finish(const std::vector<int>& input_slots, const std::vector<int>& output_slots) {
  const size_t values = slot_count_;
  std::vector<int> uses(values, 0);
  for (const Step& step : steps_) {
    for (const Step::Arg& arg : step.args) ++uses[static_cast<size_t>(arg.slot)];
  }
  for (const int slot : output_slots) ++uses[static_cast<size_t>(slot)];

  std::vector<Step> kept;
  for (Step& step : steps_) {
    const bool chained = !kept.empty() && step.args.size() == 1 && step.outs.size() == 1 &&
                         kept.back().outs.size() == 1 && kept.back().outs[0] == step.args[0].slot &&
                         uses[static_cast<size_t>(step.args[0].slot)] == 1;
    if (chained && kept.back().layer->absorb(*step.layer)) {
      kept.back().outs[0] = step.outs[0];
      report_[step.row].fused = true;
    } else {
      kept.push_back(std::move(step));
    }
  }
  steps_ = std::move(kept);

  std::vector<size_t> last_use(values, kNever);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const Step::Arg& arg : steps_[i].args) last_use[static_cast<size_t>(arg.slot)] = i;
  }
  std::vector<bool> kept_to_end(values, false);
  for (const int slot : output_slots) kept_to_end[static_cast<size_t>(slot)] = true;

  std::vector<int> renamed(values, -1);
  std::vector<int> free;
  slot_count_ = 0;
  auto take = [&](int value) {
    const auto v = static_cast<size_t>(value);
    if (last_use[v] == kNever && !kept_to_end[v]) return -1;
    if (free.empty()) free.push_back(static_cast<int>(slot_count_++));
    renamed[v] = free.back();
    free.pop_back();
    return renamed[v];
  };
  for (const int slot : input_slots) input_slots_.push_back(take(slot));
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    // Backwards, because of a value that is there twice only the later one is the last use.
    for (size_t a = step.args.size(); a-- > 0;) {
      const auto value = static_cast<size_t>(step.args[a].slot);
      step.args[a].last = last_use[value] == i && !kept_to_end[value];
      if (step.args[a].last) last_use[value] = kNever;
    }
    for (Step::Arg& arg : step.args) {
      arg.slot = renamed[static_cast<size_t>(arg.slot)];
      if (arg.last) free.push_back(arg.slot);
    }
    for (int& out : step.outs) out = take(out);
  }
  for (const int slot : output_slots) output_slots_.push_back(renamed[static_cast<size_t>(slot)]);
}

}  // namespace dlb::model
