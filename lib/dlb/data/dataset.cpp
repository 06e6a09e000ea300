#include "dlb/data/dataset.h"

#include <algorithm>

namespace dlb::data {

TensorSpec image_spec(int64_t channels, int64_t height, int64_t width, DType dtype) {
  TensorSpec spec = make_spec({channels, height, width}, dtype);
  spec.strides = {1, width * channels, channels};
  return spec;
}

TensorSpec batch_spec(const TensorSpec& sample, int64_t count) {
  TensorSpec spec = sample;
  spec.shape.insert(0, count);
  spec.strides.insert(0, std::max<int64_t>(sample.numel(), 1));
  return spec;
}

TensorSpec batch_spec(const Column& column, int64_t count) {
  if (column.collate != Collate::kJoin) return batch_spec(column.spec, count);
  Shape shape = column.spec.shape;
  if (__builtin_mul_overflow(shape[0], count, &shape[0])) {
    fail(ErrorKind::kShape, "{} samples of column '{}' {} are too many to be joined", count, column.name,
         shape_text(column.spec.shape));
  }
  return make_spec(shape, column.spec.dtype);
}

void Dataset::draw(int64_t index, RandomStream& /*random*/, void* const* columns) const {
  read(index, columns);
}

std::string Source::name_of(std::string_view /*column*/, int64_t /*number*/) const { return {}; }

std::string label_among(const std::vector<std::string>& names, int64_t number) {
  return number >= 0 && number < std::ssize(names) ? names[static_cast<size_t>(number)] : "";
}

Error field_error(const SourceOptions& options, std::string_view key, const std::string& message,
                  const std::string& hint) {
  const config::Node* node = options.body.is_map() ? options.body.find(key) : nullptr;
  return node != nullptr ? node->error(message, hint) : Error(ErrorKind::kConfig, message, {}, hint);
}

SampleSpec labelled(TensorSpec input, int64_t classes, std::string input_name) {
  SampleSpec spec;
  spec.columns.push_back({std::move(input_name), std::move(input)});
  spec.columns.push_back({"label", make_spec({}, DType::kInt64)});
  spec.classes = classes;
  return spec;
}

namespace {

class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {
    for (const int64_t index : indices_) DLB_CHECK(index >= 0 && index < whole_->size());
  }
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  const SampleSpec& spec() const override { return whole_->spec(); }
  bool constant() const override { return whole_->constant(); }
  void lengths(int64_t index, int64_t* out) const override {
    whole_->lengths(indices_[static_cast<size_t>(index)], out);
  }
  void read(int64_t index, void* const* columns) const override {
    whole_->read(indices_[static_cast<size_t>(index)], columns);
  }
  void draw(int64_t index, RandomStream& random, void* const* columns) const override {
    whole_->draw(indices_[static_cast<size_t>(index)], random, columns);
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<int64_t> indices_;
};

}  // namespace

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices) {
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

}  // namespace dlb::data
