#include "dlb/io/safetensors.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "dlb/base/files.h"

using namespace dlb;
using namespace dlb::io;

namespace {

const std::string kGolden = std::string(DLB_SOURCE_DIR) + "/tests/io/python.safetensors";

std::string file_of(const std::string& header, const std::string& data) {
  std::string out;
  for (size_t i = 0; i < 8; ++i) out.push_back(static_cast<char>(header.size() >> (8 * i)));
  return out + header + data;
}

/// The message of the error that parsing raises; a test failure when it raises none or another kind.
std::string error_of(const std::string& bytes) {
  try {
    parse_safetensors(bytes, "bad.safetensors");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kData);
    return e.message;
  }
  FAIL("no error");
  return {};
}

using Catch::Matchers::Contains;

void check_golden(const Safetensors& file) {
  CHECK(file.metadata == std::map<std::string, std::string>{{"format", "np"},
                                                            {"note",
                                                             "gr\xc3\xb6\xc3\x9f"
                                                             "e"}});
  REQUIRE(file.tensors.size() == 10);
  CHECK(file.tensors[0].name == "i64");  // by offset
  auto values = [&](const std::string& name, DType dtype, const Shape& shape) {
    const Tensor* t = file.find(name);
    REQUIRE(t != nullptr);
    CHECK(t->dtype() == dtype);
    CHECK(t->shape() == shape);
    CHECK(reinterpret_cast<uintptr_t>(t->raw()) % 64 == 0);
    return t->to_vector<double>();
  };
  using V = std::vector<double>;
  CHECK(values("f32", DType::kFloat32, {2, 3}) == V{1.5, -2.0, 0.25, 3.0, static_cast<double>(1e-30F), -0.0});
  CHECK(std::signbit(values("f32", DType::kFloat32, {2, 3})[5]));
  CHECK(values("f64", DType::kFloat64, {2}) == V{3.141592653589793, -1e300});
  CHECK(values("bf16", DType::kBFloat16, {3}) == V{1.0, -2.5, 3.140625});
  CHECK(values("f16", DType::kFloat16, {3}) == V{0.5, 65504.0, -0x1p-24});
  CHECK(file.find("i64")->to_vector<int64_t>() == std::vector<int64_t>{-(int64_t{1} << 62), 7});
  CHECK(values("i32", DType::kInt32, {2}) == V{-5, 2147483647});
  CHECK(values("u8", DType::kUInt8, {3}) == V{0, 255, 17});
  CHECK(values("flags", DType::kBool, {3}) == V{1, 0, 1});
  CHECK(values("scalar", DType::kFloat32, {}) == V{42});
  CHECK(values("none", DType::kFloat32, {0, 3}).empty());
  CHECK(file.find("nothing") == nullptr);
}

}  // namespace

TEST_CASE("a file written by the Python package is read right") { check_golden(read_safetensors(kGolden)); }

TEST_CASE("all dtypes round trip, byte for byte") {
  const Safetensors first = read_safetensors(kGolden);
  const std::string bytes = to_safetensors(first.tensors, first.metadata);
  const Safetensors second = parse_safetensors(bytes, "copy");
  check_golden(second);
  CHECK(to_safetensors(second.tensors, second.metadata) == bytes);
  // Same order, so the same bytes as the reference writer.
  CHECK(bytes == files::read_all(kGolden));
}

TEST_CASE("data starts at a multiple of 8 bytes") {
  for (const std::string name : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    CHECK(safetensors_header({{name, Tensor::scalar(1)}}, {}).size() % 8 == 0);
  }
}

TEST_CASE("no tensors at all") {
  const Safetensors file = parse_safetensors(to_safetensors({}), "empty");
  CHECK(file.tensors.empty());
  CHECK(file.metadata.empty());
}

TEST_CASE("tensors that are not row-major are written row-major") {
  // Values 0..23 stored channels-last as [1, 2, 3, 4].
  TensorSpec spec = make_spec({1, 2, 3, 4}, DType::kFloat32);
  spec.strides = channels_last_strides(spec.shape);
  const Tensor x = Tensor::empty(spec);
  for (int64_t c = 0; c < 2; ++c) {
    for (int64_t p = 0; p < 12; ++p) x.data<float>()[p * 2 + c] = static_cast<float>(c * 12 + p);
  }
  // An expanded view with stride 0, from an offset.
  TensorSpec repeated = make_spec({3, 2}, DType::kFloat32);
  repeated.strides = {0, 1};
  const Tensor y = Tensor::wrap(Tensor::from<float>({9, 1, 2}, {3}).storage(), 1, repeated);
  const Safetensors file = parse_safetensors(to_safetensors({{"x", x}, {"y", y}}), "f");
  std::vector<double> expected(24);
  for (size_t i = 0; i < 24; ++i) expected[i] = static_cast<double>(i);
  CHECK(file.find("x")->to_vector<double>() == expected);
  CHECK(file.find("x")->is_contiguous());
  CHECK(file.find("y")->to_vector<double>() == std::vector<double>{1, 2, 1, 2, 1, 2});
}

