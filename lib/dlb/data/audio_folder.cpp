#include "dlb/data/audio_folder.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

#include "dlb/base/files.h"
#include "dlb/data/csv_reader.h"
#include "dlb/data/image_files.h"
#include "dlb/data/scratch.h"
#include "dlb/data/wav.h"

namespace dlb::data {

NamePattern::NamePattern(const std::string& text) {
  size_t at = 0;
  while (true) {
    const size_t open = text.find('{', at);
    texts_.push_back(text.substr(at, open == std::string::npos ? open : open - at));
    if (open == std::string::npos) break;
    const size_t close = text.find('}', open);
    if (close == std::string::npos || close == open + 1)
      fail(ErrorKind::kConfig, "pattern '{}': expected a name and '}}' after '{{' at character {}", text,
           open + 1);
    names_.push_back(text.substr(open + 1, close - open - 1));
    if (std::count(names_.begin(), names_.end(), names_.back()) > 1)
      fail(ErrorKind::kConfig, "pattern '{}' has the part '{}' twice", text, names_.back());
    at = close + 1;
  }
  if (names_.empty()) fail(ErrorKind::kConfig, "pattern '{}' has no part such as {{label}}", text);
  for (size_t i = 1; i + 1 < texts_.size(); ++i) {
    if (texts_[i].empty())
      fail(ErrorKind::kConfig, "pattern '{}': the parts '{}' and '{}' need text between them", text,
           names_[i - 1], names_[i]);
  }
}

std::optional<std::vector<std::string>> NamePattern::match(const std::string& name) const {
  if (!name.starts_with(texts_.front())) return std::nullopt;
  std::vector<std::string> parts;
  size_t at = texts_.front().size();
  for (size_t i = 0; i < names_.size(); ++i) {
    const std::string& next = texts_[i + 1];
    const bool last = i + 1 == names_.size();
    size_t end = last ? name.size() - std::min(name.size(), next.size()) : name.find(next, at);
    if (last && !name.ends_with(next)) return std::nullopt;
    if (end == std::string::npos || end <= at) return std::nullopt;
    parts.push_back(name.substr(at, end - at));
    at = end + next.size();
  }
  return parts;
}

namespace {

bool is_wav_name(const std::string& path) {
  if (path.size() < 4) return false;
  std::string ending = path.substr(path.size() - 4);
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<uint8_t>(c)));
  return ending == ".wav";
}

/// A part of a name as a value for expressions: a number where it is one.
config::Node value_of(const std::string& part) {
  int64_t whole = 0;
  return parse_whole(part, whole) ? config::Node::integer(whole) : config::Node::string(part);
}

class Sounds final : public Dataset {
 public:
  struct Form {
    int64_t length;
    std::string align;
    int64_t rate;
  };
  Sounds(SampleSpec spec, std::shared_ptr<const FileTree> tree,
         std::vector<std::pair<size_t, int64_t>> samples, Form form, int64_t cache_bytes)
      : spec_(std::move(spec)),
        tree_(std::move(tree)),
        samples_(std::move(samples)),
        form_(std::move(form)),
        kept_(static_cast<size_t>(cache_bytes / std::max<int64_t>(form_.length * 4, 1))),
        cache_(samples_.size()) {}
  ~Sounds() override {
    for (auto& slot : cache_) delete[] slot.load();
  }

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    const size_t i = static_cast<size_t>(index);
    float* out = static_cast<float*>(columns[0]);
    const size_t bytes = static_cast<size_t>(form_.length) * sizeof(float);
    *static_cast<int64_t*>(columns[1]) = samples_[i].second;
    if (const float* kept = cache_[i].load(std::memory_order_acquire)) {
      std::memcpy(out, kept, bytes);
      return;
    }
    decode(samples_[i].first, out);
    // The first ones that are read are kept: every epoch reads all.
    if (count_.fetch_add(1) >= kept_) {
      count_.fetch_sub(1);
      return;
    }
    auto copy = std::make_unique<float[]>(static_cast<size_t>(form_.length));
    std::memcpy(copy.get(), out, bytes);
    float* expected = nullptr;
    if (cache_[i].compare_exchange_strong(expected, copy.get(), std::memory_order_acq_rel)) {
      static_cast<void>(copy.release());
    } else {
      count_.fetch_sub(1);
    }
  }

 private:
  void decode(size_t file, float* out) const {
    const std::string name = tree_->name(file);
    const std::string bytes = tree_->read(file);
    const WavInfo info = wav_info(bytes, name);
    if (info.rate != form_.rate) {
      Error error(ErrorKind::kData,
                  fmt::format("'{}' has a sample rate of {}; expected {}", name, info.rate, form_.rate));
      error.hint = "all files must have one rate; convert those that differ";
      throw error;
    }
    const int64_t spare = std::abs(form_.length - info.frames);
    const int64_t offset = form_.align == "start" ? 0 : form_.align == "center" ? spare / 2 : spare;
    if (info.frames >= form_.length) {
      read_frames(info, offset, form_.length, out);
    } else {
      std::fill_n(out, form_.length, 0.0F);
      read_frames(info, 0, info.frames, out + offset);
    }
    if (info.floats) {
      for (int64_t i = 0; i < form_.length; ++i) {
        if (!(std::abs(out[i]) < 1e30F)) fail(ErrorKind::kData, "'{}' has values that are not finite", name);
      }
    }
  }

  SampleSpec spec_;
  std::shared_ptr<const FileTree> tree_;
  std::vector<std::pair<size_t, int64_t>> samples_;
  Form form_;
  size_t kept_;  ///< samples that fit into the cache
  mutable std::atomic<size_t> count_ = 0;
  mutable std::vector<std::atomic<float*>> cache_;
};

}  // namespace

