#include "dlb/profile/profile.h"

#include "commands.h"
#include "dlb/base/files.h"
#include "dlb/profile/json.h"
#include "dlb/profile/page.h"
#include "dlb/profile/text.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

struct Options {
  profile::ProfileOptions profile;
  std::string compare, html;
  size_t rows = 12;
};

void run(const Options& o, const Globals& globals) {
  std::string before;
  if (!o.compare.empty()) {
    before = files::read_all(o.compare);
    profile::require_profile(before, o.compare);
  }
  profile::require_place_for(o.html, "--html");
  const profile::Profile result = profile::profile(o.profile);
  std::optional<profile::Comparison> comparison;
  if (!o.compare.empty()) comparison = profile::compare(before, profile::to_json(result), o.compare);
  const profile::Comparison* const compared = comparison ? &*comparison : nullptr;
  if (!o.html.empty()) files::write_atomic(o.html, profile::html_page(result, compared));
  if (globals.json) {
    out(profile::to_json(result, compared) + "\n");
  } else {
    out(profile::to_text(result, o.rows));
    if (comparison) out(profile::to_text(*comparison, o.compare));
  }
}

}  // namespace

void add_profile(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("profile", "Show where the time and the memory of a step go");
  auto options = std::make_shared<Options>();
  profile::ProfileOptions& o = options->profile;
  command
      ->add_option("CONFIG|RUN", o.target,
                   "a config, a run folder (its newest weights) or a checkpoint folder")
      ->required()
      ->type_name("");
  add_set_option(*command, o.overrides);
  command->add_flag("--infer", o.infer, "forward passes in evaluation mode instead of training steps");
  command
      ->add_option("--steps", o.steps,
                   "steps to measure (default: as many as take about 5 seconds, 8 to 200)")
      ->type_name("N")
      ->check(whole_number(1, 100000));
  command->add_option("--warmup", o.warmup, "steps before them (default 3)")
      ->type_name("N")
      ->check(whole_number(0, 100000));
  command->add_option("--rows", options->rows, "rows of each table (default 12)")
      ->type_name("N")
      ->check(whole_number(1, 100000));
  command->add_option("--trace", o.trace, "write a trace that Perfetto and chrome://tracing open")
      ->type_name("FILE");
  command->add_option("--html", options->html, "write a page with tables, flame and roofline pictures")
      ->type_name("FILE");
  command->add_option("--compare", options->compare, "tell what differs from an earlier `profile --json`")
      ->type_name("OLD.json");
  add_device_options(*command, o.device, o.threads);
  add_output_flags(*command, globals);
  command->footer(
      "Examples:\n"
      "  dlbench profile mnist.yaml --threads 2               # tables by operator, layer and line\n"
      "  dlbench profile runs/mnist-1 --infer --set data.batch=1\n"
      "  dlbench profile mnist.yaml --json > old.json         # and after a change:\n"
      "  dlbench profile mnist.yaml --compare old.json --html profile.html --trace trace.json\n");
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace dlb::app
