#include <catch2/catch.hpp>
#include <set>

#include "dlb/base/error.h"
#include "dlb/io/safetensors.h"
#include "dlb/train/checkpoint.h"
#include "dlb/train/progress.h"
#include "dlb/train/run_folder.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

TEST_CASE("run folders are numbered and locked") {
  const TempFolder tmp;
  const std::string runs = tmp / "runs";
  const RunFolder first = RunFolder::create(runs, "a");
  const RunFolder second = RunFolder::create(runs, "a");
  CHECK(first.path() == files::join(runs, "a-1"));
  CHECK(second.path() == files::join(runs, "a-2"));
  files::make_folders(files::join(runs, "a-10"));
  files::make_folders(files::join(runs, "a-b-11"));
  files::make_folders(files::join(runs, "a-12x"));
  CHECK(RunFolder::latest(runs, "a") == files::join(runs, "a-10"));
  CHECK(RunFolder::latest(runs, "c").empty());
  CHECK_THROWS_WITH(RunFolder::reopen(first.path()), Catch::Contains("in use by another process"));
  CHECK_THROWS_WITH(RunFolder::create_at(first.path()), Catch::Contains("in use by another process"));
}

TEST_CASE("a folder with something in it is not taken") {
  const TempFolder tmp;
  files::make_folders(tmp / "full");
  tmp.write("full/thesis.tex", "...");
  tmp.write("full/notes.tmp-1-2", "...");
  CHECK_THROWS_WITH(RunFolder::create_at(tmp / "full"), Catch::Contains("is not empty"));
  CHECK_THROWS_WITH(RunFolder::reopen(tmp / "full"), Catch::Contains("not a run folder"));
  CHECK(files::exists(tmp / "full/notes.tmp-1-2"));
  files::make_folders(tmp / "empty");
  CHECK(RunFolder::create_at(tmp / "empty").path() == tmp / "empty");
  // The lock file that is left does not make it full.
  CHECK_NOTHROW(RunFolder::create_at(tmp / "empty"));
}

TEST_CASE("a run leaves what the contract lists") {
  const TempFolder tmp;
  const std::string config = tmp.write(
      "a.yaml", digits_config(kMlp, "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 3, log_every: 4}\n"));
  TrainOptions o = options(config, tmp / "run");
  o.command = "dlbench train a.yaml";
  const RunResult r = train::train(o);
  CHECK(r.status == "done");
  CHECK(r.steps == 24);
  CHECK(r.epochs == 3);
  CHECK(r.params_hash.size() == 64);
  CHECK(r.metrics.at("test").at("accuracy") > 0.3);
  CHECK(r.metrics.at("val").count("loss") == 1);

  const auto names = files::list(o.out);
  std::set<std::string> found(names.begin(), names.end());
  CHECK(std::erase_if(found, [](const auto& name) { return name.starts_with("events.out.tfevents."); }) == 1);
  CHECK(found == std::set<std::string>{".lock", "checkpoints", "config.yaml", "log.txt", "metrics.jsonl",
                                       "predictions.json", "run.json"});
  CHECK(files::list(tmp / "run/checkpoints") == std::vector<std::string>{"step-24"});
  CHECK(files::list(tmp / "run/checkpoints/step-24") ==
        std::vector<std::string>{"model.safetensors", "optimizer.safetensors", "state.json"});

  const nlohmann::json run = run_json(o.out);
  for (const char* key : {"version", "build", "command", "host", "device", "threads", "data", "seed", "start",
                          "end", "status", "metrics", "params_hash"}) {
    CHECK(run.contains(key));
  }
  CHECK(run["status"] == "done");
  CHECK(run["params_hash"] == r.params_hash);
  CHECK(run["command"] == o.command);

  const auto lines = records(o.out);
  REQUIRE(lines.size() == 3 * 2 + 3 + 1);
  CHECK(lines.front() == nlohmann::json{{"step", 4},
                                        {"epoch", 0.5},
                                        {"split", "train"},
                                        {"loss", lines.front()["loss"]},
                                        {"lr", 0.01},
                                        {"accuracy", lines.front()["accuracy"]}});
  CHECK(lines.back()["split"] == "test");
  CHECK(lines.back()["accuracy"] == r.metrics.at("test").at("accuracy"));

  const nlohmann::json printed = nlohmann::json::parse(to_json(r));
  CHECK(printed["run"] == o.out);
  CHECK(printed["metrics"]["test"]["loss"] == r.metrics.at("test").at("loss"));
}

TEST_CASE("two runs are equal bit for bit") {
  const TempFolder tmp;
  const std::string config =
      tmp.write("a.yaml", digits_config(kBnDropout, "optimizer: {adam: {lr: 1e-2}}\n"));
  const RunResult a = train::train(options(config, tmp / "a"));
  TrainOptions o = options(config, tmp / "b");
  o.overrides = {"data.threads=3", "data.prefetch=2"};
  const RunResult b = train::train(o);
  CHECK(a.params_hash == b.params_hash);
  CHECK(records(tmp / "a") == records(tmp / "b"));
}

