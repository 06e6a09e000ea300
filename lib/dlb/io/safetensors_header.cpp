#include "dlb/io/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "dlb/base/error.h"

namespace dlb::io {
namespace {

using nlohmann::json;

constexpr size_t kMaxRank = 64;

/// Takes the parser's events, so that no tree is built: a nesting bomb ends at its fourth bracket, and
/// duplicate keys, which a tree would lose, are seen.
class HeaderReader : public json::json_sax_t {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  bool null() override { unexpected("null"); }
  bool boolean(bool /*value*/) override { unexpected("a boolean"); }
  bool number_integer(number_integer_t /*value*/) override { unexpected("a negative number"); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    unexpected("the number " + text.substr(0, 40));
  }
  bool binary(binary_t& /*value*/) override { unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ != State::kArray) unexpected("a number");
    if (array_->size() == kMaxRank) bad("more than {} numbers in '{}'", kMaxRank, field_);
    array_->push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (state_ == State::kMetadata) {
      header.metadata[field_] = std::move(value);
    } else if (state_ == State::kTensor && field_ == "dtype") {
      header.entries.back().dtype = std::move(value);
    } else {
      unexpected("a string");
    }
    return true;
  }
  bool start_object(std::size_t /*size*/) override {
    if (state_ == State::kStart) {
      state_ = State::kRoot;
    } else if (state_ == State::kRoot) {
      state_ = name_ == "__metadata__" ? State::kMetadata : State::kTensor;
      if (state_ == State::kTensor) header.entries.push_back({name_, {}, {}, {}});
      fields_.clear();
    } else {
      unexpected("an object");
    }
    return true;
  }
  bool key(string_t& value) override {
    const bool fresh = (state_ == State::kRoot ? names_ : fields_).insert(value).second;
    if (state_ == State::kRoot) {
      name_ = std::move(value);
      if (!fresh) bad("the name is there twice");
    } else {
      field_ = std::move(value);
      if (!fresh) bad("duplicate key '{}'", field_);
    }
    return true;
  }
  bool end_object() override {
    if (state_ == State::kTensor) {
      for (const char* needed : {"dtype", "shape", "data_offsets"}) {
        if (!fields_.contains(needed)) bad("missing key '{}'", needed);
      }
    }
    state_ = state_ == State::kRoot ? State::kEnd : State::kRoot;
    return true;
  }
  bool start_array(std::size_t /*size*/) override {
    if (state_ != State::kTensor) unexpected("a list");
    HeaderEntry& entry = header.entries.back();
    if (field_ == "shape") {
      array_ = &entry.shape;
    } else if (field_ == "data_offsets") {
      array_ = &entry.offsets;
    } else {
      unexpected("a list");
    }
    state_ = State::kArray;
    return true;
  }
  bool end_array() override {
    state_ = State::kTensor;
    if (field_ == "data_offsets" && array_->size() != 2) bad("data_offsets must be two numbers");
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const json::exception& /*e*/) override {
    fail(ErrorKind::kData, "{}: the safetensors header is no valid JSON at byte {} of the header", file_,
         position);
  }

  Header header;

 private:
  enum class State { kStart, kRoot, kMetadata, kTensor, kArray, kEnd };

  template <class... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::kData, "{}: tensor '{}': {}", file_, name_,
         fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void unexpected(const std::string& what) const {
    if (state_ == State::kStart || state_ == State::kEnd) {
      fail(ErrorKind::kData, "{}: the safetensors header must be an object, not {}", file_, what);
    }
    if (state_ == State::kMetadata) {
      fail(ErrorKind::kData, "{}: metadata '{}' must be a string, not {}", file_, field_, what);
    }
    if (state_ == State::kRoot) bad("its description must be an object, not {}", what);
    bad("unexpected {} at key '{}'", what, field_);
  }

  const std::string& file_;
  State state_ = State::kStart;
  std::string name_;
  std::string field_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> fields_;
  std::vector<uint64_t>* array_ = nullptr;
};

}  // namespace

Header parse_header(std::string_view text, const std::string& file) {
  HeaderReader reader(file);
  json::sax_parse(text.begin(), text.end(), &reader);
  return std::move(reader.header);
}

std::string_view safetensors_dtype(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "F32";
    case DType::kFloat64:
      return "F64";
    case DType::kBFloat16:
      return "BF16";
    case DType::kFloat16:
      return "F16";
    case DType::kInt64:
      return "I64";
    case DType::kInt32:
      return "I32";
    case DType::kUInt8:
      return "U8";
    case DType::kBool:
      return "BOOL";
  }
  return "F32";
}

}  // namespace dlb::io
