#include "dlb/profile/tally.h"

#include <catch2/catch.hpp>

#include "profile/support.h"

using namespace dlb;
using namespace dlb::profile;

namespace {

const Row* find(const std::vector<Row>& rows, const std::string& name, const std::string& layer,
                const std::string& part) {
  for (const Row& row : rows) {
    if (row.name == name && row.layer == layer && row.part == part) return &row;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("each row has the time that nothing within it took") {
  const std::string layer = "conv";
  Tally tally;
  tally.add(small_step(layer), 0, 1'000'000);
  const std::vector<Row> rows = tally.rows();
  REQUIRE(find(rows, "add", layer, "forward") != nullptr);
  CHECK(find(rows, "add", layer, "forward")->ms == Approx(0.2));
  CHECK(find(rows, "add", layer, "forward")->calls == 2);
  CHECK(find(rows, "add", layer, "forward")->flops == 2000);
  CHECK(find(rows, "add", layer, "backward")->ms == Approx(0.3));
  CHECK(find(rows, "(between operators)", layer, "forward")->ms == Approx(0.1));
  CHECK(find(rows, "(between operators)", layer, "backward")->ms == Approx(0.1));
  CHECK(find(rows, "(between operators)", "forward", "forward")->ms == Approx(0.1));
  CHECK(find(rows, "(between operators)", "other", "other")->ms == Approx(0.2));
  double ms = 0, percent = 0;
  for (const Row& row : rows) {
    ms += row.ms;
    percent += row.percent;
  }
  CHECK(ms == Approx(1.0));
  CHECK(percent == Approx(100.0));
  const auto& parts = tally.parts();
  CHECK(parts[static_cast<size_t>(WorkPart::kForward)][0] == Approx(0.4));
  CHECK(parts[static_cast<size_t>(WorkPart::kBackward)][0] == Approx(0.4));
  CHECK(parts[static_cast<size_t>(WorkPart::kData)][0] == 0);
}

TEST_CASE("a row's time is the median of the steps, or their mean where not every step has it") {
  const std::string layer = "conv", rare = "rare";
  Tally tally;
  for (const int64_t extra : {0, 0, 0, 0, 900'000}) {
    std::vector<Record> records = small_step(layer);
    records.back().end += extra;
    records[4].end += extra;
    records[5].end += extra;
    if (extra > 0)
      records.push_back(record(Record::Kind::kOperator, 0, 1'800'000, 1'900'000, WorkPart::kOther, &rare));
    tally.add(records, 0, 1'000'000 + extra);
  }
  const std::vector<Row> rows = tally.rows();
  const Row& usual = *find(rows, "add", layer, "backward");
  CHECK(usual.ms == Approx(0.3));
  CHECK(usual.p10 == Approx(0.3));
  CHECK(usual.p90 > 0.6);
  const Row& sometimes = *find(rows, "add", rare, "other");
  CHECK(sometimes.ms == Approx(0.1 / 5));
  CHECK(sometimes.calls == Approx(0.2));
  CHECK(sometimes.step_ms.size() == 5);
}

TEST_CASE("rows add up by operator, layer and line") {
  Row a;
  a.name = "matmul";
  a.layer = "linear_1";
  a.where = "x:1";
  a.part = "forward";
  a.calls = 1;
  a.flops = 10;
  a.bytes = 4;
  a.step_ms = {1, 2, 3};
  Row b = a;
  b.part = "backward";
  b.calls = 2;
  b.step_ms = {2, 2, 5};
  Row c = a;
  c.name = "add";
  c.layer = "linear_2";
  c.step_ms = {1, 1, 1};
  const std::vector<Row> rows = {a, b, c};
  const auto by_op = grouped(rows, GroupBy::kOperator);
  REQUIRE(by_op.size() == 2);
  CHECK(by_op[0].name == "matmul");
  CHECK(by_op[0].ms == Approx(4));  // the median of 3, 4 and 8
  CHECK(by_op[0].calls == 3);
  CHECK(by_op[0].flops == 20);
  CHECK(by_op[0].part.empty());
  const auto by_layer = grouped(rows, GroupBy::kLayer);
  REQUIRE(by_layer.size() == 2);
  CHECK(by_layer[0].layer == "linear_1");
  CHECK(by_layer[0].where == "x:1");
  const auto by_line = grouped(rows, GroupBy::kLine);
  REQUIRE(by_line.size() == 1);
  CHECK(by_line[0].ms == Approx(5));
  CHECK(by_line[0].percent == Approx(100));
}

TEST_CASE("percentiles") {
  CHECK(spread_of({}).median == 0);
  CHECK(spread_of({3}).p90 == 3);
  const Spread s = spread_of({5, 1, 2, 3, 4});
  CHECK(s.median == 3);
  CHECK(s.min == 1);
  CHECK(s.p10 == Approx(1.4));
  CHECK(s.p90 == Approx(4.6));
}

TEST_CASE("the share of the peak is that of the nearer roof") {
  Row row;
  row.ms = 1;
  row.flops = 1e9;  // 1000 GFLOP/s
  row.bytes = 1e6;  // 1 GB/s
  CHECK(row.gflops() == Approx(1000));
  CHECK(row.gb_per_s() == Approx(1));
  CHECK(row.percent_of_peak({2000, 10}) == Approx(50));
  CHECK(row.percent_of_peak({1e6, 2}) == Approx(50));
  CHECK(row.percent_of_peak({}) == 0);
}
