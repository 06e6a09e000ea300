#include "dlb/data/idx.h"

#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string read_report(const std::string& bytes) {
  return report_of([&] { data::read_idx(data::ByteStream::memory("x", bytes)); });
}

ErrorKind kind_of(const std::string& bytes) {
  try {
    data::read_idx(data::ByteStream::memory("x", bytes));
  } catch (const Error& e) {
    return e.kind;
  }
  return ErrorKind::kInternal;
}

const std::string kSmall = idx_bytes({3, 2, 2}, counting(12));

}  // namespace

TEST_CASE("an IDX file gives its sizes and values, plain and compressed") {
  for (const std::string& bytes :
       {kSmall, gzip(kSmall), gzip(kSmall.substr(0, 9)) + gzip(kSmall.substr(9))}) {
    const data::IdxFile file = data::read_idx(data::ByteStream::memory("x", bytes));
    CHECK(file.header.dims == Shape{3, 2, 2});
    CHECK(file.header.bytes == 16);
    CHECK(std::string(reinterpret_cast<const char*>(file.values()), 12) == counting(12));
    CHECK(file.md5 == files::md5_hex(kSmall));
  }
}

TEST_CASE("a file is read as a memory block is") {
  const TempFolder folder;
  const std::string big = idx_bytes({1000, 30, 30}, counting(900'000, 251));
  write(folder / "plain", big);
  write(folder / "packed", gzip(big));
  for (const char* name : {"plain", "packed"}) {
    const data::IdxFile file = data::read_idx(data::ByteStream::open(folder / name));
    CHECK(file.md5 == files::md5_hex(big));
  }
  CHECK_THAT(report_of([&] { data::ByteStream::open(folder / "none"); }), Contains("No such file"));
  CHECK_THAT(report_of([&] { data::ByteStream::open(folder.path()); }), Contains("directory"));
}

TEST_CASE("an IDX file cut off at any byte is an error that names the bytes") {
  const std::string packed = gzip(kSmall);
  for (size_t n = 0; n < kSmall.size(); ++n) {
    INFO("plain, " << n << " bytes");
    CHECK(kind_of(kSmall.substr(0, n)) == ErrorKind::kData);
    CHECK_THAT(read_report(kSmall.substr(0, n)), Contains("cut off"));
  }
  CHECK_THAT(read_report(kSmall.substr(0, 20)), Contains("expected 28 bytes") && Contains("found 20"));
  for (size_t n = 2; n < packed.size(); ++n) {
    INFO("compressed, " << n << " bytes");
    CHECK(kind_of(packed.substr(0, n)) == ErrorKind::kData);
  }
  // A good stream of a short file.
  for (size_t n = 0; n < kSmall.size(); ++n) {
    INFO("compressed short content, " << n << " bytes");
    CHECK_THAT(read_report(gzip(kSmall.substr(0, n))), Contains("cut off"));
  }
}

TEST_CASE("each flipped bit of an IDX header is an error") {
  for (size_t bit = 0; bit < 16 * 8; ++bit) {
    std::string bad = kSmall;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    INFO("bit " << bit);
    CHECK(read_report(bad) != "no error");
    CHECK(read_report(gzip(bad)) != "no error");
    CHECK(report_of([&] {
            auto stream = data::ByteStream::memory("x", bad);
            data::read_idx_header(stream);
          }) != "no error");
  }
}

TEST_CASE("a flipped bit of a gzip file never gives other values") {
  const std::string packed = gzip(kSmall);
  for (size_t bit = 16; bit < packed.size() * 8; ++bit) {
    std::string bad = packed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    INFO("bit " << bit);
    std::string md5 = files::md5_hex(kSmall);  // the time stamp and the like may differ without harm
    try {
      md5 = data::read_idx(data::ByteStream::memory("x", bad)).md5;
    } catch (const Error& e) {
      CHECK((e.kind == ErrorKind::kData || e.kind == ErrorKind::kUnsupported));
    }
    CHECK(md5 == files::md5_hex(kSmall));
  }
}

TEST_CASE("extra bytes, other types and impossible sizes are refused") {
  CHECK_THAT(read_report(kSmall + "x"), Contains("too long") && Contains("expected 28 bytes"));
  CHECK_THAT(read_report(gzip(kSmall + "x")), Contains("too long"));
  CHECK_THAT(read_report(gzip(kSmall) + "x"), Contains("corrupt") || Contains("cut off"));
  CHECK_THAT(read_report("PNG"), Contains("cut off"));
  CHECK_THAT(read_report("\x89PNG...."), Contains("two zero bytes") && Contains("0x89"));
  CHECK_THAT(read_report(idx_bytes({2}, "ab", 0x0D)), Contains("float32") && Contains("0x0d"));
  CHECK(kind_of(idx_bytes({2}, "ab", 0x0D)) == ErrorKind::kUnsupported);
  CHECK_THAT(read_report(idx_bytes({2}, "ab", 0x07)), Contains("unknown IDX type code 0x07"));
  CHECK_THAT(read_report(idx_bytes({1, 1, 1, 1, 1}, "a")), Contains("5 dimensions"));
  CHECK_THAT(read_report(idx_bytes({}, "a")), Contains("0 dimensions"));
  const std::string huge = idx_bytes({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "");
  CHECK_THAT(read_report(huge), Contains("more than any file can"));
  CHECK_THAT(read_report(gzip(huge)), Contains("more than any file can"));
}

TEST_CASE("a compressed file cannot ask for memory beyond what it can inflate to") {
  // 2^40 bytes claimed by a file of some 30: refused before anything is allocated.
  CHECK_THAT(read_report(gzip(idx_bytes({1U << 20, 1U << 10, 1U << 10}, "abc"))),
             Contains("cannot inflate to"));
  // The other way round: much more content than the header says is not inflated to its end.
  CHECK_THAT(read_report(gzip(idx_bytes({4}, std::string(1 << 24, '\0')))), Contains("too long"));
}
