#include "dlb/data/generated.h"

namespace dlb::data {

namespace {

/// Beyond it, samples are not meant to be held in memory.
constexpr double kMaxBytes = 16.0 * (1ULL << 30);

}  // namespace

void GeneratedSource::bind(const SourceOptions& options) {
  check(options);
  double bytes = 0;
  for (const Column& column : sample_spec().columns) bytes += static_cast<double>(column.spec.bytes());
  bytes *= static_cast<double>(std::max(samples, test_samples));
  if (bytes > kMaxBytes) {
    throw field_error(
        options, samples >= test_samples ? "samples" : "test_samples",
        fmt::format("{} samples of up to {:.0f} bytes are more than the 16 GiB that fit in memory",
                    std::max(samples, test_samples),
                    bytes / static_cast<double>(std::max(samples, test_samples))));
  }
}

std::vector<std::string> GeneratedSource::splits() const {
  if (test_samples == 0) return {"train"};
  return {"train", "test"};
}

std::shared_ptr<const Dataset> GeneratedSource::open(const std::string& split) {
  const int64_t count = size(split);
  TableBuilder table(sample_spec(), count);
  const uint64_t part = split == "test" ? 2 : 1;
  for (int64_t i = 0; i < count; ++i) {
    RandomStream random(
        {static_cast<uint64_t>(seed), RngPurpose::kSynthetic, part, static_cast<uint32_t>(i)});
    make(random, table);
    table.end_sample();
  }
  return table.build();
}

}  // namespace dlb::data
