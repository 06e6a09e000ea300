// Every sampled operator and function against the same list of promises. That none is left out, neither here
// nor by the reference vectors, is checked by op_sweep.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <set>

#include "dlb/autograd/autograd.h"
#include "dlb/base/threads.h"
#include "dlb/functional/function.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "samples.h"
#include "support/watch.h"

namespace dlb::testing {
namespace {

/// What has samples: an operator, or a function composed of operators.
struct Subject {
  std::string_view name;
  const OpDef* op = nullptr;  ///< null for a composed function
  bool differentiable = false;
  bool data_dependent = false;  ///< has no infer: shapes follow from values
};

Subject subject(std::string_view name) {
  if (const OpDef* op = find_op(name)) return {name, op, op->differentiable()};
  const auto functions = functional::find_functions(name);
  if (functions.empty()) FAIL("samples of '" << name << "', which is neither an operator nor a function");
  const functional::Traits& traits = functions.front()->traits;
  return {name, nullptr, traits.differentiable, traits.data_dependent};
}

/// Calls f(subject, sample) for each sample with that `large`.
template <class F>
void for_each_sample(bool large, const F& f) {
  for (const auto& [name, samples] : all_samples()) {
    const Subject of = subject(name);
    int number = 0;
    for (const Sample& s : samples) {
      ++number;
      if (s.large != large) continue;
      INFO("operator " << name << ", sample " << number);
      try {
        f(of, s);
      } catch (const Error& e) {
        FAIL_CHECK("unexpected error: " << e.what());
      }
    }
  }
}

std::vector<Tensor> map(const std::vector<Tensor>& inputs, const std::function<Tensor(const Tensor&)>& f) {
  std::vector<Tensor> out;
  for (const Tensor& t : inputs) out.push_back(t.defined() ? f(t) : t);
  return out;
}
std::vector<Tensor> floats_as(const std::vector<Tensor>& inputs, DType dtype) {
  return map(inputs, [dtype](const Tensor& t) { return is_floating(t.dtype()) ? cast(t, dtype) : t; });
}

/// Values of what was computed, whatever its dtype.
std::vector<std::vector<double>> all_values(const std::vector<Tensor>& outputs) {
  std::vector<std::vector<double>> out;
  for (const Tensor& t : outputs) out.push_back(t.defined() ? t.to_vector<double>() : std::vector<double>());
  return out;
}

void check_close(const std::vector<Tensor>& got, const std::vector<Tensor>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  const auto a = all_values(got);
  const auto b = all_values(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].size() == b[i].size());
    for (size_t j = 0; j < a[i].size(); ++j) {
      const double x = a[i][j];
      const double y = b[i][j];
      const bool close =
          x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance * (1 + std::abs(y));
      if (!close) FAIL_CHECK("output " << i << " element " << j << ": got " << x << ", expected " << y);
    }
  }
}

/// The same values in other places: every second element, or dimensions in reversed order.
Tensor spread(const Tensor& x) {
  if (x.rank() == 0) return x;
  const Tensor twice = stack({x, x}, x.rank());
  return select(twice, -1, 0);
}
Tensor reversed_layout(const Tensor& x) {
  Dims order;
  for (int64_t d = x.rank(); d-- > 0;) order.push_back(d);
  return permute(contiguous(permute(x, order)), order);
}

/// Remembers which operators ran.
struct Seen : Watch {
  std::set<std::string_view> names;
  void before(const OpDef& op, Inputs, const void*) override { names.insert(op.name); }
  void after(const OpDef&, Inputs, std::span<const Tensor>, const void*) override {}
};

TEST_CASE("every operator is described") {
  std::set<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    INFO("operator " << op->name);
    CHECK(!op->name.empty());
    CHECK(names.insert(op->name).second);
    CHECK(find_op(op->name) == op);
    CHECK(!op->doc.empty());
    CHECK(op->infer != nullptr);
    CHECK(op->cost != nullptr);
    for (const Field& f : op->attrs->fields()) {
      CHECK(!f.name.empty());
      CHECK(!f.doc.empty());
    }
  }
  CHECK(find_op("no such operator") == nullptr);
}

