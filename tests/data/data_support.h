#pragma once
/// \file Shorthands of the data tests: IDX bytes, gzip, and the data section of a config.

#include <zlib.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/config/document.h"
#include "dlb/data/data_config.h"
#include "dlb/data/loader.h"
#include "support/temp_folder.h"

namespace dlb::test {

/// An IDX file of bytes.
inline std::string idx_bytes(const std::vector<uint32_t>& dims, const std::string& values, char code = 8) {
  std::string out{'\0', '\0', code, static_cast<char>(dims.size())};
  for (const uint32_t d : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(d >> shift & 255U);
  }
  return out + values;
}

/// "\0\1\2..." of `count` bytes, modulo `limit`.
inline std::string counting(size_t count, size_t limit = 256) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += static_cast<char>(i % limit);
  return out;
}

inline std::string gzip(const std::string& raw) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, raw.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(raw.data()));
  z.avail_in = static_cast<uInt>(raw.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// The report of the Error that `action` raises, or "no error".
template <class F>
std::string report_of(const F& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.report();
  }
  return "no error";
}

/// The planned data of a config text whose root is the data section. Raises what is wrong.
inline std::unique_ptr<data::DataModule> plan(const std::string& yaml, const std::string& folder = "") {
  ErrorList errors;
  config::Scope scope;
  config::Reader reader(errors, scope);
  const std::string file = files::join(folder, "c.yaml");
  auto module = data::DataModule::plan(reader, config::Document::parse(yaml, "c.yaml").root(), file);
  CHECK((module == nullptr) == !errors.empty());
  errors.throw_if_any();
  return module;
}

inline std::string plan_report(const std::string& yaml, const std::string& folder = "") {
  return report_of([&] { plan(yaml, folder); });
}
/// A split's samples in order, column by column.
inline std::vector<std::vector<double>> read_all(const data::DataModule& module, const std::string& split) {
  auto loader = module.loader(split, false, 1);
  loader->start(0);
  std::vector<std::vector<double>> columns;
  while (const auto batch = loader->next()) {
    columns.resize(batch->columns.size());
    for (size_t c = 0; c < columns.size(); ++c) {
      const auto values = batch->columns[c].to_vector<double>();
      columns[c].insert(columns[c].end(), values.begin(), values.end());
    }
  }
  return columns;
}

/// Sets an environment variable for one scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace dlb::test
