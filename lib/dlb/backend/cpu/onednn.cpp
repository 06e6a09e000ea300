#include "dlb/backend/cpu/onednn.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <list>
#include <mutex>
#include <unordered_map>

#include "dlb/backend/cpu/prepared_forms.h"
#include "dlb/base/threads.h"

namespace dlb::backend::cpu::onednn {
namespace {

constexpr size_t kMostPlans = 1024;

/// To share work among threads takes a microsecond or two, in which one does this many multiply-adds; and
/// where other programs use the processors too, it takes until each thread has had its turn.
constexpr int64_t kSerialWork = int64_t{1} << 18;

/// The number of threads of oneDNN's primitives, for what this thread makes and runs.
class ThreadsScope {
 public:
  explicit ThreadsScope(int count) : before_(omp_get_max_threads()), count_(count) {
    if (count_ != before_) omp_set_num_threads(count_);
  }
  ~ThreadsScope() {
    if (count_ != before_) omp_set_num_threads(before_);
  }
  ThreadsScope(const ThreadsScope&) = delete;
  ThreadsScope& operator=(const ThreadsScope&) = delete;

 private:
  int before_, count_;
};

struct KeyHash {
  size_t operator()(const Key& key) const { return static_cast<size_t>(key.hash()); }
};

/// Least recently used plans, newest first. A null plan remembers that a case is unsupported.
class Cache {
 public:
  std::shared_ptr<const Plan> get(const Key& key, const std::function<Plan()>& make) {
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->second;
    }
    entries_.emplace_front(key, build(make));
    index_.emplace(key, entries_.begin());
    if (entries_.size() > kMostPlans) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return entries_.front().second;
  }

 private:
  static std::shared_ptr<const Plan> build(const std::function<Plan()>& make) {
    try {
      return std::make_shared<const Plan>(make());
    } catch (const dnnl::error& e) {
      if (e.status == dnnl_unimplemented || e.status == dnnl_invalid_arguments) return nullptr;
      if (e.status == dnnl_out_of_memory)
        fail(ErrorKind::kDevice, "out of memory while preparing an oneDNN primitive");
      fail(ErrorKind::kInternal, "oneDNN: {}", e.what());
    }
  }

  using Entry = std::pair<Key, std::shared_ptr<const Plan>>;
  std::mutex mutex_;
  std::list<Entry> entries_;
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index_;
};

/// A frozen tensor in the order that a primitive wants.
struct ConvertedForm final : Form {
  const void* data;  ///< which tensor of the storage
  dnnl::memory::desc given, wanted;
  std::vector<uint64_t> arguments;  ///< that are known to have these: comparing descriptions takes long
  Ref<Storage> storage;

  bool serves(const Plan::Argument& a) {
    if (std::find(arguments.begin(), arguments.end(), a.number) != arguments.end()) return true;
    if (given != a.given || wanted != a.wanted) return false;
    arguments.push_back(a.number);
    return true;
  }
};

/// That of argument `a` at `data`, made by `convert` when there is none yet.
void* kept_form(Storage& owner, const void* data, const Plan::Argument& a,
                const std::function<void(void*)>& convert) {
  const auto matches = [&](ConvertedForm& f) { return f.data == data && f.serves(a); };
  const auto make = [&] {
    auto form = std::make_unique<ConvertedForm>();
    form->data = data;
    form->given = a.given;
    form->wanted = a.wanted;
    form->storage = Storage::allocate(a.wanted.get_size(), kCpu);
    convert(form->storage->data());
    return form;
  };
  return PreparedForms::of(owner).get<ConvertedForm>(matches, make).storage->data();
}

/// One of oneDNN's memory objects, pointed to our memory before each execution.
class Slot {
 public:
  explicit Slot(const dnnl::memory::desc& desc) : memory_(desc, engine(), nullptr) {}
  const dnnl::memory& at(void* data) {
    if (data != data_) memory_.set_data_handle(data);
    data_ = data;
    return memory_;
  }
  const dnnl::memory& get() const { return memory_; }

 private:
  dnnl::memory memory_;
  void* data_ = nullptr;
};

/// The objects for one execution at a time of a plan.
struct Binding {
  explicit Binding(const Plan& plan) : scratchpad(plan.scratchpad) {
    for (const Plan::Argument& a : plan.arguments) {
      given.emplace_back(a.given);
      wanted.emplace_back(a.wanted);
      call.push_back({a.id, (a.converts ? wanted : given).back().get().get()});
    }
    if (plan.scratchpad_bytes > 0) call.push_back({DNNL_ARG_SCRATCHPAD, scratchpad.get().get()});
  }
  std::vector<Slot> given, wanted;
  Slot scratchpad;
  std::vector<dnnl_exec_arg_t> call;
};

}  // namespace

/// Bindings that no execution uses at the moment.
class BindingPool {
 public:
  std::unique_ptr<Binding> take(const Plan& plan) {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Binding> binding = std::move(idle_.back());
        idle_.pop_back();
        return binding;
      }
    }
    return std::make_unique<Binding>(plan);
  }
  void give_back(std::unique_ptr<Binding> binding) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(binding));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Binding>> idle_;
};

namespace {

void copy(const void* from, void* to, size_t bytes) {
  parallel_for(static_cast<int64_t>(bytes), int64_t{1} << 18, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                static_cast<size_t>(end - begin));
  });
}

dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

void check(dnnl_status_t status) {
  if (status != dnnl_success) throw dnnl::error(status, "could not execute a primitive");
}

void run(const dnnl::reorder& reorder, const dnnl::memory& from, const dnnl::memory& to) {
  const dnnl_exec_arg_t call[] = {{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}};
  check(dnnl_primitive_execute(reorder.get(), stream().get(), 2, call));
}

}  // namespace

