#include "dlb/profile/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "dlb/base/error.h"

namespace dlb::profile {
namespace {

using Json = nlohmann::json;

constexpr double kLeastOfItself = 0.005;
constexpr double kLeastOfStep = 0.002;
constexpr double kLeastSize = 0.01;
constexpr double kLeastBatch = 0.1;

/// A time with the range of the steps it was measured in.
struct Time {
  double ms = 0, p10 = 0, p90 = 0;
};

const Json* member(const Json& j, const char* key) {
  if (!j.is_object()) return nullptr;
  const auto it = j.find(key);
  return it == j.end() ? nullptr : &*it;
}

std::optional<double> number(const Json& j, const char* key) {
  const Json* const value = member(j, key);
  if (value == nullptr || !value->is_number()) return {};
  const double x = value->get<double>();
  return std::isfinite(x) ? std::optional(x) : std::nullopt;
}

std::string text(const Json& j, const char* key) {
  const Json* const value = member(j, key);
  if (value == nullptr) return {};
  return value->is_string() ? value->get<std::string>()
                            : value->dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Without a range, as of a document that has been cut down, the time itself is the range.
Time time_of(const Json& j, const char* key) {
  const double ms = number(j, key).value_or(0);
  return {ms, number(j, "p10").value_or(ms), number(j, "p90").value_or(ms)};
}

Json parsed(std::string_view document, const std::string& source) {
  Json j = Json::parse(document, nullptr, false);
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::kData, fmt::format("'{}' is no profile: {}", source, why), {},
                "`dlbench profile CONFIG --json > FILE` writes one");
  };
  if (j.is_discarded()) refuse("it is not JSON");
  if (!j.is_object()) refuse("it is not a JSON object");
  const Json* const step = member(j, "step_ms");
  if (step == nullptr || !number(*step, "median")) refuse("it has no `step_ms.median`");
  const Json* const ops = member(j, "ops");
  if (ops == nullptr || !ops->is_array()) refuse("it has no list `ops`");
  for (const Json& op : *ops) {
    const Json* const name = member(op, "name");
    if (name == nullptr || !name->is_string() || !number(op, "ms"))
      refuse("an entry of `ops` has no `name` or no `ms`");
  }
  return j;
}

/// Adds up what has one name, layer and phase, wherever it stands now in the config.
std::map<std::string, Time> operators(const Json& j) {
  std::map<std::string, Time> times;
  for (const Json& op : j["ops"]) {
    Time& sum = times[fmt::format("{} in {} ({})", text(op, "name"), text(op, "layer"), text(op, "phase"))];
    const Time more = time_of(op, "ms");
    sum = {sum.ms + more.ms, sum.p10 + more.p10, sum.p90 + more.p90};
  }
  return times;
}

/// Sorts differences into a comparison.
class Judge {
 public:
  Judge(const Json& before, const Json& after)
      : before_(before), after_(after), step_ms_(number(before["step_ms"], "median").value_or(0)) {}

  Comparison result() && { return std::move(result_); }

  void settings() {
    for (const char* key : {"model", "device", "threads", "dtype", "mode"}) {
      const std::string was = text(before_, key), is = text(after_, key);
      if (was != is && !was.empty())
        result_.notes.push_back(fmt::format("{} was {}, is {}: not the same work", key, was, is));
    }
    // The last batch of an epoch may be a short one, which not every measurement comes upon.
    const double was = number(before_, "samples_per_step").value_or(0);
    const double is = number(after_, "samples_per_step").value_or(was);
    if (was > 0 && std::abs(is - was) > kLeastBatch * was)
      result_.notes.push_back(
          fmt::format("samples a step were {:.4g}, are {:.4g}: not the same work", was, is));
    for (const Json* j : {&before_, &after_}) {
      if (const auto steps = number(*j, "steps"); steps && *steps < 5)
        result_.notes.push_back(fmt::format("only {} steps were measured: noise is not known well", *steps));
    }
  }

  void step() {
    timed("step", time_of(before_["step_ms"], "median"), time_of(after_["step_ms"], "median"));
    const Json* const was = member(before_, "phases_spread");
    const Json* const is = member(after_, "phases_spread");
    if (was == nullptr || is == nullptr) return;
    for (const char* part : {"data", "forward", "backward", "optimizer", "other"}) {
      const Json* const a = member(*was, part);
      const Json* const b = member(*is, part);
      if (a != nullptr && b != nullptr) timed(part, time_of(*a, "median"), time_of(*b, "median"));
    }
  }

  void sizes() {
    const auto size = [&](const char* what, const char* unit, const Json* was, const Json* is,
                          const char* key) {
      if (was == nullptr || is == nullptr) return;
      const auto a = number(*was, key), b = number(*is, key);
      if (a && b && std::abs(*b - *a) > kLeastSize * std::abs(*a)) add({what, unit, *a, *b});
    };
    size("resident memory", "MiB", &before_, &after_, "peak_rss_mb");
    size("peak memory of tensors", "MiB", member(before_, "memory"), member(after_, "memory"), "peak_mb");
    size("activations", "MiB", &before_, &after_, "activation_mb");
    size("allocations", "", member(before_, "allocations"), member(after_, "allocations"), "count");
  }

  void ops() {
    const std::map<std::string, Time> was = operators(before_), is = operators(after_);
    std::vector<Difference> found;
    const auto judge = [&](const std::string& what, const Time& a, const Time& b) {
      if (differs(a, b)) {
        found.push_back({what, "ms", a.ms, b.ms});
      } else {
        ++result_.within_noise;
        result_.within_noise_ms += b.ms - a.ms;
      }
    };
    for (const auto& [what, time] : was) {
      const auto now = is.find(what);
      judge(what, time, now == is.end() ? Time() : now->second);
    }
    for (const auto& [what, time] : is) {
      if (!was.contains(what)) judge(what, {}, time);
    }
    std::stable_sort(found.begin(), found.end(), [](const Difference& a, const Difference& b) {
      return std::abs(a.after - a.before) > std::abs(b.after - b.before);
    });
    for (Difference& d : found) add(std::move(d));
  }

 private:
  bool differs(const Time& a, const Time& b) const {
    const double change = std::abs(b.ms - a.ms);
    if (change <= kLeastOfItself * a.ms || change <= kLeastOfStep * step_ms_) return false;
    return a.p90 < b.p10 || b.p90 < a.p10;
  }
  void timed(const char* what, const Time& a, const Time& b) {
    if (differs(a, b)) add({what, "ms", a.ms, b.ms});
  }
  void add(Difference d) { (d.after > d.before ? result_.worse : result_.better).push_back(std::move(d)); }

  const Json& before_;
  const Json& after_;
  double step_ms_;
  Comparison result_;
};

}  // namespace

double Difference::percent() const { return before > 0 ? 100 * (after / before - 1) : after > 0 ? 100 : 0; }

Comparison compare(std::string_view before, std::string_view after, const std::string& source) {
  const Json was = parsed(before, source), is = parsed(after, "the new profile");
  Judge judge(was, is);
  judge.settings();
  judge.step();
  judge.sizes();
  judge.ops();
  return std::move(judge).result();
}

void require_profile(std::string_view document, const std::string& source) { parsed(document, source); }

}  // namespace dlb::profile
