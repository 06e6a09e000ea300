#pragma once
/// \file What has become slower or larger since an earlier profile.

#include <string>
#include <string_view>
#include <vector>

namespace dlb::profile {

/// A figure of both profiles.
struct Difference {
  std::string what;  ///< "step", "forward", "conv2d in conv2d_1 (forward)", "peak memory"
  std::string unit;  ///< "ms", "MiB", "" of counts
  double before = 0, after = 0;
  /// 100 * (after / before - 1); of what is new, 100.
  double percent() const;
};

/// Differences of what is on both sides and what is on one; everything else is within noise.
struct Comparison {
  std::vector<std::string> notes;  ///< why the two may not be comparable
  std::vector<Difference> worse;   ///< the largest first, as the next one: step, parts, memory, operators
  std::vector<Difference> better;
  size_t within_noise = 0;     ///< operators that differ by no more than noise
  double within_noise_ms = 0;  ///< what their differences add up to
};

/// Compares two documents of `profile --json`. A time differs when the ranges from the 10th to the 90th
/// percentile of its steps on both sides do not touch and the difference is more than 0.5 % of itself and 0.2
/// % of a step; sizes differ from 1 % on. `source` names the old one in messages. Errors: data, when it is no
/// such document.
Comparison compare(std::string_view before, std::string_view after, const std::string& source);

/// Raises a data error, naming `source`, unless the text is a document of `profile --json`.
void require_profile(std::string_view text, const std::string& source);

}  // namespace dlb::profile
