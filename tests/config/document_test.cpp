// Includes, overrides and the history of values.

#include "dlb/config/document.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "config/config_support.h"
#include "support/temp_folder.h"

using namespace dlb;
using namespace dlb::config;
using test::parse;
using test::parse_report;
using test::TempFolder;

namespace {

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

std::string load_report(const std::string& file, const std::vector<std::string>& overrides = {}) {
  return test::report_of([&] { Document::load(file, overrides); });
}

/// The text with each occurrence of the folder's path removed, so that reports can be compared whole.
std::string without(std::string text, const std::string& folder) {
  for (size_t at; (at = text.find(folder + "/")) != std::string::npos;) text.erase(at, folder.size() + 1);
  return text;
}

/// "value@place ..." of a key, oldest first.
std::string history(const Document& document, const std::string& key) {
  std::string out;
  for (const Origin& origin : document.explain(key))
    out += (out.empty() ? "" : " ") + origin.value + "@" + origin.mark.str();
  return out;
}

}  // namespace

TEST_CASE("includes merge maps deeply, the including file wins, lists are replaced") {
  const TempFolder f;
  put(f / "base.yaml", "optimizer: {adam: {lr: 1e-3, beta1: 0.9}}\nlist: [1, 2]\nonly: base\n");
  put(f / "more/extra.yaml", "include: ../third.yaml\nextra: 1\nonly: extra\n");
  put(f / "third.yaml", "third: 3\nextra: 3\n");
  put(f / "main.yaml", "include: [base.yaml, more/extra.yaml]\noptimizer:\n  adam: {lr: 0.5}\nlist: [3]\n");
  const Document d = Document::load(f / "main.yaml");
  CHECK(same_value(
      d.root(),
      parse("optimizer: {adam: {lr: 0.5, beta1: 0.9}}\nlist: [3]\nonly: extra\nthird: 3\nextra: 1\n")));
  CHECK(d.files() ==
        std::vector<std::string>{f / "main.yaml", f / "base.yaml", f / "more/extra.yaml", f / "third.yaml"});
  const Node& adam = *d.root().find("optimizer")->find("adam");
  CHECK(adam.find("lr")->mark().str() == (f / "main.yaml") + ":3:14");
  CHECK(adam.find("beta1")->mark().str() == (f / "base.yaml") + ":1:37");
  CHECK(adam.find("beta1")->path() == "optimizer.adam.beta1");
  CHECK(adam.find_entry("lr")->key_mark.str() == (f / "main.yaml") + ":3:10");
}

TEST_CASE("tags append, prepend, delete and replace") {
  const TempFolder f;
  put(f / "base.yaml", "a: [1]\nb: [1]\nc: {x: 1, y: 2}\nd: {x: 1}\ne: 1\n");
  put(f / "main.yaml",
      "include: base.yaml\na: !append [2, 3]\nb: !prepend [0]\nc: {x: !delete }\nd: !replace {z: 1}\ne: "
      "!delete\nnew: !append [5]\n");
  CHECK(to_yaml(Document::load(f / "main.yaml").root()) ==
        to_yaml(parse("a: [1, 2, 3]\nb: [0, 1]\nc: {y: 2}\nd: {z: 1}\nnew: [5]\n")));
}

TEST_CASE("tags that do not fit are errors") {
  const TempFolder f;
  put(f / "base.yaml", "s: text\nm: {a: 1}\n");
  put(f / "main.yaml",
      "include: base.yaml\ns: !append [1]\nm: {zz: !delete }\nt: !append 5\nu: !delete 3\nv: [!append "
      "[1]]\nw: {x: {y: !delete }}\n");
  CHECK(without(load_report(f / "main.yaml"), f.path()) ==
        "main.yaml:2:4: error: !append at s: the value before is 'text' (a string), not a list\n"
        "main.yaml:3:9: error: !delete at m.zz: nothing has set that key before\n"
        "main.yaml:4:4: error: !append at t takes a list, got 5\n"
        "main.yaml:5:4: error: !delete at u takes no value\n"
        "main.yaml:6:5: error: !append at v[0] has no meaning inside a list\n"
        "main.yaml:7:12: error: !delete at w.x.y: nothing has set that key before");
  CHECK(parse_report("!replace {a: 1}") == "c.yaml:1:1: error: !replace has no meaning for a whole file");
}

