#include "dlb/data/matched_source.h"

#include <algorithm>

#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

/// The samples of a data set by class.
class ByClass {
 public:
  ByClass(const char* source, std::shared_ptr<const Dataset> from) : from_(std::move(from)) {
    const SampleSpec& spec = from_->spec();
    classes_.resize(static_cast<size_t>(spec.classes));
    Scratch input(spec.input().spec.bytes());
    for (int64_t i = 0; i < from_->size(); ++i) {
      int64_t label = 0;
      void* columns[] = {input.data(), &label};
      from_->read(i, columns);
      labels_.push_back(label);
      classes_.at(static_cast<size_t>(label)).push_back(i);
    }
    const auto filled =
        std::count_if(classes_.begin(), classes_.end(), [](const auto& c) { return !c.empty(); });
    if (filled < 2)
      fail(ErrorKind::kData, "{}: all {} samples are of one class; at least two are needed", source,
           from_->size());
  }
  int64_t size() const { return from_->size(); }
  int64_t label(int64_t index) const { return labels_[static_cast<size_t>(index)]; }
  /// Another sample of the class of `index`; itself where it is the only one.
  int64_t same(int64_t index, RandomStream& random) const {
    const auto& list = classes_[static_cast<size_t>(label(index))];
    if (list.size() == 1) return index;
    const size_t own = static_cast<size_t>(std::lower_bound(list.begin(), list.end(), index) - list.begin());
    const size_t drawn = random.below(list.size() - 1);
    return list[drawn + (drawn >= own ? 1 : 0)];
  }
  /// A sample of another class, each with the same probability.
  int64_t other(int64_t index, RandomStream& random) const {
    while (true) {
      const int64_t drawn = static_cast<int64_t>(random.below(static_cast<uint64_t>(size())));
      if (label(drawn) != label(index)) return drawn;
    }
  }
  void copy(int64_t index, void* out) const {
    int64_t label = 0;
    void* columns[] = {out, &label};
    from_->read(index, columns);
  }

 private:
  std::shared_ptr<const Dataset> from_;
  std::vector<int64_t> labels_;
  std::vector<std::vector<int64_t>> classes_;
};

/// Draws from the epoch's stream for training, and from the sample's own otherwise.
class Matched : public Dataset {
 public:
  Matched(const char* source, std::shared_ptr<const Dataset> from, SampleSpec spec, bool training,
          int64_t seed)
      : by_class_(source, std::move(from)), spec_(std::move(spec)), training_(training), seed_(seed) {}
  int64_t size() const override { return by_class_.size(); }
  const SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    RandomStream random({static_cast<uint64_t>(seed_), RngPurpose::kSynthetic, training_ ? 0U : 1U,
                         static_cast<uint32_t>(index)});
    put(index, random, columns);
  }
  void draw(int64_t index, RandomStream& random, void* const* columns) const override {
    if (training_) {
      put(index, random, columns);
    } else {
      read(index, columns);
    }
  }

 protected:
  virtual void put(int64_t index, RandomStream& random, void* const* columns) const = 0;
  const ByClass& by_class() const { return by_class_; }

 private:
  ByClass by_class_;
  SampleSpec spec_;
  bool training_;
  int64_t seed_;
};

class PairsDataset final : public Matched {
 public:
  /// `other`: the target of pairs of two classes.
  PairsDataset(std::shared_ptr<const Dataset> from, SampleSpec spec, bool training, int64_t seed, double same,
               float other)
      : Matched("pairs", std::move(from), std::move(spec), training, seed), same_(same), other_(other) {}

 protected:
  void put(int64_t index, RandomStream& random, void* const* columns) const override {
    const bool same = random.uniform_double() < same_;
    const int64_t partner = same ? by_class().same(index, random) : by_class().other(index, random);
    by_class().copy(index, columns[0]);
    by_class().copy(partner, columns[1]);
    const TensorSpec& target = spec().target().spec;
    if (target.dtype == DType::kInt64) {
      *static_cast<int64_t*>(columns[2]) = same ? 1 : 0;
    } else {
      *static_cast<float*>(columns[2]) = same ? 1.0F : other_;
    }
  }

