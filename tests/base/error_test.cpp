#include "dlb/base/error.h"

#include <catch2/catch.hpp>

#include "dlb/base/error_list.h"

using namespace dlb;

TEST_CASE("a report has place, message, context and hint") {
  Error e(ErrorKind::kShape, "expected [N, 3], got [2, 1]");
  e.hint = "set `in: 1`";
  e.at("x.yaml:41:9").at("ignored:1:1").in("in model.layers[2]");
  CHECK(e.report() ==
        "x.yaml:41:9: error: expected [N, 3], got [2, 1]\n"
        "  in model.layers[2]\n"
        "  hint: set `in: 1`");
  CHECK(std::string(e.what()) == e.report());
}

TEST_CASE("the kind decides the exit code") {
  for (const ErrorKind kind :
       {ErrorKind::kConfig, ErrorKind::kShape, ErrorKind::kDtype, ErrorKind::kUnsupported}) {
    CHECK(exit_code(kind) == 2);
  }
  for (const ErrorKind kind : {ErrorKind::kIo, ErrorKind::kData, ErrorKind::kNumeric, ErrorKind::kDevice,
                               ErrorKind::kComm, ErrorKind::kInternal}) {
    CHECK(exit_code(kind) == 1);
  }
}

TEST_CASE("a failed check names condition and place") {
  CHECK_NOTHROW(DLB_CHECK(1 + 1 == 2));
  try {
    DLB_CHECK(1 + 1 == 3);
    FAIL("not reached");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kInternal);
    CHECK(e.message.find("1 + 1 == 3 (") != std::string::npos);
  }
}

TEST_CASE("nearest_name finds likely typos only") {
  const std::vector<std::string> valid = {"epochs", "clip_norm", "checkpoint", "lr", "conv2d"};
  CHECK(nearest_name("epohcs", valid) == "epochs");
  CHECK(nearest_name("epoch", valid) == "epochs");
  CHECK(nearest_name("clip-norm", valid) == "clip_norm");
  CHECK(nearest_name("chekpoint", valid) == "checkpoint");
  CHECK(nearest_name("conv1d", valid) == "conv2d");
  CHECK(nearest_name("Lr", valid) == "lr");
  CHECK(nearest_name("LR", valid) == "lr");
  CHECK(nearest_name("ReLU", {"elu", "relu", "selu"}) == "relu");
  CHECK(nearest_name("max_pool_2d", {"max_pool1d", "max_pool2d"}) == "max_pool2d");
  CHECK(nearest_name("xy", valid) == "");
  CHECK(nearest_name("temperature", valid) == "");
  CHECK(nearest_name("", valid) == "");
  CHECK(nearest_name("epochs", {}) == "");
  CHECK(nearest_name(std::string(100'000, 'a'), valid) == "");
}

TEST_CASE("an error list raises everything, ordered by place, each once") {
  const auto error = [](const std::string& where, const std::string& message) {
    return Error(ErrorKind::kConfig, message, where);
  };
  ErrorList list;
  CHECK_NOTHROW(list.throw_if_any());
  list.add(error("", "no place"));
  list.add(error("b.yaml:2:1", "b2"));
  list.add(error("a.yaml:10:2", "a10"));
  Error group = error("a.yaml:9:30", "a9-30");
  group.more = {error("a.yaml:9:4", "a9-4"), error("b.yaml:2:1", "b2")};
  list.add(group);
  list.add(error("--set x=1", "flag"));
  CHECK(list.size() == 5);
  try {
    list.throw_if_any();
    FAIL("not reached");
  } catch (const Error& e) {
    std::vector<std::string> order{e.message};
    for (const Error& other : e.more) order.push_back(other.message);
    CHECK(order == std::vector<std::string>{"flag", "a9-4", "a9-30", "a10", "b2", "no place"});
    CHECK(e.report().find("a.yaml:9:4: error: a9-4\na.yaml:9:30: error: a9-30\n") != std::string::npos);
  }
  CHECK(list.empty());
}
