#include "dlb/data/loader.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;

namespace {

/// Sample i is [i, i]; reading sample `bad` fails. Sleeps a little, differently by sample, so that threads
/// overtake each other.
class Numbers final : public data::Dataset {
 public:
  explicit Numbers(int64_t size, int64_t bad = -1) : size_(size), bad_(bad) {
    spec_.input = make_spec({2}, DType::kFloat32);
    spec_.target = make_spec({}, DType::kInt64);
  }
  int64_t size() const override { return size_; }
  const data::SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* input, void* target) const override {
    ++reads;
    if (index == bad_) fail(ErrorKind::kData, "record {} is bad", index);
    std::this_thread::sleep_for(std::chrono::microseconds(index * 7919 % 50));
    static_cast<float*>(input)[0] = static_cast<float*>(input)[1] = static_cast<float>(index);
    *static_cast<int64_t*>(target) = index;
  }
  mutable std::atomic<int> reads = 0;

 private:
  int64_t size_;
  int64_t bad_;
  data::SampleSpec spec_;
};

/// Adds a random number, so that augmentation shows in the values.
class Jitter final : public data::Transform {
 public:
  TensorSpec prepare(const TensorSpec& in) override { return in; }
  void apply(const void* in, void* out, RandomStream& random) const override {
    for (int i = 0; i < 2; ++i)
      static_cast<float*>(out)[i] = static_cast<const float*>(in)[i] + random.uniform();
  }
  bool random() const override { return true; }
};

data::Pipeline pipeline(const data::Dataset& dataset, int transforms) {
  data::Pipeline p;
  p.output = dataset.spec().input;
  p.scratch_bytes = p.output.bytes();
  for (int i = 0; i < transforms; ++i) p.transforms.push_back(std::make_shared<Jitter>());
  return p;
}

struct Seen {
  std::vector<int64_t> order;
  std::vector<float> values;
  std::vector<int64_t> sizes;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen take(data::Loader& loader) {
  Seen seen;
  while (const auto batch = loader.next()) {
    CHECK(batch->input.dim(0) == batch->size);
    for (const int64_t t : batch->target.to_vector<int64_t>()) seen.order.push_back(t);
    for (const float v : batch->input.to_vector<float>()) seen.values.push_back(v);
    seen.sizes.push_back(batch->size);
  }
  return seen;
}

Seen epoch(data::LoaderOptions options, int64_t size, int64_t number, int64_t first = 0) {
  auto dataset = std::make_shared<Numbers>(size);
  data::Loader loader(dataset, pipeline(*dataset, 3), options);
  loader.start(number, first);
  return take(loader);
}

data::LoaderOptions shuffled(int threads) {
  data::LoaderOptions options;
  options.batch = 7;
  options.shuffle = true;
  options.seed = 42;
  options.threads = threads;
  options.prefetch = 3;
  return options;
}

}  // namespace

