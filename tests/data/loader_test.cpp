#include "dlb/data/loader.h"

#include <algorithm>
#include <atomic>
#include <numeric>
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
    spec_ = data::labelled(make_spec({2}, DType::kFloat32), 0, "x");
  }
  int64_t size() const override { return size_; }
  const data::SampleSpec& spec() const override { return spec_; }
  void read(int64_t index, void* const* columns) const override {
    float* input = static_cast<float*>(columns[0]);
    ++reads;
    if (index == bad_) fail(ErrorKind::kData, "record {} is bad", index);
    std::this_thread::sleep_for(std::chrono::microseconds(index * 7919 % 50));
    input[0] = input[1] = static_cast<float>(index);
    *static_cast<int64_t*>(columns[1]) = index;
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
  p.output = dataset.spec().input().spec;
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
    CHECK(batch->input().dim(0) == batch->size);
    for (const int64_t t : batch->target().to_vector<int64_t>()) seen.order.push_back(t);
    for (const float v : batch->input().to_vector<float>()) seen.values.push_back(v);
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
  options.alone_s = 0;
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

namespace {

/// Numbers whose samples take a while from sample `slow_from` on; counts those made by the test's thread.
class Slowing final : public data::Dataset {
 public:
  explicit Slowing(int64_t slow_from) : slow_from_(slow_from) {}
  int64_t size() const override { return numbers_.size(); }
  const data::SampleSpec& spec() const override { return numbers_.spec(); }
  void read(int64_t index, void* const* columns) const override {
    if (std::this_thread::get_id() == here_) ++read_here;
    if (index >= slow_from_) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    numbers_.read(index, columns);
  }
  mutable std::atomic<int> read_here = 0;

 private:
  Numbers numbers_{40};
  int64_t slow_from_;
  std::thread::id here_ = std::this_thread::get_id();
};

}  // namespace

TEST_CASE("threads take over, without a change of order, when making batches turns out to take long") {
  for (const int64_t slow_from : {0, 10, 40}) {
    data::LoaderOptions options;
    options.batch = 1;
    options.threads = 2;
    options.alone_s = 10e-3;
    auto dataset = std::make_shared<Slowing>(slow_from);
    data::Loader loader(dataset, pipeline(*dataset, 0), options);
    loader.start(0);
    const Seen seen = take(loader);
    std::vector<int64_t> in_order(40);
    std::iota(in_order.begin(), in_order.end(), 0);
    CHECK(seen.order == in_order);
    if (slow_from < 40) CHECK(dataset->read_here <= slow_from + 3);
    loader.start(1, 38);
    CHECK(take(loader).order == std::vector<int64_t>{38, 39});
  }
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
    options.alone_s = 0;
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

namespace {

/// Sample i: a stacked number, a padded list of i % 5 + 1 numbers, a joined graph of i % 3 + 1 nodes with an
/// edge from each node to the first, and for each node the number of its graph.
class Ragged final : public data::Dataset {
 public:
  explicit Ragged(int64_t size) : size_(size) {
    using data::Collate;
    spec_.columns = {
        {"tokens", make_spec({5}, DType::kInt32), Collate::kPad, -1},
        {"nodes", make_spec({3, 2}, DType::kFloat32), Collate::kJoin},
        {"edges", make_spec({3, 2}, DType::kInt64), Collate::kJoin, 0, 1},
        {"graph", make_spec({3}, DType::kInt64), Collate::kJoin, 0, 4},
        {"label", make_spec({}, DType::kInt64)},
    };
    spec_.inputs = 4;
  }
  int64_t size() const override { return size_; }
  const data::SampleSpec& spec() const override { return spec_; }
  void lengths(int64_t index, int64_t* out) const override {
    out[0] = index % 5 + 1;
    out[1] = out[2] = out[3] = index % 3 + 1;
  }
  void read(int64_t index, void* const* columns) const override {
    for (int64_t i = 0; i < index % 5 + 1; ++i)
      static_cast<int32_t*>(columns[0])[i] = static_cast<int32_t>(index);
    for (int64_t i = 0; i < index % 3 + 1; ++i) {
      static_cast<float*>(columns[1])[2 * i] = static_cast<float>(index);
      static_cast<float*>(columns[1])[2 * i + 1] = static_cast<float>(i);
      static_cast<int64_t*>(columns[2])[2 * i] = i;
      static_cast<int64_t*>(columns[2])[2 * i + 1] = 0;
      static_cast<int64_t*>(columns[3])[i] = 0;
    }
    *static_cast<int64_t*>(columns[4]) = index;
  }

 private:
  int64_t size_;
  data::SampleSpec spec_;
};

std::vector<data::Batch> ragged_batches(const data::LoaderOptions& options, int64_t size,
                                        int64_t number = 0) {
  auto dataset = std::make_shared<Ragged>(size);
  data::Loader loader(dataset, data::Pipeline{{}, {}, dataset->spec().input().spec}, options);
  loader.start(number);
  std::vector<data::Batch> all;
  while (auto batch = loader.next()) all.push_back(std::move(*batch));
  return all;
}

}  // namespace

TEST_CASE("samples of different sizes are padded or joined") {
  data::LoaderOptions options;
  options.batch = 3;
  const auto batches = ragged_batches(options, 5);
  REQUIRE(batches.size() == 2);
  const data::Batch& a = batches[0];
  CHECK(a.inputs().size() == 4);
  CHECK(a.targets().size() == 1);
  CHECK(a.column("tokens").shape() == Shape{3, 3});
  CHECK(a.column("tokens").to_vector<int64_t>() == std::vector<int64_t>{0, -1, -1, 1, 1, -1, 2, 2, 2});
  CHECK(a.column("nodes").shape() == Shape{6, 2});
  CHECK(a.column("nodes").to_vector<int64_t>() == std::vector<int64_t>{0, 0, 1, 0, 1, 1, 2, 0, 2, 1, 2, 2});
  CHECK(a.column("edges").to_vector<int64_t>() == std::vector<int64_t>{0, 0, 1, 1, 2, 1, 3, 3, 4, 3, 5, 3});
  CHECK(a.column("graph").to_vector<int64_t>() == std::vector<int64_t>{0, 1, 1, 2, 2, 2});
  CHECK(a.target().to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2});
  const data::Batch& b = batches[1];
  CHECK(b.size == 2);
  CHECK(b.column("tokens").shape() == Shape{2, 5});
  CHECK(b.column("graph").to_vector<int64_t>() == std::vector<int64_t>{0, 1, 1});
  CHECK_THROWS_AS(b.column("absent"), Error);
}

TEST_CASE("padded lengths are multiples of pad_to") {
  data::LoaderOptions options;
  options.batch = 2;
  options.pad_to = 4;
  const auto batches = ragged_batches(options, 6);
  CHECK(batches[0].input().shape() == Shape{2, 4});
  CHECK(batches[2].input().shape() == Shape{2, 8});
  CHECK(batches[2].input().to_vector<int64_t>() ==
        std::vector<int64_t>{4, 4, 4, 4, 4, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1, -1});
}

TEST_CASE("buckets gather samples of like length, each sample once, the same for every number of threads") {
  data::LoaderOptions options;
  options.batch = 4;
  options.shuffle = true;
  options.seed = 3;
  options.bucket = 10;
  const auto order_of = [&](int64_t number) {
    std::vector<int64_t> order;
    int64_t padding = 0;
    for (const data::Batch& b : ragged_batches(options, 102, number)) {
      for (const int64_t i : b.target().to_vector<int64_t>()) order.push_back(i);
      for (const int64_t t : b.input().to_vector<int64_t>()) padding += t == -1;
    }
    // Five lengths in windows of 40 samples: at most four batches of a window mix two lengths or more.
    CHECK(padding < 60);
    return order;
  };
  const auto one = order_of(0), two = order_of(1);
  CHECK(one != two);
  options.threads = 3;
  CHECK(order_of(0) == one);
  auto sorted = one;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 102; ++i) CHECK(sorted[static_cast<size_t>(i)] == i);
  options.bucket = 0;
  int64_t padding = 0;
  for (const data::Batch& b : ragged_batches(options, 102)) {
    for (const int64_t t : b.input().to_vector<int64_t>()) padding += t == -1;
  }
  CHECK(padding > 100);
}
