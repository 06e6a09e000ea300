#include "dlb/data/item_source.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dlb/base/files.h"

namespace dlb::data {

namespace {

const std::string kSplits[] = {"train", "val", "test"};
constexpr int64_t kIgnored = -100;

/// Samples whose columns are views of lists of tokens.
class ItemDataset final : public Dataset {
 public:
  ItemDataset(SampleSpec spec, std::vector<ListColumn> columns,
              std::shared_ptr<const std::vector<TokenLists>> stores)
      : spec_(std::move(spec)), columns_(std::move(columns)), stores_(std::move(stores)) {}
  int64_t size() const override { return stores_->front().size(); }
  const SampleSpec& spec() const override { return spec_; }
  void lengths(int64_t index, int64_t* out) const override {
    for (const ListColumn& column : columns_) {
      if (column.column.collate != Collate::kStack) *out++ = length_of(column, index);
    }
  }
  void read(int64_t index, void* const* columns) const override {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const ListColumn& column = columns_[c];
      int64_t* out = static_cast<int64_t*>(columns[c]);
      const int64_t count = length_of(column, index);
      if (column.length) {
        *out = count;
        continue;
      }
      (*stores_)[column.store].copy(index, column.skip_front, count, out);
      if (!column.minus_one) continue;
      for (int64_t i = 0; i < count; ++i) out[i] = out[i] == 0 ? kIgnored : out[i] - 1;
    }
  }

 private:
  int64_t length_of(const ListColumn& column, int64_t index) const {
    return (*stores_)[column.store].length(index) - column.skip_front - column.skip_back;
  }

  SampleSpec spec_;
  std::vector<ListColumn> columns_;
  std::shared_ptr<const std::vector<TokenLists>> stores_;
};

}  // namespace

std::vector<Field> ItemSource::with_common(std::vector<Field> own) {
  const auto add = [&](Field f) { own.push_back(std::move(f)); };
  add(field<&ItemSource::train>("train", "file or files of training items"));
  add(field<&ItemSource::val>("val", "file or files of validation items"));
  add(field<&ItemSource::test>("test", "file or files of test items"));
  add(field<&ItemSource::val_fraction>(
      "val_fraction", "share of the training files' items that are for validation", fraction()));
  add(field<&ItemSource::test_fraction>(
      "test_fraction", "share of the training files' items that are for testing", fraction()));
  add(field<&ItemSource::split>("split",
                                "which items the fractions are: drawn, or the last ones (val, then test)",
                                one_of({"random", "last"})));
  add(field<&ItemSource::seed>("seed", "seed of a random split and of made-up items", non_negative()));
  add(evaluated(field<&ItemSource::tokenizer>(
      "tokenizer", "how text becomes tokens: char, byte, word, bpe (`dlbench help tokenizer`); char")));
  add(field<&ItemSource::max_length>("max_length", "longer texts are cut to that many tokens; 0: none is",
                                     between(0, 1 << 24)));
  add(field<&ItemSource::encoding>("encoding", "of the files", one_of({"utf-8", "latin-1", "bytes"})));
  return own;
}

void ItemSource::bind(const SourceOptions& options) {
  const std::string folder = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  for (std::vector<std::string>* list : {&train, &val, &test}) {
    for (std::string& path : *list) path = files::join(folder, path);
  }
  if (made_up("train") < 0) {
    if (train.empty()) fail(ErrorKind::kConfig, "{} needs train: a file or files", name());
    if (!val.empty() && val_fraction > 0)
      fail(ErrorKind::kConfig, "{} takes val or val_fraction, not both", name());
    if (!test.empty() && test_fraction > 0) {
      fail(ErrorKind::kConfig, "{} takes test or test_fraction, not both", name());
    }
    if (val_fraction + test_fraction >= 1) {
      fail(ErrorKind::kConfig, "{}: val_fraction {} and test_fraction {} leave nothing to train on", name(),
           val_fraction, test_fraction);
    }
  } else if (!train.empty() || !val.empty() || !test.empty() || val_fraction > 0 || test_fraction > 0) {
    fail(ErrorKind::kConfig, "{}: items are made up; train, val, test and their fractions are for files",
         name());
  }
  // A tokenizer is no part of a data set: its files are where the config is.
  builder_ = read_tokenizer(tokenizer, files::parent(options.config_file));
}

std::vector<std::string> ItemSource::splits() const {
  std::vector<std::string> names = {"train"};
  if (made_up("train") >= 0) {
    if (made_up("val") > 0) names.emplace_back("val");
    if (made_up("test") > 0) names.emplace_back("test");
    return names;
  }
  if (!val.empty() || val_fraction > 0) names.emplace_back("val");
  if (!test.empty() || test_fraction > 0) names.emplace_back("test");
  return names;
}

void ItemSource::each_item(const std::function<void(size_t, const TextItem&)>& f) const {
  if (made_up("train") >= 0) {
    for (size_t s = 0; s < 3; ++s) make_items(kSplits[s], [&](const TextItem& item) { f(s, item); });
    return;
  }
  size_t index = 0;
  for (const std::string& path : train) {
    read_items(path, [&](const TextItem& item) {
      // A file that has grown since it was counted.
      if (!split_of_.empty() && index >= split_of_.size())
        fail(ErrorKind::kData, "'{}' changed while it was read", path);
      f(split_of_.empty() ? 0 : split_of_[index], item);
      ++index;
    });
  }
  for (size_t s = 1; s < 3; ++s) {
    for (const std::string& path : s == 1 ? val : test) {
      read_items(path, [&](const TextItem& item) { f(s, item); });
    }
  }
}

