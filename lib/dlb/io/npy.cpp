#include <algorithm>
#include <charconv>

#include "dlb/base/error.h"
#include "dlb/io/arrays.h"

namespace dlb::io {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

/// Reads the Python dictionary of a header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        blanks();
        if (text_.starts_with('[')) unsupported("structured values");
        header.type = element(quoted());
      } else if (key == "fortran_order" && !order) {
        order = true;
        if (word() == "True") fortran_ = true;
      } else if (key == "shape" && !shape) {
        shape = true;
        header.shape = sizes();
      } else {
        broken(fmt::format("unexpected key '{}'", key));
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (!descr || !order || !shape) broken("a key of descr, fortran_order, shape is missing");
    if (fortran_ && header.shape.size() > 1) {
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("'{}' is stored column by column (Fortran order)", file_), {},
                  "save numpy.ascontiguousarray(array)");
    }
    return header;
  }

 private:
  [[noreturn]] void broken(const std::string& what) const {
    fail(ErrorKind::kData, "'{}' has a damaged npy header: {}", file_, what);
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    fail(ErrorKind::kUnsupported, "'{}' holds {}; arrays of bool, integers and floats are read", file_, what);
  }
  void blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
  }
  bool take(char c) {
    blanks();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) broken(fmt::format("'{}' expected", c));
  }
  std::string quoted() {
    blanks();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) broken("a quoted text expected");
    const char quote = text_.front();
    const size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) broken("a quote is not closed");
    std::string out(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return out;
  }
  std::string_view word() {
    blanks();
    for (const std::string_view w : {std::string_view("True"), std::string_view("False")}) {
      if (!text_.starts_with(w)) continue;
      text_.remove_prefix(w.size());
      return w;
    }
    broken("True or False expected");
  }
  Shape sizes() {
    Shape shape;
    expect('(');
    while (!take(')')) {
      blanks();
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc{} || value < 0) broken("a size must be a whole number of at least 0");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      if (shape.size() == 64) broken("more than 64 dimensions");
      shape.push_back(value);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }
  ElementType element(const std::string& descr) const {
    if (descr == "|O" || descr == "O") unsupported("objects of Python");
    if (descr.size() < 3) broken(fmt::format("unknown type '{}'", descr));
    ElementType type{descr[1], 0, descr[0] == '>'};
    const auto [end, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), type.bytes);
    if (std::string_view("<>|=").find(descr[0]) == std::string_view::npos || error != std::errc{} ||
        end != descr.data() + descr.size())
      broken(fmt::format("unknown type '{}'", descr));
    const bool integer = (type.kind == 'i' || type.kind == 'u') &&
                         (type.bytes == 1 || type.bytes == 2 || type.bytes == 4 || type.bytes == 8);
    const bool floating = type.kind == 'f' && (type.bytes == 2 || type.bytes == 4 || type.bytes == 8);
    const bool truth = type.kind == 'b' && type.bytes == 1;
    if (!integer && !floating && !truth) unsupported(fmt::format("values of type '{}'", descr));
    return type;
  }

  std::string_view text_;
  const std::string& file_;
  bool fortran_ = false;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view head, uint64_t size, const std::string& file) {
  if (!head.starts_with(kMagic) || head.size() < 12)
    fail(ErrorKind::kData, "'{}' is no npy file{}", file, size < 12 ? " (cut off?)" : "");
  const int major = head[6];
  if (major < 1 || major > 3)
    fail(ErrorKind::kUnsupported, "'{}' has npy version {}; 1 to 3 are read", file, major);
  const size_t width = major == 1 ? 2 : 4;
  size_t length = 0;
  for (size_t i = 0; i < width; ++i) length |= size_t{static_cast<uint8_t>(head[8 + i])} << (8 * i);
  const size_t begin = 8 + width;
  if (length > head.size() - begin) {
    fail(ErrorKind::kData, "'{}': its header of {} bytes does not fit{}", file, length,
         size <= head.size() ? " (cut off?)" : "");
  }
  NpyHeader header = HeaderText(head.substr(begin, length), file).parse();
  header.bytes = begin + length;
  // Bounded as if no size were zero, because rows are products of the other sizes.
  uint64_t bytes = static_cast<uint64_t>(header.type.bytes);
  bool empty = false;
  for (const int64_t n : header.shape) {
    empty = empty || n == 0;
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(std::max<int64_t>(n, 1)), &bytes) ||
        bytes > (1ULL << 62))
      fail(ErrorKind::kData, "'{}': its shape {} is too large", file, shape_text(header.shape));
  }
  if (empty) bytes = 0;
  if (bytes != size - header.bytes) {
    fail(ErrorKind::kData, "'{}': {} {} needs {} bytes of data, the file has {}{}", file,
         element_name(header.type), shape_text(header.shape), bytes, size - header.bytes,
         bytes > size - header.bytes ? " (cut off?)" : "");
  }
  return header;
}

}  // namespace dlb::io
