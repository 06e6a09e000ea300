#include "dlb/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <type_traits>

#include "dlb/base/rounding.h"
#include "dlb/tensor/random.h"

namespace dlb::data {

namespace {

/// Calls f(T*) with `p` as what `dtype` says.
template <class F>
void with_values(DType dtype, void* p, const F& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(static_cast<float*>(p));
    case DType::kFloat64:
      return f(static_cast<double*>(p));
    case DType::kInt32:
      return f(static_cast<int32_t*>(p));
    case DType::kInt64:
      return f(static_cast<int64_t*>(p));
    case DType::kUInt8:
      return f(static_cast<uint8_t*>(p));
    case DType::kBool:
      return f(static_cast<bool*>(p));
    default:
      fail(ErrorKind::kInternal, "columns of {} cannot be padded", dtype_name(dtype));
  }
}

/// Turns sample numbers into batches; each thread has its own, with its own scratch memory.
class BatchMaker {
 public:
  BatchMaker(const Dataset& dataset, const Pipeline& pipeline, const LoaderOptions& options)
      : dataset_(dataset),
        pipeline_(pipeline),
        seed_(options.seed),
        pad_to_(options.pad_to),
        spec_(transformed(dataset.spec(), pipeline.output)) {
    // Doubles, so that samples of any type are aligned.
    const size_t words = pipeline.scratch_bytes / sizeof(double) + 1;
    for (auto& buffer : scratch_) buffer.resize(words);
    auto names = std::make_shared<std::vector<std::string>>();
    for (size_t c = 0; c < spec_.columns.size(); ++c) {
      const Column& column = spec_.columns[c];
      names->push_back(column.name);
      if (column.collate != Collate::kStack) ragged_.push_back(c);
      if (!pipeline.transforms.empty() && acts_on(dataset.spec(), c)) {
        through_.push_back(c);
        raw_.emplace_back(words);
      }
      bytes_.push_back(column.spec.bytes());
      row_bytes_.push_back(row_bytes(column));
      DLB_CHECK(column.rows_of < 0 ||
                (column.collate == Collate::kJoin && column.spec.dtype == DType::kInt64 &&
                 static_cast<size_t>(column.rows_of) < spec_.columns.size()));
    }
    names_ = std::move(names);
    at_.resize(bytes_.size());
  }

  Batch make(std::span<const int64_t> samples, int64_t epoch, int64_t index) {
    Batch batch;
    batch.inputs_count = spec_.inputs;
    batch.size = static_cast<int64_t>(samples.size());
    batch.index = index;
    batch.names = names_;
    batch.columns.reserve(bytes_.size());
    for (size_t c = 0; c < bytes_.size(); ++c) {
      const Column& column = spec_.columns[c];
      batch.columns.push_back(
          column.collate == Collate::kStack ? Tensor::empty(batch_spec(column.spec, batch.size)) : Tensor());
    }
    if (!ragged_.empty()) measure(samples, batch);
    for (size_t c = 0; c < at_.size(); ++c) at_[c] = static_cast<char*>(batch.columns[c].raw());
    for (size_t i = 0; i < samples.size(); ++i) {
      make_sample(samples[i], epoch);
      if (!ragged_.empty()) finish_ragged(i);
      for (size_t c = 0; c < at_.size(); ++c) at_[c] = static_cast<char*>(at_[c]) + step_of(c, i);
    }
    return batch;
  }

 private:
  static size_t row_bytes(const Column& column) {
    if (column.collate == Collate::kStack) return 0;
    DLB_CHECK(column.spec.rank() >= 1);
    size_t bytes = dtype_size(column.spec.dtype);
    for (int d = 1; d < column.spec.rank(); ++d) bytes *= static_cast<size_t>(column.spec.dim(d));
    return bytes;
  }

  int64_t length(size_t sample, size_t ragged) const { return lengths_[sample * ragged_.size() + ragged]; }

  /// Asks for the lengths of all samples and takes memory for the columns whose size depends on them.
  void measure(std::span<const int64_t> samples, Batch& batch) {
    const size_t width = ragged_.size();
    lengths_.assign(samples.size() * width, 0);
    for (size_t i = 0; i < samples.size(); ++i) dataset_.lengths(samples[i], lengths_.data() + i * width);
    padded_.assign(width, 0);
    shift_.assign(at_.size(), 0);
    for (size_t r = 0; r < width; ++r) {
      const Column& column = spec_.columns[ragged_[r]];
      int64_t sum = 0, longest = 0;
      for (size_t i = 0; i < samples.size(); ++i) {
        const int64_t n = length(i, r);
        DLB_CHECK(n >= 0 && n <= column.spec.dim(0));
        sum += n;
        longest = std::max(longest, n);
      }
      Shape shape = column.spec.shape;
      padded_[r] = rounded_up(longest, pad_to_);
      shape[0] = column.collate == Collate::kPad ? padded_[r] : sum;
      if (column.collate == Collate::kPad) shape.insert(0, batch.size);
      batch.columns[ragged_[r]] = Tensor::empty(shape, column.spec.dtype);
    }
  }

