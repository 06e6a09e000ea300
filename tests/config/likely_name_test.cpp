#include "dlb/config/likely_name.h"

#include <catch2/catch.hpp>

using namespace dlb::config;

TEST_CASE("what other programs say is known, where its name here is valid") {
  const std::vector<std::string> layers = {"conv2d", "linear", "max_pool1d", "max_pool2d"};
  CHECK(likely_name("Dense", layers) == "linear");
  CHECK(likely_name("InnerProduct", layers) == "linear");
  CHECK(likely_name("MaxPooling2D", layers) == "max_pool2d");
  CHECK(likely_name("maxpool", layers) == "max_pool2d");
  CHECK(likely_name("learning_rate", {"lr", "momentum"}) == "lr");
  CHECK(likely_name("learning_rate", {"momentum"}) == "");
  CHECK(likely_name("dense", {"conv2d"}) == "");
  // Whatever they do not say is taken for a typo.
  CHECK(likely_name("lineer", layers) == "linear");
  CHECK(likely_name("temperature", layers) == "");
  CHECK(likely_name(std::string(100'000, 'a'), layers) == "");
}
