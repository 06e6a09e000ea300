#include "dlb/regress/compare.h"

#include <cmath>
#include <limits>

#include "dlb/regress/calibration.h"
#include "dlb/regress/regress.h"
#include "regress/regress_support.h"

using namespace dlb;
using namespace dlb::regress;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

Verdict verdict_of(Better better, double value, double tolerance, double found, double relative = 0) {
  return compare_metric({"test.m", value, better, tolerance, relative}, result_of({{"m", found}})).verdict;
}

Found found_of(const std::map<std::string, double>& test) {
  Found found;
  found.result = result_of(test);
  found.machine = {{"threads", "2"}, {"processor", "Z"}};
  found.step_time_ratio = 0.5;
  return found;
}

}  // namespace

TEST_CASE("a metric that is worse by more than the tolerance is a miss, whichever side is worse") {
  CHECK(verdict_of(Better::kHigher, 0.97, 0.02, 0.96) == Verdict::kMet);
  CHECK(verdict_of(Better::kHigher, 0.97, 0.02, 0.95) ==
        Verdict::kMet);  // 0.97 - 0.95 is a little above 0.02
  CHECK(verdict_of(Better::kHigher, 0.97, 0.02, 0.9499) == Verdict::kMissed);
  CHECK(verdict_of(Better::kHigher, 0.97, 0.02, 0.995) == Verdict::kBetter);
  CHECK(verdict_of(Better::kLower, 1.0, 0.1, 1.05) == Verdict::kMet);
  CHECK(verdict_of(Better::kLower, 1.0, 0.1, 1.11) == Verdict::kMissed);
  CHECK(verdict_of(Better::kLower, 1.0, 0.1, 0.8) == Verdict::kBetter);
  CHECK(verdict_of(Better::kNear, 1.0, 0.1, 0.8) == Verdict::kMissed);
  CHECK(verdict_of(Better::kNear, 1.0, 0.1, 1.2) == Verdict::kMissed);
  CHECK(verdict_of(Better::kNear, 1.0, 0.1, 0.95) == Verdict::kMet);
}

TEST_CASE("tolerances add up, and one of nothing means the same value") {
  CHECK(verdict_of(Better::kLower, -2.0, 0.1, -1.75, 0.1) == Verdict::kMet);
  CHECK(verdict_of(Better::kLower, -2.0, 0.1, -1.65, 0.1) == Verdict::kMissed);
  CHECK(verdict_of(Better::kNear, 0.5, 0, 0.5) == Verdict::kMet);
  CHECK(verdict_of(Better::kNear, 0.5, 0, 0.50001) == Verdict::kMissed);
  CHECK(verdict_of(Better::kNear, 0, 0, 0) == Verdict::kMet);
}

TEST_CASE("what is not finite or not measured is a miss") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const Better better : {Better::kHigher, Better::kLower, Better::kNear}) {
    for (const double found : {kInf, -kInf, std::nan("")})
      CHECK(verdict_of(better, 1, 100, found) == Verdict::kMissed);
    CHECK(compare_metric({"test.other", 1, better, 100, 0}, result_of({{"m", 1}})).verdict ==
          Verdict::kMissed);
    CHECK(compare_metric({"val.m", 1, better, 100, 0}, result_of({{"m", 1}})).verdict == Verdict::kMissed);
  }
}

TEST_CASE("hashes are compared on machines of one kind alone, and never pass in silence elsewhere") {
  Baseline baseline;
  baseline.params_hash = kHash;
  baseline.machine = {{"threads", "2"}, {"processor", "Z"}};
  Found found = found_of({});
  CHECK(compare_hash(baseline, found).verdict == Verdict::kMet);
  found.result.params_hash[63] = 'b';
  CHECK(compare_hash(baseline, found).verdict == Verdict::kMissed);
  found.machine["threads"] = "4";
  const Check check = compare_hash(baseline, found);
  CHECK(check.verdict == Verdict::kNotComparable);
  CHECK(check.note == "threads 4, not 2");
  found.result.params_hash = kHash;  // equal by chance says nothing either
  CHECK(compare_hash(baseline, found).verdict == Verdict::kNotComparable);
}

TEST_CASE("a step that takes too long is a miss, unless speed is not judged") {
  CHECK(compare_step_time({0.5, 1}, 0.99, true).verdict == Verdict::kMet);
  CHECK(compare_step_time({0.5, 1}, 1.01, true).verdict == Verdict::kMissed);
  CHECK(compare_step_time({0.5, 1}, 0.2, true).verdict == Verdict::kBetter);
  CHECK(compare_step_time({0.5, 1}, 9, false).verdict == Verdict::kReported);
  CHECK(compare_step_time({0.5, 1}, 0, true).verdict == Verdict::kReported);
}

