#include <cmath>

#include "data/data_support.h"
#include "dlb/data/csv_reader.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& text, const data::CsvFormat& format = {}) {
  data::CsvReader reader(data::ByteStream::memory("t.csv", text), format);
  Rows rows;
  while (reader.next()) rows.emplace_back(reader.fields().begin(), reader.fields().end());
  return rows;
}

struct Tables {
  TempFolder tmp;
  Tables() {
    write(tmp / "a.csv",
          "age,job,wage,label\n"
          "20,clerk,1.5,no\n"
          "30,\"smith, senior\",2.5,yes\n"
          "40,clerk,3.5,no\n"
          "50,baker,4.5,maybe\n");
  }
  std::unique_ptr<data::DataModule> open(const std::string& source, const std::string& more = "") const {
    auto module = plan("source: {csv: " + source + "}\n" + more, tmp.path());
    module->open();
    return module;
  }
  std::string report(const std::string& source) const {
    return report_of([&] { open(source); });
  }
};

}  // namespace

TEST_CASE("records: quotes, line ends, blanks, empty lines, delimiters") {
  CHECK(rows_of("a,b\r\n\n1,2") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("\"a\"\"b\",\"c,d\",\"e\nf\"\n x , \"y\" \n") == Rows{{"a\"b", "c,d", "e\nf"}, {"x", "y"}});
  CHECK(rows_of(",,\n") == Rows{{"", "", ""}});
  CHECK(rows_of("\xEF\xBB\xBFid\n1\n") == Rows{{"id"}, {"1"}});
  data::CsvFormat format;
  format.trim = false;
  CHECK(rows_of(" x ,y\n", format) == Rows{{" x ", "y"}});
  format.delimiter = "::";
  format.quotes = false;
  CHECK(rows_of("1::\"a::b:\n", format) == Rows{{"1", "\"a", "b:"}});
  format.delimiter = "whitespace";
  CHECK(rows_of("  a\t b  \nc\n", format) == Rows{{"a", "b"}, {"c"}});
  CHECK(rows_of("").empty());
  CHECK_THAT(report_of([] { rows_of("a,b\n\"x\"y,2\n"); }),
             Contains("'t.csv' line 2: field 1: text after the closing quote"));
  CHECK_THAT(report_of([] { rows_of("a\n\"x\n1\n"); }), Contains("'t.csv' line 2: a quote is not closed"));
}