  /// Fills up and shifts what make_sample has written for sample number `i` of the batch.
  void finish_ragged(size_t i) {
    for (size_t r = 0; r < ragged_.size(); ++r) {
      const size_t c = ragged_[r];
      const Column& column = spec_.columns[c];
      const size_t used = static_cast<size_t>(length(i, r)) * row_bytes_[c];
      if (column.collate == Collate::kPad) {
        with_values(column.spec.dtype, at_[c], [&](auto* values) {
          using T = std::remove_pointer_t<decltype(values)>;
          std::fill(values + used / sizeof(T),
                    values + static_cast<size_t>(padded_[r]) * row_bytes_[c] / sizeof(T),
                    static_cast<T>(column.pad));
        });
      } else if (column.rows_of >= 0) {
        const int64_t by = shift_[static_cast<size_t>(column.rows_of)];
        int64_t* values = static_cast<int64_t*>(at_[c]);
        for (size_t k = 0; k < used / sizeof(int64_t); ++k) values[k] += by;
      }
    }
    for (int64_t& rows : shift_) ++rows;
    for (size_t r = 0; r < ragged_.size(); ++r) {
      if (spec_.columns[ragged_[r]].collate == Collate::kJoin) shift_[ragged_[r]] += length(i, r) - 1;
    }
  }

  /// Bytes from sample `i` of a batch to the next one.
  size_t step_of(size_t c, size_t i) const {
    if (row_bytes_[c] == 0) return bytes_[c];
    const size_t r = static_cast<size_t>(std::find(ragged_.begin(), ragged_.end(), c) - ragged_.begin());
    const bool pad = spec_.columns[c].collate == Collate::kPad;
    return static_cast<size_t>(pad ? padded_[r] : length(i, r)) * row_bytes_[c];
  }

  void make_sample(int64_t sample, int64_t epoch) {
    RandomStream drawn(
        {seed_, RngPurpose::kSample, static_cast<uint64_t>(epoch), static_cast<uint32_t>(sample)});
    if (through_.empty()) {
      dataset_.draw(sample, drawn, at_.data());
      return;
    }
    read_at_ = at_;
    for (size_t k = 0; k < through_.size(); ++k) read_at_[through_[k]] = raw_[k].data();
    dataset_.draw(sample, drawn, read_at_.data());
    const RngKey key{seed_, RngPurpose::kAugment, static_cast<uint64_t>(epoch),
                     static_cast<uint32_t>(sample)};
    const auto& transforms = pipeline_.transforms;
    for (size_t k = 0; k < through_.size(); ++k) {
      RandomStream random(key);
      const void* from = raw_[k].data();
      for (size_t i = 0; i < transforms.size(); ++i) {
        void* to = i + 1 == transforms.size() ? at_[through_[k]] : scratch_[i % 2].data();
        transforms[i]->apply(from, to, random);
        from = to;
      }
    }
  }

  const Dataset& dataset_;
  const Pipeline& pipeline_;
  uint64_t seed_;
  int64_t pad_to_;
  SampleSpec spec_;
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<size_t> ragged_;            ///< columns that are padded or joined
  std::vector<size_t> through_;           ///< columns that the pipeline acts on
  std::vector<size_t> bytes_;             ///< of one sample, by column
  std::vector<size_t> row_bytes_;         ///< of one row of a ragged column, 0 for others
  std::vector<void*> at_;                 ///< where the present sample goes, by column
  std::vector<void*> read_at_;            ///< where it is read to
  std::vector<std::vector<double>> raw_;  ///< samples before their transforms
  std::vector<double> scratch_[2];
  // Of the present batch:
  std::vector<int64_t> lengths_;  ///< samples x ragged columns
  std::vector<int64_t> padded_;   ///< by ragged column
  std::vector<int64_t> shift_;    ///< rows of the samples so far, by column
};

/// What a thread needs of an epoch; shared, so that a thread that is late keeps the epoch it works on.
struct Epoch {
  int64_t number = 0;
  std::vector<int64_t> order;
};

}  // namespace

const Tensor& Batch::column(std::string_view name) const {
  for (size_t c = 0; names && c < names->size(); ++c) {
    if ((*names)[c] == name) return columns[c];
  }
  fail(ErrorKind::kInternal, "a batch has no column '{}'", name);
}

struct Loader::Impl {
  std::shared_ptr<const Dataset> dataset;
  Pipeline pipeline;
  LoaderOptions options;
  int64_t batches = 0;
  /// Where every epoch is the same single batch (a whole graph), it is made once: nobody changes tensors.
  bool fixed = false;
  std::optional<Batch> fixed_batch;
  std::vector<int64_t> sample_lengths;  ///< of `bucket`, on first use

