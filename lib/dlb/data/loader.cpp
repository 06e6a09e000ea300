#include "dlb/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "dlb/tensor/random.h"

namespace dlb::data {

namespace {

/// Turns sample numbers into batches; each thread has its own, with its own scratch memory.
class BatchMaker {
 public:
  BatchMaker(const Dataset& dataset, const Pipeline& pipeline, uint64_t seed)
      : dataset_(dataset), pipeline_(pipeline), seed_(seed) {
    // Doubles, so that samples of any type are aligned.
    const size_t words = pipeline.scratch_bytes / sizeof(double) + 1;
    for (auto& buffer : scratch_) buffer.resize(words);
  }

  Batch make(std::span<const int64_t> samples, int64_t epoch, int64_t index) {
    const int64_t count = static_cast<int64_t>(samples.size());
    const TensorSpec& target_spec = dataset_.spec().target;
    Batch batch{Tensor::empty(batch_spec(pipeline_.output, count)),
                Tensor::empty(batch_spec(target_spec, count)), count, index};
    char* input = static_cast<char*>(batch.input.raw());
    char* target = static_cast<char*>(batch.target.raw());
    for (const int64_t sample : samples) {
      make_sample(sample, epoch, input, target);
      input += pipeline_.output.bytes();
      target += target_spec.bytes();
    }
    return batch;
  }

 private:
  void make_sample(int64_t sample, int64_t epoch, char* input, char* target) {
    const auto& transforms = pipeline_.transforms;
    if (transforms.empty()) {
      dataset_.read(sample, input, target);
      return;
    }
    RandomStream random(
        {seed_, RngPurpose::kAugment, static_cast<uint64_t>(epoch), static_cast<uint32_t>(sample)});
    void* from = scratch_[0].data();
    dataset_.read(sample, from, target);
    for (size_t i = 0; i < transforms.size(); ++i) {
      void* to = i + 1 == transforms.size() ? static_cast<void*>(input) : scratch_[(i + 1) % 2].data();
      transforms[i]->apply(from, to, random);
      from = to;
    }
  }

  const Dataset& dataset_;
  const Pipeline& pipeline_;
  uint64_t seed_;
  std::vector<double> scratch_[2];
};

/// What a thread needs of an epoch; shared, so that a thread that is late keeps the epoch it works on.
struct Epoch {
  int64_t number = 0;
  std::vector<int64_t> order;
};

}  // namespace

struct Loader::Impl {
  std::shared_ptr<const Dataset> dataset;
  Pipeline pipeline;
  LoaderOptions options;
  int64_t batches = 0;

  /// A batch that is ready, or the error met while making it.
  struct Slot {
    std::optional<Batch> batch;
    std::exception_ptr error;
  };

  BatchMaker own_maker;
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable work;   ///< there may be a batch to make, or the end has come
  std::condition_variable ready;  ///< a slot was filled
  // Below: guarded by `mutex` once there are workers.
  std::shared_ptr<const Epoch> epoch;
  uint64_t generation = 0;  ///< counts start(), so that what is made for an earlier one is dropped
  int64_t to_make = 0;      ///< next batch that a worker begins
  int64_t to_take = 0;      ///< next batch that next() returns
  std::vector<Slot> slots;  ///< batch b is in slot b % prefetch
  bool stopping = false;

  Impl(std::shared_ptr<const Dataset> data, Pipeline p, LoaderOptions o)
      : dataset(std::move(data)),
        pipeline(std::move(p)),
        options(o),
        own_maker(*dataset, pipeline, options.seed) {
    DLB_CHECK(options.batch > 0);
    const int64_t n = dataset->size();
    batches = options.drop_last ? n / options.batch : (n + options.batch - 1) / options.batch;
    to_make = to_take = batches;
    options.prefetch = std::max<int64_t>(options.prefetch, 1);
    slots.resize(static_cast<size_t>(options.prefetch));
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  std::span<const int64_t> samples_of(const Epoch& of, int64_t index) const {
    const size_t begin = static_cast<size_t>(index * options.batch);
    const size_t count = std::min(static_cast<size_t>(options.batch), of.order.size() - begin);
    return std::span(of.order).subspan(begin, count);
  }

  Slot& slot_of(int64_t index) { return slots[static_cast<size_t>(index % options.prefetch)]; }

  void run_worker() {
    BatchMaker maker(*dataset, pipeline, options.seed);
    std::unique_lock lock(mutex);
    while (true) {
      work.wait(lock,
                [&] { return stopping || (to_make < batches && to_make < to_take + options.prefetch); });
      if (stopping) return;
      const int64_t index = to_make++;
      const uint64_t made_for = generation;
      const std::shared_ptr<const Epoch> current = epoch;
      lock.unlock();
      Slot made;
      try {
        made.batch = maker.make(samples_of(*current, index), current->number, index);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      if (made_for != generation) continue;
      slot_of(index) = std::move(made);
      ready.notify_one();
    }
  }

  void start(int64_t number, int64_t first) {
    auto fresh = std::make_shared<Epoch>();
    fresh->number = number;
    if (options.shuffle) {
      fresh->order = RandomStream({options.seed, RngPurpose::kShuffle, static_cast<uint64_t>(number), 0})
                         .permutation(dataset->size());
    } else {
      fresh->order.resize(static_cast<size_t>(dataset->size()));
      std::iota(fresh->order.begin(), fresh->order.end(), int64_t{0});
    }
    {
      const std::lock_guard lock(mutex);
      ++generation;
      epoch = std::move(fresh);
      to_make = to_take = std::clamp<int64_t>(first, 0, batches);
      for (Slot& slot : slots) slot = {};
    }
    if (workers.empty()) {
      for (int i = 0; i < options.threads; ++i) workers.emplace_back([this] { run_worker(); });
    }
    work.notify_all();
  }

  std::optional<Batch> next() {
    std::unique_lock lock(mutex);
    if (to_take >= batches) return std::nullopt;
    if (workers.empty()) {
      Batch batch = own_maker.make(samples_of(*epoch, to_take), epoch->number, to_take);
      ++to_take;
      return batch;
    }
    Slot& slot = slot_of(to_take);
    ready.wait(lock, [&] { return slot.batch.has_value() || slot.error != nullptr; });
    // An error stays in its slot: asking again gives it again.
    if (slot.error != nullptr) std::rethrow_exception(slot.error);
    std::optional<Batch> batch = std::exchange(slot.batch, std::nullopt);
    ++to_take;
    lock.unlock();
    work.notify_one();
    return batch;
  }
};

Loader::Loader(std::shared_ptr<const Dataset> dataset, Pipeline pipeline, LoaderOptions options)
    : impl_(std::make_unique<Impl>(std::move(dataset), std::move(pipeline), options)) {}

Loader::~Loader() = default;

int64_t Loader::batches() const { return impl_->batches; }

int64_t Loader::samples() const {
  return std::min(impl_->batches * impl_->options.batch, impl_->dataset->size());
}

void Loader::start(int64_t epoch, int64_t first) { impl_->start(epoch, first); }

std::optional<Batch> Loader::next() { return impl_->next(); }

}  // namespace dlb::data
