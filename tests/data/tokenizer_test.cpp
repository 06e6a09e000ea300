#include "dlb/data/tokenizer.h"

#include "data/tokenizer_support.h"

using namespace dlb;
using namespace dlb::data;
using namespace dlb::test;
using Catch::Matchers::Contains;

TEST_CASE("well-formed UTF-8 is read, all else is one invalid byte") {
  const std::pair<std::string, int32_t> good[] = {{"A", 0x41},
                                                  {"\xC2\x80", 0x80},
                                                  {"\xDF\xBF", 0x7FF},
                                                  {"\xE0\xA0\x80", 0x800},
                                                  {"\xED\x9F\xBF", 0xD7FF},
                                                  {"\xEE\x80\x80", 0xE000},
                                                  {"\xEF\xBF\xBF", 0xFFFF},
                                                  {"\xF0\x90\x80\x80", 0x10000},
                                                  {"\xF4\x8F\xBF\xBF", 0x10FFFF}};
  for (const auto& [bytes, code] : good) {
    CHECK(decode_utf8(bytes).value == code);
    CHECK(decode_utf8(bytes).bytes == bytes.size());
    CHECK(find_invalid_utf8(bytes + "x") == std::string_view::npos);
    std::string again;
    append_utf8(again, code);
    CHECK(again == bytes);
    for (size_t cut = 1; cut < bytes.size(); ++cut) CHECK(decode_utf8(bytes.substr(0, cut)).value == -1);
  }
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x28\xA1", "\xC3\x28"}) {
    CHECK(decode_utf8(bad).value == -1);
    CHECK(decode_utf8(bad).bytes == 1);
    CHECK(find_invalid_utf8(std::string("ab") + bad) == 2);
  }
  CHECK(latin1_to_utf8("caf\xE9 \xFF") == "caf\u00e9 \u00ff");
}

TEST_CASE("normal forms, lower case and stripped accents are those of Python's unicodedata") {
  const auto cases = golden::load("tokenizers.json")["forms"];
  REQUIRE(cases.size() == 7);
  for (const auto& c : cases) {
    const auto text = c["text"].get<std::string>();
    CAPTURE(text);
    for (const char* name : {"nfc", "nfd", "nfkc", "nfkd"}) {
      TextForm form;
      form.normalize = name;
      CHECK(in_form(text, form) == c[name].get<std::string>());
    }
    CHECK(in_form(text, {true, "none", false}) == c["lower"].get<std::string>());
    CHECK(in_form(text, {false, "none", true}) == c["strip_accents"].get<std::string>());
    CHECK(in_form(text, {}) == text);
  }
  CHECK_THROWS_WITH(in_form("ab\xFF", {false, "nfc", false}), Contains("is no UTF-8: byte 0xff"));
}

TEST_CASE("char: the code points of the training text in increasing order") {
  const auto tokenizer = make_tokenizer("char", "h\u00e9llo\n w\u00f6rld");
  CHECK(tokenizer->size() == 10);
  std::string alphabet;
  for (int32_t id = 0; id < 10; ++id) alphabet += tokenizer->token(id);
  CHECK(alphabet == "\n dhlorw\u00e9\u00f6");
}

TEST_CASE("char: encode, decode, unknown characters") {
  const auto tokenizer = make_tokenizer("char", "abc \u4f60", {"<pad>", "<s>"});
  CHECK(tokenizer->size() == 7);
  CHECK(tokenizer->special("<s>") == 1);
  CHECK(tokenizer->encode("<s>cab\u4f60<pad>") == Ids{1, 5, 3, 4, 6, 0});
  CHECK(tokenizer->decode(Ids{5, 3, 4, 6}) == "cab\u4f60");
  CHECK_THROWS_WITH(tokenizer->encode("abx"),
                    Contains("the character 'x' (U+0078) is not in the vocabulary"));
  CHECK_THROWS_WITH(tokenizer->encode("a\xFF"), Contains("the text is no UTF-8: byte 0xff"));
  CHECK_THROWS_WITH(tokenizer->decode(Ids{7}), Contains("there is no token 7; expected 0 to 6"));
  CHECK_THROWS_WITH(tokenizer->decode(Ids{-1}), Contains("there is no token -1"));
  const auto unknown = make_tokenizer("{char: {unknown: '?'}}", "ab?");
  CHECK(unknown->encode("aZb?") == Ids{1, 0, 2, 0});
  const auto fixed = make_tokenizer("{char: {alphabet: zyx}}", "anything");
  CHECK(fixed->encode("xyz") == Ids{0, 1, 2});
}

