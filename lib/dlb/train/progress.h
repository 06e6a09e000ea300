#pragma once
/// \file How far a run is: one line that is rewritten on a terminal, a plain line now and then elsewhere.

#include <chrono>
#include <cstdint>
#include <string>

namespace dlb::train {

/// What one line shows.
struct ProgressLine {
  int64_t step = 0;
  int64_t steps = 0;   ///< of the whole run
  int64_t epoch = 0;   ///< the current one, from 1
  int64_t epochs = 0;  ///< 0 = not known
  double loss = 0;     ///< smoothed
  double lr = 0;
  double samples_per_s = 0;
  double eta_s = 0;
};

/// "epoch 2/3  step 1200/2814 [#####-----]  loss 0.1234  lr 0.001  5230 samples/s  ETA 0:12", shortened to
/// `width` columns (0 = any): the bar goes first, then the rate, then the learning rate.
std::string progress_text(const ProgressLine& line, size_t width, bool bar);

/// "0:07", "12:34", "1:02:03"
std::string duration_text(double seconds);

/// Shows progress on stderr, as the terminal and `--quiet` (a log level above info) allow. Colour is used on
/// a terminal unless NO_COLOR is set.
class Progress {
 public:
  Progress(int64_t steps, int64_t epochs, int64_t first_step);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// After an update of `samples` samples with that mean loss.
  void update(int64_t step, int64_t epoch, int64_t samples, double loss, double lr);
  /// Training pauses (evaluation, checkpoint) and goes on: such time does not count into the rate.
  void pause();
  void resume();
  double samples_per_s() const { return rate_; }
  double smoothed_loss() const { return loss_; }
  /// Removes the line from the terminal.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void show(const ProgressLine& line);

  int64_t steps_, epochs_, last_step_;
  bool quiet_, terminal_, color_;
  bool shown_ = false;
  bool measured_ = false;  ///< a whole span has been measured; before that, what there is counts
  double loss_ = 0;
  double weight_ = 0;
  double rate_ = 0;
  double step_s_ = 0;
  int64_t span_samples_ = 0;
  int64_t span_steps_ = 0;
  Clock::time_point span_start_, last_shown_, paused_at_;
};

}  // namespace dlb::train
