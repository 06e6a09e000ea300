#include "dlb/base/base64.h"

#include <catch2/catch.hpp>

using dlb::base64;

TEST_CASE("Base64: the test vectors of RFC 4648", "[base64]") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("fooba") == "Zm9vYmE=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xff\xfe") == "///+");
}
