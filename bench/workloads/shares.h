#pragma once
/// \file Where the time of a training step goes, and what the machine's matrix product reaches.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "dlb/ops/op.h"

namespace dlb::bench {

/// Times each operator of this thread between start() and stop(), with its number of FLOPs. What an
/// operator's reference composition runs counts for the operator.
class OperatorTimes final : public Observer {
 public:
  ~OperatorTimes() override { stop(); }
  void start();
  void stop();
  void before(const OpDef& op, Inputs inputs, const void* attrs) override;
  void after(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs) override;

  /// {"NAME": {"ms": per step, "calls": per step, "gflops": per step, "product": whether it is a matrix
  /// product or convolution at heart}, ...}
  std::string json(int steps) const;

 private:
  struct Entry {
    double seconds = 0;
    double flops = 0;
    int64_t calls = 0;
  };
  std::map<std::string, Entry> entries_;
  std::vector<std::chrono::steady_clock::time_point> open_;
  Observer* previous_ = nullptr;
  bool running_ = false;
};

/// 10^9 FLOPs a second of the product of two square float32 matrices, the best of several sizes and
/// repetitions.
double peak_gflops();

}  // namespace dlb::bench
