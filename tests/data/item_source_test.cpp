#include "dlb/data/item_source.h"

#include <set>

#include "data/tokenizer_support.h"
#include "dlb/data/line_sources.h"
#include "dlb/data/pair_source.h"
#include "dlb/data/tagged_source.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::data;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Rows = std::vector<std::vector<int64_t>>;

/// The samples of a split without their padding, by column.
std::map<std::string, Rows> samples_of(DataModule& module, const std::string& split) {
  module.open();
  auto loader = module.loader(split, false, 1);
  loader->start(0);
  std::map<std::string, Rows> rows;
  const SampleSpec& spec = module.spec();
  while (const auto batch = loader->next()) {
    for (size_t c = 0; c < batch->columns.size(); ++c) {
      const auto values = batch->columns[c].to_vector<int64_t>();
      const auto width = static_cast<std::ptrdiff_t>(values.size()) / batch->size;
      for (auto it = values.begin(); it != values.end(); it += width) {
        std::vector<int64_t> row(it, it + width);
        const auto pad = static_cast<int64_t>(spec.columns[c].pad);
        while (spec.columns[c].collate == Collate::kPad && !row.empty() && row.back() == pad) row.pop_back();
        rows[(*batch->names)[c]].push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("lines: begin and end, padded, targets one ahead") {
  TempFolder folder;
  write(folder / "n.txt", "ab\r\n\nc\nabba\n");
  auto module = plan("source: {lines: {train: n.txt}}\nbatch: 3\n", folder.path());
  CHECK(module->spec().facts.at("vocab") == 6);
  CHECK(module->spec().columns[0].spec.dim(0) == 5);
  module->open();
  auto loader = module->loader("train", false, 0);
  loader->start(0);
  const auto batch = loader->next();
  REQUIRE(batch);
  CHECK(batch->column("tokens").to_vector<int64_t>() ==
        std::vector<int64_t>{1, 3, 4, 0, 0, 1, 5, 0, 0, 0, 1, 3, 4, 4, 3});
  CHECK(batch->column("target").to_vector<int64_t>() ==
        std::vector<int64_t>{3, 4, 2, -100, -100, 5, 2, -100, -100, -100, 3, 4, 4, 3, 2});
}

TEST_CASE("items are split at random by their seed, or at the end; each is in one split") {
  TempFolder folder;
  std::string text;
  for (char c = 'a'; c <= 'z'; ++c) text.append({c, c, '\n'});
  write(folder / "n.txt", text);
  const auto letters = [&](const std::string& options, const std::string& split) {
    auto module = plan(
        "source: {lines: {train: n.txt, val_fraction: 0.2, test_fraction: 0.1, tokenizer: {char: "
        "{alphabet: abcdefghijklmnopqrstuvwxyz}}" +
            options + "}}\n",
        folder.path());
    std::string found;
    const auto rows = samples_of(*module, split);
    for (const auto& row : rows.at("tokens")) found += static_cast<char>('a' + row.at(1) - 3);
    return found;
  };
  CHECK(letters(", split: last", "train") == "abcdefghijklmnopqr");
  CHECK(letters(", split: last", "val") == "stuvw");
  CHECK(letters(", split: last", "test") == "xyz");
  const std::string train = letters("", "train"), val = letters("", "val"), test = letters("", "test");
  CHECK(train.size() == 18);
  CHECK(val.size() == 5);
  CHECK(test.size() == 3);
  const std::string all = train + val + test;
  CHECK(std::set<char>(all.begin(), all.end()).size() == 26);
  CHECK(val != "stuvw");
  CHECK(letters("", "val") == val);
  CHECK(letters(", seed: 1", "val") != val);
  CHECK(std::is_sorted(train.begin(), train.end()));
}

TEST_CASE("the vocabulary is that of the training items") {
  TempFolder folder;
  write(folder / "n.txt", "ab\nba\nab\nxy\n");
  CHECK_THAT(plan_report("source: {lines: {train: n.txt, val_fraction: 0.25, split: last}}\n", folder.path()),
             Contains("the character 'x' (U+0078) is not in the vocabulary") && Contains("in the text 'xy'"));
}

TEST_CASE("labelled_lines: labels first or last, numbers in their order, lengths, cut texts") {
  TempFolder folder;
  write(folder / "t", "10 a b c\n2 b\n\n10 c a\n");
  write(folder / "v", "2 c unseen\n");
  auto module =
      plan("source: {labelled_lines: {train: t, test: v, lengths: true, max_length: 2, tokenizer: word}}\n",
           folder.path());
  CHECK(module->spec().classes == 2);
  CHECK(module->spec().inputs == 2);
  CHECK(module->spec().facts.at("vocab") == 5);
  auto rows = samples_of(*module, "train");
  CHECK(rows["label"] == Rows{{1}, {0}, {1}});
  CHECK(rows["length"] == Rows{{2}, {1}, {2}});
  CHECK(rows["tokens"] == Rows{{2, 3}, {3}, {4, 2}});
  auto test = samples_of(*module, "test");
  CHECK(test["tokens"] == Rows{{4, 1}});
  write(folder / "l", "hello there,pos\nbye,neg\n");
  auto last = plan("source: {labelled_lines: {train: l, separator: ',', label_last: true}}\n", folder.path());
  CHECK(samples_of(*last, "train")["label"] == Rows{{1}, {0}});
}

TEST_CASE("labelled_lines: one file per class") {
  TempFolder folder;
  files::make_folders(folder / "names");
  write(folder / "names/Greek.txt", "Xi\nPsi\n");
  write(folder / "names/Czech.txt", "Ond\u0159ej\n");
  write(folder / "names/README", "no class\n");
  auto module = plan("source: {labelled_lines: {train: names, tokenizer: {char: {strip_accents: true}}}}\n",
                     folder.path());
  CHECK(module->spec().classes == 2);
  CHECK(samples_of(*module, "train")["label"] == Rows{{0}, {1}, {1}});
  CHECK(samples_of(*module, "train")["tokens"][0].size() == 6);
  CHECK(module->checksums().size() == 2);
  files::make_folders(folder / "none");
  CHECK_THAT(plan_report("source: {labelled_lines: {train: none}}\n", folder.path()),
             Contains("none' has no files CLASS.txt"));
}

TEST_CASE("labelled_lines: lines that are wrong are named") {
  TempFolder folder;
  const auto report = [&](const std::string& text, const std::string& options = "") {
    write(folder / "t", text);
    return plan_report("source: {labelled_lines: {train: t" + options + "}}\n", folder.path());
  };
  CHECK_THAT(report("1 a\nnothing\n"), Contains("t' line 2 has no ' ' between label and text: 'nothing'"));
  CHECK_THAT(report("1 a\n x\n"), Contains("t' line 2 has an empty label"));
  CHECK_THAT(report("1 a\n2 \n"), Contains("t' line 2 has an empty text"));
  CHECK_THAT(report("1 a\n1 \xE9\n"), Contains("t' line 2 is no UTF-8: byte 0xe9"));
  CHECK_THAT(report(""), Contains("split 'train' has no items"));
  CHECK_THAT(report("1 a\n", ", test_fraction: 0.2"), Contains("test_fraction 0.2 of 1 items is none"));
  write(folder / "v", "3 a\n");
  CHECK_THAT(report("1 a\n2 b\n", ", val: v"),
             Contains("the label '3' of the text 'a' is none of the training items' 2 labels"));
  CHECK_THAT(report("1 a\n", ", separator: ''"), Contains("separator is empty"));
}

TEST_CASE("sentence_pairs: from a file") {
  TempFolder folder;
  write(folder / "p.tsv", "a b\tx\nb\ty z\n");
  auto module = plan("source: {sentence_pairs: {train: p.tsv, tokenizer: word}}\n", folder.path());
  CHECK(module->spec().inputs == 2);
  CHECK(module->spec().columns[1].spec.dim(0) == 3);
  auto rows = samples_of(*module, "train");
  // <pad> <s> </s> <unk>, then b (twice), a x y z.
  CHECK(rows["source"] == Rows{{5, 4, 2}, {4, 2}});
  CHECK(rows["target_in"] == Rows{{1, 6}, {1, 7, 8}});
  CHECK(rows["target"] == Rows{{6, 2}, {7, 8, 2}});
  for (const char* bad : {"no tab\n", "\tx\n", "a\t\n", "a\tb\tc\n"}) {
    write(folder / "p.tsv", std::string("a\tb\n") + bad);
    CHECK_THAT(plan_report("source: {sentence_pairs: {train: p.tsv}}\n", folder.path()),
               Contains("p.tsv' line 2 is no pair 'SOURCE<tab>TARGET'"));
  }
}

namespace {

/// The made-up pairs of a split as text.
std::vector<std::pair<std::string, std::string>> pairs_of(const std::string& options,
                                                          const std::string& split) {
  SentencePairsSource source;
  ErrorList errors;
  config::Scope scope;
  config::Reader reader(errors, scope);
  const auto document = config::Document::parse("it: {" + options + "}\n", "test");
  REQUIRE(reader.read(*document.root().find("it"), SentencePairsSource::fields(), &source, "sentence_pairs"));
  source.bind({});
  const auto dataset = source.open(split);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int64_t i = 0; i < dataset->size(); ++i) {
    int64_t lengths[3];
    dataset->lengths(i, lengths);
    std::vector<int64_t> columns[3];
    void* at[3];
    for (size_t c = 0; c < 3; ++c) {
      columns[c].resize(static_cast<size_t>(lengths[c]));
      at[c] = columns[c].data();
    }
    dataset->read(i, at);
    CHECK(columns[0].back() == 2);
    CHECK(columns[1].front() == 1);
    CHECK(columns[2].back() == 2);
    std::string text[2];
    for (const size_t c : {0, 2}) {
      const std::vector<int32_t> ids(columns[c].begin(), columns[c].end() - 1);
      text[c / 2] = source.tokens().decode(ids);
    }
    pairs.emplace_back(text[0], text[1]);
  }
  return pairs;
}

}  // namespace

TEST_CASE("sentence_pairs: made-up tasks are right, and the splits have no source in common") {
  std::set<std::string> seen;
  for (const auto& [source, target] : pairs_of("task: addition, samples: 500", "train")) {
    const size_t plus = source.find('+');
    CHECK(std::stoi(source.substr(0, plus)) + std::stoi(source.substr(plus + 1)) == std::stoi(target));
    seen.insert(source);
  }
  for (const auto& pair : pairs_of("task: addition, samples: 500", "val")) CHECK(seen.count(pair.first) == 0);
  for (const auto& [source, target] : pairs_of("task: reverse, samples: 200, length: 6", "train")) {
    CHECK(std::string(source.rbegin(), source.rend()) == target);
    CHECK(source.size() <= 6);
  }
  int named = 0;
  for (const auto& [source, target] : pairs_of("task: dates, samples: 300", "train")) {
    REQUIRE(target.size() == 10);
    const int year = std::stoi(target.substr(0, 4)), month = std::stoi(target.substr(5, 2)),
              day = std::stoi(target.substr(8));
    CHECK((year >= 1930 && year <= 2029 && month >= 1 && month <= 12 && day >= 1 && day <= 31));
    if (source.find("march") != std::string::npos) {
      CHECK(month == 3);
      ++named;
    }
    if (const size_t dot = source.find('.'); dot != std::string::npos) CHECK(std::stoi(source) == day);
    if (const size_t slash = source.find('/'); slash != std::string::npos) {
      CHECK(std::stoi(source) == month);
      CHECK(std::stoi(source.substr(source.rfind('/') + 1)) == year % 100);
    }
  }
  CHECK(named > 0);
  CHECK(pairs_of("task: dates, samples: 20", "train") == pairs_of("task: dates, samples: 20", "train"));
  CHECK(pairs_of("task: dates, samples: 20", "train") !=
        pairs_of("task: dates, samples: 20, seed: 3", "train"));
}

TEST_CASE("tagged: columns of a file") {
  TempFolder folder;
  write(folder / "t", "-DOCSTART- O\n\nU.N. NNP I-ORG\nofficial NN O\n\n# text = x\nBonn NNP I-LOC\n");
  auto module = plan("source: {tagged: {train: t}}\n", folder.path());
  CHECK(module->spec().classes == 3);  // I-LOC, I-ORG, O
  auto rows = samples_of(*module, "train");
  CHECK(rows["tokens"].size() == 2);
  CHECK(rows["tags"] == Rows{{1, 2}, {0}});
  auto pos = plan("source: {tagged: {train: t, tag_column: 1}}\n", folder.path());
  CHECK(samples_of(*pos, "train")["tags"] == Rows{{1, 0}, {1}});
  CHECK_THAT(plan_report("source: {tagged: {train: t, tag_column: 3}}\n", folder.path()),
             Contains("t' line 3 has 3 columns; the tag is column 3"));
  CHECK_THAT(plan_report("source: {tagged: {train: t, tokenizer: char}}\n", folder.path()),
             Contains("the tokenizer makes 13 tokens of the 2 that have tags"));
  CHECK_THAT(plan_report("source: {tagged: {train: t, token_column: 1, tag_column: 1}}\n", folder.path()),
             Contains("token_column and tag_column are both 1"));
  write(folder / "v", "Bonn NNP NEW\n");
  CHECK_THAT(plan_report("source: {tagged: {train: t, val: v}}\n", folder.path()),
             Contains("the tag 'NEW' is none of the training items' 3 tags"));
}

TEST_CASE("tagged: capitals and vowels of text") {
  TempFolder folder;
  write(folder / "t", "Ab \u00c9x!\nuo\n");
  auto capitals = plan("source: {tagged: {train: t, task: capitals}}\n", folder.path());
  auto rows = samples_of(*capitals, "train");
  // Classes lower, upper; the space is -100 and the mark at the end falls to the padding.
  CHECK(rows["tags"] == Rows{{1, 0, -100, 1, 0}, {0, 0}});
  CHECK(rows["tokens"][0].size() == 6);
  auto vowels = plan("source: {tagged: {train: t, task: vowels}}\n", folder.path());
  CHECK(vowels->spec().classes == 3);  // a, o, u
  auto hidden = samples_of(*vowels, "train");
  CHECK(hidden["tags"] == Rows{{0}, {2, 1}});
  CHECK(hidden["tokens"][1][0] == hidden["tokens"][0][0]);
  CHECK(hidden["tokens"][1][1] == hidden["tokens"][0][0]);
}

TEST_CASE("what does not go together in sources of items") {
  TempFolder folder;
  write(folder / "t", "1 a\n2 b\n");
  const auto report = [&](const std::string& source) {
    return plan_report("source: {" + source + "}\n", folder.path());
  };
  CHECK_THAT(report("lines: {}"), Contains("lines needs train: a file or files"));
  CHECK_THAT(report("lines: {train: t, val: t, val_fraction: 0.1}"),
             Contains("takes val or val_fraction, not both"));
  CHECK_THAT(report("lines: {train: t, test: t, test_fraction: 0.1}"),
             Contains("takes test or test_fraction, not both"));
  CHECK_THAT(report("lines: {train: t, val_fraction: 0.6, test_fraction: 0.6}"),
             Contains("leave nothing to train on"));
  CHECK_THAT(report("lines: {train: t, val_fraction: 0.4, test_fraction: 0.4}"),
             Contains("of 2 items none is left"));
  CHECK_THAT(report("sentence_pairs: {task: dates, train: t}"), Contains("items are made up"));
  CHECK_THAT(report("lines: {train: t, tokenizer: {bpe: {sise: 300}}}"),
             Contains("unknown key 'sise' in bpe; did you mean 'size'?"));
}

TEST_CASE("published texts have the published numbers") {
  const std::string names = shared_data("names-18-languages/data/names");
  if (names.empty()) DLB_SKIP("no shared data");
  auto module = plan("source: {labelled_lines: {train: " + names + ", test_fraction: 0.1}}\n");
  CHECK(module->spec().classes == 18);
  CHECK(module->size("train") + module->size("test") == 20050);
  const std::string folder = files::parent(shared_data("sentence-classification/TREC.train.all"));
  auto trec = plan("source: {labelled_lines: {train: " + folder + "/TREC.train.all, test: " + folder +
                   "/TREC.test.all, encoding: latin-1, tokenizer: {word: {punctuation: keep}}}}\n");
  CHECK(trec->size("train") == 5452);
  CHECK(trec->size("test") == 500);
  CHECK(trec->spec().classes == 6);
  std::vector<int64_t> counts(6);
  const auto rows = samples_of(*trec, "test");
  for (const auto& row : rows.at("label")) ++counts.at(static_cast<size_t>(row[0]));
  CHECK(counts == std::vector<int64_t>{138, 94, 9, 65, 81, 113});
  auto subj = plan("source: {labelled_lines: {train: " + folder + "/subj.all, encoding: latin-1}}\n");
  CHECK(subj->size("train") == 10000);
  auto makemore = plan("source: {lines: {train: " + shared_data("names-makemore/names.txt") + "}}\n");
  CHECK(makemore->size("train") == 32033);
  CHECK(makemore->spec().facts.at("vocab") == 29);
  CHECK(makemore->spec().columns[0].spec.dim(0) == 16);
}

TEST_CASE("any bytes as a file of text are read or refused with its name") {
  TempFolder folder;
  int read = 0, refused = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::string bytes = seed % 2 == 0 ? random_bytes(seed, 400) : random_text(seed, 200);
    for (size_t i = 7; i < bytes.size(); i += 23) bytes[i] = "\t\n 0"[i % 4];
    write(folder / "t", bytes);
    for (const char* source :
         {"text: {train: t, context: 8", "lines: {train: t", "labelled_lines: {train: t",
          "sentence_pairs: {train: t", "tagged: {train: t", "tagged: {train: t, task: vowels"}) {
      for (const char* more :
           {"}", ", encoding: latin-1}", ", encoding: bytes, tokenizer: byte}",
            ", encoding: bytes, tokenizer: {word: {min_count: 2}}}", ", tokenizer: {bpe: 300}}"}) {
        CAPTURE(seed, source, more);
        const std::string report =
            plan_report(std::string("source: {") + source + more + "}\n", folder.path());
        (report == "no error" ? read : refused) += 1;
        if (report != "no error") CHECK_THAT(report, Contains("error: "));
      }
    }
  }
  CHECK(read > 100);
  CHECK(refused > 100);
}

TEST_CASE("the manifests of texts find their files, whose checksums are right") {
  const std::string play = shared_data("tinyshakespeare/input.txt");
  if (play.empty()) DLB_SKIP("no shared data");
  const dlb::test::Environment root("DLBENCH_DATA", files::parent(files::parent(play)));
  const auto sizes = [](const std::string& source) {
    auto module = plan("source: " + source + "\n");
    module->open();
    CHECK(!module->checksums().empty());
    std::vector<int64_t> counts;
    for (const std::string& split : module->splits()) counts.push_back(module->size(split));
    counts.push_back(module->spec().classes);
    return counts;
  };
  // Windows of 64 with the character behind them: of 1,003,854 and 111,540 characters.
  CHECK(sizes("tinyshakespeare") == std::vector<int64_t>{15685, 1742, 0});
  // The published numbers of words, ends of lines with them; a window of one word has one behind it.
  CHECK(sizes("{wikitext2-eval: {context: 1}}") == std::vector<int64_t>{217645, 245568, 0});
  CHECK(sizes("names-makemore") == std::vector<int64_t>{28830, 3203, 0});
  CHECK(sizes("names-18-languages") == std::vector<int64_t>{18045, 2005, 18});
  CHECK(sizes("trec") == std::vector<int64_t>{5452, 500, 6});
  CHECK(sizes("movie-reviews") == std::vector<int64_t>{9596, 1066, 2});
  CHECK(sizes("subjectivity") == std::vector<int64_t>{9000, 1000, 2});
  CHECK(sizes("{tinyshakespeare: {use: {tagged: {train: input.txt, task: capitals}}}}").back() == 2);
}
