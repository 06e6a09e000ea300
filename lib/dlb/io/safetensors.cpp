#include "dlb/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "dlb/base/files.h"
#include "dlb/io/safetensors_header.h"

namespace dlb::io {
namespace {

constexpr size_t kLengthBytes = 8;
/// The limit of the reference implementation.
constexpr uint64_t kMaxHeader = 100'000'000;

uint64_t read_length(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

/// One header entry with everything checked that can be checked without its neighbours.
struct Placed {
  const HeaderEntry* entry;
  DType dtype;
  Shape shape;
  uint64_t begin;
  uint64_t end;
};

Placed place(const HeaderEntry& entry, const std::string& file) {
  Placed placed{&entry, DType::kFloat32, {}, entry.offsets[0], entry.offsets[1]};
  bool known = false;
  for (int i = 0; i < kDTypeCount && !known; ++i) {
    placed.dtype = static_cast<DType>(i);
    known = safetensors_dtype(placed.dtype) == entry.dtype;
  }
  if (!known) {
    fail(ErrorKind::kData,
         "{}: tensor '{}' has dtype '{}'; supported are F32, F64, BF16, F16, I64, I32, U8, BOOL", file,
         entry.name, entry.dtype);
  }
  // Bounded as if no size were zero, because strides are products of the other sizes.
  int64_t bound = static_cast<int64_t>(dtype_size(placed.dtype));
  bool empty = false;
  for (const uint64_t size : entry.shape) {
    empty = empty || size == 0;
    if (__builtin_mul_overflow(bound, std::max<uint64_t>(size, 1), &bound)) {
      fail(ErrorKind::kData, "{}: tensor '{}': its shape is too large", file, entry.name);
    }
    placed.shape.push_back(static_cast<int64_t>(size));
  }
  const uint64_t bytes = empty ? 0 : static_cast<uint64_t>(bound);
  if (placed.begin > placed.end || placed.end - placed.begin != bytes) {
    fail(ErrorKind::kData, "{}: tensor '{}': {} {} needs {} bytes, but data_offsets are [{}, {}]", file,
         entry.name, entry.dtype, shape_text(placed.shape), bytes, placed.begin, placed.end);
  }
  return placed;
}

/// Raises unless the tensors, in order of offset, fill the data exactly: the format allows neither gaps nor
/// overlap.
void check_layout(const std::vector<Placed>& tensors, uint64_t data_bytes, const std::string& file) {
  uint64_t at = 0;
  for (const Placed& t : tensors) {
    if (t.begin != at) {
      fail(ErrorKind::kData,
           "{}: tensor '{}' starts at byte {} of the data, {} the tensor before it, which ends at {}", file,
           t.entry->name, t.begin, t.begin < at ? "inside" : "with a gap after", at);
    }
    at = t.end;
  }
  if (at != data_bytes) {
    fail(ErrorKind::kData, "{}: the header describes {} bytes of data, the file has {}{}", file, at,
         data_bytes, at > data_bytes ? " (truncated?)" : "");
  }
}

Tensor load(const Placed& placed, std::string_view data, const std::string& file) {
  const std::string_view source = data.substr(placed.begin, placed.end - placed.begin);
  if (placed.dtype == DType::kBool) {
    // Any other value in a bool is undefined behaviour for whoever reads it.
    const auto bad = std::find_if(source.begin(), source.end(), [](char c) { return c != 0 && c != 1; });
    if (bad != source.end()) {
      fail(ErrorKind::kData, "{}: tensor '{}': a BOOL must be 0 or 1, found {}", file, placed.entry->name,
           static_cast<int>(static_cast<uint8_t>(*bad)));
    }
  }
  Tensor tensor = Tensor::empty(placed.shape, placed.dtype);
  if (!source.empty()) std::memcpy(tensor.raw(), source.data(), source.size());
  return tensor;
}

/// Copies elements from dimension `dim` on, in row-major order.
void append_strided(std::string& out, const char* from, const TensorSpec& spec, size_t dim, int64_t element) {
  if (dim == spec.shape.size()) {
    out.append(from, static_cast<size_t>(element));
    return;
  }
  for (int64_t i = 0; i < spec.shape[dim]; ++i) {
    append_strided(out, from + i * spec.strides[dim] * element, spec, dim + 1, element);
  }
}

}  // namespace

const Tensor* Safetensors::find(const std::string& name) const {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == name) return &tensor.value;
  }
  return nullptr;
}

