#include <map>
#include <set>

#include "data/data_support.h"
#include "data/transform_support.h"
#include "data/zip_support.h"
#include "dlb/data/image_decode.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string golden_image(const std::string& name) {
  return files::read_all(std::string(DLB_SOURCE_DIR) + "/tests/golden/images/" + name);
}

/// A grey BMP of one value.
std::string plain_bmp(int64_t height, int64_t width, int value) {
  const uint64_t row = static_cast<uint64_t>((width * 3 + 3) / 4 * 4),
                 pixels = row * static_cast<uint64_t>(height);
  std::string out = "BM" + little_bytes(54 + pixels, 4) + little_bytes(0, 4) + little_bytes(54, 4);
  out += little_bytes(40, 4) + little_bytes(static_cast<uint64_t>(width), 4) +
         little_bytes(static_cast<uint64_t>(height), 4);
  out += little_bytes(1, 2) + little_bytes(24, 2) + little_bytes(0, 24) +
         std::string(pixels, static_cast<char>(value));
  return out;
}

/// Class folders b (10 pictures of values 10, 11, ...) and a (5 of 100, 101, ...) below `folder`.
void write_classes(const std::string& folder, int first = 0) {
  for (const auto& [name, count, base] : {std::tuple{"b", 10, 10}, std::tuple{"a", 5, 100}}) {
    files::make_folders(folder + "/" + name);
    for (int i = 0; i < count; ++i)
      write(fmt::format("{}/{}/{}.bmp", folder, name, i), plain_bmp(4, 4, base + first + i));
  }
}

/// The first value of each sample with its label.
std::vector<std::pair<int64_t, int64_t>> samples_of(data::DataModule& module, const std::string& split) {
  std::vector<std::pair<int64_t, int64_t>> out;
  auto loader = module.loader(split, false, 0);
  loader->start(0);
  while (const auto batch = loader->next()) {
    const auto labels = batch->target().to_vector<int64_t>();
    const auto values = batch->input().to_vector<int64_t>();
    const size_t each = values.size() / labels.size();
    for (size_t i = 0; i < labels.size(); ++i) out.emplace_back(values[i * each], labels[i]);
  }
  return out;
}

}  // namespace

TEST_CASE("class folders give each picture its class, in train, val and test folders") {
  TempFolder folder;
  write_classes(folder.path() + "/set/train");
  write_classes(folder.path() + "/set/test", 50);
  write(folder.path() + "/set/train/readme.txt", "no picture");
  auto module = plan("source: {image_folder: {path: set, channels: 1}}\nbatch: 4\n", folder.path());
  CHECK(module->splits() == std::vector<std::string>{"train", "test"});
  CHECK(module->size("train") == 15);
  CHECK(module->spec().classes == 2);
  CHECK(module->spec().input().name == "image");
  CHECK(module->spec().input().spec.shape == Shape{1, 4, 4});
  module->open();
  for (const auto& [split, first] : {std::pair{"train", 0}, std::pair{"test", 50}}) {
    const auto got = samples_of(*module, split);
    std::set<std::pair<int64_t, int64_t>> expected;
    for (int i = 0; i < 10; ++i) expected.insert({10 + first + i, 1});
    for (int i = 0; i < 5; ++i) expected.insert({100 + first + i, 0});
    CHECK(std::set(got.begin(), got.end()) == expected);
    // The order is mixed: the first samples are not all of one class.
    std::set<int64_t> labels;
    for (size_t i = 0; i < 8; ++i) labels.insert(got[i].second);
    CHECK(labels.size() == 2);
  }
  // The listing of the files stands for their content.
  const auto before = module->checksums();
  write(folder.path() + "/set/train/a/new.bmp", plain_bmp(4, 4, 1));
  auto again = plan("source: {image_folder: {path: set, channels: 1}}\nbatch: 4\n", folder.path());
  CHECK(again->checksums() != before);
}

