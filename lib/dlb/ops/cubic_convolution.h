#pragma once
/// \file The kernel of bicubic interpolation.
///
/// **Source**: Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29, 1981.

namespace dlb {

/// For |x| <= 1: (a + 2) |x|^3 - (a + 3) |x|^2 + 1.
constexpr double cubic_near(double x, double a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
/// For 1 <= |x| <= 2: a |x|^3 - 5 a |x|^2 + 8 a |x| - 4 a.
constexpr double cubic_far(double x, double a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }
constexpr double cubic_near_slope(double x, double a) { return (3 * (a + 2) * x - 2 * (a + 3)) * x; }
constexpr double cubic_far_slope(double x, double a) { return (3 * a * x - 10 * a) * x + 8 * a; }

/// PyTorch's a for interpolation without antialiasing, and for sampling.
inline constexpr double kCubicA = -0.75;
/// With antialiasing it is Pillow's.
inline constexpr double kCubicAntialiasA = -0.5;

/// Weights of the elements at -1, 0, 1 and 2 for a point at 0 <= t < 1, and their derivatives by t.
struct CubicWeights {
  double value[4];
  double slope[4];
};
constexpr CubicWeights cubic_weights(double t) {
  constexpr double a = kCubicA;
  return {{cubic_far(t + 1, a), cubic_near(t, a), cubic_near(1 - t, a), cubic_far(2 - t, a)},
          {cubic_far_slope(t + 1, a), cubic_near_slope(t, a), -cubic_near_slope(1 - t, a),
           -cubic_far_slope(2 - t, a)}};
}

}  // namespace dlb
