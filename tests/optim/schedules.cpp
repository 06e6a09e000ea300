// Schedules: durations, limits and errors beyond the comparison with PyTorch.
#include <catch2/catch.hpp>
#include <limits>

#include "dlb/optim/schedule.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::unique_ptr<optim::Schedule> make(const std::string& text, int64_t total = 100, int64_t per_epoch = 10) {
  auto schedule = golden::make(golden::Json::parse(text), optim::schedule_types());
  schedule->prepare({1.0, total, per_epoch});
  return schedule;
}

}  // namespace

TEST_CASE("a lone number sets cosine's warm-up") {
  const auto s = make(R"({"cosine": 20})");
  CHECK(s->lr(0) == 0);
  CHECK(s->lr(10) == Approx(0.5));
  CHECK(s->lr(20) == 1.0);
  CHECK(s->lr(60) == Approx(0.5));
  CHECK(s->lr(99) < 0.001);
  CHECK(s->lr(1000) == 0);
}

TEST_CASE("smooth exponential passes through the steps of the other") {
  const auto smooth = make(R"({"exponential": {"gamma": 0.5, "smooth": true}})"),
             steps = make(R"({"exponential": {"gamma": 0.5}})");
  CHECK(smooth->lr(30) == Approx(steps->lr(30)));
  CHECK(smooth->lr(35) == Approx(0.125 * std::sqrt(0.5)));
  CHECK(steps->lr(35) == Approx(0.125));
}

TEST_CASE("milestones count from the start of the run, warm-up included") {
  const auto s = make(R"({"multi_step": {"at": ["3 epochs", 50], "warmup": "1 epoch"}})");
  CHECK(s->lr(5) == Approx(0.5));
  CHECK(s->lr(29) == 1.0);
  CHECK(s->lr(30) == Approx(0.1));
  CHECK(s->lr(50) == Approx(0.01));
  CHECK(make(R"({"multi_step": {"at": 40}})")->lr(40) == Approx(0.1));
}

TEST_CASE("a warm-up as long as the run is an error") {
  CHECK_THROWS_WITH(make(R"({"cosine": {"warmup": "10 epochs"}})"),
                    Catch::Contains("warm-up of 100 steps is not shorter than the run of 100"));
  CHECK_THROWS_WITH(make(R"({"step": {"every": "0.04 epochs"}})"), Catch::Contains("at least one step"));
  CHECK_THROWS_WITH(make(R"({"multi_step": {"at": ["soon"]}})"), Catch::Contains("multi_step.at"));
}

TEST_CASE("one_cycle survives runs of a few steps") {
  for (const int64_t total : {1, 2, 3}) {
    const auto s = make(R"({"one_cycle": {}})", total);
    for (int64_t k = 0; k < total; ++k) {
      CHECK(s->lr(k) > 0);
      CHECK(s->lr(k) <= 1.0);
    }
  }
}

TEST_CASE("plateau counts NaN as no improvement") {
  const auto s = make(R"({"plateau": {"factor": 0.5, "patience": 1}})");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  s->observe(nan, false);
  CHECK(s->lr(0) == 1.0);
  s->observe(nan, false);
  CHECK(s->lr(0) == 0.5);
  s->observe(3.0, false);
  s->observe(nan, false);
  CHECK(s->lr(0) == 0.5);
  CHECK_THROWS_WITH(s->set_state({1, 2}), Catch::Contains("5 numbers, got 2"));
}

TEST_CASE("joined schedules report wrong parts at their place") {
  const auto message = [](const std::string& text) -> std::string {
    try {
      make(text);
    } catch (const Error& e) {
      return e.report();
    }
    return "no error";
  };
  CHECK_THAT(message(R"({"sequential": {"schedules": ["constant", "cosine"], "milestones": [10, 20]}})"),
             Catch::Contains("2 schedules need 1 milestones, got 2"));
  CHECK_THAT(
      message(R"({"sequential": {"schedules": ["constant", "cosine", "linear"], "milestones": [20, 10]}})"),
      Catch::Contains("milestones must rise: step 10 comes after step 20"));
  CHECK_THAT(message(R"({"sequential": {"schedules": ["constant", "cosine"], "milestones": ["10 epochs"]}})"),
             Catch::Contains("the milestone at step 100 is not within the run of 100 steps"));
  CHECK_THAT(message(R"({"sequential": {"schedules": ["constant", "plateau"], "milestones": 5}})"),
             Catch::Contains("plateau cannot be part of sequential"));
  CHECK_THAT(message(R"({"sequential": {"schedules": ["constant", "cosin"], "milestones": 5}})"),
             Catch::Contains("unknown schedule 'cosin'; did you mean 'cosine'?"));
  CHECK_THAT(message(R"({"sequential": {"schedules": [], "milestones": 5}})"),
             Catch::Contains("sequential.schedules is a list of schedules, got"));
  CHECK_THAT(message(R"({"chained": 3})"),
             Catch::Contains("chained.schedules is a list of schedules, got 3"));
  CHECK_THAT(message(R"({"chained": [{"cyclic": 0.5}, {"cosine": 200}]})"),
             Catch::Contains("max_lr is 0.5, below the optimizer's rate of 1") &&
                 Catch::Contains("warm-up of 200 steps is not shorter"));
}

TEST_CASE("one schedule after the other lasts until the next") {
  const auto s = make(R"({"sequential": {"schedules": ["linear", "linear"], "milestones": ["4 epochs"]}})");
  CHECK(s->lr(0) == 1);
  CHECK(s->lr(20) == Approx(0.5));
  CHECK(s->lr(40) == 1);
  CHECK(s->lr(70) == Approx(0.5));
  CHECK(s->lr(200) == 0);
}
