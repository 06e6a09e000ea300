#pragma once
/// \file Records of delimited text files.
///
/// **Source**: RFC 4180, Common Format and MIME Type for CSV Files; also other delimiters, LF line ends,
/// blanks around fields and empty lines, which are skipped.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/data/byte_stream.h"
#include "dlb/data/dataset.h"

namespace dlb::data {

struct CsvFormat {
  std::string delimiter = ",";  ///< one or more characters; "whitespace": any run of blanks and tabs
  bool trim = true;             ///< blanks around a field that is not quoted are no part of it
  bool quotes = true;           ///< a field may stand in double quotes, with "" for a quote
};

/// The delimiter that a config names: "tab", "space", "whitespace", or the characters themselves. Errors:
/// config (empty, or it has a quote or a line end).
std::string csv_delimiter(const std::string& text);

/// Raises what csv_delimiter() does, at the field `delimiter` of a source.
void check_delimiter(const SourceOptions& options, const std::string& text);

/// Splits one record (without its line end) into fields. What quotes hide is kept in `scratch`. Errors: data,
/// without a place.
void split_record(const CsvFormat& format, std::string_view record, std::string& scratch,
                  std::vector<std::string_view>& fields);

/// Reads a file record by record. A record may go over several lines inside quotes.
class CsvReader {
 public:
  CsvReader(ByteStream stream, CsvFormat format);

  /// Goes to the next record; false at the end. Errors: io, data (file:line).
  bool next();
  /// Of the present record; valid until next().
  std::span<const std::string_view> fields() const { return fields_; }
  std::string_view record() const { return record_; }
  uint64_t offset() const { return offset_; }  ///< of the record's first byte in the uncompressed file
  int64_t line() const { return line_; }       ///< of the record's start, from 1
  /// "FILE:LINE", for messages.
  std::string place() const;
  const std::string& name() const { return stream_.name(); }

 private:
  bool fill();
  size_t find_end();

  ByteStream stream_;
  CsvFormat format_;
  std::string buffer_;
  size_t at_ = 0;  ///< first byte of buffer_ not yet consumed
  bool ended_ = false;
  uint64_t consumed_ = 0;  ///< bytes of the file before buffer_
  int64_t next_line_ = 1;
  int64_t line_ = 0;
  uint64_t offset_ = 0;
  std::string_view record_;
  std::string scratch_;
  std::vector<std::string_view> fields_;
};

/// "1 field", "3 fields": for messages.
std::string field_count(size_t count);
/// A decimal number that fills the whole text, finite. Nothing for any other text.
bool parse_number(std::string_view text, double& value);
/// A whole number that fills the whole text.
bool parse_whole(std::string_view text, int64_t& value);

}  // namespace dlb::data
