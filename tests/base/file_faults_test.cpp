// Fails the n-th system call, for every n, over everything that must be atomic.

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "support/temp_folder.h"

using namespace dlb;
using test::TempFolder;

namespace {

/// Runs `action` with the n-th call failing by `code`; returns the name of the call that failed, "" when
/// there was no n-th call. `raised` gets whether an Error came out.
std::string run_failing(int n, int code, const std::function<void()>& action, bool& raised) {
  int count = 0;
  std::string failed;
  files::set_fault_hook([&](std::string_view call, const std::string&) {
    if (count++ != n) return 0;
    failed = call;
    return code;
  });
  raised = false;
  try {
    action();
  } catch (const Error& e) {
    raised = true;
    CHECK(e.kind == ErrorKind::kIo);
    CHECK(e.message.find("cannot ") == 0);
  }
  files::set_fault_hook({});
  return failed;
}

}  // namespace

TEST_CASE("write_atomic leaves the old file or the new one, whole, whichever call fails") {
  for (const int code : {ENOSPC, EIO}) {
    int n = 0;
    for (;; ++n) {
      const TempFolder folder;
      const std::string path = folder / "file";
      files::write_atomic(path, "old content");
      bool raised = false;
      const std::string failed = run_failing(
          n, code, [&] { files::write_atomic(path, "the new content"); }, raised);
      if (failed.empty()) break;
      INFO("call " << n << ": " << failed);
      CHECK(raised);
      const std::string now = files::read_all(path);
      // Once the name points to the new file only the sync of the folder is left to fail.
      CHECK((now == "old content" || (failed == "fsync" && now == "the new content")));
      CHECK(files::list(folder.path()) == std::vector<std::string>{"file"});
    }
    CHECK(n == 6);  // open, write, fsync, open folder, rename, fsync folder
  }
}

TEST_CASE("an AtomicFolder leaves the old folder or the new one, whichever call fails") {
  const bool replaces = GENERATE(false, true);
  int n = 0;
  for (;; ++n) {
    const TempFolder folder;
    const std::string path = folder / "step-1";
    if (replaces) {
      files::AtomicFolder old(path);
      old.write("a", "old");
      old.commit();
    }
    const auto save = [&] {
      files::AtomicFolder made(path);
      made.write("a", "new");
      made.write("sub/b", "more");
      made.commit();
    };
    bool raised = false;
    const std::string failed = run_failing(n, ENOSPC, save, raised);
    if (failed.empty()) break;
    INFO("call " << n << ": " << failed << (replaces ? ", replacing" : ""));
    CHECK(raised);
    if (!files::exists(path)) {
      CHECK(!replaces);
      CHECK(files::list(folder.path()).empty());
      continue;
    }
    const std::string now = files::read_all(path + "/a");
    if (now == "new") {
      CHECK(failed == "fsync");
      CHECK(files::read_all(path + "/sub/b") == "more");
      CHECK(files::list(path) == std::vector<std::string>{"a", "sub"});
      // When the last sync fails it is unknown which name is on the disk, so what was replaced is kept
      // beside.
      CHECK(files::list(folder.path()).size() == (replaces ? 2 : 1));
    } else {
      CHECK(now == "old");
      CHECK(files::list(path) == std::vector<std::string>{"a"});
      CHECK(files::list(folder.path()) == std::vector<std::string>{"step-1"});
    }
  }
  CHECK(n > 12);
}

TEST_CASE("interrupted calls and short writes are carried on") {
  for (const int code : {EINTR, -1}) {
    for (int n = 0;; ++n) {
      const TempFolder folder;
      bool raised = false;
      const auto save = [&] {
        files::write_atomic(folder / "file", "0123456789");
        files::AtomicFolder made(folder / "made");
        made.write("a", "abcdefg");
        made.commit();
        CHECK(files::read_all(folder / "file") == "0123456789");
        CHECK(files::read_all(folder / "made/a") == "abcdefg");
      };
      const std::string failed = run_failing(n, code, save, raised);
      INFO("call " << n << ": " << failed);
      CHECK(!raised);
      if (failed.empty()) break;
    }
  }
}

TEST_CASE("every write short by half still writes everything") {
  const TempFolder folder;
  files::set_fault_hook([](std::string_view call, const std::string&) { return call == "write" ? -1 : 0; });
  const std::string data(1000, 'x');
  files::write_atomic(folder / "file", data);
  files::set_fault_hook({});
  CHECK(files::read_all(folder / "file") == data);
}
