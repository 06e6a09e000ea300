#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/error_list.h"
#include "dlb/base/log.h"
#include "dlb/deploy/check_model.h"
#include "dlb/io/program.h"
#include "dlb/train/experiment.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

struct CheckOptions {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
  std::vector<std::string> sizes;
  std::string explain;
};

std::string amount(double value) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P"};
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f} {}", value, kUnits[unit]);
}

std::string mebibytes(double bytes) { return fmt::format("{:.2f} MiB", bytes / 0x1p20); }

/// What first runs a layer, where there is more than the model.
std::string program_name(const train::Experiment& e, size_t program) {
  for (const train::Phase& p : e.phases) {
    if (program > 0 && p.program() == program) return fmt::format("phase {}", p.name);
  }
  return "model";
}

void print_phases(const train::Experiment& e) {
  for (const train::Phase& p : e.phases) {
    if (p.name.empty() || !p.optimizer) continue;
    int64_t params = 0;
    for (const optim::Param& param : p.optimizer->params()) params += param.value.numel();
    std::string losses;
    for (const train::LossTerm& term : p.objective->terms()) {
      losses += fmt::format("{}{}", losses.empty() ? "" : " + ", term.name);
      if (term.weight != 1) losses += fmt::format(" * {:g}", term.weight);
    }
    std::string turns = p.times == 1 ? "" : fmt::format(", {} times", p.times);
    if (p.every > 1) turns += fmt::format(", in one of {} updates", p.every);
    print("phase {}: loss {}; updates {} parameters{}\n", p.name, losses, params, turns);
  }
}

void print_table(const train::Experiment& e) {
  const auto& layers = e.model->report();
  size_t name_width = 5, output_width = 6;
  for (const auto& l : layers) {
    name_width = std::max(name_width, l.name.size() + (l.fused ? 8 : 0));
    output_width = std::max(output_width, l.output.size());
  }
  print("{} ({})\n", e.name, e.file);
  print("{:<{}}  {:<{}}  {:>10}  {:>9}  {:>11}  {}\n", "layer", name_width, "output", output_width, "params",
        "FLOPs", "activations", "where");
  size_t program = SIZE_MAX;
  for (const auto& l : layers) {
    if (e.model->programs() > 1 && l.program != program) print("{}:\n", program_name(e, l.program));
    program = l.program;
    print("{:<{}}  {:<{}}  {:>10}  {:>9}  {:>11}  {}\n", l.name + (l.fused ? " (fused)" : ""), name_width,
          l.output, output_width, l.params, amount(l.flops),
          mebibytes(static_cast<double>(l.activation_bytes)), l.where);
  }
  print_phases(e);
  const train::Totals& t = e.totals;
  print("parameters {}{}  FLOPs per step {}  activations {}  peak memory about {}\n", t.params,
        t.frozen > 0 ? fmt::format(" (and {} frozen)", t.frozen) : "", amount(t.step_flops),
        mebibytes(static_cast<double>(t.activation_bytes)), mebibytes(static_cast<double>(t.peak_bytes)));
  std::string sizes;
  for (const char* split : {"train", "val", "test"}) {
    if (e.data->has(split))
      sizes += fmt::format("{}{} {}", sizes.empty() ? "" : ", ", split, e.data->size(split));
  }
  print("data {}; {} steps per epoch, {} in all\n", sizes, t.steps_per_epoch, t.steps);
}

nlohmann::ordered_json phases_json(const train::Experiment& e) {
  nlohmann::ordered_json phases = nlohmann::ordered_json::array();
  for (const train::Phase& p : e.phases) {
    if (p.name.empty()) continue;
    int64_t params = 0;
    for (const optim::Param& param : p.optimizer->params()) params += param.value.numel();
    phases.push_back({{"name", p.name}, {"params", params}, {"every", p.every}, {"times", p.times}});
  }
  return phases;
}

