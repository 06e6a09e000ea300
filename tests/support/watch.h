#pragma once
/// \file Watching the operators that a test runs.

#include "dlb/ops/op.h"

namespace dlb::testing {

/// An observer of this thread for as long as it lives, also when an error ends its scope.
class Watch : public Observer {
 public:
  Watch() : previous_(set_observer(this)) {}
  ~Watch() override { set_observer(previous_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  void before(const OpDef&, Inputs, const void*) override {}

 private:
  Observer* previous_;
};

}  // namespace dlb::testing
