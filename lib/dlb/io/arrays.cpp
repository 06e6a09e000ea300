#include "dlb/io/arrays.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "dlb/base/error.h"
#include "dlb/base/random_file.h"
#include "dlb/io/safetensors.h"
#include "dlb/io/zip.h"

namespace dlb::io {

DType ElementType::natural() const {
  if (kind == 'f' || kind == 'g') return DType::kFloat32;
  if (kind == 'b') return DType::kBool;
  return kind == 'u' && bytes == 1 ? DType::kUInt8 : DType::kInt64;
}

std::string element_name(const ElementType& type) {
  const std::string_view kind = type.kind == 'f'   ? "float"
                                : type.kind == 'g' ? "bfloat"
                                : type.kind == 'i' ? "int"
                                : type.kind == 'u' ? "uint"
                                                   : "bool";
  return type.kind == 'b' ? "bool" : fmt::format("{}{}", kind, 8 * type.bytes);
}

namespace {

/// Inflated arrays above this are not read.
constexpr uint64_t kMaxInflated = 16ULL << 30;
constexpr size_t kHead = 64 << 10;

template <class T>
T load(const char* from, bool swapped) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, from, sizeof(T));
  if (swapped) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Calls f(value) for each element, as a double, int64_t or uint64_t.
template <class F>
void each_element(const ElementType& type, const char* from, int64_t count, const F& f) {
  const auto walk = [&]<class T>(T) {
    for (int64_t i = 0; i < count; ++i)
      f(i, load<T>(from + i * static_cast<int64_t>(sizeof(T)), type.swapped));
  };
  const auto halves = [&](auto convert) {
    for (int64_t i = 0; i < count; ++i) f(i, convert(load<uint16_t>(from + 2 * i, type.swapped)));
  };
  switch (type.kind) {
    case 'g':
      return halves([](uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); });
    case 'f':
      if (type.bytes == 2)
        return halves([](uint16_t bits) { return static_cast<float>(std::bit_cast<Float16>(bits)); });
      return type.bytes == 4 ? walk(float{}) : walk(double{});
    case 'i':
      if (type.bytes <= 2) return type.bytes == 1 ? walk(int8_t{}) : walk(int16_t{});
      return type.bytes == 4 ? walk(int32_t{}) : walk(int64_t{});
    default:
      if (type.bytes <= 2) return type.bytes == 1 ? walk(uint8_t{}) : walk(uint16_t{});
      return type.bytes == 4 ? walk(uint32_t{}) : walk(uint64_t{});
  }
}

/// As static_cast, but with every value defined: what does not fit becomes the nearest limit, NaN becomes 0.
template <class To, class From>
To narrowed(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (!(value == value)) return 0;
    const double v = static_cast<double>(value);
    if (v >= static_cast<double>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (v <= static_cast<double>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  }
  return static_cast<To>(value);
}

class FileBytes final : public ArrayBytes {
 public:
  FileBytes(std::shared_ptr<const files::RandomFile> file, uint64_t offset)
      : file_(std::move(file)), offset_(offset) {}
  void read(void* out, size_t bytes, uint64_t offset) const override {
    file_->read(out, bytes, offset_ + offset);
  }

 private:
  std::shared_ptr<const files::RandomFile> file_;
  uint64_t offset_;
};

class MemoryBytes final : public ArrayBytes {
 public:
  MemoryBytes(std::string data, size_t offset) : data_(std::move(data)), offset_(offset) {}
  void read(void* out, size_t bytes, uint64_t offset) const override {
    DLB_CHECK(offset_ + offset + bytes <= data_.size());
    if (bytes > 0) std::memcpy(out, data_.data() + offset_ + offset, bytes);
  }

 private:
  std::string data_;
  size_t offset_;
};

std::string head_of(const files::RandomFile& file, uint64_t offset, uint64_t size) {
  std::string head(std::min<uint64_t>(size, kHead), '\0');
  file.read(head.data(), head.size(), offset);
  return head;
}

std::vector<Array> open_npz(const std::shared_ptr<const files::RandomFile>& file) {
  std::vector<Array> arrays;
  for (const ZipEntry& entry : read_zip_directory(*file)) {
    const std::string name = fmt::format("{}:{}", file->path(), entry.name);
    Array array;
    array.name = entry.name.ends_with(".npy") ? entry.name.substr(0, entry.name.size() - 4) : entry.name;
    NpyHeader header;
    if (entry.deflated) {
      std::string data = read_zip_entry(*file, entry, kMaxInflated);
      header = parse_npy_header(std::string_view(data).substr(0, kHead), data.size(), name);
      array.bytes = std::make_shared<MemoryBytes>(std::move(data), header.bytes);
    } else {
      header = parse_npy_header(head_of(*file, entry.offset, entry.size), entry.size, name);
      array.bytes = std::make_shared<FileBytes>(file, entry.offset + header.bytes);
    }
    array.type = header.type;
    array.shape = header.shape;
    arrays.push_back(std::move(array));
  }
  if (arrays.empty()) fail(ErrorKind::kData, "'{}' has no arrays", file->path());
  return arrays;
}

ElementType element_of(DType type) {
  switch (type) {
    case DType::kFloat32:
      return {'f', 4, false};
    case DType::kFloat64:
      return {'f', 8, false};
    case DType::kBFloat16:
      return {'g', 2, false};
    case DType::kFloat16:
      return {'f', 2, false};
    case DType::kInt64:
      return {'i', 8, false};
    case DType::kInt32:
      return {'i', 4, false};
    case DType::kUInt8:
      return {'u', 1, false};
    default:
      return {'b', 1, false};
  }
}

}  // namespace

