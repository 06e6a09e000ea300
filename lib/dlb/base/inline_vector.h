#pragma once
/// \file A vector that keeps up to N items inside itself, for the few-element lists on the hot path of an
/// operator.

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace dlb {

/// Holds up to `N` items without allocating, any number beyond that on the heap.
template <class T, size_t N>
class InlineVector {
 public:
  InlineVector() = default;
  explicit InlineVector(size_t count, const T& value = T()) { resize(count, value); }
  InlineVector(std::initializer_list<T> values) { append(values.begin(), values.end()); }
  template <class It>
  InlineVector(It first, It last) {
    append(first, last);
  }
  InlineVector(const InlineVector& other) { append(other.begin(), other.end()); }
  InlineVector(InlineVector&& other) noexcept { take(std::move(other)); }
  InlineVector& operator=(const InlineVector& other) {
    if (this != &other) {
      clear();
      append(other.begin(), other.end());
    }
    return *this;
  }
  InlineVector& operator=(InlineVector&& other) noexcept {
    if (this != &other) {
      release();
      take(std::move(other));
    }
    return *this;
  }
  ~InlineVector() { release(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }
  T& front() { return data_[0]; }
  const T& front() const { return data_[0]; }

  void push_back(T value) {
    if (size_ == capacity_) grow(capacity_ * 2);
    new (data_ + size_) T(std::move(value));
    ++size_;
  }
  void pop_back() { data_[--size_].~T(); }
  void resize(size_t count, const T& value = T()) {
    if constexpr (kPlain) {
      if (size_ > count) size_ = count;
    }
    while (size_ > count) pop_back();
    if (count > capacity_) grow(count);
    while (size_ < count) {
      new (data_ + size_) T(value);
      ++size_;
    }
  }
  void clear() {
    if constexpr (kPlain) {
      size_ = 0;
    } else {
      while (size_ > 0) pop_back();
    }
  }
  void insert(size_t index, T value) {
    push_back(std::move(value));
    for (size_t i = size_ - 1; i > index; --i) std::swap(data_[i], data_[i - 1]);
  }
  void erase(size_t index) {
    for (size_t i = index; i + 1 < size_; ++i) data_[i] = std::move(data_[i + 1]);
    pop_back();
  }
  friend bool operator==(const InlineVector& a, const InlineVector& b) {
    if (a.size_ != b.size_) return false;
    for (size_t i = 0; i < a.size_; ++i) {
      if (!(a.data_[i] == b.data_[i])) return false;
    }
    return true;
  }

 private:
  T* inline_data() { return reinterpret_cast<T*>(buffer_); }
  static constexpr bool kPlain = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

  template <class It>
  void append(It first, It last) {
    if constexpr (kPlain && std::is_convertible_v<It, const T*>) {
      const auto count = static_cast<size_t>(last - first);
      if (size_ + count > capacity_) grow(size_ + count);
      for (size_t i = 0; i < count; ++i) data_[size_ + i] = first[i];
      size_ += count;
    } else {
      for (; first != last; ++first) push_back(*first);
    }
  }
  void grow(size_t capacity) {
    std::allocator<T> alloc;
    T* bigger = alloc.allocate(capacity);
    for (size_t i = 0; i < size_; ++i) {
      new (bigger + i) T(std::move(data_[i]));
      data_[i].~T();
    }
    if (data_ != inline_data()) alloc.deallocate(data_, capacity_);
    data_ = bigger;
    capacity_ = capacity;
  }
  void release() {
    clear();
    if (data_ != inline_data()) std::allocator<T>().deallocate(data_, capacity_);
    data_ = inline_data();
    capacity_ = N;
  }
  void take(InlineVector&& other) noexcept {
    if (other.data_ != other.inline_data()) {
      data_ = std::exchange(other.data_, other.inline_data());
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, N);
      return;
    }
    if constexpr (kPlain) {
      for (size_t i = 0; i < other.size_; ++i) data_[i] = other.data_[i];
    } else {
      for (size_t i = 0; i < other.size_; ++i) new (data_ + i) T(std::move(other.data_[i]));
    }
    size_ = other.size_;
    other.clear();
  }

  alignas(T) unsigned char buffer_[N * sizeof(T)];
  T* data_ = inline_data();
  size_t size_ = 0;
  size_t capacity_ = N;
};

}  // namespace dlb
