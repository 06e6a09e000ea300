#include "dlb/deploy/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/log.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

nlohmann::ordered_json as_json(const deploy::ExportResult& r) {
  using Json = nlohmann::ordered_json;
  const auto list = [](const std::vector<graph::Declared>& values) {
    Json items = Json::array();
    for (const graph::Declared& d : values) items.push_back({{"name", d.name}, {"type", describe(d)}});
    return items;
  };
  Json draws = Json::array();
  for (const auto& [name, distribution] : r.draws)
    draws.push_back({{"name", name}, {"distribution", distribution}});
  Json compared = Json::array();
  for (const deploy::OutputCheck& c : r.compared)
    compared.push_back({{"name", c.name}, {"largest_difference", c.largest}, {"relative", c.relative}});
  Json j = {{"file", r.file}, {"bytes", r.bytes}, {"trained", r.trained}, {"compared", compared}};
  if (r.tensors > 0) j["tensors"] = r.tensors;
  if (r.preprocessing) j["preprocessing"] = *r.preprocessing;
  if (!r.draws.empty()) j["draws"] = draws;
  if (r.nodes > 0) {
    j["opset"] = r.opset;
    j["nodes"] = r.nodes;
    j["inputs"] = list(r.inputs);
    j["outputs"] = list(r.outputs);
    j["batches"] = r.batches;
  }
  return j;
}

void print_result(const deploy::ExportResult& r) {
  if (r.tensors > 0) {
    print("{}: {} tensors, {:.1f} MB, read again and equal\n", r.file, r.tensors,
          static_cast<double>(r.bytes) / 1e6);
    return;
  }
  print("{}: opset {}, {} nodes, {:.1f} MB\n", r.file, r.opset, r.nodes, static_cast<double>(r.bytes) / 1e6);
  if (r.preprocessing)
    print("takes what the data files hold; preprocessing: {}\n",
          r.preprocessing->empty() ? "none" : fmt::format("{}", fmt::join(*r.preprocessing, ", ")));
  for (const graph::Declared& d : r.inputs)
    print("input   {}: {}{}{}\n", d.name, describe(d), d.doc.empty() ? "" : ", ", d.doc);
  for (const auto& [name, distribution] : r.draws) {
    const auto is_input = [&, &of = name](const graph::Declared& d) { return d.name == of; };
    if (std::none_of(r.inputs.begin(), r.inputs.end(), is_input))
      print("draws   {}: {}\n", name, distribution);
  }
  for (size_t i = 0; i < r.outputs.size(); ++i) {
    print(
        "output  {}: {}; differs from the model's by at most {:.3g} ({:.3g} of its largest value) over {} "
        "batches\n",
        r.outputs[i].name, describe(r.outputs[i]), r.compared[i].largest, r.compared[i].relative, r.batches);
  }
}

}  // namespace

void add_export(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("export", "Write a trained model as ONNX, program or safetensors, and compare");
  auto options = std::make_shared<deploy::ExportOptions>();
  command->add_option("RUN|CONFIG", options->target, "a run folder, a checkpoint folder, or a config")
      ->required()
      ->type_name("");
  add_set_option(*command, options->overrides);
  command
      ->add_option("--to", options->to,
                   "onnx, program (runs without its config) or safetensors (weights alone)")
      ->required()
      ->type_name("FORMAT")
      ->check(name_among({"onnx", "program", "safetensors"}));
  command
      ->add_option(
          "--out", options->out,
          "the file to write (default: NAME.onnx, NAME.dlb or NAME.safetensors, in the run folder of a run)")
      ->type_name("FILE");
  command
      ->add_option("--weights", options->weights,
                   "a safetensors file, ONNX file, program or checkpoint folder")
      ->type_name("FILE");
  command
      ->add_option("--names", options->names,
                   "for safetensors: a YAML file with other names of the tensors, as weights.map has them")
      ->type_name("FILE");
  command->add_flag("--preprocessing", options->preprocessing,
                    "include data.transforms: the graph takes what the data files hold, images as uint8 "
                    "[batch, height, width, channels]");
  command
      ->add_option("--draws", options->draws,
                   "what random numbers of a model that draws in evaluation become: inputs of the graph, or "
                   "operators by which it draws itself (default: such a model is refused)")
      ->type_name("inputs|operators")
      ->check(name_among({"inputs", "operators"}));
  command->add_option("--split", options->split, "split whose batches are compared (default: test, else val)")
      ->type_name("SPLIT")
      ->check(name_among({"val", "test", "train"}));
  command->add_option("--batches", options->batches, "batches that are compared (default: 3)")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  command
      ->add_option("--rtol", options->rtol,
                   "largest difference that is allowed, as part of an output's largest value (default: 1e-5)")
      ->type_name("R")
      ->check(CLI::NonNegativeNumber);
  add_threads_option(*command, options->threads);
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench export runs/mnist-1 --to onnx --out mnist.onnx\n"
      "  dlbench run mnist.onnx --random 0 --size batch=32\n"
      "  dlbench export runs/mnist-1 --to onnx --preprocessing      # takes the pixels as they are\n"
      "  dlbench export runs/vae-1 --to onnx --draws inputs         # noise is an input beside the data\n"
      "  dlbench export runs/mnist-1 --to program --out mnist.dlb\n"
      "  dlbench run mnist.dlb --input x.npy\n"
      "What is exported is run again and compared with the model on real batches; the file appears only if "
      "they agree.");
  command->callback([options, &globals] {
    const deploy::ExportResult result = deploy::export_model(*options);
    if (!result.trained)
      log::warning("'{}' has no trained weights: the initial ones were exported", options->target);
    if (globals.json) {
      out_json(as_json(result));
    } else {
      print_result(result);
    }
  });
}

}  // namespace dlb::app
