#pragma once
/// \file Collects errors so that everything that is wrong is reported together.

#include <vector>

#include "dlb/base/error.h"

namespace dlb {

/// Gathers errors; throw_if_any() raises them as one Error whose `more` holds the rest, in order of place.
class ErrorList {
 public:
  void add(Error error) { errors_.push_back(std::move(error)); }
  bool empty() const { return errors_.empty(); }
  size_t size() const { return errors_.size(); }
  const std::vector<Error>& errors() const { return errors_; }
  /// Sorted by file, line and column; an error without a place comes last. Duplicates are reported once.
  void throw_if_any();

 private:
  std::vector<Error> errors_;
};

}  // namespace dlb
