#include "dlb/data/text_files.h"

#include <algorithm>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/data/unicode.h"

namespace dlb::data {

namespace {

constexpr size_t kChunk = 1 << 20;
/// Text without white space is handed out in pieces of this size all the same.
constexpr size_t kMaxPiece = 16 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Reads a file in chunks and appends them to a buffer as UTF-8.
class Chunks {
 public:
  Chunks(const std::string& path, const std::string& encoding)
      : path_(path), encoding_(encoding), stream_(ByteStream::open(path)) {}

  /// Appends more text; false at the end of the file.
  bool more(std::string& text) {
    raw_.resize(kChunk);
    raw_.resize(stream_.read(raw_.data(), raw_.size()));
    if (raw_.empty()) {
      if (!held_.empty()) not_utf8(held_);
      return false;
    }
    if (encoding_ == "latin-1") {
      text += latin1_to_utf8(raw_);
      return true;
    }
    held_ += raw_;
    std::string_view fresh = held_;
    if (first_ && fresh.starts_with(kByteOrderMark)) fresh.remove_prefix(kByteOrderMark.size());
    first_ = false;
    if (encoding_ == "utf-8") {
      const std::string_view valid = fresh.substr(0, std::min(find_invalid_utf8(fresh), fresh.size()));
      const std::string_view rest = fresh.substr(valid.size());
      // A sequence of up to 4 bytes may go on in the next chunk.
      if (rest.size() > 3) {
        lines_ += std::count(valid.begin(), valid.end(), '\n');
        not_utf8(rest);
      }
      fresh = valid;
      lines_ += std::count(valid.begin(), valid.end(), '\n');
      text += valid;
      held_ = std::string(rest);
      return true;
    }
    text += fresh;
    held_.clear();
    return true;
  }

 private:
  [[noreturn]] void not_utf8(std::string_view rest) const {
    Error error(ErrorKind::kData, fmt::format("'{}' line {} is no UTF-8: byte 0x{:02x}", path_, lines_ + 1,
                                              static_cast<unsigned>(static_cast<uint8_t>(rest.front()))));
    error.hint = "say `encoding: latin-1` if that is what it is";
    throw error;
  }

  std::string path_;
  std::string encoding_;
  ByteStream stream_;
  std::string raw_;
  std::string held_;  ///< read, but not yet handed on
  int64_t lines_ = 0;
  bool first_ = true;
};

/// Where a piece of `text` may end: before the last white space that follows another character; 0 when there
/// is none.
size_t last_cut(std::string_view text) {
  for (size_t at = text.size(); at-- > 1;) {
    if (is_space(text[at]) && !is_space(text[at - 1])) return at;
  }
  return 0;
}

}  // namespace

void TextFiles::pieces(const std::string& path, const std::function<void(std::string_view)>& take) const {
  Chunks chunks(path, encoding);
  std::string text;
  while (chunks.more(text)) {
    size_t end = last_cut(text);
    if (end == 0 && text.size() >= kMaxPiece) end = text.size();
    if (end == 0) continue;
    take(std::string_view(text).substr(0, end));
    text.erase(0, end);
  }
  if (!text.empty()) take(text);
}

void TextFiles::lines(const std::string& path,
                      const std::function<void(std::string_view, int64_t)>& take) const {
  Chunks chunks(path, encoding);
  std::string text;
  int64_t number = 0;
  const auto hand_out = [&](std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    take(line, ++number);
  };
  while (chunks.more(text)) {
    size_t begin = 0;
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
      hand_out(std::string_view(text).substr(begin, end - begin));
      begin = end + 1;
    }
    text.erase(0, begin);
    if (text.size() > kMaxLine) {
      fail(ErrorKind::kData, "'{}' line {} is longer than {} bytes", path, number + 1, kMaxLine);
    }
  }
  if (!text.empty()) hand_out(text);
}

FileDigest digest_of(const std::string& path) {
  ByteStream stream = ByteStream::open(path);
  files::Sha256 sha;
  FileDigest digest;
  std::vector<char> buffer(kChunk);
  while (const size_t bytes = stream.read(buffer.data(), buffer.size())) {
    sha.update(buffer.data(), bytes);
    digest.bytes += bytes;
  }
  digest.sha256 = sha.hex();
  return digest;
}

}  // namespace dlb::data
