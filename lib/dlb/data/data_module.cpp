#include <algorithm>
#include <cmath>
#include <future>
#include <limits>
#include <numeric>
#include <set>

#include "dlb/base/files.h"
#include "dlb/base/rounding.h"
#include "dlb/data/data_config.h"

namespace dlb::data {

namespace {

const config::Node& key_or(const config::Node& map, std::string_view key) {
  const config::Node* found = map.is_map() ? map.find(key) : nullptr;
  return found != nullptr ? *found : map;
}

/// How many samples `val` asks for, of `size`; records an error and returns nothing when it cannot be.
std::optional<int64_t> held_out(config::Reader& reader, const config::Node& node, const HoldOut& out,
                                int64_t size) {
  const int given = int{out.last.has_value()} + int{out.first.has_value()} + int{out.fraction.has_value()};
  if (given != 1) {
    reader.error(node, fmt::format("val needs one of last, first, fraction; found {}", given));
    return std::nullopt;
  }
  const int64_t count = out.fraction ? std::llround(*out.fraction * static_cast<double>(size))
                        : out.last   ? *out.last
                                     : *out.first;
  if (count >= 1 && count < size) return count;
  const std::string_view key = out.fraction ? "fraction" : out.last ? "last" : "first";
  reader.error(key_or(node, key),
               fmt::format("cannot hold {} samples out of the {} of split '{}'; expected 1 to {}", count,
                           size, out.from, size - 1));
  return std::nullopt;
}

TensorSpec padded_spec(const TensorSpec& spec, int64_t length) {
  Shape shape = spec.shape;
  shape[0] = length;
  return make_spec(shape, spec.dtype);
}

}  // namespace

bool DataModule::hold_out(config::Reader& reader, const config::Node& node) {
  HoldOut out;
  const config::Node written = key_or(node, "val");
  config::Node val = written;
  if (config::is_expression(val)) val = config::evaluate(val, reader.scope());
  if (val.kind() == config::Kind::kFloat) {
    // A lone number is the first field, `last`; a share is told by its point.
    val = config::Node::map({{"fraction", val.mark(), val}}, val.mark());
  }
  if (!reader.read(val, HoldOut::fields(), &out, "val")) return false;
  if (parts_.contains("val") && out.from != "val") {
    reader.error(written, "the data set has a split 'val' already; nothing can be held out for another");
    return false;
  }
  const auto from = parts_.find(out.from);
  if (from == parts_.end() || out.from == "val") {
    std::vector<std::string> valid = splits();
    std::erase(valid, "val");
    reader.unknown_name(key_or(written, "from"), out.from, valid, "split");
    return false;
  }
  Part& rest = from->second;
  const std::optional<int64_t> count = held_out(reader, written, out, rest.end - rest.begin);
  if (!count) return false;
  Part taken = rest;
  if (out.first) {
    taken.end = rest.begin = *count;
  } else {
    taken.begin = rest.end = rest.end - *count;
  }
  parts_["val"] = taken;
  return true;
}

bool DataModule::plan_parts(config::Reader& reader, const config::Node& node) {
  for (const std::string& split : source_->splits()) parts_[split] = {split, 0, source_->size(split)};
  if (!parts_.contains("train")) {
    reader.error(key_or(node, "source"), "the data set has no split 'train'");
    return false;
  }
  if (!config_.val.is_null() && !hold_out(reader, node)) return false;
  const std::pair<const char*, std::optional<int64_t>> limits[] = {
      {"train", config_.limit_train}, {"val", config_.limit_val}, {"test", config_.limit_test}};
  for (const auto& [split, limit] : limits) {
    if (!limit) continue;
    const auto part = parts_.find(split);
    if (part == parts_.end()) {
      reader.error(key_or(node, std::string("limit_") + split),
                   fmt::format("the data has no split '{}' to limit", split));
      return false;
    }
    part->second.end = part->second.begin + std::min(*limit, part->second.end - part->second.begin);
  }
  if (steps_per_epoch() == 0) {
    reader.error(key_or(node, "drop_last"),
                 fmt::format("the {} training samples make no full batch of {}, and drop_last leaves out the "
                             "short one: there is nothing to train on",
                             size("train"), batch()));
    return false;
  }
  return true;
}

bool DataModule::plan_inputs(config::Reader& reader, const config::Node& node) {
  input_columns_.clear();
  std::vector<std::string> names;
  for (const Column& c : spec_.columns) names.push_back(c.name);
  const config::Node& written = key_or(node, "inputs");
  for (size_t i = 0; i < config_.inputs.size(); ++i) {
    const std::string& name = config_.inputs[i];
    const config::Node& at = written.is_list() && i < written.items().size() ? written.items()[i] : written;
    const auto found = std::find(names.begin(), names.end(), name);
    const auto column = static_cast<size_t>(found - names.begin());
    if (found == names.end()) {
      reader.unknown_name(at, name, names, "column of the data");
      return false;
    }
    if (std::find(input_columns_.begin(), input_columns_.end(), column) != input_columns_.end()) {
      reader.error(at, fmt::format("column '{}' is listed twice", name));
      return false;
    }
    input_columns_.push_back(column);
  }
  if (config_.inputs.empty()) {
    input_columns_.resize(spec_.inputs);
    std::iota(input_columns_.begin(), input_columns_.end(), size_t{0});
  }
  return true;
}

std::unique_ptr<DataModule> DataModule::plan(config::Reader& reader, const config::Node& node,
                                             const std::string& config_file) {
  std::unique_ptr<DataModule> module(new DataModule);
  DataConfig& c = module->config_;
  bool good = reader.read(node, DataConfig::fields(), &c, "data");
  if (c.source.is_null()) {
    if (good) reader.error(node, "data needs a source");
    return nullptr;
  }
  try {
    if (config::is_expression(c.source)) c.source = config::evaluate(c.source, reader.scope());
    if (!c.dir.empty()) c.dir = files::join(files::parent(config_file), c.dir);
    module->source_ = make_source(reader, c.source, {c.dir, config_file});
    if (module->source_ == nullptr) return nullptr;
    module->spec_ = module->source_->spec();
    good = module->plan_parts(reader, node) && good;
    good = module->plan_inputs(reader, node) && good;
  } catch (Error& e) {
    reader.errors().add(e.at(c.source.mark().str()));
    return nullptr;
  }
  auto pipelines = make_pipelines(reader, c.augment, c.transforms, module->spec_.input());
  if (!pipelines || !good) return nullptr;
  module->pipelines_ = std::move(*pipelines);
  const auto joined = [](const Column& column) { return column.collate == Collate::kJoin; };
  if (std::any_of(module->spec_.columns.begin(), module->spec_.columns.end(), joined) &&
      !module->environment()) {
    // What is known of a batch follows from its number of samples; a whole graph is one, whatever `batch`
    // says.
    c.eval_batch = module->eval_batch();
    c.batch = std::min(c.batch, module->size("train"));
  }
  module->raw_spec_ = module->spec_;
  module->spec_ = transformed(module->spec_, module->pipelines_.evaluation.output);
  for (Column& column : module->spec_.columns) {
    if (column.collate == Collate::kPad)
      column.spec = padded_spec(column.spec, rounded_up(column.spec.dim(0), c.pad_to));
  }
  return module;
}

namespace {

/// Data sets that are there already.
class GivenSource final : public Source {
 public:
  explicit GivenSource(std::map<std::string, std::shared_ptr<const Dataset>> sets) : sets_(std::move(sets)) {}
  std::vector<std::string> splits() const override {
    std::vector<std::string> names;
    for (const auto& [name, set] : sets_) names.push_back(name);
    return names;
  }
  SampleSpec spec() override { return sets_.at("train")->spec(); }
  int64_t size(const std::string& split) override { return sets_.at(split)->size(); }
  std::shared_ptr<const Dataset> open(const std::string& split) override { return sets_.at(split); }

