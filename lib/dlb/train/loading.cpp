#include "dlb/train/loading.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "dlb/base/files.h"
#include "dlb/train/evaluator.h"

namespace dlb::train {
namespace {

using config::Node;

/// A name becomes part of a folder's name.
bool usable_name(const std::string& name) {
  return !name.empty() && name.size() <= 200 && name.front() != '.' && name.front() != '-' &&
         std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return c < 0x20 || c == '/' || c == '\\' || c == 0x7F; });
}

}  // namespace

void Loading::run() {
  read_vars();
  read_head();
  read_data();
  const size_t before = errors_.size();
  read_phases();
  phases_wrong_ = errors_.size() > before;
  read_metrics();
  read_model();
  if (e_.model) {
    if (e_.plays()) check_policy();
    read_freeze();
    read_init();
    bind_phases();
    bind_metrics();
  }
  if (e_.data) sum_up();
  read_schedules();
  read_weights();
  check_metric_names();
  // A section that was not understood may not have come to the variables that it uses.
  if (errors_.empty()) check_variables_used();
  errors_.throw_if_any();
}

bool Loading::needs(const Node& section, std::string_view key) {
  if (!section.is_null()) return true;
  reader_.error(e_.document.root(), fmt::format("missing required key '{}' in the config", key));
  return false;
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
  if (!e_.data) {
    if (!needs(sections_.data, "data")) return;
    // The module resolves relative paths from a config in this folder.
    const std::string config_file = files::join(e_.base, files::base_name(e_.file));
    e_.data_where = line_of(sections_.data);
    guarded(sections_.data, [&] { e_.data = data::DataModule::plan(reader_, sections_.data, config_file); });
  }
  if (!e_.data) return;
  e_.data->facts(facts_);
  e_.monitor_split = e_.data->has("val") ? "val" : e_.data->has("test") ? "test" : "";
}

void Loading::read_model() {
  if (sections_.model.is_null()) return;
  model::ModelSource source;
  source.model = &sections_.model;
  if (!sections_.models.is_null()) source.models = &sections_.models;
  if (!sections_.blocks.is_null()) source.blocks = &sections_.blocks;
  source.incomplete = phases_wrong_;
  for (const PhaseSource& phase : phases_) {
    if (!phase.settings.run.is_null())
      source.programs.push_back({phase.settings.name, &phase.settings.run, {}});
  }
  if (!e_.data) return model::Model::check_steps(reader_, source, data::DataModule::fact_names());
  size_t program = 0;
  for (size_t i = 0; i < phases_.size(); ++i) {
    const bool own = !phases_[i].settings.run.is_null();
    std::vector<model::ValueRef>& wanted = own ? source.programs[program++].wanted : source.wanted;
    if (e_.phases[i].objective) e_.phases[i].objective->want(wanted);
  }
  for (const NamedObjective& o : e_.evaluated) {
    if (o.name.empty()) o.objective->want(source.wanted);
  }
  for (const NamedMetric& m : e_.metrics) want(m.uses, source.wanted);
  guarded(sections_.model, [&] {
    std::vector<model::NamedSpec> inputs;
    for (const size_t i : e_.data->input_columns()) {
      const data::Column& c = e_.data->spec().columns[i];
      inputs.push_back({c.name, data::batch_spec(c, e_.data->batch())});
    }
    e_.model = model::Model::build(reader_, source, inputs);
  });
}

/// Whether the model can play the environment.
void Loading::check_policy() {
  const int64_t actions = e_.data->environment()->actions();
  const TensorSpec& out = e_.model->output_spec();
  if (e_.data->input_columns() != std::vector<size_t>{0}) {
    reader_.error(node_at({"data", "inputs"}),
                  "a model that plays sees observations alone: actions and returns come of them");
  }
  if (out.rank() == 2 && out.dim(1) == actions) return;
  reader_.error(
      sections_.model,
      fmt::format("the model's first output must be a score for each of the {} actions, [N, {}], got {}",
                  actions, actions, shape_text(out.shape)),
      "end it with `- linear: $actions`");
}

