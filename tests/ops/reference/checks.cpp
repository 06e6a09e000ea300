#include "checks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "current.h"
#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "exceptions.h"

namespace dlb::testing {

namespace {

using Failures = std::vector<std::string>;

const Exception* exception(const std::string& variant, std::string_view check) {
  for (const Exception& e : kExceptions) {
    const bool prefix = e.variant.ends_with('*');
    const bool names =
        prefix ? variant.starts_with(e.variant.substr(0, e.variant.size() - 1)) : variant == e.variant;
    if (names && e.check == check) return &e;
  }
  return nullptr;
}

struct Tolerance {
  double rtol, atol;
  bool scaled;  ///< atol counts relative to the largest expected value
};

/// "" or the first difference.
std::string compare(const Tensor& got, const Tensor& expected, const Tolerance& tolerance) {
  if (got.shape() != expected.shape()) {
    return fmt::format("shape {}, expected {}", shape_text(got.shape()), shape_text(expected.shape()));
  }
  if (!is_floating(expected.dtype())) {
    const std::vector<int64_t> a = got.to_vector<int64_t>();
    const std::vector<int64_t> b = expected.to_vector<int64_t>();
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return fmt::format("element {} is {}, expected {}", i, a[i], b[i]);
    }
    return "";
  }
  const std::vector<double> a = got.to_vector<double>();
  const std::vector<double> b = expected.to_vector<double>();
  double largest = 1;
  for (const double x : b) {
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  }
  const double atol = tolerance.atol * (tolerance.scaled ? largest : 1);
  for (size_t i = 0; i < a.size(); ++i) {
    // Beyond float32's range, a float32 result can but saturate.
    constexpr double kLargest = std::numeric_limits<float>::max();
    const bool beyond = tolerance.scaled && std::abs(b[i]) > kLargest && std::abs(a[i]) >= kLargest &&
                        std::signbit(a[i]) == std::signbit(b[i]);
    const bool same = a[i] == b[i] || beyond || (std::isnan(a[i]) && std::isnan(b[i])) ||
                      std::abs(a[i] - b[i]) <= tolerance.rtol * std::abs(b[i]) + atol;
    if (!same) return fmt::format("element {} is {}, expected {}", i, a[i], b[i]);
  }
  return "";
}

/// cos(i + j) over the flat index i of output j: the weights of the reference gradients.
Tensor cotangent(const Tensor& output, int64_t j) {
  std::vector<double> values(static_cast<size_t>(output.numel()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::cos(static_cast<double>(static_cast<int64_t>(i) + j));
  return cast(Tensor::from(values, output.shape()), output.dtype());
}

/// Gradients of the weighted outputs; undefined where nothing depends on a leaf.
std::vector<Tensor> gradients(const std::vector<Tensor>& outputs, const std::vector<Tensor>& leaves,
                              bool create_graph = false) {
  std::vector<Tensor> roots;
  std::vector<Tensor> seeds;
  for (const Tensor& out : outputs) {
    if (!out.requires_grad()) continue;
    seeds.push_back(cotangent(out, static_cast<int64_t>(roots.size())));
    roots.push_back(out);
  }
  if (roots.empty()) return std::vector<Tensor>(leaves.size());
  return grad(roots, leaves, seeds, create_graph, create_graph);
}

/// What a check does, with errors as failures.
void guarded(Failures& failures, const char* what, const std::function<void()>& body) {
  set_current_check(what);
  try {
    body();
  } catch (const Error& e) {
    failures.push_back(fmt::format("{}: {}", what, e.what()));
  } catch (const std::exception& e) {
    failures.push_back(fmt::format("{}: not an error of ours: {}", what, e.what()));
  }
}

/// Whether the case draws random numbers: only shapes and dtypes of its results can be compared.
bool draws(const Variant& variant, const Arguments& arguments) {
  const functional::Binding bound = bind(variant, arguments);
  bool dropout = false;
  bool training = true;
  for (size_t i = 0; i < bound.values.size(); ++i) {
    const std::string& name = bound.function->params[i].name;
    const Value& v = bound.values[i];
    if (name == "dropout_p" && v.is<double>()) dropout = v.as<double>() > 0;
    if (name == "training" && v.is<bool>()) training = v.as<bool>();
  }
  return dropout && training;
}

/// The columns of matrices, each times 1 or -1 as makes it point the way of the expected one. Gradients are
/// then those of the chosen columns.
Tensor with_signs_of(const Tensor& got, const Tensor& expected) {
  if (got.numel() == 0 || got.shape() != expected.shape()) return got;
  const Tensor along = sum(got.detach() * cast(expected, got.dtype()), {-2}, kKeepDim);
  return got * (cast(ge(along, 0.0), got.dtype()) * 2.0 - 1.0);
}

/// Results and gradients of the case against the reference, its floating tensors as map() makes them.
void against_reference(Failures& failures, const char* what, const Variant& variant, const Case& c,
                       const TensorMap& map, const Tolerance& tolerance, bool exact_dtype) {
  guarded(failures, what, [&] {
    const Arguments arguments = replaced(c, map);
    Value plain;
    std::vector<Tensor> got = call(variant, arguments, &plain);
    const bool random = draws(variant, arguments);
    if (!c.value.is_none()) {
      if (functional::text(plain) != functional::text(c.value)) {
        failures.push_back(fmt::format("{}: gives {}, expected {}", what, functional::text(plain),
                                       functional::text(c.value)));
      }
      return;
    }
    if (got.size() != c.outputs.size()) {
      failures.push_back(fmt::format("{}: {} results, expected {}", what, got.size(), c.outputs.size()));
      return;
    }
    for (size_t i = 0; i < got.size(); ++i) {
      if (exact_dtype ? got[i].dtype() != c.outputs[i].dtype()
                      : is_floating(got[i].dtype()) != is_floating(c.outputs[i].dtype())) {
        failures.push_back(fmt::format("{}: result {} is {}, expected {}", what, i,
                                       dtype_name(got[i].dtype()), dtype_name(c.outputs[i].dtype())));
      }
      const Tensor& expected = random ? got[i] : c.outputs[i];
      if (random && got[i].shape() != c.outputs[i].shape()) {
        failures.push_back(fmt::format("{}: result {} is {}, expected {}", what, i,
                                       shape_text(got[i].shape()), shape_text(c.outputs[i].shape())));
      }
      if (i == 1 && exception(variant.name, "signs") != nullptr) got[i] = with_signs_of(got[i], expected);
      if (const std::string why = compare(got[i], expected, tolerance); !why.empty()) {
        failures.push_back(fmt::format("{}: result {}: {}", what, i, why));
        return;
      }
    }
    if (random) return;
    if (!c.has_grads) return;
    const std::vector<Tensor> grads = gradients(got, arguments.leaves);
    if (grads.size() != c.grads.size()) {
      failures.push_back(fmt::format("{}: {} gradients, expected {}", what, grads.size(), c.grads.size()));
      return;
    }
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!c.grads[i].defined()) {
        // PyTorch says none where we may say zero.
        if (grads[i].defined() && grads[i].numel() > 0 && amax(abs(grads[i])).item() != 0) {
          failures.push_back(fmt::format("{}: gradient {} is not zero, expected none", what, i));
        }
        continue;
      }
      const Tensor g = grads[i].defined() ? grads[i] : zeros_like(arguments.leaves[i]);
      if (const std::string why = compare(g, c.grads[i], tolerance); !why.empty()) {
        failures.push_back(fmt::format("{}: gradient {}: {}", what, i, why));
      }
    }
  });
}

/// The same values at other places: every second element.
Tensor spread(const Tensor& x) {
  if (x.rank() == 0) return x;
  return select(stack({x, x}, x.rank()), -1, 0);
}

Tensor as_float32(const Tensor& x) { return x.dtype() == DType::kFloat64 ? cast(x, DType::kFloat32) : x; }

void check_inference(Failures& failures, const Variant& variant, const Case& c) {
  guarded(failures, "infer", [&] {
    const Arguments real = replaced(c, [](const Tensor& t) { return t; });
    if (bind(variant, real).function->traits.data_dependent) return;
    const std::vector<Tensor> computed = call(variant, real);
    const std::vector<Tensor> inferred = call(variant, replaced(c, [](const Tensor& t) {
                                                TensorSpec spec = t.spec();
                                                spec.device = kMeta;
                                                return Tensor::empty(spec);
                                              }));
    if (inferred.size() != computed.size()) {
      failures.push_back(fmt::format("infer: {} results, computed {}", inferred.size(), computed.size()));
      return;
    }
    for (size_t i = 0; i < computed.size(); ++i) {
      const TensorSpec& a = inferred[i].spec();
      const TensorSpec& b = computed[i].spec();
      if (a.shape != b.shape || a.dtype != b.dtype) {
        failures.push_back(fmt::format("infer: result {} is {}, computed {}", i, spec_text(a), spec_text(b)));
      }
    }
  });
}

/// The symmetric part of square matrices; other tensors as they are.
Tensor symmetric_part(const Tensor& x) {
  const bool square = x.rank() > 1 && x.dim(-1) == x.dim(-2) && is_floating(x.dtype());
  return square ? (x + transpose(x, -2, -1)) * 0.5 : x;
}

/// Fixed pseudo-random direction of unit length per element, different for each leaf.
Tensor direction(const Tensor& like, int64_t stream) {
  std::vector<double> v(static_cast<size_t>(like.numel()));
  for (size_t i = 0; i < v.size(); ++i) {
    v[i] = std::sin(1.7 * static_cast<double>(i) + 0.9 * static_cast<double>(stream) + 0.3);
  }
  return Tensor::from(v, like.shape());
}

double weighted(const std::vector<Tensor>& outputs) {
  double total = 0;
  int64_t j = 0;
  for (const Tensor& out : outputs) {
    if (!out.requires_grad()) continue;
    total += out.numel() == 0 ? 0 : sum(out.detach() * cotangent(out, j)).item();
    ++j;
  }
  return total;
}

double inner(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].defined() && a[i].numel() > 0) total += sum(a[i].detach() * b[i]).item();
  }
  return total;
}

