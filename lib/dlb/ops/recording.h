#pragma once
/// \file What code can know of and do about an active recorder.

#include "dlb/ops/op.h"

namespace dlb {

/// Whether a recorder of the thread is active: what is computed in a loop of its own, or only looked up, is
/// to be said in operators then.
bool recording();

/// A recorder that has a number to put in place of a size that only data tell.
class SizingRecorder : public Recorder {
 public:
  virtual int64_t unknown_size(int64_t most) = 0;
};
/// What the active recorder takes for a size that only data tell, of at most `most`; `most` if it has no
/// number.
int64_t unknown_size(int64_t most);

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