namespace {

/// The length of the header of a file of `size` bytes that begins with `head`.
uint64_t header_length(std::string_view head, uint64_t size, const std::string& name) {
  if (size < kLengthBytes) {
    fail(ErrorKind::kData, "{}: {} bytes are too few for a safetensors file (truncated?)", name, size);
  }
  const uint64_t header_bytes = read_length(head);
  if (header_bytes > size - kLengthBytes || header_bytes > kMaxHeader) {
    fail(ErrorKind::kData,
         "{}: the safetensors header claims {} bytes, but {} (truncated, or no safetensors file?)", name,
         header_bytes,
         header_bytes > kMaxHeader ? "at most 100000000 are allowed"
                                   : fmt::format("only {} follow", size - kLengthBytes));
  }
  return header_bytes;
}

/// The tensors of a header, in order of offset; they fill `data_bytes` exactly.
std::vector<Placed> place_all(const Header& header, uint64_t data_bytes, const std::string& name) {
  std::vector<Placed> placed;
  placed.reserve(header.entries.size());
  for (const HeaderEntry& entry : header.entries) placed.push_back(place(entry, name));
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_layout(placed, data_bytes, name);
  return placed;
}

Header header_of(std::string_view text, const std::string& name) {
  if (text.empty() || text.front() != '{') {
    fail(ErrorKind::kData, "{}: a safetensors header must start with '{{' (no safetensors file?)", name);
  }
  return parse_header(text, name);
}

}  // namespace

bool is_safetensors(std::string_view bytes) {
  return bytes.size() > kLengthBytes && bytes[kLengthBytes] == '{' && read_length(bytes) <= kMaxHeader;
}

std::map<std::string, std::string> safetensors_metadata(std::string_view bytes, const std::string& name) {
  const uint64_t length = header_length(bytes, bytes.size(), name);
  return header_of(bytes.substr(kLengthBytes, length), name).metadata;
}

std::vector<TensorPlace> index_safetensors(const files::RandomFile& file) {
  std::string head(kLengthBytes, '\0');
  if (file.size() >= kLengthBytes) file.read(head.data(), kLengthBytes, 0);
  const uint64_t length = header_length(head, file.size(), file.path());
  std::string text(length, '\0');
  file.read(text.data(), length, kLengthBytes);
  const Header header = header_of(text, file.path());
  const uint64_t begin = kLengthBytes + length;
  std::vector<TensorPlace> places;
  for (const Placed& p : place_all(header, file.size() - begin, file.path()))
    places.push_back({p.entry->name, p.dtype, p.shape, begin + p.begin});
  return places;
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& name) {
  const uint64_t header_bytes = header_length(bytes, bytes.size(), name);
  Header header = header_of(bytes.substr(kLengthBytes, header_bytes), name);
  const std::string_view data = bytes.substr(kLengthBytes + header_bytes);
  const std::vector<Placed> placed = place_all(header, data.size(), name);

  Safetensors file;
  file.metadata = std::move(header.metadata);
  file.tensors.reserve(placed.size());
  for (const Placed& p : placed) file.tensors.push_back({p.entry->name, load(p, data, name)});
  return file;
}

Safetensors read_safetensors(const std::string& path) {
  return parse_safetensors(files::read_all(path), path);
}

std::string safetensors_header(const std::vector<NamedTensor>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!metadata.empty()) root["__metadata__"] = metadata;
  std::set<std::string_view> names;
  size_t at = 0;
  for (const NamedTensor& t : tensors) {
    if (t.name == "__metadata__" || !names.insert(t.name).second) {
      fail(ErrorKind::kData, "cannot write a safetensors file with {} tensor named '{}'",
           t.name == "__metadata__" ? "a" : "more than one", t.name);
    }
    const size_t end = at + t.value.spec().bytes();
    root.push_back({t.name,
                    {{"dtype", safetensors_dtype(t.value.dtype())},
                     {"shape", std::vector<int64_t>(t.value.shape().begin(), t.value.shape().end())},
                     {"data_offsets", {at, end}}}});
    at = end;
  }
  std::string text;
  try {
    text = root.dump();
  } catch (const nlohmann::json::type_error&) {
    fail(ErrorKind::kData, "cannot write a safetensors file: a name or metadata text is not valid UTF-8");
  }
  // Spaces to a multiple of 8, so that the data is aligned for those who map the file.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeader)
    fail(ErrorKind::kData, "cannot write a safetensors header of {} bytes", text.size());
  std::string out;
  for (size_t i = 0; i < kLengthBytes; ++i) out.push_back(static_cast<char>(text.size() >> (8 * i)));
  return out + text;
}

void append_row_major(std::string& out, const Tensor& value) {
  const size_t bytes = value.spec().bytes();
  if (bytes == 0) return;
  const size_t element = dtype_size(value.dtype());
  const char* from = static_cast<const char*>(value.raw());
  if (value.is_contiguous()) {
    out.append(from, bytes);
  } else {
    out.reserve(out.size() + bytes);
    append_strided(out, from, value.spec(), 0, static_cast<int64_t>(element));
  }
}

std::string to_safetensors(const std::vector<NamedTensor>& tensors,
                           const std::map<std::string, std::string>& metadata) {
  std::string out = safetensors_header(tensors, metadata);
  size_t bytes = out.size();
  for (const NamedTensor& t : tensors) bytes += t.value.spec().bytes();
  out.reserve(bytes);
  for (const NamedTensor& t : tensors) append_row_major(out, t.value);
  return out;
}

}  // namespace dlb::io