TEST_CASE("the samples run their operator, also on nothing") {
  for (const auto& [name, samples] : all_samples()) {
    const Subject of = subject(name);
    bool empty = false;
    Seen seen;
    for (const Sample& s : samples) {
      std::vector<Tensor> outputs;
      try {
        outputs = s.call(s.inputs);
        // Operators that are gradients of others are reached through those.
        if (of.op != nullptr && !seen.names.contains(name) && s.gradient) {
          std::vector<Tensor> leaves = map(s.inputs, [](const Tensor& t) {
            Tensor copy = t.detach();
            if (is_floating(t.dtype())) copy.set_requires_grad(true);
            return copy;
          });
          static_cast<void>(grad({sum(s.call(leaves)[0])}, {leaves[0]}));
        }
      } catch (const Error& e) {
        FAIL_CHECK("operator " << name << ": " << e.what());
      }
      for (const Tensor& t : s.inputs) empty |= t.defined() && t.numel() == 0;
      for (const Tensor& t : outputs) empty |= t.defined() && t.numel() == 0;
    }
    INFO("operator " << name << " needs a sample that runs it, and one without elements");
    CHECK((of.op == nullptr || seen.names.contains(name)));
    CHECK((of.op == nullptr || empty));
  }
}

TEST_CASE("gradients agree with finite differences, first and second order") {
  for_each_sample(false, [](const Subject& of, const Sample& s) {
    if (!of.differentiable || !s.gradient) return;
    std::vector<Tensor> inputs = map(s.inputs, [](const Tensor& t) {
      Tensor leaf = t.detach();
      if (t.dtype() == DType::kFloat64) leaf.set_requires_grad(true);
      return leaf;
    });
    GradCheckOptions options;
    options.second_order = s.second_order;
    options.eps = 1e-5;
    options.rtol = 2e-5;
    options.atol = 2e-7;
    CHECK(grad_check(s.call, inputs, options) == "");
  });
}

TEST_CASE("float32 agrees with float64") {
  for_each_sample(false, [](const Subject&, const Sample& s) {
    const std::vector<Tensor> inputs = floats_as(s.inputs, DType::kFloat32);
    check_close(s.call(inputs), s.call(floats_as(inputs, DType::kFloat64)), 1e-5 * s.tolerance);
  });
}

TEST_CASE("16-bit types agree with float64") {
  for_each_sample(false, [](const Subject& of, const Sample& s) {
    if (!s.compare_16_bit) return;
    for (const DType dtype : {DType::kBFloat16, DType::kFloat16}) {
      INFO(of.name << " " << dtype_name(dtype));
      const std::vector<Tensor> inputs = floats_as(s.inputs, dtype);
      std::vector<Tensor> got;
      try {
        got = s.call(inputs);
      } catch (const Error& e) {
        CHECK(e.kind == ErrorKind::kDtype);
        continue;
      }
      const double ulp = dtype == DType::kBFloat16 ? 0x1p-8 : 0x1p-11;
      check_close(got, s.call(floats_as(inputs, DType::kFloat64)), 2 * ulp * s.tolerance);
    }
  });
}

