#include "commands.h"
#include "dlb/train/trainer.h"
#include "options.h"
#include "output.h"
#include "run_text.h"

namespace dlb::app {

void add_eval(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("eval", "Measure a trained model on a split");
  auto options = std::make_shared<train::EvalOptions>();
  command
      ->add_option("RUN|CONFIG", options->target,
                   "a run folder, a checkpoint folder, or a config with --weights")
      ->required()
      ->type_name("");
  add_set_option(*command, options->overrides);
  command
      ->add_option("--weights", options->weights,
                   "a safetensors file, ONNX file, program or checkpoint folder")
      ->type_name("FILE");
  command
      ->add_option("--onnx", options->onnx, "an ONNX file or program that is measured in place of the model")
      ->type_name("FILE");
  command->add_option("--split", options->split, "val, test or train (default: test, else val)")
      ->type_name("SPLIT")
      ->check(name_among({"val", "test", "train"}));
  add_device_options(*command, options->device, options->threads);
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench eval runs/mnist-1                            # its newest checkpoint on the test split\n"
      "  dlbench eval mnist.yaml --weights model.safetensors --split val\n"
      "  dlbench eval mnist.yaml --onnx mnist.onnx            # an exported model on the config's data\n");
  command->callback([options, &globals] {
    const train::RunResult result = train::evaluate(*options);
    out(globals.json ? train::to_json(result) + "\n" : run_text(result));
  });
}

}  // namespace dlb::app
