#include "workloads/shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"

namespace dlb::bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

bool is_product(std::string_view name) {
  static constexpr std::array kParts = {"matmul",        "linear",       "conv",        "attention",
                                        "lstm_sequence", "gru_sequence", "rnn_sequence"};
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](const char* part) { return name.find(part) != std::string_view::npos; });
}

}  // namespace

void OperatorTimes::start() {
  previous_ = set_observer(this);
  running_ = true;
}

void OperatorTimes::stop() {
  if (running_) set_observer(previous_);
  running_ = false;
}

void OperatorTimes::before(const OpDef&, Inputs, const void*) { open_.push_back(Clock::now()); }

void OperatorTimes::after(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs,
                          const void* attrs) {
  if (open_.empty()) return;  // begun before start()
  const double time = seconds(Clock::now() - open_.back());
  open_.pop_back();
  if (!open_.empty()) return;
  Entry& e = entries_[std::string(op.name)];
  e.seconds += time;
  ++e.calls;
  if (op.cost != nullptr) e.flops += op.attrs->call_cost(op.cost, inputs, outputs, attrs).flops;
}

std::string OperatorTimes::json(int steps) const {
  std::string text = "{";
  for (const auto& [name, e] : entries_) {
    text += fmt::format("{}\"{}\": {{\"ms\": {:.4f}, \"calls\": {:.1f}, \"gflop\": {:.6f}, \"product\": {}}}",
                        text.size() > 1 ? ", " : "", name, e.seconds * 1e3 / steps,
                        static_cast<double>(e.calls) / steps, e.flops * 1e-9 / steps, is_product(name));
  }
  return text + "}";
}

double peak_gflops() {
  double best = 0;
  for (const int64_t n : {512, 1024, 1536, 2048}) {
    const Tensor a = normal({n, n}, 0, 1, {0, RngPurpose::kUser, 0, 0});
    const Tensor b = normal({n, n}, 0, 1, {0, RngPurpose::kUser, 0, 1});
    const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
    const int repetitions = static_cast<int>(std::clamp(4e10 / flops, 5.0, 60.0));
    for (int i = 0; i < repetitions; ++i) {
      const Clock::time_point start = Clock::now();
      const Tensor y = matmul(a, b);
      best = std::max(best, flops / seconds(Clock::now() - start) * 1e-9);
    }
  }
  return best;
}

}  // namespace dlb::bench
