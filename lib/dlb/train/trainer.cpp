#include "dlb/train/trainer.h"

#include <memory>
#include <optional>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/base/threads.h"
#include "dlb/base/version.h"
#include "dlb/train/device_choice.h"
#include "dlb/train/resume.h"
#include "dlb/train/run_hook.h"
#include "dlb/train/training.h"

namespace dlb::train {
namespace {

/// What is shown also goes to log.txt, as long as that can be written: a run does not end for its log.
class LogFile {
 public:
  explicit LogFile(const std::string& path) : out_(path) {
    log::set_sink([this](std::string_view line) { write(line); });
  }
  ~LogFile() { log::set_sink({}); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  void write(std::string_view line) noexcept {
    try {
      out_.write(std::string(line) + "\n");
    } catch (const std::exception&) {
    }
  }

 private:
  files::Appender out_;
};

/// Where a run starts from.
struct Opened {
  RunFolder folder;
  std::optional<Checkpoint> checkpoint;
  std::optional<RunRecord> record;  ///< of the run that is taken up
};

/// The run folder and, when one was named, the checkpoint folder that `--resume` means; both empty when there
/// is no run yet.
struct ResumeTarget {
  std::string run;
  std::string checkpoint;
};

ResumeTarget resume_target(const TrainOptions& o, const std::string& name) {
  if (o.resume_from.empty()) return {o.out.empty() ? RunFolder::latest(o.runs, name) : o.out, {}};
  const std::string& from = o.resume_from;
  if (is_checkpoint_folder(from)) {
    const std::string run = run_of_checkpoint(from);
    if (run.empty())
      fail(ErrorKind::kConfig, "--resume '{}': this checkpoint is not inside a run folder", from);
    return {run, from};
  }
  if (!is_run_folder(from)) {
    fail(ErrorKind::kConfig, "--resume '{}': {}", from,
         files::exists(from) ? "neither a run folder (no config.yaml) nor a checkpoint (no state.json)"
                             : "no such folder");
  }
  return {from, {}};
}

Opened open_new(const TrainOptions& o, const std::string& name) {
  return {o.out.empty() ? RunFolder::create(o.runs, name) : RunFolder::create_at(o.out), {}, {}};
}

Opened open_run(const TrainOptions& o, const Experiment& experiment) {
  if (!o.resume) return open_new(o, experiment.name);
  const ResumeTarget target = resume_target(o, experiment.name);
  if (target.run.empty() || !files::exists(target.run)) {
    log::warning("there is no run of '{}' to resume yet; starting one", experiment.name);
    return open_new(o, experiment.name);
  }
  if (!o.out.empty() && canonical_path(o.out) != canonical_path(target.run)) {
    fail(ErrorKind::kConfig, "--resume '{}' goes on in run '{}', but --out names '{}'", o.resume_from,
         target.run, o.out);
  }
  Opened opened{RunFolder::reopen(target.run), {}, {}};
  // Killed before it had written anything: nothing to compare with, nothing lost.
  if (!files::exists(opened.folder.config())) return opened;
  const config::Document before = config::Document::load(opened.folder.config());
  check_changes(config_changes(before.root(), experiment.document.root()), target.run, o.extend);
  opened.record = read_run_record(opened.folder.record());
  if (!target.checkpoint.empty()) {
    opened.checkpoint = read_checkpoint(target.checkpoint);
    const std::vector<int64_t> steps = checkpoint_steps(opened.folder.checkpoints());
    if (!steps.empty() && steps.back() > opened.checkpoint->state.step) {
      log::warning(
          "going back to step {}; later checkpoints of '{}' are removed once the next one is written",
          opened.checkpoint->state.step, target.run);
    }
  } else {
    opened.checkpoint = newest_checkpoint(opened.folder.checkpoints());
    if (!opened.checkpoint && !checkpoint_steps(opened.folder.checkpoints()).empty()) {
      fail(ErrorKind::kData, "run '{}' has no checkpoint that is intact", target.run);
    }
  }
  return opened;
}

/// Whether a run that ended well has nothing left to do.
bool complete(const Opened& opened, const Experiment& experiment) {
  return opened.checkpoint && opened.record && opened.record->result.status == "done" &&
         opened.record->result.steps == opened.checkpoint->state.step &&
         (opened.checkpoint->state.stopped || opened.checkpoint->state.step >= experiment.totals.steps);
}

std::string config_header(const TrainOptions& o) {
  return fmt::format(
      "# The resolved config of this run: `dlbench train` with this file repeats it.\n# from {}, dlbench "
      "{}\n",
      o.config, version());
}

RunRecord new_record(const TrainOptions& o, const Experiment& experiment, const std::string& device,
                     const Opened& opened) {
  RunRecord r;
  r.name = experiment.name;
  r.config = o.config;
  r.command = o.command;
  r.device = device;
  r.threads = threads();
  r.seed = experiment.seed;
  r.start = opened.record ? opened.record->start : utc_now();
  if (opened.record) {
    r.resumed = opened.record->resumed;
    r.resumed.push_back(utc_now());
    r.data = opened.record->data;
  }
  r.params = experiment.totals.params;
  return r;
}

}  // namespace

RunResult train(const TrainOptions& o) {
  if (o.extend && !o.resume)
    fail(ErrorKind::kConfig, "--extend changes the length of a resumed run: it needs --resume");
  backend::cpu::install();
  const std::string device = choose_device(o.device);
  set_threads(o.threads);
  const std::unique_ptr<Experiment> experiment = Experiment::load(o.config, o.overrides);

  Opened opened = open_run(o, *experiment);
  if (complete(opened, *experiment)) {
    log::info("run '{}' is done: {} steps; nothing left to train", opened.folder.path(),
              opened.record->result.steps);
    opened.record->result.run = opened.folder.path();
    return opened.record->result;
  }
  LogFile log_file(opened.folder.log());
  try {
    const std::string resolved = resolved_yaml(*experiment);
    files::write_atomic(opened.folder.config(), config_header(o) + resolved);
    if (opened.record && opened.record->threads != threads()) {
      log::warning(
          "the run began with {} threads and goes on with {}: its numbers may differ in the last bits",
          opened.record->threads, threads());
    }
    const int64_t accumulate = experiment->train.accumulate;
    log::info("{} '{}': {} parameters, {} steps{} on {} with {} thread{}",
              opened.checkpoint ? "resuming" : "training", opened.folder.path(), experiment->totals.params,
              experiment->totals.steps,
              accumulate > 1 ? fmt::format(" of {} batches", accumulate) : std::string(), device, threads(),
              threads() == 1 ? "" : "s");
    if (opened.checkpoint) log::info("going on after step {}", opened.checkpoint->state.step);
    RunRecord record = new_record(o, *experiment, device, opened);
    RunResult result =
        Training(*experiment, opened.folder, o, std::move(record), std::move(opened.checkpoint)).run();
    RunHook(o.on_run, opened.folder.path()).now();
    return result;
  } catch (const std::exception& e) {
    log_file.write(e.what());
    RunHook(o.on_run, opened.folder.path()).now();
    throw;
  }
}

}  // namespace dlb::train
