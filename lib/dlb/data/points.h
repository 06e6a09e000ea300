#pragma once
/// \file Sources of low-dimensional points: `points` (classes in the plane) and `curve` (a function to fit).

#include "dlb/data/generated.h"

namespace dlb::data {

/// Classes of points in the plane, which lines cannot part.
/// two_moons: interleaved half circles of radius 1, 2 classes. circles: rings of radius 1/K, 2/K, ..., 1.
/// spirals: K arms of one turn, radius up to 1. blobs: normal clouds on a circle of radius 1. xor: the square
/// [-1, 1]^2, class by the product of the signs. Each coordinate gets normal noise.
/// **Shapes**: x [2], label [].
struct PointsSource final : GeneratedSource {
  std::string task = "two_moons";
  int64_t classes = 2;
  double noise = 0.1;
  static Fields fields();

 protected:
  void check(const SourceOptions& options) const override;
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;
};

/// y = f(x) + noise with x uniform in [low, high]. sine: sin(x). cubic: x^3 / 10. step: 1 where x >= 0, else
/// 0. abs: |x|. damped: exp(-|x| / 4) sin(2 x).
/// **Shapes**: x [1], y [1].
struct CurveSource final : GeneratedSource {
  std::string function = "sine";
  double low = -3.14159265358979;
  double high = 3.14159265358979;
  double noise = 0;
  static Fields fields();

 protected:
  void check(const SourceOptions& options) const override;
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;
};

}  // namespace dlb::data
