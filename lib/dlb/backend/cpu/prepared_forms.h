#pragma once
/// \file What kernels keep with a frozen tensor: weights in the orders that they want.

#include <memory>
#include <mutex>
#include <vector>

#include "dlb/tensor/storage.h"

namespace dlb::backend::cpu {

/// One thing that is kept; kernels derive their own.
class Form {
 public:
  virtual ~Form() = default;
};

/// All that is kept with a storage, by any kernel.
class PreparedForms final : public Prepared {
 public:
  /// Those of a frozen storage.
  static PreparedForms& of(Storage& owner) {
    Prepared* kept = owner.prepared();
    if (kept == nullptr) kept = &owner.keep(std::make_unique<PreparedForms>());
    return static_cast<PreparedForms&>(*kept);
  }

  /// The form of type F for which `matches`, made by `make` when there is none yet.
  template <class F, class Matches, class Make>
  F& get(const Matches& matches, const Make& make) {
    const std::lock_guard lock(mutex_);
    for (const std::unique_ptr<Form>& form : forms_) {
      F* const found = dynamic_cast<F*>(form.get());
      if (found != nullptr && matches(*found)) return *found;
    }
    std::unique_ptr<F> made = make();
    F& result = *made;
    forms_.push_back(std::move(made));
    return result;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Form>> forms_;
};

}  // namespace dlb::backend::cpu