TEST_CASE("infer gives what is computed, for every dtype, or a dtype error") {
  for_each_sample(false, [](const Subject& of, const Sample& s) {
    for (int d = 0; d < kDTypeCount; ++d) {
      const auto dtype = static_cast<DType>(d);
      INFO(of.name << " " << dtype_name(dtype));
      const std::vector<Tensor> inputs = floats_as(s.inputs, dtype);
      const std::vector<Tensor> meta = map(inputs, [](const Tensor& t) {
        TensorSpec spec = t.spec();
        spec.device = kMeta;
        return Tensor::empty(spec);
      });
      std::vector<Tensor> computed;
      bool refused = false;
      try {
        computed = s.call(inputs);
      } catch (const Error& e) {
        refused = e.kind == ErrorKind::kDtype;
        const bool bad_value = e.kind == ErrorKind::kData && !is_floating(dtype);  // a fraction that became 0
        if (!refused && !bad_value) FAIL_CHECK(e.what());
      }
      const bool must_refuse = std::find(s.rejects.begin(), s.rejects.end(), dtype) != s.rejects.end();
      CHECK((!must_refuse || refused));
      if (of.data_dependent) continue;
      if (refused) {
        if (!meta.empty()) CHECK_THROWS_AS(s.call(meta), Error);
        continue;
      }
      if (computed.empty() || meta.empty()) continue;
      const std::vector<Tensor> inferred = s.call(meta);
      REQUIRE(inferred.size() == computed.size());
      for (size_t i = 0; i < computed.size(); ++i) {
        REQUIRE(inferred[i].defined() == computed[i].defined());
        if (!computed[i].defined()) continue;
        CHECK(inferred[i].is_meta());
        CHECK(spec_text(inferred[i].spec()) == spec_text(computed[i].spec()));
        CHECK(shape_text(inferred[i].strides()) == shape_text(computed[i].strides()));
      }
    }
  });
}

TEST_CASE("the layout of inputs does not change values") {
  for_each_sample(false, [](const Subject&, const Sample& s) {
    const std::vector<Tensor> expected = s.call(s.inputs);
    check_close(s.call(map(s.inputs, spread)), expected, 1e-12);
    check_close(s.call(map(s.inputs, reversed_layout)), expected, 1e-12);
  });
}

TEST_CASE("costs are finite and count bytes") {
  for_each_sample(false, [](const Subject& of, const Sample& s) {
    struct Costs : Watch {
      const OpDef* wanted = nullptr;
      std::vector<Cost> found;
      void after(const OpDef& o, Inputs in, std::span<const Tensor> out, const void* attrs) override {
        if (&o == wanted) found.push_back(o.attrs->call_cost(o.cost, in, out, attrs));
      }
    } costs;
    costs.wanted = of.op;
    static_cast<void>(s.call(s.inputs));
    for (const Cost& c : costs.found) {
      CHECK(std::isfinite(c.flops));
      CHECK(std::isfinite(c.bytes));
      CHECK(c.flops >= 0);
      CHECK(c.bytes >= 0);
    }
  });
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  const Tensor x = contiguous(a.detach());
  const Tensor y = contiguous(b.detach());
  return x.dtype() == y.dtype() && x.shape() == y.shape() &&
         std::memcmp(x.raw(), y.raw(), x.spec().bytes()) == 0;
}

TEST_CASE("the number of threads does not change a bit") {
  const int before = threads();
  for (const bool large : {false, true}) {
    for_each_sample(large, [](const Subject& of, const Sample& s) {
      if (s.thread_dependent) return;
      const auto run = [&](int count) {
        set_threads(count);
        std::vector<Tensor> leaves = map(floats_as(s.inputs, DType::kFloat32), [&](const Tensor& t) {
          Tensor leaf = t.detach();
          if (of.differentiable && s.gradient && is_floating(t.dtype())) leaf.set_requires_grad(true);
          return leaf;
        });
        std::vector<Tensor> results = s.call(leaves);
        std::vector<Tensor> wanted;
        for (const Tensor& t : leaves) {
          if (t.defined() && t.requires_grad()) wanted.push_back(t);
        }
        if (!wanted.empty() && results[0].requires_grad()) {
          for (const Tensor& g : grad({sum(square(results[0]))}, wanted)) results.push_back(g);
        }
        return results;
      };
      const std::vector<Tensor> one = run(1);
      const std::vector<Tensor> two = run(2);
      REQUIRE(one.size() == two.size());
      for (size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], two[i]));
    });
  }
  set_threads(before);
}

}  // namespace
}  // namespace dlb::testing
