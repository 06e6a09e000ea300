#pragma once
/// \file What this machine reaches at most: the roofs that work is measured against.

#include <optional>
#include <string>

namespace dlb::profile {

/// Of the present number of threads.
struct Peaks {
  double gflops = 0;    ///< 10^9 FLOPs a second of the product of two square float32 matrices
  double gb_per_s = 0;  ///< 10^9 bytes a second from and to memory
};

/// The best of several sizes and repetitions; takes about a second. Kernels must be installed.
Peaks measure_peaks();
double measure_compute_peak();
double measure_memory_peak();

/// What measured peaks hold for: processor, build and number of threads.
struct PeakKey {
  std::string processor;
  std::string build;
  int threads = 1;
  bool operator==(const PeakKey&) const = default;
};
/// That of this process as it is now.
PeakKey peak_key();

/// Where peaks are kept between commands: dlbench/peaks.json in $XDG_CACHE_HOME, else in ~/.cache; "" where
/// there is neither.
std::string peak_cache_file();
/// Nothing when the file is missing, unreadable or damaged, or has no such entry.
std::optional<Peaks> load_peaks(const std::string& file, const PeakKey& key);
/// Adds or replaces an entry; entries that can be read stay. Returns what prevents it, "" when it is done.
std::string store_peaks(const std::string& file, const PeakKey& key, const Peaks& peaks);

/// The cached peaks, or else measured ones, which are then cached where that is possible.
Peaks known_peaks();

}  // namespace dlb::profile
