#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

/// A small data set of files: six 2x3 images, three labels each of two; two test images.
struct Files {
  TempFolder folder;
  std::string yaml =
      "source: {idx: {train_images: a, train_labels: b, test_images: c, test_labels: d}}\nbatch: 4\n";
  Files() {
    write(folder / "a", idx_bytes({6, 2, 3}, counting(36)));
    write(folder / "b", gzip(idx_bytes({6}, counting(6, 3))));
    write(folder / "c", gzip(idx_bytes({2, 2, 3}, counting(12))));
    write(folder / "d", idx_bytes({2}, counting(2)));
  }
  std::string open_report(const std::string& more = "") const {
    return report_of([&] { plan(yaml + more, folder.path())->open(); });
  }
};

}  // namespace

TEST_CASE("an inline IDX source: sizes from headers, samples when open, checksums of what was read") {
  const Files files;
  auto module = plan(files.yaml, files.folder.path());
  CHECK(module->size("train") == 6);
  CHECK(module->size("test") == 2);
  CHECK_FALSE(module->has("val"));
  CHECK(module->spec().classes == 3);
  CHECK(module->spec().input().spec.shape == Shape{1, 2, 3});
  CHECK(module->spec().input().spec.dtype == DType::kUInt8);
  CHECK(module->steps_per_epoch() == 2);
  CHECK(module->checksums().empty());
  module->open();
  CHECK(module->checksums().at(files.folder / "b") ==
        "md5:" + files::md5_hex(idx_bytes({6}, counting(6, 3))));
  CHECK(module->checksums().size() == 4);
  auto loader = module->loader("train", false, 0);
  loader->start(0);
  const auto batch = loader->next();
  REQUIRE(batch);
  CHECK(batch->input().shape() == Shape{4, 1, 2, 3});
  CHECK(batch->target().to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 0});
  std::vector<int64_t> values = batch->input().to_vector<int64_t>();
  for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<int64_t>(i));
}

TEST_CASE("vectors and colour images from IDX") {
  const TempFolder folder;
  write(folder / "v", idx_bytes({2, 5}, counting(10)));
  write(folder / "rgb", idx_bytes({2, 2, 2, 3}, counting(24)));
  write(folder / "l", idx_bytes({2}, counting(2)));
  auto vectors = plan("source: {idx: {train_images: v, train_labels: l}}", folder.path());
  CHECK(vectors->spec().input().spec.shape == Shape{5});
  auto colour = plan("source: {idx: {train_images: rgb, train_labels: l, classes: 7}}", folder.path());
  CHECK(colour->spec().input().spec.shape == Shape{3, 2, 2});
  CHECK(colour->spec().classes == 7);
  colour->open();
  auto loader = colour->loader("train", false, 0);
  loader->start(0);
  const Tensor x = loader->next()->input();
  CHECK(x.is_channels_last());
  // Logical order is by channel; the file has the channels innermost.
  CHECK(x.to_vector<int64_t>() == std::vector<int64_t>{0,  3,  6,  9,  1,  4,  7,  10, 2,  5,  8,  11,
                                                       12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23});
}

TEST_CASE("what does not go together is found from the headers") {
  const Files files;
  const auto with = [&](const char* name, const std::string& bytes) {
    write(files.folder / name, bytes);
    return plan_report(files.yaml, files.folder.path());
  };
  SECTION("counts") {
    CHECK_THAT(with("b", idx_bytes({5}, counting(5))), Contains("5 labels for the 6 images"));
  }
  SECTION("sizes") {
    CHECK_THAT(with("c", idx_bytes({2, 3, 3}, counting(18))), Contains("[1, 3, 3]") && Contains("[1, 2, 3]"));
  }
  SECTION("no samples") { CHECK_THAT(with("a", idx_bytes({0, 2, 3}, "")), Contains("no samples")); }
  SECTION("no labels") {
    CHECK_THAT(with("b", idx_bytes({6, 1}, counting(6))), Contains("expected labels [N]"));
  }
  SECTION("swapped") { CHECK_THAT(with("a", idx_bytes({6}, counting(6))), Contains("expected images")); }
  SECTION("cut off") {
    CHECK_THAT(with("a", idx_bytes({6, 2, 3}, counting(35))),
               Contains("expected 52 bytes") && Contains("found 51"));
  }
  SECTION("missing, with the place in the config") {
    files::remove_all(files.folder / "a");
    CHECK_THAT(plan_report(files.yaml, files.folder.path()),
               Contains("c.yaml:1:") && Contains("No such file"));
  }
  SECTION("half a pair") {
    CHECK_THAT(
        plan_report("source: {idx: {train_images: a, train_labels: b, test_images: c}}", files.folder.path()),
        Contains("c.yaml:1:") && Contains("test_labels"));
  }
}

TEST_CASE("a label outside the classes names file and record") {
  const Files files;
  write(files.folder / "d", idx_bytes({2}, std::string("\1\7")));
  CHECK_THAT(files.open_report(),
             Contains("/d") && Contains("record 1") && Contains("label 7") && Contains("0 to 2"));
}

TEST_CASE("damage behind the headers is found on opening") {
  const Files files;
  const std::string good = gzip(idx_bytes({2, 2, 3}, counting(12)));
  write(files.folder / "c", good.substr(0, good.size() - 3));
  CHECK_NOTHROW(plan(files.yaml, files.folder.path()));
  CHECK_THAT(files.open_report(), Contains("/c") && Contains("cut off"));
}
