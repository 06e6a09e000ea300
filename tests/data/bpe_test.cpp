#include "dlb/data/bpe.h"

#include <chrono>
#include <cstdlib>

#include "data/tokenizer_support.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::data;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  split_gpt2(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word;
  return text;
}

/// SHA-256 of ids as 32-bit integers.
std::string digest(const Ids& ids) {
  return files::sha256_hex({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t)});
}

/// The merged tokens in order, joined by spaces.
std::string merged(const BpeModel& model) {
  std::string out;
  for (const BpeMerge& merge : model.merges) {
    if (!out.empty()) out += ' ';
    out += model.tokens[static_cast<size_t>(merge.id)];
  }
  return out;
}

}  // namespace

TEST_CASE("text is cut where GPT-2's pattern cuts it") {
  const auto golden = golden::load("tokenizers.json");
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  REQUIRE(texts.size() > 20);
  for (size_t i = 0; i < texts.size(); ++i) {
    CAPTURE(texts[i]);
    CHECK(split(texts[i]) == golden["splits"][i].get<std::vector<std::string>>());
  }
}

TEST_CASE("the parts of any text are the text, also of invalid bytes") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    CHECK(joined(split(random_text(seed, 200))) == random_text(seed, 200));
    CHECK(joined(split(random_bytes(seed, 300))) == random_bytes(seed, 300));
  }
  CHECK(split("a\xFF\xFE b\xC3") == std::vector<std::string>{"a", "\xFF\xFE", " b", "\xC3"});
}

TEST_CASE("training merges the most frequent pair, of equal ones that of the smallest ids") {
  // low x5, lower x2, newest x6, widest x3: Sennrich et al.'s example. " " counts with the word behind it.
  std::string text;
  for (const auto& [word, times] : {std::pair("low", 5), {"lower", 2}, {"newest", 6}, {"widest", 3}}) {
    for (int i = 0; i < times; ++i) text.append(word).append("\n");
  }
  // es 9, then est 9, lo 7, low 7, then ew, ne, and "west" with 6 each: by ids "ne" (n < w), then "newest"s
  // rest.
  const BpeModel model = train_bpe(feed({text}), {}, 256 + 4, 2);
  CHECK(merged(model) == "es est lo low");
  CHECK(model.tokens.size() == 260);
  // Ties: "ab" and "cd" once each per word; the pair of smaller ids goes first.
  CHECK(merged(train_bpe(feed({"cd ab cd ab"}), {}, 258, 1)) == "ab cd");
  // A run is merged from the left: aaaaa is aa aa a, then aa aaa, as an "a" has a smaller id than "aa".
  CHECK(merged(train_bpe(feed({"aaaaa\naaaaa"}), {}, 300, 2)) == "aa aaa aaaaa");
  CHECK(train_bpe(feed({"abc"}), {}, 300, 2).merges.empty());
  CHECK(merged(train_bpe(feed({"abc abc"}), {"<s>"}, 300, 2)) == "ab abc");
}

TEST_CASE("the same vocabulary as Hugging Face's trainer, the same tokens as its tokenizer and tiktoken") {
  const auto golden = golden::load("tokenizers.json");
  const auto tokenizer = make_tokenizer("{bpe: {size: 512}}", golden["corpus"].get<std::string>());
  TempFolder folder;
  write(folder / "vocab.json", golden["vocab_file"].get<std::string>());
  write(folder / "merges.txt", golden["merges_file"].get<std::string>());
  const BpeModel loaded = load_bpe(folder / "vocab.json", folder / "merges.txt");
  const BpeModel& own = dynamic_cast<const BpeTokenizer&>(*tokenizer).model();
  CHECK(loaded.tokens == own.tokens);
  CHECK(merged(loaded) == merged(own));
  const BpeTokenizer other(loaded, {});
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  for (size_t i = 0; i < texts.size(); ++i) {
    CAPTURE(texts[i]);
    CHECK(tokenizer->encode(texts[i]) == golden["encoded"][i].get<Ids>());
    CHECK(other.encode(texts[i]) == golden["encoded"][i].get<Ids>());
    CHECK(tokenizer->decode(tokenizer->encode(texts[i])) == texts[i]);
  }
  CHECK(digest(tokenizer->encode(golden["corpus"].get<std::string>())) == golden["corpus_digest"]);
}

