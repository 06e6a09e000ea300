#include "dlb/regress/regress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "dlb/base/error_list.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/base/threads.h"
#include "dlb/base/version.h"
#include "dlb/config/yaml_writer.h"
#include "dlb/regress/calibration.h"
#include "dlb/train/experiment.h"
#include "dlb/train/run_record.h"

namespace dlb::regress {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A recipe that is ready to run, or skipped.
struct Job {
  Recipe recipe;
  std::optional<Baseline> baseline;
  std::vector<std::string> overrides;  ///< of the config
  std::vector<std::string> higher;     ///< metrics of which more is better
  std::string absent;                  ///< why it is skipped
};

/// Loads the config as a run will do, so that what is wrong with it is known before the first run.
Job prepare(Recipe recipe, const Options& o) {
  Job job{std::move(recipe), {}, {}, {}, {}};
  const std::string expected = job.recipe.expected();
  if (files::exists(expected)) {
    job.baseline = read_baseline(expected);
  } else if (!o.update) {
    throw Error(ErrorKind::kConfig, fmt::format("recipe '{}' has no expected.json", job.recipe.folder), {},
                "`--update --reason TEXT` writes it");
  }
  const std::string config = job.recipe.config();
  const auto document = config::Document::load(config);
  job.absent = absent_data(document, config);
  if (!job.absent.empty()) return job;
  // Else all runs of recipes without a name would be called after their file, config.yaml.
  if (document.root().find("name") == nullptr) {
    const std::string literal = (job.recipe.name.starts_with('$') ? "$" : "") + job.recipe.name;
    job.overrides.push_back("name=" + config::to_flow_yaml(config::Node::string(literal)));
  }
  const auto experiment = train::Experiment::load(config, job.overrides);
  for (const std::string& name : experiment->metric_names()) {
    if (experiment->higher_is_better(name)) job.higher.push_back(name);
  }
  return job;
}

std::vector<Job> prepare_all(const Options& o) {
  ErrorList errors;
  std::vector<Job> jobs;
  for (Recipe& recipe : find_recipes(o.recipes)) {
    try {
      jobs.push_back(prepare(std::move(recipe), o));
    } catch (Error& e) {
      std::vector<Error> more = std::move(e.more);
      errors.add(std::move(e));
      for (Error& other : more) errors.add(std::move(other));
    }
  }
  errors.throw_if_any();
  return jobs;
}

/// Times the updates of a run and, between them, the calibration, so that both meet the same other load.
class Stopwatch {
 public:
  Stopwatch() {
    for (int i = 0; i < kRounds; ++i) calibration_.measure();
    restart();
  }
  void step() {
    steps_.push_back(seconds_since(last_));
    if (seconds_since(calibrated_) > kEvery) {
      calibration_.measure();
      calibrated_ = Clock::now();
    }
    last_ = Clock::now();
  }
  /// Of undisturbed steps and rounds; 0 when there were too few steps to speak of.
  double ratio() {
    for (int i = 0; i < kRounds; ++i) calibration_.measure();
    return steps_.size() < kMinSteps ? 0 : undisturbed(steps_) / calibration_.seconds();
  }

 private:
  static constexpr int kRounds = 5;
  static constexpr size_t kMinSteps = 10;
  static constexpr double kEvery = 0.5;  ///< seconds; a round takes about a hundredth
  void restart() { last_ = calibrated_ = Clock::now(); }