 private:
  std::map<std::string, std::shared_ptr<const Dataset>> sets_;
};

}  // namespace

std::unique_ptr<DataModule> DataModule::of(std::map<std::string, std::shared_ptr<const Dataset>> splits,
                                           const DataConfig& config) {
  DLB_CHECK(splits.contains("train"));
  std::unique_ptr<DataModule> module(new DataModule);
  module->config_ = config;
  module->raw_spec_ = module->spec_ = splits.at("train")->spec();
  module->pipelines_.training.output = module->pipelines_.evaluation.output = module->spec_.input().spec;
  module->input_columns_.resize(module->spec_.inputs);
  std::iota(module->input_columns_.begin(), module->input_columns_.end(), size_t{0});
  for (const auto& [name, set] : splits) module->parts_[name] = {name, 0, set->size()};
  module->source_ = std::make_unique<GivenSource>(std::move(splits));
  return module;
}

std::vector<std::string> DataModule::splits() const {
  std::vector<std::string> names;
  for (const char* name : {"train", "val", "test"}) {
    if (has(name)) names.emplace_back(name);
  }
  return names;
}

int64_t DataModule::size(const std::string& split) const {
  const Part& part = parts_.at(split);
  return part.end - part.begin;
}

int64_t DataModule::steps_per_epoch() const {
  const int64_t n = size("train");
  return config_.drop_last ? n / batch() : (n - 1) / batch() + 1;
}

void DataModule::open() {
  std::set<std::string> needed;
  for (const auto& [name, part] : parts_) needed.insert(part.from);
  std::map<std::string, std::future<std::shared_ptr<const Dataset>>> opening;
  for (const std::string& split : needed) {
    opening[split] = std::async(std::launch::async, [this, split] { return source_->open(split); });
  }
  std::map<std::string, std::shared_ptr<const Dataset>> whole;
  for (auto& [split, dataset] : opening) whole[split] = dataset.get();
  for (const auto& [name, part] : parts_) open_[name] = part_of(whole.at(part.from), part);
}

std::shared_ptr<const Dataset> DataModule::part_of(const std::shared_ptr<const Dataset>& whole,
                                                   const Part& part) {
  if (part.end > whole->size())
    fail(ErrorKind::kData, "split '{}' has shrunk since its headers were read", part.from);
  if (part.begin == 0 && part.end == whole->size()) return whole;
  std::vector<int64_t> indices(static_cast<size_t>(part.end - part.begin));
  std::iota(indices.begin(), indices.end(), part.begin);
  return subset(whole, std::move(indices));
}

LoaderOptions DataModule::loader_options(bool training, uint64_t seed) const {
  LoaderOptions options;
  options.batch = training ? batch() : eval_batch();
  options.shuffle = training && config_.shuffle;
  options.drop_last = training && config_.drop_last;
  options.seed = seed;
  options.threads = static_cast<int>(config_.threads);
  options.prefetch = config_.prefetch;
  options.bucket = training ? config_.bucket : 0;
  options.pad_to = config_.pad_to;
  return options;
}

std::unique_ptr<Loader> DataModule::loader(const std::string& split, bool training, uint64_t seed) const {
  DLB_CHECK(open_.contains(split));
  return std::make_unique<Loader>(open_.at(split), training ? pipelines_.training : pipelines_.evaluation,
                                  loader_options(training, seed));
}

std::unique_ptr<Loader> DataModule::raw_loader(const std::string& split, uint64_t seed) const {
  DLB_CHECK(open_.contains(split));
  std::shared_ptr<const Dataset> samples = open_.at(split);
  if (source_ != nullptr && !source_->raw_numbers().empty()) {
    const Part& part = parts_.at(split);
    samples = part_of(source_->open_raw(part.from), part);
  }
  Pipeline none;
  none.output = samples->spec().input().spec;
  return std::make_unique<Loader>(std::move(samples), std::move(none), loader_options(false, seed));
}

const std::vector<std::string>& DataModule::fact_names() {
  static const std::vector<std::string> names = {
      "classes",    "channels", "height", "width",   "features",     "length", "train_size",
      "vocab",      "context",  "users",  "items",   "nodes",        "edges",  "outputs",
      "categories", "tables",   "rows",   "actions", "target_length"};
  return names;
}

void DataModule::facts(config::Scope& scope) const {
  const auto set = [&](const std::string& name, int64_t value) {
    scope.set(name, config::Node::integer(value));
  };
  if (spec_.classes > 0) set("classes", spec_.classes);
  const Column& input = spec_.input();
  const TensorSpec& spec = input.spec;
  const bool ragged = input.collate != Collate::kStack;
  if (spec.rank() == 3 && !ragged) {
    set("channels", spec.dim(0));
    set("height", spec.dim(1));
    set("width", spec.dim(2));
  }
  if (input.collate == Collate::kPad) set("length", spec.dim(0));
  if (spec_.inputs > 1 && spec_.columns[1].collate == Collate::kPad) {
    set("target_length", spec_.columns[1].spec.dim(0));
  }
  set("features", ragged ? spec.numel() / std::max<int64_t>(spec.dim(0), 1) : spec.numel());
  set("train_size", size("train"));
  for (const auto& [name, value] : spec_.facts) set(name, value);
}

}  // namespace dlb::data
