#include <benchmark/benchmark.h>

#include <cstdlib>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/threads.h"
#include "ops/cases.h"

/// As many threads as the variable DLB_BENCH_THREADS says, or as many as there are processors.
int main(int argc, char** argv) {
  dlb::backend::cpu::install();
  const char* const threads = std::getenv("DLB_BENCH_THREADS");
  dlb::set_threads(threads != nullptr ? std::atoi(threads) : 0);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  dlb::bench::add_elementwise_cases();
  dlb::bench::add_row_cases();
  dlb::bench::add_structure_cases();
  dlb::bench::add_network_cases();
  dlb::bench::add_bandwidth_cases();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
