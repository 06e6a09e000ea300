#include "dlb/io/onnx_tensor.h"

#include <onnx.pb.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <limits>

#include "dlb/base/error.h"
#include "dlb/base/random_file.h"
#include "dlb/io/safetensors.h"

namespace dlb::io {

using graph::Element;
using graph::Value;

namespace {

constexpr int kMostDimensions = 64;

Shape shape_of(const onnx::TensorProto& proto, const std::string& where) {
  if (proto.dims_size() > kMostDimensions)
    fail(ErrorKind::kData, "{}: the tensor has {} dimensions, more than {}", where, proto.dims_size(),
         kMostDimensions);
  Shape shape;
  for (const int64_t size : proto.dims()) {
    if (size < 0) fail(ErrorKind::kData, "{}: the tensor has a size of {}", where, size);
    shape.push_back(size);
  }
  int64_t count = 1;
  for (const int64_t size : shape) {
    // A size of 0 does not make up for others that overflow.
    if (__builtin_mul_overflow(count, size == 0 ? 1 : size, &count))
      fail(ErrorKind::kData, "{}: the tensor's sizes {} overflow", where, shape_text(shape));
  }
  return shape;
}

/// Bytes that `count` elements take in a file.
uint64_t packed_bytes(int64_t count, Element e) {
  const uint64_t n = static_cast<uint64_t>(count), width = static_cast<uint64_t>(graph::bits(e));
  if (n > std::numeric_limits<uint64_t>::max() / 256) return std::numeric_limits<uint64_t>::max();
  return (n * width + 7) / 8;
}

template <class From, class To>
void widen(const char* raw, int64_t count, Tensor& out) {
  To* to = out.data<To>();
  for (int64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, raw + static_cast<size_t>(i) * sizeof(From), sizeof(From));
    to[i] = static_cast<To>(value);
  }
}

/// Code i of elements narrower than a byte, the first in the low bits.
uint8_t narrow_code(const char* raw, int64_t i, int width) {
  const int64_t bit = i * width;
  return static_cast<uint8_t>((static_cast<uint8_t>(raw[bit / 8]) >> (bit % 8)) & ((1 << width) - 1));
}

/// Elements of one of the typed lists of a TensorProto, each already a number.
template <class List>
Tensor from_list(const List& list, const Shape& shape, Element e, const std::string& where) {
  const bool complex = e == Element::kComplex64 || e == Element::kComplex128;
  const int width = graph::bits(e);
  const int per_item = width < 8 ? 8 / width : 1;
  const int64_t count = numel(shape);
  const int64_t items = (count + per_item - 1) / per_item;
  if (list.size() != items)
    fail(ErrorKind::kData, "{}: the tensor has {} values, its shape {} needs {}", where, list.size(),
         shape_text(shape), items);
  // The lists hold whole numbers of 32 or 64 bits, or bits of 16-bit floats: packed, they are as in raw data.
  std::string packed;
  packed.reserve(static_cast<size_t>(packed_bytes(count, e)));
  const auto append = [&](const auto value) {
    packed.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  for (const auto item : list) {
    if (complex || e == Element::kFloat32 || e == Element::kFloat64) {
      append(item);
    } else if (width <= 8) {
      append(static_cast<uint8_t>(item));
    } else if (width == 16) {
      append(static_cast<uint16_t>(item));
    } else if (width == 32) {
      append(static_cast<uint32_t>(item));
    } else {
      append(static_cast<uint64_t>(item));
    }
  }
  return unpack_elements(packed.data(), shape, e);
}

uint64_t number_of(const std::string& text, const std::string& where, const char* key) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(ErrorKind::kData, "{}: {} of external data is '{}', expected a whole number", where, key, text);
  return value;
}

/// The path of external data, which must be a plain file below the model's folder.
std::string external_path(const std::string& location, const std::string& folder, const std::string& where) {
  namespace fs = std::filesystem;
  if (folder.empty()) fail(ErrorKind::kData, "{}: external data is not allowed here", where);
  const fs::path relative(location);
  bool below = !location.empty() && location.find('\0') == std::string::npos && relative.is_relative();
  for (const fs::path& part : relative) below = below && part != "..";
  if (!below)
    fail(ErrorKind::kData, "{}: external data '{}' is not a path below the model's folder", where,
         location.c_str());
  fs::path path(folder);
  for (const fs::path& part : relative) {
    path /= part;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(path, error)))
      fail(ErrorKind::kData, "{}: external data '{}' is reached through a link", where, location);
  }
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    fail(ErrorKind::kIo, "{}: external data '{}' is no file", where, path.string());
  return path.string();
}