TEST_CASE("a share of each class is the test split") {
  TempFolder folder;
  write_classes(folder.path() + "/set");
  const std::string yaml = "source: {image_folder: {path: set, channels: 1, test_fraction: 0.4}}\nbatch: 4\n";
  auto module = plan(yaml, folder.path());
  module->open();
  const auto train = samples_of(*module, "train"), test = samples_of(*module, "test");
  CHECK(train.size() == 9);
  CHECK(test.size() == 6);
  CHECK(std::count_if(test.begin(), test.end(), [](const auto& s) { return s.second == 1; }) == 4);
  std::set<int64_t> all;
  for (const auto& part : {train, test}) {
    for (const auto& s : part) all.insert(s.first);
  }
  CHECK(all.size() == 15);
  // Another seed, another choice; the same seed, the same.
  auto other =
      plan("source: {image_folder: {path: set, channels: 1, test_fraction: 0.4, seed: 3}}\nbatch: 4\n",
           folder.path());
  other->open();
  CHECK(samples_of(*other, "test") != test);
  auto same = plan(yaml, folder.path());
  same->open();
  CHECK(samples_of(*same, "test") == test);
}

TEST_CASE("chosen classes, in the order given") {
  TempFolder folder;
  write_classes(folder.path() + "/set");
  auto module = plan("source: {image_folder: {path: set, channels: 1, classes: [b]}}\n", folder.path());
  CHECK(module->size("train") == 10);
  CHECK(module->spec().classes == 1);
  auto both = plan("source: {image_folder: {path: set, channels: 1, classes: [b, a]}}\n", folder.path());
  both->open();
  for (const auto& [value, label] : samples_of(*both, "train")) CHECK(label == (value >= 100 ? 1 : 0));
}

TEST_CASE("pictures of different sizes are scaled as Resize and CenterCrop do, or stretched") {
  TempFolder folder;
  files::make_folders(folder.path() + "/set/x");
  const std::string names[] = {"rgb.png", "colours_444.jpg"};
  for (const std::string& name : names) write(folder.path() + "/set/x/" + name, golden_image(name));
  for (const std::string fit : {"crop", "stretch"}) {
    for (const int64_t size : {12, 50}) {
      auto module = plan(
          fmt::format("source: {{image_folder: {{path: set, size: {}, fit: {}}}}}\nbatch: 1\n", size, fit),
          folder.path());
      CHECK(module->spec().input().spec.shape == Shape{3, size, size});
      module->open();
      std::set<std::vector<float>> got, expected;
      auto loader = module->loader("train", false, 0);
      loader->start(0);
      while (const auto batch = loader->next()) {
        const Tensor image = batch->input();
        const uint8_t* values = static_cast<const uint8_t*>(image.raw());
        got.insert(std::vector<float>(values, values + 3 * size * size));
      }
      for (const std::string& name : names) {
        const data::RawImage raw = data::decode_image(golden_image(name), name, 3);
        Picture p{3, raw.shape.height, raw.shape.width, {}};
        for (int64_t i = 0; i < raw.shape.values(); ++i)
          p.values.push_back(static_cast<float>(raw.pixels.get()[i]));
        if (fit == "crop") {
          const Picture scaled = dlb::test::apply(fmt::format("{{resize: {}}}", size), p);
          expected.insert(dlb::test::apply(fmt::format("{{center_crop: {}}}", size), scaled).values);
        } else {
          expected.insert(dlb::test::apply(fmt::format("{{resize: [{}, {}]}}", size, size), p).values);
        }
      }
      CHECK(got == expected);
    }
  }
}

