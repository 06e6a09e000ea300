#include "dlb/train/loading.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "dlb/base/files.h"
#include "dlb/train/updater.h"

namespace dlb::train {
namespace {

using config::Node;

/// A name becomes part of a folder's name.
bool usable_name(const std::string& name) {
  return !name.empty() && name.size() <= 200 && name.front() != '.' && name.front() != '-' &&
         std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return c < 0x20 || c == '/' || c == '\\' || c == 0x7F; });
}

Tensor meta(TensorSpec spec) {
  spec.device = kMeta;
  return Tensor::empty(spec);
}

}  // namespace

template <class F>
bool Loading::guarded(const Node& node, const F& body) {
  try {
    body();
    return true;
  } catch (Error& error) {
    errors_.add(std::move(error.at(node.mark().str())));
    return false;
  }
}

void Loading::run() {
  read_vars();
  read_head();
  read_data();
  read_model();
  read_loss();
  read_metrics();
  read_optimizer();
  if (e_.data) sum_up();
  read_schedule();
  read_weights();
  check_metric_names();
  // A section that was not understood may not have come to the variables that it uses.
  if (errors_.empty()) check_variables_used();
  errors_.throw_if_any();
}

Node Loading::node_at(std::initializer_list<std::string_view> path) const {
  Node node = e_.document.root();
  for (const std::string_view key : path) {
    const Node* next = node.is_map() ? node.find(key) : nullptr;
    if (next == nullptr) break;
    node = *next;
  }
  return node;
}

void Loading::read_vars() {
  const Node* vars = e_.document.root().find("vars");
  if (vars == nullptr || vars->is_null()) return;
  if (!vars->is_map()) {
    reader_.error(*vars, fmt::format("vars must be a map of names to values, got {}",
                                     config::kind_phrase(vars->kind())));
    return;
  }
  for (const Node::Entry& entry : vars->entries()) {
    guarded(entry.value, [&] { vars_.set(entry.key, config::evaluate(entry.value, vars_)); });
  }
}

void Loading::read_head() {
  const Node& root = e_.document.root();
  reader_.read(root, ConfigSections::fields(), &sections_, "the config");
  e_.file = e_.document.files().empty() ? "config" : e_.document.files().front();
  e_.name = sections_.name.empty() ? std::filesystem::path(e_.file).stem().string() : sections_.name;
  if (!usable_name(e_.name)) {
    reader_.error(node_at({"name"}), fmt::format("'{}' cannot be part of a folder's name", e_.name),
                  "use letters, digits, '-', '_' and '.'");
  }
  e_.description = sections_.description;
  const std::string folder = files::parent(e_.file);
  e_.base = sections_.base.empty() ? folder : files::join(folder, sections_.base);
  e_.seed = static_cast<uint64_t>(std::max<int64_t>(sections_.seed, 0));
  e_.train = sections_.train;
  if (!e_.train.epochs && !e_.train.steps) e_.train.epochs = 1;
}

void Loading::read_data() {
  if (sections_.data.is_null()) return;
  // The module resolves relative paths from a config in this folder.
  const std::string config_file = files::join(e_.base, files::base_name(e_.file));
  guarded(sections_.data, [&] { e_.data = data::DataModule::plan(reader_, sections_.data, config_file); });
  if (!e_.data) return;
  e_.data->facts(facts_);
  e_.monitor_split = e_.data->has("val") ? "val" : e_.data->has("test") ? "test" : "";
}

void Loading::read_model() {
  if (sections_.model.is_null()) return;
  model::ModelSource source;
  source.model = &sections_.model;
  if (!sections_.blocks.is_null()) source.blocks = &sections_.blocks;
  if (!e_.data) return model::Model::check_steps(reader_, source, data::DataModule::fact_names());
  guarded(sections_.model, [&] {
    std::vector<model::NamedSpec> inputs;
    const data::SampleSpec& sample = e_.data->spec();
    for (size_t i = 0; i < sample.inputs; ++i)
      inputs.push_back({sample.columns[i].name, data::batch_spec(sample.columns[i], e_.data->batch())});
    e_.model = model::Model::build(reader_, source, inputs);
  });
}

