#pragma once
/// \file Where a tensor lives.

#include <cstdint>
#include <string>
#include <string_view>

namespace dlb {

/// kMeta tensors have a spec and no data: operators on them only infer shapes.
enum class DeviceKind : uint8_t { kCpu, kCuda, kMeta };
inline constexpr int kDeviceKinds = 3;

struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int8_t index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

inline constexpr Device kCpu{DeviceKind::kCpu, 0};
inline constexpr Device kMeta{DeviceKind::kMeta, 0};

/// "cpu", "cuda:0", "meta".
std::string device_name(Device device);
/// Parses "cpu", "cuda", "cuda:1". Raises a device error for anything else.
Device parse_device(std::string_view name);

}  // namespace dlb
