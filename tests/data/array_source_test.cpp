#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

const std::string kArrays = std::string(DLB_SOURCE_DIR) + "/tests/golden/arrays";

std::unique_ptr<data::DataModule> opened(const std::string& source) {
  auto module = plan("source: {" + source + "}\n", kArrays);
  module->open();
  return module;
}

std::string report(const std::string& source) {
  return report_of([&] { read_all(*opened(source), "train"); });
}

}  // namespace

TEST_CASE("arrays of an archive are columns: images in any layout, labels with their classes") {
  for (const char* file : {"images.npz", "packed.npz"}) {
    const auto module = opened(fmt::format("numpy: {{train: {}, images: channels_first}}", file));
    CHECK(module->spec().input().spec.shape == Shape{3, 2, 4});
    CHECK(module->spec().input().spec.dtype == DType::kUInt8);
    CHECK(module->spec().classes == 3);
    auto loader = module->loader("train", false, 1);
    loader->start(0);
    const auto batch = loader->next();
    CHECK(batch->input().is_channels_last());
    // Row-major order of [N, C, H, W], as the file has it.
    const auto values = batch->input().to_vector<int64_t>();
    for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<int64_t>(3 * i % 256));
    CHECK(batch->target().to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 0, 1, 2});
  }
  const auto plain = opened("numpy: {train: images.npz, inputs: label, targets: image}");
  CHECK(plain->spec().input().name == "label");
  CHECK(plain->spec().target().spec.shape == Shape{3, 2, 4});
  CHECK(plain->spec().target().spec.dtype == DType::kInt64);
  const auto last = opened("numpy: {train: images.npz, images: channels_last}");
  CHECK(last->spec().input().spec.shape == Shape{4, 3, 2});
  CHECK(read_all(*last, "train")[0][1] == 12);  // [0, 0, 0, 1] of [C, H, W] is element 4
}

TEST_CASE("npy files by column, floats to float32, a share for the test") {
  const auto module = opened(
      "numpy: {train: {a: f8.npy, b: big_i4.npy, y: i2.npy}, targets: [y], test_fraction: 0.25, classes: 0}");
  CHECK(module->spec().inputs == 2);
  CHECK(module->spec().columns[0].spec.dtype == DType::kFloat32);
  CHECK(module->spec().columns[1].spec.dtype == DType::kInt64);
  CHECK(module->size("train") == 3);
  CHECK(module->size("test") == 1);
  auto all = read_all(*module, "train");
  const auto test = read_all(*module, "test");
  for (size_t c = 0; c < 3; ++c) all[c].insert(all[c].end(), test[c].begin(), test[c].end());
  for (size_t i = 0; i < 12; ++i) {
    // Rows stay together: element n of each array follows from the same n.
    const double n = (all[0][i] + 1) * 4;
    CHECK(all[1][i] == 3 * n - 5);
    CHECK(all[2][i] == 3 * n - 5);
  }
  std::sort(all[0].begin(), all[0].end());
  for (size_t i = 0; i < 12; ++i) CHECK(all[0][i] == 0.25 * double(i) - 1);
  const auto tensors = opened("safetensors: table.safetensors");
  CHECK(tensors->spec().input().name == "x");
  CHECK(read_all(*tensors, "train")[1] == std::vector<double>{-1, -0.75, -0.5, -0.25, 0});
  CHECK(opened("numpy: {train: {x: f4.npy}}")->spec().has_target() == false);
}

TEST_CASE("what is wrong with arrays") {
  CHECK_THAT(report("numpy: {train: {x: f4.npy, y: scalars.npy}}"),
             Contains("array 'y' has 5 samples, 'x' has 4"));
  CHECK_THAT(report("numpy: {train: {x: images.npz}}"),
             Contains("has 2 arrays; a column is one") && Contains("image, label"));
  CHECK_THAT(report("numpy: {train: images.npz, targets: lable}"),
             Contains("has no array 'lable'") && Contains("arrays: image, label"));
  CHECK_THAT(report("numpy: {train: images.npz, test: {image: f4.npy, label: i8.npy}}"),
             Contains("samples of 'image' are"));
  CHECK_THAT(report("numpy: {train: images.npz, classes: 2}"),
             Contains("'label' has the class 2; expected 0 to 1"));
  CHECK_THAT(report("numpy: {train: [a, b]}"), Contains("expected a file, or files by column, got a list"));
  CHECK_THAT(report("numpy: {train: images.npz, test: images.npz, test_fraction: 0.5}"),
             Contains("not both"));
  CHECK_THAT(report("numpy: {train: images.npz, inputs: [image, label], targets: [label]}"),
             Contains("array 'label' is listed twice"));
}