  /// A batch that is ready, or the error met while making it.
  struct Slot {
    std::optional<Batch> batch;
    std::exception_ptr error;
  };

  BatchMaker own_maker;
  int slow_in_a_row = 0;  ///< batches of own_maker
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
      : dataset(std::move(data)), pipeline(std::move(p)), options(o), own_maker(*dataset, pipeline, options) {
    DLB_CHECK(options.batch > 0);
    const int64_t n = dataset->size();
    batches = options.drop_last ? n / options.batch : (n + options.batch - 1) / options.batch;
    to_make = to_take = batches;
    const auto& transforms = pipeline.transforms;
    fixed = dataset->constant() && batches == 1 && (n == 1 || (!options.shuffle && options.bucket == 0)) &&
            std::none_of(transforms.begin(), transforms.end(), [](const auto& t) { return t->random(); });
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
    BatchMaker maker(*dataset, pipeline, options);
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

  /// Lengths of the first padded column, or nothing when there is none.
  void learn_lengths() {
    const std::vector<Column>& columns = dataset->spec().columns;
    size_t width = 0, at = 0;
    bool padded = false;
    for (const Column& column : columns) {
      if (column.collate == Collate::kStack) continue;
      if (column.collate == Collate::kPad && !padded) {
        at = width;
        padded = true;
      }
      ++width;
    }
    if (!padded) return;
    std::vector<int64_t> all(width);
    sample_lengths.resize(static_cast<size_t>(dataset->size()));
    for (int64_t i = 0; i < dataset->size(); ++i) {
      dataset->lengths(i, all.data());
      sample_lengths[static_cast<size_t>(i)] = all[at];
    }
  }

  /// Sorts each window of `bucket` batches by length, then puts its batches in a random order; a short last
  /// batch stays the last.
  void sort_by_length(std::vector<int64_t>& order, int64_t number) {
    if (sample_lengths.empty()) learn_lengths();
    if (sample_lengths.empty()) return;
    const auto of = [&](int64_t sample) { return sample_lengths[static_cast<size_t>(sample)]; };
    const size_t batch = static_cast<size_t>(options.batch);
    const size_t window = batch * static_cast<size_t>(options.bucket);
    for (size_t begin = 0, w = 0; begin < order.size(); begin += window, ++w) {
      const size_t count = std::min(window, order.size() - begin);
      const auto first = order.begin() + static_cast<std::ptrdiff_t>(begin);
      std::stable_sort(first, first + static_cast<std::ptrdiff_t>(count),
                       [&](int64_t a, int64_t b) { return of(a) < of(b); });
      if (!options.shuffle) continue;
      const std::vector<int64_t> sorted(first, first + static_cast<std::ptrdiff_t>(count));
      const std::vector<int64_t> places =
          RandomStream({options.seed, RngPurpose::kShuffle, static_cast<uint64_t>(number),
                        static_cast<uint32_t>(w + 1)})
              .permutation(static_cast<int64_t>(count / batch));
      auto out = first;
      for (const int64_t p : places) {
        const auto from = sorted.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(p) * batch);
        out = std::copy(from, from + static_cast<std::ptrdiff_t>(batch), out);
      }
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
    if (options.bucket > 0) sort_by_length(fresh->order, number);
    {
      const std::lock_guard lock(mutex);
      ++generation;
      epoch = std::move(fresh);
      to_make = to_take = std::clamp<int64_t>(first, 0, batches);
      for (Slot& slot : slots) slot = {};
    }
    if (options.alone_s <= 0 && workers.empty() && !fixed) start_workers();
    work.notify_all();
  }

  /// The next batch, made here; starts the workers when it is time to.
  Batch make_alone() {
    // One slow batch may be the first use of memory, or another program's turn.
    constexpr int kSlow = 3;
    const auto began = std::chrono::steady_clock::now();
    Batch batch = own_maker.make(samples_of(*epoch, to_take), epoch->number, to_take);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    slow_in_a_row = took.count() > options.alone_s ? slow_in_a_row + 1 : 0;
    to_make = ++to_take;
    if (slow_in_a_row == kSlow) start_workers();
    return batch;
  }

  void start_workers() {
    for (int i = 0; i < options.threads; ++i) workers.emplace_back([this] { run_worker(); });
  }

  std::optional<Batch> next() {
    std::unique_lock lock(mutex);
    if (to_take >= batches) return std::nullopt;
    if (fixed) {
      if (!fixed_batch) fixed_batch = own_maker.make(samples_of(*epoch, 0), epoch->number, 0);
      ++to_take;
      return fixed_batch;
    }
    if (workers.empty()) return make_alone();
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
