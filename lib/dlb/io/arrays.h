#pragma once
/// \file Arrays in files, read row by row: NumPy's npy and npz, and safetensors.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/tensor/dtype.h"
#include "dlb/tensor/shape.h"

namespace dlb::io {

/// How a file stores an element.
struct ElementType {
  char kind = 'f';  ///< f float, g bfloat16, i signed, u unsigned, b bool
  int bytes = 4;
  bool swapped = false;  ///< big-endian

  /// The type that values are converted to: float32 of all floats, uint8 and bool as they are, int64 of all
  /// other integers.
  DType natural() const;
  friend bool operator==(const ElementType&, const ElementType&) = default;
};

/// "float64", "uint16", ...
std::string element_name(const ElementType& type);

/// Converts `count` elements; `to` is float32, int64, uint8 or bool. Values that are no whole numbers are
/// truncated. Errors: data (a bool that is neither 0 nor 1, an unsigned number above int64's).
void convert_elements(const ElementType& type, const void* from, DType to, void* out, int64_t count);

/// Bytes of one array, in memory or in a file.
class ArrayBytes {
 public:
  virtual ~ArrayBytes() = default;
  /// Reads `bytes` from `offset` within the array. Thread-safe. Errors: io, data.
  virtual void read(void* out, size_t bytes, uint64_t offset) const = 0;
};

/// An array of a file: row-major; its bytes are within the file.
struct Array {
  std::string name;
  ElementType type;
  Shape shape;
  std::shared_ptr<const ArrayBytes> bytes;

  /// Bytes of one element of the first dimension.
  size_t row_bytes() const;
};

/// Header of an npy file or entry.
struct NpyHeader {
  ElementType type;
  Shape shape;
  size_t bytes = 0;  ///< of the header itself
};
/// Parses the header at the start of `head`, the first bytes of `size` in all; they must be all of it up to
/// 64 KiB. The data must fill the rest exactly. Errors: data (no npy, cut off, sizes that cannot be),
/// unsupported (Fortran order, objects, text, complex numbers). **Source**: NumPy, NEP 1 and
/// `numpy.lib.format`.
NpyHeader parse_npy_header(std::string_view head, uint64_t size, const std::string& file);

/// The one array of an npy file ("" is its name), those of an npz, or the tensors of a safetensors file, told
/// by content. Stored arrays stay in the file until they are read; deflated ones are inflated. Errors: io,
/// data, unsupported.
std::vector<Array> open_arrays(const std::string& path);

}  // namespace dlb::io
