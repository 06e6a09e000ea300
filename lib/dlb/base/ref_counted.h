#pragma once
/// \file Intrusive reference counting: one word in the object, one pointer in the handle.

#include <atomic>
#include <cstddef>
#include <utility>

namespace dlb {

template <class T>
class Ref;
template <class T, class... Args>
Ref<T> make_ref(Args&&... args);

/// Base of objects owned by Ref handles.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;

  void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
  /// Whether that was the last reference.
  bool release() const {
    // Whoever holds the only reference need not count down: nobody else can take another one.
    return count_.load(std::memory_order_acquire) == 1 || count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  bool shared() const { return count_.load(std::memory_order_acquire) > 1; }

 private:
  template <class T, class... Args>
  friend Ref<T> make_ref(Args&&... args);
  mutable std::atomic<int> count_{0};
};

/// Owning handle of a RefCounted object, or null.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  Ref(const Ref<U>& other) : Ref(other.get()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && object_->release()) delete object_;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  template <class U, class... Args>
  friend Ref<U> make_ref(Args&&... args);
  T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  Ref<T> ref;
  ref.object_ = new T(std::forward<Args>(args)...);
  // Nobody else knows the object yet.
  static_cast<const RefCounted*>(ref.object_)->count_.store(1, std::memory_order_relaxed);
  return ref;
}

}  // namespace dlb
