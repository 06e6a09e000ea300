#include "dlb/data/file_tree.h"

#include <atomic>
#include <thread>

#include "data/data_support.h"
#include "data/zip_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::vector<std::string> paths_of(const data::FileTree& tree) {
  std::vector<std::string> paths;
  for (const auto& file : tree.files()) paths.push_back(file.path);
  return paths;
}

/// What reading every file of the archive says: "ok", or the report.
std::string read_all_report(const std::string& path) {
  std::string report = report_of([&] {
    const auto tree = data::FileTree::open(path);
    for (size_t i = 0; i < tree->files().size(); ++i) tree->read(i);
  });
  return report == "no error" ? "ok" : report;
}

}  // namespace

TEST_CASE("a folder and a zip archive of it are the same tree") {
  TempFolder folder;
  files::make_folders(folder.path() + "/set/b/deep");
  files::make_folders(folder.path() + "/set/.hidden");
  write(folder.path() + "/set/b/2.txt", "two");
  write(folder.path() + "/set/b/deep/x", std::string(1000, 'x'));
  write(folder.path() + "/set/a.txt", "");
  write(folder.path() + "/set/.hidden/no", "no");
  write(folder.path() + "/set.zip", zip_bytes({{"b/", ""},
                                               {"b/deep/x", std::string(1000, 'x'), true},
                                               {"b/2.txt", "two"},
                                               {"__MACOSX/._a", "no"},
                                               {".hidden/no", "no"},
                                               {"a.txt", ""}}));
  for (const char* name : {"/set", "/set.zip"}) {
    const auto tree = data::FileTree::open(folder.path() + name);
    CHECK(paths_of(*tree) == std::vector<std::string>{"a.txt", "b/2.txt", "b/deep/x"});
    CHECK(tree->read(0).empty());
    CHECK(tree->read(1) == "two");
    CHECK(tree->read(2) == std::string(1000, 'x'));
    CHECK(tree->files()[2].bytes == 1000);
    CHECK(tree->name(1) == folder.path() + name + "/b/2.txt");
    // Threads may read at once.
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) good += tree->read(2).size() == 1000 && tree->read(1) == "two" ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(good == 200);
  }
}

TEST_CASE("trees that are not there, and archives that are none") {
  TempFolder folder;
  write(folder.path() + "/file", "x");
  write(folder.path() + "/none.zip", "this is no archive, but long enough to be looked at");
  const auto report = [&](const std::string& name) {
    return report_of([&] { data::FileTree::open(folder.path() + name); });
  };
  CHECK_THAT(report("/nowhere"), Contains("no folder '" + folder.path() + "/nowhere'"));
  CHECK_THAT(report("/nowhere.zip"), Contains("nowhere.zip") && Contains("No such file or directory"));
  CHECK_THAT(report("/file"), Contains("is no folder and no .zip archive"));
  CHECK_THAT(report("/none.zip"), Contains("cannot be read as a zip archive: Not a zip archive"));
}

TEST_CASE("damaged archives are errors of the data") {
  TempFolder folder;
  const std::string path = folder.path() + "/x.zip";
  const std::string good = zip_bytes({{"a.txt", "some content"}, {"b.txt", std::string(300, 'y'), true}});
  write(path, good);
  CHECK(read_all_report(path) == "ok");
  // Cut off anywhere.
  size_t refused = 0;
  for (size_t length = 0; length < good.size(); ++length) {
    write(path, good.substr(0, length));
    if (read_all_report(path).find("error") != std::string::npos) ++refused;
  }
  CHECK(refused == good.size());
  // Any byte changed: refused, or nothing that matters (dates, names).
  for (size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    write(path, changed);
    read_all_report(path);
  }
  std::string wrong = good;
  wrong[wrong.find("some content")] = 'S';
  write(path, wrong);
  CHECK_THAT(read_all_report(path), Contains("x.zip/a.txt' is damaged in its archive: CRC error"));

  write(path, zip_bytes({{"a.txt", "some content", false, 1}}));
  CHECK_THAT(read_all_report(path), Contains("cannot be read from its archive") && Contains("assword"));

  // Sizes in the directory that the stored bytes cannot have.
  std::string large = zip_bytes({{"b.txt", std::string(300, 'y'), true}});
  for (size_t at = large.find("PK\1\2") + 24, i = 0; i < 4; ++i) large[at + i] = "\xff\xff\xff\x7e"[i];
  write(path, large);
  CHECK_THAT(read_all_report(path), Contains("stored bytes cannot be 2130706431 bytes"));
}
