#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/threads.h"
#include "dlb/deploy/run_file.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// JSON has no infinities and no NaN.
nlohmann::ordered_json finite(double x) { return std::isfinite(x) ? nlohmann::ordered_json(x) : nullptr; }

nlohmann::ordered_json as_json(const deploy::RunFileOptions& options, const deploy::RunFileResult& result) {
  using Json = nlohmann::ordered_json;
  const auto list = [](const std::vector<deploy::NamedValue>& values) {
    Json items = Json::array();
    for (const deploy::NamedValue& v : values)
      items.push_back({{"name", v.name}, {"value", graph::describe(v.value)}});
    return items;
  };
  Json compared = Json::array();
  for (const deploy::Compared& c : result.compared) {
    const graph::Difference& d = c.difference;
    Json entry = {{"name", c.name},
                  {"equal", d.equal},
                  {"largest_difference", finite(d.largest)},
                  {"largest_relative", finite(d.largest_relative)}};
    if (!d.equal) entry["reason"] = d.reason;
    compared.push_back(entry);
  }
  const auto [least, most] = std::minmax_element(result.run_ms.begin(), result.run_ms.end());
  return {{"model", options.model},
          {"status", result.passed() ? "done" : "differs"},
          {"inputs", list(result.inputs)},
          {"outputs", list(result.outputs)},
          {"compared", compared},
          {"load_ms", result.load_ms},
          {"run_ms", {{"median", median(result.run_ms)}, {"min", *least}, {"max", *most}}},
          {"runs", result.run_ms.size()},
          {"threads", threads()}};
}

std::string value_text(const graph::Value& value) {
  if (value.is_tensor()) return value.tensor.text();
  if (!value.is_texts()) return graph::describe(value);
  std::string text = "[";
  for (size_t i = 0; i < value.texts->items.size() && i < 20; ++i)
    text += (i > 0 ? ", \"" : "\"") + value.texts->items[i] + "\"";
  return text + (value.texts->items.size() > 20 ? ", ...]" : "]");
}

void print_result(const deploy::RunFileResult& result) {
  for (const deploy::NamedValue& output : result.outputs) {
    if (result.compared.empty()) {
      print("{} = {}\n{}\n", output.name, graph::describe(output.value), value_text(output.value));
    } else {
      print("{} = {}\n", output.name, graph::describe(output.value));
    }
  }
  for (const deploy::Compared& c : result.compared) {
    const graph::Difference& d = c.difference;
    if (d.equal) {
      print("{}: as expected, largest difference {:.3g}, relative {:.3g}\n", c.name, d.largest,
            d.largest_relative);
    } else {
      print("{}: DIFFERS: {}; largest difference {:.3g}, relative {:.3g}\n", c.name, d.reason, d.largest,
            d.largest_relative);
    }
  }
  print("loaded in {:.1f} ms, ran in {:.3f} ms", result.load_ms, median(result.run_ms));
  if (result.run_ms.size() > 1) print(" (median of {})", result.run_ms.size());
  print("\n");
}

void show_summary(const std::string& path, bool json) {
  const deploy::ModelSummary summary = deploy::summarize(path);
  using Json = nlohmann::ordered_json;
  const auto list = [](const std::vector<graph::Declared>& values) {
    Json items = Json::array();
    for (const graph::Declared& d : values) {
      Json shape = nullptr;
      if (d.shape) {
        shape = Json::array();
        for (const graph::Dim& dim : *d.shape) shape.push_back(dim.size ? Json(*dim.size) : Json(dim.name));
      }
      items.push_back({{"name", d.name}, {"type", graph::element_name(d.element)}, {"shape", shape}});
      if (!d.doc.empty()) items.back()["doc"] = d.doc;
    }
    return items;
  };
  if (json) {
    Json opsets = Json::object();
    for (const auto& [domain, version] : summary.opsets)
      opsets[domain.empty() ? "ai.onnx" : domain] = version;
    return out_json({{"model", path},
                     {"producer", summary.producer},
                     {"opsets", opsets},
                     {"parameters", summary.parameters},
                     {"inputs", list(summary.inputs)},
                     {"outputs", list(summary.outputs)},
                     {"operators", summary.operators}});
  }
  for (const auto& [domain, version] : summary.opsets)
    print("opset {}{}{}\n", version, domain.empty() ? "" : " of ", domain);
  print("{} parameters\n", summary.parameters);
  for (const graph::Declared& d : summary.inputs)
    print("input   {}: {}{}{}\n", d.name, describe(d), d.doc.empty() ? "" : ", ", d.doc);
  for (const graph::Declared& d : summary.outputs) print("output  {}: {}\n", d.name, describe(d));
  for (const auto& [op, count] : summary.operators) print("{:>6}  {}\n", count, op);
}

}  // namespace

void add_run(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("run", "Run an exported model on inputs and compare what it gives");
  auto options = std::make_shared<deploy::RunFileOptions>();
  auto seed = std::make_shared<int64_t>(-1);
  auto list = std::make_shared<bool>(false);
  command->add_option("MODEL", options->model, "an ONNX file or a program")->required()->type_name("");
  command
      ->add_option(
          "--input", options->inputs,
          "a file with a value (.pb, .npy) or several by name (.npz, .safetensors), in the order of the "
          "model's inputs or as NAME=FILE")
      ->type_name("[NAME=]FILE");
  command->add_option("--expect", options->expected, "likewise, what the outputs should be")
      ->type_name("[NAME=]FILE");
  command->add_option("--rtol", options->rtol, "relative tolerance (default: 1e-3)")
      ->type_name("R")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--atol", options->atol, "absolute tolerance (default: 1e-7)")
      ->type_name("A")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--random", *seed,
                   "fill inputs that are not given with random numbers from this seed; those that stand for "
                   "draws of the model by their distribution")
      ->type_name("SEED")
      ->check(whole_number(0, std::numeric_limits<int64_t>::max()));
  command
      ->add_option(
          "--seed", options->seed,
          "seed of the random numbers that the model itself draws, the same in each run (default: 0)")
      ->type_name("SEED")
      ->check(whole_number(0, std::numeric_limits<int64_t>::max()));
  command
      ->add_option("--size", options->sizes, "a size that the model leaves open, for --random (default: 1)")
      ->type_name("NAME=N")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--out", options->out, "write the outputs to this safetensors file")->type_name("FILE");
  command->add_option("--repeat", options->repeat, "run so many times and give the median time")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  add_threads_option(*command, options->threads);
  command->add_flag("--list", *list, "show inputs, outputs and operators instead of running");
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench run model.onnx --list\n"
      "  dlbench run model.onnx --input x.npy\n"
      "  dlbench run model.dlb --input x.npy --out y.safetensors\n"
      "  dlbench run model.onnx --input input_0.pb --expect output_0.pb\n"
      "  dlbench run model.onnx --random 0 --size batch=32 --repeat 20\n"
      "Exits with 3 where an output differs from what is expected.");
  command->callback([options, seed, list, &globals] {
    if (*list) return show_summary(options->model, globals.json);
    if (*seed >= 0) options->random = static_cast<uint64_t>(*seed);
    const deploy::RunFileResult result = deploy::run_file(*options);
    if (globals.json) {
      out_json(as_json(*options, result));
    } else {
      print_result(result);
    }
    if (!result.passed()) globals.exit_code = 3;
  });
}

}  // namespace dlb::app