/// f'(0) by central differences where one-sided differences agree, nullopt at a kink, where f is not finite,
/// or at the border of what f accepts.
std::optional<double> slope(const std::function<double(double)>& of) {
  bool outside = false;
  const auto f = [&](double t) {
    try {
      return of(t);
    } catch (const Error& e) {
      if (e.kind != ErrorKind::kData || t == 0) throw;
      outside = true;
      return 0.0;
    }
  };
  const double h = 1e-5;
  const double below = f(-h);
  const double at = f(0);
  const double above = f(h);
  const double left = (at - below) / h;
  const double right = (above - at) / h;
  const double central = (above - below) / (2 * h);
  const double far = (f(2 * h) - f(-2 * h)) / (4 * h);
  const double size = 1 + std::abs(central);
  if (outside || !std::isfinite(central) || std::abs(left - right) > 1e-2 * size ||
      std::abs(far - central) > 1e-6 * size) {
    return std::nullopt;
  }
  return central;
}

/// Whether differences with a step of 1e-5 in float64 can tell anything at such values.
bool can_step(const Tensor& leaf) {
  if (leaf.dtype() != DType::kFloat64) return false;
  for (const double x : leaf.to_vector<double>()) {
    if (!(std::abs(x) < 1e6)) return false;
  }
  return true;
}