TEST_CASE("records longer than a chunk of the file, and lines of those inside quotes") {
  std::string text = "h\n\"" + std::string(600'000, 'x') + "\n\"\n";
  for (int i = 0; i < 50'000; ++i) text += "123456789\n";
  data::CsvReader reader(data::ByteStream::memory("t.csv", text), {});
  REQUIRE(reader.next());
  REQUIRE(reader.next());
  CHECK(reader.fields()[0].size() == 600'001);
  int64_t rows = 0;
  while (reader.next()) {
    CHECK(reader.fields()[0] == "123456789");
    CHECK(text.substr(reader.offset(), 9) == "123456789");
    ++rows;
  }
  CHECK(rows == 50'000);
  CHECK(reader.line() == 50'003);
}

TEST_CASE("numbers and one-hot categories become x, classes are sorted") {
  const Tables t;
  const auto module = t.open("{train: a.csv, target: label, shuffle: false}");
  const data::SampleSpec& spec = module->spec();
  CHECK(spec.columns[0].name == "x");
  CHECK(spec.columns[0].spec.shape == Shape{5});
  CHECK(spec.classes == 3);
  const auto columns = read_all(*module, "train");
  // age, job (baker, clerk, "smith, senior"), wage
  CHECK(columns[0] == std::vector<double>{20, 0, 1, 0, 1.5, 30, 0, 0, 1, 2.5,  //
                                          40, 0, 1, 0, 3.5, 50, 1, 0, 0, 4.5});
  CHECK(columns[1] == std::vector<double>{1, 2, 1, 0});
  CHECK(module->checksums().size() == 1);
}

TEST_CASE("categories as ids of one table, columns chosen by name and number, standardised") {
  const Tables t;
  const auto module = t.open(
      "{train: a.csv, target: -2, task: regression, inputs: [age, 1, label], categories: ids, "
      "standardize: true, standardize_target: true, shuffle: false}");
  config::Scope scope;
  module->facts(scope);
  CHECK(scope.find("categories")->as_int() == 4 + 4);
  CHECK(scope.find("outputs")->as_int() == 1);
  CHECK(scope.find("classes") == nullptr);
  CHECK(module->spec().inputs == 2);
  CHECK(module->spec().columns[1].name == "categories");
  const auto columns = read_all(*module, "train");
  const double deviation = std::sqrt(125.0);  // of 20, 30, 40, 50
  for (size_t i = 0; i < 4; ++i) CHECK(columns[0][i] == Approx((10.0 * double(i) - 15) / deviation));
  // job: baker 0, clerk 1, smith 2, any other 3; label from 4: maybe, no, yes, any other.
  CHECK(columns[1] == std::vector<double>{1, 5, 2, 6, 1, 5, 0, 4});
  for (size_t i = 0; i < 4; ++i) CHECK(columns[2][i] == Approx((double(i) - 1.5) / std::sqrt(1.25)));
}

TEST_CASE("a table without a header, in other files, with other delimiters, compressed") {
  const Tables t;
  write(t.tmp / "b.txt", gzip("5 1.5  10\n6 2.5  9\n7 0.5 10\n"));
  write(t.tmp / "c.txt", "8 1 9.\n");
  const auto module = t.open(
      "{train: b.txt, test: c.txt, header: false, names: [n, v, kind], delimiter: whitespace, target: kind, "
      "exclude: n, strip_label: ., shuffle: false}");
  CHECK(read_all(*module, "train") == std::vector<std::vector<double>>{{1.5, 2.5, 0.5}, {1, 0, 1}});
  CHECK(read_all(*module, "test") == std::vector<std::vector<double>>{{1}, {0}});
}

TEST_CASE("missing values: an error, dropped, or filled in from training rows") {
  const Tables t;
  write(t.tmp / "m.csv", "a,c,y\n1,u,0\n?,v,1\n3,,1\n5,u,0\n");
  CHECK(t.report("{train: m.csv, target: y}") ==
        "c.yaml:1:9: error: '" + (t.tmp / "m.csv") +
            "' line 3: column 'a' has a missing value ('?')\n"
            "  hint: `missing: drop` leaves out such rows, `missing: fill` puts in the mean");
  const auto dropped = t.open("{train: m.csv, target: y, missing: drop, shuffle: false}");
  CHECK(read_all(*dropped, "train") == std::vector<std::vector<double>>{{1, 1, 5, 1}, {0, 0}});
  const auto filled = t.open("{train: m.csv, target: y, missing: fill, shuffle: false}");
  CHECK(read_all(*filled, "train")[0] == std::vector<double>{1, 1, 0, 3, 0, 1, 3, 0, 0, 5, 1, 0});
}

TEST_CASE("a share of the rows as test samples: disjoint, and statistics of the rest alone") {
  const TempFolder tmp;
  std::string text = "x,y\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("{},{}\n", i, i % 2);
  write(tmp / "t.csv", text);
  const auto opened = [&](const std::string& more) {
    auto module =
        plan("source: {csv: {train: t.csv, target: y, test_fraction: 0.25" + more + "}}\n", tmp.path());
    module->open();
    return module;
  };
  const auto module = opened("");
  auto train = read_all(*module, "train")[0], test = read_all(*module, "test")[0];
  CHECK(train.size() == 75);
  CHECK(test.size() == 25);
  CHECK(!std::is_sorted(train.begin(), train.end()));
  CHECK(read_all(*opened(", seed: 1"), "test")[0] != test);
  const auto scaled = read_all(*opened(", standardize: true"), "train")[0];
  double sum = 0, squares = 0;
  for (const double x : scaled) {
    sum += x;
    squares += x * x;
  }
  CHECK(sum == Approx(0).margin(1e-4));
  CHECK(squares == Approx(75).epsilon(1e-4));
  CHECK((scaled[0] > scaled[1]) == (train[0] > train[1]));
  train.insert(train.end(), test.begin(), test.end());
  std::sort(train.begin(), train.end());
  for (size_t i = 0; i < 100; ++i) CHECK(train[i] == double(i));
  const auto in_order = opened(", shuffle: false");
  CHECK(read_all(*in_order, "test")[0].front() == 75);
}

TEST_CASE("rows read from the file as they are needed are those decoded at once") {
  const Tables t;
  const std::string source = "train: a.csv, target: label, test_fraction: 0.25";
  const auto once = t.open("{" + source + "}");
  const auto late = t.open("{" + source + ", in_memory: false}", "threads: 3\n");
  for (const char* split : {"train", "test"}) CHECK(read_all(*once, split) == read_all(*late, split));
  write(t.tmp / "a.csv", "cut");
  CHECK_THAT(report_of([&] { read_all(*late, "train"); }), Contains("it has become shorter"));
}

TEST_CASE("what is wrong with a table is said with its line or key") {
  const Tables t;
  write(t.tmp / "short.csv", "a,b\n1,2\n3\n");
  CHECK_THAT(t.report("{train: short.csv, target: b}"),
             Contains("short.csv' line 3: 1 field; expected 2") && Contains("is `delimiter` right?"));
  CHECK_THAT(t.report("{train: a.csv, target: lable}"),
             Contains("c.yaml:1:38: error: target: 'a.csv' has no column 'lable'; did you mean 'label'?"));
  CHECK_THAT(t.report("{train: a.csv, target: 4}"), Contains("target: there is no column 4: 'a.csv' has 4"));
  CHECK_THAT(t.report("{train: a.csv, target: label, inputs: [age, label]}"),
             Contains("inputs: column 'label' is the target"));
  CHECK_THAT(
      t.report("{train: a.csv, target: label, task: regression}"),
      Contains("line 2: target 'label' is 'no', which is no number") && Contains("task: classification"));
  CHECK_THAT(t.report("{train: none.csv, target: label}"), Contains("cannot read") && Contains("none.csv"));
  write(t.tmp / "other.csv", "age,job,wage,label\n1,x,2,never\n");
  CHECK_THAT(t.report("{train: a.csv, test: other.csv, target: label}"),
             Contains("other.csv' line 2: class 'never' of column 'label' does not occur"));
  write(t.tmp / "text.csv", "age,job,wage,label\nold,x,2,no\n");
  CHECK_THAT(t.report("{train: a.csv, test: text.csv, target: label}"),
             Contains("text.csv' line 2: column 'age' is 'old'") && Contains("it has numbers only"));
  write(t.tmp / "head.csv", "age,job,pay,label\n1,x,2,no\n");
  CHECK_THAT(t.report("{train: a.csv, test: head.csv, target: label}"),
             Contains("head.csv' line 1: the header differs"));
  CHECK_THAT(t.report("{train: a.csv, target: label, test_fraction: 0.1}"),
             Contains("leaves 4 for training"));
}

TEST_CASE("any damage to a table is an error or gives samples, never a crash") {
  const Tables t;
  const std::string good = "a,b,y\n1,\"p\"\"q\",0\n2,q,1\n3,p,0\n";
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'\0', '"', '\n', ',', 'z', '\xff'}) {
      std::string bad = good;
      bad[at] = c;
      write(t.tmp / "d.csv", bad);
      try {
        read_all(*t.open("{train: d.csv, target: 2}"), "train");
      } catch (const Error& e) {
        CHECK(e.kind != ErrorKind::kInternal);
      }
    }
    write(t.tmp / "d.csv", good.substr(0, at));
    try {
      read_all(*t.open("{train: d.csv, target: 2}"), "train");
    } catch (const Error& e) {
      CHECK(e.kind != ErrorKind::kInternal);
    }
  }
}