TEST_CASE("char: form of the text") {
  CHECK(make_tokenizer("{char: {lower: true}}", "AbaB")->size() == 2);
  CHECK(make_tokenizer("{char: {strip_accents: true}}", "e\u00e9\u00e8")->size() == 1);
  const auto tokenizer = make_tokenizer("{char: {lower: true, strip_accents: true}}", "\u00c9a");
  CHECK(tokenizer->decode(tokenizer->encode("\u00c8A\u00c0")) == "eaa");
}

TEST_CASE("the longest special token at a place counts, the first place first") {
  const auto tokenizer = make_tokenizer("{char: {special_tokens: ['<a', '<a>', 'a>']}}", "<a> x");
  const int32_t left = tokenizer->special("<a"), whole = tokenizer->special("<a>"),
                right = tokenizer->special("a>");
  CHECK(tokenizer->encode("<a>") == Ids{whole});
  CHECK(tokenizer->encode("<a<a>a>") == Ids{left, whole, right});
  CHECK(tokenizer->encode("").empty());
}

TEST_CASE("byte: any bytes and back") {
  const auto tokenizer = make_tokenizer("byte", "", {"<s>"});
  CHECK(tokenizer->size() == 257);
  CHECK(tokenizer->encode("<s>A") == Ids{0, 66});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string bytes = random_bytes(seed, 300);
    CHECK(tokenizer->decode(tokenizer->encode(bytes)) == bytes);
  }
}

TEST_CASE("word: counts decide the order, punctuation is separate, kept or dropped") {
  const std::string text = "the cat, the dog.\nThe cat! (b-a) the";
  const auto separate = make_tokenizer("word", text);
  // the 3, cat 2, then once each, by bytes.
  std::string all;
  for (int32_t id = 0; id < separate->size(); ++id) all += separate->token(id) + "|";
  CHECK(all == "<unk>|the|cat|!|(|)|,|-|.|The|a|b|dog|");
  CHECK(separate->encode("the  cat,\tbird") == Ids{1, 2, 6, 0});
  CHECK(separate->decode(separate->encode("the cat,")) == "the cat ,");
  const auto keep = make_tokenizer("{word: {punctuation: keep}}", text);
  CHECK(keep->find("(b-a)"));
  CHECK(keep->find("cat,"));
  CHECK_FALSE(keep->find("cat"));
  const auto drop = make_tokenizer("{word: {punctuation: drop, lower: true}}", text);
  CHECK(drop->encode("THE, (cat)") == Ids{1, 2});
  CHECK(drop->size() == 6);
}

TEST_CASE("word: rare words, largest size, ends of lines, unknown words in the text") {
  const std::string text = "a a a b b c <unk> <unk> <unk> <unk>\nd\n";
  const auto rare = make_tokenizer("{word: {min_count: 2}}", text);
  CHECK(rare->size() == 3);
  CHECK(rare->encode("a c <unk>") == Ids{1, 0, 0});
  CHECK(make_tokenizer("{word: {max_size: 2}}", text)->size() == 2);
  const auto lines = make_tokenizer("{word: {newline: <eos>}}", text, {"<pad>"});
  CHECK(lines->encode("a\nb\n") == Ids{3, 2, 4, 2});
  CHECK_THROWS_WITH(make_tokenizer("word", "ok \xC3"), Contains("no UTF-8"));
}

TEST_CASE("fields of tokenizers that cannot be") {
  CHECK_THROWS_WITH(make_tokenizer("{char: {special_tokens: ['a b']}}", ""),
                    Contains("the special token 'a b' has white space in it"));
  CHECK_THROWS_WITH(make_tokenizer("{byte: {special_tokens: [x, y, x]}}", ""),
                    Contains("the special token 'x' is given twice"));
  CHECK_THROWS_WITH(make_tokenizer("{word: {unknown: ''}}", ""), Contains("a special token is empty"));
  CHECK_THROWS_WITH(make_tokenizer("{word: {punctuation: split}}", ""),
                    Contains("word.punctuation must be one of separate, keep, drop"));
  CHECK_THROWS_WITH(make_tokenizer("{bpe: {size: 10}}", ""), Contains("bpe.size"));
  CHECK_THROWS_WITH(make_tokenizer("{bpe: {vocab_file: v}}", ""),
                    Contains("needs vocab_file and merges_file together"));
  CHECK_THROWS_WITH(make_tokenizer("{bpe: {file: a, vocab_file: v, merges_file: m}}", ""),
                    Contains("not both"));
  CHECK_THROWS_WITH(make_tokenizer("cahr", ""), Contains("unknown tokenizer 'cahr'; did you mean 'char'?"));
}
