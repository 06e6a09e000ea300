#include "dlb/train/checkpoint.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>

#include "dlb/base/error.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

RunState some_state() {
  RunState s;
  s.step = 12;
  s.epoch = 1;
  s.batch = 4;
  s.micro_steps = 24;
  s.phases = {{12, {0.1, 1, kInf, 3}}, {6, {}}};
  s.window = {{{{1.0 / 3, 32}, {2, 5}}, {}}, {7, 3}};
  s.evaluated = 10;
  s.monitored = {{"loss", std::numeric_limits<double>::quiet_NaN()}, {"accuracy", 0.1}};
  s.best = {10, -kInf};
  s.seed = std::numeric_limits<uint64_t>::max();
  s.metrics_bytes = 1234;
  return s;
}

std::vector<io::NamedTensor> some_tensors(float first) {
  return {{"a.weight", Tensor::from(std::vector<float>{first, 2, 3, 4, 5, 6}, {2, 3})},
          {"a.bias", Tensor::from(std::vector<float>{7, 8}, {2})}};
}

void write_some(const std::string& folder, float first) {
  write_checkpoint(folder, some_state(), some_tensors(first),
                   {{"exp_avg/a.bias", Tensor::from(std::vector<float>{1, 1}, {2})}});
}

float first_value(const Checkpoint& c) { return c.model.find("a.weight")->to_vector<float>()[0]; }

struct HookScope {
  explicit HookScope(files::FaultHook hook) { files::set_fault_hook(std::move(hook)); }
  ~HookScope() { files::set_fault_hook({}); }
};

}  // namespace

TEST_CASE("state.json keeps every number exactly") {
  std::map<std::string, std::string> digests = {{"x", "y"}}, back_digests;
  const std::string text = state_to_json(some_state(), digests);
  const RunState back = state_from_json(text, "state.json", back_digests);
  CHECK(back_digests == digests);
  REQUIRE(back.phases.size() == 2);
  CHECK(back.phases[0].schedule == some_state().phases[0].schedule);
  CHECK(back.phases[1].optimizer_steps == 6);
  REQUIRE(back.window.losses.size() == 2);
  CHECK(back.window.losses[0][0].sum == 1.0 / 3);
  CHECK(back.window.losses[1].empty());
  CHECK(back.window.reward.count == 3);
  CHECK(std::isnan(back.monitored.at("loss")));
  CHECK(back.best.value == -kInf);
  CHECK(back.seed == std::numeric_limits<uint64_t>::max());
  CHECK(state_to_json(back, back_digests) == text);
}

TEST_CASE("a checkpoint of a version without phases is read") {
  std::map<std::string, std::string> digests;
  auto j = nlohmann::json::parse(state_to_json(some_state(), {}));
  j.erase("phases");
  j.erase("sha256");
  j["optimizer_steps"] = 12;
  j["schedule"] = {0.5};
  j["window"] = {{"loss_sum", 1.5}, {"loss_count", 32}};
  j["sha256"] = files::sha256_hex(j.dump());
  const RunState s = state_from_json(j.dump(), "state.json", digests);
  REQUIRE(s.phases.size() == 1);
  CHECK(s.phases[0].optimizer_steps == 12);
  CHECK(s.phases[0].schedule == std::vector<double>{0.5});
  REQUIRE(s.window.losses.size() == 1);
  CHECK(s.window.losses[0][0].mean() == 1.5 / 32);
}

TEST_CASE("a checkpoint that is cut or changed anywhere is refused") {
  const TempFolder tmp;
  const std::string folder = tmp / "step-12";
  write_some(folder, 1);
  REQUIRE(first_value(read_checkpoint(folder)) == 1);
  for (const std::string name : {"state.json", "model.safetensors", "optimizer.safetensors"}) {
    const std::string path = files::join(folder, name);
    const std::string whole = files::read_all(path);
    int64_t accepted = 0;
    for (size_t n = 0; n < whole.size(); ++n) {
      tmp.write("step-12/" + name, whole.substr(0, n));
      try {
        read_checkpoint(folder);
        ++accepted;
      } catch (const Error& e) {
        if (e.kind != ErrorKind::kData) FAIL(name << " cut to " << n << " bytes: " << e.what());
      }
    }
    for (size_t n = 0; n < whole.size(); ++n) {
      std::string changed = whole;
      changed[n] = static_cast<char>(changed[n] ^ (1 << (n % 8)));
      tmp.write("step-12/" + name, changed);
      try {
        // White space around the values of state.json carries nothing: what is read must still be the same.
        const Checkpoint c = read_checkpoint(folder);
        if (name != "state.json" || c.state.step != 12 || c.state.seed != some_state().seed) ++accepted;
      } catch (const Error& e) {
        if (e.kind != ErrorKind::kData) FAIL(name << " changed at " << n << ": " << e.what());
      }
    }
    CHECK(accepted == 0);
    tmp.write("step-12/" + name, whole);
  }
  files::remove_all(files::join(folder, "optimizer.safetensors"));
  CHECK_THROWS_AS(read_checkpoint(folder), Error);
}

