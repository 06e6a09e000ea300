#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/report/report.h"
#include "dlb/train/run_folder.h"
#include "dlb/train/trainer.h"
#include "options.h"
#include "output.h"
#include "run_text.h"

namespace dlb::app {

namespace {

/// Sorts out what is the config and what is resumed: `--resume` takes the word after it, which may be the
/// config, and a run to resume brings its own config.
void settle_paths(train::TrainOptions& o) {
  const auto is_file = [](const std::string& path) { return files::exists(path) && !files::is_folder(path); };
  if (o.config.empty() && !files::is_folder(o.resume_from)) std::swap(o.config, o.resume_from);
  if (files::is_folder(o.config) && is_file(o.resume_from)) std::swap(o.config, o.resume_from);
  if (o.resume && o.resume_from.empty() && train::is_run_folder(o.config)) std::swap(o.config, o.resume_from);
  if (!o.resume && train::is_run_folder(o.config)) {
    throw Error(
        ErrorKind::kConfig, fmt::format("'{}' is a run, not a config", o.config), {},
        fmt::format(
            "`dlbench train --resume {0}` goes on with it, `dlbench train {0}/config.yaml` repeats it",
            o.config));
  }
  if (!o.config.empty()) return;
  const std::string& from = o.resume_from;
  const std::string run = train::is_checkpoint_folder(from) ? train::run_of_checkpoint(from) : from;
  if (!run.empty() && train::is_run_folder(run)) {
    o.config = files::join(run, "config.yaml");
  } else {
    throw Error(ErrorKind::kConfig, "`train` needs CONFIG", {}, "see `dlbench train --help`");
  }
}

}  // namespace

void add_train(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("train", "Train a model from a config");
  auto options = std::make_shared<train::TrainOptions>();
  command
      ->add_option("CONFIG", options->config, "the experiment, a YAML file; a run to resume brings its own")
      ->type_name("");
  add_set_option(*command, options->overrides);
  command->add_option("--out", options->out, "run folder (default runs/NAME-N)")->type_name("DIR");
  CLI::Option* resume = command
                            ->add_option("--resume", options->resume_from,
                                         "go on with the newest run, or with this run or checkpoint folder")
                            ->type_name("[CKPT]")
                            ->expected(0, 1);
  command->add_flag("--extend", options->extend, "with --resume: train.epochs and train.steps may differ");
  add_device_options(*command, options->device, options->threads);
  command
      ->add_option("--max-steps", options->max_steps,
                   "stop after that many steps in all; the run can be resumed")
      ->type_name("N")
      ->check(whole_number(0, INT64_MAX));
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench train mnist.yaml --set optimizer.adam.lr=3e-4 --set train.epochs=2\n"
      "  dlbench train mnist.yaml --resume                    # the newest run of that name\n"
      "  dlbench train --resume runs/mnist-1 --set train.epochs=9 --extend\n");
  command->callback([options, resume, &globals] {
    options->resume = resume->count() > 0;
    options->command = globals.command;
    options->on_run = [](const std::string& run) { report::write_report(run); };
    settle_paths(*options);
    const train::RunResult result = train::train(*options);
    out(globals.json ? train::to_json(result) + "\n" : run_text(result));
    if (result.status == "interrupted") {
      globals.exit_code = 130;
    } else if (!result.as_expected()) {
      globals.exit_code = 3;
    }
  });
}

}  // namespace dlb::app
