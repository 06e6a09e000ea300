#include "dlb/profile/profile.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/base/threads.h"
#include "dlb/profile/trace.h"
#include "dlb/profile/workload.h"
#include "dlb/train/device_choice.h"

namespace dlb::profile {
namespace {

double milliseconds(int64_t ns) { return static_cast<double>(ns) * 1e-6; }

/// A step that nobody watches, in milliseconds.
double plain_step(Workload& workload) {
  const int64_t begin = now_ns();
  workload.step();
  return milliseconds(now_ns() - begin);
}

/// One step with an eye on memory, for which the slower clock does not matter. Of several the one with the
/// highest peak: steps may differ.
MemoryProfile watch_memory(Workload& workload, StepRecorder& recorder, int steps) {
  MemoryProfile highest;
  for (int i = 0; i < steps; ++i) {
    MemoryWatch watch(recorder);
    recorder.start();
    watch.start();
    workload.step();
    watch.stop();
    MemoryProfile profile = watch.result(!workload.infers());
    recorder.stop();
    if (i == 0 || profile.peak_bytes > highest.peak_bytes) highest = std::move(profile);
  }
  return highest;
}

/// How many steps take about the default time, when each is done twice.
int64_t default_steps(double step_ms) {
  const double fitting = kDefaultSeconds * 1e3 / std::max(2 * step_ms, 1e-3);
  return std::clamp(static_cast<int64_t>(std::min(fitting, 1e9)), kFewestSteps, kMostSteps);
}

/// Watched steps and others.
struct Pairs {
  Tally tally;
  std::vector<double> plain, watched;  ///< milliseconds
  std::vector<double> costs;           ///< of a watched step beside a plain one, in percent
  int64_t samples = 0;                 ///< of the watched ones

