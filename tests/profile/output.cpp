#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/profile/compare.h"
#include "dlb/profile/json.h"
#include "dlb/profile/page.h"
#include "dlb/profile/pictures.h"
#include "dlb/profile/text.h"
#include "profile/support.h"

using namespace dlb;
using namespace dlb::profile;
using Json = nlohmann::json;

namespace {

Profile small_profile(const std::string& layer = "conv") {
  Tally tally;
  for (int i = 0; i < 6; ++i) tally.add(small_step(layer), 0, 1'000'000 + i);
  Profile p;
  p.model = "m";
  p.config = "m.yaml";
  p.device = "cpu";
  p.dtype = "float32";
  p.mode = "train";
  p.threads = 2;
  p.steps = 6;
  p.samples = 16;
  p.step_ms = {1, 0.98, 1.02, 0.97};
  p.part_spread[1] = {0.4, 0.39, 0.41, 0.38};
  p.part_ms[1] = 0.4;
  p.rows = tally.rows();
  p.flops = 3000;
  p.peaks = {100, 20};
  p.peak_rss_mb = 100;
  p.memory.peak_bytes = 1000 << 10;
  p.memory.start_bytes = 100 << 10;
  p.memory.allocations = 7;
  p.memory.peak = {layer, "m.yaml:3", "forward", "add"};
  p.memory.held = {{layer, "m.yaml:3", "forward", 900 << 10}};
  p.memory.timeline = {{0.1, 100 << 10, layer, "forward"}, {0.6, 1000 << 10, layer, "backward"}};
  return p;
}

Json as_json(const Profile& p) { return Json::parse(to_json(p)); }

/// The index of an operator in the list `ops`.
size_t op_at(const Json& j, const std::string& name, const std::string& phase) {
  for (size_t i = 0; i < j["ops"].size(); ++i) {
    if (j["ops"][i]["name"] == name && j["ops"][i]["phase"] == phase) return i;
  }
  FAIL("no operator " << name);
  return 0;
}

void scale(Json& op, double factor) {
  for (const char* key : {"ms", "p10", "p90"}) op[key] = op[key].get<double>() * factor;
}

bool names(const std::vector<Difference>& list, const std::string& what) {
  return std::any_of(list.begin(), list.end(),
                     [&](const Difference& d) { return d.what.find(what) != std::string::npos; });
}

}  // namespace

TEST_CASE("steps are watched so seldom that it costs two percent of all") {
  CHECK(watched_every(0.1, 0.3) == 2);
  CHECK(watched_every(4, 0) == 2);  // of two steps one, so 2 % of both
  CHECK(watched_every(4.1, 0) == 3);
  CHECK(watched_every(22, 0.9) == 13);
  CHECK(watched_every(22, 10) == 2);  // may be noise
  CHECK(watched_every(1000, 1) == 64);
}

TEST_CASE("the JSON document has what the contract says") {
  const Json j = as_json(small_profile());
  for (const char* key : {"model", "device", "dtype", "mode"}) CHECK(j.at(key).is_string());
  for (const char* key : {"threads", "params", "flops_per_step", "steps", "samples_per_s", "peak_rss_mb",
                          "activation_mb", "achieved_gflops", "overhead_percent"})
    CHECK(j.at(key).is_number());
  for (const char* key : {"median", "p10", "p90", "min"}) CHECK(j.at("step_ms").at(key).is_number());
  for (const char* key : {"data", "forward", "backward", "optimizer"})
    CHECK(j.at("phases_ms").at(key).is_number());
  REQUIRE(!j.at("ops").empty());
  for (const Json& op : j.at("ops")) {
    for (const char* key : {"name", "layer", "where"}) CHECK(op.at(key).is_string());
    for (const char* key : {"calls", "ms", "percent", "gflops", "gb_per_s", "percent_of_peak"})
      CHECK(op.at(key).is_number());
  }
  CHECK(j.at("samples_per_s") == Approx(16000));
  CHECK(j.at("memory").at("peak").at("layer") == "conv");
  const Json& op = j.at("ops").at(op_at(j, "add", "forward"));
  CHECK(op.at("ms") == Approx(0.2));
  CHECK(op.at("gflops") == Approx(0.01));
  CHECK(op.at("gb_per_s") == Approx(0.02));
  CHECK(op.at("percent_of_peak") == Approx(0.1));
}

TEST_CASE("a profile does not differ from itself") {
  const std::string text = to_json(small_profile());
  const Comparison c = compare(text, text, "old");
  CHECK(c.worse.empty());
  CHECK(c.better.empty());
  CHECK(c.notes.empty());
  CHECK(c.within_noise == as_json(small_profile())["ops"].size());
  CHECK(c.within_noise_ms == 0);
}

TEST_CASE("only what lies beyond the spread of both sides is named") {
  const Json before = as_json(small_profile());
  const size_t at = op_at(before, "add", "backward");

  Json after = before;
  scale(after["ops"][at], 1.3);
  Comparison c = compare(before.dump(), after.dump(), "old");
  REQUIRE(c.worse.size() == 1);
  CHECK(c.worse[0].what == "add in conv (backward)");
  CHECK(c.worse[0].percent() == Approx(30).epsilon(0.01));
  CHECK(c.better.empty());
  // The other way round.
  c = compare(after.dump(), before.dump(), "old");
  CHECK(c.worse.empty());
  CHECK(names(c.better, "add in conv (backward)"));

  // Steps on either side that reach the other's times.
  for (const bool wide_before : {true, false}) {
    Json a = before, b = after;
    Json& wide = (wide_before ? a : b)["ops"][at];
    wide["p10"] = 0.28;
    wide["p90"] = 0.42;
    c = compare(a.dump(), b.dump(), "old");
    CHECK(c.worse.empty());
    CHECK(c.within_noise == before["ops"].size());
    CHECK(c.within_noise_ms == Approx(0.09).epsilon(0.01));
  }

  // Too little to matter, however certain.
  after = before;
  scale(after["ops"][at], 1.004);
  CHECK(compare(before.dump(), after.dump(), "old").worse.empty());
}

