#pragma once
/// \file The seam through which an export sees loops, scans and branches as such, instead of what they do for
/// one input.

#include <functional>
#include <span>
#include <string>

#include "dlb/ops/op.h"

namespace dlb::model {

/// Receives the constructs of the model language that depend on values while it is the thread's active one.
class ControlFlow {
 public:
  virtual ~ControlFlow() = default;

  /// carries = body(carries) while condition(carries) holds, at most `most` times; the condition may be
  /// missing. Gives the last carries.
  struct Loop {
    std::string name;
    Outputs start;
    std::function<Tensor(Inputs carries)> condition;
    int64_t most = 1;
    std::function<Outputs(std::span<Tensor> carries)> body;
  };
  virtual Outputs loop(const Loop& loop) = 0;

  /// (carries, emitted) = body(carries, slices) for each slice of the sequences along an axis. Gives the
  /// emitted values stacked along that axis (or the last one, if they have fewer dimensions), then the last
  /// carries.
  struct Scan {
    std::string name;
    Outputs start;
    Outputs sequences;
    int64_t axis = 0;
    bool reverse = false;
    std::function<Outputs(std::span<Tensor> carries_and_slices)> body;
  };
  virtual Outputs scan(const Scan& scan) = 0;

  /// The values of one of two branches.
  struct Branch {
    Tensor condition;
    std::function<Outputs()> then;
    std::function<Outputs()> otherwise;
  };
  virtual Outputs branch(const Branch& branch) = 0;
};

/// Sets the thread's active one (nullptr for none) and returns the previous one.
ControlFlow* set_control_flow(ControlFlow* control);
ControlFlow* control_flow();

}  // namespace dlb::model