TEST_CASE("what cannot be written is refused") {
  const Tensor t = Tensor::scalar(1);
  CHECK_THROWS_WITH(to_safetensors({{"a", t}, {"a", t}}), Contains("more than one tensor named 'a'"));
  CHECK_THROWS_WITH(to_safetensors({{"__metadata__", t}}), Contains("__metadata__"));
  CHECK_THROWS_WITH(to_safetensors({{"\xff", t}}), Contains("not valid UTF-8"));
  CHECK_THROWS_WITH(to_safetensors({{"a", t}}, {{"k", "\xc3"}}), Contains("not valid UTF-8"));
}

TEST_CASE("truncated at any byte: an error") {
  const std::string whole = files::read_all(kGolden);
  for (size_t n = 0; n < whole.size(); ++n) {
    INFO(n);
    CHECK_THROWS_AS(parse_safetensors(std::string(whole, 0, n), "cut"), Error);
  }
  CHECK_THROWS_AS(parse_safetensors(whole + "x", "long"), Error);
}

TEST_CASE("any header bit flipped: an error or a valid file, never more memory than the file") {
  const std::string whole = files::read_all(kGolden);
  const size_t header = whole.size() - 86;
  int refused = 0;
  for (size_t bit = 0; bit < header * 8; ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    // parse must not look past its view: a heap copy of exactly that size lets the sanitizer see it.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    try {
      size_t total = 0;
      for (const NamedTensor& t : parse_safetensors({exact.data(), exact.size()}, "flip").tensors) {
        total += t.value.spec().bytes();
        t.value.to_vector<double>();
      }
      CHECK(total == 86);
    } catch (const Error& e) {
      CHECK(e.kind == ErrorKind::kData);
      ++refused;
    }
  }
  CHECK(refused >
        static_cast<int>(header) * 2);  // names, metadata and padding may change freely, structure may not
}

TEST_CASE("random damage never crashes") {
  const std::string whole = files::read_all(kGolden);
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 4; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      parse_safetensors(bytes, "random");
    } catch (const Error& e) {
      if (e.kind != ErrorKind::kData) throw;
    }
  }
}

TEST_CASE("offsets: order in the header is free, gaps and overlap are not") {
  const std::string b_first =
      R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  const Safetensors file = parse_safetensors(file_of(b_first, "xyz"), "f");
  CHECK(file.tensors[0].name == "a");
  CHECK(file.find("b")->to_vector<int>() == std::vector<int>{'y', 'z'});

  auto two = [](int begin_a, int end_a, int begin_b, int end_b) {
    return fmt::format(
        R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},"b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
        end_a - begin_a, begin_a, end_a, end_b - begin_b, begin_b, end_b);
  };
  CHECK_THAT(error_of(file_of(two(0, 2, 1, 3), "xyz")), Contains("'b' starts at byte 1 of the data, inside"));
  CHECK_THAT(error_of(file_of(two(0, 2, 0, 2), "xy")), Contains("'b' starts at byte 0 of the data, inside"));
  CHECK_THAT(error_of(file_of(two(0, 1, 2, 3), "xyz")),
             Contains("'b' starts at byte 2 of the data, with a gap after"));
  CHECK_THAT(error_of(file_of(two(1, 2, 2, 3), "xyz")), Contains("'a' starts at byte 1"));
  CHECK_THAT(error_of(file_of(two(0, 1, 1, 2), "xyz")),
             Contains("the header describes 2 bytes of data, the file has 3"));
  CHECK_THAT(error_of(file_of(two(0, 1, 1, 4), "xyz")), Contains("the file has 3 (truncated?)"));
}

