#include "dlb/data/text_source.h"

#include <algorithm>
#include <cmath>

#include "dlb/base/files.h"

namespace dlb::data {

namespace {

constexpr const char* kMaskToken = "<mask>";
constexpr int64_t kIgnored = -100;

/// Windows of one split's tokens.
class Windows final : public Dataset {
 public:
  struct Rule {
    int64_t context = 0;
    int64_t stride = 0;
    bool random = false;
    std::optional<int64_t> samples;
    double mask = 0;
  };

  Windows(const std::string& split, SampleSpec spec, TokenStore tokens, const Rule& rule,
          std::shared_ptr<const Tokenizer> tokenizer)
      : spec_(std::move(spec)), tokens_(std::move(tokens)), rule_(rule), tokenizer_(std::move(tokenizer)) {
    const int64_t needed = rule.context + (masked() ? 0 : 1);
    if (tokens_.size() < needed) {
      fail(ErrorKind::kData, "split '{}' of the text has {} tokens; a window of context {} needs {}", split,
           tokens_.size(), rule.context, needed);
    }
    places_ = tokens_.size() - needed + 1;
    size_ = rule.random ? rule.samples.value_or(std::max<int64_t>(tokens_.size() / rule.context, 1))
                        : (places_ - 1) / rule.stride + 1;
    if (!masked()) return;
    mask_id_ = tokenizer_->special(kMaskToken);
    for (int32_t id = 0; id < tokenizer_->size(); ++id) {
      const auto& specials = tokenizer_->specials().all();
      const bool special =
          std::any_of(specials.begin(), specials.end(), [&](const auto& s) { return s.second == id; });
      if (!special) ordinary_.push_back(id);
    }
  }

  int64_t size() const override { return size_; }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    RandomStream random({0, RngPurpose::kSample, 0, static_cast<uint32_t>(index)});
    draw(index, random, columns);
  }
  void draw(int64_t index, RandomStream& random, void* const* columns) const override {
    const int64_t at = rule_.random ? static_cast<int64_t>(random.below(static_cast<uint64_t>(places_)))
                                    : index * rule_.stride;
    int64_t* tokens = static_cast<int64_t*>(columns[0]);
    int64_t* target = static_cast<int64_t*>(columns[1]);
    tokens_.copy(at, rule_.context, tokens);
    if (masked()) {
      hide(random, tokens, target);
    } else {
      tokens_.copy(at + 1, rule_.context, target);
    }
  }

 private:
  bool masked() const { return rule_.mask > 0; }

  void hide(RandomStream& random, int64_t* tokens, int64_t* target) const {
    for (int64_t i = 0; i < rule_.context; ++i) {
      if (random.uniform_double() >= rule_.mask) {
        target[i] = kIgnored;
        continue;
      }
      target[i] = tokens[i];
      const double kind = random.uniform_double();
      if (kind < 0.8) {
        tokens[i] = mask_id_;
      } else if (kind < 0.9) {
        tokens[i] = ordinary_[random.below(ordinary_.size())];
      }
    }
  }