Plan empty_plan() {
  Plan plan;
  plan.bindings = std::make_shared<BindingPool>();
  return plan;
}

const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

dnnl::memory::data_type data_type(DType t) {
  DLB_CHECK(t == DType::kFloat32 || t == DType::kBFloat16);
  return t == DType::kFloat32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

uint64_t Key::hash() const {
  uint64_t h = 0xCBF29CE484222325U;
  for (const int64_t w : words_) {
    h = (h ^ static_cast<uint64_t>(w)) * 0x9E3779B97F4A7C15U;
    h ^= h >> 32;
  }
  return h;
}

void Plan::add(int id, bool is_output, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted) {
  static std::atomic<uint64_t> last_number = 0;
  Argument a{id, ++last_number, is_output, given, wanted, {}, {}, given != wanted};
  if (a.converts) a.convert = is_output ? reorder_of(wanted, given) : reorder_of(given, wanted);
  arguments.push_back(std::move(a));
}

dnnl::reorder Plan::reorder_of(const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

dnnl::post_ops post_ops(bool residual, const Epilogue& e) {
  using dnnl::algorithm;
  dnnl::post_ops ops;
  if (residual) ops.append_sum();
  const auto append = [&](algorithm a, double alpha = 0, double beta = 0) {
    ops.append_eltwise(1.0F, a, static_cast<float>(alpha), static_cast<float>(beta));
  };
  switch (e.activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      append(algorithm::eltwise_relu);
      break;
    case Activation::kLeakyRelu:
      append(algorithm::eltwise_relu, e.low);
      break;
    case Activation::kClip:
      append(algorithm::eltwise_clip, e.low, e.high);
      break;
    case Activation::kSigmoid:
      append(algorithm::eltwise_logistic);
      break;
    case Activation::kTanh:
      append(algorithm::eltwise_tanh);
      break;
    case Activation::kSilu:
      append(algorithm::eltwise_swish, 1);
      break;
    case Activation::kHardswish:
      append(algorithm::eltwise_hardswish);
      break;
    case Activation::kGelu:
      append(algorithm::eltwise_gelu_erf);
      break;
    case Activation::kGeluTanh:
      append(algorithm::eltwise_gelu_tanh);
      break;
  }
  return ops;
}

void add(Key& key, bool residual, const Epilogue& e) {
  for (const int64_t v : {int64_t{residual}, static_cast<int64_t>(e.activation),
                          std::bit_cast<int64_t>(e.low), std::bit_cast<int64_t>(e.high)}) {
    key.add(v);
  }
}

std::shared_ptr<const Plan> plan(Key key, int64_t work, const std::function<Plan()>& make) {
  static Cache cache;
  const int count = work <= kSerialWork ? 1 : threads();
  key.add(count);
  return cache.get(key, [&] {
    const ThreadsScope scope(count);
    Plan made = make();
    made.threads = count;
    return made;
  });
}

void execute(const Plan& plan, std::span<const Memory> memory) {
  DLB_CHECK(memory.size() == plan.arguments.size());
  const ThreadsScope scope(plan.threads);
  try {
    InlineVector<Ref<Storage>, 6> temporary;
    const auto scratch = [&](size_t bytes) {
      temporary.push_back(Storage::allocate(bytes, kCpu));
      return temporary.back()->data();
    };
    std::unique_ptr<Binding> binding = plan.bindings->take(plan);
    for (size_t i = 0; i < memory.size(); ++i) {
      const Plan::Argument& a = plan.arguments[i];
      const Memory& m = memory[i];
      const dnnl::memory& given = binding->given[i].at(m.data);
      if (!a.converts) {
        if (m.initial != nullptr) copy(m.initial, m.data, a.given.get_size());
      } else if (!a.output && m.owner != nullptr && m.owner->frozen()) {
        void* const kept = kept_form(*m.owner, m.data, a, [&](void* to) {
          dnnl::memory wanted(a.wanted, engine(), to);
          run(a.convert, given, wanted);
        });
        binding->wanted[i].at(kept);
      } else {
        const dnnl::memory& wanted = binding->wanted[i].at(scratch(a.wanted.get_size()));
        if (!a.output) {
          run(a.convert, given, wanted);
        } else if (m.initial != nullptr) {
          const dnnl::memory initial(a.given, engine(), const_cast<void*>(m.initial));
          run(a.fill, initial, wanted);
        }
      }
    }
    if (plan.scratchpad_bytes > 0) binding->scratchpad.at(scratch(plan.scratchpad_bytes));
    check(dnnl_primitive_execute(plan.primitive.get(), stream().get(), static_cast<int>(binding->call.size()),
                                 binding->call.data()));
    for (size_t i = 0; i < memory.size(); ++i) {
      const Plan::Argument& a = plan.arguments[i];
      if (a.converts && a.output) run(a.convert, binding->wanted[i].get(), binding->given[i].get());
    }
    stream().wait();
    plan.bindings->give_back(std::move(binding));
  } catch (const dnnl::error& e) {
    fail(e.status == dnnl_out_of_memory ? ErrorKind::kDevice : ErrorKind::kInternal, "oneDNN: {}", e.what());
  }
}

void execute_product(const Plan& plan, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Tensor& residual, const Tensor& y) {
  InlineVector<Memory, 4> memory{Memory(x.raw()), Memory(weight)};
  if (bias.defined()) memory.push_back(bias.raw());
  memory.push_back({y, residual});
  execute(plan, std::span<const Memory>(memory.data(), memory.size()));
}

}  // namespace dlb::backend::cpu::onednn
