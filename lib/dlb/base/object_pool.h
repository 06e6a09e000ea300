#pragma once
/// \file Memory of small objects that come and go with every operator, kept by each thread for its next ones.

#include <cstddef>
#include <new>

#include "dlb/base/sanitizers.h"

namespace dlb {

/// Blocks of `kBytes` for the class that names it as `Tag`. A block may be given back by another thread than
/// the one that took it: it then serves that thread.
template <class Tag, size_t kBytes>
class ObjectPool {
 public:
  static void* take() {
#if !defined(DLB_ADDRESS_SANITIZER)  // which must see that an object is gone
    if (list_.first != nullptr) {
      Block* const block = list_.first;
      list_.first = block->next;
      --list_.count;
      return block;
    }
#endif
    return ::operator new(kBytes);
  }

  static void give(void* memory) {
#if !defined(DLB_ADDRESS_SANITIZER)
    if (list_.count < kMost && !list_.closed) {
      if (!list_.watched) {
        list_.watched = true;
        static thread_local const Cleaner cleaner;
      }
      list_.first = new (memory) Block{list_.first};
      ++list_.count;
      return;
    }
#endif
    ::operator delete(memory);
  }

 private:
  static constexpr size_t kMost = 1024;
  struct Block {
    Block* next;
  };
  /// Without a destructor, so that objects that outlive the thread's other variables can still be given back.
  struct List {
    Block* first = nullptr;
    size_t count = 0;
    bool watched = false;
    bool closed = false;
  };
  struct Cleaner {
    ~Cleaner() {
      list_.closed = true;
      while (list_.first != nullptr) {
        Block* const block = list_.first;
        list_.first = block->next;
        ::operator delete(block);
      }
      list_.count = 0;
    }
  };
  static_assert(kBytes >= sizeof(Block));
  static inline constinit thread_local List list_;
};

}  // namespace dlb
