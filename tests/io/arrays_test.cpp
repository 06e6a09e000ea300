#include "dlb/io/arrays.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string golden(const std::string& name) {
  return std::string(DLB_SOURCE_DIR) + "/tests/golden/arrays/" + name;
}

std::vector<double> values_of(const io::Array& array) {
  int64_t count = 1;
  for (const int64_t n : array.shape) count *= n;
  std::vector<char> raw(static_cast<size_t>(count) * static_cast<size_t>(array.type.bytes));
  array.bytes->read(raw.data(), raw.size(), 0);
  const DType to = array.type.natural();
  std::vector<double> out;
  std::vector<char> converted(static_cast<size_t>(count) * dtype_size(to));
  io::convert_elements(array.type, raw.data(), to, converted.data(), count);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const char* at = converted.data() + i * dtype_size(to);
    if (to == DType::kFloat32)
      out.push_back(static_cast<double>(*reinterpret_cast<const float*>(at)));
    else if (to == DType::kInt64)
      out.push_back(static_cast<double>(*reinterpret_cast<const int64_t*>(at)));
    else
      out.push_back(static_cast<double>(static_cast<uint8_t>(*at)));
  }
  return out;
}

std::string report_of(const std::string& path) {
  try {
    for (const io::Array& array : io::open_arrays(path)) values_of(array);
  } catch (const Error& e) {
    CHECK(e.kind != ErrorKind::kInternal);
    return e.report();
  }
  return "no error";
}

}  // namespace

TEST_CASE("npy files of every type have the values that NumPy wrote") {
  for (const std::string name :
       {"f2", "f4", "f8", "big_f4", "i1", "i2", "big_i4", "i8", "u1", "u2", "u4", "u8", "b1"}) {
    CAPTURE(name);
    const auto arrays = io::open_arrays(golden(name + ".npy"));
    REQUIRE(arrays.size() == 1);
    CHECK(arrays[0].shape == Shape{4, 3});
    const auto values = values_of(arrays[0]);
    for (size_t i = 0; i < 12; ++i) {
      const double n = static_cast<double>(i);
      const bool floats = name.find('f') != std::string::npos;
      CHECK(values[i] == (floats           ? n * 0.25 - 1
                          : name == "b1"   ? (i % 3 == 0 ? 1 : 0)
                          : name[0] == 'u' ? 3 * n
                                           : 3 * n - 5));
    }
  }
  CHECK(io::open_arrays(golden("scalars.npy"))[0].shape == Shape{5});
}

TEST_CASE("npz archives, stored and compressed, and safetensors") {
  for (const char* name : {"images.npz", "packed.npz"}) {
    const auto arrays = io::open_arrays(golden(name));
    REQUIRE(arrays.size() == 2);
    CHECK(arrays[0].name == "image");
    CHECK(arrays[0].shape == Shape{6, 3, 2, 4});
    CHECK(arrays[0].row_bytes() == 24);
    const auto values = values_of(arrays[0]);
    for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<double>(3 * i % 256));
    CHECK(values_of(arrays[1]) == std::vector<double>{0, 1, 2, 0, 1, 2});
  }
  const auto tensors = io::open_arrays(golden("table.safetensors"));
  REQUIRE(tensors.size() == 2);
  CHECK(values_of(tensors[0])[3] == -0.25);
  CHECK(values_of(tensors[1]) == std::vector<double>{-1, -0.75, -0.5, -0.25, 0});
}

TEST_CASE("what is not read is said") {
  CHECK_THAT(report_of(golden("fortran.npy")),
             Contains("stored column by column") && Contains("hint: save numpy.ascontiguousarray(array)"));
  CHECK_THAT(report_of(golden("object.npy")), Contains("holds objects of Python"));
  CHECK_THAT(report_of(golden("complex.npy")), Contains("holds values of type '<c8'"));
  CHECK_THAT(report_of(golden("../make_arrays.py")), Contains("is none of npy, npz and safetensors"));
  CHECK_THAT(report_of(golden("none.npy")), Contains("cannot read"));
  CHECK_THAT(report_of(golden("")), Contains("cannot read"));
}

TEST_CASE("bfloat16 and numbers that do not fit") {
  const uint16_t half[] = {0x3F80, 0xC000};
  float floats[2];
  io::convert_elements({'g', 2, false}, half, DType::kFloat32, floats, 2);
  CHECK(floats[0] == 1.0F);
  CHECK(floats[1] == -2.0F);
  const uint64_t large[] = {uint64_t{1} << 63};
  int64_t whole[3];
  CHECK_THROWS_AS(io::convert_elements({'u', 8, false}, large, DType::kInt64, whole, 1), Error);
  const double odd[] = {1e300, -1e300, std::numeric_limits<double>::quiet_NaN()};
  io::convert_elements({'f', 8, false}, odd, DType::kInt64, whole, 3);
  CHECK(whole[0] == std::numeric_limits<int64_t>::max());
  CHECK(whole[1] == std::numeric_limits<int64_t>::min());
  CHECK(whole[2] == 0);
}

TEST_CASE("cut off and damaged files are errors or values, never a crash") {
  const TempFolder tmp;
  const std::string path = tmp / "damaged";
  const auto write = [&](const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; };
  for (const char* name : {"i2.npy", "images.npz", "packed.npz", "table.safetensors"}) {
    CAPTURE(name);
    const std::string good = files::read_all(golden(name));
    for (size_t n = 0; n < good.size(); n += 1 + n / 100) {
      write(good.substr(0, n));
      CHECK(report_of(path) != "no error");
    }
    for (size_t at = 0; at < good.size(); ++at) {
      for (const int flip : {1, 0x80, 0xFF}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ flip);
        write(bad);
        report_of(path);
      }
    }
  }
  const std::string head = files::read_all(golden("f4.npy")).substr(0, 128);
  const auto with_shape = [&](const std::string& shape) {
    std::string text = head;
    const size_t at = text.find("(4, 3)");
    text.replace(at, shape.size(), shape);
    write(text);
    return report_of(path);
  };
  CHECK_THAT(with_shape("(4294967296, 4294967296, 4), }  "), Contains("is too large"));
  CHECK_THAT(with_shape("(0, 9223372036854775807, 9), } "), Contains("is too large"));
  CHECK_THAT(with_shape("(-1,  3)"), Contains("damaged npy header"));
  CHECK_THAT(with_shape("(7, 3)"), Contains("needs 84 bytes of data, the file has 0 (cut off?)"));
}