TEST_CASE("what the config expects is a check that no tolerance softens") {
  Baseline baseline;
  baseline.metrics = {{"test.m", 0.9, Better::kHigher, 0.5, 0}};
  Found found = found_of({{"m", 0.8}});
  found.result.expect = {{"test", "m", 0.85, std::numeric_limits<double>::infinity(), 0.8}};
  const std::vector<Check> checks = compare(baseline, found, true);
  REQUIRE(checks.size() == 2);
  CHECK(checks[0].verdict == Verdict::kMet);
  CHECK(checks[1].name == "config test.m");
  CHECK(checks[1].verdict == Verdict::kMissed);
}

TEST_CASE("an update keeps directions and tolerances and remembers why") {
  Baseline before;
  before.metrics = {{"test.m", 0.9, Better::kNear, 0.25, 0}};
  before.step_time = ExpectedStepTime{3, 0.75};
  before.history = {{"2026-01-01T00:00:00Z", "first", "0.1.0"}};
  const Baseline next = updated(&before, found_of({{"m", 0.8}, {"n", 1}}), {}, "because", true);
  REQUIRE(next.metrics.size() == 1);
  CHECK(next.metrics[0].value == 0.8);
  CHECK(next.metrics[0].better == Better::kNear);
  CHECK(next.metrics[0].tolerance == 0.25);
  CHECK(next.params_hash == kHash);
  CHECK(next.step_time->ratio == 0.5);
  CHECK(next.step_time->relative == 0.75);
  REQUIRE(next.history.size() == 2);
  CHECK(next.history[0].reason == "because");
  CHECK(next.history[0].metrics.at("test.m") == 0.8);
  CHECK(next.history[1].reason == "first");
  CHECK(updated(&before, found_of({{"m", 0.8}}), {}, "x", false).step_time->ratio == 3);
  CHECK_THAT(report_of([&] {
               updated(&before, found_of({{"n", 1}}), {}, "x", true);
             }),
             Contains("the run has no value of 'test.m'"));
}

TEST_CASE("the history of a baseline stays short") {
  Baseline baseline = updated(nullptr, found_of({{"m", 1}}), {}, "0", true);
  for (int i = 1; i < 30; ++i)
    baseline = updated(&baseline, found_of({{"m", 1}}), {}, std::to_string(i), true);
  CHECK(baseline.history.size() == Baseline::kHistory);
  CHECK(baseline.history.front().reason == "29");
}

TEST_CASE("a first baseline knows which side of a metric is better") {
  const Baseline first =
      updated(nullptr, found_of({{"loss", 0.5}, {"accuracy", 0.9}}), {"accuracy"}, "new", true);
  REQUIRE(first.metrics.size() == 2);
  CHECK(first.metrics[0].name == "test.accuracy");
  CHECK(first.metrics[0].better == Better::kHigher);
  CHECK(first.metrics[1].better == Better::kLower);
  CHECK_THAT(report_of([&] {
               updated(nullptr, found_of({{"loss", std::nan("")}}), {}, "new", true);
             }),
             Contains("no baseline can be taken of it"));
}

TEST_CASE("the kind of a machine") {
  CHECK(processor_kind(
            "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: X\n"
            "processor\t: 1\nvendor_id\t: Other\n",
            "x86_64") == "AuthenticAMD family 26 model 2");
  CHECK(processor_kind("CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n", "aarch64") ==
        "0x41 family 8 model 0xd0c");
  CHECK(processor_kind("", "riscv64") == "riscv64");
  CHECK(differences({{"a", "1"}, {"b", "2"}}, {{"a", "1"}, {"b", "3"}, {"c", "4"}}) ==
        std::vector<std::string>{"b 2, not 3", "c unknown, not 4"});
  const Machine here = this_machine(2);
  CHECK(differences(here, this_machine(2)).empty());
  CHECK(differences(here, this_machine(3)) == std::vector<std::string>{"threads 2, not 3"});
}

TEST_CASE("the calibration takes time and its figure is that of undisturbed rounds") {
  CHECK(undisturbed({}) == 0);
  CHECK(undisturbed({3, 1, 2}) == 1);
  CHECK(undisturbed({11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}) == 2);
  CHECK(undisturbed({90, 80, 70, 60, 50, 40, 30, 20, 2, 1}) == 1);
  Calibration calibration;
  CHECK(calibration.seconds() == 0);
  for (int i = 0; i < 3; ++i) calibration.measure();
  CHECK(calibration.rounds() == 3);
  CHECK(calibration.seconds() > 0);
}
