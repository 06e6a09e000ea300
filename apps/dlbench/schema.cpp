#include "commands.h"
#include "dlb/train/catalog.h"
#include "output.h"

namespace dlb::app {

void add_schema(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("schema", "Print the JSON schema of configs, for completion and checks in editors");
  add_output_flags(*command, globals);
  command->callback([] { out(config::to_json(train::config_schema()) + "\n"); });
}

}  // namespace dlb::app