TEST_CASE("without shuffling, batches come in order and the last one is short") {
  data::LoaderOptions options;
  options.batch = 4;
  auto dataset = std::make_shared<Numbers>(10);
  data::Loader loader(dataset, pipeline(*dataset, 0), options);
  CHECK(loader.batches() == 3);
  CHECK(loader.samples() == 10);
  loader.start(0);
  const Seen seen = take(loader);
  CHECK(seen.order == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(seen.sizes == std::vector<int64_t>{4, 4, 2});
  CHECK_FALSE(loader.next());
  options.drop_last = true;
  data::Loader whole(dataset, pipeline(*dataset, 0), options);
  CHECK(whole.batches() == 2);
  CHECK(whole.samples() == 8);
  whole.start(0);
  CHECK(take(whole).sizes == std::vector<int64_t>{4, 4});
}

TEST_CASE("before start() there is nothing, and after the end start() begins anew") {
  auto dataset = std::make_shared<Numbers>(5);
  data::Loader loader(dataset, pipeline(*dataset, 0), {});
  CHECK_FALSE(loader.next());
  for (int64_t e = 0; e < 3; ++e) {
    loader.start(e);
    CHECK(take(loader).order.size() == 5);
  }
}

TEST_CASE("shuffling is a permutation that follows from seed and epoch") {
  const Seen first = epoch(shuffled(1), 100, 0), second = epoch(shuffled(1), 100, 1);
  for (const Seen& s : {first, second}) {
    std::vector<int64_t> sorted = s.order;
    std::sort(sorted.begin(), sorted.end());
    for (int64_t i = 0; i < 100; ++i) CHECK(sorted[static_cast<size_t>(i)] == i);
  }
  CHECK(first.order != second.order);
  CHECK(first.order != [] {
    data::LoaderOptions other = shuffled(1);
    other.seed = 43;
    return epoch(other, 100, 0).order;
  }());
  CHECK(first.order == RandomStream({42, RngPurpose::kShuffle, 0, 0}).permutation(100));
}

TEST_CASE("threads, prefetch and batches change nothing in the values") {
  const Seen one = epoch(shuffled(0), 101, 2);
  for (const int threads : {1, 2, 4, 7}) CHECK(epoch(shuffled(threads), 101, 2) == one);
  data::LoaderOptions wide = shuffled(4);
  wide.prefetch = 100;
  CHECK(epoch(wide, 101, 2) == one);
  // Augmentation belongs to the sample, wherever it falls.
  data::LoaderOptions other = shuffled(1);
  other.batch = 10;
  CHECK(epoch(other, 101, 2).values == one.values);
  CHECK(epoch(shuffled(1), 101, 3).values != one.values);
}

TEST_CASE("an augmented sample differs by epoch, and is the same whatever the order") {
  data::LoaderOptions straight = shuffled(1);
  straight.shuffle = false;
  const Seen a = epoch(straight, 50, 0), b = epoch(straight, 50, 1), c = epoch(shuffled(1), 50, 0);
  CHECK(a.values != b.values);
  for (size_t i = 0; i < 50; ++i) CHECK(c.values[2 * i] == a.values[2 * static_cast<size_t>(c.order[i])]);
}

TEST_CASE("an epoch started at any batch goes on as it would have") {
  const Seen whole = epoch(shuffled(2), 60, 5);
  for (const int threads : {0, 1, 3}) {
    for (int64_t first = 0; first <= 9; ++first) {
      const Seen rest = epoch(shuffled(threads), 60, 5, first);
      const auto skipped = static_cast<std::ptrdiff_t>(std::min<int64_t>(first * 7, 60));
      CHECK(rest.order == std::vector<int64_t>(whole.order.begin() + skipped, whole.order.end()));
      CHECK(rest.values == std::vector<float>(whole.values.begin() + 2 * skipped, whole.values.end()));
    }
  }
}

TEST_CASE("starting again in the middle drops what was prepared") {
  auto dataset = std::make_shared<Numbers>(100);
  data::Loader loader(dataset, pipeline(*dataset, 3), shuffled(3));
  for (int64_t e = 0; e < 20; ++e) {
    loader.start(e);
    for (int64_t i = 0; i < e % 5; ++i) CHECK(loader.next()->index == i);
  }
  loader.start(2);
  CHECK(take(loader) == epoch(shuffled(0), 100, 2));
}

TEST_CASE("an error surfaces at its batch, after those before it, and again when asked again") {
  for (const int threads : {0, 1, 4}) {
    data::LoaderOptions options;
    options.batch = 10;
    options.threads = threads;
    auto dataset = std::make_shared<Numbers>(60, 25);
    data::Loader loader(dataset, pipeline(*dataset, 0), options);
    loader.start(0);
    CHECK(loader.next()->index == 0);
    CHECK(loader.next()->index == 1);
    for (int i = 0; i < 2; ++i) CHECK(report_of([&] { loader.next(); }) == "error: record 25 is bad");
    loader.start(0, 3);
    CHECK(loader.next()->index == 3);
  }
}

TEST_CASE("no more than the prefetch is prepared ahead, and a loader can go at any time") {
  for (int round = 0; round < 30; ++round) {
    data::LoaderOptions options = shuffled(1 + round % 4);
    auto dataset = std::make_shared<Numbers>(1000);
    {
      data::Loader loader(dataset, pipeline(*dataset, 1), options);
      if (round % 3 != 0) loader.start(0);
      for (int i = 0; i < round % 5; ++i) {
        if (round % 3 != 0) CHECK(loader.next());
      }
      if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    CHECK(dataset->reads <= 7 * (4 + 3 + 1));
  }
}

TEST_CASE("a failed allocation in a loader thread is an error of that batch") {
  auto dataset = std::make_shared<Numbers>(20);
  data::Loader loader(dataset, pipeline(*dataset, 0), shuffled(1));
  fail_cpu_allocation(3);
  loader.start(0);
  const std::string report = report_of([&] { take(loader); });
  fail_cpu_allocation(0);
  CHECK_THAT(report, Catch::Matchers::Contains("out of memory"));
}