TEST_CASE("decoded pictures are kept up to the limit, with the same content") {
  TempFolder folder;
  write_classes(folder.path() + "/set");
  std::vector<std::vector<std::pair<int64_t, int64_t>>> seen;
  for (const int cache : {0, 1}) {
    auto module = plan(
        fmt::format("source: {{image_folder: {{path: set, cache_mb: {}}}}}\nbatch: 4\nthreads: 3\n", cache),
        folder.path());
    module->open();
    seen.push_back(samples_of(*module, "train"));
    if (cache > 0) {
      // Nothing is read a second time.
      files::remove_all(folder.path() + "/set");
      seen.push_back(samples_of(*module, "train"));
    }
  }
  CHECK(seen[0] == seen[1]);
  CHECK(seen[0] == seen[2]);
}

TEST_CASE("an archive is read like the folder") {
  TempFolder folder;
  std::vector<ZipEntry> entries;
  for (int i = 0; i < 6; ++i)
    entries.push_back(
        {fmt::format("deep/{}/{}.bmp", i % 2 == 0 ? "a" : "b", i), plain_bmp(4, 4, 20 + i), i > 2});
  write(folder.path() + "/set.zip", zip_bytes(entries));
  auto module = plan("source: {image_folder: {path: set.zip/deep, channels: 1}}\nbatch: 4\nthreads: 2\n",
                     folder.path());
  module->open();
  std::set<std::pair<int64_t, int64_t>> expected;
  for (int i = 0; i < 6; ++i) expected.insert({20 + i, i % 2});
  const auto got = samples_of(*module, "train");
  CHECK(std::set(got.begin(), got.end()) == expected);
}

TEST_CASE("masks go with their pictures") {
  TempFolder folder;
  files::make_folders(folder.path() + "/in");
  files::make_folders(folder.path() + "/out");
  for (int i = 0; i < 10; ++i) {
    write(fmt::format("{}/in/{}.bmp", folder.path(), i), plain_bmp(6, 8, 10 * i));
    write(fmt::format("{}/out/{}.bmp", folder.path(), i), plain_bmp(6, 8, i % 3));
  }
  auto module = plan(
      "source: {image_pairs: {inputs: in, targets: out, classes: 3, size: [3, 4], channels: 1, "
      "test_fraction: 0.3}}\nbatch: 1\n",
      folder.path());
  CHECK(module->size("test") == 3);
  CHECK(module->spec().classes == 3);
  CHECK(module->spec().target().name == "mask");
  CHECK(module->spec().target().spec.shape == Shape{3, 4});
  module->open();
  std::set<int64_t> seen;
  for (const char* split : {"train", "test"}) {
    auto loader = module->loader(split, false, 0);
    loader->start(0);
    while (const auto batch = loader->next()) {
      const int64_t value = batch->input().to_vector<int64_t>()[0];
      seen.insert(value);
      CHECK(batch->target().to_vector<int64_t>() == std::vector<int64_t>(12, value / 10 % 3));
    }
  }
  CHECK(seen.size() == 10);
  auto images =
      plan("source: {image_pairs: {inputs: in, targets: out, target: image}}\nbatch: 1\n", folder.path());
  CHECK(images->spec().target().spec.shape == Shape{3, 6, 8});
  CHECK(images->spec().classes == 0);
  auto wrong =
      plan("source: {image_pairs: {inputs: in, targets: out, classes: 2}}\nbatch: 1\n", folder.path());
  wrong->open();
  CHECK_THAT(report_of([&] { samples_of(*wrong, "train"); }),
             Contains("has the value 2 at row 0, column 0: class 2 is out of range, expected 0 to 1"));
}

