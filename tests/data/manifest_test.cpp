#include "dlb/data/manifest.h"

#include "data/data_support.h"
#include "dlb/data/embedded.h"
#include "dlb/data/set_manifest.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

const std::string kImages = idx_bytes({3, 2, 2}, counting(12));
const std::string kLabels = idx_bytes({3}, counting(3));

std::string manifest_yaml(const std::string& more = "") {
  return "name: tiny\ndescription: d\nlicence: l\nshape: [1, 2, 2]\nclasses: [a, b, c]\npackage: "
         "dataset-tiny\n" +
         more + "splits:\n  train:\n    samples: 3\n    images: {file: x-images-idx3-ubyte, md5: " +
         files::md5_hex(kImages) +
         "}\n    labels: {file: x-labels-idx1-ubyte, md5: " + files::md5_hex(kLabels) + "}\n";
}

/// A manifest beside the config and folders that may have its files.
struct Tiny {
  TempFolder folder;
  Environment no_data{"DLBENCH_DATA", ""};
  explicit Tiny(const std::string& more = "") { write(folder / "tiny.yaml", manifest_yaml(more)); }
  void put(const std::string& sub, const std::string& images,
           const std::string& name = "x-images-idx3-ubyte") const {
    files::make_folders(folder / sub);
    write(files::join(folder / sub, name), images);
    write(files::join(folder / sub, "x-labels-idx1-ubyte"), kLabels);
  }
  std::unique_ptr<data::DataModule> open(const std::string& more = "") const {
    auto module = plan("source: tiny.yaml\n" + more, folder.path());
    module->open();
    return module;
  }
  /// The folder that the images were read from, relative to ours.
  std::string found_in(const std::string& more = "") const {
    const std::string path = open(more)->checksums().rbegin()->first;
    return files::parent(path).substr(folder.path().size() + 1);
  }
};

}  // namespace

TEST_CASE("the binary carries the manifests, and each reads without error") {
  const std::vector<std::string> names = data::manifest_names();
  for (const char* name : {"adult", "cifar10-jpeg", "cora", "digits", "fashion-mnist", "fsdd", "mnist"})
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  for (const std::string& name : names) {
    const std::string_view text = data::embedded_file(name + ".yaml");
    if (data::SetManifest::is_one(text)) {
      ErrorList errors;
      const auto set = data::SetManifest::parse(errors, text, name);
      errors.throw_if_any();
      CHECK(set->name == name);
      CHECK_FALSE(set->source.empty());
      continue;
    }
    const data::Manifest manifest = data::builtin_manifest(name);
    CHECK(manifest.name == name);
    CHECK(manifest.classes.size() == 10);
    CHECK(manifest.splits.size() == 2);
    CHECK(manifest.splits.front().first == "train");
  }
}

TEST_CASE("digits needs no file: 1,797 samples with known content") {
  Environment other("DLBENCH_DATA", "/nowhere");
  auto module = plan("source: digits\nbatch: 100\n");
  CHECK(module->spec().input().spec.shape == Shape{1, 8, 8});
  module->open();
  CHECK(module->checksums().at("built-in digits/train-images-idx3-ubyte.gz") ==
        "md5:0b2422c2514f3758d2252e415d6e2a64");
  const auto count = [&](const std::string& split) {
    std::vector<int64_t> classes(10);
    int64_t sum = 0, largest = 0;
    auto loader = module->loader(split, false, 0);
    loader->start(0);
    while (const auto batch = loader->next()) {
      for (const int64_t label : batch->target().to_vector<int64_t>()) ++classes[static_cast<size_t>(label)];
      for (const int64_t v : batch->input().to_vector<int64_t>()) {
        largest = std::max(largest, v);
        sum += v;
      }
    }
    CHECK(largest == 16);
    classes.push_back(sum);
    return classes;
  };
  const auto train = count("train");
  const auto test = count("test");
  CHECK(std::vector<int64_t>(train.begin(), train.end() - 1) ==
        std::vector<int64_t>{143, 146, 142, 146, 144, 145, 144, 143, 141, 143});
  CHECK(std::vector<int64_t>(test.begin(), test.end() - 1) ==
        std::vector<int64_t>{35, 36, 35, 37, 37, 37, 37, 36, 33, 37});
  CHECK(train.back() + test.back() == 561718);  // numpy: load_digits().data.sum()
}