void ItemSource::assign_splits() {
  split_of_.clear();
  if (val_fraction == 0 && test_fraction == 0) return;
  int64_t count = 0;
  for (const std::string& path : train) {
    read_items(path, [&](const TextItem&) { ++count; });
  }
  const auto share = [&](double part) { return std::llround(part * static_cast<double>(count)); };
  const int64_t vals = share(val_fraction), tests = share(test_fraction);
  for (const auto& [split_name, part, number] :
       {std::tuple("val", val_fraction, vals), std::tuple("test", test_fraction, tests)}) {
    if (part > 0 && number == 0) {
      fail(ErrorKind::kData, "{}: {}_fraction {} of {} items is none", name(), split_name, part, count);
    }
  }
  if (vals + tests >= count)
    fail(ErrorKind::kData, "{}: of {} items none is left to train on", name(), count);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (split == "random") {
    order = RandomStream({static_cast<uint64_t>(seed), RngPurpose::kSample, 0, 0}).permutation(count);
  }
  split_of_.assign(static_cast<size_t>(count), 0);
  for (int64_t i = count - vals - tests; i < count; ++i) {
    split_of_[static_cast<size_t>(order[static_cast<size_t>(i)])] = i < count - tests ? 1 : 2;
  }
}

void ItemSource::load() {
  if (!made_.empty()) return;
  for (const auto* list : {&train, &val, &test}) {
    for (const std::string& path : *list) {
      for (const std::string& file : files_of(path)) checksums_[file] = "sha256:" + digest_of(file).sha256;
    }
  }
  assign_splits();
  const TextFeed training = [this](const std::function<void(std::string_view)>& take) {
    each_item([&](size_t s, const TextItem& item) {
      // Made-up texts have one alphabet, which a small training split may not show.
      if (s == 0 || made_up("train") >= 0) vocabulary_text(item, take);
    });
  };
  tokenizer_ = builder_->make(training, special_tokens());
  each_item([&](size_t s, const TextItem& item) {
    if (s == 0) learn(item);
  });
  finish_learning();

  std::vector<std::shared_ptr<std::vector<TokenLists>>> stores;
  for (size_t s = 0; s < 3; ++s) {
    stores.push_back(std::make_shared<std::vector<TokenLists>>());
    for (const int64_t limit : store_limits()) stores.back()->emplace_back(limit);
  }
  std::vector<std::vector<int32_t>> lists(stores.front()->size());
  each_item([&](size_t s, const TextItem& item) {
    for (auto& list : lists) list.clear();
    encode(item, lists);
    for (size_t i = 0; i < lists.size(); ++i) (*stores[s])[i].append(lists[i]);
  });

  std::vector<ListColumn> list_columns = columns();
  SampleSpec sample;
  sample.inputs = input_count();
  for (ListColumn& column : list_columns) {
    int64_t longest = 0;
    for (const auto& store : stores) {
      longest = std::max(longest, (*store)[column.store].longest() - column.skip_front - column.skip_back);
    }
    if (column.column.collate != Collate::kStack) {
      column.column.spec = make_spec({std::max<int64_t>(longest, 1)}, DType::kInt64);
    } else {
      column.column.spec = make_spec({}, DType::kInt64);
    }
    sample.columns.push_back(column.column);
  }
  sample.facts["vocab"] = tokenizer_->size();
  describe(sample);
  for (size_t s = 0; s < 3; ++s) {
    const std::vector<std::string> present = splits();
    if (std::find(present.begin(), present.end(), kSplits[s]) == present.end()) continue;
    if (stores[s]->front().size() == 0)
      fail(ErrorKind::kData, "{}: split '{}' has no items", name(), kSplits[s]);
    for (TokenLists& lists_of : *stores[s]) lists_of.shrink_to_fit();
    made_[kSplits[s]] = std::make_shared<ItemDataset>(sample, list_columns, stores[s]);
  }
}

Column ItemSource::padded(const std::string& column) const {
  return {column, {}, Collate::kPad, static_cast<double>(tokenizer_->special("<pad>"))};
}

void ItemSource::encode_text(std::string_view text, int32_t begin, int32_t end,
                             std::vector<int32_t>& out) const {
  if (begin >= 0) out.push_back(begin);
  const size_t before = out.size();
  try {
    tokenizer_->encode(text, out);
  } catch (Error& e) {
    throw e.in(fmt::format("in the text '{}'", text.substr(0, 60)));
  }
  if (max_length > 0) out.resize(std::min(out.size(), before + static_cast<size_t>(max_length)));
  if (end >= 0) out.push_back(end);
}

SampleSpec ItemSource::spec() {
  load();
  return made_.at("train")->spec();
}

int64_t ItemSource::size(const std::string& split_name) {
  load();
  return made_.at(split_name)->size();
}

std::shared_ptr<const Dataset> ItemSource::open(const std::string& split_name) {
  load();
  return made_.at(split_name);
}

const Tokenizer& ItemSource::tokens() {
  load();
  return *tokenizer_;
}

std::string ItemSource::name_of(std::string_view column, int64_t number) const {
  const bool text = column == "tokens" || column == "source" || column.starts_with("target");
  return text && tokenizer_ ? token_label(*tokenizer_, number) : "";
}

}  // namespace dlb::data