  SampleSpec spec_;
  TokenStore tokens_;
  Rule rule_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  int64_t places_ = 0;
  int64_t size_ = 0;
  int32_t mask_id_ = -1;
  std::vector<int32_t> ordinary_;
};

bool continues_character(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

}  // namespace

Fields TextSource::fields() {
  static const Field list[] = {
      required<&TextSource::train>("train", "file or files of training text", items({}, 1, 1 << 16)),
      field<&TextSource::val>("val", "file or files of validation text"),
      field<&TextSource::test>("test", "file or files of test text"),
      field<&TextSource::val_fraction>(
          "val_fraction", "share of the training files' text, near the end, that is validation text",
          fraction()),
      field<&TextSource::test_fraction>(
          "test_fraction", "share of the training files' text, at the end, that is test text", fraction()),
      evaluated(field<&TextSource::tokenizer>(
          "tokenizer", "how text becomes tokens: char, byte, word, bpe (`dlbench help tokenizer`); char")),
      field<&TextSource::context>("context", "tokens of a window", between(1, 1 << 24)),
      field<&TextSource::stride>(
          "stride", "tokens from one training window to the next; as context when not given", positive()),
      field<&TextSource::windows>(
          "windows", "training windows every `stride` tokens, or at places drawn anew each epoch",
          one_of({"strided", "random"})),
      field<&TextSource::samples>("samples", "random windows in an epoch; tokens / context when not given",
                                  between(1, 4294967295.0)),
      field<&TextSource::mask>(
          "mask", "share of tokens to be predicted in masked mode (BERT: 0.15); 0: predict the next token",
          fraction()),
      field<&TextSource::encoding>("encoding", "of the files; bytes: taken as they are, for byte and bpe",
                                   one_of({"utf-8", "latin-1", "bytes"})),
  };
  return list;
}

void TextSource::bind(const SourceOptions& options) {
  const std::string folder = options.dir.empty() ? files::parent(options.config_file) : options.dir;
  for (std::vector<std::string>* list : {&train, &val, &test}) {
    for (std::string& path : *list) path = files::join(folder, path);
  }
  if (!val.empty() && val_fraction > 0) fail(ErrorKind::kConfig, "text takes val or val_fraction, not both");
  if (!test.empty() && test_fraction > 0)
    fail(ErrorKind::kConfig, "text takes test or test_fraction, not both");
  if (val_fraction + test_fraction >= 1) {
    fail(ErrorKind::kConfig, "text: val_fraction {} and test_fraction {} leave nothing to train on",
         val_fraction, test_fraction);
  }
  if (windows == "random" && stride) fail(ErrorKind::kConfig, "text: random windows have no stride");
  if (windows != "random" && samples) {
    fail(ErrorKind::kConfig, "text: samples is for random windows; strided ones follow from the text");
  }
  // A tokenizer is no part of a data set: its files are where the config is.
  builder_ = read_tokenizer(tokenizer, files::parent(options.config_file));
}

std::vector<std::string> TextSource::splits() const {
  std::vector<std::string> names = {"train"};
  if (!val.empty() || val_fraction > 0) names.emplace_back("val");
  if (!test.empty() || test_fraction > 0) names.emplace_back("test");
  return names;
}

void TextSource::each_piece(const std::function<void(const std::string&, std::string_view)>& f) const {
  const TextFiles reader{encoding};
  const auto limit = [&](double share) {
    return static_cast<uint64_t>(static_cast<double>(train_bytes_) * (1 - share));
  };
  const std::string names[] = {"train", "val", "test"};
  const uint64_t ends[] = {limit(val_fraction + test_fraction), limit(test_fraction), UINT64_MAX};
  size_t split = 0;
  uint64_t at = 0;
  for (const std::string& path : train) {
    reader.pieces(path, [&](std::string_view piece) {
      while (at + piece.size() > ends[split]) {
        size_t part = ends[split] > at ? static_cast<size_t>(ends[split] - at) : 0;
        while (part < piece.size() && encoding != "bytes" && continues_character(piece[part])) ++part;
        if (part > 0) f(names[split], piece.substr(0, part));
        piece.remove_prefix(part);
        at += part;
        ++split;
      }
      if (!piece.empty()) f(names[split], piece);
      at += piece.size();
    });
  }
  for (const auto& [name, paths] : {std::pair("val", &val), std::pair("test", &test)}) {
    for (const std::string& path : *paths) {
      reader.pieces(path, [&, split_name = name](std::string_view piece) { f(split_name, piece); });
    }
  }
}

void TextSource::load() {
  if (!splits_.empty()) return;
  for (const auto* list : {&train, &val, &test}) {
    for (const std::string& path : *list) checksums_[path] = "sha256:" + digest_of(path).sha256;
  }
  const TextFiles reader{encoding};
  train_bytes_ = 0;
  for (const std::string& path : train) {
    reader.pieces(path, [&](std::string_view piece) { train_bytes_ += piece.size(); });
  }
  const TextFeed training = [this](const std::function<void(std::string_view)>& take) {
    each_piece([&](const std::string& split, std::string_view piece) {
      if (split == "train") take(piece);
    });
  };
  const std::vector<std::string> needed =
      mask > 0 ? std::vector<std::string>{kMaskToken} : std::vector<std::string>();
  tokenizer_ = builder_->make(training, needed);
  std::map<std::string, TokenStore> stores;
  for (const std::string& name : splits()) stores.emplace(name, TokenStore(tokenizer_->size()));
  std::vector<int32_t> ids;
  each_piece([&](const std::string& split, std::string_view piece) {
    ids.clear();
    try {
      tokenizer_->encode(piece, ids);
    } catch (Error& e) {
      throw e.in(fmt::format("in the text of split '{}'", split));
    }
    stores.at(split).append(ids);
  });
  SampleSpec sample;
  sample.columns = {{"tokens", make_spec({context}, DType::kInt64)},
                    {"target", make_spec({context}, DType::kInt64)}};
  sample.facts = {{"vocab", tokenizer_->size()}, {"context", context}};
  std::map<std::string, std::shared_ptr<const Dataset>> made;
  for (auto& [name, store] : stores) {
    store.shrink_to_fit();
    const bool training_split = name == "train";
    Windows::Rule rule;
    rule.context = context;
    rule.stride = training_split ? stride.value_or(context) : context;
    rule.random = training_split && windows == "random";
    rule.samples = samples;
    rule.mask = mask;
    made[name] = std::make_shared<Windows>(name, sample, std::move(store), rule, tokenizer_);
  }
  splits_ = std::move(made);
}

SampleSpec TextSource::spec() {
  load();
  return splits_.at("train")->spec();
}

int64_t TextSource::size(const std::string& split) {
  load();
  return splits_.at(split)->size();
}

std::shared_ptr<const Dataset> TextSource::open(const std::string& split) {
  load();
  return splits_.at(split);
}

std::string TextSource::name_of(std::string_view /*column*/, int64_t number) const {
  return tokenizer_ ? token_label(*tokenizer_, number) : "";
}

const Tokenizer& TextSource::tokens() {
  load();
  return *tokenizer_;
}

}  // namespace dlb::data
