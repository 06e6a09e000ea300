#pragma once
/// \file What code can know of and do about an active recorder.

#include "dlb/ops/op.h"

namespace dlb {

/// Whether a recorder of the thread is active: what is computed in a loop of its own, or only looked up, is
/// to be said in operators then.
bool recording();

/// Within the scope the thread's operators run at once, whatever recorder is active: for recorders that run
/// what they record.
class EagerScope {
 public:
  EagerScope();
  ~EagerScope();
  EagerScope(const EagerScope&) = delete;

 private:
  Recorder* previous_;
};

}  // namespace dlb
