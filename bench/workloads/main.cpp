// Trains a config as `dlbench train` does and prints what its steps took, as one line of JSON.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/error.h"
#include "dlb/base/log.h"
#include "dlb/base/threads.h"
#include "dlb/profile/peaks.h"
#include "dlb/profile/tally.h"
#include "dlb/train/experiment.h"
#include "dlb/train/trainer.h"

namespace {

using Clock = std::chrono::steady_clock;

/// As many as the PyTorch program leaves out.
constexpr int kWarmUp = 3;

struct Options {
  std::string config;
  int steps = 20;
  int threads = 2;
  bool losses = false;  ///< print every step's loss
  bool shares = false;  ///< a second run that times each operator
  std::vector<std::string> overrides;
};

Options parse(int argc, char** argv) {
  Options o;
  const auto value = [&](int& i) -> std::string {
    if (++i >= argc) dlb::fail(dlb::ErrorKind::kConfig, "{} needs a value", argv[i - 1]);
    return argv[i];
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view a = argv[i];
    if (a == "--steps") {
      o.steps = std::stoi(value(i));
    } else if (a == "--threads") {
      o.threads = std::stoi(value(i));
    } else if (a == "--losses") {
      o.losses = true;
    } else if (a == "--shares") {
      o.shares = true;
    } else if (a == "--set") {
      o.overrides.push_back(value(i));
    } else if (a == "--peak" || !a.starts_with("-")) {
      o.config = a;
    } else {
      dlb::fail(dlb::ErrorKind::kConfig, "unknown option '{}'", a);
    }
  }
  if (o.config.empty())
    dlb::fail(
        dlb::ErrorKind::kConfig,
        "usage: bench_workload CONFIG [--steps N] [--threads N] [--shares] [--losses] [--set KEY=VALUE]... "
        "| --peak [--threads N]");
  return o;
}

double milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

/// A folder for the run, removed in the end.
struct RunFolder {
  std::string path = (std::filesystem::temp_directory_path() / "dlbench-workload-XXXXXX").string();
  RunFolder() {
    if (mkdtemp(path.data()) == nullptr) dlb::fail(dlb::ErrorKind::kIo, "cannot make '{}'", path);
  }
  ~RunFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  RunFolder(const RunFolder&) = delete;
};

struct Steps {
  std::vector<double> ms;  ///< without those of the warm-up
  std::vector<double> losses;
  double warm_up_s = 0;
};

/// From one update to the next: reading the batch, forward, backward, update and records.
/// `warm` is called after the warm-up, `last` after the last step, before the model goes.
Steps train(const Options& o, const std::function<void()>& warm, const std::function<void()>& last_step) {
  const RunFolder folder;
  Steps steps;
  const Clock::time_point start = Clock::now();
  Clock::time_point last = start;
  dlb::train::TrainOptions t;
  t.config = o.config;
  t.overrides = o.overrides;
  t.overrides.push_back(fmt::format("train.steps={}", o.steps + kWarmUp));
  t.overrides.push_back(fmt::format("train.epochs={}", o.steps + kWarmUp));
  t.threads = o.threads;
  t.out = folder.path;
  t.on_update = [&](int64_t step, double loss) {
    const Clock::time_point now = Clock::now();
    steps.losses.push_back(loss);
    if (step > kWarmUp) steps.ms.push_back(milliseconds(now - last));
    if (step == kWarmUp) {
      steps.warm_up_s = milliseconds(now - start) / 1e3;
      if (warm) warm();
    }
    if (step == o.steps + kWarmUp && last_step) last_step();
    last = Clock::now();
  };
  dlb::train::train(t);
  return steps;
}

/// {"NAME": {"ms": per step, "calls": per step, "gflop": per step, "product": whether it is a matrix product
/// or convolution at heart}, ...}
std::string operators(const dlb::profile::Tally& tally, int steps) {
  std::string text;
  for (const dlb::profile::Row& row : grouped(tally.rows(), dlb::profile::GroupBy::kOperator)) {
    if (!row.is_operator) continue;
    text += fmt::format("{}\"{}\": {{\"ms\": {:.4f}, \"calls\": {:.1f}, \"gflop\": {:.6f}, \"product\": {}}}",
                        text.empty() ? "" : ", ", row.name, row.ms / steps, row.calls / steps,
                        row.flops * 1e-9 / steps, dlb::profile::is_product(row.name));
  }
  return "{" + text + "}";
}

int run(const Options& o) {
  dlb::log::set_level(dlb::log::Level::kWarning);
  if (o.config == "--peak") {
    dlb::backend::cpu::install();
    dlb::set_threads(o.threads);
    std::cout << fmt::format("{{\"threads\": {}, \"peak_gflops\": {:.1f}}}\n", o.threads,
                             dlb::profile::measure_compute_peak());
    return 0;
  }
  Steps steps = train(o, {}, {});
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::vector<double> sorted = steps.ms;
  std::sort(sorted.begin(), sorted.end());
  const size_t n = sorted.size();
  if (n == 0) dlb::fail(dlb::ErrorKind::kConfig, "no step was measured");
  const double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  const auto experiment = dlb::train::Experiment::load(o.config, o.overrides);
  std::string line = fmt::format(
      "{{\"workload\": \"{}\", \"threads\": {}, \"median_ms\": {:.4f}, \"p90_ms\": {:.4f}, "
      "\"build_and_warm_s\": {:.2f}, "
      "\"params\": {}, \"peak_rss_mb\": {}, \"first_loss\": {:.6f}, \"last_loss\": {:.6f}",
      experiment->name, o.threads, median, sorted[static_cast<size_t>(0.9 * static_cast<double>(n))],
      steps.warm_up_s, experiment->totals.params, usage.ru_maxrss / 1024, steps.losses.front(),
      steps.losses.back());
  if (o.losses) line += fmt::format(", \"losses\": [{:.8g}]", fmt::join(steps.losses, ", "));
  if (o.shares) {
    dlb::profile::StepRecorder recorder;
    int64_t begin = 0;
    const auto start = [&] {
      recorder.start();
      begin = dlb::profile::now_ns();
    };
    const auto stop = [&] {
      recorder.stop();
      dlb::profile::Tally tally;
      tally.add(recorder.records(), begin, dlb::profile::now_ns());
      line += fmt::format(", \"operators\": {}", operators(tally, o.steps));
    };
    train(o, start, stop);
  }
  std::cout << line << "}\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "bench_workload: " << e.what() << "\n";
    return 2;
  }
}
