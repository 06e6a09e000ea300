#include "dlb/data/text_source.h"

#include <numeric>
#include <set>

#include "data/tokenizer_support.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::data;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

/// All batches of a split, one tensor of values per column name, one row per sample.
std::map<std::string, std::vector<std::vector<int64_t>>> rows_of(DataModule& module, const std::string& split,
                                                                 int64_t epoch = 0, uint64_t seed = 1) {
  module.open();
  auto loader = module.loader(split, false, seed);
  loader->start(epoch);
  std::map<std::string, std::vector<std::vector<int64_t>>> rows;
  while (const auto batch = loader->next()) {
    for (size_t c = 0; c < batch->columns.size(); ++c) {
      const auto values = batch->columns[c].to_vector<int64_t>();
      const auto width = static_cast<std::ptrdiff_t>(values.size()) / batch->size;
      for (auto it = values.begin(); it != values.end(); it += width) {
        rows[(*batch->names)[c]].emplace_back(it, it + width);
      }
    }
  }
  return rows;
}

std::string text_of(const std::vector<int64_t>& ids, const std::string& alphabet) {
  std::string text;
  for (const int64_t id : ids) text += alphabet.at(static_cast<size_t>(id));
  return text;
}

}  // namespace

TEST_CASE("text: windows side by side, targets one token ahead") {
  TempFolder folder;
  write(folder / "a.txt", "abcabcab");
  write(folder / "b.txt", "cdabcd");
  auto module = plan("source: {text: {train: [a.txt, b.txt], context: 4}}\nbatch: 2\n", folder.path());
  CHECK(module->spec().facts.at("vocab") == 4);
  CHECK(module->spec().facts.at("context") == 4);
  CHECK(module->size("train") == 3);  // 14 characters: windows at 0, 4 and 8 have 5
  const auto rows = rows_of(*module, "train");
  CHECK(text_of(rows.at("tokens")[0], "abcd") == "abca");
  CHECK(text_of(rows.at("target")[0], "abcd") == "bcab");
  CHECK(text_of(rows.at("tokens")[1], "abcd") == "bcab");
  CHECK(text_of(rows.at("tokens")[2], "abcd") == "cdab");
  CHECK(text_of(rows.at("target")[2], "abcd") == "dabc");
  CHECK(module->checksums().at(folder / "a.txt") == "sha256:" + files::sha256_hex("abcabcab"));
}

TEST_CASE("text: stride, parts of the end for validation and test, their windows side by side") {
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>('a' + i % 26);
  write(folder / "a.txt", text);
  auto module = plan(
      "source: {text: {train: a.txt, context: 5, stride: 1, val_fraction: 0.2, test_fraction: 0.1}}\nbatch: "
      "64\n",
      folder.path());
  CHECK(module->size("train") == 65);  // 70 characters
  CHECK(module->size("val") == 3);     // 20: windows at 0, 5, 10
  CHECK(module->size("test") == 1);    // 10: only the first has 6
  const std::string alphabet = "abcdefghijklmnopqrstuvwxyz";
  CHECK(text_of(rows_of(*module, "val").at("tokens")[1], alphabet) == text.substr(75, 5));
  CHECK(text_of(rows_of(*module, "test").at("target")[0], alphabet) == text.substr(91, 5));
  CHECK(text_of(rows_of(*module, "train").at("tokens")[64], alphabet) == text.substr(64, 5));
}

TEST_CASE("text: parts end between characters, and come from the files named for them") {
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 50; ++i) text += "\u00e9";  // 100 bytes
  write(folder / "a.txt", text);
  write(folder / "v.txt", "\u00e9\u00e9\u00e9\u00e9\u00e9");
  auto module =
      plan("source: {text: {train: a.txt, context: 1, stride: 1, val_fraction: 0.33}}\n", folder.path());
  CHECK(module->size("train") == 33);  // byte 67 is within a character, which goes to train: 34
  CHECK(module->size("val") == 15);    // 16
  auto files = plan("source: {text: {train: a.txt, val: v.txt, context: 1, stride: 1}}\n", folder.path());
  CHECK(files->size("train") == 49);
  CHECK(files->size("val") == 4);
}

TEST_CASE("text: the vocabulary is that of the training part") {
  TempFolder folder;
  write(folder / "a.txt", "aabbaabbZZZ");
  const std::string source = "source: {text: {train: a.txt, context: 2, val_fraction: 0.28, tokenizer: ";
  CHECK_THAT(plan_report(source + "char}}\n", folder.path()),
             Contains("the character 'Z' (U+005A) is not in the vocabulary") &&
                 Contains("in the text of split 'val'") && Contains("char: {unknown: <unk>}"));
  auto module = plan(source + "{char: {unknown: <unk>}}}}\n", folder.path());
  CHECK(module->spec().facts.at("vocab") == 3);
  CHECK(rows_of(*module, "val").at("tokens")[0] == std::vector<int64_t>{2, 0});
}

TEST_CASE("text: random windows differ by epoch and seed, repeat, and are windows of the text") {
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 256; ++i)
    text += std::string("abcdefghijklmnop")[static_cast<size_t>(i % 16 + i / 16) % 16];
  write(folder / "a.txt", text);
  auto module = plan("source: {text: {train: a.txt, context: 6, windows: random, samples: 40}}\nbatch: 7\n",
                     folder.path());
  CHECK(module->size("train") == 40);
  const auto first = rows_of(*module, "train");
  CHECK(first == rows_of(*module, "train"));
  CHECK(first != rows_of(*module, "train", 1));
  CHECK(first != rows_of(*module, "train", 0, 2));
  std::set<std::string> places;
  for (size_t i = 0; i < 40; ++i) {
    const std::string tokens = text_of(first.at("tokens")[i], "abcdefghijklmnop");
    const std::string target = text_of(first.at("target")[i], "abcdefghijklmnop");
    CHECK(text.find(tokens + target.back()) != std::string::npos);
    CHECK(tokens.substr(1) == target.substr(0, 5));
    places.insert(tokens);
  }
  CHECK(places.size() > 20);
  CHECK(plan("source: {text: {train: a.txt, context: 6, windows: random}}\n", folder.path())->size("train") ==
        42);
}

