#include "dlb/data/voc_folder.h"

#include "data/data_support.h"
#include "support/shared_data.h"
#include "support/skip.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string object(const std::string& name, int left, int top, int right, int bottom) {
  return fmt::format(
      "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></"
      "object>",
      name, left, top, right, bottom);
}

std::string annotation(const std::string& objects) {
  return "<annotation><size><width>20</width><height>10</height></size>" + objects + "</annotation>";
}

std::string voc_report(const std::string& text) {
  return report_of([&] { data::parse_voc(text, {"a", "b"}, "x.xml"); });
}

/// A grey BMP of 10 x 20.
std::string picture_file() {
  std::string out =
      "BM" + std::string(8, '\0') + std::string("\x36\0\0\0\x28\0\0\0\x14\0\0\0\x0a\0\0\0\x01\0\x18\0", 20);
  return out + std::string(24, '\0') + std::string(600, '\x40');
}

}  // namespace

TEST_CASE("annotations say boxes, the largest first, within the picture") {
  const data::VocAnnotation a = data::parse_voc(
      annotation(object("b", 2, 1, 4, 3) + object(" a ", -5, 0, 30, 10) + object("a", 3, 3, 3, 9)),
      {"a", "b"}, "x");
  CHECK(data::parse_voc("<annotation verified=\"no\"> "
                        "<sizes></sizes><size><width>7</width><height>5</height></size></annotation>",
                        {"a"}, "x")
            .width == 7);
  CHECK(a.width == 20);
  CHECK(a.height == 10);
  REQUIRE(a.boxes.size() == 2);
  CHECK(a.boxes[0].label == 0);
  CHECK(a.boxes[0].left == 0);
  CHECK(a.boxes[0].right == 20);
  CHECK(a.boxes[1].label == 1);
  CHECK(a.boxes[1].bottom == 3);
}

TEST_CASE("annotations that are damaged say where") {
  CHECK_THAT(voc_report(""),
             Contains("annotation 'x.xml' has no element <annotation> where one is expected"));
  CHECK_THAT(voc_report("<annotation></annotation>"), Contains("no element <size>"));
  CHECK_THAT(voc_report(annotation(object("c", 0, 0, 1, 1))),
             Contains("has an object 'c', which is none of the classes: a, b"));
  CHECK_THAT(voc_report(annotation("<object><name>a</name></object>")), Contains("no element <bndbox>"));
  CHECK_THAT(voc_report("<annotation><size><width>x1</width></size></annotation>"),
             Contains("<width> is 'x1'; expected a number"));
  CHECK_THAT(voc_report("<annotation><size><width>0</width><height>9</height></size></annotation>"),
             Contains("0 x 9 pixels"));
  const std::string whole = annotation(object("a", 1, 2, 3, 4));
  for (size_t length = 0; length < whole.size(); ++length)
    CHECK_THAT(voc_report(whole.substr(0, length)), Contains("has no element <annotation>"));
}

TEST_CASE("boxes become masks of the size asked for") {
  TempFolder folder;
  for (const char* name : {"JPEGImages", "Annotations", "ImageSets/Main"})
    files::make_folders(folder.path() + "/set/" + name);
  for (const char* name : {"one", "two"}) {
    write(folder.path() + "/set/JPEGImages/" + name + ".bmp", picture_file());
    write(folder.path() + "/set/Annotations/" + name + ".xml",
          annotation(object("a", 0, 0, 10, 10) + object("b", 4, 4, 8, 8)));
  }
  write(folder.path() + "/set/ImageSets/Main/train.txt", "one\r\n");
  write(folder.path() + "/set/ImageSets/Main/test.txt", "two\n\n");
  const std::string head = "source: {voc_folder: {path: set, classes: [a, b], size: [5, 10]";
  auto module = plan(head + "}}\nbatch: 1\n", folder.path());
  CHECK(module->spec().classes == 3);
  CHECK(module->size("train") == 1);
  CHECK(module->size("test") == 1);
  CHECK(module->spec().target().spec.shape == Shape{5, 10});
  module->open();
  auto loader = module->loader("train", false, 0);
  loader->start(0);
  const auto mask = loader->next()->target().to_vector<int64_t>();
  for (int64_t y = 0; y < 5; ++y) {
    for (int64_t x = 0; x < 10; ++x) {
      const int64_t expected = x >= 2 && x < 4 && y >= 2 && y < 4 ? 2 : x < 5 ? 1 : 0;
      CHECK(mask[static_cast<size_t>(y * 10 + x)] == expected);
    }
  }
  auto round = plan(head + ", form: ellipse}}\nbatch: 1\n", folder.path());
  round->open();
  auto other = round->loader("train", false, 0);
  other->start(0);
  const auto ellipse = other->next()->target().to_vector<int64_t>();
  CHECK(ellipse[0] == 0);
  CHECK(ellipse[1 * 10 + 2] == 1);
  CHECK(ellipse[2 * 10 + 3] == 2);
  write(folder.path() + "/set/ImageSets/Main/test.txt", "three");
  CHECK_THAT(plan_report(head + "}}\nbatch: 1\n", folder.path()),
             Contains("test.txt' names 'three', which has no picture"));
}

TEST_CASE("blood cells have their published splits") {
  const std::string path = shared_data("bccd/bccd-voc.zip");
  if (path.empty()) DLB_SKIP("no bccd");
  const Environment data("DLBENCH_DATA", files::parent(files::parent(path)));
  auto module = plan("source: bccd\nbatch: 8\n");
  CHECK(module->size("train") == 205);
  CHECK(module->size("val") == 87);
  CHECK(module->size("test") == 72);
  CHECK(module->spec().classes == 4);
  CHECK(module->spec().input().spec.shape == Shape{3, 96, 128});
}
