#pragma once
/// \file A fixed piece of work that tells how fast a machine is at the moment.

#include <cstdint>
#include <vector>

namespace dlb::regress {

/// Rounds of the same work: products of small matrices, arithmetic on elements, copies of memory, a third of
/// the time each on the reference machine. Each of the threads does its own, at the width of the processor's
/// vectors. It is no part of the library that it judges: a kernel that becomes slower leaves it as it is.
class Calibration {
 public:
  Calibration();
  /// Runs a round (about ten milliseconds) and notes how long it took.
  void measure();
  /// What a round takes undisturbed, in seconds; 0 without any.
  double seconds() const;
  int64_t rounds() const { return static_cast<int64_t>(times_.size()); }

 private:
  void work(int64_t lane);

  std::vector<std::vector<float>> lanes_;  ///< by thread: what it works on
  std::vector<double> times_;
};

/// The tenth percentile, the lower of two neighbours; 0 of none. Other load only ever adds to a time, and to
/// most of them where threads wait for each other. Values need not be sorted.
double undisturbed(std::vector<double> times);

}  // namespace dlb::regress
