#include "dlb/profile/peaks.h"

#include <catch2/catch.hpp>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/threads.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::profile;
using test::TempFolder;

namespace {

const PeakKey kKey{"some processor", "1.0, Release", 2};

/// Sets a variable of the environment for the object's lifetime.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* was = std::getenv(name)) was_ = was;
    set(value);
  }
  ~Variable() { set(was_ ? was_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) { value != nullptr ? ::setenv(name_, value, 1) : ::unsetenv(name_); }
  const char* name_;
  std::optional<std::string> was_;
};

}  // namespace

TEST_CASE("peaks are kept by processor, build and threads") {
  const TempFolder folder;
  const std::string file = folder / "a/b/peaks.json";
  CHECK(!load_peaks(file, kKey));
  CHECK(store_peaks(file, kKey, {123.5, 45.25}).empty());
  REQUIRE(load_peaks(file, kKey));
  CHECK(load_peaks(file, kKey)->gflops == 123.5);
  CHECK(load_peaks(file, kKey)->gb_per_s == 45.25);
  for (const PeakKey& other : {PeakKey{"another", kKey.build, 2}, PeakKey{kKey.processor, "2.0", 2},
                               PeakKey{kKey.processor, kKey.build, 4}}) {
    CHECK(!load_peaks(file, other));
    CHECK(store_peaks(file, other, {1, 2}).empty());
  }
  CHECK(store_peaks(file, kKey, {7, 8}).empty());
  CHECK(load_peaks(file, kKey)->gflops == 7);
  CHECK(load_peaks(file, {kKey.processor, kKey.build, 4})->gflops == 1);
}

TEST_CASE("a damaged cache is as good as none, and is replaced") {
  const TempFolder folder;
  const std::string right = R"("processor":"some processor","build":"1.0, Release","threads":2)";
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[1, 2]"), std::string("null"),
        std::string(R"({"peaks":3})"), std::string(R"({"peaks":[1,"x",null,{}]})"),
        R"({"peaks":[{)" + right + "}]}", R"({"peaks":[{)" + right + R"(,"gflops":"fast","gb_per_s":1}]})",
        R"({"peaks":[{)" + right + R"(,"gflops":-1,"gb_per_s":1}]})",
        R"({"peaks":[{)" + right + R"(,"gflops":1e999,"gb_per_s":1}]})"}) {
    INFO(text);
    const std::string file = folder.write("peaks.json", text);
    CHECK(!load_peaks(file, kKey));
    CHECK(store_peaks(file, kKey, {1, 2}).empty());
    CHECK(load_peaks(file, kKey));
  }
  CHECK(!load_peaks(folder / ".", kKey));
  CHECK(!load_peaks("", kKey));
}

TEST_CASE("a cache that cannot be written says why") {
  const TempFolder folder;
  folder.write("file", "");
  CHECK(!store_peaks(folder / "file/peaks.json", kKey, {1, 2}).empty());
  CHECK(!store_peaks("", kKey, {1, 2}).empty());
}

TEST_CASE("the cache lies where the XDG specification says") {
  const Variable home("HOME", "/home/x");
  {
    const Variable cache("XDG_CACHE_HOME", "/var/cache/x");
    CHECK(peak_cache_file() == "/var/cache/x/dlbench/peaks.json");
  }
  {
    const Variable cache("XDG_CACHE_HOME", "not/absolute");
    CHECK(peak_cache_file() == "/home/x/.cache/dlbench/peaks.json");
  }
  const Variable cache("XDG_CACHE_HOME", nullptr);
  CHECK(peak_cache_file() == "/home/x/.cache/dlbench/peaks.json");
  const Variable none("HOME", nullptr);
  CHECK(peak_cache_file().empty());
}

TEST_CASE("known peaks are measured once") {
  backend::cpu::install();
  set_threads(1);
  const TempFolder folder;
  const Variable cache("XDG_CACHE_HOME", (folder / "").c_str());
  const Peaks measured = known_peaks();
  CHECK(measured.gflops > 0);
  CHECK(measured.gb_per_s > 0);
  CHECK(store_peaks(peak_cache_file(), peak_key(), {3, 4}).empty());
  CHECK(known_peaks().gflops == 3);
  set_threads(0);
}
