#include "dlb/base/error.h"

#include <algorithm>
#include <numeric>

namespace dlb {

std::string_view kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kConfig:
      return "config";
    case ErrorKind::kShape:
      return "shape";
    case ErrorKind::kDtype:
      return "dtype";
    case ErrorKind::kDevice:
      return "device";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kIo:
      return "io";
    case ErrorKind::kData:
      return "data";
    case ErrorKind::kNumeric:
      return "numeric";
    case ErrorKind::kComm:
      return "comm";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kConfig:
    case ErrorKind::kShape:
    case ErrorKind::kDtype:
    case ErrorKind::kUnsupported:
      return 2;
    default:
      return 1;
  }
}

Error::Error(ErrorKind kind_in, std::string message_in, std::string where_in, std::string hint_in)
    : kind(kind_in), message(std::move(message_in)), where(std::move(where_in)), hint(std::move(hint_in)) {}

Error& Error::at(std::string place) {
  if (where.empty()) where = std::move(place);
  return *this;
}

Error& Error::in(std::string frame) {
  context.push_back(std::move(frame));
  return *this;
}

namespace {

void append_block(std::string& out, const Error& e) {
  if (!out.empty()) out += '\n';
  if (!e.where.empty()) out += e.where + ": ";
  out += "error: " + e.message;
  for (const std::string& frame : e.context) out += "\n  " + frame;
  if (!e.hint.empty()) out += "\n  hint: " + e.hint;
  for (const Error& other : e.more) append_block(out, other);
}

}  // namespace

std::string Error::report() const {
  std::string out;
  append_block(out, *this);
  return out;
}

const char* Error::what() const noexcept {
  try {
    what_ = report();
    return what_.c_str();
  } catch (...) {
    return "error (out of memory while describing it)";
  }
}

void check_failed(const char* condition, const char* file, int line) {
  throw Error(ErrorKind::kInternal, fmt::format("internal check failed: {} ({}:{})", condition, file, line),
              {}, "this is a bug in dlbench; please report it with the command and the config");
}

std::string folded_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_' && c != '-') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& valid) {
  // Optimal string alignment distance: a swap of two neighbours, the commonest typo, counts as one edit.
  auto distance = [](std::string_view a, std::string_view b) {
    const size_t width = b.size() + 1;
    std::vector<size_t> table((a.size() + 1) * width);
    for (size_t j = 0; j < width; ++j) table[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
      table[i * width] = i;
      for (size_t j = 1; j <= b.size(); ++j) {
        size_t best = std::min({table[(i - 1) * width + j] + 1, table[i * width + j - 1] + 1,
                                table[(i - 1) * width + j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
          best = std::min(best, table[(i - 2) * width + j - 2] + 1);
        }
        table[i * width + j] = best;
      }
    }
    return table.back();
  };
  if (name.size() > 64) return {};
  const std::string wanted = folded_name(name);
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : valid) {
    const size_t d = distance(wanted, folded_name(candidate));
    if (d < best_distance && d < std::max(name.size(), candidate.size())) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace dlb
