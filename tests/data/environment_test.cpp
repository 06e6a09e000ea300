#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/backend/cpu/install.h"
#include "dlb/data/cart_pole.h"
#include "dlb/data/grid_world.h"
#include "dlb/data/rollouts.h"
#include "dlb/ops/create.h"

using namespace dlb;
using namespace dlb::data;

namespace {

RandomStream stream(uint64_t seed) { return RandomStream({seed, RngPurpose::kUser, 0, 0}); }

std::vector<float> seen(const Environment& world, size_t count) {
  std::vector<float> values(count);
  world.observe(values.data());
  return values;
}

/// The fields from S to G of a board, by the actions.
double play(const GridWorldSource& source, const std::vector<int64_t>& actions, bool& done) {
  const auto world = source.make();
  RandomStream random = stream(1);
  world->reset(random);
  double sum = 0;
  for (const int64_t a : actions) {
    const Environment::Outcome outcome = world->step(a, random);
    sum += outcome.reward;
    done = outcome.done;
  }
  return sum;
}

}  // namespace

TEST_CASE("a cart-pole follows the equations of motion") {
  const CartPoleSource source;
  const auto world = source.make();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random = stream(seed);
    world->reset(random);
    auto now = seen(*world, 4);
    for (const float v : now) CHECK(std::abs(v) <= 0.05F);
    for (int step = 0; step < 400; ++step) {
      const int64_t action = static_cast<int64_t>(random.below(2));
      const Environment::Outcome outcome = world->step(action, random);
      const auto next = seen(*world, 4);
      CHECK(outcome.reward == 1);
      // The two equations of Lagrange for masses 1 and 0.1 and a half length of 0.5, which the accelerations
      // must solve: (M + m) a + m l w' cos = F + m l w^2 sin, and 4/3 l w' + a cos = g sin.
      const double a = (next[1] - now[1]) / 0.02, turn = (next[3] - now[3]) / 0.02;
      const double sine = std::sin(now[2]), cosine = std::cos(now[2]), force = action == 1 ? 10 : -10;
      CHECK(1.1 * a + 0.05 * turn * cosine == Approx(force + 0.05 * now[3] * now[3] * sine).margin(2e-3));
      CHECK(4.0 / 3 * 0.5 * turn + a * cosine == Approx(9.8 * sine).margin(2e-3));
      CHECK(next[0] == Approx(now[0] + 0.02 * now[1]).margin(1e-6));
      CHECK(next[2] == Approx(now[2] + 0.02 * now[3]).margin(1e-6));
      const bool out = std::abs(next[0]) > 2.4 || std::abs(next[2]) > 12 * 3.14159265358979 / 180;
      CHECK(outcome.done == out);
      if (outcome.done) break;
      now = next;
      REQUIRE(step < 399);
    }
  }
}

TEST_CASE("a grid world has walls, borders, traps and goals") {
  GridWorldSource source;
  source.board = {"S.#", "X.G"};
  source.bind({});
  CHECK(source.features() == 6);
  bool done = false;
  CHECK(play(source, {0, 3, 1}, done) == Approx(-0.03));  // twice against the border
  CHECK_FALSE(done);
  CHECK(play(source, {1, 1}, done) == Approx(-0.02));  // into the wall
  CHECK_FALSE(done);
  CHECK(play(source, {2}, done) == -1);
  CHECK(done);
  CHECK(play(source, {1, 2, 1}, done) == Approx(0.98));
  CHECK(done);
  const auto world = source.make();
  RandomStream random = stream(2);
  world->reset(random);
  CHECK(seen(*world, 6) == std::vector<float>{1, 0, 0, 0, 0, 0});
  world->step(1, random);
  CHECK(seen(*world, 6) == std::vector<float>{0, 1, 0, 0, 0, 0});
}

TEST_CASE("a slippery field leads to each side half the time") {
  GridWorldSource source;
  source.board = {"...", ".S.", ".G."};
  source.slip = 0.4;
  const auto world = source.make();
  RandomStream random = stream(3);
  int up = 0, left = 0, right = 0;
  for (int i = 0; i < 4000; ++i) {
    world->reset(random);
    world->step(0, random);
    const auto now = seen(*world, 9);
    up += now[1] == 1;
    left += now[3] == 1;
    right += now[5] == 1;
  }
  CHECK(up + left + right == 4000);
  CHECK(up == Approx(2400).margin(130));
  CHECK(left == Approx(800).margin(110));
}