  Spread cost() const { return spread_of(costs); }
  /// The standard error of the median cost: of normal values 80 % lie within 2.563 standard deviations, and
  /// a median's error is 1.253 times a mean's.
  double margin() const {
    const Spread spread = cost();
    return (spread.p90 - spread.p10) / 2.563 * 1.253 /
           std::sqrt(static_cast<double>(std::max<size_t>(costs.size(), 1)));
  }
};

/// Steps differ and machines drift, so each watched step has another one beside it, before or after it in
/// turn: A B, B A, ... Of `every` steps one is watched.
Pairs measure(Workload& workload, StepRecorder& recorder, int64_t steps, int64_t every, Trace& trace) {
  Pairs pairs;
  for (int64_t i = 0; i < steps; ++i) {
    for (int64_t other = 2; other < every; ++other) pairs.plain.push_back(plain_step(workload));
    if (i % 2 == 0) pairs.plain.push_back(plain_step(workload));
    const int64_t begin = now_ns();
    recorder.start();
    pairs.samples += workload.step();
    recorder.stop();
    const int64_t end = now_ns();
    if (i % 2 == 1) pairs.plain.push_back(plain_step(workload));
    pairs.watched.push_back(milliseconds(end - begin));
    pairs.costs.push_back(100 * (pairs.watched.back() / pairs.plain.back() - 1));
    pairs.tally.add(recorder.records(), begin, end);
    trace.add(i + 1, begin, end, recorder.records());
  }
  return pairs;
}

/// A few pairs tell how often steps may be watched.
int64_t choose_watched_every(Workload& workload, StepRecorder& recorder) {
  constexpr int64_t kPairs = 16;
  constexpr double kShortMs = 1;  // a longer step has work enough for its records
  if (plain_step(workload) > kShortMs) return kLeastEvery;
  Trace no_trace(0);
  const Pairs pairs = measure(workload, recorder, kPairs, kLeastEvery, no_trace);
  return watched_every(pairs.cost().median, pairs.margin());
}

void add_parts(Profile& p, const Tally& tally) {
  for (size_t i = 0; i < kParts; ++i) {
    const std::vector<double>& ms = tally.parts()[i];
    p.part_spread[i] = spread_of(ms);
    const double mean =
        std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(std::max<size_t>(ms.size(), 1));
    p.part_ms[i] = p.part_spread[i].min > 0 ? p.part_spread[i].median : mean;
  }
}

double peak_rss_mb() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// What was measured while the machine was busy is exceeded by the very products that it was measured with.
void warn_of_low_peaks(const Profile& p) {
  constexpr double kClearly = 1.1;
  for (const Row& row : p.rows) {
    if ((row.name != "matmul" && row.name != "linear") || row.gflops() <= kClearly * p.peaks.gflops) continue;
    log::warning(
        "{} in {} reaches {:.0f} GFLOP/s, more than the peak of {:.0f} that was measured before; measure it "
        "again while the machine is quiet: dlbench doctor --peaks",
        row.name, row.layer, row.gflops(), p.peaks.gflops);
    return;
  }
}

}  // namespace

void require_place_for(const std::string& file, std::string_view option) {
  if (file.empty()) return;
  const std::string folder = files::parent(file);
  if (files::is_folder(file)) fail(ErrorKind::kIo, "{} '{}': this is a folder", option, file);
  if (!folder.empty() && !files::is_folder(folder))
    fail(ErrorKind::kIo, "{} '{}': there is no folder '{}'", option, file, folder);
}

int64_t watched_every(double cost, double margin) {
  constexpr double kReserve = 1.1;  // steps to come may cost more than those measured
  if (cost - 2 * margin <= kMostOverhead * kLeastEvery) return kLeastEvery;
  return static_cast<int64_t>(
      std::min(std::ceil(kReserve * cost / kMostOverhead), static_cast<double>(kMostEvery)));
}

Profile profile(const ProfileOptions& o) {
  require_place_for(o.trace, "--trace");
  backend::cpu::install();
  Profile p;
  p.device = train::choose_device(o.device);
  set_threads(o.threads);
  Workload workload(o.target, o.overrides, o.infer);
  const train::Experiment& e = workload.experiment();
  p.model = e.name;
  p.config = e.file;
  p.dtype = workload.dtype();
  p.mode = o.infer ? "infer" : "train";
  p.threads = threads();
  p.params = e.totals.params;
  p.warmup = o.warmup;

  std::vector<double> warm;
  for (int64_t i = 0; i < o.warmup; ++i) warm.push_back(plain_step(workload));
  StepRecorder recorder;
  p.memory = watch_memory(workload, recorder, 2);
  if (o.steps == 0) {
    // The first steps of all are slower than what follows.
    warm.push_back(plain_step(workload));
    p.steps = default_steps(*std::min_element(warm.begin(), warm.end()));
  } else {
    p.steps = o.steps;
  }
  Trace trace(o.trace.empty() ? 0 : kMostTraceEvents);
  p.watched_every = choose_watched_every(workload, recorder);
  log::info("profiling '{}': {} steps, each beside {} that {} not watched", p.model, p.steps,
            p.watched_every == 2 ? "one" : std::to_string(p.watched_every - 1),
            p.watched_every == 2 ? "is" : "are");
  const Pairs pairs = measure(workload, recorder, p.steps, p.watched_every, trace);

  p.peak_rss_mb = peak_rss_mb();
  p.samples = static_cast<double>(pairs.samples) / static_cast<double>(p.steps);
  p.step_ms = spread_of(pairs.plain);
  p.watched_ms = spread_of(pairs.watched);
  p.rows = pairs.tally.rows();
  for (const Row& row : p.rows) p.flops += row.flops;
  add_parts(p, pairs.tally);
  p.watched_overhead_percent = pairs.cost().median;
  p.overhead_percent = p.watched_overhead_percent / static_cast<double>(p.watched_every);
  p.overhead_margin = pairs.margin() / static_cast<double>(p.watched_every);
  p.weight_bytes = workload.weight_bytes();
  p.optimizer_bytes = workload.optimizer_bytes();
  if (!o.trace.empty()) {
    files::write_atomic(o.trace, trace.json("dlbench profile " + p.model));
    p.trace_note = trace.note();
  }
  p.peaks = known_peaks();
  warn_of_low_peaks(p);
  return p;
}

}  // namespace dlb::profile
