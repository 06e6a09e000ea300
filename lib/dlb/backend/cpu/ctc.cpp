// CTC by the forward-backward algorithm in logarithms. The extended target has blanks around and between its
// classes; the backward variables are the forward variables of the reversed problem.
#include <algorithm>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/ctc_defs.h"
#include "dlb/ops/float_math.h"

namespace dlb::backend::cpu {
namespace {

DLB_INLINE float natural_log(float x) { return float_math::log(x); }
DLB_INLINE double natural_log(double x) { return std::log(x); }

/// Lengths and the start of each target, after a check.
struct Targets {
  int64_t steps, batch, classes;
  Tensor targets, input_lengths, target_lengths;
  std::vector<int64_t> first;

  Targets(const Tensor& x, const Tensor& t, const Tensor& in, const Tensor& out)
      : steps(x.dim(0)),
        batch(x.dim(1)),
        classes(x.dim(2)),
        targets(row_major(t)),
        input_lengths(row_major(in)),
        target_lengths(row_major(out)) {
    const bool padded = targets.rank() == 2;
    int64_t used = 0;
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t length = classes_of(n);
      const int64_t limit = padded ? targets.dim(1) : targets.dim(0) - used;
      if (input(n) < 0 || input(n) > steps) {
        fail(ErrorKind::kData, "ctc_loss: input length {} of sequence {} is not from 0 to {}", input(n), n,
             steps);
      }
      if (length < 0 || length > limit) {
        fail(ErrorKind::kData, "ctc_loss: target length {} of sequence {} is not from 0 to {}", length, n,
             limit);
      }
      first.push_back(padded ? n * targets.dim(1) : used);
      used += length;
      for (int64_t i = 0; i < length; ++i) {
        const int64_t label = target(n)[i];
        if (label >= 0 && label < classes) continue;
        fail(ErrorKind::kData, "ctc_loss: target {} of sequence {} is class {}, which is not from 0 to {}", i,
             n, label, classes - 1);
      }
    }
  }
  /// Sequences that are worth a thread, at least.
  int64_t grain() const {
    const int64_t places =
        2 * (targets.rank() == 2 ? targets.dim(1) : targets.dim(0) / std::max<int64_t>(batch, 1)) + 1;
    return 1 + 4096 / std::max<int64_t>(steps * places, 1);
  }
  int64_t input(int64_t n) const { return input_lengths.data<int64_t>()[n]; }
  int64_t classes_of(int64_t n) const { return target_lengths.data<int64_t>()[n]; }
  const int64_t* target(int64_t n) const { return targets.data<int64_t>() + first[static_cast<size_t>(n)]; }
};

/// One sequence: its extended target, and forward variables for it or for its reverse.
template <class T>
class Lattice {
 public:
  Lattice(const Targets& all, const T* x, int64_t n, int64_t blank)
      : all_(all), x_(x), n_(n), steps_(all.input(n)), places_(2 * all.classes_of(n) + 1) {
    for (int64_t s = 0; s < places_; ++s) {
      labels_.push_back(s % 2 == 0 ? blank : all.target(n)[s / 2]);
    }
  }

  int64_t steps() const { return steps_; }
  int64_t places() const { return places_; }
  int64_t label(int64_t s) const { return labels_[static_cast<size_t>(s)]; }
  T log_probability(int64_t t, int64_t s) const {
    return x_[(t * all_.batch + n_) * all_.classes + label(s)];
  }

  /// Forward variables of all steps, each row behind two places that nothing reaches.
  std::vector<T> variables(bool reversed) const {
    const int64_t width = places_ + 2;
    std::vector<T> rows(static_cast<size_t>(steps_ * width), kNothing);
    std::vector<T> skip(static_cast<size_t>(places_), kNothing);  // 0 where the blank between may be left out
    std::vector<T> logs(static_cast<size_t>(places_));
    for (int64_t s = 2; s < places_; ++s) {
      const bool differ = label(place(s, reversed)) != label(place(s - 2, reversed));
      if (s % 2 == 1 && differ) skip[static_cast<size_t>(s)] = 0;
    }
    for (int64_t k = 0; k < steps_; ++k) {
      for (int64_t s = 0; s < places_; ++s) {
        logs[static_cast<size_t>(s)] = log_probability(reversed ? steps_ - 1 - k : k, place(s, reversed));
      }
      T* const now = rows.data() + k * width + 2;
      if (k == 0) {
        for (int64_t s = 0; s < std::min<int64_t>(places_, 2); ++s) now[s] = logs[static_cast<size_t>(s)];
        continue;
      }
      simd([&] { advance(now - width, skip.data(), logs.data(), now, places_); });
    }
    return rows;
  }

  /// Place s of the reversed target.
  int64_t place(int64_t s, bool reversed) const { return reversed ? places_ - 1 - s : s; }

