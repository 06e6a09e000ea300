#pragma once
/// \file Bytes of a file, inflated on the way when the file is compressed.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace dlb::data {

/// The bytes of a file or of memory, in order. What begins with gzip's magic number is inflated, whatever its
/// name.
class ByteStream {
 public:
  /// Errors: io.
  static ByteStream open(const std::string& path);
  /// Bytes that outlive the stream; `name` stands for the path in messages.
  static ByteStream memory(std::string name, std::string_view bytes);
  ~ByteStream();
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;

  const std::string& name() const;
  bool compressed() const;
  uint64_t stored_size() const;  ///< bytes of the file itself, compressed or not
  /// Reads `bytes`, or fewer at the end alone. Errors: io; data when a compressed file is corrupt or cut off.
  size_t read(void* out, size_t bytes);

 private:
  struct Impl;
  explicit ByteStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dlb::data
