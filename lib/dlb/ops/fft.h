#pragma once
/// \file Discrete Fourier transforms.
///
///   y_k = sum_j x_j exp(-2 pi i j k / n), back with + and 1 / n
///
/// There is no complex dtype: complex values are two real tensors of one shape, the real and the imaginary
/// parts (`Complex`), and an undefined imaginary part stands for zeros. In the table of functions `imag` is
/// the last parameter, and results are pairs.
///
/// `n` pads with zeros or cuts the input along `dim`; `norm` says which direction is divided: "backward"
/// (default) the inverse by n, "forward" the other, "ortho" both by sqrt(n). float32 and float64; integers
/// and bool count as float32. The real transforms give and take the first n / 2 + 1 frequencies: the others
/// are their conjugates. Errors: shape (a dim out of range or given twice, n < 1), dtype, config (another
/// norm).

#include <optional>
#include <string>

#include "dlb/ops/op.h"

namespace dlb {

struct Complex {
  Tensor re;
  Tensor im;  ///< undefined: 0
};

namespace fft {

Complex fft(const Complex& x, std::optional<int64_t> n = {}, int64_t dim = -1,
            const std::string& norm = "backward");
Complex ifft(const Complex& x, std::optional<int64_t> n = {}, int64_t dim = -1,
             const std::string& norm = "backward");
Complex rfft(const Tensor& x, std::optional<int64_t> n = {}, int64_t dim = -1,
             const std::string& norm = "backward");
/// n is the size of the result, 2 (m - 1) by default.
Tensor irfft(const Complex& x, std::optional<int64_t> n = {}, int64_t dim = -1,
             const std::string& norm = "backward");
/// Of a signal that is its own conjugate mirrored, so that its transform is real; n as irfft().
Tensor hfft(const Complex& x, std::optional<int64_t> n = {}, int64_t dim = -1,
            const std::string& norm = "backward");
Complex ihfft(const Tensor& x, std::optional<int64_t> n = {}, int64_t dim = -1,
              const std::string& norm = "backward");

/// Over several dims: `s` has the size along each. Default: all dims, or the last as many as s has.
Complex fftn(const Complex& x, const std::optional<Dims>& s = {}, const std::optional<Dims>& dims = {},
             const std::string& norm = "backward");
Complex ifftn(const Complex& x, const std::optional<Dims>& s = {}, const std::optional<Dims>& dims = {},
              const std::string& norm = "backward");
/// Real along the last of dims.
Complex rfftn(const Tensor& x, const std::optional<Dims>& s = {}, const std::optional<Dims>& dims = {},
              const std::string& norm = "backward");
Tensor irfftn(const Complex& x, const std::optional<Dims>& s = {}, const std::optional<Dims>& dims = {},
              const std::string& norm = "backward");

/// The frequencies of the transform of n samples d apart: 0, 1, ..., -2, -1 over n d; of rfft: 0 to n / 2.
Tensor fftfreq(int64_t n, double d = 1, DType dtype = DType::kFloat32);
Tensor rfftfreq(int64_t n, double d = 1, DType dtype = DType::kFloat32);
/// Moves frequency 0 to the middle of dims (all, if none), and back.
Tensor fftshift(const Tensor& x, const std::optional<Dims>& dims = {});
Tensor ifftshift(const Tensor& x, const std::optional<Dims>& dims = {});

}  // namespace fft
}  // namespace dlb
