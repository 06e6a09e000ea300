#include <vector>

#include "dlb/optim/schedules.h"
#include "dlb/optim/schedules_cyclic.h"
#include "dlb/optim/schedules_decay.h"
#include "dlb/optim/schedules_joined.h"

namespace dlb::optim {

std::span<const ScheduleType> schedule_types() {
  static const std::vector<ScheduleType> types = {
      type_info<Schedule, Constant>("constant", "the optimizer's rate, or a factor of it"),
      type_info<Schedule, StepDecay>("step", "reduced at regular intervals"),
      type_info<Schedule, MultiStep>("multi_step", "reduced at given times"),
      type_info<Schedule, Exponential>("exponential", "multiplied by gamma every epoch, or other period"),
      type_info<Schedule, Linear>("linear", "from one factor to another along a line"),
      type_info<Schedule, Polynomial>("polynomial", "falls like a power of the time that is left"),
      type_info<Schedule, InverseSqrt>("inverse_sqrt", "falls like one over the root of the step"),
      type_info<Schedule, Noam>("noam", "rises, then falls like the root: the Transformer's"),
      type_info<Schedule, Cosine>("cosine", "falls along half a cosine to the end of the run"),
      type_info<Schedule, CosineRestarts>("cosine_warm_restarts",
                                          "falls along half a cosine again and again, in growing periods"),
      type_info<Schedule, Cyclic>("cyclic", "up and down between two rates"),
      type_info<Schedule, OneCycle>("one_cycle", "rises, then falls far below where it began"),
      type_info<Schedule, Plateau>("plateau", "reduced when the monitored value stops improving"),
      type_info<Schedule, Sequential>("sequential", "one schedule after the other"),
      type_info<Schedule, Chained>("chained", "several schedules at once, their factors multiplied"),
  };
  return types;
}

}  // namespace dlb::optim
