#include <fmt/format.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>

#include "dlb/base/files.h"

namespace dlb::files {
namespace {

const uint8_t* bytes_of(const void* data) { return static_cast<const uint8_t*>(data); }

std::string hex_of(std::span<const uint8_t> digest) {
  std::string out;
  for (const uint8_t byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace

std::string md5_hex(std::string_view data) {
  md5_ctx context;
  md5_init(&context);
  md5_update(&context, data.size(), bytes_of(data.data()));
  uint8_t digest[MD5_DIGEST_SIZE];
  md5_digest(&context, sizeof digest, digest);
  return hex_of(digest);
}

std::string sha256_hex(std::string_view data) {
  Sha256 sum;
  sum.update(data.data(), data.size());
  return sum.hex();
}

struct Sha256::Impl {
  sha256_ctx context;
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) { sha256_init(&impl_->context); }

Sha256::~Sha256() = default;

void Sha256::update(const void* data, size_t bytes) { sha256_update(&impl_->context, bytes, bytes_of(data)); }

std::string Sha256::hex() {
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&impl_->context, sizeof digest, digest);
  return hex_of(digest);
}

}  // namespace dlb::files
