#include "dlb/data/pipeline.h"

#include <algorithm>

namespace dlb::data {

namespace {

std::shared_ptr<const Transform> make_one(config::Reader& reader, const config::Node& node, TensorSpec& spec,
                                          Randomness randomness) {
  std::unique_ptr<Transform> made = make_transform(reader, node);
  if (made == nullptr) return nullptr;
  if (randomness == Randomness::kRefused && made->random()) {
    reader.error(node, fmt::format("{} draws random numbers, so it cannot be in transforms", node.brief()),
                 "list it in data.augment, which acts on training batches only");
    return nullptr;
  }
  try {
    spec = made->prepare(spec);
  } catch (Error& e) {
    reader.errors().add(e.at(node.mark().str()));
    return nullptr;
  }
  return made;
}

/// Records an error at each list that has transforms: they are prepared for one shape.
bool all_of_one_size(config::Reader& reader, const config::Node& augment, const config::Node& transforms,
                     const Column& column) {
  bool good = true;
  for (const config::Node* node : {&augment, &transforms}) {
    if (node->is_null() || (node->is_list() && node->items().empty())) continue;
    reader.error(*node, fmt::format("transforms need samples of one shape; those of '{}' differ in length",
                                    column.name));
    good = false;
  }
  return good;
}

}  // namespace

bool acts_on(const SampleSpec& spec, size_t c) {
  if (c >= spec.inputs) return false;
  const Column& first = spec.columns.front();
  const Column& other = spec.columns[c];
  return c == 0 || (first.collate == Collate::kStack && other.collate == Collate::kStack &&
                    same_samples(first.spec, other.spec) && first.spec.strides == other.spec.strides);
}

SampleSpec transformed(const SampleSpec& spec, const TensorSpec& output) {
  SampleSpec result = spec;
  for (size_t c = 0; c < spec.inputs; ++c) {
    if (acts_on(spec, c)) result.columns[c].spec = output;
  }
  return result;
}

std::optional<Pipeline> make_pipeline(config::Reader& reader, const config::Node& node, const TensorSpec& in,
                                      Randomness randomness) {
  Pipeline pipeline;
  pipeline.output = in;
  if (node.is_null()) return pipeline;
  const std::vector<config::Node> one = {node};
  bool good = true;
  for (const config::Node& item : node.is_list() ? node.items() : one) {
    // After an error the spec is no longer known, so the rest is read for its own errors only.
    if (!good) {
      static_cast<void>(make_transform(reader, item));
      continue;
    }
    pipeline.scratch_bytes = std::max(pipeline.scratch_bytes, pipeline.output.bytes());
    pipeline.inputs.push_back(pipeline.output);
    auto made = make_one(reader, item, pipeline.output, randomness);
    good = made != nullptr;
    pipeline.transforms.push_back(std::move(made));
  }
  if (!good) return std::nullopt;
  return pipeline;
}

std::optional<Pipelines> make_pipelines(config::Reader& reader, const config::Node& augment,
                                        const config::Node& transforms, const Column& column) {
  const TensorSpec& in = column.spec;
  if (column.collate != Collate::kStack && !all_of_one_size(reader, augment, transforms, column))
    return std::nullopt;
  auto augmented = make_pipeline(reader, augment, in, Randomness::kAllowed);
  auto plain = make_pipeline(reader, transforms, in, Randomness::kRefused);
  if (!augmented || !plain) return std::nullopt;

  // Where augmentation keeps the spec, as most does, both pipelines share the prepared transforms.
  std::optional<Pipeline> after = plain;
  if (!same_samples(augmented->output, in)) {
    after = make_pipeline(reader, transforms, augmented->output, Randomness::kRefused);
    if (!after) return std::nullopt;
  }
  if (!same_samples(after->output, plain->output)) {
    reader.error(augment,
                 fmt::format("augment makes training samples {}, but evaluation samples are {}",
                             spec_text(after->output), spec_text(plain->output)),
                 "evaluation runs data.transforms alone: add a center_crop or resize there");
    return std::nullopt;
  }
  Pipelines both{std::move(*augmented), std::move(*plain)};
  auto& list = both.training.transforms;
  list.insert(list.end(), after->transforms.begin(), after->transforms.end());
  both.training.inputs.insert(both.training.inputs.end(), after->inputs.begin(), after->inputs.end());
  both.training.output = both.evaluation.output;
  both.training.scratch_bytes = std::max(both.training.scratch_bytes, after->scratch_bytes);
  return both;
}

}  // namespace dlb::data
