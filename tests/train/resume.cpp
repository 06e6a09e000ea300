#include <catch2/catch.hpp>
#include <csignal>

#include "dlb/base/error.h"
#include "dlb/train/checkpoint.h"
#include "dlb/train/signals.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

namespace {

struct Case {
  const char* name;
  std::string model;
  std::string rest;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"adam", kMlp, "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 2, log_every: 3}\n"},
      {"momentum, cosine with warm-up", kMlp,
       "optimizer: {sgd: {lr: 0.1, momentum: 0.9, nesterov: true}}\nschedule: {cosine: {warmup: 3}}\n"
       "train: {epochs: 2, checkpoint: {every: 3}}\n"},
      {"batch norm, dropout", kBnDropout,
       "optimizer: {adamw: {lr: 1e-2}}\ntrain: {epochs: 2, log_every: 5}\n"},
      {"average, clipping", kBnDropout,
       "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 2, ema: 0.9, clip_norm: 0.5}\n"},
      {"accumulation with a short last window", kBnDropout,
       "optimizer: {rmsprop: {lr: 1e-3}}\ntrain: {epochs: 4, accumulate: 3, log_every: 2}\n"},
      {"plateau, best, early stopping", kMlp,
       "optimizer: {sgd: {lr: 0.5}}\nschedule: {plateau: {patience: 1, factor: 0.5}}\n"
       "train: {epochs: 6, eval_every: 2, checkpoint: {every: 5, keep: {best: accuracy}}, early_stopping: "
       "{patience: 4, min_delta: 0.01}}\n"},
  };
  return list;
}

/// Runs to `steps` updates, then on to the end; the step where it stops is no checkpoint of its own accord.
RunResult in_two(const std::string& config, const std::string& out, int64_t steps) {
  TrainOptions o = options(config, out);
  o.max_steps = steps;
  train::train(o);
  o.max_steps = -1;
  o.resume = true;
  return train::train(o);
}

}  // namespace

TEST_CASE("a resumed run ends bit for bit like an undisturbed one") {
  const TempFolder tmp;
  for (const Case& c : cases()) {
    DYNAMIC_SECTION(c.name) {
      const std::string config = tmp.write("a.yaml", digits_config(c.model, c.rest));
      const RunResult whole = train::train(options(config, tmp / "whole"));
      REQUIRE(whole.status == "done");
      REQUIRE(whole.steps >= 4);
      for (const int64_t steps : {int64_t{1}, whole.steps / 2, whole.steps - 1}) {
        const std::string out = tmp / "parts";
        const RunResult parts = in_two(config, out, steps);
        INFO("stopped after step " << steps);
        CHECK(parts.params_hash == whole.params_hash);
        CHECK(parts.metrics == whole.metrics);
        CHECK(records(out) == records(tmp / "whole"));
        files::remove_all(out);
      }
    }
  }
}

TEST_CASE("augmentation goes on where it was") {
  const TempFolder tmp;
  std::string text = digits_config(kBnDropout, "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 2}\n");
  text.replace(text.find("  transforms"), 0, "  augment: [random_crop: {size: 8, padding: 1}]\n");
  const std::string config = tmp.write("a.yaml", text);
  const RunResult whole = train::train(options(config, tmp / "whole"));
  const RunResult parts = in_two(config, tmp / "parts", 5);
  CHECK(parts.params_hash == whole.params_hash);
  // The seed matters: otherwise the check above would show nothing.
  TrainOptions other = options(config, tmp / "other");
  other.overrides = {"seed=4"};
  CHECK(train::train(other).params_hash != whole.params_hash);
}

TEST_CASE("a signal at any step leaves a run that ends like an undisturbed one") {
  const TempFolder tmp;
  const Case& c = cases().back();
  const std::string config = tmp.write("a.yaml", digits_config(c.model, c.rest));
  const RunResult whole = train::train(options(config, tmp / "whole"));
  for (int64_t steps = 1; steps <= whole.steps; ++steps) {
    TrainOptions o = options(config, tmp / "parts");
    o.on_update = [&](int64_t step, double) {
      if (step == steps) std::raise(steps % 2 == 0 ? SIGINT : SIGTERM);
    };
    const RunResult first = train::train(o);
    INFO("signal after step " << steps);
    CHECK(first.status == "interrupted");
    CHECK(first.steps == steps);
    CHECK(run_json(o.out)["status"] == "interrupted");
    o.on_update = {};
    o.resume = true;
    CHECK(train::train(o).params_hash == whole.params_hash);
    CHECK(records(o.out) == records(tmp / "whole"));
    files::remove_all(o.out);
  }
}

TEST_CASE("a signal that comes twice at once is one wish to stop") {
  const SignalScope scope;
  CHECK(!SignalScope::stop_requested());
  std::raise(SIGINT);
  std::raise(SIGINT);  // a second wish would end the process here
  CHECK(SignalScope::stop_requested());
}

TEST_CASE("a finished run that is resumed gives the same result and trains nothing") {
  const TempFolder tmp;
  const std::string config = tmp.write("a.yaml", digits_config(kMlp, cases()[0].rest));
  TrainOptions o = options(config, tmp / "run");
  const RunResult first = train::train(o);
  o.resume = true;
  o.on_update = [](int64_t, double) { FAIL("trained on"); };
  const RunResult again = train::train(o);
  CHECK(again.status == "done");
  CHECK(again.params_hash == first.params_hash);
  CHECK(again.metrics == first.metrics);
  CHECK(again.steps == first.steps);
}

