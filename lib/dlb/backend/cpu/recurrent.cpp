// Recurrent sequences forward: at each step one product with the packed recurrent weights, the inputs' part
// and the gates' functions, in place.
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/recurrent_steps.h"
#include "dlb/backend/cpu/scratch.h"

namespace dlb::backend::cpu {
namespace {

using namespace steps;

/// W_hh [G H, H] transposed.
template <class T>
PackedMatrix<T> packed_transpose(const Tensor& w) {
  return {w.dim(1), w.dim(0), w.data<T>(), 1, w.dim(1)};
}

template <class T>
void run_rnn(const KernelArgs& args, std::span<Tensor> out, const RecurrentAttrs& a) {
  const Tensor x = input_as<T>(args.in(0));
  const Tensor h0 = input_as<T>(args.in(1));
  const Tensor w = input_as<T>(args.in(2));
  const Tensor lengths = args.has(3) ? row_major(args.in(3)) : Tensor{};
  const Sequence s(x.dim(0), h0.shape(), a.reverse, lengths);
  if (x.numel() == 0) return;
  const PackedMatrix<T> weights = packed_transpose<T>(w);
  T* const h = out[0].data<T>();
  each_rows(s, [&](int64_t begin, int64_t end) {
    const T* before = h0.data<T>() + begin * s.hidden;
    for (int64_t k = 0; k < s.steps; ++k) {
      const int64_t t = s.time(k);
      T* const now = h + s.at(t, begin, s.hidden);
      const T* const in = x.data<T>() + s.at(t, begin, s.hidden);
      std::copy(in, in + (end - begin) * s.hidden, now);
      multiply(weights, end - begin, s.hidden, before, now, s.hidden, true);
      simd([&] {
        for (int64_t n = begin; n < end; ++n) {
          T* const __restrict y = now + (n - begin) * s.hidden;
          const T* const held = before + (n - begin) * s.hidden;
          if (!s.runs(n, t)) {
            for (int64_t u = 0; u < s.hidden; ++u) y[u] = held[u];
          } else if (a.relu) {
            for (int64_t u = 0; u < s.hidden; ++u) y[u] = y[u] < T(0) ? T(0) : y[u];
          } else {
            for (int64_t u = 0; u < s.hidden; ++u) y[u] = hyperbolic(y[u]);
          }
        }
      });
      before = now;
    }
  });
}

/// `gates` comes as W_hh h; x is the inputs' part.
template <class T>
DLB_INLINE void lstm_row(int64_t hidden, const T* __restrict x, T* __restrict gates,
                         const T* __restrict c_before, T* __restrict h, T* __restrict c) {
  T* const __restrict i = gates;
  T* const __restrict f = gates + hidden;
  T* const __restrict g = gates + 2 * hidden;
  T* const __restrict o = gates + 3 * hidden;
  for (int64_t u = 0; u < hidden; ++u) {
    i[u] = logistic(x[u] + i[u]);
    f[u] = logistic(x[hidden + u] + f[u]);
    g[u] = hyperbolic(x[2 * hidden + u] + g[u]);
    o[u] = logistic(x[3 * hidden + u] + o[u]);
    c[u] = f[u] * c_before[u] + i[u] * g[u];
    h[u] = o[u] * hyperbolic(c[u]);
  }
}

template <class T>
void run_lstm(const KernelArgs& args, std::span<Tensor> out, const RecurrentAttrs& a) {
  const Tensor x = input_as<T>(args.in(0));
  const Tensor h0 = input_as<T>(args.in(1));
  const Tensor w = input_as<T>(args.in(2));
  const Tensor lengths = args.has(3) ? row_major(args.in(3)) : Tensor{};
  const Tensor c0 = input_as<T>(args.in(4));
  const Sequence s(x.dim(0), h0.shape(), a.reverse, lengths);
  if (x.numel() == 0) return;
  const int64_t width = 4 * s.hidden;
  const PackedMatrix<T> weights = packed_transpose<T>(w);
  each_rows(s, [&](int64_t begin, int64_t end) {
    const T* h_before = h0.data<T>() + begin * s.hidden;
    const T* c_before = c0.data<T>() + begin * s.hidden;
    for (int64_t k = 0; k < s.steps; ++k) {
      const int64_t t = s.time(k);
      T* const h = out[0].data<T>() + s.at(t, begin, s.hidden);
      T* const c = out[1].data<T>() + s.at(t, begin, s.hidden);
      T* const gates = out[2].data<T>() + s.at(t, begin, width);
      const T* const in = x.data<T>() + s.at(t, begin, width);
      multiply(weights, end - begin, s.hidden, h_before, gates, width, false);
      simd([&] {
        for (int64_t n = 0; n < end - begin; ++n) {
          const int64_t row = n * s.hidden;
          if (s.runs(begin + n, t)) {
            lstm_row(s.hidden, in + n * width, gates + n * width, c_before + row, h + row, c + row);
            continue;
          }
          for (int64_t u = 0; u < s.hidden; ++u) h[row + u] = h_before[row + u];
          for (int64_t u = 0; u < s.hidden; ++u) c[row + u] = c_before[row + u];
          for (int64_t u = 0; u < width; ++u) gates[n * width + u] = T(0);
        }
      });
      h_before = h;
      c_before = c;
    }
  });
}

/// `gates` has room for r, z, n and W_hn h + b_hn; m is W_hh h + b_hh.
template <class T>
DLB_INLINE void gru_row(int64_t hidden, const T* __restrict x, const T* __restrict m,
                        const T* __restrict before, T* __restrict gates, T* __restrict h) {
  T* const __restrict r = gates;
  T* const __restrict z = gates + hidden;
  T* const __restrict n = gates + 2 * hidden;
  T* const __restrict hn = gates + 3 * hidden;
  for (int64_t u = 0; u < hidden; ++u) {
    r[u] = logistic(x[u] + m[u]);
    z[u] = logistic(x[hidden + u] + m[hidden + u]);
    hn[u] = m[2 * hidden + u];
    n[u] = hyperbolic(x[2 * hidden + u] + r[u] * hn[u]);
    h[u] = n[u] + z[u] * (before[u] - n[u]);
  }
}

template <class T>
void run_gru(const KernelArgs& args, std::span<Tensor> out, const RecurrentAttrs& a) {
  const Tensor x = input_as<T>(args.in(0));
  const Tensor h0 = input_as<T>(args.in(1));
  const Tensor w = input_as<T>(args.in(2));
  const Tensor lengths = args.has(3) ? row_major(args.in(3)) : Tensor{};
  const Tensor bias = args.has(4) ? input_as<T>(args.in(4)) : Tensor{};
  const Sequence s(x.dim(0), h0.shape(), a.reverse, lengths);
  if (x.numel() == 0) return;
  const int64_t width = 3 * s.hidden;
  const PackedMatrix<T> weights = packed_transpose<T>(w);
  each_rows(s, [&](int64_t begin, int64_t end) {
    const T* before = h0.data<T>() + begin * s.hidden;
    const Scratch<T> products((end - begin) * width);
    for (int64_t k = 0; k < s.steps; ++k) {
      const int64_t t = s.time(k);
      T* const h = out[0].data<T>() + s.at(t, begin, s.hidden);
      T* const gates = out[1].data<T>() + s.at(t, begin, 4 * s.hidden);
      const T* const in = x.data<T>() + s.at(t, begin, width);
      if (bias.defined()) {
        for (int64_t n = 0; n < end - begin; ++n) {
          std::copy(bias.data<T>(), bias.data<T>() + width, products.data() + n * width);
        }
      }
      multiply(weights, end - begin, s.hidden, before, products.data(), width, bias.defined());
      simd([&] {
        for (int64_t n = 0; n < end - begin; ++n) {
          const int64_t row = n * s.hidden;
          if (s.runs(begin + n, t)) {
            gru_row(s.hidden, in + n * width, products.data() + n * width, before + row, gates + 4 * row,
                    h + row);
            continue;
          }
          for (int64_t u = 0; u < s.hidden; ++u) h[row + u] = before[row + u];
          for (int64_t u = 0; u < 4 * s.hidden; ++u) gates[4 * row + u] = T(0);
        }
      });
      before = h;
    }
  });
}

void rnn_kernel(const KernelArgs& args, const RecurrentAttrs& a) {
  in_compute_type(args.outputs, [&](auto t, std::span<Tensor> out) { run_rnn<decltype(t)>(args, out, a); });
}
void lstm_kernel(const KernelArgs& args, const RecurrentAttrs& a) {
  in_compute_type(args.outputs, [&](auto t, std::span<Tensor> out) { run_lstm<decltype(t)>(args, out, a); });
}
void gru_kernel(const KernelArgs& args, const RecurrentAttrs& a) {
  in_compute_type(args.outputs, [&](auto t, std::span<Tensor> out) { run_gru<decltype(t)>(args, out, a); });
}

}  // namespace

void install_recurrent() {
  set_kernel(op::rnn_sequence(), DeviceKind::kCpu, rnn_kernel);
  set_kernel(op::lstm_sequence(), DeviceKind::kCpu, lstm_kernel);
  set_kernel(op::gru_sequence(), DeviceKind::kCpu, gru_kernel);
  install_recurrent_grad();
}

}  // namespace dlb::backend::cpu
