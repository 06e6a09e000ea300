// Recurrent sequences backward: the gradient of the gates of each step, and one product of it with the
// recurrent weights for the step before. The weights' own gradient is one product over all steps, made by the
// operator's vjp.
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/recurrent_steps.h"

namespace dlb::backend::cpu {
namespace {

using namespace steps;

/// W_hh [G H, H] as it is.
template <class T>
PackedMatrix<T> packed(const Tensor& w) {
  return {w.dim(0), w.dim(1), w.data<T>(), w.dim(1), 1};
}

/// x += row of g, which may be absent.
template <class T>
DLB_INLINE void add_row(const Tensor& g, int64_t at, T* __restrict x, int64_t n) {
  if (!g.defined()) return;
  const T* const __restrict from = g.data<T>() + at;
  for (int64_t u = 0; u < n; ++u) x[u] += from[u];
}

/// Empty sequences: nothing flows, the gradients of the initial states are 0.
template <class T>
bool nothing_to_do(const Sequence& s, std::span<Tensor> out) {
  if (s.steps * s.batch * s.hidden > 0) return false;
  for (const Tensor& t : out) std::fill(t.data<T>(), t.data<T>() + t.numel(), T(0));
  return true;
}

template <class T>
void run_rnn(const KernelArgs& args, std::span<Tensor> out, const RecurrentAttrs& a) {
  const Tensor g = input_as<T>(args.in(0));
  const Tensor w = input_as<T>(args.in(2));
  const Tensor h = input_as<T>(args.in(4));
  const Tensor lengths = args.has(3) ? row_major(args.in(3)) : Tensor{};
  const Sequence s(h.dim(0), out[1].shape(), a.reverse, lengths);
  if (nothing_to_do<T>(s, out)) return;
  const PackedMatrix<T> weights = packed<T>(w);
  each_rows(s, [&](int64_t begin, int64_t end) {
    T* const dh = out[1].data<T>() + begin * s.hidden;
    std::fill(dh, dh + (end - begin) * s.hidden, T(0));
    for (int64_t k = s.steps; k-- > 0;) {
      const int64_t t = s.time(k);
      T* const dx = out[0].data<T>() + s.at(t, begin, s.hidden);
      const T* const y = h.data<T>() + s.at(t, begin, s.hidden);
      simd([&] {
        for (int64_t n = begin; n < end; ++n) {
          const int64_t row = (n - begin) * s.hidden;
          add_row(g, s.at(t, n, s.hidden), dh + row, s.hidden);
          const bool runs = s.runs(n, t);
          for (int64_t u = row; u < row + s.hidden; ++u) {
            const T slope = a.relu ? (y[u] > T(0) ? T(1) : T(0)) : T(1) - y[u] * y[u];
            dx[u] = runs ? dh[u] * slope : T(0);
            dh[u] = runs ? T(0) : dh[u];
          }
        }
      });
      multiply(weights, end - begin, s.hidden, dx, dh, s.hidden, true);
    }
  });
}

template <class T>
DLB_INLINE void lstm_row(int64_t hidden, const T* __restrict gates, const T* __restrict c,
                         const T* __restrict c_before, T* __restrict dh, T* __restrict dc, T* __restrict dx) {
  const T* const __restrict i = gates;
  const T* const __restrict f = gates + hidden;
  const T* const __restrict g = gates + 2 * hidden;
  const T* const __restrict o = gates + 3 * hidden;
  for (int64_t u = 0; u < hidden; ++u) {
    const T tanh_c = hyperbolic(c[u]);
    const T cell = dc[u] + dh[u] * o[u] * (T(1) - tanh_c * tanh_c);
    dx[u] = cell * g[u] * i[u] * (T(1) - i[u]);
    dx[hidden + u] = cell * c_before[u] * f[u] * (T(1) - f[u]);
    dx[2 * hidden + u] = cell * i[u] * (T(1) - g[u] * g[u]);
    dx[3 * hidden + u] = dh[u] * tanh_c * o[u] * (T(1) - o[u]);
    dc[u] = cell * f[u];
    dh[u] = T(0);
  }
}

template <class T>
void run_lstm(const KernelArgs& args, std::span<Tensor> out, const RecurrentAttrs& a) {
  const Tensor gh = args.has(0) ? input_as<T>(args.in(0)) : Tensor{};
  const Tensor gc = args.has(1) ? input_as<T>(args.in(1)) : Tensor{};
  const Tensor w = input_as<T>(args.in(2));
  const Tensor lengths = args.has(3) ? row_major(args.in(3)) : Tensor{};
  const Tensor c0 = input_as<T>(args.in(4));
  const Tensor c = input_as<T>(args.in(5));
  const Tensor gates = input_as<T>(args.in(6));
  const Sequence s(c.dim(0), c0.shape(), a.reverse, lengths);
  if (nothing_to_do<T>(s, out)) return;
  const int64_t width = 4 * s.hidden;
  const PackedMatrix<T> weights = packed<T>(w);
  each_rows(s, [&](int64_t begin, int64_t end) {
    T* const dh = out[1].data<T>() + begin * s.hidden;
    T* const dc = out[2].data<T>() + begin * s.hidden;
    std::fill(dh, dh + (end - begin) * s.hidden, T(0));
    std::fill(dc, dc + (end - begin) * s.hidden, T(0));
    for (int64_t k = s.steps; k-- > 0;) {
      const int64_t t = s.time(k);
      T* const dx = out[0].data<T>() + s.at(t, begin, width);
      const T* const c_before =
          k > 0 ? c.data<T>() + s.at(s.time(k - 1), begin, s.hidden) : c0.data<T>() + begin * s.hidden;
      simd([&] {
        for (int64_t n = begin; n < end; ++n) {
          const int64_t row = (n - begin) * s.hidden;
          add_row(gh, s.at(t, n, s.hidden), dh + row, s.hidden);
          add_row(gc, s.at(t, n, s.hidden), dc + row, s.hidden);
          if (s.runs(n, t)) {
            lstm_row(s.hidden, gates.data<T>() + s.at(t, n, width), c.data<T>() + s.at(t, n, s.hidden),
                     c_before + row, dh + row, dc + row, dx + 4 * row);
          } else {
            for (int64_t u = 0; u < width; ++u) dx[4 * row + u] = T(0);
          }
        }
      });
      multiply(weights, end - begin, width, dx, dh, s.hidden, true);
    }
  });
}

template <class T>
DLB_INLINE void gru_row(int64_t hidden, const T* __restrict gates, const T* __restrict before,
                        T* __restrict dh, T* __restrict dx, T* __restrict dm) {
  const T* const __restrict r = gates;
  const T* const __restrict z = gates + hidden;
  const T* const __restrict n = gates + 2 * hidden;
  const T* const __restrict hn = gates + 3 * hidden;
  for (int64_t u = 0; u < hidden; ++u) {
    const T dn = dh[u] * (T(1) - z[u]) * (T(1) - n[u] * n[u]);
    const T dr = dn * hn[u] * r[u] * (T(1) - r[u]);
    const T dz = dh[u] * (before[u] - n[u]) * z[u] * (T(1) - z[u]);
    dx[u] = dr;
    dx[hidden + u] = dz;
    dx[2 * hidden + u] = dn;
    dm[u] = dr;
    dm[hidden + u] = dz;
    dm[2 * hidden + u] = dn * r[u];
    dh[u] *= z[u];
  }
}

template <class T>
void run_gru(const KernelArgs& args, std::span<Tensor> out, const RecurrentAttrs& a) {
  const Tensor g = input_as<T>(args.in(0));
  const Tensor h0 = input_as<T>(args.in(1));
  const Tensor w = input_as<T>(args.in(2));
  const Tensor lengths = args.has(3) ? row_major(args.in(3)) : Tensor{};
  const Tensor h = input_as<T>(args.in(4));
  const Tensor gates = input_as<T>(args.in(5));
  const Sequence s(h.dim(0), h0.shape(), a.reverse, lengths);
  if (nothing_to_do<T>(s, out)) return;
  const int64_t width = 3 * s.hidden;
  const PackedMatrix<T> weights = packed<T>(w);
  each_rows(s, [&](int64_t begin, int64_t end) {
    T* const dh = out[2].data<T>() + begin * s.hidden;
    std::fill(dh, dh + (end - begin) * s.hidden, T(0));
    for (int64_t k = s.steps; k-- > 0;) {
      const int64_t t = s.time(k);
      T* const dx = out[0].data<T>() + s.at(t, begin, width);
      T* const dm = out[1].data<T>() + s.at(t, begin, width);
      const T* const before =
          k > 0 ? h.data<T>() + s.at(s.time(k - 1), begin, s.hidden) : h0.data<T>() + begin * s.hidden;
      simd([&] {
        for (int64_t n = begin; n < end; ++n) {
          const int64_t row = (n - begin) * s.hidden;
          add_row(g, s.at(t, n, s.hidden), dh + row, s.hidden);
          if (s.runs(n, t)) {
            gru_row(s.hidden, gates.data<T>() + s.at(t, n, 4 * s.hidden), before + row, dh + row,
                    dx + 3 * row, dm + 3 * row);
            continue;
          }
          for (int64_t u = 0; u < width; ++u) dx[3 * row + u] = dm[3 * row + u] = T(0);
        }
      });
      multiply(weights, end - begin, width, dm, dh, s.hidden, true);
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

void install_recurrent_grad() {
  set_kernel(op::rnn_sequence_grad(), DeviceKind::kCpu, rnn_kernel);
  set_kernel(op::lstm_sequence_grad(), DeviceKind::kCpu, lstm_kernel);
  set_kernel(op::gru_sequence_grad(), DeviceKind::kCpu, gru_kernel);
}

}  // namespace dlb::backend::cpu