void check_derivatives(Failures& failures, const Variant& variant, const Case& c) {
  if (!c.has_grads) return;
  // Where one triangle is read, the gradient is that among symmetric matrices.
  const bool symmetric = exception(variant.name, "symmetric") != nullptr;
  const auto point = [&](const Tensor& x) { return symmetric ? symmetric_part(x.detach()) : x.detach(); };
  const Arguments at = replaced(c, point);
  if (!std::all_of(at.leaves.begin(), at.leaves.end(), can_step)) return;
  std::vector<Tensor> v;
  for (const Tensor& leaf : at.leaves) v.push_back(point(direction(leaf, static_cast<int64_t>(v.size()))));
  const auto moved = [&](double t) {
    size_t next = 0;
    return replaced(c, [&](const Tensor& x) {
      return x.requires_grad() && is_floating(x.dtype()) ? point(x) + mul(v[next++], t) : point(x);
    });
  };
  guarded(failures, "finite differences", [&] {
    const double analytic = inner(gradients(call(variant, at), at.leaves), v);
    const auto numeric = slope([&](double t) { return weighted(call(variant, moved(t))); });
    if (numeric && std::abs(*numeric - analytic) > 1e-5 * (1 + std::abs(analytic))) {
      failures.push_back(
          fmt::format("finite differences: derivative {}, numerically {}", analytic, *numeric));
    }
  });
  guarded(failures, "second order", [&] {
    // G(x) = sum of the gradients weighted by w; its derivative along v.
    std::vector<Tensor> w;
    for (const Tensor& leaf : at.leaves) w.push_back(direction(leaf, 7 + static_cast<int64_t>(w.size())));
    std::vector<Tensor> first;
    std::vector<Tensor> second;
    try {
      std::vector<Tensor> roots;
      std::vector<Tensor> seeds;
      first = gradients(call(variant, at), at.leaves, true);
      for (size_t i = 0; i < first.size(); ++i) {
        if (!first[i].defined() || !first[i].requires_grad()) continue;
        roots.push_back(first[i]);
        seeds.push_back(w[i]);
      }
      if (roots.empty()) {
        second.resize(at.leaves.size());
      } else {
        second = grad(roots, at.leaves, seeds);
      }
    } catch (const Error& e) {
      if (e.kind == ErrorKind::kUnsupported) return;  // declared to have none
      throw;
    }
    const double analytic = inner(second, v);
    const auto numeric = slope([&](double t) {
      const Arguments there = moved(t);
      return inner(gradients(call(variant, there), there.leaves), w);
    });
    if (numeric && std::abs(*numeric - analytic) > 1e-4 * (1 + std::abs(analytic))) {
      failures.push_back(fmt::format("second order: derivative {}, numerically {}", analytic, *numeric));
    }
  });
}