TEST_CASE("missing, wrong and cyclic includes are reported together") {
  const TempFolder f;
  put(f / "main.yaml", "include: [none.yaml, a.yaml, 5, bad.yaml, list.yaml]\n");
  put(f / "a.yaml", "include: sub/b.yaml\n");
  put(f / "sub/b.yaml", "include: ../a.yaml\n");
  put(f / "bad.yaml", "x: [1\n");
  put(f / "list.yaml", "[1]\n");
  CHECK(without(load_report(f / "main.yaml", {"x"}), f.path()) ==
        "--set x: error: expected KEY=VALUE, found no '='\n"
        "bad.yaml:1:4: error: this '[' is not closed, or a comma is missing inside it\n"
        "list.yaml:1:1: error: a config must be a map of keys, got a list\n"
        "main.yaml:1:11: error: cannot read 'none.yaml': No such file or directory\n"
        "  hint: an include is looked up beside the file that includes it\n"
        "main.yaml:1:30: error: include must be a file name or a list of file names, got 5\n"
        "sub/b.yaml:1:10: error: these files include each other: a.yaml -> sub/b.yaml -> a.yaml");
  CHECK(load_report(f / "nothing.yaml") ==
        "error: cannot read '" + (f / "nothing.yaml") + "': No such file or directory");
  CHECK(load_report(f.path()) == "error: cannot read '" + f.path() + "': Is a directory");
  put(f / "self.yaml", "include: ./self.yaml\n");
  CHECK(without(load_report(f / "self.yaml"), f.path()) ==
        "self.yaml:1:10: error: these files include each other: self.yaml -> self.yaml");
}

TEST_CASE("a missing config is a config error") {
  try {
    Document::load("/nowhere/x.yaml");
    FAIL("not reached");
  } catch (const Error& e) {
    CHECK(exit_code(e.kind) == 2);
  }
}

TEST_CASE("includes that fan out or go deep are bounded") {
  const TempFolder f;
  for (int i = 0; i < 30; ++i)
    put(f / fmt::format("fan{}.yaml", i), fmt::format("include: [fan{}.yaml, fan{}.yaml]\n", i + 1, i + 1));
  put(f / "fan15.yaml", "a: 1\n");
  CHECK(load_report(f / "fan0.yaml").find("the config includes more than 256 files") != std::string::npos);
  for (int i = 0; i < 30; ++i)
    put(f / fmt::format("deep{}.yaml", i), fmt::format("include: deep{}.yaml\n", i + 1));
  CHECK(without(load_report(f / "deep0.yaml"), f.path()) ==
        "deep20.yaml:1:10: error: includes are nested more than 20 deep");
}

TEST_CASE("overrides set keys, create maps and walk lists") {
  const std::string text =
      "model:\n  - conv2d: {out: 32}\n  - relu\n  - dropout: 0.25\noptimizer: {adam: {lr: 1e-3, beta1: "
      "0.9}}\nempty:\n'x.y': {z: 1}\n";
  const Node root = parse(
      text, {"model[2].dropout=0.1", "model[0].conv2d.out=64", "model[1]=gelu", "optimizer.adam.lr=3e-4",
             "a.b.c=[1, {d: e}]", "empty.k=x", "\"x.y\".z=2", "text='5'", "none=", "spaced=a b: c"});
  CHECK(same_value(
      root,
      parse("model: [conv2d: {out: 64}, gelu, dropout: 0.1]\noptimizer: {adam: {lr: 3e-4, beta1: 0.9}}\n"
            "a: {b: {c: [1, {d: e}]}}\nempty: {k: x}\n'x.y': {z: 2}\ntext: '5'\nnone: null\nspaced: {'a b': "
            "c}\n")));
  CHECK(root.find("model")->items().at(2).find("dropout")->mark().str() == "--set model[2].dropout=0.1");
  CHECK(root.find("a")->find("b")->find("c")->items().at(1).find("d")->mark().str() ==
        "--set a.b.c=[1, {d: e}]");
  CHECK(root.find("x.y")->find("z")->path() == "\"x.y\".z");
}

TEST_CASE("overrides apply in order; maps replace, tags work") {
  const std::string text = "opt: {adam: {lr: 1}}\nlist: [1, 2]\nold: 1\n";
  CHECK(same_value(parse(text, {"opt={sgd: {lr: 2}}", "opt.sgd.lr=3", "list=!append [3]", "list[0]=9",
                                "list[1]=!delete", "old=!delete"}),
                   parse("opt: {sgd: {lr: 3}}\nlist: [9, 3]\n")));
}

