#pragma once
/// \file Images seen through an affine or a perspective map, as torchvision's tensor functions compute them.

#include <array>

#include "dlb/data/colour.h"
#include "dlb/data/resample.h"

namespace dlb::data {

/// A rotation, scaling and shear about a centre, then a shift: torchvision's `affine`.
struct AffineParameters {
  double degrees = 0;  ///< clockwise
  double shift_x = 0;  ///< pixels to the right
  double shift_y = 0;  ///< pixels down
  double scale = 1;
  double shear_x = 0;   ///< degrees
  double shear_y = 0;   ///< degrees
  double centre_x = 0;  ///< relative to the middle of the image, in pixels
  double centre_y = 0;
};

/// Where an output pixel comes from, both relative to the middle of the image: x' = m0 x + m1 y + m2, y' = m3
/// x + m4 y + m5.
std::array<double, 6> inverse_affine(const AffineParameters& parameters);

/// The perspective that takes the quadrilateral `from` to `to` (corners x, y in the order top left, top
/// right, bottom right, bottom left), as the coefficients a..h of its inverse: an output pixel (x, y) comes
/// from ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)). The identity where the
/// corners determine none.
using Corners = std::array<std::array<double, 2>, 4>;
std::array<double, 8> perspective_coefficients(const Corners& from, const Corners& to);

/// What a warped image is made of: nearest or bilinear, and the value outside of the image, with which
/// bilinear interpolation mixes at the edges.
struct Sampling {
  bool nearest = true;
  double value = 0;
};

void warp_affine(const PixelRun& run, const std::array<double, 6>& matrix, const Sampling& sampling);
void warp_perspective(const PixelRun& run, const std::array<double, 8>& coefficients,
                      const Sampling& sampling);

/// The choice between nearest and bilinear as a field's constraint.
Constraint sampling_names();

}  // namespace dlb::data
