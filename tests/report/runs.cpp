// Run folders in whatever state: what is read of them, and what is noted.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/report/metrics.h"
#include "dlb/report/report.h"
#include "dlb/report/run.h"
#include "dlb/report/run_list.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::report;
using Catch::Contains;
using test::TempFolder;

namespace {

const char* const kRecords =
    R"({"step":1,"epoch":0.5,"split":"train","lr":0.1,"loss":3.0,"accuracy":0.25}
{"step":2,"epoch":1,"split":"train","lr":0.1,"loss":2.0,"accuracy":0.5}
{"step":2,"epoch":1,"split":"val","loss":2.5,"accuracy":0.75}
{"step":4,"epoch":2,"split":"val","loss":null,"accuracy":0.5}
)";
const char* const kRun =
    R"({"name":"x","status":"done","version":"1","host":"h","threads":2,"seed":7,"steps":4,"epochs":2,"seconds":1.5,
"metrics":{"val":{"loss":null,"accuracy":0.5}},"params_hash":"abc","higher_is_better":["accuracy"],"data":{"a":"md5:1"},
"best":{"metric":"accuracy","value":0.75,"step":2}})";

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message;
  }
  return "";
}

}  // namespace

TEST_CASE("metrics.jsonl becomes curves in the order of a page", "[metrics]") {
  const TempFolder temp;
  temp.write("m.jsonl", kRecords);
  const Metrics m = read_metrics(temp / "m.jsonl");
  CHECK(m.records == 4);
  CHECK(m.notes.empty());
  std::vector<std::string> names;
  for (const Series& s : m.series) names.push_back(s.metric + "/" + s.split);
  CHECK(names ==
        std::vector<std::string>{"loss/train", "loss/val", "accuracy/train", "accuracy/val", "lr/train"});
  const Series* loss = m.find("val", "loss");
  REQUIRE(loss != nullptr);
  CHECK(loss->curve.points().size() == 2);
  CHECK(loss->curve.last()->value == 2.5);
  CHECK(m.find("train", "accuracy")->curve.highest()->epoch == 1);
  CHECK(read_metrics(temp / "absent.jsonl").records == 0);
}

TEST_CASE("every truncation of metrics.jsonl is read as far as it goes", "[metrics]") {
  const TempFolder temp;
  const std::string all = kRecords;
  for (size_t length = 0; length <= all.size(); ++length) {
    temp.write("m.jsonl", all.substr(0, length));
    const Metrics m = read_metrics(temp / "m.jsonl");
    const auto lines = std::count(all.begin(), all.begin() + static_cast<int64_t>(length), '\n');
    const bool whole_but_newline = length > 0 && all[length] == '\n' && length < all.size();
    CAPTURE(length);
    REQUIRE(m.records == lines + (whole_but_newline ? 1 : 0));
    const bool broken = length > 0 && all[length - 1] != '\n' && !whole_but_newline;
    REQUIRE(m.notes.size() == (broken ? 1 : 0));
    if (broken) REQUIRE_THAT(m.notes[0], Contains("ends within line"));
  }
}