void convert_elements(const ElementType& type, const void* from, DType to, void* out, int64_t count) {
  const char* bytes = static_cast<const char*>(from);
  const auto store = [&](auto* values) {
    using T = std::remove_pointer_t<decltype(values)>;
    each_element(type, bytes, count, [&](int64_t i, auto value) {
      if constexpr (std::is_same_v<decltype(value), uint64_t> && std::is_same_v<T, int64_t>) {
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
          fail(ErrorKind::kData, "the number {} is above the largest int64", value);
      }
      values[i] = narrowed<T>(value);
    });
  };
  if (type.kind == 'b') {
    for (int64_t i = 0; i < count; ++i) {
      if (bytes[i] != 0 && bytes[i] != 1)
        fail(ErrorKind::kData, "a bool must be 0 or 1, found {}",
             static_cast<int>(static_cast<uint8_t>(bytes[i])));
    }
  }
  switch (to) {
    case DType::kFloat32:
      if (type == ElementType{'f', 4, false}) {
        if (count > 0) std::memcpy(out, from, static_cast<size_t>(count) * 4);
        return;
      }
      return store(static_cast<float*>(out));
    case DType::kInt64:
      return store(static_cast<int64_t*>(out));
    case DType::kUInt8:
    case DType::kBool:
      DLB_CHECK(type.bytes == 1);
      if (count > 0) std::memcpy(out, from, static_cast<size_t>(count));
      return;
    default:
      fail(ErrorKind::kInternal, "arrays are not converted to {}", dtype_name(to));
  }
}

size_t Array::row_bytes() const {
  size_t n = static_cast<size_t>(type.bytes);
  for (size_t d = 1; d < shape.size(); ++d) n *= static_cast<size_t>(shape[d]);
  return n;
}

std::vector<Array> open_arrays(const std::string& path) {
  const auto file = std::make_shared<const files::RandomFile>(path);
  const std::string head = head_of(*file, 0, file->size());
  if (head.starts_with("PK")) return open_npz(file);
  if (head.starts_with("\x93NUMPY")) {
    const NpyHeader header = parse_npy_header(head, file->size(), path);
    return {{"", header.type, header.shape, std::make_shared<FileBytes>(file, header.bytes)}};
  }
  if (head.size() > 8 && head[8] == '{') {
    std::vector<Array> arrays;
    for (const TensorPlace& place : index_safetensors(*file)) {
      arrays.push_back({place.name, element_of(place.dtype), place.shape,
                        std::make_shared<FileBytes>(file, place.offset)});
    }
    if (arrays.empty()) fail(ErrorKind::kData, "'{}' has no tensors", path);
    return arrays;
  }
  fail(ErrorKind::kData, "'{}' is none of npy, npz and safetensors", path);
}

}  // namespace dlb::io
