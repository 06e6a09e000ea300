#include "dlb/train/objective.h"

#include <algorithm>
#include <cmath>

#include "dlb/ops/create.h"
#include "dlb/ops/work_observer.h"

namespace dlb::train {
namespace {

using config::Node;

const std::vector<std::string>& modifiers() {
  static const std::vector<std::string> names = {"in", "target", "weight", "as"};
  return names;
}

/// What records have besides losses and metrics.
bool usable_record_name(const std::string& name) {
  return !name.empty() && name.find_first_of("/\n\t") == std::string::npos;
}

/// `map` without one of its keys.
Node without(const Node& map, std::string_view key) {
  std::vector<Node::Entry> entries;
  for (const Node::Entry& e : map.entries()) {
    if (e.key != key) entries.push_back(e);
  }
  return Node::map(std::move(entries), map.mark()).with_path(map.path());
}

int column_of(const data::SampleSpec* data, const std::string& name) {
  if (data == nullptr) return -1;
  for (size_t c = 0; c < data->columns.size(); ++c) {
    if (data->columns[c].name == name) return static_cast<int>(c);
  }
  return -1;
}

bool read_list(config::Reader& reader, const Node& written, std::string_view key, bool numbers,
               const data::SampleSpec* data, std::vector<ValueUse>& uses) {
  const Node node = config::evaluate_all(written, reader.scope());
  const std::vector<Node> items = node.is_list() ? node.items() : std::vector<Node>{node};
  if (items.empty()) {
    reader.error(node, fmt::format("`{}` is an empty list", key));
    return false;
  }
  bool good = true;
  for (const Node& item : items) {
    ValueUse use;
    use.at = item;
    if (item.is_string() && !item.as_string().empty()) {
      use.name = item.as_string();
      if (const int column = column_of(data, use.name); column >= 0) {
        use.kind = ValueUse::Kind::kColumn;
        use.index = static_cast<size_t>(column);
      }
    } else if (numbers && item.is_number()) {
      use.kind = ValueUse::Kind::kNumber;
      use.number = item.as_real();
    } else {
      reader.error(item, fmt::format("`{}` must be a name{} or a list of them, got {}", key,
                                     numbers ? ", a number" : "", item.found()));
      good = false;
    }
    uses.push_back(std::move(use));
  }
  return good;
}

/// "1 prediction", "1 or 2 predictions", "2 to 4 targets"
std::string amount(const std::pair<int, int>& range, std::string_view what) {
  const auto [least, most] = range;
  if (least == most) return fmt::format("{} {}{}", least, what, least == 1 ? "" : "s");
  return fmt::format("{} {} {} {}s", least, most == least + 1 ? "or" : "to", most, what);
}

void check_count(const std::vector<ValueUse>& uses, const std::pair<int, int>& range, std::string_view what,
                 std::string_view key, std::string_view loss, const Node& at, std::string_view source) {
  const auto n = static_cast<int>(uses.size());
  if (n >= range.first && n <= range.second) return;
  const Node& place = uses.empty() ? at : uses.front().at.mark().line > 0 ? uses.front().at : at;
  throw place.error(fmt::format("{} takes {}, got {}{}", loss, amount(range, what), n, source),
                    fmt::format("name them with `{}:`", key));
}

}  // namespace

const Node* modifier(const Node& outer, const Node& body, std::string_view key) {
  if (outer.is_map()) {
    if (const Node* found = outer.find(key)) return found;
  }
  return body.is_map() ? body.find(key) : nullptr;
}

std::string line_of(const Node& node) {
  const config::Mark& mark = node.mark();
  if (mark.source == nullptr) return {};
  return mark.line > 0 ? fmt::format("{}:{}", *mark.source, mark.line) : *mark.source;
}

bool read_uses(config::Reader& reader, const Node& outer, const Node& body, const data::SampleSpec* data,
               ValueUses& uses) {
  bool good = true;
  const auto read = [&](std::string_view key, bool numbers, std::vector<ValueUse>& list, bool& given) {
    const Node* node = modifier(outer, body, key);
    given = node != nullptr;
    if (!given) return;
    try {
      good = read_list(reader, *node, key, numbers, data, list) && good;
    } catch (Error& e) {
      reader.errors().add(std::move(e));
      good = false;
    }
  };
  read("in", false, uses.in, uses.in_given);
  read("target", true, uses.target, uses.target_given);
  return good;
}

void want(const ValueUses& uses, std::vector<model::ValueRef>& wanted) {
  for (const auto* list : {&uses.in, &uses.target}) {
    for (const ValueUse& use : *list) {
      if (use.kind != ValueUse::Kind::kModel || use.name.empty()) continue;
      const bool there = std::any_of(wanted.begin(), wanted.end(),
                                     [&](const model::ValueRef& ref) { return ref.name == use.name; });
      if (!there) wanted.push_back({use.name, use.at});
    }
  }
}

std::vector<Tensor> meta_columns(const data::SampleSpec& data, int64_t batch) {
  std::vector<Tensor> columns;
  for (const data::Column& c : data.columns) {
    TensorSpec spec = data::batch_spec(c, batch);
    spec.device = kMeta;
    columns.push_back(Tensor::empty(spec));
  }
  return columns;
}

std::vector<Tensor> meta_outputs(const model::Model& model, size_t program) {
  std::vector<Tensor> outputs;
  for (TensorSpec spec : model.output_specs(program)) {
    spec.device = kMeta;
    outputs.push_back(Tensor::empty(spec));
  }
  return outputs;
}

std::vector<Tensor> gather_values(const std::vector<ValueUse>& uses, Inputs outputs, Inputs columns,
                                  const Tensor* like) {
  std::vector<Tensor> values;
  values.reserve(uses.size());
  for (const ValueUse& use : uses) {
    if (use.kind == ValueUse::Kind::kModel) {
      values.push_back(outputs[use.index]);
    } else if (use.kind == ValueUse::Kind::kColumn) {
      values.push_back(columns[use.index]);
    } else {
      DLB_CHECK(like != nullptr);
      Shape shape = like->shape();
      if (use.per_sample) shape.erase(1);
      values.push_back(
          full(shape, use.number, use.per_sample ? DType::kInt64 : like->dtype(), like->device()));
    }
  }
  return values;
}

void bind_uses(ValueUses& uses, const Arity& arity, const Node& at, const model::Model& model, size_t program,
               const data::SampleSpec& data) {
  if (!uses.in_given) {
    const size_t n = std::min(model.outputs(program), static_cast<size_t>(arity.in.second));
    for (size_t i = 0; i < n; ++i) {
      ValueUse use;
      use.index = i;
      use.at = at;
      uses.in.push_back(use);
    }
  }
  if (!uses.target_given) {
    const size_t n = std::min(data.columns.size() - data.inputs, static_cast<size_t>(arity.target.second));
    for (size_t i = 0; i < n; ++i) {
      ValueUse use;
      use.kind = ValueUse::Kind::kColumn;
      use.index = data.inputs + i;
      use.at = at;
      uses.target.push_back(use);
    }
  }
  check_count(uses.in, arity.in, "prediction", "in", arity.what, at,
              uses.in_given ? "" : " from the model's outputs");
  check_count(uses.target, arity.target, "target", "target", arity.what, at,
              uses.target_given ? "" : " from the data");
  const std::vector<std::string>& names = model.output_names(program);
  for (auto* list : {&uses.in, &uses.target}) {
    for (ValueUse& use : *list) {
      if (use.kind != ValueUse::Kind::kModel || use.name.empty()) continue;
      // From the end: the wanted values stand there.
      const auto found = std::find(names.rbegin(), names.rend(), use.name);
      DLB_CHECK(found != names.rend());
      use.index = static_cast<size_t>(names.rend() - found) - 1;
    }
  }
}

std::unique_ptr<Objective> Objective::read(config::Reader& reader, const Node& node,
                                           const data::SampleSpec* data) {
  auto objective = std::make_unique<Objective>();
  const std::vector<Node> items = node.is_list() ? node.items() : std::vector<Node>{node};
  if (items.empty()) {
    reader.error(node, "loss is an empty list");
    return nullptr;
  }
  bool good = true;
  for (const Node& item : items) good = objective->read_term(reader, item, data) && good;
  return good ? std::move(objective) : nullptr;
}

bool Objective::read_term(config::Reader& reader, const Node& node, const data::SampleSpec* data) {
  std::optional<config::Choice> choice = reader.choice(node, "loss", modifiers());
  if (!choice) return false;
  LossTerm term;
  term.at = node;
  term.type = choice->name;
  bool good = read_uses(reader, node, choice->body, data, term.uses);

  // A loss may have a field `weight` of its own, the weights of classes: those are a list.
  if (const Node* found = modifier(node, choice->body, "weight")) {
    Node weight = *found;
    try {
      weight = config::evaluate(*found, reader.scope());
    } catch (Error& e) {
      reader.errors().add(std::move(e));
      return false;
    }
    const bool inside = choice->body.is_map() && choice->body.find("weight") == found;
    if (weight.is_number() && std::isfinite(weight.as_real())) {
      term.weight = weight.as_real();
      if (inside) choice->body = without(choice->body, "weight");
    } else {
      const nn::LossType* type = find_type(nn::loss_types(), choice->name);
      const Fields fields = type == nullptr ? Fields() : type->fields();
      const bool own =
          std::any_of(fields.begin(), fields.end(), [](const Field& f) { return f.name == "weight"; });
      if (!inside || !own || !weight.is_list()) {
        reader.error(weight, fmt::format("`weight` of a loss must be a number, got {}", weight.found()));
        good = false;
        if (inside) choice->body = without(choice->body, "weight");
      }
    }
  }
  if (const Node* as = modifier(node, choice->body, "as")) {
    if (!as->is_string() || !usable_record_name(as->as_string())) {
      reader.error(*as, "`as` names the loss in records: expected text without '/'");
      good = false;
    } else {
      term.name = as->as_string();
    }
  }
  const auto taken = [&](const std::string& name) {
    return std::any_of(terms_.begin(), terms_.end(), [&](const LossTerm& t) { return t.name == name; });
  };
  if (!term.name.empty() && taken(term.name)) {
    reader.error(node, fmt::format("two losses are named '{}'", term.name), "choose another one with `as:`");
    good = false;
  }
  for (int n = 1; term.name.empty(); ++n) {
    const std::string name = n == 1 ? term.type : fmt::format("{}_{}", term.type, n);
    if (!taken(name)) term.name = name;
  }
  term.label = "loss." + term.name;
  term.where = line_of(node);
  term.loss = reader.make(*choice, nn::loss_types(), "loss", modifiers());
  good = good && term.loss != nullptr;
  terms_.push_back(std::move(term));
  return good;
}

void Objective::want(std::vector<model::ValueRef>& wanted) const {
  for (const LossTerm& term : terms_) train::want(term.uses, wanted);
}

void Objective::bind(config::Reader& reader, const model::Model& model, size_t program,
                     const data::SampleSpec& data, int64_t batch) {
  program_ = program;
  const std::vector<Tensor> outputs = meta_outputs(model, program);
  const std::vector<Tensor> columns = meta_columns(data, batch);
  for (LossTerm& term : terms_) {
    try {
      bind_uses(term.uses, {term.type, term.loss->predictions(), term.loss->targets()}, term.at, model,
                program, data);
      check(term, outputs, columns, data);
    } catch (Error& e) {
      reader.errors().add(std::move(e.at(term.at.mark().str())));
    }
  }
}

void Objective::check(LossTerm& term, Inputs outputs, Inputs columns, const data::SampleSpec& data) const {
  const std::vector<Tensor> in = gather_values(term.uses.in, outputs, columns, nullptr);
  const Tensor* first = in.empty() ? nullptr : in.data();
  if (first == nullptr) {
    for (const ValueUse& use : term.uses.target) {
      if (use.kind == ValueUse::Kind::kNumber)
        throw use.at.error("a number as target takes the prediction's form, and there is no prediction");
    }
  }
  const auto run = [&] {
    const std::vector<Tensor> target = gather_values(term.uses.target, outputs, columns, first);
    term.loss->evaluate(in, target);
    return target;
  };
  bool numbers = false;
  for (const ValueUse& use : term.uses.target) numbers = numbers || use.kind == ValueUse::Kind::kNumber;
  if (numbers && first->rank() >= 2) {
    // What form a number has depends on the loss: that of the prediction, or one class for each of its rows.
    try {
      run();
      return;
    } catch (const Error&) {
      for (ValueUse& use : term.uses.target)
        use.per_sample = use.kind == ValueUse::Kind::kNumber && use.number == std::floor(use.number);
      try {
        run();
        return;
      } catch (const Error&) {
        for (ValueUse& use : term.uses.target) use.per_sample = false;
      }
    }
  }
  const std::vector<Tensor> target = gather_values(term.uses.target, outputs, columns, first);
  const bool from_data = term.uses.target.size() == 1 &&
                         term.uses.target[0].kind == ValueUse::Kind::kColumn &&
                         term.uses.target[0].index == data.inputs;
  const int64_t classes = from_data ? data.classes : 0;
  const bool one = in.size() == 1 && target.size() == 1;
  // Where the ranks do not go together the loss itself says what it expects.
  const bool scores = one && in[0].rank() >= 2 && in[0].rank() == target[0].rank() + 1;
  if ((term.type == "cross_entropy" || term.type == "nll") && classes > 0 && scores &&
      in[0].dim(1) < classes) {
    throw term.at.error(
        fmt::format("{} gets {} scores per sample from the model, but the data has {} classes", term.type,
                    in[0].dim(1), classes),
        "end the model with `- linear: $classes`");
  }
  const bool spread = one && classes > 0 && target[0].rank() == 1 && in[0].rank() > 2;
  try {
    term.loss->evaluate(in, target);
  } catch (Error& error) {
    if (spread && error.hint.empty())
      error.hint = "one row of scores per sample is needed: put `- flatten` before the linear layers";
    throw;
  }
}

double Objective::value(const TermSums& sums) const {
  double total = 0;
  for (size_t i = 0; i < terms_.size(); ++i) total += terms_[i].weight * sums[i].mean();
  return total;
}

void Objective::add(TermSums& sums, const TermSums& more) {
  if (sums.empty()) sums.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) {
    sums[i].sum += more[i].sum;
    sums[i].count += more[i].count;
  }
}

