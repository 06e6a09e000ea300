#include "dlb/report/compare.h"

#include "commands.h"
#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "output.h"

namespace dlb::app {

void add_compare(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("compare", "Show what differs between runs");
  auto runs = std::make_shared<std::vector<std::string>>();
  auto html = std::make_shared<std::string>();
  command->add_option("RUN", *runs, "run folders, at least two; differences are from the first")
      ->required()
      ->type_name("");
  command->add_option("--html", *html, "also write a page with the curves over each other")
      ->type_name("FILE");
  add_output_flags(*command, globals);
  command->footer(
      "Example:\n"
      "  dlbench compare runs/mnist-1 runs/mnist-2 --html compare.html\n");
  command->callback([runs, html, &globals] {
    if (runs->size() < 2)
      throw Error(ErrorKind::kConfig, "`compare` needs two runs or more", {}, "see `dlbench compare --help`");
    const report::Comparison comparison = report::compare(*runs);
    for (const std::string& note : comparison.notes) log::warning("{}", note);
    if (!html->empty()) files::write_atomic(*html, comparison.html());
    out(globals.json ? comparison.json() + "\n" : comparison.text());
  });
}

}  // namespace dlb::app