void check_dtypes(Failures& failures, const Variant& variant, const Case& c) {
  const bool floating = c.args[0].is<Tensor>() && c.args[0].as<Tensor>().dtype() == DType::kFloat64;
  if (!floating) return;
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const Arguments arguments = replaced(c, [dtype](const Tensor& t) {
      const Tensor x = t.detach();
      return x.dtype() == DType::kFloat64 ? cast(x, dtype) : x;
    });
    set_current_check(dtype_name(dtype));
    bool declared = false;
    std::string problem;
    try {
      declared = contains(bind(variant, arguments).function->traits.dtypes, dtype);
      static_cast<void>(call(variant, arguments));
      if (!declared) problem = "works, which its entry denies";
    } catch (const Error& e) {
      const bool about_dtype = e.kind == ErrorKind::kDtype || e.kind == ErrorKind::kUnsupported;
      if (declared || !about_dtype) problem = e.what();
    } catch (const std::exception& e) {
      problem = fmt::format("not an error of ours: {}", e.what());
    }
    if (!problem.empty()) failures.push_back(fmt::format("dtype {}: {}", dtype_name(dtype), problem));
  }
}

void check_bad_arguments(Failures& failures, const Variant& variant, const Case& c) {
  const NoGrad guard;
  Arguments base = replaced(c, [](const Tensor& t) { return t.detach(); });
  const auto attempt = [&](const std::string& what) {
    set_current_check(what);
    try {
      static_cast<void>(call(variant, base));
    } catch (const Error& e) {
      if (e.kind == ErrorKind::kInternal)
        failures.push_back(fmt::format("bad arguments: {}: {}", what, e.what()));
    } catch (const std::exception& e) {
      failures.push_back(fmt::format("bad arguments: {}: not an error of ours: {}", what, e.what()));
    }
  };
  // The wrong values are tried one at a time, in lists too.
  const auto spoil = [&](Value& v) {
    if (v.is<int64_t>()) {
      for (const int64_t wrong : {int64_t{-1000}, int64_t{999}, int64_t{0}, int64_t{-1}}) {
        v = wrong;
        attempt(fmt::format("the number {}", wrong));
      }
    } else if (v.is<Tensor>()) {
      const Tensor t = v.as<Tensor>();
      v = unsqueeze(t, 0);
      attempt("a dimension more");
      if (t.rank() > 0 && t.dim(0) > 0) {
        v = select(t, 0, 0);
        attempt("a dimension less");
        v = cat({t, t}, 0);
        attempt("twice as long");
        v = narrow(t, 0, 0, 0);
        attempt("nothing");
      }
      if (is_integral(t.dtype())) {
        v = affine(t, 1, 1000);
        attempt("large numbers in a tensor");
        v = affine(t, 1, -1000);
        attempt("negative numbers in a tensor");
      }
      v = t.dtype() == DType::kBool ? cast(t, DType::kFloat64) : cast(t, DType::kBool);
      attempt("another dtype");
    } else if (v.is<std::string>()) {
      v = std::string("nonsense");
      attempt("a wrong text");
    }
  };
  for (size_t i = 0; i < base.args.size(); ++i) {
    const Value before = base.args[i];
    if (before.is<List>()) {
      for (size_t k = 0; k < before.as<List>().size(); ++k) {
        const Value& item = before.as<List>()[k];
        List list = before.as<List>();
        if (item.is<int64_t>()) {
          for (const int64_t wrong : {int64_t{-1000}, int64_t{999}, int64_t{0}}) {
            list[k] = wrong;
            base.args[i] = list;
            attempt(fmt::format("the number {} in a list", wrong));
          }
        } else if (item.is<Tensor>()) {
          list[k] = unsqueeze(item.as<Tensor>(), 0);
          base.args[i] = list;
          attempt("a dimension more in a list");
        }
      }
    } else {
      spoil(base.args[i]);
    }
    base.args[i] = before;
  }
  for (auto& [name, v] : base.named) {
    const Value before = v;
    spoil(v);
    v = before;
  }
  base.args.emplace_back(std::string("one too many"));
  attempt("an argument too many");
}

}  // namespace

