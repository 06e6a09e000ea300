#pragma once
/// \file Experiments on samples that a test has made, without files.

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dlb/config/document.h"
#include "dlb/train/batches.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// Sample i is row i of each tensor; images are stored H, W, C. Float32 and int64.
class GivenSamples final : public data::Dataset {
 public:
  explicit GivenSamples(const std::vector<std::pair<std::string, Tensor>>& columns, size_t inputs = 1,
                        int64_t classes = 0) {
    for (const auto& [name, values] : columns) {
      const Shape sample(values.shape().begin() + 1, values.shape().end());
      const bool image = sample.size() == 3;
      spec_.columns.push_back({name, image ? data::image_spec(sample[0], sample[1], sample[2], values.dtype())
                                           : make_spec(sample, values.dtype())});
      Column column{spec_.columns.back().spec, {}, image};
      column.bytes.resize(values.spec().bytes());
      if (values.dtype() == DType::kInt64) {
        const auto all = values.to_vector<int64_t>();
        std::memcpy(column.bytes.data(), all.data(), column.bytes.size());
      } else {
        const auto all = values.to_vector<float>();
        std::memcpy(column.bytes.data(), all.data(), column.bytes.size());
      }
      columns_.push_back(std::move(column));
      size_ = values.dim(0);
    }
    spec_.inputs = inputs;
    spec_.classes = classes;
  }
  int64_t size() const override { return size_; }
  const data::SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* out) const override {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const Column& column = columns_[c];
      const size_t bytes = column.spec.bytes();
      const char* from = column.bytes.data() + static_cast<size_t>(index) * bytes;
      if (!column.image) {
        std::memcpy(out[c], from, bytes);
        continue;
      }
      const int64_t channels = column.spec.dim(0), pixels = column.spec.numel() / channels;
      const auto* source = reinterpret_cast<const float*>(from);
      auto* to = static_cast<float*>(out[c]);
      for (int64_t k = 0; k < channels; ++k) {
        for (int64_t p = 0; p < pixels; ++p) to[p * channels + k] = source[k * pixels + p];
      }
    }
  }

 private:
  struct Column {
    TensorSpec spec;
    std::vector<char> bytes;
    bool image;
  };
  data::SampleSpec spec_;
  std::vector<Column> columns_;
  int64_t size_ = 0;
};

/// The experiment of a config without a data section, with initial values from its seed.
inline std::unique_ptr<Experiment> experiment_of(const std::string& text,
                                                 const std::shared_ptr<const data::Dataset>& set,
                                                 int64_t batch) {
  data::DataConfig config;
  config.batch = batch;
  config.shuffle = false;
  auto e = Experiment::load(config::Document::parse(text, "test.yaml"),
                            data::DataModule::of({{"train", set}}, config));
  e->model->materialize(e->seed);
  return e;
}

/// One epoch in order.
inline Batches batches_of(const std::shared_ptr<const data::Dataset>& set, int64_t batch) {
  data::LoaderOptions o;
  o.batch = batch;
  const TensorSpec spec = set->spec().input().spec;
  Batches batches(std::make_unique<data::Loader>(set, data::Pipeline{{}, {}, spec}, o));
  batches.start(0);
  return batches;
}

inline Tensor value_of(const Experiment& e, const std::string& variable) {
  for (const nn::Variable& v : e.model->variables()) {
    if (v.name == variable) return v.value.detach();
  }
  throw std::runtime_error("no variable " + variable);
}

}  // namespace dlb::train
