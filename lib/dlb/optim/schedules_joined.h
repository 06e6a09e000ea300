#pragma once
/// \file Schedules made of schedules.

#include <memory>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/config/node.h"
#include "dlb/optim/schedule.h"

namespace dlb::optim {

/// Base of both: a list of schedules read from the config. Plateau, which depends on more than the step, and
/// lists in lists are not among them.
class Joined : public Schedule {
 public:
  config::Node schedules;

 protected:
  /// Reads the list; false for one that cannot be used, with the errors in `errors`.
  bool read(ErrorList& errors, std::string_view name);
  /// Prepares part i as for a run of `steps` updates; an error gets the part's place.
  void prepare_part(ErrorList& errors, size_t i, int64_t steps);
  std::vector<std::unique_ptr<Schedule>> parts_;
};

/// parts[i].lr(k - m_i) from milestone m_i on, m_0 = 0: each part counts, and lasts, from its milestone to
/// the next. PyTorch's SequentialLR.
struct Sequential : Joined {
  config::Node milestones;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;
  double lr(int64_t step) const override;

 private:
  std::vector<int64_t> begins_;
};

/// base times the product of parts[i].lr(k) / base. PyTorch's ChainedScheduler.
struct Chained : Joined {
  static Fields fields();
  void prepare(const ScheduleContext& context) override;
  double lr(int64_t step) const override;
};

}  // namespace dlb::optim