nlohmann::ordered_json to_json(const train::Experiment& e) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const auto& l : e.model->report()) {
    layers.push_back({{"name", l.name},
                      {"type", l.type},
                      {"where", l.where},
                      {"output", l.output},
                      {"params", l.params},
                      {"flops", l.flops},
                      {"activation_bytes", l.activation_bytes},
                      {"fused", l.fused},
                      {"program", program_name(e, l.program)}});
  }
  nlohmann::ordered_json data = nlohmann::ordered_json::object();
  for (const char* split : {"train", "val", "test"}) {
    if (e.data->has(split)) data[split] = e.data->size(split);
  }
  const train::Totals& t = e.totals;
  return {{"config", e.file},
          {"name", e.name},
          {"phases", phases_json(e)},
          {"frozen_params", t.frozen},
          {"layers", layers},
          {"data", data},
          {"params", t.params},
          {"forward_flops", t.forward_flops},
          {"flops_per_step", t.step_flops},
          {"activation_bytes", t.activation_bytes},
          {"peak_bytes", t.peak_bytes},
          {"steps_per_epoch", t.steps_per_epoch},
          {"steps", t.steps}};
}

std::string value_text(const graph::Inferred& i) { return i.known ? graph::describe(i.value) : "?"; }

std::string opsets_text(const deploy::CheckedModel& m) {
  std::string text;
  for (const auto& [domain, version] : m.opsets) {
    text += fmt::format("{}opset {}{}{}", text.empty() ? "" : ", ", version, domain.empty() ? "" : " of ",
                        domain);
  }
  return text;
}

void print_ports(const char* what, const std::vector<deploy::CheckedPort>& ports) {
  for (const deploy::CheckedPort& p : ports) {
    print("{:<7} {}: {}", what, p.declared.name, describe(p.declared));
    if (p.value.known && value_text(p.value) != describe(p.declared)) print(", here {}", value_text(p.value));
    print("\n");
  }
}

void print_model(const deploy::CheckedModel& m) {
  print("{} ({}{}{})\n", m.name.empty() ? "model" : m.name, m.file, m.opsets.empty() ? "" : ", ",
        opsets_text(m));
  print_ports("input", m.inputs);
  size_t name_width = 4, op_width = 8, output_width = 6;
  std::vector<std::string> outputs;
  for (const deploy::CheckedNode& n : m.nodes) {
    std::string text;
    for (const graph::Inferred& i : n.outputs) text += (text.empty() ? "" : ", ") + value_text(i);
    name_width = std::max(name_width, n.name.size());
    op_width = std::max(op_width, n.op.size());
    output_width = std::max(output_width, text.size());
    outputs.push_back(std::move(text));
  }
  print("{:<{}}  {:<{}}  {:<{}}  {:>10}\n", "node", name_width, "operator", op_width, "output", output_width,
        "params");
  for (size_t i = 0; i < m.nodes.size(); ++i) {
    print("{:<{}}  {:<{}}  {:<{}}  {:>10}\n", m.nodes[i].name, name_width, m.nodes[i].op, op_width,
          outputs[i], output_width, m.nodes[i].parameters);
  }
  print_ports("output", m.outputs);
  print("parameters {}  FLOPs {}", m.parameters, amount(m.flops));
  if (m.unknown > 0) print(" without those of {} unknown values", m.unknown);
  print("\n");
}

/// Type and shape; both null for what is unknown.
void add_type(nlohmann::ordered_json& json, const graph::Inferred& i) {
  json["type"] = nullptr;
  json["shape"] = nullptr;
  if (!i.known) return;
  if (!i.value.is_tensor() && !i.value.is_texts()) {
    json["type"] = i.value.is_sequence() ? "sequence" : "nothing";
    return;
  }
  json["type"] = graph::element_name(i.value.element);
  const Shape shape = i.value.shape();
  json["shape"] = std::vector<int64_t>(shape.begin(), shape.end());
}

nlohmann::ordered_json to_json(const std::vector<deploy::CheckedPort>& ports) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const deploy::CheckedPort& p : ports) {
    nlohmann::ordered_json json = {{"name", p.declared.name}, {"declared", describe(p.declared)}};
    add_type(json, p.value);
    all.push_back(std::move(json));
  }
  return all;
}

