#include "dlb/tensor/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "dlb/base/object_pool.h"
#include "dlb/tensor/allocation_limit.h"
#include "dlb/tensor/convert_element.h"

namespace dlb {

using ImplPool = ObjectPool<TensorImpl, sizeof(TensorImpl)>;
void* TensorImpl::operator new(size_t) { return ImplPool::take(); }
void TensorImpl::operator delete(void* memory) { ImplPool::give(memory); }

namespace {

/// Calls f(element offset) for each element in row-major order.
template <class F>
void for_each_offset(const TensorSpec& spec, int64_t start, F&& f) {
  const int64_t n = spec.numel();
  const size_t rank = spec.shape.size();
  Dims index(rank, 0);
  int64_t at = start;
  for (int64_t i = 0; i < n; ++i) {
    f(at);
    for (size_t d = rank; d-- > 0;) {
      at += spec.strides[d];
      if (++index[d] < spec.shape[d]) break;
      at -= spec.strides[d] * spec.shape[d];
      index[d] = 0;
    }
  }
}

/// Elements that a vector may have without asking whether there is memory for it.
constexpr size_t kMostUnasked = size_t{1} << 16;

/// Of tensors without memory: a row-sparse gradient where a dense tensor is expected is the user's, a meta
/// tensor ours.
[[noreturn]] void no_memory(const TensorImpl& impl) {
  if (impl.rows) {
    fail(ErrorKind::kUnsupported,
         "a row-sparse gradient {} cannot be used as a dense tensor; see to_dense(), or turn `sparse` off in "
         "the embedding",
         spec_text(impl.spec));
  }
  check_failed("tensor has memory", __FILE__, __LINE__);
}

}  // namespace

TensorSpec make_spec(Shape shape, DType dtype, Device device) {
  numel(shape);  // refuses negative sizes and overflow
  TensorSpec spec;
  spec.dtype = dtype;
  spec.device = device;
  spec.strides = contiguous_strides(shape);
  spec.shape = std::move(shape);
  return spec;
}

std::string spec_text(const TensorSpec& spec) {
  return std::string(dtype_name(spec.dtype)) + shape_text(spec.shape);
}

Tensor Tensor::empty(Shape shape, DType dtype, Device device) {
  return empty(make_spec(std::move(shape), dtype, device));
}

Tensor Tensor::empty(TensorSpec wanted) {
  auto impl = make_ref<TensorImpl>();
  impl->spec = std::move(wanted);
  const TensorSpec& spec = impl->spec;
  if (spec.device.kind != DeviceKind::kMeta) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(static_cast<size_t>(spec.numel()), dtype_size(spec.dtype), &bytes) ||
        bytes > static_cast<size_t>(std::numeric_limits<int64_t>::max())) {  // the allocator rounds up
      fail(ErrorKind::kShape, "a tensor of shape {} does not fit in memory", shape_text(spec.shape));
    }
    impl->storage = Storage::allocate(bytes, spec.device);
  }
  return Tensor(std::move(impl));
}

Tensor Tensor::wrap(Ref<Storage> storage, int64_t offset, TensorSpec spec) {
  if (!storage) fail(ErrorKind::kUnsupported, "{} has no memory to view", spec_text(spec));
  if (spec.numel() > 0) {
    int64_t last = offset;
    for (size_t i = 0; i < spec.shape.size(); ++i) last += (spec.shape[i] - 1) * spec.strides[i];
    DLB_CHECK(offset >= 0 && static_cast<size_t>(last + 1) * dtype_size(spec.dtype) <= storage->bytes());
  }
  auto impl = make_ref<TensorImpl>();
  impl->spec = std::move(spec);
  impl->spec.device = storage->device();
  impl->storage = std::move(storage);
  impl->offset = offset;
  return Tensor(std::move(impl));
}

template <class T>
Tensor Tensor::from(const std::vector<T>& values, Shape shape) {
  Tensor t = empty(std::move(shape), DTypeOf<T>::value);
  DLB_CHECK(static_cast<size_t>(t.numel()) == values.size());
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}
template Tensor Tensor::from(const std::vector<float>&, Shape);
template Tensor Tensor::from(const std::vector<double>&, Shape);
template Tensor Tensor::from(const std::vector<int64_t>&, Shape);
template Tensor Tensor::from(const std::vector<int32_t>&, Shape);
template Tensor Tensor::from(const std::vector<uint8_t>&, Shape);
template Tensor Tensor::from(const std::vector<bool>&, Shape);

Tensor Tensor::scalar(double value, DType dtype) {
  Tensor t = empty(Shape{}, dtype);
  dispatch_all(dtype, [&](auto tag) { *t.data<decltype(tag)>() = convert_element<decltype(tag)>(value); });
  return t;
}

Tensor Tensor::with_rows(const TensorSpec& spec, Ref<RefCounted> rows) {
  auto impl = make_ref<TensorImpl>();
  impl->spec = spec;
  impl->rows = std::move(rows);
  return Tensor(std::move(impl));
}

void* Tensor::raw() const {
  DLB_CHECK(impl_);
  if (!impl_->storage) no_memory(*impl_);
  return static_cast<char*>(impl_->storage->data()) +
         impl_->offset * static_cast<int64_t>(dtype_size(impl_->spec.dtype));
}

