#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"
#include "dlb/ops/loss_defs.h"

namespace dlb::backend::cpu {
namespace {

constexpr int64_t kGrain = 8192;

/// Scores [N, C, *] row-major or channels-last as rows of C elements `step` apart, one for each target.
struct Scores {
  int64_t rows, classes, space, step;

  Scores(const Shape& shape, bool row_major) : classes(shape[1]) {
    space = 1;
    for (size_t i = 2; i < shape.size(); ++i) space *= shape[i];
    rows = shape[0] * space;
    step = row_major ? space : 1;
  }
  explicit Scores(const Tensor& t) : Scores(t.shape(), t.is_contiguous()) {}

  int64_t offset(int64_t row) const {
    return step == 1 ? row * classes : row / space * classes * space + row % space;
  }
};

Tensor in_either_layout(const Tensor& t) { return t.is_channels_last() ? t : row_major(t); }

/// Class weights in the compute type, and the targets after a check of their range.
template <class A>
struct Classes {
  const int64_t* target;
  std::vector<A> weight;  // empty: all 1
  int64_t ignore_index;

  Classes(const Tensor& targets, const Tensor& weights, const Scores& s, int64_t ignore, const char* name)
      : target(targets.data<int64_t>()), ignore_index(ignore) {
    if (weights.defined()) weight = weights.to_vector<A>();
    for (int64_t i = 0; i < s.rows; ++i) {
      if (ignored(i) || (target[i] >= 0 && target[i] < s.classes)) continue;
      const std::string place =
          s.space == 1 ? std::to_string(i) : fmt::format("{}, position {}", i / s.space, i % s.space);
      fail(ErrorKind::kData, "{}: target {} at batch index {} is not one of the {} classes (0 to {})", name,
           target[i], place, s.classes, s.classes - 1);
    }
  }
  bool ignored(int64_t row) const { return target[row] == ignore_index; }
  A of(int64_t c) const { return weight.empty() ? A(1) : weight[static_cast<size_t>(c)]; }
  double total(int64_t classes) const {
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += static_cast<double>(of(c));
    return sum;
  }
};

Tensor optional(const KernelArgs& args, int i) { return args.has(i) ? args.in(i) : Tensor{}; }

void store_scalar(const Tensor& t, double value) {
  if (t.dtype() == DType::kFloat64) {
    *t.data<double>() = value;
  } else {
    *t.data<float>() = static_cast<float>(value);
  }
}

double load_scalar(const Tensor& t) {
  return t.dtype() == DType::kFloat64 ? *t.data<double>() : static_cast<double>(*t.data<float>());
}

/// What a thread carries from row to row.
template <class A>
struct Walk {
  A* buffer;
  int64_t last;        ///< of its rows
  int64_t known = -1;  ///< the row whose largest score is known already, and that of the row after it
  A largest[2] = {0, 0};
};

/// Runs f(row, walk) on all rows, split over threads; the walk's buffer has room for `size` elements.
template <class A, class F>
void each_row(int64_t rows, int64_t size, const F& f) {
  parallel_for(rows, kGrain / std::max<int64_t>(size, 1) + 1, [&](int64_t begin, int64_t end) {
    std::vector<A> buffer(static_cast<size_t>(size));
    simd([&] {
      Walk<A> walk{buffer.data(), end - 1};
      for (int64_t row = begin; row < end; ++row) f(row, walk);
    });
    end_stream();
  });
}

/// Adds up one value for each row and the weights of the targets, in the order of the rows.
template <class A>
void store_sums(const KernelArgs& args, const Classes<A>& classes, const std::vector<double>& losses) {
  double sum = 0;
  double count = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    const int64_t row = static_cast<int64_t>(i);
    if (classes.ignored(row)) continue;
    sum += losses[i];
    count += static_cast<double>(classes.of(classes.target[i]));
  }
  store_scalar(args.out(0), sum);
  store_scalar(args.out(1), count);
}

template <class T>
bool in_place(const Scores& s) {
  return std::is_same_v<T, compute_t<T>> && s.step == 1;
}

/// The scores of one row side by side: in place, or in `buffer`.
template <class T, class A = compute_t<T>>
DLB_INLINE const A* scores_of(const Tensor& x, const Scores& s, int64_t row, A* buffer) {
  const T* in = x.data<T>() + s.offset(row);
  if constexpr (std::is_same_v<T, A>) {
    if (s.step == 1) return in;
  }
  for (int64_t c = 0; c < s.classes; ++c) buffer[c] = load(in[c * s.step]);
  return buffer;
}

/// row_exp() of a row of scores and its largest one, which is found two rows before.
template <class A>
struct Exponentials {
  A sum, largest;
};
template <bool kKeep, class T, class A = compute_t<T>>
DLB_INLINE Exponentials<A> exponentials(const Tensor& x, const Scores& s, int64_t row, const A* in, A* out,
                                        Walk<A>& walk) {
  if constexpr (std::is_same_v<T, A>) {
    if (s.step == 1) {
      const T* const data = x.data<T>();
      const auto scores = [&](int64_t r) { return data + s.offset(std::min(r, walk.last)); };
      if (walk.known != row) {  // the first, or one after an ignored target
        walk.largest[0] = row_max(in, s.classes);
        walk.largest[1] = row_max(scores(row + 1), s.classes);
      }
      const A largest = walk.largest[0];
      const auto [sum, last] = row_exp<kKeep>(in, largest, out, scores(row + 2), s.classes);
      walk.known = row + 1;
      walk.largest[0] = walk.largest[1];
      walk.largest[1] = last;
      return {sum, largest};
    }
  }
  const A largest = row_max(in, s.classes);
  return {row_exp<kKeep>(in, largest, out, in, s.classes).sum, largest};
}

template <class T>
void cross_entropy(const KernelArgs& args, const Tensor& x, const ClassLossAttrs& a) {
  using A = compute_t<T>;
  const Scores s(x);
  const Tensor target = row_major(args.in(1));
  const Classes<A> classes(target, optional(args, 2), s, a.ignore_index, "cross_entropy");
  const double smooth = a.label_smoothing / static_cast<double>(s.classes);
  const double total_weight = classes.total(s.classes);
  std::vector<double> losses(static_cast<size_t>(s.rows), 0.0);
  each_row<A>(s.rows, s.classes, [&](int64_t row, Walk<A>& walk) {
    if (classes.ignored(row)) return;
    const A* const in = scores_of<T>(x, s, row, walk.buffer);
    const auto [sum, most] = exponentials<false, T>(x, s, row, in, walk.buffer, walk);
    const A largest = most;  // structured bindings cannot be captured by every compiler
    // -log p[c] = log_sum - (x[c] - largest)
    const double log_sum = std::log(static_cast<double>(sum));
    const int64_t t = classes.target[row];
    double loss = (1 - a.label_smoothing) * static_cast<double>(classes.of(t)) *
                  (log_sum - static_cast<double>(in[t] - largest));
    if (smooth > 0) {
      const double weighted = static_cast<double>(
          row_sum<A>(s.classes, [&](int64_t c) { return classes.of(c) * (in[c] - largest); }));
      loss += smooth * (log_sum * total_weight - weighted);
    }
    losses[static_cast<size_t>(row)] = loss;
  });
  store_sums(args, classes, losses);
}

void cross_entropy_kernel(const KernelArgs& args, const ClassLossAttrs& a) {
  const Tensor x = in_either_layout(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) { cross_entropy<decltype(t)>(args, x, a); });
}