Tensor Loading::prediction() const { return meta(e_.model->output_spec()); }
Tensor Loading::target() const { return meta(data::batch_spec(e_.data->spec().target(), e_.data->batch())); }

void Loading::read_loss() {
  if (sections_.loss.is_null()) return;
  const std::optional<config::Choice> choice = reader_.choice(sections_.loss, "loss");
  if (choice) e_.loss = reader_.make(*choice, nn::loss_types(), "loss");
  if (!e_.loss || !e_.model) return;
  const int64_t classes = e_.data->spec().classes;
  const TensorSpec& out = e_.model->output_spec();
  // Where the ranks do not go together the loss itself says what it expects.
  const bool scores = out.rank() >= 2 && out.rank() == target().rank() + 1;
  if ((choice->name == "cross_entropy" || choice->name == "nll") && classes > 0 && scores &&
      out.dim(1) < classes) {
    errors_.add(sections_.loss.error(
        fmt::format("{} gets {} scores per sample from the model, but the data has {} classes", choice->name,
                    out.dim(1), classes),
        "end the model with `- linear: $classes`"));
    return;
  }
  const bool spread = classes > 0 && target().rank() == 1 && out.rank() > 2;
  guarded(sections_.loss, [&] {
    try {
      e_.loss->compute(prediction(), target());
    } catch (Error& error) {
      if (spread && error.hint.empty())
        error.hint = "one row of scores per sample is needed: put `- flatten` before the linear layers";
      throw;
    }
  });
}

void Loading::read_metrics() {
  const Node& node = sections_.metrics;
  if (node.is_null()) return;
  const std::vector<Node> items = node.is_list() ? node.items() : std::vector<Node>{node};
  for (const Node& item : items) {
    const std::string as = "as";
    const std::optional<config::Choice> choice = reader_.choice(item, "metric", std::span(&as, 1));
    if (!choice) continue;
    NamedMetric metric{choice->name,
                       reader_.make(*choice, metrics::metric_types(), "metric", std::span(&as, 1))};
    if (!metric.metric) continue;
    const Node* name = item.is_map() ? item.find(as) : nullptr;
    if (name == nullptr && choice->body.is_map()) name = choice->body.find(as);
    if (name != nullptr) {
      if (!name->is_string()) {
        reader_.error(*name, "`as` names the metric in records: expected text");
        continue;
      }
      metric.name = name->as_string();
    }
    const std::vector<std::string> taken = {"step", "epoch",     "split",        "loss",
                                            "lr",   "grad_norm", "samples_per_s"};
    if (std::find(taken.begin(), taken.end(), metric.name) != taken.end()) {
      reader_.error(item, fmt::format("'{}' is a name that every record has", metric.name),
                    "choose another one with `as: NAME`");
    } else if (std::any_of(e_.metrics.begin(), e_.metrics.end(),
                           [&](const NamedMetric& m) { return m.name == metric.name; })) {
      reader_.error(item, fmt::format("metric '{}' is listed twice", metric.name),
                    "tell them apart with `as: NAME`");
    }
    if (e_.model) {
      guarded(item, [&] { metric.metric->update(prediction(), target()); });
      metric.metric->reset();
    }
    e_.metrics.push_back(std::move(metric));
  }
}

void Loading::read_optimizer() {
  if (sections_.optimizer.is_null()) return;
  e_.optimizer = reader_.make(sections_.optimizer, optim::optimizer_types(), "optimizer");
  if (e_.optimizer && e_.model)
    guarded(sections_.optimizer, [&] { e_.optimizer->attach(trainable(*e_.model)); });
}