TEST_CASE("a run killed before its first checkpoint starts again in its folder") {
  const TempFolder tmp;
  const std::string config = tmp.write("a.yaml", digits_config(kMlp, cases()[0].rest));
  const RunResult whole = train::train(options(config, tmp / "whole"));
  TrainOptions o = options(config, tmp / "run");
  o.resume = true;
  SECTION("folder missing") {}
  SECTION("folder empty") { files::make_folders(o.out); }
  SECTION("only the lock and an unfinished config") {
    files::make_folders(o.out);
    tmp.write("run/.lock", "1");
    tmp.write("run/config.yaml.tmp-123-0", "name: sma");
  }
  SECTION("config and records, no checkpoint") {
    files::make_folders(o.out);
    files::write_atomic(tmp / "run/config.yaml", files::read_all(tmp / "whole/config.yaml"));
    tmp.write("run/metrics.jsonl", "{\"step\": 1, \"epo");
    files::make_folders(tmp / "run/checkpoints/step-8.tmp-55-1");
  }
  const RunResult r = train::train(o);
  CHECK(r.params_hash == whole.params_hash);
  CHECK(records(o.out) == records(tmp / "whole"));
  CHECK(files::list(tmp / "run/checkpoints") == files::list(tmp / "whole/checkpoints"));
}

TEST_CASE("resuming with another config shows what differs") {
  const TempFolder tmp;
  const std::string config = tmp.write("a.yaml", digits_config(kMlp, cases()[0].rest));
  TrainOptions o = options(config, tmp / "run");
  o.max_steps = 4;
  train::train(o);
  o.max_steps = -1;
  o.resume = true;

  SECTION("every forbidden change is listed, with both values") {
    o.overrides = {"optimizer.adam.lr=0.5", "data.batch=8", "train.checkpoint.every=3"};
    try {
      train::train(o);
      FAIL("accepted");
    } catch (const Error& e) {
      const std::string text = e.report();
      CHECK(exit_code(e.kind) == 2);
      CHECK_THAT(text,
                 Catch::Contains("'optimizer.adam.lr' is 0.5 here") && Catch::Contains("began with 0.01"));
      CHECK_THAT(text, Catch::Contains("'data.batch' is 8 here") && !Catch::Contains("checkpoint.every"));
    }
  }
  SECTION("the length may change with --extend alone") {
    o.overrides = {"train.epochs=3"};
    CHECK_THROWS_WITH(train::train(o),
                      Catch::Contains("'train.epochs' is 3 here") && Catch::Contains("--extend"));
    o.extend = true;
    CHECK(train::train(o).epochs == 3);
  }
  SECTION("what has no part in the weights may change") {
    o.overrides = {"train.checkpoint.every=3", "train.log_every=2", "data.prefetch=1", "description=again"};
    CHECK(train::train(o).params_hash == train::train(options(config, tmp / "whole")).params_hash);
  }
  SECTION("a done run can be extended") {
    const RunResult first = train::train(o);
    o.overrides = {"train.epochs=3"};
    o.extend = true;
    const RunResult longer = train::train(o);
    CHECK(first.epochs == 2);
    CHECK(longer.epochs == 3);
    CHECK(longer.params_hash == train::train([&] {
                                  TrainOptions w = options(config, tmp / "whole");
                                  w.overrides = o.overrides;
                                  return w;
                                }())
                                    .params_hash);
  }
}

TEST_CASE("--resume CKPT goes back to that checkpoint") {
  const TempFolder tmp;
  const std::string config = tmp.write(
      "a.yaml",
      digits_config(
          kMlp,
          "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 2, checkpoint: {every: 4, keep: {last: 9}}}\n"));
  const RunResult whole = train::train(options(config, tmp / "run"));
  REQUIRE(checkpoint_steps(tmp / "run/checkpoints") == std::vector<int64_t>{4, 8, 12, 16});
  TrainOptions o = options(config, "");
  o.resume = true;
  o.resume_from = tmp / "run/checkpoints/step-8";
  int64_t updates = 0;
  o.on_update = [&](int64_t, double) { ++updates; };
  CHECK(train::train(o).params_hash == whole.params_hash);
  CHECK(updates == 8);

  SECTION("a damaged one is an error") {
    tmp.write("run/checkpoints/step-8/model.safetensors", "damaged");
    CHECK_THROWS_WITH(train::train(o), Catch::Contains("is damaged"));
  }
  SECTION("the newest is damaged: the one before it is taken") {
    tmp.write("run/checkpoints/step-16/model.safetensors", "damaged");
    o.resume_from = tmp / "run";
    updates = 0;
    CHECK(train::train(o).params_hash == whole.params_hash);
    CHECK(updates == 4);
  }
  SECTION("all are damaged: an error, not a new start") {
    for (const int step : {4, 8, 12, 16})
      tmp.write(fmt::format("run/checkpoints/step-{}/state.json", step), "{}");
    o.resume_from = tmp / "run";
    CHECK_THROWS_WITH(train::train(o), Catch::Contains("no checkpoint that is intact"));
  }
  SECTION("what is no run is an error") {
    o.resume_from = tmp / "nowhere";
    CHECK_THROWS_WITH(train::train(o), Catch::Contains("no such folder"));
  }
}

TEST_CASE("--resume without a folder takes the newest run of that name") {
  const TempFolder tmp;
  const std::string config = tmp.write("a.yaml", digits_config(kMlp, cases()[0].rest));
  TrainOptions o = options(config, "");
  o.runs = tmp / "runs";
  o.max_steps = 2;
  CHECK(train::train(o).run == tmp / "runs/small-1");
  CHECK(train::train(o).run == tmp / "runs/small-2");
  o.max_steps = -1;
  o.resume = true;
  const RunResult r = train::train(o);
  CHECK(r.run == tmp / "runs/small-2");
  CHECK(r.steps == 16);
}