nlohmann::ordered_json to_json(const deploy::CheckedModel& m) {
  nlohmann::ordered_json opsets = nlohmann::ordered_json::object();
  for (const auto& [domain, version] : m.opsets) opsets[domain.empty() ? "ai.onnx" : domain] = version;
  nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
  for (const deploy::CheckedNode& n : m.nodes) {
    nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
    for (const graph::Inferred& i : n.outputs) {
      outputs.push_back({{"name", i.name}});
      add_type(outputs.back(), i);
    }
    nodes.push_back({{"name", n.name}, {"operator", n.op}, {"outputs", outputs}, {"params", n.parameters}});
  }
  return {{"model", m.file},
          {"name", m.name},
          {"producer", m.producer},
          {"opsets", opsets},
          {"inputs", to_json(m.inputs)},
          {"outputs", to_json(m.outputs)},
          {"nodes", nodes},
          {"params", m.parameters},
          {"forward_flops", m.flops},
          {"unknown", m.unknown},
          {"warnings", m.warnings}};
}

void explain(const CheckOptions& options, const Globals& globals) {
  nlohmann::ordered_json origins = nlohmann::ordered_json::array();
  for (const std::string& file : options.files) {
    const config::Document document = config::Document::load(file, options.overrides);
    const auto chain = document.explain(options.explain);
    for (size_t i = 0; i < chain.size(); ++i) {
      origins.push_back({{"config", file}, {"where", chain[i].mark.str()}, {"value", chain[i].value}});
      if (globals.json) continue;
      print("{}: {} = {}{}\n", chain[i].mark.str(), options.explain, chain[i].value,
            i + 1 == chain.size() ? "" : "  (overridden)");
    }
  }
  if (globals.json) out_json({{"key", options.explain}, {"origins", origins}});
}

/// Checks one file; gives its JSON, or prints it.
nlohmann::ordered_json check_file(const std::string& file, const CheckOptions& options,
                                  const Globals& globals, bool first) {
  const char* const gap = first ? "" : "\n";
  if (io::is_model_file(file)) {
    const deploy::CheckedModel model = deploy::check_model(file, options.sizes);
    for (const std::string& warning : model.warnings) log::warning("{}", warning);
    if (globals.json) return to_json(model);
    out(gap);
    print_model(model);
    return {};
  }
  const auto experiment = train::Experiment::load(file, options.overrides);
  if (globals.json) return to_json(*experiment);
  out(gap);
  print_table(*experiment);
  return {};
}

void check(const CheckOptions& options, const Globals& globals) {
  ErrorList errors;
  nlohmann::ordered_json documents = nlohmann::ordered_json::array();
  for (const std::string& file : options.files) {
    try {
      documents.push_back(check_file(file, options, globals, documents.empty()));
    } catch (Error& e) {
      std::vector<Error> more = std::move(e.more);
      errors.add(std::move(e));
      for (Error& other : more) errors.add(std::move(other));
    }
  }
  errors.throw_if_any();
  if (globals.json) out_json(documents.size() == 1 ? documents[0] : documents);
}

}  // namespace

void add_check(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand(
      "check", "Check configs completely, or models: fields, data headers, operators, shapes");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("CONFIG|MODEL", options->files, "experiments, YAML files, or models: ONNX, programs")
      ->required()
      ->type_name("");
  add_set_option(*command, options->overrides);
  command->add_option("--explain", options->explain, "show what set the value at KEY")->type_name("KEY");
  command->add_option("--size", options->sizes, "a size that a model's inputs leave open (default: 1)")
      ->type_name("NAME=N")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench check mnist.yaml --set data.batch=256\n"
      "  dlbench check mnist.yaml --explain optimizer.adam.lr # which file, line or flag has set it\n"
      "  dlbench check model.onnx --size batch=32             # the shape of every value\n");
  command->callback([options, &globals] {
    // Files are looked into only where an option does not fit all.
    const auto any_model = [&] {
      return std::any_of(options->files.begin(), options->files.end(), io::is_model_file);
    };
    if ((!options->overrides.empty() || !options->explain.empty()) && any_model())
      fail(ErrorKind::kConfig, "--set and --explain are about keys of a config, a model has none");
    if (!options->sizes.empty() && !any_model())
      fail(ErrorKind::kConfig, "--size is for models, and there is none");
    if (options->explain.empty()) {
      check(*options, globals);
    } else {
      explain(*options, globals);
    }
  });
}

}  // namespace dlb::app
