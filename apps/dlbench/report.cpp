#include "dlb/report/report.h"

#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/base/log.h"
#include "output.h"

namespace dlb::app {

void add_report(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("report", "Write a run's report: one page with all there is to know");
  auto run = std::make_shared<std::string>();
  auto file = std::make_shared<std::string>();
  command->add_option("RUN", *run, "a run folder, whatever state it is in")->required()->type_name("");
  command->add_option("--out", *file, "where to write it (default RUN/report.html)")->type_name("FILE");
  add_output_flags(*command, globals);
  command->footer(
      "Training writes the same page when it ends, and renews it now and then until then.\n"
      "Example:\n"
      "  dlbench report runs/mnist-1 --out mnist.html\n");
  command->callback([run, file, &globals] {
    const report::Written written = report::write_report(*run, *file);
    for (const std::string& note : written.notes) log::warning("{}", note);
    if (globals.json) {
      out_json({{"run", *run},
                {"report", written.file},
                {"bytes", written.bytes},
                {"status", written.status},
                {"notes", written.notes}});
    } else {
      print("{}\n", written.file);
    }
  });
}

}  // namespace dlb::app
