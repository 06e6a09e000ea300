#include <chrono>
#include <iostream>

#include "data/data_support.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::test;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Opens the data, which verifies checksums and labels, and runs through an epoch.
void use(const std::string& yaml) {
  auto start = std::chrono::steady_clock::now();
  auto module = plan(yaml);
  const double planned = seconds_since(start);
  CHECK(module->size("train") == 60000);
  CHECK(module->size("test") == 10000);
  CHECK(module->spec().classes == 10);
  start = std::chrono::steady_clock::now();
  module->open();
  const double opened = seconds_since(start);
  CHECK(module->checksums().size() == 4);

  auto loader = module->loader("train", true, 1);
  start = std::chrono::steady_clock::now();
  loader->start(0);
  int64_t samples = 0;
  while (const auto batch = loader->next()) samples += batch->size;
  const double rate = static_cast<double>(samples) / seconds_since(start);
  CHECK(samples == 60000);
  std::cout << fmt::format("plan {:.1f} ms, open {:.0f} ms, loader {:.0f} samples/s\n", planned * 1e3,
                           opened * 1e3, rate);
}

}  // namespace

TEST_CASE("MNIST: found, verified, loaded") {
  const std::string dir = std::string(DLB_SOURCE_DIR) + "/../shared/datasets/mnist";
  if (!files::is_folder(dir)) DLB_SKIP("MNIST is not at ../shared/datasets/mnist");
  use("source: mnist\ndir: " + dir + "\ntransforms: [to_float, normalize: {mean: 0.1307, std: 0.3081}]\n");
}

TEST_CASE("Fashion-MNIST: found, verified, loaded and augmented") {
  if (!files::is_folder("/usr/share/datasets/fashion-mnist"))
    DLB_SKIP("dataset-fashion-mnist is not installed");
  Environment none("DLBENCH_DATA", "");
  use("source: fashion-mnist\ntransforms: [to_float, normalize: {mean: 0.2860, std: 0.3530}]\n"
      "augment: [{random_crop: {size: 28, padding: 2}}, random_flip]\n");
}