TEST_CASE("a tokenizer.json of Hugging Face's, with special tokens; what is saved loads again") {
  const auto golden = golden::load("tokenizers.json");
  TempFolder folder;
  write(folder / "t.json", golden["tokenizer_file"].get<std::string>());
  const auto text = golden["special_text"].get<std::string>();
  const auto tokenizer = make_tokenizer("{bpe: {file: t.json}}", feed({}), {"<s>", "<extra>"}, folder.path());
  CHECK(tokenizer->encode(text) == golden["special_encoded"].get<Ids>());
  CHECK(tokenizer->special("<pad>") == 0);
  CHECK(tokenizer->special("<extra>") == 374);
  CHECK(tokenizer->size() == 375);
  CHECK(tokenizer->decode(tokenizer->encode(text + "<extra>")) == text + "<extra>");
  const auto trained = make_tokenizer("{bpe: {size: 400, min_count: 3}}", golden["corpus"].get<std::string>(),
                                      {"<pad>", "<s>"});
  CHECK(trained->encode(text) == golden["special_encoded"].get<Ids>());
  write(folder / "saved.json", save_bpe(dynamic_cast<const BpeTokenizer&>(*trained).model()));
  const auto again = make_tokenizer("{bpe: {file: saved.json}}", feed({}), {}, folder.path());
  CHECK(again->encode(text) == golden["special_encoded"].get<Ids>());
  CHECK(again->size() == 374);
}

TEST_CASE("any bytes come back, whatever the merges") {
  const auto tokenizer = make_tokenizer("{bpe: {size: 600, min_count: 1}}", random_text(99, 3000));
  CHECK(tokenizer->size() == 600);
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const std::string text = random_text(seed, 300), bytes = random_bytes(seed, 500);
    CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
    CHECK(tokenizer->decode(tokenizer->encode(bytes)) == bytes);
  }
}