TEST_CASE("steps, sizes and what is on one side only") {
  const Json before = as_json(small_profile());
  Json after = before;
  after["step_ms"] = {{"median", 2.0}, {"p10", 1.9}, {"p90", 2.1}, {"min", 1.9}};
  after["peak_rss_mb"] = 150.0;
  after["memory"]["peak_mb"] = 0.5;
  after["allocations"]["count"] = 700;
  const size_t at = op_at(after, "add", "forward");
  after["ops"][at]["name"] = "sub";
  const Comparison c = compare(before.dump(), after.dump(), "old");
  CHECK(c.worse.at(0).what == "step");
  CHECK(c.worse.at(0).percent() == Approx(100));
  CHECK(names(c.worse, "resident memory"));
  CHECK(names(c.worse, "allocations"));
  CHECK(names(c.worse, "sub in conv (forward)"));
  CHECK(names(c.better, "peak memory of tensors"));
  CHECK(names(c.better, "add in conv (forward)"));
  // A hair more memory is nothing to report.
  Json hair = before;
  hair["peak_rss_mb"] = 100.5;
  CHECK(compare(before.dump(), hair.dump(), "old").worse.empty());
}

TEST_CASE("profiles of different work are compared with a note") {
  const Json before = as_json(small_profile());
  Json after = before;
  after["threads"] = 4;
  after["steps"] = 2;
  after["samples_per_step"] = 15.5;  // a short last batch: nothing to note
  const Comparison c = compare(before.dump(), after.dump(), "old");
  REQUIRE(c.notes.size() == 2);
  CHECK(c.notes[0].find("threads was 2, is 4") != std::string::npos);
  CHECK(c.notes[1].find("only 2 steps") != std::string::npos);
}

TEST_CASE("what is no profile is refused with the reason") {
  const auto message = [](const std::string& text) -> std::string {
    try {
      require_profile(text, "old.json");
      return {};
    } catch (const Error& e) {
      CHECK(e.kind == ErrorKind::kData);
      return e.message;
    }
  };
  CHECK(message("") == "'old.json' is no profile: it is not JSON");
  CHECK(message("{\"a\":") == "'old.json' is no profile: it is not JSON");
  CHECK(message("[1]") == "'old.json' is no profile: it is not a JSON object");
  CHECK(message("{}") == "'old.json' is no profile: it has no `step_ms.median`");
  CHECK(message(R"({"step_ms":3})") == "'old.json' is no profile: it has no `step_ms.median`");
  CHECK(message(R"({"step_ms":{"median":1}})") == "'old.json' is no profile: it has no list `ops`");
  CHECK(message(R"({"step_ms":{"median":1},"ops":{}})") == "'old.json' is no profile: it has no list `ops`");
  CHECK(message(R"({"step_ms":{"median":1},"ops":[{"name":1,"ms":2}]})") ==
        "'old.json' is no profile: an entry of `ops` has no `name` or no `ms`");
  CHECK(message(R"({"step_ms":{"median":1},"ops":[]})").empty());
  // What else is of a wrong type is left out.
  const std::string odd =
      R"({"step_ms":{"median":1},"ops":[{"name":"x","ms":1,"layer":3,"p10":"a"}],"memory":3,"allocations":[],"phases_spread":1})";
  CHECK(compare(odd, odd, "old").worse.empty());
}

TEST_CASE("pages escape what they show and link to nothing") {
  const std::string evil = "<script>alert('x')</script>&\"";
  const Profile p = small_profile(evil);
  const std::string page = html_page(p);
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("&lt;script&gt;") != std::string::npos);
  CHECK(page.find("http") == std::string::npos);
  CHECK(page.find("href") == std::string::npos);
  CHECK(page.find("src=") == std::string::npos);
  // An empty profile has pictures too.
  CHECK(flame_svg({}).find("</svg>") != std::string::npos);
  CHECK(roofline_svg({}).find("</svg>") != std::string::npos);
  CHECK(memory_svg({}).find("</svg>") != std::string::npos);
}

TEST_CASE("the flame picture gives each box its share") {
  const std::string svg = flame_svg(small_profile("block.conv"));
  CHECK(svg.find("<title>forward: ") != std::string::npos);
  CHECK(svg.find("<title>block: ") != std::string::npos);
  CHECK(svg.find("<title>conv: ") != std::string::npos);
  CHECK(svg.find("backward: 400.0 us, 40.0 % of the step") != std::string::npos);
}

TEST_CASE("tables as text") {
  const std::string text = to_text(small_profile(), 1);
  CHECK(text.find("(1 more)") != std::string::npos);
  CHECK(to_text(small_profile(), 9).find("\nadd ") != std::string::npos);
  CHECK(text.find("the peak comes in conv (forward), m.yaml:3, operator add") != std::string::npos);
  CHECK(time_text(0.05) == "50.00 us");
  CHECK(time_text(12.345) == "12.35 ms");
  CHECK(time_text(2000) == "2.000 s");
  CHECK(bytes_text(1536) == "1.5 KiB");
}
