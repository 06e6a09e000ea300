#include "dlb/optim/muon.h"

#include <algorithm>
#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/op.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/view.h"
#include "dlb/optim/block_sums.h"
#include "dlb/optim/state.h"
#include "dlb/optim/wide.h"

namespace dlb::optim {

namespace {

template <class T>
struct MomentumOf {
  const T* g;
  T* b;
  T* u;
  int64_t n;
  T scale, take, momentum;

  [[gnu::always_inline]] void operator()() const {
    const MomentumOf s = *this;
    const T* __restrict gradient = g;
    T* __restrict buffer = b;
    T* __restrict out = u;
    for (int64_t i = 0; i < s.n; ++i) {
      const T d = gradient[i] * s.scale;
      const T m = buffer[i] + s.take * (d - buffer[i]);
      buffer[i] = m;
      out[i] = d + s.momentum * (m - d);
    }
  }
};

template <class T>
struct Apply {
  T* w;
  const T* u;
  int64_t n;
  T shrink, rate;

  [[gnu::always_inline]] void operator()() const {
    const Apply s = *this;
    T* __restrict value = w;
    const T* __restrict step = u;
    for (int64_t i = 0; i < s.n; ++i) value[i] = value[i] * s.shrink - s.rate * step[i];
  }
};

Tensor orthogonalised(Tensor x, std::span<const double> coefficients, int64_t steps, double divisor) {
  const bool turned = x.dim(0) > x.dim(1);
  if (turned) x = contiguous(transpose(x, 0, 1));
  x = x * (1 / divisor);
  for (int64_t i = 0; i < steps; ++i) {
    const Tensor gram = matmul(x, transpose(x, 0, 1));
    const Tensor poly = gram * coefficients[1] + matmul(gram, gram) * coefficients[2];
    x = x * coefficients[0] + matmul(poly, x);
  }
  return turned ? contiguous(transpose(x, 0, 1)) : x;
}

}  // namespace

Fields MuonOthers::fields() {
  static const Field list[] = {
      field<&MuonOthers::match>("match", "patterns of matrices that are not for muon: embeddings, the head"),
      field<&MuonOthers::lr>("lr", "their rate before the schedule; muon's when not given", non_negative()),
      field<&MuonOthers::beta1>("beta1", "decay of the mean of gradients", fraction()),
      field<&MuonOthers::beta2>("beta2", "decay of the mean of squared gradients", fraction()),
      field<&MuonOthers::eps>("eps", "added to the root of the mean square", non_negative()),
      field<&MuonOthers::weight_decay>("weight_decay", "pull of each parameter towards 0", non_negative()),
  };
  return list;
}

Fields Muon::fields() {
  static const std::vector<Field> list = optimizer_fields({
      field<&Muon::weight_decay>("weight_decay", "pull of each matrix towards 0", non_negative()),
      field<&Muon::momentum>("momentum", "decay of the mean of gradients", between(0, 1)),
      field<&Muon::nesterov>("nesterov", "look ahead along the momentum"),
      field<&Muon::ns_coefficients>("ns_coefficients", "a, b and c of the iteration",
                                    items(any_value(), 3, 3)),
      field<&Muon::eps>("eps", "least norm by which the momentum is divided", positive()),
      field<&Muon::ns_steps>("ns_steps", "number of iterations", between(0, 99)),
      field<&Muon::adjust_lr_fn>("adjust_lr_fn", "how a matrix's sizes change its rate",
                                 one_of({"original", "match_rms_adamw", "spectral_unclamped"})),
      field<&Muon::adamw>("adamw", "adamw for parameters that are no matrices"),
  });
  return list;
}

void Muon::make_state() {
  matrices_.clear();
  std::vector<Param> others;
  std::vector<bool> found(adamw.match.size(), false);
  for (const Param& p : params_) {
    bool named = false;
    for (size_t i = 0; i < found.size(); ++i) {
      if (!matches(adamw.match[i], p.name)) continue;
      named = true;
      found[i] = true;
    }
    (p.value.rank() == 2 && !named ? matrices_ : others).push_back(p);
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i]) continue;
    Error e(ErrorKind::kConfig, fmt::format("muon.adamw.match: no parameter is named '{}'", adamw.match[i]));
    if (!params_.empty()) e.hint = fmt::format("the first parameter is '{}'", params_.front().name);
    throw e;
  }
  buffers_ = zero_state(matrices_);
  others_.beta1 = adamw.beta1;
  others_.beta2 = adamw.beta2;
  others_.eps = adamw.eps;
  others_.weight_decay = adamw.weight_decay;
  others_.attach(std::move(others));
}

template <class T>
void Muon::update_matrix(const Param& p, const Tensor& buffer, const Tensor& gradient, double lr_now,
                         double scale) {
  const int64_t n = p.value.numel();
  Tensor u = Tensor::empty(p.value.spec());
  parallel_for(n, kFusedGrain, [&](int64_t begin, int64_t end) {
    run_wide(MomentumOf<T>{gradient.data<T>() + begin, buffer.data<T>() + begin, u.data<T>() + begin,
                           end - begin, static_cast<T>(scale), static_cast<T>(1 - momentum),
                           static_cast<T>(nesterov ? momentum : 1.0)});
  });
  const double divisor = std::max(norm({u}), eps);
  u = orthogonalised(std::move(u), ns_coefficients, ns_steps, divisor);
  const auto a = static_cast<double>(p.value.dim(0)), b = static_cast<double>(p.value.dim(1));
  const double adjust = adjust_lr_fn == "original"          ? std::sqrt(std::max(1.0, a / b))
                        : adjust_lr_fn == "match_rms_adamw" ? 0.2 * std::sqrt(std::max(a, b))
                                                            : std::sqrt(a / b);
  const double decay = p.weight_decay < 0 ? weight_decay : p.weight_decay;
  parallel_for(n, kFusedGrain, [&](int64_t begin, int64_t end) {
    run_wide(Apply<T>{p.value.data<T>() + begin, u.data<T>() + begin, end - begin,
                      static_cast<T>(1 - lr_now * decay), static_cast<T>(lr_now * adjust)});
  });
  p.value.bump_version();
}

void Muon::update(double lr_now, double scale) {
  const NoGrad no_grad;
  for (const Update& u : updates(matrices_, lr_now, weight_decay, SparseRule::kRefused, "muon")) {
    const Param& p = matrices_[u.index];
    if (u.value.dtype() == DType::kFloat64) {
      update_matrix<double>(p, buffers_[u.index], u.gradient, u.lr, scale);
    } else {
      update_matrix<float>(p, buffers_[u.index], u.gradient, u.lr, scale);
    }
  }
  // The other rate follows the same schedule.
  const double others_lr = adamw.lr && lr > 0 ? *adamw.lr * (lr_now / lr) : lr_now;
  others_.set_steps(steps_ - 1);
  others_.step(others_lr, scale);
}

std::vector<State> Muon::state() const {
  std::vector<State> out;
  add_state(out, "momentum_buffer", matrices_, buffers_);
  for (State& s : others_.state()) out.push_back(std::move(s));
  return out;
}

}  // namespace dlb::optim
