#include "dlb/train/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "dlb/base/files.h"
#include "dlb/base/log.h"

namespace dlb::train {
namespace {

constexpr std::string_view kPrefix = "step-";
constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";

/// Writes tensors without a copy of them all in memory, and returns the file's digest.
std::string write_tensors(files::AtomicFolder& folder, const char* name,
                          const std::vector<io::NamedTensor>& tensors) {
  // What is not row-major in memory, such as channels-last weights, is laid out one tensor at a time.
  std::vector<Tensor> held;
  std::vector<std::string_view> pieces;
  const std::string header = io::safetensors_header(tensors, {{"format", "dlb"}});
  pieces.push_back(header);
  for (const io::NamedTensor& t : tensors) {
    Tensor value = t.value;
    if (!value.is_contiguous()) {
      value = Tensor::empty(value.shape(), value.dtype());
      value.assign(t.value);
      held.push_back(value);
    }
    pieces.emplace_back(static_cast<const char*>(value.raw()), value.spec().bytes());
  }
  files::Sha256 digest;
  for (const std::string_view piece : pieces) digest.update(piece.data(), piece.size());
  folder.write(name, pieces);
  return digest.hex();
}

std::string read_verified(const std::string& folder, const char* name,
                          const std::map<std::string, std::string>& digests) {
  const std::string path = files::join(folder, name);
  std::string bytes = files::read_all(path);
  const auto expected = digests.find(name);
  if (expected == digests.end()) fail(ErrorKind::kData, "'{}': {} has no digest of it", path, kStateFile);
  if (files::sha256_hex(bytes) != expected->second) {
    fail(ErrorKind::kData, "'{}' is damaged: its SHA-256 is not the one that {} records", path, kStateFile);
  }
  return bytes;
}

std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return {};
  name.remove_prefix(kPrefix.size());
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0) return {};
  return step;
}

}  // namespace

void write_checkpoint(const std::string& folder, const RunState& state,
                      const std::vector<io::NamedTensor>& model,
                      const std::vector<io::NamedTensor>& optimizer) {
  files::AtomicFolder out(folder);
  std::map<std::string, std::string> digests;
  digests[kModelFile] = write_tensors(out, kModelFile, model);
  digests[kOptimizerFile] = write_tensors(out, kOptimizerFile, optimizer);
  out.write(kStateFile, state_to_json(state, digests));
  out.commit();
}

Checkpoint read_checkpoint(const std::string& folder, bool with_optimizer) {
  Checkpoint c;
  std::map<std::string, std::string> digests;
  const std::string state_path = files::join(folder, kStateFile);
  c.state = state_from_json(files::read_all(state_path, size_t{64} << 20), state_path, digests);
  c.model =
      io::parse_safetensors(read_verified(folder, kModelFile, digests), files::join(folder, kModelFile));
  if (with_optimizer) {
    c.optimizer = io::parse_safetensors(read_verified(folder, kOptimizerFile, digests),
                                        files::join(folder, kOptimizerFile));
  }
  return c;
}

std::vector<int64_t> checkpoint_steps(const std::string& checkpoints) {
  std::vector<int64_t> steps;
  for (const std::string& name : files::list(checkpoints)) {
    if (const std::optional<int64_t> step = step_of(name)) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string checkpoint_folder(const std::string& checkpoints, int64_t step) {
  return files::join(checkpoints, fmt::format("{}{}", kPrefix, step));
}

std::optional<Checkpoint> newest_checkpoint(const std::string& checkpoints, bool with_optimizer) {
  const std::vector<int64_t> steps = checkpoint_steps(checkpoints);
  for (size_t i = steps.size(); i-- > 0;) {
    try {
      return read_checkpoint(checkpoint_folder(checkpoints, steps[i]), with_optimizer);
    } catch (const Error& e) {
      if (e.kind != ErrorKind::kIo && e.kind != ErrorKind::kData) throw;
      log::warning("{}; going back to the checkpoint before it", e.message);
    }
  }
  return {};
}

void prune_checkpoints(const std::string& checkpoints, int64_t now, int64_t last, int64_t best) {
  const std::vector<int64_t> steps = checkpoint_steps(checkpoints);
  const auto past = std::upper_bound(steps.begin(), steps.end(), now);
  const int64_t kept_from = std::max<int64_t>(0, (past - steps.begin()) - last);
  for (auto step = steps.begin(); step != steps.end(); ++step) {
    if (*step != best && (*step > now || step - steps.begin() < kept_from)) {
      files::remove_all(checkpoint_folder(checkpoints, *step));
    }
  }
}

}  // namespace dlb::train
