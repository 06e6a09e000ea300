#include <catch2/catch.hpp>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;
using Strings = std::vector<std::string>;

Value three() { return Value::sequence({floats({1}), floats({2, 3}), floats({4})}, Element::kFloat32); }

}  // namespace

TEST_CASE("Positions in sequences count from both ends") {
  CHECK(numbers(apply("SequenceAt", {three(), integer(-2)})[0]) == Numbers{2, 3});
  CHECK_THROWS_WITH(apply("SequenceAt", {three(), integer(3)}), Contains("position 3 in a sequence of 3"));
  CHECK_THROWS_AS(apply("SequenceAt", {three(), integer(-4)}), Error);
  const auto items = [](const Value& v) {
    std::vector<Numbers> all;
    for (const Value& item : *v.items) all.push_back(numbers(item));
    return all;
  };
  CHECK(items(apply("SequenceInsert", {three(), floats({9}), integer(-1)})[0]) ==
        std::vector<Numbers>{{1}, {2, 3}, {9}, {4}});
  CHECK(items(apply("SequenceInsert", {three(), floats({9})})[0]).back() == Numbers{9});
  CHECK(items(apply("SequenceErase", {three()})[0]) == std::vector<Numbers>{{1}, {2, 3}});
  CHECK_THROWS_WITH(apply("SequenceInsert", {three(), integers({9})}), Contains("does not belong"));
  CHECK_THROWS_AS(apply("SequenceErase", {Value::sequence({}, Element::kFloat32)}), Error);
  CHECK(wholes(apply("SequenceLength", {three()})[0]) == Ints{3});
  CHECK_THROWS_WITH(apply("SequenceConstruct", {floats({1}), integers({1})}), Contains("does not belong"));
}

TEST_CASE("Splitting to a sequence and joining it again") {
  const Value x = integers({1, 2, 3, 4, 5});
  const Value parts = apply("SplitToSequence", {x, integer(2)})[0];
  REQUIRE(parts.items->size() == 3);
  CHECK(wholes((*parts.items)[2]) == Ints{5});
  CHECK(apply("SplitToSequence", {x}, {attribute("keepdims", 0)})[0].items->at(4).shape() == Shape{});
  CHECK(apply("SplitToSequence", {texts({"a", "b"}), integers({2, 0})})[0].items->at(0).texts->items ==
        Strings{"a", "b"});
  CHECK_THROWS_WITH(apply("SplitToSequence", {x, integers({2, 2})}), Contains("parts have 4 elements"));
  CHECK_THROWS_WITH(apply("SplitToSequence", {x, integers({6, -1})}), Contains("exceed"));
  CHECK_THROWS_WITH(apply("SplitToSequence", {x, integer(0)}), Contains("parts of 0"));
  CHECK(apply("SplitToSequence", {x, integer(INT64_MAX)})[0].items->size() == 1);
  CHECK(wholes(apply("ConcatFromSequence", {parts}, {attribute("axis", 0)})[0]) == wholes(x));
  CHECK_THROWS_WITH(
      apply("ConcatFromSequence", {Value::sequence({}, Element::kInt64)}, {attribute("axis", 0)}),
      Contains("empty sequence"));
  CHECK_THROWS_AS(apply("ConcatFromSequence", {three()}, {attribute("axis", 0), attribute("new_axis", 1)}),
                  Error);
}

TEST_CASE("SequenceMap runs its graph for each item, with values from around") {
  const Graph body = graph_of({"item", "shift"}, {node("Add", {"item", "shift"}, {"sum"})}, {"sum"});
  const Value y = apply("SequenceMap", {three(), floats({10}, {})}, {attribute("body", body)})[0];
  CHECK(numbers((*y.items)[1]) == Numbers{12, 13});
  CHECK_THROWS_WITH(apply("SequenceMap", {three(), Value::sequence({floats({1})}, Element::kFloat32)},
                          {attribute("body", body)}),
                    Contains("3 and 1 items"));
  CHECK_THROWS_WITH(apply("SequenceMap", {three()}, {attribute("body", body)}), Contains("takes 2 values"));
}

TEST_CASE("Optional values may be empty") {
  const Graph g = graph_of({"x"},
                           {node("Optional", {}, {"none"}), node("OptionalHasElement", {"none"}, {"a"}),
                            node("OptionalHasElement", {"x"}, {"b"}), node("Identity", {"none"}, {"still"}),
                            node("OptionalHasElement", {"still"}, {"c"})},
                           {"a", "b", "c", "still"});
  const auto y = Session(model_of(g)).run({{"x", floats({1})}});
  CHECK(numbers(y[0]) == Numbers{0});
  CHECK(numbers(y[1]) == Numbers{1});
  CHECK(numbers(y[2]) == Numbers{0});
  CHECK(y[3].none());
  const Graph get =
      graph_of({}, {node("Optional", {}, {"none"}), node("OptionalGetElement", {"none"}, {"y"})}, {"y"});
  CHECK_THROWS_WITH(Session(model_of(get)).run({}), Contains("empty"));
}