TEST_CASE("where a manifest's files are looked for, in order") {
  const Tiny tiny;
  write(tiny.folder / "tiny.yaml", manifest_yaml("folders: [" + (tiny.folder / "installed") + "]\n"));
  tiny.put("installed", kImages);
  CHECK(tiny.found_in() == "installed");
  tiny.put("env", gzip(kImages), "x-images-idx3-ubyte.gz");
  Environment data("DLBENCH_DATA", tiny.folder / "env");
  CHECK(tiny.found_in() == "env");
  tiny.put("env/tiny", kImages, "x-images.idx3-ubyte");
  CHECK(tiny.found_in() == "env/tiny");
  tiny.put("own/tiny", kImages);
  CHECK(tiny.found_in("dir: own\n") == "own/tiny");
  tiny.put("own", kImages);
  CHECK(tiny.found_in("dir: own\n") == "own");
}

TEST_CASE("a folder without all files is passed over; a given dir is the only place") {
  const Tiny tiny;
  write(tiny.folder / "tiny.yaml",
        manifest_yaml("folders: [" + (tiny.folder / "half") + ", " + (tiny.folder / "whole") + "]\n"));
  tiny.put("half", kImages);
  files::remove_all(tiny.folder / "half/x-labels-idx1-ubyte");
  tiny.put("whole", kImages);
  CHECK(tiny.found_in() == "whole");
  const std::string report = plan_report("source: tiny.yaml\ndir: half\n", tiny.folder.path());
  CHECK_THAT(report,
             Contains("half (no x-labels-idx1-ubyte[.gz])") && Contains("half/tiny (no such folder)"));
  CHECK_THAT(report, !Contains("whole"));
}

TEST_CASE("data that is nowhere: an io error with the folders tried and how to get it") {
  const Tiny tiny;
  Environment data("DLBENCH_DATA", "/no/such");
  try {
    plan("source: tiny.yaml\n", tiny.folder.path());
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kIo);
    CHECK(exit_code(e.kind) == 1);
    CHECK_THAT(e.report(), Contains("/no/such/tiny (no such folder)") &&
                               Contains("apt install dataset-tiny") && Contains("data.dir") &&
                               Contains("c.yaml:1:"));
  }
}

TEST_CASE("wrong content is refused with both checksums and the path") {
  const Tiny tiny;
  std::string other = kImages;
  other.back() = 'x';
  tiny.put("d", other);
  try {
    tiny.open("dir: d\n");
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kData);
    CHECK_THAT(e.report(), Contains(files::md5_hex(kImages)) && Contains(files::md5_hex(other)) &&
                               Contains("x-images-idx3-ubyte"));
  }
  tiny.put("d", idx_bytes({3, 2, 3}, counting(18)));
  CHECK_THAT(plan_report("source: tiny.yaml\ndir: d\n", tiny.folder.path()),
             Contains("[1, 2, 3]") && Contains("expected [1, 2, 2]"));
}

TEST_CASE("a manifest is read as strictly as a config") {
  const auto report = [](const std::string& yaml) {
    ErrorList errors;
    CHECK_FALSE(data::Manifest::parse(errors, yaml, "m.yaml"));
    return report_of([&] { errors.throw_if_any(); });
  };
  CHECK_THAT(report(manifest_yaml("licnece: x\n")), Contains("m.yaml:7") && Contains("licnece"));
  CHECK_THAT(report("name: x\n"), Contains("splits"));
  CHECK_THAT(report("name: [x"), Contains("m.yaml"));
  std::string bad = manifest_yaml();
  bad.replace(bad.find("md5: ") + 5, 4, "zzzz");
  CHECK_THAT(report(bad), Contains("no MD5"));
  bad = manifest_yaml();
  bad.replace(bad.find("x-images"), 8, "../x-ima");
  CHECK_THAT(report(bad), Contains("without a folder"));
  CHECK_THAT(report(manifest_yaml("format: csv\n")), Contains("format"));
}