std::string external_bytes(const onnx::TensorProto& proto, uint64_t bytes, const std::string& folder,
                           const std::string& where) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = number_of(entry.value(), where, "offset");
    if (entry.key() == "length") length = number_of(entry.value(), where, "length");
  }
  const files::RandomFile file(external_path(location, folder, where));
  if (length != bytes)
    fail(ErrorKind::kData, "{}: external data has {} bytes, its shape needs {}", where, length, bytes);
  if (offset > file.size() || bytes > file.size() - offset) {
    fail(ErrorKind::kData, "{}: external data '{}' has {} bytes, {} from byte {} are needed", where, location,
         file.size(), bytes, offset);
  }
  std::string data(bytes, '\0');
  file.read(data.data(), bytes, offset);
  return data;
}

/// In memory complex numbers have one more dimension.
Shape carried_shape(Shape shape, Element e) {
  if (e == Element::kComplex64 || e == Element::kComplex128) shape.push_back(2);
  return shape;
}

Tensor numbers_of(const onnx::TensorProto& proto, const Shape& shape, Element e, const std::string& where) {
  switch (e) {
    case Element::kFloat32:
    case Element::kComplex64:
      return from_list(proto.float_data(), carried_shape(shape, e),
                       e == Element::kComplex64 ? Element::kFloat32 : e, where);
    case Element::kFloat64:
    case Element::kComplex128:
      return from_list(proto.double_data(), carried_shape(shape, e),
                       e == Element::kComplex128 ? Element::kFloat64 : e, where);
    case Element::kInt64:
      return from_list(proto.int64_data(), shape, e, where);
    case Element::kUInt32:
    case Element::kUInt64:
      return from_list(proto.uint64_data(), shape, e, where);
    default:
      return from_list(proto.int32_data(), shape, e, where);
  }
}

}  // namespace

Tensor unpack_elements(const char* raw, const Shape& shape, Element e) {
  Tensor out = Tensor::empty(shape, graph::carrier(e));
  const int64_t count = out.numel();
  switch (e) {
    case Element::kInt8:
      widen<int8_t, int32_t>(raw, count, out);
      break;
    case Element::kInt16:
      widen<int16_t, int32_t>(raw, count, out);
      break;
    case Element::kUInt16:
      widen<uint16_t, int32_t>(raw, count, out);
      break;
    case Element::kUInt32:
      widen<uint32_t, int64_t>(raw, count, out);
      break;
    case Element::kBool:
      for (int64_t i = 0; i < count; ++i) out.data<bool>()[i] = raw[i] != 0;
      break;
    case Element::kUInt4:
    case Element::kInt4:
    case Element::kUInt2:
    case Element::kInt2: {
      const int width = graph::bits(e);
      for (int64_t i = 0; i < count; ++i) {
        const int32_t code = narrow_code(raw, i, width);
        const bool negative = graph::is_signed_integer(e) && code >= (1 << (width - 1));
        out.data<int32_t>()[i] = negative ? code - (1 << width) : code;
      }
      break;
    }
    case Element::kFloat4E2M1:
      for (int64_t i = 0; i < count; ++i)
        out.data<float>()[i] = graph::decode_small_float(narrow_code(raw, i, 4), e);
      break;
    default:
      if (graph::is_float8(e)) {
        for (int64_t i = 0; i < count; ++i)
          out.data<float>()[i] = graph::decode_small_float(static_cast<uint8_t>(raw[i]), e);
      } else if (count > 0) {
        std::memcpy(out.raw(), raw, out.spec().bytes());
      }
  }
  return out;
}

