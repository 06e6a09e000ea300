#pragma once
/// \file Whether everything there is has been run by vectors or has samples.

#include <set>
#include <string>
#include <vector>

#include "dlb/ops/op.h"

namespace dlb::testing {

/// Remembers, from its construction to its end, which operators ran.
class Coverage : Observer {
 public:
  Coverage() : previous_(set_observer(this)) {}
  ~Coverage() override { set_observer(previous_); }
  Coverage(const Coverage&) = delete;

  /// A function that has vectors.
  void add(const std::string& function) { functions_.insert(function); }
  /// Operators and functions that nothing has run and that have no samples.
  std::vector<std::string> missing() const;
  size_t total() const;

 private:
  void before(const OpDef& op, Inputs, const void*) override { operators_.insert(op.name); }
  void after(const OpDef&, Inputs, std::span<const Tensor>, const void*) override {}

  Observer* previous_;
  std::set<std::string, std::less<>> functions_;
  std::set<std::string_view> operators_;
};

}  // namespace dlb::testing
