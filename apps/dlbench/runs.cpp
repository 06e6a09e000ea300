#include "commands.h"
#include "dlb/base/files.h"
#include "dlb/report/run_list.h"
#include "output.h"

namespace dlb::app {

void add_runs(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("runs", "List the runs of a folder");
  auto options = std::make_shared<report::ListOptions>();
  CLI::Option* folder =
      command->add_option("DIR", options->folder, "the folder (default: runs)")->type_name("");
  command
      ->add_option(
          "--sort", options->sort,
          "name, status, steps, time, start (default: the newest first), or a metric: the best first")
      ->type_name("KEY");
  command->add_flag("--reverse", options->reverse, "the other way round");
  command
      ->add_option("--filter", options->filters,
                   "TEXT in the name, or status=, name=, config=, host=, device=; may be repeated")
      ->type_name("FILTER")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench runs --sort accuracy --filter mnist\n"
      "  dlbench runs /data/runs --filter status=done --json\n");
  command->callback([options, folder, &globals] {
    report::RunList list;
    // Nothing has been trained here yet.
    if (folder->count() == 0 && !files::exists(options->folder)) {
      list.folder = options->folder;
    } else {
      list = report::list_runs(*options);
    }
    out(globals.json ? list.json() + "\n" : list.text());
  });
}

}  // namespace dlb::app
