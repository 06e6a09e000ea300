#include "dlb/base/inline_vector.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using dlb::InlineVector;

TEST_CASE("an inline vector behaves like a vector through random operations") {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    InlineVector<std::string, 3> ours;
    std::vector<std::string> reference;
    for (int step = 0; step < 60; ++step) {
      const std::string value = std::string(random() % 40, 'a') + std::to_string(step);
      const size_t at = reference.empty() ? 0 : random() % reference.size();
      switch (random() % 7) {
        case 0:
        case 1:
          ours.push_back(value);
          reference.push_back(value);
          break;
        case 2:
          ours.insert(at, value);
          reference.insert(reference.begin() + static_cast<std::ptrdiff_t>(at), value);
          break;
        case 3:
          if (!reference.empty()) {
            ours.erase(at);
            reference.erase(reference.begin() + static_cast<std::ptrdiff_t>(at));
          }
          break;
        case 4:
          ours.resize(at + 2, value);
          reference.resize(at + 2, value);
          break;
        case 5: {
          InlineVector<std::string, 3> copy = ours;
          CHECK(copy == ours);
          ours = std::move(copy);
          break;
        }
        default: {
          InlineVector<std::string, 3> moved = std::move(ours);
          ours = moved;
          break;
        }
      }
      REQUIRE(std::vector<std::string>(ours.begin(), ours.end()) == reference);
    }
  }
}
