#include "dlb/train/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dlb/base/log.h"

namespace dlb::train {
namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(10);
/// The rate is measured over spans of this length: long enough to be steady, short enough to follow.
constexpr double kSpanSeconds = 0.5;
constexpr double kLossSmoothing = 0.98;
constexpr int kBarWidth = 20;

double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

/// Columns for a line; the last one of the terminal stays free, since writing there may wrap.
size_t line_width() {
  winsize size = {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::max<size_t>(size.ws_col, 2) - 1 : 79;
}

/// Whether stderr is a terminal on which a line can be rewritten.
bool rewrites_lines() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && kind != nullptr && *kind != '\0' && std::strcmp(kind, "dumb") != 0;
}

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

}  // namespace

std::string duration_text(double s) {
  if (!std::isfinite(s) || s < 0) return "?";
  const auto total = static_cast<int64_t>(std::min(std::round(s), 1e9));
  const int64_t h = total / 3600, m = total / 60 % 60;
  return h > 0 ? fmt::format("{}:{:02}:{:02}", h, m, total % 60) : fmt::format("{}:{:02}", m, total % 60);
}

std::string progress_text(const ProgressLine& l, size_t width, bool bar) {
  const std::string epoch =
      l.epochs > 0 ? fmt::format("epoch {}/{}", l.epoch, l.epochs) : fmt::format("epoch {}", l.epoch);
  const std::string step = fmt::format("  step {}/{}", l.step, l.steps);
  const std::string loss = fmt::format("  loss {:.4f}", l.loss);
  const std::string lr = fmt::format("  lr {:.3g}", l.lr);
  const std::string rate = fmt::format("  {:.0f} samples/s", l.samples_per_s);
  const std::string eta = "  ETA " + duration_text(l.eta_s);
  std::string drawn;
  if (bar && l.steps > 0) {
    const auto full = static_cast<size_t>(kBarWidth * std::clamp(l.step, int64_t{0}, l.steps) / l.steps);
    drawn = "  [" + std::string(full, '#') + std::string(kBarWidth - full, '-') + "]";
  }
  for (const std::string& text :
       {epoch + step + drawn + loss + lr + rate + eta, epoch + step + loss + lr + rate + eta,
        epoch + step + loss + lr + eta, epoch + step + loss + eta, epoch + step + eta}) {
    if (width == 0 || text.size() <= width) return text;
  }
  return (epoch + step).substr(0, width);
}

Progress::Progress(int64_t steps, int64_t epochs, int64_t first_step)
    : steps_(steps),
      epochs_(epochs),
      last_step_(first_step),
      quiet_(log::level() > log::Level::kInfo),
      terminal_(!quiet_ && rewrites_lines()),
      color_(terminal_ && wants_color()),
      span_start_(Clock::now()),
      last_shown_(Clock::now()),
      paused_at_(Clock::now()) {
  if (terminal_) log::set_before_line([this] { clear(); });
}

Progress::~Progress() {
  if (terminal_) log::set_before_line({});
  clear();
}

void Progress::update(int64_t step, int64_t epoch, int64_t samples, double loss, double lr) {
  // A weighted mean that starts at the first loss instead of at zero.
  if (std::isfinite(loss)) {
    loss_ = (kLossSmoothing * weight_ * loss_ + (1 - kLossSmoothing) * loss) /
            (kLossSmoothing * weight_ + (1 - kLossSmoothing));
    weight_ = kLossSmoothing * weight_ + (1 - kLossSmoothing);
  }
  span_samples_ += samples;
  span_steps_ += step - last_step_;
  last_step_ = step;
  const Clock::time_point now = Clock::now();
  const double span = seconds(now - span_start_);
  if (span >= kSpanSeconds || !measured_) {
    rate_ = static_cast<double>(span_samples_) / std::max(span, 1e-9);
    step_s_ = span / static_cast<double>(std::max<int64_t>(span_steps_, 1));
    if (span >= kSpanSeconds) {
      span_start_ = now;
      span_samples_ = span_steps_ = 0;
      measured_ = true;
    }
  }
  if (quiet_ || (terminal_ ? now - last_shown_ < kBarInterval : now - last_shown_ < kLineInterval)) return;
  last_shown_ = now;
  show({step, steps_, epoch, epochs_, loss_, lr, rate_, static_cast<double>(steps_ - step) * step_s_});
}

void Progress::pause() { paused_at_ = Clock::now(); }

void Progress::resume() { span_start_ += Clock::now() - paused_at_; }

void Progress::show(const ProgressLine& line) {
  if (!terminal_) {
    log::info("{}", progress_text(line, 0, false));
    return;
  }
  const std::string text = progress_text(line, line_width(), true);
  if (color_) {
    std::fprintf(stderr, "\r\033[2K\033[36m%s\033[0m", text.c_str());
  } else {
    std::fprintf(stderr, "\r%-*s", static_cast<int>(line_width()), text.c_str());
  }
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  shown_ = false;
  std::fprintf(stderr, "\r%*s\r", static_cast<int>(line_width()), "");
  std::fflush(stderr);
}

}  // namespace dlb::train
