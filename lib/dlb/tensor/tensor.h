#pragma once
/// \file The tensor handle: a value that shares its data.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/base/ref_counted.h"
#include "dlb/tensor/device.h"
#include "dlb/tensor/dtype.h"
#include "dlb/tensor/shape.h"
#include "dlb/tensor/storage.h"

namespace dlb {

/// What is known of a tensor without its data.
struct TensorSpec {
  DType dtype = DType::kFloat32;
  Device device = kCpu;
  Shape shape;
  Strides strides;

  int rank() const { return static_cast<int>(shape.size()); }
  int64_t dim(int64_t i) const { return shape[static_cast<size_t>(i < 0 ? i + rank() : i)]; }
  int64_t numel() const {
    int64_t n = 1;
    for (const int64_t s : shape) n *= s;
    return n;
  }
  size_t bytes() const { return static_cast<size_t>(numel()) * dtype_size(dtype); }
};
TensorSpec make_spec(Shape shape, DType dtype, Device device = kCpu);
/// "float32[32, 1, 28, 28]"
std::string spec_text(const TensorSpec& spec);

/// A recorded operation that produced tensors; the autograd layer knows the only subclass.
class GradNode : public RefCounted {};

/// What Tensor handles point at; only tensor.cpp and Tensor's accessors touch it.
struct TensorImpl final : RefCounted {
  static void* operator new(size_t bytes);
  static void operator delete(void* memory);
  TensorSpec spec;
  Ref<Storage> storage;
  int64_t offset = 0;
  bool requires_grad = false;
  int grad_index = 0;
  Ref<GradNode> grad_node;
  Ref<TensorImpl> grad;
  Ref<RefCounted> rows;  ///< of a row-sparse gradient, which has no storage
};

/// A small handle to (storage, spec); copies share the data. Operators never change their inputs; only
/// parameters, optimizer state and running statistics are assigned in place, by code that says so. A
/// default-constructed tensor is undefined.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised (see ops/create.h for zeros, full, ...). On kMeta no memory is taken.
  static Tensor empty(Shape shape, DType dtype = DType::kFloat32, Device device = kCpu);
  static Tensor empty(TensorSpec spec);
  /// A tensor over `storage` from element `offset`; the spec must fit in it (internal error otherwise).
  static Tensor wrap(Ref<Storage> storage, int64_t offset, TensorSpec spec);
  /// Copies of host values, row-major.
  template <class T>
  static Tensor from(const std::vector<T>& values, Shape shape);
  static Tensor scalar(double value, DType dtype = DType::kFloat32);

  /// A row-sparse gradient: see tensor/row_sparse.h.
  static Tensor with_rows(const TensorSpec& spec, Ref<RefCounted> rows);
  bool is_row_sparse() const { return impl_ && impl_->rows; }

  bool defined() const { return static_cast<bool>(impl_); }
  const TensorSpec& spec() const {
    DLB_CHECK(impl_);
    return impl_->spec;
  }
  const Shape& shape() const { return spec().shape; }
  const Strides& strides() const { return spec().strides; }
  DType dtype() const { return spec().dtype; }
  Device device() const { return spec().device; }
  int rank() const { return spec().rank(); }
  int64_t dim(int64_t i) const { return spec().dim(i); }  ///< negative counts from the end
  int64_t numel() const { return spec().numel(); }
  bool is_meta() const { return spec().device.kind == DeviceKind::kMeta; }
  bool is_contiguous() const { return dlb::is_contiguous(shape(), strides()); }
  bool is_channels_last() const { return dlb::is_channels_last(shape(), strides()); }

  /// First element; the type must be the tensor's (internal error otherwise). Not for meta tensors.
  template <class T>
  T* data() const;
  void* raw() const;
  const Ref<Storage>& storage() const { return impl_->storage; }
  int64_t offset() const { return impl_->offset; }  ///< in elements
  bool shares_storage(const Tensor& other) const { return storage() == other.storage(); }

  /// The value of a one-element tensor, converted. Errors: shape.
  double item() const;
  /// All values converted to T, row-major, for tests, metrics and output.
  template <class T>
  std::vector<T> to_vector() const;
  /// Values like NumPy prints them, shortened.
  std::string text() const;

  /// Same data without history.
  Tensor detach() const;
  /// A leaf that wants a gradient, or computed from one.
  bool requires_grad() const { return impl_ && (impl_->requires_grad || impl_->grad_node); }
  bool is_leaf() const { return !impl_->grad_node; }
  /// Marks a leaf. Errors: dtype when not floating.
  Tensor& set_requires_grad(bool value);
  /// The accumulated gradient of a leaf, undefined when there is none.
  Tensor grad() const;
  void set_grad(const Tensor& grad) const;

  /// For parameters, optimizer state and running statistics only: copies `source` (same shape; dtype
  /// converted) into this tensor's memory. Errors: shape; numeric is not checked. The autograd history of
  /// saved uses is checked by version().
  void assign(const Tensor& source) const;
  /// Points this handle's tensor at other data of the same shape and dtype, seen by all copies of the handle.
  void swap_data(const Tensor& source) const;
  /// Counts assignments, so that a backward pass can refuse a saved value that has changed since.
  uint32_t version() const;
  void bump_version() const;

  const Ref<GradNode>& grad_node() const { return impl_->grad_node; }
  int grad_index() const { return impl_->grad_index; }
  void set_history(Ref<GradNode> node, int index) const;

  friend bool same(const Tensor& a, const Tensor& b) {
    return a.impl_ == b.impl_;
  }  ///< the same handle target
  TensorImpl* impl() const { return impl_.get(); }

 private:
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}
  Ref<TensorImpl> impl_;
};

}  // namespace dlb
