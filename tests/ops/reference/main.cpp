// The reference sweep: every function against PyTorch's own samples of it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "checks.h"
#include "coverage.h"
#include "current.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/base/error.h"

namespace {

constexpr const char* kUsage =
    "usage: op_sweep [--filter TEXT] [--all] [--every N]\n"
    "Runs the reference vectors of the folder DLB_REFERENCE (default: those of the build folder).\n"
    "  --filter TEXT  only variants whose name contains TEXT\n"
    "  --every N      only each N-th case of a variant, from the first (default: DLB_OPS_EVERY, else 1)\n"
    "  --all          all failures of a variant, not only the first three\n";

void add_row(std::vector<std::string>& table, const std::string& name, size_t cases, size_t failed) {
  char line[200];
  std::snprintf(line, sizeof line, "%-52s %5zu %6zu %6zu", name.c_str(), cases, cases - failed, failed);
  table.emplace_back(line);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace dlb::testing;
  std::string filter;
  size_t shown = 3;
  const char* wanted = std::getenv("DLB_OPS_EVERY");
  size_t every = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 1;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--filter" && i + 1 < argc) {
      filter = argv[++i];
    } else if (arg == "--all") {
      shown = SIZE_MAX;
    } else if (arg == "--every" && i + 1 < argc) {
      every = std::strtoul(argv[++i], nullptr, 10);
    } else {
      every = 0;
    }
    if (every == 0) {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  const char* given = std::getenv("DLB_REFERENCE");
  const std::string folder = given != nullptr && *given != 0 ? given : DLB_VECTORS;
  dlb::backend::cpu::install();
  install_crash_message();
  try {
    std::vector<Variant> variants = read_vectors(folder, filter);
    if (given == nullptr) {
      // What PyTorch's operator database has no samples of.
      for (Variant& more : read_vectors(DLB_MORE_VECTORS, filter)) variants.push_back(std::move(more));
    }
    Coverage coverage;
    size_t passed_in_all = 0;
    size_t failed_in_all = 0;
    std::vector<std::string> table;
    for (Variant& variant : variants) {
      std::vector<Case> chosen;
      for (size_t i = 0; i < variant.cases.size(); i += every) chosen.push_back(std::move(variant.cases[i]));
      variant.cases = std::move(chosen);
      size_t failed = 0;
      size_t lines = 0;
      bool first = true;
      coverage.add(variant.function);
      for (const Case& c : variant.cases) {
        set_current_case(variant.name, c.id);
        const std::vector<std::string> failures = check(variant, c, first);
        first = false;
        if (failures.empty()) continue;
        ++failed;
        for (const std::string& why : failures) {
          if (lines++ < shown)
            std::printf("FAILED %s %s: %s\n", variant.name.c_str(), c.id.c_str(), why.c_str());
        }
      }
      add_row(table, variant.name, variant.cases.size(), failed);
      passed_in_all += variant.cases.size() - failed;
      failed_in_all += failed;
      std::fflush(stdout);
    }
    if (given == nullptr && filter.empty()) {
      const std::vector<std::string> missing = coverage.missing();
      for (const std::string& name : missing) std::printf("FAILED coverage: nothing runs %s\n", name.c_str());
      add_row(table, "everything has vectors or samples", coverage.total(), missing.size());
      passed_in_all += coverage.total() - missing.size();
      failed_in_all += missing.size();
    }
    std::printf("\n%-52s %5s %6s %6s\n", "variant", "cases", "passed", "failed");
    for (const std::string& line : table) std::puts(line.c_str());
    std::printf("\n%zu passed, %zu failed\n", passed_in_all, failed_in_all);
    return failed_in_all == 0 && passed_in_all > 0 ? 0 : 1;
  } catch (const dlb::Error& e) {
    std::fprintf(stderr, "op_sweep: %s\n", e.what());
    return 2;
  }
}
