#include "dlb/report/compare.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/report/text.h"
#include "dlb/report/text_table.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::report;
using Catch::Contains;
using test::TempFolder;

namespace {

void make(const TempFolder& temp, const std::string& name, const std::string& config, double accuracy,
          const std::string& hash) {
  temp.write(name + "/config.yaml", config);
  temp.write(
      name + "/run.json",
      fmt::format(
          R"({{"status":"done","threads":2,"host":"{}","params_hash":"{}","higher_is_better":["accuracy"],)"
          R"("metrics":{{"test":{{"loss":0.5,"accuracy":{}}}}}}})",
          name, hash, accuracy));
  temp.write(name + "/metrics.jsonl", R"({"step":1,"epoch":1,"split":"train","loss":0.25})"
                                      "\n");
}

}  // namespace

TEST_CASE("two runs beside each other", "[compare]") {
  const TempFolder temp;
  make(
      temp, "a",
      "name: x\nmodel: [linear: 8, relu, {dropout: {p: 0.5}}]\nvals: [1, 2]\noptimizer: {adam: {lr: 1e-3}}\n",
      0.8, "h1");
  make(temp, "b",
       "name: x\nmodel: [linear: 8, relu, {dropout: {p: 0.25}}]\nvals: [1, 2, 3]\noptimizer: {sgd: {lr: "
       "1e-3}}\n",
       0.9, "h2");
  const Comparison c = compare({temp / "a", temp / "b"});
  const auto j = nlohmann::json::parse(c.json());
  const auto config = nlohmann::json::parse(R"([
    {"key":"model[2].dropout.p","values":["0.5","0.25"]},
    {"key":"vals","values":["[1, 2]","[1, 2, 3]"]},
    {"key":"optimizer.adam.lr","values":["0.001",null]},
    {"key":"optimizer.sgd.lr","values":[null,"0.001"]}])");
  CHECK(j["config"] == config);
  REQUIRE(j["metrics"].size() == 3);
  CHECK(j["metrics"][0]["metric"] == "loss");
  CHECK(j["metrics"][0]["differences"][1] == 0);
  CHECK(j["metrics"][1]["metric"] == "accuracy");
  CHECK(j["metrics"][1]["differences"][1].get<double>() == Approx(0.1));
  CHECK(j["metrics"][1]["higher_is_better"] == true);
  CHECK(j["metrics"][2]["split"] == "train");
  CHECK(j["params_equal"] == false);
  CHECK(j["environment"][0]["key"] == "host");
  CHECK_THAT(c.text(), Contains("+0.1 (+12.50 %)"));
  CHECK_THAT(c.text(), Contains("The final parameters differ."));
  CHECK_THAT(c.html(), Contains("class=\"number good\">+0.1"));
}

TEST_CASE("equal runs, runs of one name, runs that are not whole", "[compare]") {
  const TempFolder temp;
  make(temp, "a", "name: x\n", 0.8, "h");
  make(temp, "sub/a", "name: x\n", 0.8, "h");
  make(temp, "broken", "name: [\n", 0.8, "");
  const Comparison c = compare({temp / "a", temp / "sub/a"});
  CHECK(c.same_params == true);
  CHECK(c.config.empty());
  CHECK(c.names == std::vector<std::string>{temp / "a", temp / "sub/a"});
  CHECK_THAT(c.text(), Contains("The configs do not differ."));
  const Comparison d = compare({temp / "a", temp / "broken"});
  CHECK_FALSE(d.same_params);
  REQUIRE(d.notes.size() == 1);
  CHECK_THAT(d.notes[0], Contains("broken: its config cannot be read"));
  CHECK_THROWS_AS(compare({temp / "a", temp / "none"}), Error);
}

TEST_CASE("numbers and text for tables and pages", "[text]") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(1234567) == "1,234,567");
  CHECK(count_text(-123456) == "-123,456");
  CHECK(duration_text(0.5) == "0.50 s");
  CHECK(duration_text(59.94) == "59.9 s");
  CHECK(duration_text(245) == "4 min 05 s");
  CHECK(duration_text(7385) == "2 h 03 min");
  CHECK(duration_text(-1) == "-");
  CHECK(number_text(0.1234567) == "0.123457");
  CHECK(number_text(std::optional<double>()) == "-");
  CHECK(shortened("h\xc3\xa9llo", 2) == "h...");
  CHECK(shortened("abc", 3) == "abc");
  CHECK(escape_script("\"</script>&\"") == "\"\\u003c/script\\u003e\\u0026\"");
  CHECK(text_table({{"a", "n"}, {"h\xc3\xa9", "10"}, {"x\ny", "5"}}, {1}) ==
        "a     n\nh\xc3\xa9   10\nx?y   5\n");
}
