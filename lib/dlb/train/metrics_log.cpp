#include "dlb/train/metrics_log.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "dlb/base/error.h"
#include "dlb/base/log.h"

namespace dlb::train {
namespace {

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

/// Cuts the file to at most `bytes` and returns the length it has then.
uint64_t cut(const std::string& path, uint64_t bytes) {
  std::error_code error;
  const bool exists = std::filesystem::exists(path, error);
  const uint64_t size = exists ? std::filesystem::file_size(path, error) : 0;
  if (error) fail(ErrorKind::kIo, "cannot read '{}': {}", path, error.message());
  if (size > bytes) std::filesystem::resize_file(path, bytes, error);
  if (error) fail(ErrorKind::kIo, "cannot shorten '{}': {}", path, error.message());
  if (size < bytes) {
    // Nothing depends on old records but their readers.
    log::warning("'{}' has {} bytes where the checkpoint has seen {}: earlier records are missing", path,
                 size, bytes);
  }
  return std::min(size, bytes);
}

}  // namespace

std::string to_json(const Record& r) {
  nlohmann::ordered_json j = {{"step", r.step}, {"epoch", r.epoch}, {"split", r.split}};
  if (const auto loss = r.values.find("loss"); loss != r.values.end()) j["loss"] = number(loss->second);
  if (r.lr) j["lr"] = number(*r.lr);
  if (r.grad_norm) j["grad_norm"] = number(*r.grad_norm);
  if (r.samples_per_s) j["samples_per_s"] = number(std::round(*r.samples_per_s * 10) / 10);
  for (const auto& [name, value] : r.values) {
    if (name != "loss") j[name] = number(value);
  }
  return j.dump();
}

MetricValues last_record(const std::string& path, const std::string& split) {
  MetricValues values;
  std::istringstream lines(files::read_all(path, size_t{1} << 32));
  try {
    for (std::string line; std::getline(lines, line);) {
      const auto record = nlohmann::json::parse(line);
      if (record.at("split") != split) continue;
      values.clear();
      for (const auto& [name, value] : record.items()) {
        if (value.is_number()) values[name] = value.get<double>();
      }
    }
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kData, "'{}' is damaged: {}", path, e.what());
  }
  return values;
}

MetricsLog::MetricsLog(const std::string& path, uint64_t bytes) : bytes_(cut(path, bytes)), out_(path) {}

void MetricsLog::write(const Record& record) {
  const std::string line = to_json(record) + "\n";
  out_.write(line);
  bytes_ += line.size();
}

}  // namespace dlb::train
