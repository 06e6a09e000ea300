#include "dlb/tensor/device.h"

#include <charconv>

#include "dlb/base/error.h"

namespace dlb {

std::string device_name(Device device) {
  switch (device.kind) {
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kCuda:
      return fmt::format("cuda:{}", device.index);
    case DeviceKind::kMeta:
      return "meta";
  }
  return "unknown";
}

Device parse_device(std::string_view name) {
  if (name == "cpu") return kCpu;
  if (name == "cuda") return {DeviceKind::kCuda, 0};
  if (name.starts_with("cuda:")) {
    const std::string_view digits = name.substr(5);
    int index = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc() && end == digits.data() + digits.size() && index >= 0 && index < 128) {
      return {DeviceKind::kCuda, static_cast<int8_t>(index)};
    }
  }
  fail(ErrorKind::kDevice, "unknown device '{}'; expected cpu, cuda or cuda:INDEX", name);
}

}  // namespace dlb