Fields AudioFolderSource::fields() {
  static const Field list[] = {
      required<&AudioFolderSource::path>("path",
                                         "the folder, or a .zip archive, or a folder in one (a.zip/b)"),
      required<&AudioFolderSource::length>(
          "length", "values of every sound: shorter ones are filled up with 0, longer cut",
          between(1, 1 << 28)),
      field<&AudioFolderSource::pattern>(
          "pattern",
          "parts of the file names, such as {label}_{speaker}_{index}.wav; not given: a folder per label"),
      field<&AudioFolderSource::label>("label", "part of the pattern that is the class"),
      field<&AudioFolderSource::test>(
          "test", "which files are the test split: an expression over the parts, such as index < 5"),
      field<&AudioFolderSource::test_fraction>("test_fraction", "share of each class that is the test split",
                                               fraction()),
      field<&AudioFolderSource::align>("align", "what is kept of longer sound, and where shorter sound lies",
                                       one_of({"start", "center", "end"})),
      field<&AudioFolderSource::sample_rate>(
          "sample_rate", "values per second that the files must have; not given: those of the first",
          positive()),
      field<&AudioFolderSource::seed>(
          "seed", "seed of the order of samples and of what test_fraction chooses", non_negative()),
      field<&AudioFolderSource::cache_mb>(
          "cache_mb", "MiB of memory for sound that was read; 0: read each time", between(0, 1 << 20)),
  };
  return list;
}

void AudioFolderSource::bind(const SourceOptions& options) {
  place_ = files::join(options.dir.empty() ? files::parent(options.config_file) : options.dir, path);
  if (!test.is_null() && test_fraction > 0)
    fail(ErrorKind::kConfig, "audio_folder: test and test_fraction exclude each other");
  if (!test.is_null() && pattern.empty())
    fail(ErrorKind::kConfig, "audio_folder: test needs a pattern, whose parts it is about");
  if (!test.is_null() && !test.is_string())
    throw test.error(fmt::format("test: expected an expression such as index < 5, found {}", test.found()));
  if (pattern.empty()) return;
  const NamePattern parts(pattern);
  if (std::find(parts.names().begin(), parts.names().end(), label) == parts.names().end())
    fail(ErrorKind::kConfig, "audio_folder: the pattern '{}' has no part '{}' to be the label", pattern,
         label);
}