  Calibration calibration_;
  std::vector<double> steps_;
  Clock::time_point last_, calibrated_;
};

int threads_for(const Job& job, const Options& o) {
  if (o.threads > 0) return o.threads;
  return job.baseline ? job.baseline->threads() : 0;
}

Found train_recipe(const Job& job, const Options& o) {
  const int threads = threads_for(job, o);
  set_threads(threads);
  Stopwatch stopwatch;
  train::TrainOptions options;
  options.config = job.recipe.config();
  options.overrides = job.overrides;
  options.threads = threads;
  options.command = o.command;
  if (!o.out.empty()) options.runs = o.out;
  options.on_update = [&](int64_t /*step*/, double /*loss*/) { stopwatch.step(); };
  Found found;
  found.result = train::train(options);
  found.machine = this_machine(dlb::threads());
  if (found.result.status == "done") found.step_time_ratio = stopwatch.ratio();
  return found;
}

bool missed(const std::vector<Check>& checks) {
  return std::any_of(checks.begin(), checks.end(),
                     [](const Check& c) { return c.verdict == Verdict::kMissed; });
}

void judge(const Job& job, const Options& o, const Found& found, Outcome& out) {
  if (job.baseline) out.checks = compare(*job.baseline, found, o.judge_speed);
  if (!o.update) {
    out.status = missed(out.checks) ? Status::kMissed : Status::kPassed;
    return;
  }
  if (!found.result.as_expected()) {
    fail(ErrorKind::kNumeric, "the run misses what its config expects, so the baseline stays as it is:\n{}",
         train::expect_text(found.result.expect));
  }
  const Baseline next =
      updated(job.baseline ? &*job.baseline : nullptr, found, job.higher, o.reason, o.judge_speed);
  files::write_atomic(job.recipe.expected(), to_json(next));
  if (!job.baseline) out.checks = compare(next, found, o.judge_speed);
  out.status = Status::kUpdated;
}

Outcome run_job(const Job& job, const Options& o) {
  Outcome out;
  out.recipe = job.recipe;
  if (!job.absent.empty()) {
    out.status = Status::kSkipped;
    out.reason = job.absent;
    return out;
  }
  const Clock::time_point start = Clock::now();
  try {
    const Found found = train_recipe(job, o);
    out.run = found.result.run;
    if (found.result.status == "interrupted") {
      out.status = Status::kInterrupted;
    } else {
      judge(job, o, found, out);
    }
  } catch (const std::exception& e) {
    out.status = Status::kFailed;
    out.reason = e.what();
    log::write(log::Level::kError, out.reason);
  }
  out.seconds = seconds_since(start);
  return out;
}

ExpectedMetric guessed(const std::string& name, double value, const std::vector<std::string>& higher) {
  const std::string metric = name.substr(name.find('.') + 1);
  if (std::find(higher.begin(), higher.end(), metric) != higher.end())
    return {name, value, Better::kHigher, 0.02, 0};
  return {name, value, Better::kLower, 0.01, 0.1};
}

}  // namespace

Baseline updated(const Baseline* before, const Found& found, const std::vector<std::string>& higher,
                 const std::string& reason, bool timed) {
  Baseline next;
  if (before != nullptr) {
    next = *before;
    for (ExpectedMetric& m : next.metrics) {
      m.value = metric_value(found.result, m.name);
      if (std::isnan(m.value)) {
        fail(ErrorKind::kNumeric,
             "the run has no value of '{}', so the baseline stays as it is; remove it from expected.json if "
             "it "
             "is no longer measured",
             m.name);
      }
    }
  } else {
    for (const auto& [split, values] : found.result.metrics) {
      for (const auto& [name, value] : values)
        next.metrics.push_back(guessed(split + "." + name, value, higher));
    }
  }
  Revision revision{train::utc_now(), reason, std::string(version())};
  for (const ExpectedMetric& m : next.metrics) {
    if (!std::isfinite(m.value)) {
      fail(ErrorKind::kNumeric, "'{}' is {}: no baseline can be taken of it", m.name, m.value);
    }
    revision.metrics[m.name] = m.value;
  }
  next.machine = found.machine;
  next.params_hash = revision.params_hash = found.result.params_hash;
  // Four digits: more would say more than a time can.
  const double ratio =
      found.step_time_ratio > 0 ? std::stod(fmt::format("{:.4g}", found.step_time_ratio)) : 0;
  if (timed && ratio > 0) {
    next.step_time = {ratio, next.step_time ? next.step_time->relative : ExpectedStepTime{}.relative};
    revision.step_time_ratio = ratio;
  }
  next.seconds = std::round(found.result.seconds * 10) / 10;
  next.history.insert(next.history.begin(), std::move(revision));
  if (next.history.size() > Baseline::kHistory) next.history.resize(Baseline::kHistory);
  return next;
}

Report run(const Options& o) {
  if (o.update && o.reason.empty())
    fail(ErrorKind::kConfig, "--update needs --reason TEXT: why the baseline changes");
  if (!o.update && !o.reason.empty())
    fail(ErrorKind::kConfig, "--reason says why a baseline changes: it needs --update");
  const Clock::time_point start = Clock::now();
  const std::vector<Job> jobs = prepare_all(o);
  Report report;
  for (size_t i = 0; i < jobs.size(); ++i) {
    log::info("recipe {}/{}: {}", i + 1, jobs.size(), jobs[i].recipe.name);
    report.outcomes.push_back(run_job(jobs[i], o));
    if (report.outcomes.back().status == Status::kInterrupted) break;
  }
  report.seconds = seconds_since(start);
  return report;
}

int Report::count(Status status) const {
  return static_cast<int>(
      std::count_if(outcomes.begin(), outcomes.end(), [&](const Outcome& o) { return o.status == status; }));
}

int Report::exit_code() const {
  if (count(Status::kInterrupted) > 0) return 130;
  if (count(Status::kFailed) > 0) return 1;
  return count(Status::kMissed) > 0 ? 3 : 0;
}

std::string_view status_name(Status status) {
  constexpr std::string_view kNames[] = {"passed", "missed", "failed", "skipped", "updated", "interrupted"};
  return kNames[static_cast<size_t>(status)];
}

}  // namespace dlb::regress