 private:
  double same_;
  float other_;
};

class TripletsDataset final : public Matched {
 public:
  TripletsDataset(std::shared_ptr<const Dataset> from, SampleSpec spec, bool training, int64_t seed)
      : Matched("triplets", std::move(from), std::move(spec), training, seed) {}

 protected:
  void put(int64_t index, RandomStream& random, void* const* columns) const override {
    by_class().copy(index, columns[0]);
    by_class().copy(by_class().same(index, random), columns[1]);
    by_class().copy(by_class().other(index, random), columns[2]);
    *static_cast<int64_t*>(columns[3]) = by_class().label(index);
  }
};

Column renamed(Column column, std::string name) {
  column.name = std::move(name);
  return column;
}

}  // namespace

void MatchedSource::bind(const SourceOptions& options) {
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  source_ = make_source(reader, of, options);
  errors.throw_if_any();
}

std::string MatchedSource::changes_inputs() const {
  const std::string changes = source_->changes_inputs();
  return changes.empty() && !source_->raw_numbers().empty() ? "numbers of rows are scaled" : changes;
}

SampleSpec MatchedSource::spec() {
  const SampleSpec from = source_->spec();
  if (from.inputs != 1 || from.columns.size() != 2 || from.classes < 2 ||
      from.input().collate != Collate::kStack || from.target().spec.rank() != 0) {
    throw of.error(fmt::format(
        "{}: expected a source of samples of one size with a class each, such as digits", name()));
  }
  SampleSpec spec = columns(from.input());
  spec.facts = from.facts;
  return spec;
}

std::shared_ptr<const Dataset> MatchedSource::open(const std::string& split) {
  return make(source_->open(split), spec(), split == "train");
}

Fields PairsSource::fields() {
  static const Field list[] = {
      required<&PairsSource::of>("of", "the source of the samples, with a class each"),
      field<&PairsSource::same>("same", "probability that both are of one class", between(0, 1)),
      field<&PairsSource::target>(
          "target",
          "1 for the same class and binary: 0, sign: -1 for another, as floats; class: 1 and 0 as int64",
          one_of({"binary", "sign", "class"})),
      field<&PairsSource::seed>("seed", "seed of the pairs of splits that are not training", non_negative()),
  };
  return list;
}

SampleSpec PairsSource::columns(const Column& input) const {
  SampleSpec spec;
  spec.inputs = 2;
  const TensorSpec same_spec = make_spec({}, target == "class" ? DType::kInt64 : DType::kFloat32);
  spec.columns = {renamed(input, "a"), renamed(input, "b"), {"same", same_spec}};
  spec.classes = target == "class" ? 2 : 0;
  return spec;
}

std::shared_ptr<const Dataset> PairsSource::make(std::shared_ptr<const Dataset> from, SampleSpec spec,
                                                 bool training) const {
  return std::make_shared<PairsDataset>(std::move(from), std::move(spec), training, seed, same,
                                        target == "sign" ? -1.0F : 0.0F);
}

Fields TripletsSource::fields() {
  static const Field list[] = {
      required<&TripletsSource::of>("of", "the source of the samples, with a class each"),
      field<&TripletsSource::seed>("seed", "seed of the triplets of splits that are not training",
                                   non_negative()),
  };
  return list;
}

SampleSpec TripletsSource::columns(const Column& input) const {
  SampleSpec spec;
  spec.inputs = 3;
  spec.columns = {renamed(input, "anchor"),
                  renamed(input, "positive"),
                  renamed(input, "negative"),
                  {"label", make_spec({}, DType::kInt64)}};
  return spec;
}

std::shared_ptr<const Dataset> TripletsSource::make(std::shared_ptr<const Dataset> from, SampleSpec spec,
                                                    bool training) const {
  return std::make_shared<TripletsDataset>(std::move(from), std::move(spec), training, seed);
}

}  // namespace dlb::data