void AudioFolderSource::scan() const {
  if (tree_ != nullptr) return;
  const auto tree = FileTree::open(place_);
  std::optional<NamePattern> parts;
  if (!pattern.empty()) parts.emplace(pattern);
  std::optional<config::Node> rule;
  if (!test.is_null()) rule = config::Node::string("$(" + test.as_string() + ")", test.mark());
  std::vector<size_t> wavs;
  std::vector<std::string> labels;
  std::vector<bool> is_test;
  for (size_t i = 0; i < tree->files().size(); ++i) {
    const std::string& file = tree->files()[i].path;
    if (!is_wav_name(file)) continue;
    if (!parts) {
      const size_t slash = file.rfind('/');
      if (slash == std::string::npos) continue;
      const std::string folder = file.substr(0, slash);
      labels.push_back(files::base_name(folder));
      is_test.push_back(false);
      wavs.push_back(i);
      continue;
    }
    const auto values = parts->match(files::base_name(file));
    if (!values)
      fail(ErrorKind::kData, "the name of '{}' does not fit the pattern '{}'", tree->name(i), pattern);
    config::Scope scope;
    for (size_t k = 0; k < values->size(); ++k) {
      if (parts->names()[k] == label) labels.push_back((*values)[k]);
      scope.set(parts->names()[k], value_of((*values)[k]));
    }
    bool held = false;
    if (rule) {
      const config::Node answer = config::evaluate(*rule, scope);
      if (answer.kind() != config::Kind::kBool)
        throw test.error(fmt::format("test: expected true or false for '{}', got {}", file, answer.found()));
      held = answer.as_bool();
    }
    is_test.push_back(held);
    wavs.push_back(i);
  }
  if (wavs.empty()) {
    fail(ErrorKind::kData, "'{}' has no .wav files{}", tree->path(),
         parts ? "" : " in folders named like their label");
  }
  divide(wavs, labels, std::move(is_test));
  if (train_.empty())
    fail(ErrorKind::kData, "all {} .wav files of '{}' are test files", wavs.size(), tree->path());
  for (const Sample& sample : test_) {
    if (sample.label < 0)
      fail(ErrorKind::kData, "test file '{}' is of a class that no training file has",
           tree->name(sample.file));
  }
  const size_t first = train_.front().file;
  rate_ = wav_info(tree->read(first), tree->name(first)).rate;
  if (sample_rate && rate_ != *sample_rate) {
    Error error(ErrorKind::kData, fmt::format("'{}' has a sample rate of {}; expected {}", tree->name(first),
                                              rate_, *sample_rate));
    error.hint = fmt::format("the transform resample: {{from: {}, to: {}}} changes it", rate_, *sample_rate);
    throw error;
  }
  tree_ = tree;
}

void AudioFolderSource::divide(const std::vector<size_t>& files, const std::vector<std::string>& labels,
                               std::vector<bool> is_test) const {
  std::map<std::string, std::vector<size_t>> by_class;
  for (size_t i = 0; i < files.size(); ++i) {
    if (!is_test[i]) by_class[labels[i]].push_back(i);
  }
  uint64_t which = 100;
  names_.clear();
  for (const auto& [name, list] : by_class) {
    names_.push_back(name);
    const int64_t n = static_cast<int64_t>(list.size()), held = share_of(test_fraction, n);
    const std::vector<int64_t> order = mixed_order(n, seed, which++);
    for (int64_t k = 0; k < held; ++k)
      is_test[list[static_cast<size_t>(order[static_cast<size_t>(k)])]] = true;
  }
  const auto number = [&](const std::string& name) -> int64_t {
    const auto found = std::lower_bound(names_.begin(), names_.end(), name);
    return found != names_.end() && *found == name ? found - names_.begin() : -1;
  };
  train_.clear();
  test_.clear();
  for (const int64_t at : mixed_order(static_cast<int64_t>(files.size()), seed, 0)) {
    const size_t i = static_cast<size_t>(at);
    (is_test[i] ? test_ : train_).push_back({files[i], number(labels[i])});
  }
}

std::vector<std::string> AudioFolderSource::splits() const {
  scan();
  if (test_.empty()) return {"train"};
  return {"train", "test"};
}

SampleSpec AudioFolderSource::spec() {
  scan();
  SampleSpec spec =
      labelled(make_spec({1, length}, DType::kFloat32), static_cast<int64_t>(names_.size()), "sound");
  return spec;
}

int64_t AudioFolderSource::size(const std::string& split) {
  scan();
  return static_cast<int64_t>((split == "test" ? test_ : train_).size());
}

std::shared_ptr<const Dataset> AudioFolderSource::open(const std::string& split) {
  std::vector<std::pair<size_t, int64_t>> list;
  for (const Sample& sample : split == "test" ? test_ : train_) list.emplace_back(sample.file, sample.label);
  return std::make_shared<Sounds>(spec(), tree_, std::move(list), Sounds::Form{length, align, rate_},
                                  cache_mb << 20);
}

std::map<std::string, std::string> AudioFolderSource::checksums() const {
  if (tree_ == nullptr) return {};
  return {{tree_->path(), tree_->digest()}};
}

}  // namespace dlb::data