template <class T>
void cross_entropy_grad(const KernelArgs& args, const Tensor& x, const ClassLossAttrs& a) {
  using A = compute_t<T>;
  const Scores s(x);
  const Tensor target = row_major(args.in(2));
  const Classes<A> classes(target, optional(args, 3), s, a.ignore_index, "cross_entropy");
  const A g = static_cast<A>(load_scalar(args.in(0)));
  const A sharp = static_cast<A>(1 - a.label_smoothing);
  const A smooth = static_cast<A>(a.label_smoothing / static_cast<double>(s.classes));
  const bool plain = classes.weight.empty() && smooth == A(0);
  const A smooth_total = smooth * static_cast<A>(classes.total(s.classes));
  // Rows that are streamed are computed in the buffer, which should stay in the second-level cache.
  const bool streamed = in_place<T>(s) && s.classes <= 65536 &&
                        past_caches(s.rows * s.classes * static_cast<int64_t>(sizeof(T)));
  each_row<A>(s.rows, 2 * s.classes, [&](int64_t row, Walk<A>& walk) {
    T* out = args.out(0).data<T>() + s.offset(row);
    if (classes.ignored(row)) {
      for (int64_t c = 0; c < s.classes; ++c) out[c * s.step] = T();
      return;
    }
    const A* const in = scores_of<T>(x, s, row, walk.buffer);
    const int64_t t = classes.target[row];
    const A own = sharp * classes.of(t);
    A* p = walk.buffer + s.classes;
    if constexpr (std::is_same_v<T, A>) {
      if (s.step == 1 && !streamed) p = out;
    }
    const A scale = (own + smooth_total) / exponentials<true, T>(x, s, row, in, p, walk).sum;
    if (plain) {
      const A factor = scale * g;
      for (int64_t c = 0; c < s.classes; ++c) p[c] *= factor;
    } else {
      for (int64_t c = 0; c < s.classes; ++c) p[c] = (p[c] * scale - smooth * classes.of(c)) * g;
    }
    p[t] -= own * g;
    if (streamed) return stream(out, p, s.classes * static_cast<int64_t>(sizeof(T)));
    if (static_cast<const void*>(p) == out) return;
    for (int64_t c = 0; c < s.classes; ++c) out[c * s.step] = store<T>(p[c]);
  });
}

