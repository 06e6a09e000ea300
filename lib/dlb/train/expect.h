#pragma once
/// \file The `expect` section: what a finished run must reach.

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "dlb/config/reader.h"

namespace dlb::train {

/// One value with its bounds, and what a run came to.
struct Expectation {
  std::string split;
  std::string metric;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  double value = std::numeric_limits<double>::quiet_NaN();
  bool met() const { return value >= min && value <= max; }
};

/// Reads `expect: {test.accuracy: {min: 0.97}, ...}`. `metrics` are the names that a split has, `splits`
/// those that a run measures at its end, and "train". Records errors.
std::vector<Expectation> read_expect(config::Reader& reader, const config::Node& node,
                                     const std::vector<std::string>& splits,
                                     const std::vector<std::string>& metrics);

/// Looks up each value; one that is missing stays NaN, which meets nothing.
std::vector<Expectation> compare(std::vector<Expectation> expectations,
                                 const std::map<std::string, std::map<std::string, double>>& metrics);

/// A table of all of them, each line ending with "met" or "missed".
std::string expect_text(const std::vector<Expectation>& expectations);

}  // namespace dlb::train
