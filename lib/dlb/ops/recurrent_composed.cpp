// Recurrent sequences step by step from simple operators: the oracle of the kernels, and what a second
// derivative is taken of.
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/recurrent_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::recurrent_composed {
namespace {

/// The inputs that all kinds have, and the order of steps.
struct Sequence {
  Tensor x, h0, w, lengths, extra;
  int64_t steps, hidden;
  bool reverse;

  Sequence(Inputs in, const RecurrentAttrs& a)
      : x(in[0]),
        h0(in[1]),
        w(in[2]),
        lengths(in.size() > 3 ? in[3] : Tensor{}),
        extra(in.size() > 4 ? in[4] : Tensor{}),
        steps(x.dim(0)),
        hidden(h0.dim(1)),
        reverse(a.reverse) {}

  int64_t time(int64_t i) const { return reverse ? steps - 1 - i : i; }
  Tensor recurrent(const Tensor& h) const { return matmul(h, transpose(w, 0, 1)); }
  /// `next` where the sequence still runs at step t, else `held`.
  Tensor running(int64_t t, const Tensor& next, const Tensor& held) const {
    if (!lengths.defined()) return next;
    return where(unsqueeze(gt(lengths, static_cast<double>(t)), 1), next, held);
  }
  Tensor gate(const Tensor& all, int64_t i) const { return narrow(all, 1, i * hidden, hidden); }
  Tensor zero() const { return zeros_like(h0); }
};

using Steps = std::vector<Tensor>;

/// Gradient of step t of an output; 0 where nothing depends on it.
Tensor step_grad(const Sequence& s, const Tensor& g, int64_t t) {
  return g.defined() ? select(g, 0, t) : s.zero();
}

Tensor join(const Steps& steps, const Tensor& like) {
  return steps.empty() ? zeros(Shape{0, like.dim(0), like.dim(1)}, like.dtype(), like.device())
                       : stack(steps, 0);
}

/// y (1 - y), the slope of the logistic function.
Tensor logistic_slope(const Tensor& y) { return mul(y, 1.0 - y); }
/// 1 - y^2, the slope of tanh.
Tensor tanh_slope(const Tensor& y) { return 1.0 - square(y); }

/// States before each step and after it, by time.
struct States {
  Steps before, after;
  explicit States(const Sequence& s)
      : before(static_cast<size_t>(s.steps)), after(static_cast<size_t>(s.steps)) {}
};

struct LstmSteps {
  States h, c;
  Steps i, f, g, o;
};

LstmSteps lstm_steps(const Sequence& s) {
  const size_t n = static_cast<size_t>(s.steps);
  LstmSteps r{States(s), States(s), Steps(n), Steps(n), Steps(n), Steps(n)};
  Tensor h = s.h0;
  Tensor c = s.extra;
  for (int64_t k = 0; k < s.steps; ++k) {
    const int64_t t = s.time(k);
    const size_t at = static_cast<size_t>(t);
    const Tensor all = add(select(s.x, 0, t), s.recurrent(h));
    r.i[at] = sigmoid(s.gate(all, 0));
    r.f[at] = sigmoid(s.gate(all, 1));
    r.g[at] = tanh(s.gate(all, 2));
    r.o[at] = sigmoid(s.gate(all, 3));
    const Tensor cell = add(mul(r.f[at], c), mul(r.i[at], r.g[at]));
    r.h.before[at] = h;
    r.c.before[at] = c;
    h = r.h.after[at] = s.running(t, mul(r.o[at], tanh(cell)), h);
    c = r.c.after[at] = s.running(t, cell, c);
  }
  return r;
}

struct GruSteps {
  States h;
  Steps r, z, n, hn;
};

GruSteps gru_steps(const Sequence& s) {
  const size_t count = static_cast<size_t>(s.steps);
  GruSteps out{States(s), Steps(count), Steps(count), Steps(count), Steps(count)};
  Tensor h = s.h0;
  for (int64_t k = 0; k < s.steps; ++k) {
    const int64_t t = s.time(k);
    const size_t at = static_cast<size_t>(t);
    const Tensor x = select(s.x, 0, t);
    Tensor m = s.recurrent(h);
    if (s.extra.defined()) m = add(m, s.extra);
    out.r[at] = sigmoid(add(s.gate(x, 0), s.gate(m, 0)));
    out.z[at] = sigmoid(add(s.gate(x, 1), s.gate(m, 1)));
    out.hn[at] = s.gate(m, 2);
    out.n[at] = tanh(add(s.gate(x, 2), mul(out.r[at], out.hn[at])));
    out.h.before[at] = h;
    h = out.h.after[at] = s.running(t, add(out.n[at], mul(out.z[at], sub(h, out.n[at]))), h);
  }
  return out;
}

States rnn_steps(const Sequence& s, bool is_relu) {
  States r(s);
  Tensor h = s.h0;
  for (int64_t k = 0; k < s.steps; ++k) {
    const int64_t t = s.time(k);
    const size_t at = static_cast<size_t>(t);
    const Tensor sum = add(select(s.x, 0, t), s.recurrent(h));
    r.before[at] = h;
    h = r.after[at] = s.running(t, is_relu ? relu(sum) : tanh(sum), h);
  }
  return r;
}

}  // namespace

Outputs rnn(Inputs in, const RecurrentAttrs& a) {
  const Sequence s(in, a);
  return {join(rnn_steps(s, a.relu).after, s.h0)};
}

Outputs lstm(Inputs in, const RecurrentAttrs& a) {
  const Sequence s(in, a);
  const LstmSteps r = lstm_steps(s);
  Steps gates;
  for (size_t t = 0; t < r.i.size(); ++t) gates.push_back(cat({r.i[t], r.f[t], r.g[t], r.o[t]}, 1));
  return {join(r.h.after, s.h0), join(r.c.after, s.h0), join(gates, select(s.x, 0, 0))};
}

Outputs gru(Inputs in, const RecurrentAttrs& a) {
  const Sequence s(in, a);
  const GruSteps r = gru_steps(s);
  Steps gates;
  for (size_t t = 0; t < r.r.size(); ++t) gates.push_back(cat({r.r[t], r.z[t], r.n[t], r.hn[t]}, 1));
  return {join(r.h.after, s.h0), join(gates, cat({s.h0, s.h0, s.h0, s.h0}, 1))};
}

Outputs rnn_grad(Inputs in, const Tensor& g, const RecurrentAttrs& a) {
  const Sequence s(in, a);
  const States r = rnn_steps(s, a.relu);
  Steps dx(static_cast<size_t>(s.steps));
  Tensor dh = s.zero();
  for (int64_t k = s.steps; k-- > 0;) {
    const int64_t t = s.time(k);
    const size_t at = static_cast<size_t>(t);
    const Tensor& y = r.after[at];
    dh = add(dh, step_grad(s, g, t));
    const Tensor slope = a.relu ? cast(gt(y, 0.0), y.dtype()) : tanh_slope(y);
    dx[at] = s.running(t, mul(dh, slope), s.zero());
    dh = add(matmul(dx[at], s.w), s.running(t, s.zero(), dh));
  }
  return {join(dx, s.h0), dh};
}

Outputs lstm_grad(Inputs in, const Tensor& gh, const Tensor& gc, const RecurrentAttrs& a) {
  const Sequence s(in, a);
  const LstmSteps r = lstm_steps(s);
  Steps dx(static_cast<size_t>(s.steps));
  Tensor dh = s.zero();
  Tensor dc = s.zero();
  for (int64_t k = s.steps; k-- > 0;) {
    const int64_t t = s.time(k);
    const size_t at = static_cast<size_t>(t);
    dh = add(dh, step_grad(s, gh, t));
    dc = add(dc, step_grad(s, gc, t));
    const Tensor tanh_c = tanh(r.c.after[at]);
    const Tensor cell = add(dc, mul(mul(dh, r.o[at]), tanh_slope(tanh_c)));
    const Tensor di = mul(mul(cell, r.g[at]), logistic_slope(r.i[at]));
    const Tensor df = mul(mul(cell, r.c.before[at]), logistic_slope(r.f[at]));
    const Tensor dg = mul(mul(cell, r.i[at]), tanh_slope(r.g[at]));
    const Tensor d_o = mul(mul(dh, tanh_c), logistic_slope(r.o[at]));
    const Tensor gates = cat({di, df, dg, d_o}, 1);
    dx[at] = s.running(t, gates, zeros_like(gates));
    dh = add(matmul(dx[at], s.w), s.running(t, s.zero(), dh));
    dc = s.running(t, mul(cell, r.f[at]), dc);
  }
  return {join(dx, select(s.x, 0, 0)), dh, dc};
}

Outputs gru_grad(Inputs in, const Tensor& g, const RecurrentAttrs& a) {
  const Sequence s(in, a);
  const GruSteps r = gru_steps(s);
  Steps dx(static_cast<size_t>(s.steps));
  Steps dm(static_cast<size_t>(s.steps));
  Tensor dh = s.zero();
  for (int64_t k = s.steps; k-- > 0;) {
    const int64_t t = s.time(k);
    const size_t at = static_cast<size_t>(t);
    dh = add(dh, step_grad(s, g, t));
    const Tensor dn = mul(mul(dh, 1.0 - r.z[at]), tanh_slope(r.n[at]));
    const Tensor dr = mul(mul(dn, r.hn[at]), logistic_slope(r.r[at]));
    const Tensor dz = mul(mul(dh, sub(r.h.before[at], r.n[at])), logistic_slope(r.z[at]));
    const Tensor x = cat({dr, dz, dn}, 1);
    const Tensor m = cat({dr, dz, mul(dn, r.r[at])}, 1);
    dx[at] = s.running(t, x, zeros_like(x));
    dm[at] = s.running(t, m, zeros_like(m));
    dh = add(matmul(dm[at], s.w), s.running(t, mul(dh, r.z[at]), dh));
  }
  return {join(dx, select(s.x, 0, 0)), join(dm, select(s.x, 0, 0)), dh};
}

}  // namespace dlb::recurrent_composed
