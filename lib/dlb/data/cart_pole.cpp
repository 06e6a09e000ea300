#include "dlb/data/cart_pole.h"

#include <array>
#include <cmath>
#include <numbers>

namespace dlb::data {
namespace {

constexpr double kGravity = 9.8;
constexpr double kPoleMass = 0.1;
constexpr double kMass = 1.0 + kPoleMass;
constexpr double kHalfLength = 0.5;
constexpr double kForce = 10;
constexpr double kTimeStep = 0.02;
constexpr double kLimit = 2.4;
constexpr double kLimitAngle = 12 * std::numbers::pi / 180;
constexpr double kStart = 0.05;

class CartPole final : public Environment {
 public:
  void reset(RandomStream& random) override {
    for (double& value : state_) value = (2 * random.uniform_double() - 1) * kStart;
  }

  Outcome step(int64_t action, RandomStream& /*random*/) override {
    auto& [x, velocity, angle, turn] = state_;
    const double force = action == 1 ? kForce : -kForce;
    const double cosine = std::cos(angle);
    const double sine = std::sin(angle);
    const double push = (force + kPoleMass * kHalfLength * turn * turn * sine) / kMass;
    const double turning =
        (kGravity * sine - cosine * push) / (kHalfLength * (4.0 / 3.0 - kPoleMass * cosine * cosine / kMass));
    const double moving = push - kPoleMass * kHalfLength * turning * cosine / kMass;
    x += kTimeStep * velocity;
    velocity += kTimeStep * moving;
    angle += kTimeStep * turn;
    turn += kTimeStep * turning;
    return {1, std::abs(x) > kLimit || std::abs(angle) > kLimitAngle};
  }

  void observe(float* out) const override {
    for (size_t i = 0; i < state_.size(); ++i) out[i] = static_cast<float>(state_[i]);
  }

 private:
  std::array<double, 4> state_ = {};
};

}  // namespace

Fields CartPoleSource::fields() {
  static const std::vector<Field> list = environment_fields({});
  return list;
}

std::unique_ptr<Environment> CartPoleSource::make() const { return std::make_unique<CartPole>(); }

}  // namespace dlb::data
