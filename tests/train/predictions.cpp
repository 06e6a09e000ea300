// What evaluations keep for reports.
#include "dlb/train/predictions.h"

#include <catch2/catch.hpp>

#include "dlb/train/sample_json.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;
using nlohmann::json;

namespace {

json predictions(const std::string& run) {
  return json::parse(files::read_all(files::join(run, "predictions.json")));
}

}  // namespace

TEST_CASE("a classifier's confusion matrix and samples", "[predictions]") {
  const TempFolder temp;
  const std::string config =
      temp.write("c.yaml", digits_config(kMlp, "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 3}\n"));
  const RunResult result = train::train(options(config, temp / "r"));
  const json p = predictions(temp / "r");
  CHECK(p["split"] == "test");
  CHECK(p["step"] == result.steps);
  CHECK(p["samples"] == 60);
  CHECK(p["labels"] == json({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  int64_t all = 0, right = 0;
  for (size_t i = 0; i < 10; ++i) {
    for (size_t k = 0; k < 10; ++k) {
      all += p["confusion"][i][k].get<int64_t>();
      if (i == k) right += p["confusion"][i][k].get<int64_t>();
    }
  }
  CHECK(all == 60);
  CHECK(static_cast<double>(right) / 60 == Approx(result.metrics.at("test").at("accuracy")));
  CHECK(p["first"].size() == 16);
  CHECK(p["first"][5]["index"] == 5);
  CHECK(p["first"][0]["input"]["image"]["width"] == 8);
  const auto wrong = static_cast<size_t>(60 - right);
  REQUIRE(p["mistakes"].size() == std::min<size_t>(wrong, 24));
  for (size_t i = 0; i < p["mistakes"].size(); ++i) {
    CHECK(p["mistakes"][i]["true"] != p["mistakes"][i]["predicted"]);
    if (i > 0) CHECK(p["mistakes"][i]["confidence"] <= p["mistakes"][i - 1]["confidence"]);
  }
}

TEST_CASE("binary classes, numbers, masks and images", "[predictions]") {
  const TempFolder temp;
  const auto run = [&](const std::string& name, const std::string& rest) {
    const std::string config =
        temp.write(name + ".yaml",
                   "data: {source: digits, batch: 16, limit_train: 48, limit_test: 40, "
                   "transforms: [to_float: {max: 16}]}\ntrain: {epochs: 1}\noptimizer: sgd\n" +
                       rest);
    train::train(options(config, temp / name));
    return predictions(temp / name);
  };
  const json images =
      run("auto", "model: [flatten: {as: pixels}, linear: 64]\nloss: {mse: {target: pixels}}\n");
  CHECK(images["form"] == "images");
  CHECK(images["first"].size() == 8);
  CHECK(images["first"][0]["predicted"]["height"] == 8);
  CHECK_FALSE(images.contains("points"));

  const json masks = run("masks",
                         "model: [{eval: \"float(image > 0.5)\", as: ink}, {conv2d: {in: image, out: 1, "
                         "kernel: 3, padding: 1}}]\n"
                         "loss: {bce_with_logits: {target: ink}}\n");
  CHECK(masks["form"] == "masks");
}

TEST_CASE("points of a regression are spread evenly over the split", "[predictions]") {
  const TempFolder temp;
  std::string table = "a,y\n";
  for (int i = 0; i < 4000; ++i) table += fmt::format("{},{}\n", i % 7, i);
  temp.write("t.csv", table);
  temp.write("u.csv", table);
  const std::string config = temp.write("c.yaml",
                                        "data: {source: {csv: {train: t.csv, test: u.csv, target: y, task: "
                                        "regression, shuffle: false}}, batch: 128, limit_train: 256}\n"
                                        "model: [linear: 1]\nloss: l1\noptimizer: sgd\ntrain: {epochs: 1}\n");
  train::train(options(config, temp / "r"));
  const json p = predictions(temp / "r");
  CHECK(p["kind"] == "numbers");
  CHECK(p["samples"] == 4000);
  REQUIRE(p["points"].size() == 1000);
  for (size_t i = 0; i < 1000; ++i) CHECK(p["points"][i][0] == 4 * i);
}

TEST_CASE("samples are kept without a trace in the run", "[predictions]") {
  // The run with a report's callback, and the one whose predictions cannot be written, end with the same
  // parameters.
  const TempFolder temp;
  const std::string config =
      temp.write("c.yaml", digits_config(kBnDropout, "optimizer: {adam: {lr: 1e-2}}\ntrain: {epochs: 2}\n"));
  TrainOptions first = options(config, temp / "a");
  std::vector<std::string> called;
  first.on_run = [&](const std::string& run) {
    called.push_back(run);
    CHECK(run_json(run)["status"] == "done");
    throw std::runtime_error("no report");
  };
  const RunResult a = train::train(first);
  CHECK(a.status == "done");
  CHECK(called == std::vector<std::string>{temp / "a"});
  TrainOptions second = options(config, temp / "b");
  second.on_update = [&](int64_t step, double) {
    if (step == 1) files::make_folders(files::join(temp / "b", "predictions.json/x"));
  };
  const RunResult b = train::train(second);
  CHECK(b.status == "done");
  CHECK(a.params_hash == b.params_hash);
  CHECK(run_json(temp / "a")["higher_is_better"] == json({"accuracy"}));
}

TEST_CASE("a run that fails is reported too", "[predictions]") {
  const TempFolder temp;
  const std::string config =
      temp.write("c.yaml", digits_config(kMlp, "optimizer: {sgd: {lr: 1e30}}\ntrain: {epochs: 9}\n"));
  TrainOptions o = options(config, temp / "r");
  std::string status;
  o.on_run = [&](const std::string& run) { status = run_json(run)["status"].get<std::string>(); };
  CHECK_THROWS_AS(train::train(o), Error);
  CHECK(status == "failed");
}

TEST_CASE("pictures are made small by means", "[predictions]") {
  std::vector<float> pixels(96 * 96);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>((i / 96 / 2 + i % 96 / 2) % 2);
  const Tensor image = Tensor::from(pixels, {1, 96, 96});
  REQUIRE(is_picture(image));
  const json j = json::parse(picture_json(image));
  CHECK(j["height"] == 48);
  CHECK(j["width"] == 48);
  CHECK(j["data"].get<std::string>().substr(0, 8) == "AP8A/wD/");  // 0, 255, 0, 255, ...
  CHECK_FALSE(is_picture(Tensor::from(std::vector<float>(12), {1, 3, 4})));
  CHECK_FALSE(is_picture(Tensor::from(std::vector<float>(32), {2, 4, 4})));
}

TEST_CASE("of very many classes only the first samples are kept", "[predictions]") {
  const TempFolder temp;
  const auto run = [&](int classes) {
    const std::string name = fmt::format("c{}", classes);
    const std::string config = temp.write(
        name + ".yaml",
        fmt::format(
            "data: {{source: {{synthetic: {{samples: 64, test_samples: 48, shape: [1, 4, 4], classes: "
            "{}}}}}, batch: 10}}\n"
            "model: [flatten, linear: $classes]\nloss: cross_entropy\noptimizer: sgd\ntrain: {{steps: 1}}\n",
            classes));
    train::train(options(config, temp / name));
    return predictions(temp / name);
  };
  const json some = run(150), many = run(1500);
  for (const json& p : {some, many}) {
    CHECK(p["samples"] == 48);
    CHECK_FALSE(p.contains("confusion"));
    CHECK(p["first"].size() == 16);
    CHECK(p["first"][15]["index"] == 15);
    CHECK(p["first"][15]["true_label"].is_string());
  }
  CHECK(some["classes"] == 150);
  CHECK(some["mistakes"].size() == 24);
  CHECK(many["classes"] == 1500);
  CHECK_FALSE(many.contains("mistakes"));
}
