#include "dlb/data/csv_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "dlb/base/error.h"

namespace dlb::data {

namespace {

constexpr size_t kChunk = 256 << 10;
constexpr size_t kMaxRecord = 64 << 20;
constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kWhitespace = "whitespace";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

void split_blanks(std::string_view record, std::vector<std::string_view>& fields) {
  for (size_t at = record.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const size_t end = std::min(record.find_first_of(kBlanks, at), record.size());
    fields.push_back(record.substr(at, end - at));
    at = record.find_first_not_of(kBlanks, end);
  }
}

}  // namespace

std::string csv_delimiter(const std::string& text) {
  if (text == "tab") return "\t";
  if (text == "space") return " ";
  if (text == kWhitespace) return text;
  if (text.empty() || text.size() > 8 || text.find_first_of("\"\r\n") != std::string::npos) {
    fail(
        ErrorKind::kConfig,
        "delimiter must be 1 to 8 characters without quotes and line ends, or one of tab, space, whitespace");
  }
  return text;
}

void check_delimiter(const SourceOptions& options, const std::string& text) {
  try {
    csv_delimiter(text);
  } catch (const Error& e) {
    throw field_error(options, "delimiter", e.message);
  }
}

void split_record(const CsvFormat& format, std::string_view record, std::string& scratch,
                  std::vector<std::string_view>& fields) {
  fields.clear();
  if (format.delimiter == kWhitespace) {
    split_blanks(record, fields);
    return;
  }
  scratch.clear();
  // The fields' text never outgrows the record, so what is in scratch stays where it is.
  scratch.reserve(record.size());
  for (size_t at = 0;;) {
    const size_t begin = format.trim ? std::min(record.find_first_not_of(kBlanks, at), record.size()) : at;
    if (format.quotes && begin < record.size() && record[begin] == '"') {
      const size_t from = scratch.size();
      size_t i = begin + 1;
      while (true) {
        const size_t quote = record.find('"', i);
        if (quote == std::string_view::npos) fail(ErrorKind::kData, "a quote is not closed");
        scratch.append(record.substr(i, quote - i));
        i = quote + 1;
        if (i >= record.size() || record[i] != '"') break;
        scratch += '"';
        ++i;
      }
      fields.emplace_back(scratch.data() + from, scratch.size() - from);
      if (format.trim) i = std::min(record.find_first_not_of(kBlanks, i), record.size());
      if (i == record.size()) return;
      if (!record.substr(i).starts_with(format.delimiter)) {
        fail(ErrorKind::kData, "field {}: text after the closing quote", fields.size());
      }
      at = i + format.delimiter.size();
      continue;
    }
    const size_t end = record.find(format.delimiter, at);
    const bool last = end == std::string_view::npos;
    const std::string_view field = record.substr(at, last ? std::string_view::npos : end - at);
    fields.push_back(format.trim ? trimmed(field) : field);
    if (last) return;
    at = end + format.delimiter.size();
  }
}

CsvReader::CsvReader(ByteStream stream, CsvFormat format)
    : stream_(std::move(stream)), format_(std::move(format)) {
  fill();
  if (std::string_view(buffer_).starts_with("\xEF\xBB\xBF")) at_ = 3;
}

std::string CsvReader::place() const { return fmt::format("{}:{}", name(), line_); }

/// Reads on, keeping what is not yet consumed; false when there is no more.
bool CsvReader::fill() {
  if (ended_) return false;
  consumed_ += at_;
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t have = buffer_.size();
  buffer_.resize(have + kChunk);
  const size_t read = stream_.read(buffer_.data() + have, kChunk);
  buffer_.resize(have + read);
  ended_ = read < kChunk;
  return read > 0;
}

/// The end of the record that starts at at_: its line end outside of quotes, or the end of the file.
size_t CsvReader::find_end() {
  bool quoted = false;
  size_t i = at_;
  while (true) {
    const size_t newline = buffer_.find('\n', i);
    const size_t until = newline == std::string::npos ? buffer_.size() : newline;
    if (format_.quotes) {
      for (size_t q = buffer_.find('"', i); q < until; q = buffer_.find('"', q + 1)) quoted = !quoted;
    }
    if (newline != std::string::npos && !quoted) return newline;
    i = newline == std::string::npos ? until : newline + 1;
    if (i - at_ > kMaxRecord) {
      fail(ErrorKind::kData, "'{}' line {}: a record of more than 64 MiB{}", name(), line_,
           quoted ? "; is a quote not closed?" : "");
    }
    if (i < buffer_.size()) continue;
    const size_t offset = i - at_;
    if (!fill()) return buffer_.size();
    i = at_ + offset;
  }
}

bool CsvReader::next() {
  while (true) {
    if (at_ == buffer_.size() && !fill()) return false;
    line_ = next_line_;
    const size_t end = find_end();
    record_ = std::string_view(buffer_).substr(at_, end - at_);
    offset_ = consumed_ + at_;
    next_line_ += 1 + std::count(record_.begin(), record_.end(), '\n');
    at_ = std::min(end + 1, buffer_.size());
    if (record_.ends_with('\r')) record_.remove_suffix(1);
    if (trimmed(record_).empty()) continue;
    try {
      split_record(format_, record_, scratch_, fields_);
    } catch (Error& e) {
      e.message = fmt::format("'{}' line {}: {}", name(), line_, e.message);
      throw;
    }
    return true;
  }
}

std::string field_count(size_t count) { return fmt::format("{} field{}", count, count == 1 ? "" : "s"); }

bool parse_number(std::string_view text, double& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty() && std::isfinite(value);
}

bool parse_whole(std::string_view text, int64_t& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace dlb::data