TEST_CASE("wrong overrides are reported, all of them") {
  const std::string text = "a: {b: 5}\nl: [1, 2]\nmodel: [max_pool2d: 2]\n";
  struct Case {
    const char* flag;
    const char* message;
  };
  const Case cases[] = {
      {"a.b.c=1", "cannot set a.b.c: a.b is 5, not a map\n  hint: set a.b itself"},
      {"l[2]=1", "cannot set l[2]: l has 2 items\n  hint: indices count from 0; use !append to add an item"},
      {"l.x=1", "cannot set l.x: l is a list, not a map\n  hint: choose an item: l[0]"},
      {"a[0]=1", "cannot set a[0]: a is a map, not a list"},
      {"q[0]=1", nullptr},
      {"model[0].max_pool2d.kernel=3",
       "cannot set model[0].max_pool2d.kernel: model[0].max_pool2d is 2, not a map\n  hint: set "
       "model[0].max_pool2d itself"},
      {"a", "expected KEY=VALUE, found no '='"},
      {"=1",
       "'=1' is not a key path: a key is missing at column 1\n  hint: a path is written like "
       "optimizer.adam.lr or model[2].dropout"},
      {"a..b=1",
       "'a..b=1' is not a key path: a key is missing at column 3\n  hint: a path is written like "
       "optimizer.adam.lr or model[2].dropout"},
      {"l[x]=1",
       "'l[x]=1' is not a key path: expected an index such as [2] at column 2\n  hint: a path is written "
       "like optimizer.adam.lr or model[2].dropout"},
      {"l[-1]=1",
       "'l[-1]=1' is not a key path: expected an index such as [2] at column 2\n  hint: a path is written "
       "like optimizer.adam.lr or model[2].dropout"},
      {"l[0]x=1",
       "'l[0]x=1' is not a key path: unexpected 'x' at column 5\n  hint: a path is written like "
       "optimizer.adam.lr or model[2].dropout"},
      {"\"a=1",
       "'\"a=1' is not a key path: a quote is not closed at column 5\n  hint: a path is written like "
       "optimizer.adam.lr or model[2].dropout"},
      {"a=[1", "this '[' is not closed, or a comma is missing inside it"},
      {"a={b: 1, b: 2}", "duplicate key 'b'; it is already set"},
      {"z=!delete", "!delete at z: nothing has set that key before"},
  };
  std::vector<std::string> flags;
  for (const Case& c : cases) {
    if (c.message == nullptr) continue;
    CHECK(parse_report(text, {c.flag}) == fmt::format("--set {}: error: {}", c.flag, c.message));
    flags.emplace_back(c.flag);
  }
  CHECK(parse_report(text, {"q[0]=1"}) == "--set q[0]=1: error: cannot set q[0]: q is not set");
  const std::string all = parse_report(text, flags);
  for (const std::string& flag : flags) CHECK(all.find("--set " + flag + ": error: ") != std::string::npos);
}

TEST_CASE("overrides cannot nest deeper than a file may") {
  std::string path = "a";
  for (int i = 0; i < 5000; ++i) path += ".a";
  CHECK(parse_report("", {path + "=1"}).find("error: values are nested more than 100 deep") !=
        std::string::npos);
  CHECK(parse_report("", {"a=" + test::repeated("[", 100'000)})
            .find("error: values are nested more than 100 deep") != std::string::npos);
}

TEST_CASE("explain tells every file, line and flag that set a value") {
  const TempFolder f;
  put(f / "base.yaml", "opt: {lr: 1, beta: 2}\nlist: [1, 2]\nmodel: [dropout: 0.5]\n");
  put(f / "main.yaml", "include: base.yaml\nopt:\n  lr: 3\nlist: !append [4]\n");
  const Document d = Document::load(f / "main.yaml", {"opt.lr=5", "model[0].dropout=0.1", "new.key=x"});
  const auto explained = [&](const char* key) { return without(history(d, key), f.path()); };
  CHECK(explained("opt.lr") == "1@base.yaml:1:11 3@main.yaml:3:7 5@--set opt.lr=5");
  CHECK(explained("opt.beta") == "2@base.yaml:1:20");
  CHECK(explained("opt") == "{lr, beta}@base.yaml:1:6 {lr}@main.yaml:3:3");
  CHECK(explained("list") == "[2 items]@base.yaml:2:7 [3 items]@main.yaml:4:7");
  CHECK(explained("list[0]") == "1@base.yaml:2:8");
  CHECK(explained("list[2]") == "4@main.yaml:4:16");
  CHECK(explained("model[0].dropout") == "0.5@base.yaml:3:18 0.1@--set model[0].dropout=0.1");
  CHECK(explained("new.key") == "x@--set new.key=x");
  CHECK(test::report_of([&] { static_cast<void>(d.explain("opt.lrr")); }) ==
        "error: nothing sets 'opt.lrr'; did you mean 'opt.lr'?");
  CHECK(test::report_of([&] { static_cast<void>(d.explain("zzzzzzzz")); }) ==
        "error: nothing sets 'zzzzzzzz'");
  CHECK(test::report_of([&] { static_cast<void>(d.explain("a..b")); }).find("is not a key path") !=
        std::string::npos);
}

TEST_CASE("loading the resolved text again gives the same config") {
  const TempFolder f;
  put(f / "base.yaml", "a: {b: 1.0, c: [x, {y: null}]}\ns: 'no: '\n");
  put(f / "main.yaml", "include: base.yaml\na: {c: !append [2]}\n");
  const Document d = Document::load(f / "main.yaml", {"n=1e-4"});
  CHECK(same_value(parse(to_yaml(d.root())), d.root()));
}
