#pragma once
/// \file Builds, fills and runs models for the tests.

#include <catch2/catch.hpp>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/reduce.h"
#include "model/support.h"

namespace dlb::model {

inline Tensor random(Shape shape, uint32_t index = 0) {
  return normal(std::move(shape), 0, 1, {1, RngPurpose::kUser, 0, index});
}

/// A model with initial values.
inline std::unique_ptr<Model> ready_of(const std::string& yaml, const std::vector<NamedSpec>& inputs) {
  static const bool installed = [] {
    backend::cpu::install();
    return true;
  }();
  REQUIRE(installed);
  Built built = try_build(yaml, inputs);
  INFO(built.errors);
  REQUIRE(built.model);
  REQUIRE(built.errors.empty());
  built.model->materialize(7);
  return std::move(built.model);
}
inline std::unique_ptr<Model> ready(const std::string& yaml, Shape shape) {
  return ready_of(yaml, {{"input", batch_spec(std::move(shape))}});
}

inline Tensor variable(Model& model, const std::string& name) {
  for (const nn::Variable& v : model.variables()) {
    if (v.name == name) return v.value;
  }
  FAIL("no variable " << name);
  return {};
}

inline Outputs run(Model& model, const std::vector<Tensor>& inputs, size_t program = 0) {
  nn::Context context;
  return model.forward(context, inputs, program);
}

inline void check_close(const Tensor& a, const Tensor& b, double margin = 1e-5) {
  REQUIRE(a.shape() == b.shape());
  const auto x = a.to_vector<double>();
  const auto y = b.to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) REQUIRE(x[i] == Approx(y[i]).margin(margin));
}

/// Compares the gradients of the sum of squares of the first output with central differences, at `probes`
/// elements of every parameter. float32: steps of 1e-2 and 2% are what can be asked.
inline void check_gradients(Model& model, const std::vector<Tensor>& inputs, int probes = 3) {
  const auto loss = [&] {
    const Tensor y = run(model, inputs)[0];
    return sum(y * y);
  };
  for (const nn::Variable& v : model.variables()) v.value.set_grad({});
  backward(loss());
  for (const nn::Variable& v : model.variables()) {
    if (!v.trainable) continue;
    INFO(v.name);
    REQUIRE(v.value.grad().defined());
    const auto slope = v.value.grad().to_vector<double>();
    std::vector<float> values = v.value.to_vector<float>();
    const NoGrad no_grad;
    for (int k = 0; k < probes; ++k) {
      const size_t i = (static_cast<size_t>(k) * 7919) % values.size();
      const float before = values[i];
      const auto at = [&](float x) {
        values[i] = x;
        v.value.assign(Tensor::from<float>(values, v.value.shape()));
        return loss().item();
      };
      const double high = at(before + 1e-2F);
      const double low = at(before - 1e-2F);
      at(before);
      values[i] = before;
      REQUIRE(slope[i] == Approx((high - low) / 2e-2).epsilon(0.02).margin(2e-2));
    }
  }
}

}  // namespace dlb::model
