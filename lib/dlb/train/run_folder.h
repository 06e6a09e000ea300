#pragma once
/// \file The folder of a run: chosen, claimed by one process at a time, and where things lie in it.

#include <string>

namespace dlb::train {

/// A run folder that this process holds a lock on. The lock goes with the process, however that ends.
class RunFolder {
 public:
  /// Makes RUNS/NAME-N with the smallest free N; two processes at once get two folders. Errors: io.
  static RunFolder create(const std::string& runs, const std::string& name);
  /// Takes `path`, which must be missing or empty. Errors: config when something is in it, io.
  static RunFolder create_at(const std::string& path);
  /// Takes an existing run to go on with it, and removes what a killed process left half-written. Errors: io
  /// when another process works in it.
  static RunFolder reopen(const std::string& path);
  /// The folder RUNS/NAME-N with the largest N, "" when there is none.
  static std::string latest(const std::string& runs, const std::string& name);

  ~RunFolder();
  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string config() const { return file("config.yaml"); }
  std::string record() const { return file("run.json"); }
  std::string metrics() const { return file("metrics.jsonl"); }
  std::string predictions() const { return file("predictions.json"); }
  std::string log() const { return file("log.txt"); }
  std::string checkpoints() const { return file("checkpoints"); }

 private:
  RunFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string file(const char* name) const;
  std::string path_;
  int lock_;
};

/// Whether `path` looks like a run folder, and like a checkpoint folder.
bool is_run_folder(const std::string& path);
bool is_checkpoint_folder(const std::string& path);
/// The run folder that a checkpoint folder lies in (RUN/checkpoints/step-N), "" when that is none. As short
/// as `checkpoint` allows, absolute where it is given as "." or by a link.
std::string run_of_checkpoint(const std::string& checkpoint);

}  // namespace dlb::train
