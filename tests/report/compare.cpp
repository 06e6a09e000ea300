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

namespace {

/// The differences of configs in the form "key: A | B", those of a run that lacks it "-".
std::vector<std::string> differing(const std::vector<std::string>& configs) {
  const TempFolder temp;
  std::vector<std::string> paths;
  for (size_t i = 0; i < configs.size(); ++i) {
    const std::string name = fmt::format("run{}", i);
    make(temp, name, configs[i], 0.5, "h");
    paths.push_back(temp / name);
  }
  std::vector<std::string> rows;
  for (const Difference& d : compare(paths).config) {
    rows.push_back(d.key + ":");
    for (const auto& v : d.values)
      rows.back() += " " + v.value_or("-") + (&v == &d.values.back() ? "" : " |");
  }
  return rows;
}

}  // namespace

TEST_CASE("a layer put in before others is one difference", "[compare]") {
  using Rows = std::vector<std::string>;
  const std::string stack = "conv2d: {out: 8, kernel: 3}, relu, linear: 10, {dropout: {p: 0.5}}]\n";
  CHECK(differing({"model: [" + stack, "model: [{batch_norm: {eps: 0.1}}, " + stack}) ==
        Rows{"model[+0]: - | {batch_norm: {eps: 0.1}}"});
  CHECK(differing({"model: [flatten, " + stack, "model: [" + stack}) == Rows{"model[0]: flatten | -"});
  // Behind it a layer differs in a field: shown at its place in the first run.
  CHECK(differing({"model: [relu, conv2d: {out: 8, kernel: 3}]\n",
                   "model: [flatten, relu, conv2d: {out: 9, kernel: 3}]\n"}) ==
        Rows{"model[+0]: - | flatten", "model[1].conv2d.out: 8 | 9"});
  // Equal ones before those of one type, names before types.
  CHECK(differing({"model: [linear: 10, linear: 20]\n", "model: [linear: 5, linear: 10, linear: 20]\n"}) ==
        Rows{"model[+0]: - | {linear: 5}"});
  CHECK(differing({"model: [{linear: {out: 5, as: a}}, {linear: {out: 6, as: b}}]\n",
                   "model: [{linear: {out: 7, as: b}}]\n"}) ==
        Rows{"model[0]: {linear: {out: 5, as: a}} | -", "model[1].linear.out: 6 | 7"});
  CHECK(differing({"phases: [{name: critic, every: 1}, {name: actor, every: 2}]\n",
                   "phases: [{name: actor, every: 3}]\n"}) ==
        Rows{"phases[0]: {name: critic, every: 1} | -", "phases[1].every: 2 | 3"});
  // In lists within lists.
  CHECK(differing(
            {"model: [{residual: [relu, linear: 4]}]\n", "model: [{residual: [tanh, relu, linear: 4]}]\n"}) ==
        Rows{"model[0].residual[+0]: - | tanh"});
}

TEST_CASE("several runs, lists that one lacks, values of other kinds", "[compare]") {
  using Rows = std::vector<std::string>;
  CHECK(
      differing({"model: [linear: 1]\n", "model: [tanh, linear: 1]\n", "model: [tanh, relu, linear: 2]\n"}) ==
      Rows{"model[+0]: - | tanh | tanh", "model[+1]: - | - | relu", "model[0].linear: 1 | 1 | 2"});
  CHECK(differing({"a: 1\n", "a: 1\nmodel: [linear: 1]\n"}) == Rows{"model[+0]: - | {linear: 1}"});
  CHECK(differing({"optimizer: adam\n", "optimizer: {adam: {lr: 1}}\n"}) ==
        Rows{"optimizer: adam | -", "optimizer.adam.lr: - | 1"});
  CHECK(differing({"model: [relu]\n", "model: [{linear: 1}, relu]\n"}) == Rows{"model[+0]: - | {linear: 1}"});
  CHECK(differing({"vals: [1, 2]\n", "vals: [0, 1, 2]\n"}) == Rows{"vals: [1, 2] | [0, 1, 2]"});
  CHECK(differing({"vals: {a: 1, b: [x: 1]}\n", "vals: {b: [x: 1], a: 1}\n"}).empty());
  // Two long values that differ at their ends only.
  const std::string text(300, 'x');
  CHECK(differing({"a: " + text + "1\n", "a: " + text + "2\n"}).size() == 1);
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
