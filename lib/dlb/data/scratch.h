#pragma once
/// \file Memory for intermediate results on the loader's threads, kept between samples.

#include <memory>
#include <vector>

namespace dlb::data {

/// A buffer of at least `bytes`, aligned for any element; its memory is handed to the next one on this
/// thread.
class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    auto& list = idle();
    if (!list.empty()) {
      words_ = std::move(list.back());
      list.pop_back();
    }
    if (words_.size() * sizeof(double) < bytes) words_.resize(bytes / sizeof(double) + 1);
  }
  ~Scratch() { idle().push_back(std::move(words_)); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void* data() { return words_.data(); }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(words_.data());
  }

 private:
  static std::vector<std::vector<double>>& idle() {
    static thread_local std::vector<std::vector<double>> list;
    return list;
  }
  std::vector<double> words_;
};

}  // namespace dlb::data