TEST_CASE("pairs are of one class or not, triplets of both") {
  auto module = plan("source: {pairs: {of: digits, same: 0.3}}\nbatch: 60\nthreads: 2\n");
  CHECK(module->spec().inputs == 2);
  CHECK(module->spec().columns[0].spec.shape == Shape{1, 8, 8});
  CHECK(module->spec().target().spec.rank() == 0);
  module->open();
  // The label of each digit by its pixels.
  std::map<std::vector<int64_t>, int64_t> label;
  auto digits = plan("source: digits\nbatch: 1\n");
  digits->open();
  for (const char* split : {"train", "test"}) {
    auto loader = digits->loader(split, false, 0);
    loader->start(0);
    while (const auto batch = loader->next())
      label[batch->input().to_vector<int64_t>()] = batch->target().to_vector<int64_t>()[0];
  }
  const auto part = [](const Tensor& images, size_t i) {
    const auto all = images.to_vector<int64_t>();
    return std::vector<int64_t>(all.begin() + static_cast<int64_t>(i) * 64,
                                all.begin() + static_cast<int64_t>(i + 1) * 64);
  };
  const auto read = [&](const std::string& split, int64_t epoch) {
    std::vector<double> same;
    std::vector<int64_t> partners;
    auto loader = module->loader(split, false, 0);
    loader->start(epoch);
    while (const auto batch = loader->next()) {
      const auto flags = batch->target().to_vector<double>();
      for (size_t i = 0; i < flags.size(); ++i) {
        const auto a = part(batch->columns[0], i), b = part(batch->columns[1], i);
        REQUIRE((label.at(a) == label.at(b)) == (flags[i] == 1));
        REQUIRE((flags[i] == 1 || flags[i] == 0));
        same.push_back(flags[i]);
        partners.insert(partners.end(), b.begin(), b.end());
      }
    }
    double sum = 0;
    for (const double s : same) sum += s;
    CHECK(std::abs(sum / static_cast<double>(same.size()) - 0.3) < 0.1);
    return partners;
  };
  CHECK(read("train", 0) != read("train", 1));
  CHECK(read("test", 0) == read("test", 1));

  auto triplets = plan("source: {triplets: {of: digits}}\nbatch: 100\n");
  CHECK(triplets->spec().inputs == 3);
  triplets->open();
  auto loader = triplets->loader("train", true, 0);
  loader->start(0);
  const auto batch = loader->next();
  const auto labels = batch->target().to_vector<int64_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    CHECK(label.at(part(batch->columns[0], i)) == labels[i]);
    CHECK(label.at(part(batch->columns[1], i)) == labels[i]);
    CHECK(label.at(part(batch->columns[2], i)) != labels[i]);
  }
  CHECK_THAT(plan_report("source: {pairs: {of: {synthetic: {task: regression}}}}"),
             Contains("with a class each, such as digits"));
}

TEST_CASE("cifar10-jpeg is read from its archive") {
  const std::string path = shared_data("cifar10-jpeg/cifar10-jpeg-12k.zip");
  if (path.empty()) DLB_SKIP("no cifar10-jpeg");
  const Environment data("DLBENCH_DATA", files::parent(files::parent(path)));
  auto module = plan("source: cifar10-jpeg\nbatch: 100\nthreads: 2\n");
  CHECK(module->size("train") == 10000);
  CHECK(module->size("test") == 2000);
  CHECK(module->spec().classes == 10);
  module->open();
  CHECK(module->checksums().begin()->second ==
        "sha256:bd17c2d110e8eb961f55e1cf873c031a46b5a9da099bce2679cc12e3b207a3e0");
  std::map<int64_t, int> counts;
  double sum = 0;
  auto loader = module->loader("test", false, 0);
  loader->start(0);
  while (const auto batch = loader->next()) {
    for (const int64_t label : batch->target().to_vector<int64_t>()) ++counts[label];
    for (const int64_t value : batch->input().to_vector<int64_t>()) sum += static_cast<double>(value);
  }
  for (int64_t c = 0; c < 10; ++c) CHECK(counts[c] == 200);
  // The mean of all values, as Pillow decodes them: 122.41.
  CHECK(std::abs(sum / (2000.0 * 3072) - 122.41) < 0.1);
  // Fields of the source may be given beside the name.
  auto small = plan("source: {cifar10-jpeg: {size: 16, channels: 1}}\n");
  CHECK(small->spec().input().spec.shape == Shape{1, 16, 16});
}
