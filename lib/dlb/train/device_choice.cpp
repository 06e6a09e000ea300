#include "dlb/train/device_choice.h"

#include <filesystem>

#include "dlb/base/error.h"
#include "dlb/tensor/device.h"

namespace dlb::train {

std::string choose_device(const std::string& name) {
  if (name == "auto") return device_name(kCpu);
  const Device device = parse_device(name);
  if (device != kCpu)
    fail(ErrorKind::kDevice, "this build of dlbench computes on the CPU only, got --device {}", name);
  return device_name(device);
}

std::string canonical_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path result = std::filesystem::weakly_canonical(path, error);
  std::string text = error ? std::filesystem::absolute(path).lexically_normal().string() : result.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace dlb::train