TEST_CASE("text: BERT's masks: 15 % of tokens, of these 80 % hidden, 10 % random, 10 % kept") {
  TempFolder folder;
  std::string text;
  RandomStream random({1, RngPurpose::kUser, 0, 0});
  for (int i = 0; i < 100000; ++i) text += static_cast<char>('a' + static_cast<int>(random.below(20)));
  write(folder / "a.txt", text);
  auto module = plan("source: {text: {train: a.txt, context: 50, mask: 0.15}}\nbatch: 100\n", folder.path());
  CHECK(module->spec().facts.at("vocab") == 21);
  CHECK(module->size("train") == 2000);
  const auto rows = rows_of(*module, "train");
  int64_t chosen = 0, hidden = 0, kept = 0;
  std::vector<int64_t> replaced(21);
  for (size_t i = 0; i < 2000; ++i) {
    for (size_t t = 0; t < 50; ++t) {
      const int64_t token = rows.at("tokens")[i][t], target = rows.at("target")[i][t];
      const int64_t truth = text[i * 50 + t] - 'a' + 1;
      if (target == -100) {
        REQUIRE(token == truth);
        continue;
      }
      REQUIRE(target == truth);
      ++chosen;
      hidden += token == 0 ? 1 : 0;
      kept += token == truth ? 1 : 0;
      ++replaced[static_cast<size_t>(token)];
    }
  }
  // Of 100,000 tokens; the bounds are above 5 standard deviations.
  CHECK(std::abs(chosen - 15000) < 600);
  const double n = static_cast<double>(chosen);
  CHECK(static_cast<double>(hidden) / n == Approx(0.8).margin(0.02));
  CHECK(static_cast<double>(kept) / n ==
        Approx(0.105).margin(0.015));  // a random token is the same 1 in 20 times
  for (size_t id = 1; id <= 20; ++id) CHECK(replaced[id] > 0);
  CHECK(rows == rows_of(*module, "train"));
  CHECK(rows != rows_of(*module, "train", 1));
}

TEST_CASE("text: pieces of a large file make the same tokens as the whole") {
  TempFolder folder;
  std::string text;
  for (uint64_t seed = 0; text.size() < 3500000; ++seed) text += random_text(seed, 20000);
  write(folder / "a.txt", text);
  write(folder / "z.txt", gzip(text));
  for (const char* tokenizer :
       {"{bpe: {size: 300, train_bytes: 100000}}", "{word: {max_size: 100}}", "char"}) {
    const std::string tail = std::string(", context: 100, stride: 1, tokenizer: ") + tokenizer + "}}\n";
    auto plain = plan("source: {text: {train: a.txt" + tail, folder.path());
    auto packed = plan("source: {text: {train: z.txt" + tail, folder.path());
    CHECK(plain->size("train") == packed->size("train"));
    const auto whole = make_tokenizer(tokenizer, text)->encode(text);
    CHECK(plain->size("train") == static_cast<int64_t>(whole.size()) - 100);
    plain->open();
  }
}

TEST_CASE("text: encodings, byte order mark, files that are no text") {
  TempFolder folder;
  write(folder / "latin", "caf\xE9 caf\xE9 caf\xE9");
  CHECK_THAT(plan_report("source: {text: {train: latin, context: 2}}\n", folder.path()),
             Contains("latin' line 1 is no UTF-8: byte 0xe9") && Contains("encoding: latin-1"));
  CHECK(plan("source: {text: {train: latin, context: 2, encoding: latin-1}}\n", folder.path())
            ->spec()
            .facts.at("vocab") == 5);
  CHECK(plan("source: {text: {train: latin, context: 2, encoding: bytes, tokenizer: byte}}\n", folder.path())
            ->spec()
            .facts.at("vocab") == 256);
  write(folder / "mark",
        "\xEF\xBB\xBF"
        "abab");
  CHECK(plan("source: {text: {train: mark, context: 2}}\n", folder.path())->spec().facts.at("vocab") == 2);
  write(folder / "cut", std::string("line\nline\nab\xE2\x82"));
  CHECK_THAT(plan_report("source: {text: {train: cut, context: 2}}\n", folder.path()),
             Contains("cut' line 3 is no UTF-8: byte 0xe2"));
  write(folder / "short", "abc");
  CHECK_THAT(plan_report("source: {text: {train: short, context: 3}}\n", folder.path()),
             Contains("split 'train' of the text has 3 tokens; a window of context 3 needs 4"));
  write(folder / "empty", "");
  CHECK_THAT(plan_report("source: {text: {train: empty, context: 3}}\n", folder.path()),
             Contains("has 0 tokens"));
  CHECK_THAT(plan_report("source: {text: {train: nothing}}\n", folder.path()), Contains("No such file"));
}

TEST_CASE("tinyshakespeare has nanoGPT's vocabulary and split") {
  const std::string path = shared_data("tinyshakespeare/input.txt");
  if (path.empty()) DLB_SKIP("no tinyshakespeare");
  auto module =
      plan("source: {text: {train: " + path + ", context: 64, stride: 1, val_fraction: 0.1}}\nbatch: 1000\n");
  CHECK(module->spec().facts.at("vocab") == 65);
  CHECK(module->size("train") == 1003854 - 64);
  CHECK(module->size("val") == (111540 - 65) / 64 + 1);
}