TEST_CASE("lines that are no records are left out and counted", "[metrics]") {
  const TempFolder temp;
  std::string text =
      "[1,2]\nnull\n{\"step\":\"one\"}\n{\"step\":1e300,\"loss\":1}\nnot json\n\n{\"loss\":1}\n";
  text += "{\"step\":1,\"split\":5,\"loss\":1,\"note\":\"text\",\"list\":[1]}\n";
  text += std::string(100'000, '[') + "\n" + std::string(3 << 20, 'x') + "\n";
  text += "{\"step\":2,\"split\":\"train\",\"loss\":2}\n";
  temp.write("m.jsonl", text);
  const Metrics m = read_metrics(temp / "m.jsonl");
  CHECK(m.records == 2);
  CHECK(m.series.size() == 2);
  REQUIRE(m.notes.size() == 6);
  CHECK_THAT(m.notes[0], Contains("line 1 is no JSON object"));
  CHECK_THAT(m.notes[2], Contains("line 3 has no step"));
  CHECK_THAT(m.notes[5], Contains("8 lines"));
}

TEST_CASE("curves are bounded in number and in points", "[metrics]") {
  const TempFolder temp;
  std::string text;
  for (int step = 0; step < 1500; ++step) {
    text += fmt::format("{{\"step\":{},\"split\":\"train\"", step);
    for (int k = 0; k < 300; ++k) text += fmt::format(",\"m{}\":{}", k, step % 17);
    text += "}\n";
  }
  temp.write("m.jsonl", text);
  const Metrics m = read_metrics(temp / "m.jsonl");
  CHECK(m.series.size() == 200);
  size_t points = 0;
  for (const Series& s : m.series) points += s.curve.points().size();
  CHECK(points <= 200'000);
  REQUIRE(m.notes.size() == 1);
  CHECK_THAT(m.notes[0], Contains("more than 200 curves"));
}

TEST_CASE("run.json is read with all it says, and tolerated with what it lacks", "[run]") {
  const TempFolder temp;
  temp.write("r/run.json", kRun);
  std::vector<std::string> notes;
  const RunInfo info = read_run_info(temp / "r", notes);
  CHECK(notes.empty());
  CHECK(info.status == "done");
  CHECK(info.threads == 2);
  CHECK(info.seconds == 1.5);
  CHECK(std::isnan(info.metrics.at("val").at("loss")));
  CHECK(info.higher("accuracy"));
  CHECK_FALSE(info.higher("loss"));
  CHECK(info.best->step == 2);
  CHECK(info.data.at("a") == "md5:1");

  const std::string all = kRun;
  for (size_t length = 0; length < all.size(); ++length) {
    temp.write("cut/run.json", all.substr(0, length));
    notes.clear();
    CAPTURE(length);
    REQUIRE(read_run_info(temp / "cut", notes).status == "unknown");
    REQUIRE(notes.size() == 1);
    REQUIRE_THAT(notes[0], Contains("run.json is damaged"));
  }
  for (const char* odd :
       {R"({"status":5,"metrics":[],"data":3,"best":[],"expect":{},"resumed":"x"})",
        R"({"metrics":{"val":3,"test":{"loss":"x"}},"expect":[1,{}],"best":{},"steps":1.5,"threads":"2"})"}) {
    temp.write("odd/run.json", odd);
    notes.clear();
    const RunInfo read = read_run_info(temp / "odd", notes);
    CHECK(read.status == "unknown");
    CHECK_FALSE(read.steps);
    CHECK_FALSE(read.threads);
  }
}

TEST_CASE("a run that says it is running, without a process, was killed", "[run]") {
  const TempFolder temp;
  temp.write("r/run.json", R"({"status":"running"})");
  std::vector<std::string> notes;
  CHECK(read_run_info(temp / "r", notes).status == "killed");
}

TEST_CASE("folders that are no runs are told from runs in a bad state", "[run]") {
  const TempFolder temp;
  CHECK_THAT(message_of([&] { read_run(temp / "none"); }), Contains("there is no such folder"));
  CHECK_THAT(message_of([&] { read_run(temp.path()); }), Contains("it has none of run.json"));
  temp.write("file", "x");
  CHECK_THAT(message_of([&] { read_run(temp / "file"); }), Contains("it is a file"));
  temp.write("r/metrics.jsonl", kRecords);
  const Run run = read_run(temp / "r");
  CHECK(run.info.status == "unknown");
  CHECK(run.notes.size() == 2);  // no run.json, no config.yaml
  CHECK(results_of(run).at("train").at("loss") == 2);
}

TEST_CASE("a report is written for a run in any state", "[report]") {
  const TempFolder temp;
  temp.write("r/config.yaml", "name: </pre><script>x</script>\n");
  temp.write("r/predictions.json", "{\"split\": \"</script>\"");
  std::string log;
  for (int i = 0; i < 1000; ++i) log += fmt::format("line {}\nwarning: <b>{}</b>\n", i, i);
  temp.write("r/log.txt", log);
  const Written written = write_report(temp / "r");
  CHECK(written.file == temp / "r/report.html");
  CHECK(written.status == "unknown");
  CHECK(written.notes.size() == 3);  // no run.json, nothing measured, damaged predictions
  const std::string html = files::read_all(written.file);
  CHECK(html.size() == written.bytes);
  CHECK_THAT(html, Contains("&lt;/pre&gt;&lt;script&gt;x&lt;/script&gt;"));
  CHECK_THAT(html, !Contains("<script>x"));
  CHECK_THAT(html, Contains("warning: &lt;b&gt;0&lt;/b&gt;"));
  CHECK_THAT(html, !Contains("warning: <b>"));
  CHECK_THAT(html, Contains("line 999"));
  CHECK_THAT(html, !Contains("line 5\n"));
  CHECK_THAT(message_of([&] { write_report(temp / "r", temp.path()); }), Contains("is a folder"));
  write_report(temp / "r", temp / "other.html");
  CHECK(files::read_all(temp / "other.html") == html);
}

TEST_CASE("data of a page cannot end its script", "[report]") {
  const TempFolder temp;
  temp.write("r/metrics.jsonl", R"({"step":1,"split":"</script><!--","a</SCRIPT>b\u2028":1})"
                                "\n");
  const std::string html = report_html(read_run(temp / "r"));
  const size_t begin = html.find("id=\"data\">") + 10;
  const std::string data = html.substr(begin, html.find("</script>", begin) - begin);
  CHECK(data.find('<') == std::string::npos);
  const auto j = nlohmann::json::parse(data);
  CHECK(j["runs"][0]["series"][0]["metric"] == "a</SCRIPT>b\u2028");
  CHECK(j["runs"][0]["series"][0]["split"] == "</script><!--");
}

TEST_CASE("runs are listed, sorted and filtered", "[runs]") {
  const TempFolder temp;
  const auto make = [&](const std::string& name, const std::string& status, const std::string& start,
                        double accuracy) {
    temp.write(
        name + "/run.json",
        fmt::format(
            R"({{"status":"{}","start":"{}","steps":{},"config":"c/{}.yaml","seconds":2,"higher_is_better":["accuracy"],)"
            R"("metrics":{{"test":{{"accuracy":{},"loss":1}},"val":{{"loss":{}}}}}}})",
            status, start, 10, name, accuracy, 1 - accuracy));
  };
  make("a-2", "done", "2026-01-02T00:00:00Z", 0.5);
  make("a-10", "done", "2026-01-01T00:00:00Z", 0.9);
  make("b-1", "failed", "2026-01-03T00:00:00Z", 0.7);
  temp.write("broken/run.json", "{");
  temp.write("notes/readme", "");
  temp.write("file", "");
  const auto names = [&](ListOptions o) {
    o.folder = temp.path();
    std::string text;
    for (const ListedRun& run : list_runs(o).runs) text += run.name + " ";
    return text;
  };
  CHECK(names({}) == "b-1 a-2 a-10 broken ");
  CHECK(names({.sort = "name"}) == "a-2 a-10 b-1 broken ");
  CHECK(names({.sort = "name", .reverse = true}) == "broken b-1 a-10 a-2 ");
  CHECK(names({.sort = "accuracy"}) == "a-10 b-1 a-2 broken ");
  CHECK(names({.sort = "val.loss"}) == "a-10 b-1 a-2 broken ");
  CHECK(names({.sort = "status", .filters = {"-"}}) == "a-2 a-10 b-1 ");
  CHECK(names({.filters = {"status=done", "a-1"}}) == "a-10 ");
  CHECK(names({.filters = {"config=b-1.yaml"}}) == "b-1 ");
  CHECK_THAT(message_of([&] { names({.sort = "acuracy"}); }), Contains("no run has a metric"));
  CHECK_THAT(message_of([&] { names({.filters = {"size=3"}}); }), Contains("there is no 'size'"));
  CHECK_THAT(message_of([&] { list_runs({.folder = temp / "none"}); }), Contains("no such folder"));

  const RunList list = list_runs({.folder = temp.path()});
  CHECK(list.others == 1);
  const auto j = nlohmann::json::parse(list.json());
  CHECK(j["runs"][0]["metrics"]["accuracy"] == 0.7);
  CHECK(j["runs"][3]["status"] == "unknown");
  CHECK_THAT(j["runs"][3]["notes"][0].get<std::string>(), Contains("damaged"));
  CHECK_THAT(list.text(), Contains("test loss 1, accuracy 0.7"));
  CHECK(list_runs({.folder = temp / "a-2"}).runs.size() == 1);
}

TEST_CASE("how far a run came that was cut off stands in its records", "[runs]") {
  const TempFolder temp;
  temp.write("r/run.json", R"({"status":"running","steps":0})");
  temp.write("r/metrics.jsonl", kRecords);
  const RunList list = list_runs({.folder = temp.path()});
  REQUIRE(list.runs.size() == 1);
  CHECK(list.runs[0].info.status == "killed");
  CHECK(list.runs[0].steps == 4);
  CHECK(list.runs[0].split == "val");
}