TEST_CASE("sizes that do not fit") {
  auto one = [](const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
    return file_of(
        R"({"w":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}}",
        "12345678");
  };
  CHECK(parse_safetensors(one("2", "0,8"), "ok").tensors.size() == 1);
  CHECK_THAT(error_of(one("3", "0,8")),
             Contains("tensor 'w': F32 [3] needs 12 bytes, but data_offsets are [0, 8]"));
  CHECK_THAT(error_of(one("2", "8,0")), Contains("data_offsets are [8, 0]"));
  CHECK_THAT(error_of(one("4611686018427387904,4", "0,0")), Contains("too large"));
  CHECK_THAT(error_of(one("9223372036854775807,2,2,2", "0,8")), Contains("too large"));
  CHECK_THAT(error_of(one("18446744073709551615", "0,8")), Contains("too large"));
  CHECK_THAT(error_of(one("0,4611686018427387904,4611686018427387904", "0,0")), Contains("too large"));
  CHECK_THAT(error_of(one("99999999999999999999999", "0,8")),
             Contains("unexpected the number 99999999999999999999999"));
  CHECK_THAT(error_of(one("-2", "0,8")), Contains("negative"));
  CHECK_THAT(error_of(one("2.0", "0,8")), Contains("unexpected the number 2.0"));
  CHECK_THAT(error_of(one("2", "0,4,8")), Contains("two numbers"));
  CHECK_THAT(error_of(one("2", "0")), Contains("two numbers"));
  CHECK_THAT(error_of(one("2", "0,8", "F8_E4M3")), Contains("dtype 'F8_E4M3'; supported are F32"));
  std::string ones = "2";
  for (int i = 0; i < 64; ++i) ones += ",1";
  CHECK_THAT(error_of(one(ones, "0,8")), Contains("more than 64"));
}

TEST_CASE("headers that are no header") {
  CHECK_THAT(error_of("short"), Contains("5 bytes are too few"));
  CHECK_THAT(error_of(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)),
             Contains("claims 18446744073709551615 bytes"));
  CHECK_THAT(error_of(std::string("\x03\0\0\0\0\0\0\0{}", 10)),
             Contains("claims 3 bytes, but only 2 follow"));
  CHECK_THAT(error_of(file_of("", "")), Contains("must start with '{'"));
  CHECK_THAT(error_of(file_of("[]", "")), Contains("must start with '{'"));
  CHECK_THAT(error_of(file_of("{} x", "")), Contains("no valid JSON"));
  CHECK_THAT(error_of(file_of("{", "")), Contains("no valid JSON"));
  CHECK_THAT(error_of(file_of("{\"\xff\":1}", "")), Contains("no valid JSON"));
  CHECK_THAT(error_of(file_of(R"({"a":1})", "")),
             Contains("tensor 'a': its description must be an object, not a number"));
  CHECK_THAT(error_of(file_of(R"({"a":{}})", "")), Contains("tensor 'a': missing key 'dtype'"));
  CHECK_THAT(error_of(file_of(R"({"a":{"dtype":"U8","shape":[0]}})", "")),
             Contains("missing key 'data_offsets'"));
  CHECK_THAT(error_of(file_of(R"({"a":{"dtype":null}})", "")), Contains("unexpected null at key 'dtype'"));
  CHECK_THAT(error_of(file_of(R"({"a":{"kind":"U8"}})", "")), Contains("unexpected a string at key 'kind'"));
  CHECK_THAT(error_of(file_of(R"({"a":{"shape":[[1]]}})", "")), Contains("unexpected a list at key 'shape'"));
  CHECK_THAT(error_of(file_of(R"({"a":{"dtype":"U8","dtype":"U8"}})", "")),
             Contains("duplicate key 'dtype'"));
  CHECK_THAT(error_of(file_of(R"({"__metadata__":{"k":1}})", "")),
             Contains("metadata 'k' must be a string, not a number"));
  CHECK_THAT(error_of(file_of(R"({"__metadata__":{"k":"v","k":"w"}})", "")), Contains("duplicate key 'k'"));
  const std::string a = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK_THAT(error_of(file_of("{" + a + "," + a + "}", "")), Contains("tensor 'a': the name is there twice"));
}

TEST_CASE("nesting bombs end at once") {
  const std::string deep(5'000'000, '[');
  CHECK_THAT(error_of(file_of(R"({"a":)" + deep, "")), Contains("its description must be an object"));
  CHECK_THAT(error_of(file_of(R"({"a":{"shape":)" + deep, "")), Contains("unexpected a list"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  CHECK_THAT(error_of(file_of(objects, "")), Contains("unexpected an object"));
}

TEST_CASE("a BOOL other than 0 and 1 is refused") {
  const std::string header = R"({"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})";
  CHECK(parse_safetensors(file_of(header, std::string("\0\1", 2)), "f").find("m")->to_vector<int>() ==
        std::vector<int>{0, 1});
  CHECK_THAT(error_of(file_of(header, "\1\2")), Contains("tensor 'm': a BOOL must be 0 or 1, found 2"));
}

TEST_CASE("a missing file is an io error with its path") {
  try {
    read_safetensors("/nonexistent/w.safetensors");
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kIo);
    CHECK_THAT(e.message, Contains("/nonexistent/w.safetensors"));
  }
}