Value onnx_value(const onnx::TensorProto& proto, const std::string& folder, const std::string& where) {
  if (proto.data_type() <= 0 || proto.data_type() >= graph::kElementCount)
    fail(ErrorKind::kUnsupported, "{}: there is no element type with number {}", where, proto.data_type());
  const Element e = static_cast<Element>(proto.data_type());
  const Shape shape = shape_of(proto, where);
  const bool external = proto.data_location() == onnx::TensorProto::EXTERNAL;
  if (proto.has_segment()) fail(ErrorKind::kUnsupported, "{}: tensors in segments are not supported", where);
  if (e == Element::kString) {
    if (external || proto.has_raw_data() || proto.string_data_size() != numel(shape)) {
      fail(ErrorKind::kData, "{}: the tensor has {} texts, its shape is {}", where, proto.string_data_size(),
           shape_text(shape));
    }
    return Value(graph::Texts{shape, {proto.string_data().begin(), proto.string_data().end()}});
  }
  const uint64_t bytes = packed_bytes(numel(shape), e);
  if (external) {
    const std::string data = external_bytes(proto, bytes, folder, where);
    return Value(unpack_elements(data.data(), carried_shape(shape, e), e), e);
  }
  if (proto.has_raw_data()) {
    if (proto.raw_data().size() != bytes) {
      fail(ErrorKind::kData, "{}: the tensor has {} bytes, its shape {} of {} needs {}", where,
           proto.raw_data().size(), shape_text(shape), graph::element_name(e), bytes);
    }
    return Value(unpack_elements(proto.raw_data().data(), carried_shape(shape, e), e), e);
  }
  return Value(numbers_of(proto, shape, e, where), e);
}

std::string onnx_tensor_type(const onnx::TensorProto& proto, const std::string& where) {
  const Element e = graph::element_from_number(proto.data_type());
  return fmt::format("{}{}", graph::element_name(e), shape_text(shape_of(proto, where)));
}

void fill_onnx_tensor(const Value& value, onnx::TensorProto& proto) {
  proto.set_data_type(static_cast<int32_t>(value.element));
  for (const int64_t size : value.shape()) proto.add_dims(size);
  if (value.is_texts()) {
    for (const std::string& text : value.texts->items) proto.add_string_data(text);
    return;
  }
  const Element e = value.element;
  if (graph::is_native(e)) {
    append_row_major(*proto.mutable_raw_data(), value.tensor);
    return;
  }
  if (e == Element::kComplex64 || e == Element::kComplex128) {
    proto.mutable_dims()->RemoveLast();
    append_row_major(*proto.mutable_raw_data(), value.tensor);
    return;
  }
  std::string& raw = *proto.mutable_raw_data();
  const int width = graph::bits(e);
  std::vector<uint64_t> codes;
  if (graph::is_float8(e)) {
    for (const float x : value.tensor.to_vector<float>()) codes.push_back(graph::encode_small_float(x, e));
  } else {
    for (const int64_t x : value.tensor.to_vector<int64_t>()) codes.push_back(static_cast<uint64_t>(x));
  }
  if (width < 8) {
    raw.assign(static_cast<size_t>(packed_bytes(static_cast<int64_t>(codes.size()), e)), '\0');
    for (size_t i = 0; i < codes.size(); ++i) {
      const size_t bit = i * static_cast<size_t>(width);
      const uint64_t code = codes[i] & ((uint64_t{1} << width) - 1);
      raw[bit / 8] =
          static_cast<char>(static_cast<uint8_t>(raw[bit / 8]) | static_cast<uint8_t>(code << (bit % 8)));
    }
    return;
  }
  for (const uint64_t code : codes)
    raw.append(reinterpret_cast<const char*>(&code), static_cast<size_t>(width) / 8);
}

}  // namespace dlb::io