TEST_CASE("whatever call fails, a save is whole or leaves what was there") {
  const TempFolder tmp;
  const std::string checkpoints = tmp / "checkpoints";
  for (const int code : {ENOSPC, EIO, -1}) {
    for (const bool replaces : {false, true}) {
      files::remove_all(checkpoints);
      write_some(checkpoint_folder(checkpoints, 6), 1);
      if (replaces) write_some(checkpoint_folder(checkpoints, 12), 2);
      bool saved = false;
      int n = 0;
      for (; !saved && n < 200; ++n) {
        int calls = 0;
        try {
          const HookScope hook([&](std::string_view, const std::string&) { return calls++ == n ? code : 0; });
          write_some(checkpoint_folder(checkpoints, 12), 3);
          saved = calls <= n;  // no call was left to fail
        } catch (const Error& e) {
          CHECK(e.kind == ErrorKind::kIo);
        }
        const std::optional<Checkpoint> newest = newest_checkpoint(checkpoints);
        REQUIRE(newest);
        const float value = first_value(*newest);
        if (value != 3 && value != (replaces ? 2.0F : 1.0F)) FAIL("call " << n << " failing gives " << value);
      }
      CHECK(saved);
      CHECK(n > 5);
      CHECK(first_value(*newest_checkpoint(checkpoints)) == 3);
    }
  }
}

TEST_CASE("old checkpoints go, the best and the last stay") {
  const TempFolder tmp;
  const auto steps = [&] { return checkpoint_steps(tmp / ""); };
  for (const int64_t step : {5, 10, 100, 20, 30}) files::make_folders(checkpoint_folder(tmp / "", step));
  for (const std::string other : {"step-", "step-x", "step-3.tmp-1-1", "best.json"})
    files::make_folders(tmp / other);
  CHECK(steps() == std::vector<int64_t>{5, 10, 20, 30, 100});
  SECTION("at the newest step") {
    prune_checkpoints(tmp / "", 100, 2, 10);
    CHECK(steps() == std::vector<int64_t>{10, 30, 100});
  }
  SECTION("after going back, what came later goes") {
    prune_checkpoints(tmp / "", 20, 2, 0);
    CHECK(steps() == std::vector<int64_t>{10, 20});
  }
  SECTION("more kept than there are") {
    prune_checkpoints(tmp / "", 100, 9, 0);
    CHECK(steps().size() == 5);
  }
}

TEST_CASE("a run whose disk fails at any call stops with an error and can be resumed") {
  const TempFolder tmp;
  const std::string config = tmp.write(
      "a.yaml",
      digits_config(kMlp, "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 1, checkpoint: {every: 3}}\n"));
  const RunResult whole = train::train(options(config, tmp / "whole"));
  const std::string out = tmp / "run";
  int failed = 0;
  for (int n = 0, done = 0; done == 0; n += 3) {
    REQUIRE(n < 2000);
    files::remove_all(out);
    TrainOptions o = options(config, out);
    int calls = 0;
    try {
      // Everything fails from call n on, as on a full disk.
      const HookScope hook([&](std::string_view call, const std::string&) {
        return call != "read" && call != "open" && calls++ >= n ? ENOSPC : 0;
      });
      done = train::train(o).status == "done" ? 1 : 0;
    } catch (const Error& e) {
      CHECK(e.kind == ErrorKind::kIo);
      ++failed;
    }
    o.resume = true;
    INFO("disk full from call " << n);
    CHECK(train::train(o).params_hash == whole.params_hash);
    CHECK(records(out) == records(tmp / "whole"));
  }
  CHECK(failed > 5);
}