void cross_entropy_grad_kernel(const KernelArgs& args, const ClassLossAttrs& a) {
  const Tensor& dx = args.out(0);
  const Tensor x = dx.is_contiguous() ? row_major(args.in(1)) : channels_last(args.in(1));
  dispatch_floating(x.dtype(), [&](auto t) { cross_entropy_grad<decltype(t)>(args, x, a); });
}

void nll_kernel(const KernelArgs& args, const ClassLossAttrs& a) {
  const Tensor x = in_either_layout(args.in(0));
  const Tensor target = row_major(args.in(1));
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = compute_t<T>;
    const Scores s(x);
    const Classes<A> classes(target, optional(args, 2), s, a.ignore_index, "nll_loss");
    std::vector<double> losses(static_cast<size_t>(s.rows), 0.0);
    for (int64_t row = 0; row < s.rows; ++row) {
      if (classes.ignored(row)) continue;
      const int64_t t = classes.target[row];
      losses[static_cast<size_t>(row)] = -static_cast<double>(classes.of(t)) *
                                         static_cast<double>(load(x.data<T>()[s.offset(row) + t * s.step]));
    }
    store_sums(args, classes, losses);
  });
}

void nll_grad_kernel(const KernelArgs& args, const ClassLossAttrs& a) {
  const Tensor& dx = args.out(0);
  const Tensor target = row_major(args.in(1));
  dispatch_floating(dx.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = compute_t<T>;
    const Scores s(dx.shape(), true);
    const Classes<A> classes(target, optional(args, 2), s, a.ignore_index, "nll_loss");
    const A g = static_cast<A>(load_scalar(args.in(0)));
    T* out = dx.data<T>();
    std::fill(out, out + dx.numel(), T());
    for (int64_t row = 0; row < s.rows; ++row) {
      if (classes.ignored(row)) continue;
      const int64_t t = classes.target[row];
      out[s.offset(row) + t * s.step] = store<T>(-classes.of(t) * g);
    }
  });
}

}  // namespace

void install_loss() {
  set_kernel(op::cross_entropy(), DeviceKind::kCpu, cross_entropy_kernel);
  set_kernel(op::cross_entropy_grad(), DeviceKind::kCpu, cross_entropy_grad_kernel);
  set_kernel(op::nll_loss(), DeviceKind::kCpu, nll_kernel);
  set_kernel(op::nll_loss_grad(), DeviceKind::kCpu, nll_grad_kernel);
}

}  // namespace dlb::backend::cpu
