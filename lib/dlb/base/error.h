#pragma once
/// \file The one error type of the project and the helpers that raise it.

#include <fmt/core.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dlb {

/// What went wrong, in the broadest terms. The kind decides the exit code of the program (see exit_code).
enum class ErrorKind {
  kConfig,
  kShape,
  kDtype,
  kDevice,
  kUnsupported,
  kIo,
  kData,
  kNumeric,
  kComm,
  kInternal
};

/// "config", "shape", ...: the name used in messages and JSON.
std::string_view kind_name(ErrorKind kind);

/// 2 for what the user wrote (config, shape, dtype, unsupported), 1 for what happened at run time.
int exit_code(ErrorKind kind);

/// An error that a user can act on: what was expected, what was found, and where.
///
/// `where` is "file:line:col" once known; `context` holds the frames below it ("in model.layers[2]"),
/// innermost first; `more` holds further errors of the same report, so that one throw can carry everything
/// that is wrong.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, std::string where = {}, std::string hint = {});

  ErrorKind kind;
  std::string message;
  std::string where;
  std::string hint;
  std::vector<std::string> context;
  std::vector<Error> more;

  /// Sets `where` unless a deeper frame has already set it.
  Error& at(std::string place);
  /// Appends a context line ("in model.layers[2]").
  Error& in(std::string frame);

  /// The full text that users see: every error of the report, one block each, without a trailing newline.
  std::string report() const;
  /// As report(), kept so that it can be returned from what().
  const char* what() const noexcept override;

 private:
  mutable std::string what_;
};

/// Raises an Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// Raises an internal error; called by DLB_CHECK.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

/// A name without case and separators, as names are compared: ReLU, MaxPool2d, clip-norm.
std::string folded_name(std::string_view name);
/// The valid name nearest to `name` by edit distance, case and separators apart; "" when none is near enough
/// to be a likely typo.
std::string nearest_name(std::string_view name, const std::vector<std::string>& valid);

}  // namespace dlb

/// For our own bugs only: a condition that no input can violate. Never used to validate user input.
#define DLB_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::dlb::check_failed(#condition, __FILE__, __LINE__))
