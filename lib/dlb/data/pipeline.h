#pragma once
/// \file Transforms in a row, as `data.augment` and `data.transforms` list them.

#include <memory>
#include <optional>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/data/dataset.h"
#include "dlb/data/transform.h"

namespace dlb::data {

/// Transforms prepared one after the other, and the spec of what the last one gives.
struct Pipeline {
  std::vector<std::shared_ptr<const Transform>> transforms;
  std::vector<TensorSpec> inputs;  ///< what each of them takes
  TensorSpec output;
  size_t scratch_bytes = 0;  ///< of the largest sample before the last transform
};

/// Whether a pipeline for the first column acts on column `c` too: it is the first, or another input of the
/// very same spec. Each draws the same random numbers.
bool acts_on(const SampleSpec& spec, size_t c);
/// The columns of `spec` with `output` in place of those that a pipeline acts on.
SampleSpec transformed(const SampleSpec& spec, const TensorSpec& output);

/// Whether a list may hold transforms that draw random numbers.
enum class Randomness { kAllowed, kRefused };

/// Makes and prepares the transforms of the list `node` (a single one may stand without a list, null is
/// none), the first for `in`. Records every error at its transform and then returns nothing.
std::optional<Pipeline> make_pipeline(config::Reader& reader, const config::Node& node, const TensorSpec& in,
                                      Randomness randomness);

/// Both pipelines of a data section.
struct Pipelines {
  Pipeline training;    ///< augment, then transforms
  Pipeline evaluation;  ///< transforms alone
};

/// Augmentation acts on samples as the source gives them, so that crops and flips work on bytes; both
/// pipelines must end in the same spec. Records errors (also where samples differ in size) and then returns
/// nothing.
std::optional<Pipelines> make_pipelines(config::Reader& reader, const config::Node& augment,
                                        const config::Node& transforms, const Column& column);

}  // namespace dlb::data
