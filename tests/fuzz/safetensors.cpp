/// \file Whatever is read of a safetensors file is written and read back the same, and its index agrees.

#include "dlb/io/safetensors.h"

#include <cstring>

#include "fuzz.h"

namespace {

using namespace dlb;

void compare(const io::NamedTensor& a, const io::NamedTensor& b) {
  FUZZ_REQUIRE(a.name == b.name);
  FUZZ_REQUIRE(a.value.dtype() == b.value.dtype() && a.value.shape() == b.value.shape());
  const size_t bytes = a.value.spec().bytes();
  FUZZ_REQUIRE(bytes == b.value.spec().bytes());
  FUZZ_REQUIRE(bytes == 0 || std::memcmp(a.value.raw(), b.value.raw(), bytes) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  static fuzz::MemoryFile memory;
  io::Safetensors file;
  std::vector<io::TensorPlace> index;
  const bool indexed =
      fuzz::taken([&] { index = io::index_safetensors(files::RandomFile(memory.with(bytes))); });
  if (!fuzz::taken([&] { file = io::parse_safetensors(bytes, "input"); })) return 0;
  FUZZ_REQUIRE(indexed && index.size() == file.tensors.size());
  size_t sum = 0;
  for (size_t i = 0; i < index.size(); ++i) {
    const io::NamedTensor& t = file.tensors[i];
    FUZZ_REQUIRE(index[i].name == t.name && index[i].shape == t.value.shape());
    const size_t n = t.value.spec().bytes();
    FUZZ_REQUIRE(index[i].offset <= size && n <= size - index[i].offset);
    sum += n;
  }
  FUZZ_REQUIRE(sum < size);
  const io::Safetensors again =
      io::parse_safetensors(io::to_safetensors(file.tensors, file.metadata), "again");
  FUZZ_REQUIRE(again.metadata == file.metadata && again.tensors.size() == file.tensors.size());
  // Empty tensors have the same offset as what follows them and may change places with it.
  for (const io::NamedTensor& t : file.tensors) {
    const Tensor* other = again.find(t.name);
    FUZZ_REQUIRE(other != nullptr);
    compare(t, {t.name, *other});
  }
  return 0;
}
