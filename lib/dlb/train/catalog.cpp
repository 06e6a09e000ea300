#include "dlb/train/catalog.h"

#include "dlb/config/schema.h"
#include "dlb/data/data_config.h"
#include "dlb/data/dataset.h"
#include "dlb/data/tokenizer.h"
#include "dlb/data/transform.h"
#include "dlb/metrics/metric.h"
#include "dlb/model/constructs.h"
#include "dlb/nn/initializer.h"
#include "dlb/nn/layer.h"
#include "dlb/nn/loss.h"
#include "dlb/optim/optimizer.h"
#include "dlb/optim/schedule.h"
#include "dlb/train/settings.h"

namespace dlb::train {

namespace {

template <class T>
Described section(std::string name, std::string doc) {
  auto object = std::make_shared<T>();
  void* base = object.get();
  return {std::move(name), std::move(doc), T::fields(), std::move(object), base};
}

std::vector<Described> sections() {
  return {section<ConfigSections>("config", "The top level of a config"),
          section<data::DataConfig>("data", "Where samples come from and how they are prepared"),
          section<TrainSettings>("train", "Length of the run and everything around the updates"),
          section<PhaseSettings>("phase",
                                 "An entry of `train.phases`: an update with its own loss and parameters"),
          section<LossSettings>(
              "losses", "What may stand in `loss` beside the fields of the loss itself, or beside its name"),
          section<MetricSettings>(
              "metrics",
              "What may stand in `metrics` beside the fields of the metric itself, or beside its name"),
          section<WeightsSettings>("weights", "Initial weights from a file"),
          section<ExpectSettings>("expect",
                                  "A value of `expect`, whose key is SPLIT.NAME: test.accuracy, train.loss")};
}

}  // namespace

const std::vector<Category>& catalog() {
  static const std::vector<Category> categories = {
      {"section", "Sections", "The parts of a config.", sections()},
      {"source", "Data sources",
       "What `data.source` may be: one of these, or the name of a data set (`dlbench doctor` lists them).",
       describe_types(data::source_types())},
      {"tokenizer", "Tokenizers", "What `tokenizer` of a text source may be.",
       describe_types(data::tokenizer_types())},
      {"transform", "Transforms",
       "Steps of `data.transforms` (all splits) and `data.augment` (training batches only, before the "
       "transforms).",
       describe_types(data::transform_types())},
      {"layer", "Layers",
       "Steps of `model`. Each may also say `in: name` or `in: [a, b]` (its inputs), `as: name` (names its "
       "output), `id: name` "
       "(names its parameters).",
       describe_types(nn::layer_types())},
      {"construct", "Model constructs", "Containers, and what is decided when the model is built.",
       model::construct_types()},
      {"loss", "Losses", "What `loss` may be.", describe_types(nn::loss_types())},
      {"initializer", "Initialisers",
       "Entries of `init`: `{match: pattern or list, INITIALIZER}`, for parameters by name; the first match "
       "wins.",
       describe_types(nn::initializer_types())},
      {"optimizer", "Optimizers", "What `optimizer` may be.", describe_types(optim::optimizer_types())},
      {"schedule", "Schedules", "What `schedule` may be: the learning rate over time.",
       describe_types(optim::schedule_types())},
      {"metric", "Metrics", "What the list `metrics` may hold.", describe_types(metrics::metric_types())},
  };
  return categories;
}

const Category* find_category(std::string_view name) {
  for (const Category& c : catalog()) {
    if (c.name == name) return &c;
  }
  return nullptr;
}

std::string reference_markdown() {
  std::string out =
      "# Reference of the config language\n\nMade by `dlbench help --markdown` from the program's own field "
      "descriptors.\n";
  for (const Category& c : catalog())
    out.append("\n").append(config::reference_markdown(c.title, c.doc, c.types));
  return out;
}

}  // namespace dlb::train