std::vector<std::string> check(const Variant& variant, const Case& c, bool first) {
  Failures failures;
  Tolerance in64{kRtol64, kAtol64, false};
  Tolerance in32{kRtol32, kAtol32, true};
  if (const Exception* e = exception(variant.name, "rtol64")) in64 = {e->value, e->value, false};
  if (const Exception* e = exception(variant.name, "rtol32")) in32 = {e->value, e->value, true};
  // Some samples ask for a float32 result of float64 inputs.
  for (const Tensor& out : c.outputs) {
    if (out.dtype() == DType::kFloat32) in64 = in32;
  }
  const auto same = [](const Tensor& t) { return t; };
  against_reference(failures, "float64", variant, c, same, in64, true);
  if (!failures.empty()) return failures;  // the rest would say the same again
  against_reference(failures, "strided", variant, c, spread, in64, true);
  if (exception(variant.name, "float32") == nullptr) {
    against_reference(failures, "float32", variant, c, as_float32, in32, false);
  }
  if (exception(variant.name, "infer") == nullptr) check_inference(failures, variant, c);
  if (exception(variant.name, "smooth") == nullptr) check_derivatives(failures, variant, c);
  if (first && exception(variant.name, "dtypes") == nullptr) check_dtypes(failures, variant, c);
  if (first) check_bad_arguments(failures, variant, c);
  return failures;
}

}  // namespace dlb::testing