TEST_CASE("eval gives the numbers that the run ended with") {
  const TempFolder tmp;
  const std::string config =
      tmp.write("a.yaml", digits_config(kBnDropout,
                                        "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 2, ema: 0.8, "
                                        "checkpoint: {every: 8, keep: {last: 2}}}\n"));
  const RunResult run = train::train(options(config, tmp / "run"));
  EvalOptions o;
  o.target = tmp / "run";
  o.threads = 1;
  CHECK(train::evaluate(o).metrics.at("test") == run.metrics.at("test"));
  CHECK(train::evaluate(o).params_hash == run.params_hash);
  o.split = "val";
  CHECK(train::evaluate(o).metrics.at("val") == run.metrics.at("val"));
  CHECK(train::evaluate(o).steps == 16);
  o.target = tmp / "run/checkpoints/step-8";
  CHECK(train::evaluate(o).params_hash != run.params_hash);
  o.target = config;
  CHECK_THROWS_WITH(train::evaluate(o), Catch::Contains("no trained weights"));
  o.weights = tmp / "run/checkpoints/step-16/model.safetensors";
  CHECK(train::evaluate(o).metrics.at("val") == run.metrics.at("val"));
  o.weights = tmp / "run/checkpoints/step-16";
  CHECK(train::evaluate(o).params_hash == run.params_hash);
  // The average is not what is being trained.
  const Checkpoint c = read_checkpoint(o.weights);
  CHECK(c.optimizer.find("trained/linear_1.weight")->to_vector<float>() !=
        c.model.find("linear_1.weight")->to_vector<float>());
}

TEST_CASE("early stopping ends the run, and the best checkpoint stays") {
  const TempFolder tmp;
  const std::string config =
      tmp.write("a.yaml", digits_config(kMlp,
                                        "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 50, eval_every: 4, "
                                        "checkpoint: {every: 7, keep: {best: accuracy}}, "
                                        "early_stopping: {patience: 3, metric: accuracy}}\n"));
  const RunResult r = train::train(options(config, tmp / "run"));
  CHECK(r.status == "done");
  CHECK(r.steps < 400);
  double best = -1;
  int64_t best_step = 0;
  for (const auto& record : records(tmp / "run")) {
    if (record["split"] == "val" && record["accuracy"] > best) {
      best = record["accuracy"];
      best_step = record["step"];
    }
  }
  CHECK(r.steps == best_step + 3 * 4);
  CHECK(checkpoint_steps(tmp / "run/checkpoints") == std::vector<int64_t>{best_step, r.steps});
  const auto marker = nlohmann::json::parse(files::read_all(tmp / "run/checkpoints/best.json"));
  CHECK(marker["checkpoint"] == fmt::format("step-{}", best_step));
  CHECK(run_json(tmp / "run")["best"]["value"] == best);
  EvalOptions o;
  o.threads = 1;
  o.split = "val";
  o.target = tmp / fmt::format("run/checkpoints/step-{}", best_step);
  CHECK(train::evaluate(o).metrics.at("val").at("accuracy") == best);
}

TEST_CASE("a run that turns into NaN fails, says where, and leaves no checkpoint of it") {
  const TempFolder tmp;
  const std::string config = tmp.write(
      "a.yaml",
      digits_config(
          kMlp,
          "optimizer: {sgd: {lr: 1e30}}\ntrain: {epochs: 2, checkpoint: {every: 1, keep: {last: 99}}}\n"));
  int64_t updates = 0;
  TrainOptions o = options(config, tmp / "run");
  o.on_update = [&](int64_t step, double) { updates = step; };
  try {
    train::train(o);
    FAIL("went on");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kNumeric);
    CHECK_THAT(e.report(), Catch::Contains("a.yaml:11") && Catch::Contains("linear_"));
  }
  const nlohmann::json run = run_json(o.out);
  CHECK(run["status"] == "failed");
  CHECK_THAT(run["error"].get<std::string>(), Catch::Contains("not finite"));
  CHECK(checkpoint_steps(tmp / "run/checkpoints").back() == updates);
  const std::optional<Checkpoint> newest = newest_checkpoint(tmp / "run/checkpoints");
  REQUIRE(newest);
  for (const io::NamedTensor& t : newest->model.tensors) {
    for (const float v : t.value.to_vector<float>()) CHECK(std::isfinite(v));
  }
}

TEST_CASE("initial weights come from a file") {
  const TempFolder tmp;
  const std::string first = tmp.write("a.yaml", digits_config(kMlp, "optimizer: {adam: {lr: 1e-2}}\n"));
  const RunResult r = train::train(options(first, tmp / "run"));
  const std::string second = tmp.write(
      "b.yaml",
      digits_config(
          kMlp, "optimizer: {sgd: {lr: 1e-9}}\nweights: {from: run/checkpoints/step-8/model.safetensors}\n"));
  const RunResult s = train::train(options(second, tmp / "fine"));
  CHECK(s.metrics.at("test").at("accuracy") == r.metrics.at("test").at("accuracy"));
}

TEST_CASE("progress fits the terminal") {
  const ProgressLine line{1200, 2814, 2, 3, 0.12345, 0.001, 5230.4, 75};
  CHECK(progress_text(line, 0, false) ==
        "epoch 2/3  step 1200/2814  loss 0.1235  lr 0.001  5230 samples/s  ETA 1:15");
  CHECK_THAT(progress_text(line, 120, true), Catch::Contains("[########------------]"));
  for (size_t width = 1; width < 120; ++width) CHECK(progress_text(line, width, true).size() <= width);
  CHECK(duration_text(0.4) == "0:00");
  CHECK(duration_text(3723) == "1:02:03");
  CHECK(duration_text(-1) == "?");
}
