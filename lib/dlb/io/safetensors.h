#pragma once
/// \file Reading and writing of safetensors files. **Source**: the format's specification,
/// huggingface/safetensors README.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/random_file.h"
#include "dlb/tensor/tensor.h"

namespace dlb::io {

struct NamedTensor {
  std::string name;
  Tensor value;
};

/// Text metadata and tensors, in file order (by offset).
struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::vector<NamedTensor> tensors;
  const Tensor* find(const std::string& name) const;
};

/// Reads a file. Hostile input safe: header size bounded and within the file, offsets ordered, gapless and
/// without overlap, sizes checked before multiplying, duplicate names refused; nothing is allocated beyond
/// the file's size. Errors: io, data, naming path and tensor.
Safetensors read_safetensors(const std::string& path);
Safetensors parse_safetensors(std::string_view bytes, const std::string& name);

/// Whether a file begins as safetensors files do: with the length that a header may have, and its '{'.
bool is_safetensors(std::string_view bytes);
/// The text metadata alone; the tensors are not looked at. Errors: data.
std::map<std::string, std::string> safetensors_metadata(std::string_view bytes, const std::string& name);

/// Where a tensor of a file stands.
struct TensorPlace {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
  uint64_t offset = 0;  ///< of its first byte in the file
};
/// The tensors of a file, in file order, from its header alone; checked as read_safetensors() does. Errors:
/// io, data.
std::vector<TensorPlace> index_safetensors(const files::RandomFile& file);

/// The header (with its length) for tensors that follow row-major in the given order; metadata under
/// "__metadata__".
std::string safetensors_header(const std::vector<NamedTensor>& tensors,
                               const std::map<std::string, std::string>& metadata);
/// Appends the tensor's elements row-major, whatever its strides, as they stand in memory (little-endian).
void append_row_major(std::string& out, const Tensor& value);
/// The whole file as bytes.
std::string to_safetensors(const std::vector<NamedTensor>& tensors,
                           const std::map<std::string, std::string>& metadata = {});

}  // namespace dlb::io
