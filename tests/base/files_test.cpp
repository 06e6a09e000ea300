#include "dlb/base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "dlb/base/error.h"
#include "support/temp_folder.h"

using namespace dlb;
using test::TempFolder;

namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kIo);
    return e.message;
  }
  return "no error";
}

}  // namespace

TEST_CASE("read_all returns every byte and write_atomic replaces the file") {
  const TempFolder folder;
  const std::string path = folder / "a.bin";
  std::string data(300'000, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 % 251);
  files::write_atomic(path, data);
  CHECK(files::read_all(path) == data);
  files::write_atomic(path, "");
  CHECK(files::read_all(path).empty());
  CHECK(files::list(folder.path()) == std::vector<std::string>{"a.bin"});
}

TEST_CASE("read errors name the path and the reason") {
  const TempFolder folder;
  CHECK(error_of([&] { files::read_all(folder / "none"); }) ==
        "cannot read '" + (folder / "none") + "': No such file or directory");
  CHECK(error_of([&] { files::read_all(folder.path()); }) ==
        "cannot read '" + folder.path() + "': Is a directory");
  CHECK(
      error_of([&] { files::write_atomic(folder / "no/such", "x"); }).ends_with("No such file or directory"));
}

TEST_CASE("read_all keeps its limit, also where the size is not known in advance") {
  const TempFolder folder;
  files::write_atomic(folder / "a", "12345");
  CHECK(files::read_all(folder / "a", 5) == "12345");
  CHECK(error_of([&] { files::read_all(folder / "a", 4); }) ==
        "cannot read '" + (folder / "a") + "': its size of 5 bytes is more than the allowed 4 bytes");
  CHECK(error_of([] { files::read_all("/dev/zero", 1000); }) ==
        "cannot read '/dev/zero': its content is more than the allowed 1000 bytes");
  CHECK(!files::read_all("/proc/self/status").empty());
}

TEST_CASE("an appender writes whole records after what is there") {
  const TempFolder folder;
  files::write_atomic(folder / "log", "old\n");
  {
    files::Appender first(folder / "log");
    first.write("one\n");
    files::Appender second = std::move(first);
    second.write("two\n");
    second.sync();
  }
  CHECK(files::read_all(folder / "log") == "old\none\ntwo\n");
}

TEST_CASE("an appender that fails in the middle of a record leaves no half record") {
  const TempFolder folder;
  files::Appender log(folder / "log");
  log.write("one\n");
  int calls = 0;
  files::set_fault_hook([&](std::string_view call, const std::string&) {
    return call != "write" ? 0 : ++calls == 1 ? -1 : ENOSPC;
  });
  CHECK(error_of([&] { log.write("second\n"); }).ends_with("No space left on device"));
  files::set_fault_hook({});
  log.write("three\n");
  CHECK(files::read_all(folder / "log") == "one\nthree\n");
}

TEST_CASE("a folder appears whole on commit and not at all without") {
  const TempFolder folder;
  {
    files::AtomicFolder dropped(folder / "dropped");
    dropped.write("a", "1");
  }
  CHECK(files::list(folder.path()).empty());
  {
    files::AtomicFolder made(folder / "x/made");
    CHECK(!files::exists(folder / "x/made"));
    made.write("a", "1");
    const std::string_view pieces[] = {"2", "", "34"};
    made.write("sub/b", pieces);
    made.commit();
  }
  CHECK(files::list(folder / "x") == std::vector<std::string>{"made"});
  CHECK(files::read_all(folder / "x/made/a") == "1");
  CHECK(files::read_all(folder / "x/made/sub/b") == "234");
}

TEST_CASE("a committed folder replaces the one of that name") {
  const TempFolder folder;
  for (const char* content : {"old", "new"}) {
    files::AtomicFolder made(folder / "c");
    made.write(content, content);
    made.commit();
  }
  CHECK(files::list(folder.path()) == std::vector<std::string>{"c"});
  CHECK(files::list(folder / "c") == std::vector<std::string>{"new"});
}

TEST_CASE("folders, names and paths") {
  const TempFolder folder;
  files::make_folders(folder / "a/b/c");
  files::make_folders(folder / "a/b/c/");
  CHECK(files::is_folder(folder / "a/b/c"));
  files::write_atomic(folder / "a/z", "");
  files::write_atomic(folder / "a/f", "");
  CHECK(files::list(folder / "a") == std::vector<std::string>{"b", "f", "z"});
  CHECK(files::list(folder / "none").empty());
  CHECK(error_of([&] { files::make_folders(folder / "a/f/g"); }) ==
        "cannot create folder '" + (folder / "a/f") + "': File exists");
  CHECK(!files::is_folder(folder / "a/f"));
  files::remove_all(folder / "a");
  files::remove_all(folder / "a");
  CHECK(!files::exists(folder / "a"));

  CHECK(files::join("a", "b") == "a/b");
  CHECK(files::join("a/", "b") == "a/b");
  CHECK(files::join("", "b") == "b");
  CHECK(files::join("a", "/b") == "/b");
  CHECK(files::parent("a/b/c") == "a/b");
  CHECK(files::parent("a/b/") == "a");
  CHECK(files::parent("a") == "");
  CHECK(files::parent("/a") == "/");
  CHECK(files::parent("/") == "");
  CHECK(files::base_name("a/b") == "b");
  CHECK(files::base_name("a/b/") == "b");
  CHECK(files::base_name("b") == "b");
}

TEST_CASE("digests of known texts") {
  // RFC 1321, appendix A.5, and FIPS 180-2, appendix B.
  CHECK(files::md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(files::md5_hex("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(files::sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(files::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(files::sha256_hex(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  files::Sha256 sum;
  sum.update("a", 1);
  sum.update("bc", 2);
  CHECK(sum.hex() == files::sha256_hex("abc"));
}
