#include "dlb/tensor/tensor.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace dlb;

TEST_CASE("handles share data, detach shares data without history", "[tensor]") {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2});
  const Tensor b = a;
  b.data<float>()[0] = 9;
  CHECK(a.to_vector<float>() == std::vector<float>{9, 2, 3, 4});
  const Tensor d = a.detach();
  CHECK(d.shares_storage(a));
  CHECK_FALSE(same(d, a));
}

TEST_CASE("strided reading and assigning", "[tensor]") {
  const Tensor base = Tensor::from(std::vector<int64_t>{0, 1, 2, 3, 4, 5}, {2, 3});
  TensorSpec spec = base.spec();
  spec.shape = {3, 2};
  spec.strides = {1, 3};
  const Tensor transposed = Tensor::wrap(base.storage(), 0, spec);
  CHECK(transposed.to_vector<int64_t>() == std::vector<int64_t>{0, 3, 1, 4, 2, 5});
  const Tensor copy = Tensor::empty({3, 2}, DType::kFloat32);
  copy.assign(transposed);
  CHECK(copy.to_vector<float>() == std::vector<float>{0, 3, 1, 4, 2, 5});
  transposed.assign(Tensor::from(std::vector<float>{10, 11, 12, 13, 14, 15}, {3, 2}));
  CHECK(base.to_vector<int64_t>() == std::vector<int64_t>{10, 12, 14, 11, 13, 15});
  CHECK_THROWS_AS(copy.assign(base), Error);
}

TEST_CASE("assignments are counted", "[tensor]") {
  const Tensor a = Tensor::from(std::vector<float>{1, 2}, {2});
  const uint32_t before = a.version();
  a.assign(Tensor::from(std::vector<float>{3, 4}, {2}));
  CHECK(a.version() == before + 1);
  CHECK(a.detach().version() == a.version());
}

TEST_CASE("wrap refuses a spec that does not fit its storage", "[tensor]") {
  const Tensor a = Tensor::empty({4});
  CHECK_THROWS_AS(Tensor::wrap(a.storage(), 1, a.spec()), Error);
  CHECK_THROWS_AS(Tensor::wrap(a.storage(), -1, a.spec()), Error);
}

TEST_CASE("item needs one element; gradients need a floating dtype", "[tensor]") {
  CHECK(Tensor::scalar(2.5).item() == 2.5);
  CHECK_THROWS_AS(Tensor::empty({2}).item(), Error);
  CHECK_THROWS_AS(Tensor::empty({2}, DType::kInt64).set_requires_grad(true), Error);
}

TEST_CASE("meta tensors take no memory", "[tensor]") {
  const auto before = cpu_allocator_stats().allocations;
  const Tensor t = Tensor::empty({1 << 20, 1 << 20}, DType::kFloat64, kMeta);
  CHECK(t.is_meta());
  CHECK(t.numel() == int64_t{1} << 40);
  CHECK(cpu_allocator_stats().allocations == before);
}

TEST_CASE("bfloat16 rounds to nearest even and keeps specials", "[tensor]") {
  CHECK(float(BFloat16(1.0F)) == 1.0F);
  CHECK(BFloat16(1.00390625F).bits == 0x3f80);  // exactly half way: to even
  CHECK(BFloat16(1.01171875F).bits == 0x3f82);  // half way, odd below: up to even
  CHECK(std::isinf(float(BFloat16(3.4e38F * 10))));
  CHECK(std::isnan(float(BFloat16(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(std::signbit(float(BFloat16(-0.0F))));
}

TEST_CASE("float16 agrees with the compiler's conversions for every bit pattern", "[tensor]") {
  // Every half value converts to float and back to itself, and halfway points round to even.
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Float16 h;
    h.bits = static_cast<uint16_t>(bits);
    const float f = h;
    if (std::isnan(f)) {
      CHECK(std::isnan(float(Float16(f))));
      continue;
    }
    if (Float16(f).bits != bits) FAIL("half " << bits << " -> " << f << " -> " << Float16(f).bits);
    if ((bits & 0x7fff) >= 0x7bff || std::isinf(f)) continue;
    Float16 next;
    next.bits = static_cast<uint16_t>(bits + 1);
    const float middle = static_cast<float>((static_cast<double>(f) + static_cast<double>(float(next))) / 2);
    const uint32_t even = (bits & 1) == 0 ? bits : bits + 1;
    if (Float16(middle).bits != even) FAIL("halfway above half " << bits);
  }
  CHECK(Float16(65519.996F).bits == 0x7bff);
  CHECK(Float16(65520.0F).bits == 0x7c00);
  CHECK(Float16(1e-10F).bits == 0);
}

TEST_CASE("dtype names and promotion", "[tensor]") {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto t = static_cast<DType>(i);
    CHECK(dtype_from_name(dtype_name(t)) == t);
    CHECK(promote(t, t) == t);
    for (int j = 0; j < kDTypeCount; ++j)
      CHECK(promote(t, static_cast<DType>(j)) == promote(static_cast<DType>(j), t));
  }
  CHECK_THROWS_WITH(dtype_from_name("float"), Catch::Contains("unknown dtype 'float'"));
  CHECK(promote(DType::kBFloat16, DType::kFloat16) == DType::kFloat32);
  CHECK(promote(DType::kInt64, DType::kFloat16) == DType::kFloat16);
  CHECK(promote(DType::kUInt8, DType::kInt32) == DType::kInt32);
  CHECK(promote(DType::kBool, DType::kUInt8) == DType::kUInt8);
}
