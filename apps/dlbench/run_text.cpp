#include "run_text.h"

#include <fmt/core.h>

namespace dlb::app {

std::string run_text(const train::RunResult& result) {
  std::string out;
  for (const auto& [split, values] : result.metrics) {
    out += fmt::format("{:<6}", split);
    if (const auto loss = values.find("loss"); loss != values.end())
      out += fmt::format("  loss {:.4f}", loss->second);
    for (const auto& [name, value] : values) {
      if (name != "loss") out += fmt::format("  {} {:.4f}", name, value);
    }
    out += '\n';
  }
  // An exported model has no parameters of ours and knows no steps.
  if (result.params_hash.empty()) return out;
  out += fmt::format("{} after {} step{} ({} epoch{}) in {:.1f} s, parameters {}\n", result.status,
                     result.steps, result.steps == 1 ? "" : "s", result.epochs, result.epochs == 1 ? "" : "s",
                     result.seconds, result.params_hash.substr(0, 16));
  out += train::expect_text(result.expect);
  if (!result.run.empty()) out += fmt::format("run folder: {}\n", result.run);
  return out;
}

}  // namespace dlb::app
