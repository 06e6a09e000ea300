#include "dlb/regress/baseline.h"

#include "regress/regress_support.h"

using namespace dlb;
using namespace dlb::regress;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

const std::string kGood = R"({
  "metrics": {
    "test.accuracy": {"value": 0.97, "better": "higher", "tolerance": 0.02},
    "test.loss/kl": {"value": -3.5, "better": "near", "tolerance": 0.1, "relative": 0.2}
  },
  "params_hash": ")" + kHash +
                          R"(",
  "machine": {"threads": "2", "processor": "Z"},
  "step_time": {"ratio": 0.5, "relative": 1},
  "seconds": 3.2,
  "history": [{"date": "2026-01-31T12:00:00Z", "reason": "first", "version": "0.1.0", "metrics": {"test.accuracy": 0.97}}]
})";

/// The report of the text with one part of it replaced.
std::string damaged(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return report_of([&] { parse_baseline(text, "r/expected.json"); });
}

}  // namespace

TEST_CASE("a baseline reads and writes") {
  const Baseline b = parse_baseline(kGood, "x");
  REQUIRE(b.metrics.size() == 2);
  CHECK(b.metrics[0].name == "test.accuracy");
  CHECK(b.metrics[0].better == Better::kHigher);
  CHECK(b.metrics[0].allowance() == 0.02);
  CHECK(b.metrics[1].allowance() == Approx(0.1 + 0.2 * 3.5));
  CHECK(b.threads() == 2);
  CHECK(b.step_time->ratio == 0.5);
  CHECK(b.history.front().reason == "first");
  const std::string text = to_json(b);
  CHECK(to_json(parse_baseline(text, "y")) == text);
}

TEST_CASE("what is wrong with a baseline is said with file and key") {
  CHECK_THAT(
      damaged("\"value\": 0.97", "\"value\": \"high\""),
      Contains("r/expected.json: error: metrics.\"test.accuracy\".value: expected a number, got \"high\""));
  CHECK_THAT(damaged("\"value\": 0.97", "\"value\": 1e999"), Contains("r/expected.json"));
  CHECK_THAT(damaged("\"value\": 0.97, ", ""), Contains("metrics.\"test.accuracy\": missing key 'value'"));
  CHECK_THAT(damaged("\"higher\"", "\"up\""),
             Contains("metrics.\"test.accuracy\".better: expected higher, lower or near, got 'up'"));
  CHECK_THAT(damaged("\"tolerance\": 0.02", "\"tolerance\": -1"),
             Contains("tolerance: must be at least 0, got -1"));
  CHECK_THAT(damaged(", \"tolerance\": 0.02", ""), Contains("needs tolerance, relative or both"));
  CHECK_THAT(damaged("\"tolerance\": 0.02", "\"tolerence\": 0.02"),
             Contains("unknown key 'tolerence'; did you mean 'tolerance'?"));
  CHECK_THAT(damaged("test.accuracy", "accuracy"), Contains("a metric's name is SPLIT.METRIC"));
  CHECK_THAT(damaged("\"test.loss/kl\"", "\"test.accuracy\""),
             Contains("the key 'test.accuracy' is there twice"));
  CHECK_THAT(damaged(kHash, "abc"), Contains("params_hash: expected 64 lower-case hexadecimal digits"));
  CHECK_THAT(damaged("\"2\"", "\"two\""), Contains("machine.threads: expected a number of threads"));
  CHECK_THAT(damaged("\"Z\"", "7"), Contains("machine.processor: expected a text, got 7"));
  CHECK_THAT(damaged("\"ratio\": 0.5", "\"ratio\": 0"), Contains("step_time.ratio: must be above 0, got 0"));
  CHECK_THAT(damaged("\"reason\"", "\"why\""), Contains("history[0]: unknown key 'why'"));
  CHECK_THAT(damaged("\"seconds\": 3.2,", "\"seconds\": 3.2"),
             Contains("r/expected.json: error: no valid JSON"));
  const auto parse = [](const std::string& text) { return report_of([&] { parse_baseline(text, "x"); }); };
  CHECK_THAT(parse(""), Contains("no valid JSON"));
  CHECK_THAT(parse("[1]"), Contains("expected a map, got a list"));
  CHECK_THAT(parse("{}"), Contains("missing key 'metrics'"));
  CHECK_THAT(parse(R"({"metrics": {}, "history": []})"), Contains("metrics: names no metric"));
  CHECK_THAT(parse(std::string(100'000, '[')), Contains("more than 16 levels of nesting"));
}

TEST_CASE("a baseline cut off anywhere is an error") {
  for (size_t length = 0; length < kGood.size(); ++length) {
    CAPTURE(length);
    const std::string part = kGood.substr(0, length);
    CHECK_THAT(report_of([&] { parse_baseline(part, "cut"); }), Contains("cut: error: no valid JSON"));
  }
}