TEST_CASE("one word of a megabyte is cut in time") {
  const std::string word(1 << 20, 'a');
  const auto begin = std::chrono::steady_clock::now();
  const auto tokenizer = make_tokenizer("{bpe: {size: 300}}", word);
  const Ids ids = tokenizer->encode(word);
  CHECK(tokenizer->decode(ids) == word);
  // Words are cut to 256 bytes for training: the largest token is aaaa... of 256 bytes.
  CHECK(ids.size() == 4096);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("tinyshakespeare: 2048 tokens as Hugging Face's trainer finds them, and 8192 within seconds") {
  const std::string path = shared_data("tinyshakespeare/input.txt");
  if (path.empty()) DLB_SKIP("no tinyshakespeare");
  const std::string text = files::read_all(path);
  const auto golden = golden::load("tokenizers.json")["play"];
  const auto tokenizer = make_tokenizer("{bpe: {size: 2048}}", text);
  const Ids ids = tokenizer->encode(text);
  CHECK(ids.size() == golden["tokens"].get<size_t>());
  CHECK(digest(ids) == golden["digest"]);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(make_tokenizer("{bpe: {size: 8192}}", text)->size() == 8192);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

namespace {

std::string vocab_with(const std::string& change_from, const std::string& change_to) {
  auto text = golden::load("tokenizers.json")["vocab_file"].get<std::string>();
  const size_t at = text.find(change_from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, change_from.size(), change_to);
}

}  // namespace

TEST_CASE("files of a BPE that are damaged are refused with their name") {
  const auto golden = golden::load("tokenizers.json");
  TempFolder folder;
  const std::string vocab = folder / "vocab.json", merges = folder / "merges.txt", whole = folder / "t.json";
  write(vocab, golden["vocab_file"].get<std::string>());
  const auto with_merges = [&](const std::string& text) {
    write(merges, text);
    return report_of([&] { load_bpe(vocab, merges); });
  };
  CHECK(with_merges("e r\n") == "no error");
  CHECK(with_merges("#version: 0.2\ne r\n\n") == "no error");
  CHECK_THAT(with_merges("e r\nthe\n"),
             Contains("merges.txt': merge 2 must be two tokens with a space between them, found 'the'"));
  CHECK_THAT(with_merges("t h e\n"), Contains("merge 1 must be two tokens"));
  CHECK_THAT(with_merges("t \u4f60\n"), Contains("'\u4f60' of merge 1 is not in the vocabulary"));
  CHECK_THAT(with_merges("q q\n"), Contains("merge 1 makes 'qq', which is not in the vocabulary"));
  write(merges, "");
  const auto with_vocab = [&](const std::string& text) {
    write(vocab, text);
    return report_of([&] { load_bpe(vocab, merges); });
  };
  CHECK_THAT(with_vocab("{\"a\": 0}"), Contains("lacks the byte 0x00 ('\u0100'), so it is not byte-level"));
  CHECK_THAT(with_vocab("[1]"), Contains("expected a map from tokens to ids"));
  CHECK_THAT(with_vocab("{}"), Contains("expected a map from tokens to ids"));
  CHECK_THAT(with_vocab("{\"a\": 1"), Contains("vocab.json' is no JSON file"));
  CHECK_THAT(with_vocab(vocab_with("\"#\":2", "\"#\":3")), Contains("must have the ids 0 to 413, each once"));
  CHECK_THAT(with_vocab(vocab_with("\"#\":2", "\"#\":-2")),
             Contains("the id of token '#' must be a number from 0 to 16777215, found -2"));
  CHECK_THAT(with_vocab(vocab_with("\"#\":2", "\"#\":2.5")), Contains("found 2.5"));
  CHECK_THAT(with_vocab(vocab_with("\"#\":2", "\"#\":99999999999999999999")),
             Contains("the id of token '#'"));
  CHECK_THAT(with_vocab(vocab_with("\"#\":2", "\"#\":512")), Contains("'#' has 512"));
  CHECK_THAT(with_vocab(vocab_with("\"#\":2", "\"\":2")), Contains("a token is empty"));
  const auto changed = [&](const std::string& from, const std::string& to) {
    auto text = golden["tokenizer_file"].get<std::string>();
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    write(whole, text.replace(at, from.size(), to));
    return report_of([&] { load_bpe(whole); });
  };
  CHECK(changed("1.0", "1.0") == "no error");
  CHECK_THAT(changed("\"type\":\"BPE\"", "\"type\":\"WordPiece\""),
             Contains("model.type is \"WordPiece\"; only byte-level BPE"));
  CHECK_THAT(changed("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}"),
             Contains("it has a normalizer"));
  CHECK_THAT(changed("\"add_prefix_space\":false", "\"add_prefix_space\":true"),
             Contains("pre_tokenizer.add_prefix_space is set"));
  CHECK_THAT(changed("\"use_regex\":true", "\"use_regex\":false"),
             Contains("pre_tokenizer.use_regex is false"));
  CHECK_THAT(changed("\"type\":\"ByteLevel\"", "\"type\":\"Metaspace\""),
             Contains("pre_tokenizer.type is \"Metaspace\""));
  CHECK_THAT(changed("\"byte_fallback\":false", "\"byte_fallback\":true"),
             Contains("model.byte_fallback is set"));
  CHECK_THAT(changed("\"id\":0,", "\"id\":5,"), Contains("the token '<pad>' has the ids 0 and 5"));
  CHECK_THAT(changed("\"content\":\"<s>\"", "\"content\":\"<pad>\""), Contains("'<pad>'"));
  CHECK_THAT(changed("\"merges\":", "\"merge\":"),
             Contains("is no tokenizer.json: expected a map with model.vocab and model.merges"));
  CHECK_THAT(changed("\"added_tokens\":[", "\"added_tokens\":[7,"),
             Contains("an added token must have id and content"));
}

TEST_CASE("files of a BPE cut off anywhere, or with any byte changed, are read or refused") {
  const auto golden = golden::load("tokenizers.json");
  TempFolder folder;
  const auto whole = golden["tokenizer_file"].get<std::string>();
  const std::string path = folder / "t.json";
  RandomStream random({5, RngPurpose::kUser, 0, 0});
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    if (i % 2 == 0) {
      damaged.resize(random.below(whole.size()));
    } else {
      damaged[random.below(whole.size())] = static_cast<char>(random.below(256));
    }
    write(path, damaged);
    try {
      const BpeTokenizer tokenizer(load_bpe(path), {});
      CHECK(tokenizer.decode(tokenizer.encode("the lower")) == "the lower");
    } catch (const Error& e) {
      ++refused;
      CHECK_THAT(e.report(), Contains("t.json'"));
    }
  }
  CHECK(refused >= 150);
}
