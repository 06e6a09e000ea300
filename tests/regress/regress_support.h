#pragma once
/// \file Baselines and results made by hand.

#include <catch2/catch.hpp>
#include <string>

#include "dlb/base/error.h"
#include "dlb/regress/compare.h"

namespace dlb::test {

inline const std::string kHash(64, 'a');

/// A finished run with these values of the split test.
inline train::RunResult result_of(const std::map<std::string, double>& test) {
  train::RunResult result;
  result.status = "done";
  result.metrics["test"] = test;
  result.params_hash = kHash;
  return result;
}

/// The report of the Error that `body` raises, "no error" without one.
template <class F>
std::string report_of(const F& body) {
  try {
    body();
  } catch (const Error& e) {
    CHECK(e.kind != ErrorKind::kInternal);
    return e.report();
  }
  return "no error";
}

}  // namespace dlb::test
