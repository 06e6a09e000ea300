#include <catch2/catch.hpp>

#include "dlb/autograd/autograd.h"
#include "dlb/autograd/grad_check.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

using namespace dlb;

namespace {

struct Installed {
  Installed() { backend::cpu::install(); }
} installed;

Tensor leaf(std::vector<double> values, Shape shape) {
  return Tensor::from(values, std::move(shape)).set_requires_grad(true);
}

/// Attributes that know how many of them there are, of an operator that saves its output.
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  ~Counted() { --alive; }
  int number = 0;
  static inline int alive = 0;
};
const OpDef& counted() {
  static const OpDef def =
      define<Counted>({.name = "counted",
                       .doc = "the same",
                       .infer = [](Infer& c, const Counted&) { c.output(c.input(0)); },
                       .vjp = [](Vjp& c, const Counted&) { c.input_grad(0, c.grad(0)); },
                       .saves = Saves::kOutputs,
                       .reference = [](Inputs in, const Counted&) -> Outputs { return {mul(in[0], 1.0)}; }});
  return def;
}

}  // namespace

TEST_CASE("a graph that no backward pass has run through goes with its result", "[autograd]") {
  for (const Device device : {kCpu, kMeta}) {
    Tensor x = Tensor::empty({2}, DType::kFloat64, device);
    x.set_requires_grad(true);
    const int before = Counted::alive;
    {
      const Counted attrs;
      const Tensor y = apply1(counted(), {apply1(counted(), {x}, attrs)}, attrs);
      CHECK(Counted::alive == before + 3);  // of each node its own
    }
    CHECK(Counted::alive == before);
  }
}

TEST_CASE("gradients of a shared subexpression add up", "[autograd]") {
  const Tensor x = leaf({2, 3}, {2});
  const Tensor y = x * x;
  backward(sum(y * y + y));  // d/dx (x^4 + x^2) = 4 x^3 + 2 x
  CHECK(x.grad().to_vector<double>() == std::vector<double>{36, 114});
  backward(sum(x * 3.0));
  CHECK(x.grad().to_vector<double>() == std::vector<double>{39, 117});
}

TEST_CASE("a backward pass frees the graph unless it is retained", "[autograd]") {
  const Tensor x = leaf({2}, {1});
  const Tensor y = sum(exp(x));
  backward(y, {}, true);
  backward(y);
  CHECK_THROWS_WITH(backward(y), Catch::Contains("was freed by an earlier backward pass"));
}

TEST_CASE("memory is given back while the backward pass runs", "[autograd]") {
  const Tensor x = Tensor::empty({1 << 16}, DType::kFloat32).set_requires_grad(true);
  x.assign(zeros({1 << 16}));
  const size_t one = x.spec().bytes();
  const size_t start = cpu_allocator_stats().live_bytes;
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = sin(y);  // saves each input: 20 tensors
  const Tensor loss = sum(y);
  y = Tensor();
  CHECK(cpu_allocator_stats().live_bytes >= start + 19 * one);
  reset_cpu_allocator_peak();
  backward(loss);
  CHECK(cpu_allocator_stats().peak_bytes <= start + 26 * one);
  CHECK(cpu_allocator_stats().live_bytes <= start + 3 * one);
}

TEST_CASE("no_grad and detach cut the graph", "[autograd]") {
  const Tensor x = leaf({2}, {1});
  {
    const NoGrad guard;
    CHECK_FALSE((x * x).requires_grad());
  }
  CHECK((x * x).requires_grad());
  backward(sum(x * x.detach()));
  CHECK(x.grad().item() == 2);
  CHECK_THROWS_WITH(backward(sum(x.detach())), Catch::Contains("needs no gradient"));
}

TEST_CASE("a saved tensor changed in place is refused", "[autograd]") {
  const Tensor x = leaf({2, 3}, {2});
  const Tensor w = leaf({1, 1}, {2});
  const Tensor loss = sum(x * w);
  w.assign(Tensor::from(std::vector<double>{5, 5}, {2}));
  CHECK_THROWS_WITH(backward(loss), Catch::Contains("changed in place"));
}

TEST_CASE("backward wants a scalar or a seed of the right shape", "[autograd]") {
  const Tensor x = leaf({2, 3}, {2});
  CHECK_THROWS_WITH(backward(x * 2.0), Catch::Contains("starts from one number"));
  CHECK_THROWS_AS(backward(x * 2.0, ones({3}, DType::kFloat64)), Error);
  backward(x * 2.0, Tensor::from(std::vector<double>{1, 10}, {2}));
  CHECK(x.grad().to_vector<double>() == std::vector<double>{2, 20});
}

TEST_CASE("grad() leaves Tensor::grad alone and sees inner tensors", "[autograd]") {
  const Tensor x = leaf({3}, {1});
  const Tensor y = x * x;
  const Tensor z = sum(y * y);
  const auto g = grad({z}, {x, y, leaf({1}, {1})});
  CHECK(g[0].item() == 108);
  CHECK(g[1].item() == 18);
  CHECK_FALSE(g[2].defined());
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("third derivative", "[autograd]") {
  const Tensor x = leaf({0.7}, {1});
  const Tensor y = exp(x * 2.0);
  Tensor d = sum(y);
  for (int order = 0; order < 3; ++order) d = sum(grad({d}, {x}, {}, true, true)[0]);
  CHECK(d.item() == Approx(8 * std::exp(1.4)).epsilon(1e-12));
}

TEST_CASE("a chain of 300,000 nodes neither recurses nor leaks", "[autograd]") {
  const size_t live = cpu_allocator_stats().live_bytes;
  {
    const Tensor x = leaf({1}, {1});
    Tensor y = x;
    for (int i = 0; i < 300'000; ++i) y = y + 1.0;
    backward(sum(y));
    CHECK(x.grad().item() == 1);
    Tensor unused = x;
    for (int i = 0; i < 300'000; ++i) unused = unused * x;  // destroyed without a backward pass
  }
  CHECK(cpu_allocator_stats().live_bytes == live);
}

TEST_CASE("grad_check finds a wrong gradient", "[autograd]") {
  // detach() hides half of the dependence: value x^2, gradient x.
  const auto wrong = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{in[0] * in[0].detach()};
  };
  CHECK_THAT(grad_check(wrong, {leaf({2, 3}, {2})}), Catch::Contains("first gradient of input 0 element 0"));
  const auto right = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{in[0] * in[0] * in[1]}; };
  CHECK(grad_check(right, {leaf({2, 3}, {2}), leaf({4, 5}, {2})}).empty());
}

TEST_CASE("meta tensors go through forward and backward", "[autograd]") {
  Tensor x = Tensor::empty({4, 5}, DType::kFloat32, kMeta);
  x.set_requires_grad(true);
  const Tensor y = sum(exp(transpose(x, 0, 1)) * 2.0);
  CHECK(y.is_meta());
  backward(y);
  CHECK(x.grad().is_meta());
  CHECK(x.grad().shape() == Shape{4, 5});
}
