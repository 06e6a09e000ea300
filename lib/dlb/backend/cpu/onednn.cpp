#include "dlb/backend/cpu/onednn.h"

#include <list>
#include <mutex>
#include <unordered_map>

#include "dlb/base/threads.h"

namespace dlb::backend::cpu::onednn {
namespace {

constexpr size_t kMostPlans = 1024;

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

dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

}  // namespace

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
  Argument a{id, is_output, given, wanted, {}, given != wanted};
  if (a.converts) {
    a.convert = dnnl::reorder(is_output ? dnnl::reorder::primitive_desc(engine(), wanted, engine(), given)
                                        : dnnl::reorder::primitive_desc(engine(), given, engine(), wanted));
  }
  arguments.push_back(std::move(a));
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

std::shared_ptr<const Plan> plan(Key key, const std::function<Plan()>& make) {
  static Cache cache;
  key.add(threads());
  return cache.get(key, make);
}

void execute(const Plan& plan, std::initializer_list<void*> memory) {
  DLB_CHECK(memory.size() == plan.arguments.size());
  try {
    std::unordered_map<int, dnnl::memory> args;
    InlineVector<Ref<Storage>, 6> temporary;
    InlineVector<std::pair<const Plan::Argument*, void*>, 4> results;
    const auto scratch = [&](size_t bytes) {
      temporary.push_back(Storage::allocate(bytes, kCpu));
      return temporary.back()->data();
    };
    auto pointer = memory.begin();
    for (const Plan::Argument& a : plan.arguments) {
      void* data = *pointer++;
      dnnl::memory given(a.given, engine(), data);
      if (!a.converts) {
        args.emplace(a.id, std::move(given));
        continue;
      }
      dnnl::memory wanted(a.wanted, engine(), scratch(a.wanted.get_size()));
      if (a.output) {
        results.push_back({&a, data});
      } else {
        a.convert.execute(stream(), given, wanted);
      }
      args.emplace(a.id, std::move(wanted));
    }
    if (plan.scratchpad_bytes > 0) {
      args.emplace(DNNL_ARG_SCRATCHPAD,
                   dnnl::memory(plan.scratchpad, engine(), scratch(plan.scratchpad_bytes)));
    }
    plan.primitive.execute(stream(), args);
    for (const auto& [a, data] : results) {
      dnnl::memory given(a->given, engine(), data);
      a->convert.execute(stream(), args.at(a->id), given);
    }
    stream().wait();
  } catch (const dnnl::error& e) {
    fail(e.status == dnnl_out_of_memory ? ErrorKind::kDevice : ErrorKind::kInternal, "oneDNN: {}", e.what());
  }
}

}  // namespace dlb::backend::cpu::onednn