TEST_CASE("an unknown source is refused with the nearest name") {
  CHECK_THAT(plan_report("source: fashion-mnits\n"), Contains("c.yaml:1:9") && Contains("fashion-mnist"));
  CHECK_THAT(plan_report("source: {digits: {x: 1}}\n"), Contains("no fields"));
  CHECK_THAT(plan_report("source: none.yaml\n"), Contains("No such file") && Contains("c.yaml:1:9"));
  CHECK_THAT(plan_report("batch: 3\n"), Contains("source"));
}

namespace {

const std::string kTable = "x,y\n1,a\n2,b\n3,a\n4,b\n";

std::string table_manifest(const std::string& checksum) {
  return "name: table\ndescription: d\nlicence: l\nsource: https://example.org/t\nfiles:\n  - {file: "
         "sub/t.csv, " +
         checksum + "}\nuse: {csv: {train: sub/t.csv, target: y, shuffle: false}}\n";
}

}  // namespace

TEST_CASE("a table of a manifest: found below DLBENCH_DATA, verified by either checksum") {
  for (const std::string& checksum :
       {"sha256: " + files::sha256_hex(kTable), "md5: " + files::md5_hex(kTable)}) {
    const TempFolder tmp;
    write(tmp / "table.yaml", table_manifest(checksum));
    files::make_folders(tmp / "data/sub");
    write(tmp / "data/sub/t.csv", kTable);
    const Environment root("DLBENCH_DATA", tmp / "data");
    auto module = plan("source: table.yaml", tmp.path());
    module->open();
    CHECK(read_all(*module, "train") == std::vector<std::vector<double>>{{1, 2, 3, 4}, {0, 1, 0, 1}});
    CHECK(module->checksums().size() == 1);
    write(tmp / "data/sub/t.csv", kTable + "5,a\n");
    module = plan("source: table.yaml", tmp.path());
    CHECK_THAT(report_of([&] { module->open(); }), Contains("has the wrong content: expected"));
  }
  ErrorList errors;
  data::SetManifest::parse(errors, table_manifest("md5: abc"), "m.yaml");
  CHECK_THAT(report_of([&] { errors.throw_if_any(); }),
             Contains("m.yaml:6:5") && Contains("no MD5 checksum"));
}

TEST_CASE("fields beside a manifest's name change how its files are read") {
  const std::string sonar = shared_data("tabular/sonar.csv");
  if (sonar.empty()) DLB_SKIP("../shared/datasets/tabular is not here");
  const std::string dir = "dir: " + files::parent(files::parent(sonar)) + "\n";
  auto module = plan("source: sonar\n" + dir);
  CHECK(module->size("train") == 166);
  CHECK(module->spec().input().spec.shape == Shape{60});
  CHECK(module->spec().classes == 2);
  CHECK(plan("source: {sonar: {test_fraction: 0.5, inputs: [0, 1]}}\n" + dir)->size("test") == 104);
  CHECK_THAT(plan_report("source: {sonar: {test_fracton: 0.5}}\n" + dir),
             Contains("did you mean 'test_fraction'?"));
}

TEST_CASE("published tables, graphs and ratings have the sizes that are written of them") {
  bool any = false;
  const auto check = [&](const std::string& name, const std::string& file, int64_t train, int64_t test,
                         const Shape& input, int64_t classes) {
    const std::string path = shared_data(file);
    if (path.empty()) return;
    any = true;
    CAPTURE(name);
    const std::string root = path.substr(0, path.size() - file.size());
    auto module = plan("source: " + name + "\ndir: " + root + "\nbatch: 1\n");
    module->open();
    CHECK(module->size("train") == train);
    CHECK(module->size("test") == test);
    CHECK(module->spec().input().spec.shape == input);
    CHECK(module->spec().classes == classes);
  };
  check("adult", "tabular/adult-train.csv", 32561, 16281, {105}, 2);
  check("california-housing", "tabular/california_housing.csv", 16512, 4128, {13}, 0);
  check("abalone", "tabular/abalone.csv", 3342, 835, {10}, 0);
  check("banknotes", "tabular/banknote_authentication.csv", 1098, 274, {4}, 2);
  check("wine-quality-red", "tabular/winequality-red.csv", 1279, 320, {11}, 0);
  check("cora", "planetoid/cora/nodes.txt", 1, 1, {2708, 1433}, 7);
  check("movietweetings-100k", "movietweetings-100k/ratings.dat", 90000, 10000, {}, 0);
  if (!any) DLB_SKIP("../shared/datasets is not here");
}