TEST_CASE("boards that cannot be played are refused") {
  const auto report = [](std::vector<std::string> board) -> std::string {
    GridWorldSource source;
    source.board = std::move(board);
    try {
      source.bind({});
    } catch (const Error& e) {
      return e.message;
    }
    return "";
  };
  CHECK(report({"SG"}).empty());
  CHECK(report({"S.", "G"}) == "grid_world.board must be a rectangle: row 2 has 1 fields, row 1 has 2");
  CHECK(report({"SG", ".x"}) == "grid_world.board has 'x' in row 2, expected one of S, G, X, #, .");
  CHECK(report({"..", ".G"}) == "grid_world.board has no start S");
  CHECK(report({"S#G", ".XS"}) ==
        "grid_world.board: no goal G can be reached from the start in row 1, column 1");
  CHECK(report({""}) == "grid_world.board has rows of 0 fields, expected 1 to 64");
}

TEST_CASE("rollouts join episodes, discount their rewards, and follow from the key alone") {
  backend::cpu::install();
  CartPoleSource source;
  source.max_steps = 30;
  source.discount = 0.5;
  const Policy even = [](const Tensor& x) { return zeros({x.dim(0), 2}); };
  Rollouts a(source, {4, 10, 7, 0, false}), b(source, {4, 10, 7, 0, false}), c(source, {2, 10, 7, 0, false});
  CHECK(a.batches() == 3);
  CHECK_FALSE(a.next(even));
  a.start(3);
  b.start(3, 1);
  c.start(3);
  const auto first = a.next(even), second = a.next(even), third = a.next(even);
  REQUIRE((first && second && third));
  CHECK_FALSE(a.next(even));
  CHECK(third->size == 2);
  // Going on at batch 1 gives the same one; batches of another size hold the same episodes.
  const auto again = b.next(even);
  const auto pair = c.next(even);
  for (const char* name : {"observation", "action", "return", "episode_reward"}) {
    CHECK(second->column(name).to_vector<double>() == again->column(name).to_vector<double>());
    const auto all = first->column(name).to_vector<double>(), two = pair->column(name).to_vector<double>();
    REQUIRE(two.size() < all.size());
    CHECK(std::equal(two.begin(), two.end(), all.begin()));
  }
  const auto rewards = first->column("episode_reward").to_vector<double>();
  const auto returns = first->column("return").to_vector<double>();
  CHECK(rewards.size() == 4);
  size_t at = 0;
  for (const double length : rewards) {
    for (int left = static_cast<int>(length); left > 0; --left, ++at)
      CHECK(returns[at] == Approx(2 - std::pow(0.5, left - 1)));
  }
  CHECK(at == returns.size());
  CHECK(first->column("observation").shape() == Shape{static_cast<int64_t>(at), 4});
}

TEST_CASE("actions are drawn from the softmax of the scores, or the best one") {
  backend::cpu::install();
  GridWorldSource source;
  source.board = {"SSSS", "GGGG"};
  source.max_steps = 1;
  // Softmax: 0.1, 0.2, 0.3, 0.4
  const Policy policy = [](const Tensor& x) {
    std::vector<float> scores;
    for (int64_t i = 0; i < x.dim(0); ++i) {
      for (const double p : {0.1, 0.2, 0.3, 0.4}) scores.push_back(static_cast<float>(std::log(p) + 50));
    }
    return Tensor::from(scores, {x.dim(0), 4});
  };
  Rollouts drawn(source, {4000, 4000, 1, 0, false}), best(source, {10, 10, 1, 0, true});
  drawn.start(0);
  best.start(0);
  std::vector<int> counts(4, 0);
  const auto batch = drawn.next(policy), greedy = best.next(policy);
  for (const int64_t a : batch->column("action").to_vector<int64_t>()) ++counts[static_cast<size_t>(a)];
  for (size_t a = 0; a < 4; ++a) CHECK(counts[a] == Approx(400.0 * static_cast<double>(a + 1)).margin(110));
  CHECK(greedy->column("action").to_vector<int64_t>() == std::vector<int64_t>(10, 3));
}

TEST_CASE("scores that cannot be followed are errors") {
  backend::cpu::install();
  const CartPoleSource source;
  Rollouts rollouts(source, {2, 2, 1, 0, false});
  rollouts.start(0);
  CHECK_THROWS_WITH(rollouts.next([](const Tensor& x) {
    return zeros({x.dim(0), 3});
  }),
                    Catch::Contains("the policy must give scores [2, 2] of the actions, got [2, 3]"));
  CHECK_THROWS_WITH(rollouts.next([](const Tensor& x) {
    return full({x.dim(0), 2}, NAN);
  }),
                    Catch::Contains("the policy's scores are not finite at step 1 of episode 1"));
}
