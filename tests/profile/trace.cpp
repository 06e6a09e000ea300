#include "dlb/profile/trace.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "profile/support.h"

using namespace dlb;
using namespace dlb::profile;
using Json = nlohmann::json;

namespace {

/// Checks that each end closes the last begin, in the order of time; returns the names of what began.
std::vector<std::string> walk(const Json& trace) {
  std::vector<std::string> names;
  std::vector<double> open;
  double last = 0;
  for (const Json& e : trace.at("traceEvents")) {
    const std::string phase = e.at("ph");
    if (phase == "M") continue;
    CHECK(e.at("ts").get<double>() >= last);
    last = e.at("ts");
    if (phase == "B") {
      open.push_back(last);
      names.push_back(e.at("name"));
    } else if (phase == "E") {
      REQUIRE(!open.empty());
      CHECK(last >= open.back());
      open.pop_back();
    } else {
      CHECK(phase == "C");
      CHECK(e.at("args").at("MiB").is_number());
    }
  }
  CHECK(open.empty());
  return names;
}

size_t timed_events(const Json& trace) {
  size_t n = 0;
  for (const Json& e : trace.at("traceEvents")) n += e.at("ph") != "M";
  return n;
}

}  // namespace

TEST_CASE("a trace is valid JSON whose ends match its begins") {
  const std::string layer = "a \"quoted\" \\ name\n";
  Trace trace;
  trace.add(1, 0, 1'000'000, small_step(layer));
  trace.add(2, 2'000'000, 3'000'000, {});
  const Json json = Json::parse(trace.json("test"));
  const std::vector<std::string> names = walk(json);
  CHECK(names == std::vector<std::string>{"step 1", "forward", layer, "add", "add", "backward",
                                          "gradient of " + layer, "add", "step 2"});
  CHECK(trace.note().empty());
  CHECK(json.at("otherData").at("dropped_events") == 0);
  const Json& op = json.at("traceEvents").at(5);
  CHECK(op.at("name") == "add");
  CHECK(op.at("args").at("flops") == 1000);
  CHECK(op.at("args").at("layer") == layer);
  CHECK(op.at("ts") == Approx(200.0));
}

TEST_CASE("a trace has no more events than allowed and still matches") {
  const std::string layer = "conv";
  const size_t whole = 2 + 4 * 2 + 3 * 3;
  for (const size_t most :
       {size_t{0}, size_t{1}, size_t{2}, size_t{7}, whole - 1, whole, whole + 1, 3 * whole - 5}) {
    INFO(most);
    Trace trace(most);
    for (int64_t i = 0; i < 4; ++i)
      trace.add(i + 1, i * 1'000'000, (i + 1) * 1'000'000, small_step(layer, i * 1'000'000));
    const Json json = Json::parse(trace.json("test"));
    walk(json);
    CHECK(timed_events(json) <= most);
    CHECK(timed_events(json) + trace.dropped_events() == 4 * whole);
    CHECK(json.at("otherData").at("dropped_events") == trace.dropped_events());
    CHECK(!trace.note().empty());
  }
  Trace all(4 * whole);
  for (int64_t i = 0; i < 4; ++i) all.add(i + 1, i * 1'000'000, (i + 1) * 1'000'000, small_step(layer));
  CHECK(all.dropped_events() == 0);
  CHECK(all.kept_steps() == 4);
}