void Loading::read_metrics() {
  const Node& node = sections_.metrics;
  if (node.is_null()) return;
  const std::vector<std::string> modifiers = {"as", "in", "target"};
  const std::vector<Node> items = node.is_list() ? node.items() : std::vector<Node>{node};
  for (const Node& item : items) {
    const std::optional<config::Choice> choice = reader_.choice(item, "metric", modifiers);
    if (!choice) continue;
    NamedMetric metric{choice->name,
                       reader_.make(*choice, metrics::metric_types(), "metric", modifiers),
                       {},
                       item,
                       choice->name};
    if (!read_uses(reader_, item, choice->body, samples(), metric.uses) || !metric.metric) continue;
    if (const Node* name = modifier(item, choice->body, "as")) {
      if (!name->is_string()) {
        reader_.error(*name, "`as` names the metric in records: expected text");
        continue;
      }
      metric.name = name->as_string();
    }
    std::vector<std::string> taken = {"step", "epoch", "split", "loss", "lr", "grad_norm", "samples_per_s"};
    if (e_.plays()) taken.emplace_back("reward");
    if (std::find(taken.begin(), taken.end(), metric.name) != taken.end() ||
        metric.name.starts_with("loss/")) {
      reader_.error(item, fmt::format("'{}' is a name that every record has", metric.name),
                    "choose another one with `as: NAME`");
    } else if (std::any_of(e_.metrics.begin(), e_.metrics.end(),
                           [&](const NamedMetric& m) { return m.name == metric.name; })) {
      reader_.error(item, fmt::format("metric '{}' is listed twice", metric.name),
                    "tell them apart with `as: NAME`");
    }
    e_.metrics.push_back(std::move(metric));
  }
}

void Loading::bind_metrics() {
  const std::vector<Tensor> outputs = meta_outputs(*e_.model, 0);
  const std::vector<Tensor> columns = meta_columns(e_.data->spec(), e_.data->batch());
  for (NamedMetric& m : e_.metrics) {
    guarded(m.at, [&] {
      bind_uses(m.uses, {m.type}, m.at, *e_.model, 0, e_.data->spec());
      update_metric(m, outputs, columns);
    });
    m.metric->reset();
  }
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
  for (const nn::Variable& v : e_.model->variables()) {
    if (!v.trainable && !v.buffer) t.frozen += v.value.numel();
  }
  for (const model::LayerReport& layer : e_.model->report()) {
    t.forward_flops += layer.flops;
    t.activation_bytes += layer.activation_bytes;
  }
  // The gradients with respect to inputs and to weights each cost about one forward pass.
  double passes = 0;
  for (const Phase& p : e_.phases) passes += static_cast<double>(p.times) / static_cast<double>(p.every);
  t.step_flops = 3 * t.forward_flops * passes * static_cast<double>(e_.train.accumulate);
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
  for (const Phase& p : e_.phases) {
    if (!p.optimizer) continue;
    for (const optim::State& s : p.optimizer->state()) t.peak_bytes += s.value.spec().bytes();
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
  if (e_.data) {
    std::vector<std::string> splits = {"train"};
    for (const char* split : {"val", "test"}) {
      if (e_.data->has(split)) splits.emplace_back(split);
    }
    e_.expect = read_expect(reader_, sections_.expect, splits, e_.metric_names());
  }
}

void Loading::check_variables_used() {
  const Node* vars = e_.document.root().find("vars");
  for (const std::string& name : vars_.unused()) {
    const Node::Entry* entry = vars == nullptr ? nullptr : vars->find_entry(name);
    if (entry != nullptr) reader_.error(entry->value, fmt::format("variable '{}' is never used", name));
  }
}

}  // namespace dlb::train