  T loss(const std::vector<T>& forward) const {
    if (steps_ == 0) return places_ == 1 ? T(0) : -kNothing;
    const T* const last = forward.data() + steps_ * (places_ + 2) - 1;
    const T a = last[0];
    const T b = places_ > 1 ? last[-1] : kNothing;
    const T largest = larger(a, b);
    if (largest == kNothing) return -kNothing;
    return -(largest + std::log(std::exp(a - largest) + std::exp(b - largest)));
  }

  static constexpr T kNothing = -std::numeric_limits<T>::infinity();

 private:
  static DLB_INLINE void advance(const T* __restrict before, const T* __restrict skip,
                                 const T* __restrict logs, T* __restrict now, int64_t places) {
    for (int64_t s = 0; s < places; ++s) {
      const T a = before[s];
      const T b = before[s - 1];
      const T c = before[s - 2] + skip[s];
      T m = larger(larger(a, b), c);
      m = m == kNothing ? T(0) : m;
      now[s] = natural_log(fast_exp(a - m) + fast_exp(b - m) + fast_exp(c - m)) + m + logs[s];
    }
  }

  const Targets& all_;
  const T* x_;
  int64_t n_, steps_, places_;
  std::vector<int64_t> labels_;
};

template <class T>
void losses(const Targets& all, const Tensor& x, const Tensor& out, const CtcAttrs& a) {
  parallel_for(all.batch, all.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Lattice<T> lattice(all, x.data<T>(), n, a.blank);
      out.data<T>()[n] = lattice.loss(lattice.variables(false));
    }
  });
}

/// Gradient of one sequence: softmax minus the share of the alignments that pass through each class.
template <class T>
void sequence_grad(const Targets& all, const Lattice<T>& lattice, const T* x, int64_t n, T g,
                   const CtcAttrs& a, T* dx) {
  const std::vector<T> forward = lattice.variables(false);
  const T loss = lattice.loss(forward);
  if (a.zero_infinity && loss == -Lattice<T>::kNothing) return;
  const std::vector<T> backward = lattice.variables(true);
  const int64_t width = lattice.places() + 2;
  for (int64_t t = 0; t < lattice.steps(); ++t) {
    const int64_t row = (t * all.batch + n) * all.classes;
    for (int64_t c = 0; c < all.classes; ++c) dx[row + c] = std::exp(x[row + c]) * g;
    const T* const from_start = forward.data() + t * width + 2;
    const T* const to_end = backward.data() + (lattice.steps() - 1 - t) * width + 2;
    for (int64_t s = 0; s < lattice.places(); ++s) {
      // Both sums contain the probability of this step.
      const T both = from_start[s] + to_end[lattice.place(s, true)];
      if (both == Lattice<T>::kNothing && loss < -Lattice<T>::kNothing) continue;
      dx[row + lattice.label(s)] -= std::exp(both - lattice.log_probability(t, s) + loss) * g;
    }
  }
}

template <class T>
void gradients(const Targets& all, const Tensor& g, const Tensor& x, const Tensor& out, const CtcAttrs& a) {
  T* const dx = out.data<T>();
  std::fill(dx, dx + out.numel(), T(0));
  parallel_for(all.batch, all.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Lattice<T> lattice(all, x.data<T>(), n, a.blank);
      sequence_grad(all, lattice, x.data<T>(), n, g.data<T>()[n], a, dx);
    }
  });
}

/// 16-bit types are computed in float32.
DType compute_dtype(DType dtype) { return dtype == DType::kFloat64 ? dtype : DType::kFloat32; }

void ctc_kernel(const KernelArgs& args, const CtcAttrs& a) {
  const DType dtype = compute_dtype(args.in(0).dtype());
  const Tensor x = row_major(as_dtype(args.in(0), dtype));
  const Targets all(x, args.in(1), args.in(2), args.in(3));
  const bool direct = args.out(0).dtype() == dtype;
  const Tensor out = direct ? args.out(0) : Tensor::empty(args.out(0).shape());
  dtype == DType::kFloat64 ? losses<double>(all, x, out, a) : losses<float>(all, x, out, a);
  if (!direct) args.out(0).assign(out);
}

void ctc_grad_kernel(const KernelArgs& args, const CtcAttrs& a) {
  const DType dtype = compute_dtype(args.in(1).dtype());
  const Tensor g = row_major(as_dtype(args.in(0), dtype));
  const Tensor x = row_major(as_dtype(args.in(1), dtype));
  const Targets all(x, args.in(2), args.in(3), args.in(4));
  const bool direct = args.out(0).dtype() == dtype;
  const Tensor out = direct ? args.out(0) : Tensor::empty(args.out(0).shape());
  dtype == DType::kFloat64 ? gradients<double>(all, g, x, out, a) : gradients<float>(all, g, x, out, a);
  if (!direct) args.out(0).assign(out);
}

}  // namespace

void install_ctc() {
  set_kernel(op::ctc_loss(), DeviceKind::kCpu, ctc_kernel);
  set_kernel(op::ctc_loss_grad(), DeviceKind::kCpu, ctc_grad_kernel);
}

}  // namespace dlb::backend::cpu
