#include "dlb/profile/peaks.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "dlb/backend/cpu/info.h"
#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/base/threads.h"
#include "dlb/base/version.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/tensor/storage.h"

namespace dlb::profile {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr int kRounds = 3;
constexpr size_t kMaxCacheBytes = size_t{1} << 20;

/// The shortest time of a call, in seconds: at least two calls, and more until `seconds` have passed.
template <class F>
double best_time(double seconds, const F& call) {
  constexpr int kLeast = 2;
  double best = INFINITY;
  const Clock::time_point start = Clock::now();
  Clock::time_point last = start;
  for (int i = 0; i < kLeast || std::chrono::duration<double>(last - start).count() < seconds; ++i) {
    call();
    const Clock::time_point now = Clock::now();
    best = std::min(best, std::chrono::duration<double>(now - last).count());
    last = now;
  }
  return best;
}

Json key_json(const PeakKey& key) {
  return {{"processor", key.processor}, {"build", key.build}, {"threads", key.threads}};
}

bool is_of(const Json& entry, const PeakKey& key) {
  if (!entry.is_object()) return false;
  const Json wanted = key_json(key);
  return std::all_of(wanted.items().begin(), wanted.items().end(), [&](const auto& item) {
    const auto found = entry.find(item.key());
    return found != entry.end() && *found == item.value();
  });
}

/// The entries of a cache file; empty when it is no such file.
Json entries_of(const std::string& file) {
  Json none = Json::array();
  try {
    if (file.empty() || !files::exists(file) || files::is_folder(file)) return none;
    const Json document = Json::parse(files::read_all(file, kMaxCacheBytes), nullptr, false);
    if (!document.is_object()) return none;
    const auto peaks = document.find("peaks");
    return peaks != document.end() && peaks->is_array() ? *peaks : none;
  } catch (const Error&) {
    return none;
  }
}

}  // namespace

double measure_compute_peak() {
  double best = 0;
  // In rounds, so that a moment in which the machine is busy does not spoil one size altogether.
  for (int round = 0; round < kRounds; ++round) {
    for (const int64_t n : {512, 1024, 1536}) {
      const Tensor a = normal({n, n}, 0, 1, {0, RngPurpose::kUser, 0, 0});
      const Tensor b = normal({n, n}, 0, 1, {0, RngPurpose::kUser, 0, 1});
      const double flops = 2 * std::pow(static_cast<double>(n), 3);
      best = std::max(best, flops / best_time(0.05, [&] { matmul(a, b); }) * 1e-9);
    }
  }
  return best;
}

double measure_memory_peak() {
  // Far larger than what a core has of a cache. Of reading alone and of reading two and writing one, the
  // faster one: which it is differs between machines.
  constexpr int64_t kNumbers = int64_t{16} << 20;
  const Tensor a = full({kNumbers}, 1.0, DType::kFloat32);
  const Tensor b = full({kNumbers}, 2.0, DType::kFloat32);
  const double bytes = 4.0 * kNumbers;
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    best = std::max(best, bytes / best_time(0.05, [&] { sum(a); }));
    best = std::max(best, 3 * bytes / best_time(0.05, [&] { add(a, b); }));
  }
  return best * 1e-9;
}

Peaks measure_peaks() {
  const Peaks peaks{measure_compute_peak(), measure_memory_peak()};
  trim_cpu_allocator();
  return peaks;
}

PeakKey peak_key() {
  std::string build(version());
  build += ", ";
  build += build_description();
  return {backend::cpu::info().processor, std::move(build), threads()};
}

std::string peak_cache_file() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  // The specification wants an absolute path, and others to be ignored.
  if (cache != nullptr && cache[0] == '/') return files::join(cache, "dlbench/peaks.json");
  const char* const home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return files::join(home, ".cache/dlbench/peaks.json");
  return {};
}

std::optional<Peaks> load_peaks(const std::string& file, const PeakKey& key) {
  for (const Json& entry : entries_of(file)) {
    if (!is_of(entry, key)) continue;
    const auto gflops = entry.find("gflops"), memory = entry.find("gb_per_s");
    if (gflops == entry.end() || memory == entry.end() || !gflops->is_number() || !memory->is_number())
      continue;
    const Peaks peaks{gflops->get<double>(), memory->get<double>()};
    if (std::isfinite(peaks.gflops) && std::isfinite(peaks.gb_per_s) && peaks.gflops > 0 &&
        peaks.gb_per_s > 0)
      return peaks;
  }
  return {};
}

std::string store_peaks(const std::string& file, const PeakKey& key, const Peaks& peaks) {
  if (file.empty()) return "neither XDG_CACHE_HOME nor HOME names a folder";
  Json entries = Json::array();
  for (const Json& entry : entries_of(file)) {
    if (entry.is_object() && !is_of(entry, key)) entries.push_back(entry);
  }
  Json entry = key_json(key);
  entry["gflops"] = peaks.gflops;
  entry["gb_per_s"] = peaks.gb_per_s;
  entries.push_back(std::move(entry));
  const Json document = {{"version", 1}, {"peaks", entries}};
  try {
    files::make_folders(files::parent(file));
    files::write_atomic(file, document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  } catch (const Error& e) {
    return e.message;
  }
  return {};
}

Peaks known_peaks() {
  const PeakKey key = peak_key();
  const std::string file = peak_cache_file();
  if (const std::optional<Peaks> known = load_peaks(file, key)) return *known;
  log::info("measuring this machine's peaks with {} thread{}", key.threads, key.threads == 1 ? "" : "s");
  const Peaks peaks = measure_peaks();
  if (const std::string problem = store_peaks(file, key, peaks); !problem.empty())
    log::info("the peaks are not kept for the next time: {}", problem);
  return peaks;
}

}  // namespace dlb::profile
