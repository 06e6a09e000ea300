#include "dlb/regress/junit.h"
#include "regress/regress_support.h"

using namespace dlb;
using namespace dlb::regress;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

Report sample() {
  Outcome odd;
  odd.recipe = {"a<b>&\"c\"", "recipes/odd"};
  odd.status = Status::kMissed;
  odd.checks = {{"test.accuracy", "0.97", "0.5", "-0.02", Verdict::kMissed},
                {"test.loss", "0.1", "0.1", "+0.02", Verdict::kMet},
                {"parameters", "aa", "bb", "equal", Verdict::kNotComparable, "threads 4, not 2"},
                {"step time", "1", "9", "x2", Verdict::kReported, "speed is not judged"}};
  Outcome broken;
  broken.recipe = {"broken", "recipes/broken"};
  broken.status = Status::kFailed;
  broken.reason = "error: the loss\nis \x01 nan";
  Outcome absent;
  absent.recipe = {"absent", "recipes/absent"};
  absent.status = Status::kSkipped;
  absent.reason = "data set 'x' is not on this machine";
  return {{odd, broken, absent}, 12.5};
}

}  // namespace

TEST_CASE("text is made fit for XML") {
  CHECK(xml_text("a<b>&\"c\"'") == "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  CHECK(xml_text("a\nb\tc") == "a&#10;b&#9;c");
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(xml_text(std::string("\0\x1b", 2)) == bad + bad);
  CHECK(xml_text("\xC3\xA9\xF0\x9F\x98\x80") == "\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(xml_text("\xC3(") == bad + "(");
  CHECK(xml_text("\xC0\x80") == bad + bad);            // overlong
  CHECK(xml_text("\xED\xA0\x80") == bad + bad + bad);  // half of a pair
  CHECK(xml_text("\xEF\xBF\xBF") == bad + bad + bad);  // U+FFFF, which XML excludes
  CHECK(xml_text("\xF4\x90\x80\x80") == bad + bad + bad + bad);
  CHECK(xml_text("\xE2\x82") == bad + bad);  // cut off
}

TEST_CASE("JUnit has a case for each check and counts that agree") {
  const std::string xml = to_junit(sample());
  CHECK_THAT(
      xml,
      Contains("<testsuites name=\"dlbench regress\" tests=\"7\" failures=\"1\" errors=\"1\" skipped=\"3\""));
  CHECK_THAT(xml, Contains("<testsuite name=\"a&lt;b&gt;&amp;&quot;c&quot;\" tests=\"5\" failures=\"1\" "
                           "errors=\"0\" skipped=\"2\""));
  CHECK_THAT(xml, Contains("<failure message=\"expected 0.97 (-0.02), found 0.5\"/>"));
  CHECK_THAT(
      xml,
      Contains("<skipped message=\"not comparable: expected aa (equal), found bb: threads 4, not 2\"/>"));
  CHECK_THAT(xml, Contains("<error message=\"error: the loss&#10;is \xEF\xBF\xBD nan\"/>"));
}

TEST_CASE("the table shows every verdict and counts the recipes") {
  const std::string text = to_text(sample());
  CHECK_THAT(text, Contains("missed\n") && Contains("not comparable: threads 4, not 2\n"));
  CHECK_THAT(text, Contains("skipped: data set 'x' is not on this machine\n"));
  CHECK_THAT(text, Contains("failed: error: the loss\n"));
  CHECK_THAT(text, Contains("0 passed, 1 missed, 1 failed, 1 skipped in 12.5 s\n"));
  CHECK_THAT(to_json(sample()), Contains(R"("missed":1)") && Contains(R"("verdict":"not comparable")"));
}

TEST_CASE("the exit code: interrupted before failed before missed") {
  Report report;
  const auto with = [&](Status status) {
    report.outcomes.emplace_back();
    report.outcomes.back().status = status;
    return report.exit_code();
  };
  CHECK(with(Status::kPassed) == 0);
  CHECK(with(Status::kSkipped) == 0);
  CHECK(with(Status::kMissed) == 3);
  CHECK(with(Status::kFailed) == 1);
  CHECK(with(Status::kInterrupted) == 130);
}
