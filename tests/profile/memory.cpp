#include "dlb/profile/memory.h"

#include <catch2/catch.hpp>
#include <optional>

#include "dlb/backend/cpu/install.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/tensor/storage.h"

using namespace dlb;
using namespace dlb::profile;

namespace {

constexpr int64_t kMega = 1 << 18;  // numbers of four bytes
/// What a block takes beyond what was asked for.
constexpr double kSlack = 16384;

Tensor megabytes(int64_t n) { return Tensor::empty({n * kMega}, DType::kFloat32); }

}  // namespace

TEST_CASE("the peak of a step, who brought it and who holds it") {
  backend::cpu::install();
  const std::string a = "a", b = "b", at_a = "x.yaml:1", at_b = "x.yaml:2";
  const Tensor before = megabytes(3);
  StepRecorder recorder;
  MemoryWatch watch(recorder);
  recorder.start();
  watch.start();
  Tensor kept, big;
  {
    const WorkScope part(WorkPart::kForward);
    {
      const WorkScope place(work_observer(), a, at_a);
      kept = megabytes(8);
      const Tensor scratch = megabytes(4);
    }
    const WorkScope place(work_observer(), b, at_b);
    big = megabytes(16);
  }
  {
    const WorkScope part(WorkPart::kBackward);
    const WorkScope place(work_observer(), b, at_b);
    big = {};
    const Tensor x = full({2 * kMega}, 1.0);
  }
  watch.stop();
  const MemoryProfile p = watch.result(true);
  const MemoryProfile inference = watch.result(false);
  recorder.stop();
  const Tensor unseen = megabytes(64);

  CHECK(static_cast<double>(p.start_bytes) >= 3 * 0x1p20);
  CHECK(static_cast<double>(p.peak_bytes - p.start_bytes) == Approx(24 * 0x1p20).margin(kSlack * 3));
  CHECK(p.peak.layer == "b");
  CHECK(p.peak.where == at_b);
  CHECK(p.peak.part == "forward");
  REQUIRE(p.held.size() == 2);
  CHECK(p.held[0].layer == "b");
  CHECK(static_cast<double>(p.held[0].bytes) == Approx(16 * 0x1p20).margin(kSlack));
  CHECK(p.held[1].layer == "a");
  CHECK(static_cast<double>(p.held[1].bytes) == Approx(8 * 0x1p20).margin(kSlack));
  CHECK(p.allocations == 4);
  CHECK(p.allocated_bytes == Approx(30 * 0x1p20).margin(4 * kSlack));
  CHECK(static_cast<double>(p.activation_bytes) == Approx(24 * 0x1p20).margin(kSlack * 3));
  CHECK(inference.activation_bytes == p.activation_bytes);

  REQUIRE(p.timeline.size() == 7);  // 4 allocations, 3 of them released
  double last = 0;
  for (const MemoryProfile::Point& point : p.timeline) {
    CHECK(point.ms >= last);
    last = point.ms;
  }
  CHECK(p.timeline.back().part == "backward");
}

TEST_CASE("scratch memory that is gone before the backward pass is no activation") {
  const std::string a = "a", at = "x.yaml:1";
  StepRecorder recorder;
  MemoryWatch watch(recorder);
  recorder.start();
  watch.start();
  Tensor kept;
  {
    const WorkScope part(WorkPart::kForward);
    const WorkScope place(work_observer(), a, at);
    { const Tensor scratch = megabytes(10); }
    kept = megabytes(2);
  }
  {
    const WorkScope part(WorkPart::kBackward);
    const Tensor gradient = megabytes(1);
  }
  watch.stop();
  CHECK(static_cast<double>(watch.result(true).activation_bytes) == Approx(2 * 0x1p20).margin(kSlack));
  CHECK(static_cast<double>(watch.result(false).activation_bytes) == Approx(10 * 0x1p20).margin(kSlack));
  recorder.stop();
}

TEST_CASE("allocations of another thread are those of the data") {
  const std::string a = "a", at = "x.yaml:1";
  StepRecorder recorder;
  MemoryWatch watch(recorder);
  recorder.start();
  watch.start();
  Tensor loaded;
  {
    const WorkScope part(WorkPart::kForward);
    const WorkScope place(work_observer(), a, at);
    std::thread([&] { loaded = megabytes(5); }).join();
  }
  watch.stop();
  const MemoryProfile p = watch.result(true);
  recorder.stop();
  REQUIRE(p.held.size() == 1);
  CHECK(p.held[0].layer == "data");
  CHECK(p.held[0].part == "data");
}

TEST_CASE("a timeline has a bounded number of points and keeps the peak") {
  StepRecorder recorder;
  MemoryWatch watch(recorder);
  recorder.start();
  watch.start();
  std::vector<Tensor> all;
  for (int i = 0; i < 5000; ++i) all.push_back(Tensor::empty({64}, DType::kFloat32));
  all.clear();
  watch.stop();
  const MemoryProfile p = watch.result(true);
  recorder.stop();
  CHECK(p.timeline.size() <= kMostPoints);
  CHECK(p.timeline.size() > kMostPoints / 2);
  size_t most = 0;
  for (const MemoryProfile::Point& point : p.timeline) most = std::max(most, point.bytes);
  CHECK(most == p.peak_bytes);
}

TEST_CASE("a watch that was taken away sees nothing") {
  struct Counter : AllocationWatch {
    void allocated(const void*, size_t) override { ++count; }
    void released(const void*, size_t) override { --count; }
    int count = 0;
  } counter;
  CHECK(watch_cpu_allocations(&counter) == nullptr);
  {
    const Tensor x = megabytes(1);
    CHECK(counter.count == 1);
  }
  CHECK(counter.count == 0);
  CHECK(watch_cpu_allocations(nullptr) == &counter);
  const Tensor x = megabytes(1);
  CHECK(counter.count == 0);
}