TEST_CASE("Texts are normalised, split, joined and matched") {
  const Value words = texts({"Ärger", "und", "LÄRM"});
  CHECK(apply("StringNormalizer", {words},
              {attribute("stopwords", Strings{"UND"}), attribute("case_change_action", "LOWER")})[0]
            .texts->items == Strings{"ärger", "lärm"});
  CHECK(apply("StringNormalizer", {words},
              {attribute("stopwords", Strings{"UND"}), attribute("is_case_sensitive", 1)})[0]
            .texts->items.size() == 3);
  CHECK(apply("StringNormalizer", {texts({"x\xff"})}, {attribute("case_change_action", "UPPER")})[0]
            .texts->items == Strings{"X\xff"});
  CHECK_THROWS_WITH(apply("StringNormalizer", {words}, {attribute("case_change_action", "TITLE")}),
                    Contains("'TITLE'"));
  const auto split = apply("StringSplit", {texts({" a  b c ", "", "d"})}, {attribute("maxsplit", 1)}, 24, 2);
  CHECK(split[0].texts->items == Strings{"a", "b c ", "", "", "d", ""});
  CHECK(wholes(split[1]) == Ints{2, 0, 1});
  const auto commas = apply("StringSplit", {texts({"a,,b", ""})}, {attribute("delimiter", ",")}, 24, 2);
  CHECK(commas[0].texts->items == Strings{"a", "", "b", "", "", ""});
  CHECK(wholes(commas[1]) == Ints{3, 1});
  const Value column(Texts{{2, 1}, {"x", "y"}});
  const Value joined = apply("StringConcat", {column, texts({"1", "2"})})[0];
  CHECK(joined.shape() == Shape{2, 2});
  CHECK(joined.texts->items == Strings{"x1", "x2", "y1", "y2"});
  CHECK_THROWS_AS(apply("StringConcat", {texts({"a", "b"}), texts({"a", "b", "c"})}), Error);
}

TEST_CASE("Regular expressions take linear time and say what is wrong with them") {
  const auto match = [](const std::string& text, const char* pattern) {
    return numbers(apply("RegexFullMatch", {texts({text})}, {attribute("pattern", pattern)})[0])[0] != 0;
  };
  CHECK(match("2024-01-31", R"(\d{4}-\d\d-\d\d)"));
  CHECK_FALSE(match("x2024-01-31", R"(\d{4}-\d\d-\d\d)"));
  CHECK_FALSE(match(std::string(100'000, 'a') + "b", "(a*)*(a|aa)*c"));  // exponential for those that go back
  CHECK_THROWS_WITH(match("a", "(a"), Contains("missing"));
  CHECK_THROWS_AS(match("a", R"((a)\1)"), Error);
  CHECK_THROWS_AS(match("a", "((((a{1000}){1000}){1000}){1000})"), Error);
}

TEST_CASE("TfIdfVectorizer checks its pool") {
  const auto run = [](Ints starts, Ints indexes, Ints pool) {
    return apply("TfIdfVectorizer", {integers({1, 2, 1, 2})},
                 {attribute("mode", "TF"), attribute("min_gram_length", 1), attribute("max_gram_length", 2),
                  attribute("max_skip_count", 1), attribute("ngram_counts", std::move(starts)),
                  attribute("ngram_indexes", std::move(indexes)), attribute("pool_int64s", std::move(pool))});
  };
  CHECK(numbers(run({0, 2}, {0, 1, 2}, {1, 2, 1, 2})[0]) == Numbers{2, 2, 2});
  CHECK_THROWS_WITH(run({0, 9}, {0, 1, 2}, {1, 2, 1, 2}), Contains("does not divide"));
  CHECK_THROWS_WITH(run({0, 1}, {0, 1}, {1, 2, 1, 2}), Contains("does not divide"));
  CHECK_THROWS_WITH(run({0, 2}, {0, 1}, {1, 2, 1, 2}), Contains("2 indexes"));
  CHECK_THROWS_WITH(run({0, 2}, {0, -1, 2}, {1, 2, 1, 2}), Contains("is -1"));
  CHECK_THROWS_AS(run({0, 2}, {0, INT64_MAX, 2}, {1, 2, 1, 2}), Error);
}
