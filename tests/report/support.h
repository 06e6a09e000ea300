#pragma once
/// \file Run folders made by hand.

#include <stdlib.h>

#include <fstream>
#include <string>

#include "dlb/base/files.h"

namespace dlb::report {

/// A folder that goes with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string name = "/tmp/dlb_report_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { files::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return files::join(path_, name); }
  /// Writes a file, its folder made when it is missing; returns that folder.
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = file(name);
    files::make_folders(files::parent(path));
    std::ofstream(path, std::ios::binary) << text;
    return files::parent(path);
  }

 private:
  std::string path_;
};

}  // namespace dlb::report
