#pragma once
/// \file The system calls behind files.h: retried after EINTR, complete after short writes, with errors that
/// name the path, each passing the fault hook first. For the sources of this folder and for readers that
/// stream a file.

#include <cstddef>
#include <string>
#include <string_view>

namespace dlb::files {

/// Raises "cannot VERB 'path': reason".
[[noreturn]] void io_error(std::string_view verb, const std::string& path, int code);

/// `path` with a suffix that no other process or thread uses.
std::string temporary_name(std::string_view path);

void write_fully(int fd, const std::string& path, std::string_view data);
void sync_fd(int fd, const std::string& path);
void make_folder(const std::string& path);  ///< one level; an existing folder is fine
void rename(const std::string& from, const std::string& to);
/// Exchanges two paths in one step; false where the file system cannot do that.
bool swap_paths(const std::string& a, const std::string& b);

/// An open file that closes itself.
class Descriptor {
 public:
  /// `verb` is for the message: "read" or "write".
  static Descriptor open(const std::string& path, int flags, std::string_view verb);
  /// A folder, for sync(); "" is the current one.
  static Descriptor open_folder(const std::string& path);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&&) = delete;

  int fd() const { return fd_; }
  int release();
  size_t read(char* out, size_t bytes) const;  ///< 0 at the end
  void write(std::string_view data) const { write_fully(fd_, path_, data); }
  void sync() const { sync_fd(fd_, path_); }
  void close();  ///< reports what only close() finds, such as a full network disk

 private:
  Descriptor(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

}  // namespace dlb::files
