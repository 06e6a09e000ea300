#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "dlb/backend/cpu/install.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/unary.h"

using namespace dlb;

namespace {

/// Records names and shapes, and answers with tensors that have no data.
class NameRecorder final : public Recorder {
 public:
  Outputs record(const OpDef& op, Inputs inputs, const void*,
                 std::span<const Infer::Output> outputs) override {
    nodes.push_back(std::string(op.name) + "/" + std::to_string(inputs.size()));
    Outputs out;
    for (const Infer::Output& o : outputs) {
      TensorSpec spec = o.spec;
      spec.device = kMeta;
      out.push_back(Tensor::empty(spec));
    }
    return out;
  }
  std::vector<std::string> nodes;
};

struct CountingObserver final : Observer {
  void before(const OpDef&, Inputs, const void*) override { ++started; }
  void after(const OpDef&, Inputs, std::span<const Tensor> outputs, const void*) override {
    ++finished;
    last = outputs[0];
  }
  int started = 0, finished = 0;
  Tensor last;
};

}  // namespace

TEST_CASE("an active recorder receives operators instead of the kernels", "[capture]") {
  backend::cpu::install();
  const Tensor x = ones({2, 3});
  NameRecorder recorder;
  {
    const RecordScope scope(recorder);
    const Tensor y = relu(x) + x;
    CHECK(y.is_meta());
    CHECK(y.shape() == Shape{2, 3});
    CHECK_THROWS_AS(add(x, Tensor::empty({4})), Error);  // user errors are raised at recording time
  }
  CHECK(recorder.nodes == std::vector<std::string>{"relu/1", "add/2"});
  CHECK_FALSE(relu(x).is_meta());
}

TEST_CASE("an observer sees each operator before and after", "[capture]") {
  backend::cpu::install();
  CountingObserver observer;
  Observer* previous = set_observer(&observer);
  const Tensor y = exp(ones({2})) + 1.0;
  set_observer(previous);
  CHECK(observer.started == observer.finished);
  CHECK(observer.started >= 3);
  CHECK(same(observer.last, y));
}
