#include <cmath>
#include <map>
#include <set>

#include "data/data_support.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<data::DataModule> opened(const std::string& source, const TempFolder& tmp,
                                         const std::string& more = "") {
  auto module = plan("source: {" + source + "}\n" + more, tmp.path());
  module->open();
  return module;
}

int64_t fact(const data::DataModule& module, const char* name) {
  config::Scope scope;
  module.facts(scope);
  const config::Node* node = scope.find(name);
  return node != nullptr ? node->as_int() : -1;
}

}  // namespace

TEST_CASE("a graph from text files: one sample a split, labels of other splits are left out") {
  const TempFolder tmp;
  write(tmp / "nodes.txt", "0 1 train 0 2\n1 0 val 1\n2 -1 none\n3 2 train 0 1 2\n");
  write(tmp / "edges.txt", "0 1\n1 2\n3 3\n");
  const std::string files = "nodes: nodes.txt, edges: edges.txt";
  const auto module = opened("graph: {" + files + "}", tmp, "batch: 1\n");
  CHECK(module->splits() == std::vector<std::string>{"train", "val"});
  CHECK(fact(*module, "nodes") == 4);
  CHECK(fact(*module, "edges") == 5);
  CHECK(fact(*module, "features") == 3);
  CHECK(fact(*module, "classes") == 3);
  const auto train = read_all(*module, "train");
  CHECK(train[0] == std::vector<double>{1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1});
  CHECK(train[1] == std::vector<double>{0, 1, 1, 0, 1, 2, 2, 1, 3, 3});
  CHECK(train[2] == std::vector<double>{1, -100, -100, 2});
  CHECK(read_all(*module, "val")[2] == std::vector<double>{-100, 0, -100, -100});
  // Every epoch is the same tensors.
  auto loader = module->loader("train", true, 1);
  loader->start(0);
  const Tensor first = loader->next()->input();
  CHECK_FALSE(loader->next());
  loader->start(1);
  CHECK(same(loader->next()->input(), first));

  const auto other = opened("graph: {" + files + ", directed: true, self_loops: true, normalize: row}", tmp);
  CHECK(read_all(*other, "train")[1] == std::vector<double>{0, 1, 1, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3});
  CHECK(read_all(*other, "train")[0][9] == Approx(1.0 / 3));
  write(tmp / "values.txt", "0 1 train 0.5 -2\n1 0 train 1 3\n");
  write(tmp / "one.txt", "0 1\n");
  const auto values = opened("graph: {nodes: values.txt, edges: one.txt, features: values}", tmp);
  CHECK(read_all(*values, "train")[0] == std::vector<double>{0.5, -2, 1, 3});
}

TEST_CASE("what is wrong with a graph is said with its line") {
  const TempFolder tmp;
  const auto report = [&](const std::string& nodes, const std::string& edges) {
    write(tmp / "n", nodes);
    write(tmp / "e", edges);
    return report_of([&] { opened("graph: {nodes: n, edges: e}", tmp); });
  };
  CHECK_THAT(report("0 1 train 0\n2 1 train 0\n", ""), Contains("n' line 2: node 2; expected 1"));
  CHECK_THAT(report("0 1 tran 0\n", ""),
             Contains("line 1: split 'tran' must be one of train, val, test, none"));
  CHECK_THAT(report("0 x train 0\n", ""), Contains("class 'x' must be a whole number from -1"));
  CHECK_THAT(report("0 1\n", ""), Contains("2 fields; expected a node's number, class and split"));
  CHECK_THAT(report("0 1 train 99999999999\n", ""), Contains("feature '99999999999' must be"));
  CHECK_THAT(report("0 1 val 0\n", ""), Contains("no node is of the split 'train'"));
  CHECK_THAT(report("0 1 train 0\n", "0 1\n"),
             Contains("e' line 1: node '1' must be a whole number from 0 to 0"));
  CHECK_THAT(report("0 1 train 0\n", "0 0 0\n"), Contains("3 fields; an edge has two nodes"));
  CHECK_THAT(report("", ""), Contains("has no nodes"));
}