template <class T>
T* Tensor::data() const {
  DLB_CHECK(impl_ && impl_->spec.dtype == DTypeOf<T>::value);
  return static_cast<T*>(raw());
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  DLB_CHECK(!is_meta());
  if (!impl_->storage) no_memory(*impl_);
  const auto count = static_cast<size_t>(numel());
  // Of a view the elements may be far more than its memory.
  if (count > kMostUnasked) require_cpu_memory(std::min(count, SIZE_MAX / sizeof(T)) * sizeof(T));
  if constexpr (!std::is_same_v<T, bool>) {
    if (dtype() == DTypeOf<T>::value && is_contiguous()) {
      const T* const first = static_cast<const T*>(impl_->storage->data()) + impl_->offset;
      return std::vector<T>(first, first + numel());
    }
  }
  std::vector<T> out;
  out.reserve(count);
  dispatch_all(dtype(), [&](auto tag) {
    using From = decltype(tag);
    const From* base = static_cast<const From*>(impl_->storage->data());
    for_each_offset(spec(), impl_->offset, [&](int64_t at) { out.push_back(convert_element<T>(base[at])); });
  });
  return out;
}

#define DLB_INSTANTIATE(T)             \
  template T* Tensor::data<T>() const; \
  template std::vector<T> Tensor::to_vector<T>() const
DLB_INSTANTIATE(float);
DLB_INSTANTIATE(double);
DLB_INSTANTIATE(BFloat16);
DLB_INSTANTIATE(Float16);
DLB_INSTANTIATE(int64_t);
DLB_INSTANTIATE(int32_t);
DLB_INSTANTIATE(uint8_t);
DLB_INSTANTIATE(bool);
#undef DLB_INSTANTIATE

double Tensor::item() const {
  if (numel() != 1) fail(ErrorKind::kShape, "item() needs one element, got shape {}", shape_text(shape()));
  DLB_CHECK(!is_meta());
  return dispatch_all(dtype(), [&](auto tag) {
    return static_cast<double>(static_cast<compute_t<decltype(tag)>>(*data<decltype(tag)>()));
  });
}

std::string Tensor::text() const {
  if (!defined()) return "undefined";
  std::string out = spec_text(spec());
  if (is_meta()) return out + " (meta)";
  if (is_row_sparse()) return out + " (row-sparse)";
  constexpr size_t kShown = 8;
  const std::vector<double> values = to_vector<double>();
  out += " {";
  for (size_t i = 0; i < values.size() && i < kShown; ++i)
    out += fmt::format("{}{:.6g}", i > 0 ? ", " : "", values[i]);
  return out + (values.size() > kShown ? ", ...}" : "}");
}

Tensor Tensor::detach() const {
  if (is_meta() && !requires_grad())
    return *this;  // nothing to leave behind: to a recorder it is the same value
  auto copy = make_ref<TensorImpl>();
  copy->spec = spec();
  copy->storage = impl_->storage;
  copy->offset = impl_->offset;
  copy->rows = impl_->rows;
  return Tensor(std::move(copy));
}

Tensor& Tensor::set_requires_grad(bool value) {
  if (value && !is_floating(dtype())) {
    fail(ErrorKind::kDtype, "only floating tensors can require a gradient, got {}", spec_text(spec()));
  }
  DLB_CHECK(is_leaf());
  impl_->requires_grad = value;
  return *this;
}

Tensor Tensor::grad() const { return Tensor(impl_->grad); }
void Tensor::set_grad(const Tensor& grad) const { impl_->grad = grad.impl_; }

void Tensor::assign(const Tensor& source) const {
  if (source.shape() != shape()) {
    fail(ErrorKind::kShape, "cannot assign {} to {}", shape_text(source.shape()), shape_text(shape()));
  }
  DLB_CHECK(!is_meta() && !source.is_meta());
  if (source.dtype() == dtype() && source.strides() == strides() && is_dense(shape(), strides())) {
    if (raw() != source.raw()) std::memmove(raw(), source.raw(), spec().bytes());
    bump_version();
    return;
  }
  dispatch_all(source.dtype(), [&](auto from_tag) {
    using From = decltype(from_tag);
    const std::vector<From> values = source.to_vector<From>();
    dispatch_all(dtype(), [&](auto to_tag) {
      using To = decltype(to_tag);
      To* base = static_cast<To*>(impl_->storage->data());
      size_t i = 0;
      for_each_offset(spec(), impl_->offset,
                      [&](int64_t at) { base[at] = convert_element<To>(static_cast<From>(values[i++])); });
    });
  });
  bump_version();
}

void Tensor::swap_data(const Tensor& source) const {
  DLB_CHECK(source.shape() == shape() && source.dtype() == dtype());
  impl_->spec = source.spec();
  impl_->storage = source.storage();
  impl_->offset = source.offset();
}

uint32_t Tensor::version() const { return impl_->storage ? impl_->storage->version() : 0; }
void Tensor::bump_version() const {
  if (impl_->storage) impl_->storage->bump_version();
}

void Tensor::set_history(Ref<GradNode> node, int index) const {
  impl_->grad_node = std::move(node);
  impl_->grad_index = index;
}

}  // namespace dlb
