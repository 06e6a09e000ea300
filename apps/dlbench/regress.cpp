#include "dlb/regress/regress.h"

#include "commands.h"
#include "dlb/base/files.h"
#include "dlb/regress/junit.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

void add_regress(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("regress", "Run recipes and compare what they come to with their baselines");
  auto options = std::make_shared<regress::Options>();
  auto junit = std::make_shared<std::string>();
  auto no_speed = std::make_shared<bool>(false);
  command
      ->add_option("RECIPE", options->recipes,
                   "folders with config.yaml and expected.json, or folders above them")
      ->required()
      ->type_name("");
  command->add_flag("--update", options->update, "write what the runs come to as the new baselines");
  command->add_option("--reason", options->reason, "with --update: why the baselines change")
      ->type_name("TEXT");
  command->add_option("--junit", *junit, "write the report as JUnit XML")->type_name("FILE");
  command->add_option("--out", options->out, "folder of the run folders (default runs)")->type_name("DIR");
  command
      ->add_option("--threads", options->threads,
                   "threads (default: as many as the baseline was taken with, else all)")
      ->type_name("N")
      ->check(whole_number(1, 1024));
  command->add_flag("--no-speed", *no_speed, "report step times, but let none be a miss");
  add_output_flags(*command, globals);
  command->footer(
      "Exit code 3: some run missed its baseline; 1: a run failed; 2: a config or expected.json is wrong.\n"
      "Examples:\n"
      "  dlbench regress recipes/                             # all of them\n"
      "  dlbench regress recipes/digits-cnn --junit out.xml --no-speed\n"
      "  dlbench regress recipes/digits-cnn --update --reason 'a better initial value of biases'\n");
  command->callback([=, &globals] {
    options->command = globals.command;
    options->judge_speed = !*no_speed;
    const regress::Report report = regress::run(*options);
    if (!junit->empty()) files::write_atomic(*junit, regress::to_junit(report));
    out(globals.json ? regress::to_json(report) + "\n" : regress::to_text(report));
    globals.exit_code = report.exit_code();
  });
}

}  // namespace dlb::app