TEST_CASE("ratings: users and items are numbered, and divided by seed") {
  const TempFolder tmp;
  write(tmp / "r.dat", "7::a::3.5::99\n9::b::1::98\n7::b::5::97\n8::a::2::96\n");
  const auto module = opened("interactions: {ratings: r.dat, shuffle: false}", tmp);
  CHECK(fact(*module, "users") == 3);
  CHECK(fact(*module, "items") == 2);
  CHECK(read_all(*module, "train") ==
        std::vector<std::vector<double>>{{0, 1, 0, 2}, {0, 1, 1, 0}, {3.5, 1, 5, 2}});
  CHECK(module->spec().inputs == 2);
  write(tmp / "r.csv", "rating,who,what\n3,u,\"x,y\"\n4,v,z\n1,u,z\n");
  const auto csv = opened(
      "interactions: {ratings: r.csv, delimiter: \",\", header: true, user: 1, item: 2, rating: 0, "
      "threshold: 3, "
      "test_fraction: 0.34}",
      tmp);
  CHECK(csv->size("train") == 2);
  auto all = read_all(*csv, "train");
  const auto test = read_all(*csv, "test");
  double liked = test[2][0];
  for (const double t : all[2]) liked += t;
  CHECK(liked == 2);
  const auto report = [&](const std::string& text, const std::string& fields) {
    write(tmp / "x", text);
    return report_of([&] { opened("interactions: {ratings: x" + fields + "}", tmp); });
  };
  CHECK_THAT(report("1,2,3\n", ""),
             Contains("line 1: 1 field; expected at least 3") && Contains("delimiter"));
  CHECK_THAT(report("a::b::c\n", ""), Contains("rating 'c' is no number") && Contains("header: true"));
  CHECK_THAT(report("", ""), Contains("has no ratings"));
}

TEST_CASE("made-up clicks can be told better than by chance, from ids and numbers") {
  const TempFolder tmp;
  const auto module = opened("clicks: {samples: 4000, test_samples: 0, features: 3, tables: 2, rows: 5}", tmp,
                             "batch: 4000\n");
  CHECK(fact(*module, "rows") == 5);
  const auto columns = read_all(*module, "train");
  std::map<double, std::pair<double, double>> by_id;
  double clicks = 0;
  for (size_t i = 0; i < 4000; ++i) {
    CHECK((columns[1][2 * i] >= 0 && columns[1][2 * i] < 5));
    CHECK((columns[2][i] == 0 || columns[2][i] == 1));
    clicks += columns[2][i];
    by_id[columns[1][2 * i]].first += columns[2][i];
    by_id[columns[1][2 * i]].second += 1;
  }
  CHECK((clicks > 800 && clicks < 3200));
  double least = 1, most = 0;
  for (const auto& [id, sums] : by_id) {
    least = std::min(least, sums.first / sums.second);
    most = std::max(most, sums.first / sums.second);
  }
  CHECK(most - least > 0.1);
}

TEST_CASE("lines of the Criteo format") {
  const TempFolder tmp;
  std::string line = "1\t";
  for (int i = 0; i < 13; ++i) line += i == 1 ? "\t" : fmt::format("{}\t", i == 2 ? -3 : i);
  for (int i = 0; i < 26; ++i)
    line += fmt::format("{}{}", i % 2 == 0 ? "68fd1e64" : "", i < 25 ? "\t" : "\n");
  write(tmp / "day", line + "0" + line.substr(1));
  const auto module = opened("criteo: {train: day, rows: 1000}", tmp);
  const auto columns = read_all(*module, "train");
  CHECK(columns[2] == std::vector<double>{1, 0});
  for (size_t i = 0; i < 13; ++i)
    CHECK(columns[0][i] == Approx(i == 1 || i == 2 ? 0 : std::log(1.0 + double(i))).margin(1e-6));
  const std::set<double> ids(columns[1].begin(), columns[1].end());
  CHECK(ids.size() == 2);  // the category and the missing one
  for (const double id : ids) CHECK((id >= 0 && id < 1000));
  write(tmp / "bad", line + "2" + line.substr(1));
  CHECK_THAT(report_of([&] { opened("criteo: bad", tmp); }), Contains("line 2: click '2' must be 0 or 1"));
  write(tmp / "short", "1\t2\n");
  CHECK_THAT(report_of([&] { opened("criteo: short", tmp); }), Contains("2 fields; expected 40"));
  write(tmp / "day.gz", gzip(line));
  CHECK_THAT(report_of([&] { opened("criteo: day.gz", tmp); }), Contains("gunzip"));
}