std::vector<LossSum> Objective::evaluate(Inputs outputs, Inputs columns) const {
  std::vector<LossSum> sums;
  sums.reserve(terms_.size());
  WorkObserver* const observer = work_observer();
  for (const LossTerm& term : terms_) {
    const WorkScope scope(observer, term.label, term.where);
    const std::vector<Tensor> in = gather_values(term.uses.in, outputs, columns, nullptr);
    const std::vector<Tensor> target =
        gather_values(term.uses.target, outputs, columns, in.empty() ? nullptr : in.data());
    try {
      sums.push_back(term.loss->evaluate(in, target));
    } catch (Error& e) {
      e.at(term.at.mark().str());
      e.in(fmt::format("in loss '{}'", term.name));
      throw;
    }
  }
  return sums;
}

namespace {

std::string prefix_of(const NamedObjective& o) { return o.name.empty() ? "loss/" : "loss/" + o.name + "/"; }

}  // namespace

std::vector<std::string> loss_names(const std::vector<NamedObjective>& objectives) {
  std::vector<std::string> names = {"loss"};
  for (const NamedObjective& o : objectives) {
    if (!o.name.empty()) names.push_back("loss/" + o.name);
    if (o.objective->terms().size() < 2) continue;
    for (const LossTerm& term : o.objective->terms()) names.push_back(prefix_of(o) + term.name);
  }
  return names;
}

void add_losses(const std::vector<NamedObjective>& objectives, const std::vector<TermSums>& sums,
                std::map<std::string, double>& values) {
  double total = 0;
  for (size_t i = 0; i < objectives.size(); ++i) {
    if (sums[i].empty()) continue;
    const NamedObjective& o = objectives[i];
    const double value = o.objective->value(sums[i]);
    total += value;
    if (!o.name.empty()) values["loss/" + o.name] = value;
    const std::vector<LossTerm>& terms = o.objective->terms();
    if (terms.size() < 2) continue;
    for (size_t t = 0; t < terms.size(); ++t) values[prefix_of(o) + terms[t].name] = sums[i][t].mean();
  }
  values["loss"] = total;
}

}  // namespace dlb::train