void Loading::sum_up() {
  Totals& t = e_.totals;
  const int64_t batches = e_.data->steps_per_epoch();
  if (batches == 0) {
    reader_.error(sections_.data,
                  fmt::format("the training data has no batch: {} samples", e_.data->size("train")));
    return;
  }
  t.steps_per_epoch = (batches + e_.train.accumulate - 1) / std::max<int64_t>(e_.train.accumulate, 1);
  t.steps = e_.train.steps.value_or(std::numeric_limits<int64_t>::max());
  int64_t by_epochs = 0;
  if (e_.train.epochs && !__builtin_mul_overflow(*e_.train.epochs, t.steps_per_epoch, &by_epochs))
    t.steps = std::min(t.steps, by_epochs);
  if (!e_.model) return;
  t.params = e_.model->parameter_count();
  for (const model::LayerReport& layer : e_.model->report()) {
    t.forward_flops += layer.flops;
    t.activation_bytes += layer.activation_bytes;
  }
  // The gradients with respect to inputs and to weights each cost about one forward pass.
  t.step_flops = 3 * t.forward_flops * static_cast<double>(e_.train.accumulate);
  size_t variables = 0, trained = 0;
  for (const nn::Variable& v : e_.model->variables()) {
    variables += v.value.spec().bytes();
    if (v.trainable && !v.buffer) trained += v.value.spec().bytes();
  }
  size_t batch_bytes = 0;
  for (const data::Column& c : e_.data->spec().columns)
    batch_bytes += data::batch_spec(c, e_.data->batch()).bytes();
  t.peak_bytes = variables + trained + t.activation_bytes +
                 batch_bytes * static_cast<size_t>(1 + e_.data->config().prefetch);
  if (e_.train.ema > 0) t.peak_bytes += trained;
  if (e_.optimizer) {
    for (const optim::State& s : e_.optimizer->state()) t.peak_bytes += s.value.spec().bytes();
  }
}

void Loading::read_schedule() {
  const Node node =
      sections_.schedule.is_null() ? Node::string("constant", sections_.schedule.mark()) : sections_.schedule;
  e_.schedule = reader_.make(node, optim::schedule_types(), "schedule");
  if (!e_.schedule || !e_.optimizer || e_.totals.steps_per_epoch == 0) return;
  guarded(sections_.schedule, [&] {
    e_.schedule->prepare({e_.optimizer->lr, e_.totals.steps, e_.totals.steps_per_epoch});
  });
}

void Loading::read_weights() {
  if (sections_.weights.is_null()) return;
  if (!reader_.read(sections_.weights, WeightsSettings::fields(), &e_.weights, "weights")) return;
  const std::string path = files::join(e_.base, e_.weights.from);
  if (!files::exists(path))
    reader_.error(node_at({"weights", "from"}), fmt::format("there is no file '{}'", path));
  const Node& map = e_.weights.map;
  if (!map.is_null() && !map.is_map()) {
    reader_.error(map, fmt::format("map must be a map of names, got {}", config::kind_phrase(map.kind())));
    return;
  }
  for (const Node::Entry& entry : map.entries()) {
    if (!entry.value.is_string()) reader_.error(entry.value, "expected the tensor's name in the file");
  }
}

void Loading::check_metric_names() {
  const std::string& best = e_.train.checkpoint.keep.best;
  const EarlyStoppingSettings& early = e_.train.early_stopping;
  const auto check = [&](const std::string& name, const Node& node) {
    const std::vector<std::string> known = e_.metric_names();
    if (std::find(known.begin(), known.end(), name) == known.end())
      reader_.unknown_name(node, name, known, "metric");
    if (e_.data && e_.monitor_split.empty()) {
      reader_.error(node, "the data has neither a val nor a test split to judge by",
                    "hold one out with `data: {val: {from: train, last: N}}`");
    }
  };
  if (!best.empty()) check(best, node_at({"train", "checkpoint", "keep", "best"}));
  if (early.patience > 0) check(early.metric, node_at({"train", "early_stopping", "metric"}));
}

void Loading::check_variables_used() {
  const Node* vars = e_.document.root().find("vars");
  for (const std::string& name : vars_.unused()) {
    const Node::Entry* entry = vars == nullptr ? nullptr : vars->find_entry(name);
    if (entry != nullptr) reader_.error(entry->value, fmt::format("variable '{}' is never used", name));
  }
}

}  // namespace dlb::train
