#include "dlb/train/experiment.h"

#include <catch2/catch.hpp>

#include "dlb/base/error.h"
#include "dlb/train/resume.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

namespace {

std::string report_of(const std::string& file) {
  try {
    Experiment::load(file);
  } catch (const Error& e) {
    CHECK(exit_code(e.kind) == 2);
    return e.report();
  }
  return "";
}

const std::string kOptimizer = "optimizer: {adam: {lr: 1e-2}}\n";

}  // namespace

TEST_CASE("everything that is wrong with a config is reported together") {
  const TempFolder tmp;
  const std::string text = report_of(tmp.write("a.yaml", R"(name: a/b
sede: 3
vars: {width: 8, unused: 1}
data: {source: digits, batch: 0, transforms: [to_flaot]}
model: [flatten, linear: $width]
loss: cross_entropi
optimizer: {adam: {lr: -1}}
schedule: {cosine: {warm: 3}}
metrics: [acuracy]
train: {epohcs: 3, checkpoint: {keep: {last: 0}}, on_nan: maybe, early_stopping: {metric: loss}}
)"));
  for (const char* expected :
       {"'a/b' cannot be part of a folder's name", "a.yaml:2:1: error: unknown key 'sede'",
        "did you mean 'seed'", "batch", "to_flaot", "did you mean 'cross_entropy'", "lr", "warm",
        "did you mean 'accuracy'", "did you mean 'epochs'", "last", "on_nan", "patience"}) {
    CHECK_THAT(text, Catch::Contains(expected));
  }
}

TEST_CASE("model, loss, metrics and data are checked against each other") {
  const TempFolder tmp;
  const auto report = [&](const std::string& model, const std::string& rest) {
    return report_of(tmp.write("a.yaml", digits_config(model, rest)));
  };
  CHECK(report(kMlp, kOptimizer).empty());
  CHECK_THAT(
      report("  [flatten, linear: 9]", kOptimizer),
      Catch::Contains("cross_entropy gets 9 scores per sample from the model, but the data has 10 classes") &&
          Catch::Contains("linear: $classes"));
  CHECK_THAT(report("  [linear: 10]", kOptimizer),
             Catch::Contains("a.yaml:12:7") && Catch::Contains("[16, 1, 8, 10]"));
  CHECK_THAT(report("  [flatten, conv2d: {out: 4, kernel: 3}]", kOptimizer), Catch::Contains("conv2d"));
  CHECK_THAT(report(kMlp, kOptimizer + "train: {checkpoint: {keep: {best: acuracy}}}\n"),
             Catch::Contains("unknown metric 'acuracy'") && Catch::Contains("did you mean 'accuracy'"));
  CHECK_THAT(report(kMlp, kOptimizer + "train: {early_stopping: {patience: 3, metric: f1}}\n"),
             Catch::Contains("'f1'"));
  CHECK_THAT(report(kMlp, kOptimizer + "schedule: {cosine: {warmup: 2 epochs}}\ntrain: {epochs: 1}\n"),
             Catch::Contains("warm"));
  CHECK_THAT(report(kMlp, "optimizer: {adam: {lr: 1e-2, groups: [{match: nothing.*, lr_scale: 2}]}}\n"),
             Catch::Contains("nothing.*"));
  CHECK_THAT(report(kMlp, kOptimizer + "vars: {width: 3}\n"),
             Catch::Contains("variable 'width' is never used"));
  CHECK_THAT(report(kMlp, kOptimizer + "weights: {from: none.safetensors}\n"),
             Catch::Contains("there is no file"));
}

TEST_CASE("a variable hides the data's fact of the same name") {
  const TempFolder tmp;
  const std::string model = "  [flatten, linear: $width, linear: $classes]";
  const auto params = [&](const std::string& vars) {
    return Experiment::load(tmp.write("a.yaml", digits_config(model, kOptimizer + vars)))->totals.params;
  };
  CHECK(params("") == 65 * 8 + 9 * 10);
  CHECK(params("vars: {width: 3}\n") == 65 * 3 + 4 * 10);
}

TEST_CASE("totals are known before the run") {
  const TempFolder tmp;
  const auto e = Experiment::load(
      tmp.write("a.yaml", digits_config(kMlp, kOptimizer + "train: {epochs: 3, accumulate: 3}\n")));
  CHECK(e->totals.params == 64 * 24 + 24 + 24 * 10 + 10);
  CHECK(e->totals.steps_per_epoch == 3);  // 8 batches in threes
  CHECK(e->totals.steps == 9);
  CHECK(e->totals.forward_flops >= 2.0 * 16 * (64 * 24 + 24 * 10));
  CHECK(e->totals.step_flops == 9 * e->totals.forward_flops);
  CHECK(e->totals.peak_bytes >= static_cast<size_t>(e->totals.params) * 4 * 4 + e->totals.activation_bytes);
  CHECK(e->monitor_split == "val");
  CHECK(e->metric_names() == std::vector<std::string>{"loss", "accuracy"});
  CHECK(e->higher_is_better("accuracy"));
  CHECK_FALSE(e->higher_is_better("loss"));
}

TEST_CASE("the first of epochs and steps ends a run") {
  const TempFolder tmp;
  const auto steps = [&](const std::string& train) {
    return Experiment::load(tmp.write("a.yaml", digits_config(kMlp, kOptimizer + "train: {" + train + "}\n")))
        ->totals.steps;
  };
  CHECK(steps("accumulate: 1") == 8);
  CHECK(steps("epochs: 2") == 16);
  CHECK(steps("steps: 100") == 100);
  CHECK(steps("steps: 5, epochs: 2") == 5);
}

TEST_CASE("the resolved config repeats the run from another folder") {
  const TempFolder tmp;
  tmp.write("base.yaml", digits_config("  [flatten, linear: $width, relu, linear: $classes]",
                                       kOptimizer + "vars: {width: 24}\n"));
  const std::string file = tmp.write("a.yaml", "include: base.yaml\nweights: {from: w.safetensors}\n");
  tmp.write("w.safetensors", "only its name is looked at before a run");
  const auto e = Experiment::load(file, {"seed=9"});
  files::make_folders(tmp / "elsewhere");
  const auto again = Experiment::load(tmp.write("elsewhere/config.yaml", resolved_yaml(*e)));
  CHECK(again->seed == 9);
  CHECK(files::exists(files::join(again->base, again->weights[0].from)));
  CHECK(again->totals.params == e->totals.params);
  for (const ConfigChange& c : config_changes(e->document.root(), again->document.root()))
    CHECK(change_of(c.key) == Change::kFree);
}

TEST_CASE("metrics can be told apart by name") {
  const TempFolder tmp;
  const auto with = [&](const std::string& metrics) {
    std::string text = digits_config(kMlp, kOptimizer);
    text.replace(text.find("[accuracy]"), 10, metrics);
    return tmp.write("a.yaml", text);
  };
  CHECK(Experiment::load(with("[{top_k: 2, as: top2}, {top_k: 3, as: top3}]"))->metric_names() ==
        std::vector<std::string>{"loss", "top2", "top3"});
  CHECK_THAT(report_of(with("[accuracy, accuracy]")), Catch::Contains("metric 'accuracy' is listed twice"));
  CHECK_THAT(report_of(with("[{accuracy: , as: loss}]")),
             Catch::Contains("'loss' is a name that every record has"));
}
