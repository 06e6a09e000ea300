#pragma once
/// \file Where a variant is held to something else than the defaults, and why.

#include <string_view>

namespace dlb::testing {

inline constexpr double kRtol64 = 1e-9;
inline constexpr double kAtol64 = 1e-11;
inline constexpr double kRtol32 = 1e-4;
inline constexpr double kAtol32 = 1e-5;  ///< times the largest value expected, at least 1

struct Exception {
  std::string_view variant;  ///< a whole name, or a prefix that ends in '*'
  std::string_view check;    ///< "rtol64", "rtol32" (the tolerance is `value`); "float32", "infer", "smooth",
                             ///< "dtypes": not checked; "symmetric": derivatives among symmetric matrices;
                             ///< "signs": columns of result 1 compared up to their sign
  double value = 0;
  std::string_view reason;
};

inline constexpr Exception kExceptions[] = {
    {"div.floor_rounding", "dtypes", 0,
     "negative divisors become 0 in uint8, and integers are not divided by it"},
    {"div.trunc_rounding", "dtypes", 0,
     "negative divisors become 0 in uint8, and integers are not divided by it"},
    {"floor_divide", "dtypes", 0, "negative divisors become 0 in uint8, and integers are not divided by it"},
    {"fmod", "dtypes", 0, "negative divisors become 0 in uint8, and integers are not divided by it"},
    {"remainder", "dtypes", 0, "negative divisors become 0 in uint8, and integers are not divided by it"},
    {"index_copy", "smooth", 0, "a row written twice: PyTorch's gradient counts both sources"},
    {"nn.functional.ctc_loss", "smooth", 0,
     "the gradient is that with respect to scores before log_softmax, as in PyTorch"},
    {"histc", "float32", 0, "values at the border of two bins fall to either side by rounding"},
    {"nn.functional.max_unpool1d", "smooth", 0,
     "values put to one place: PyTorch's gradient counts them all"},
    {"nn.functional.max_unpool2d", "smooth", 0, "as max_unpool1d"},
    {"nn.functional.max_unpool3d", "smooth", 0, "as max_unpool1d"},
    {"linalg.cholesky", "symmetric", 0, "one triangle is read"},
    {"linalg.eigh", "symmetric", 0, "one triangle is read"},
    {"linalg.eigvalsh", "symmetric", 0, "one triangle is read"},
    {"linalg.pinv.hermitian", "symmetric", 0, "one triangle is read"},
    {"linalg.eigh", "signs", 0, "minus an eigenvector is one too: which, is LAPACK's choice"},
    {"linalg.norm.subgradients_at_zero", "smooth", 0, "norms have a kink at zero, all cases of this variant"},
    {"cov", "rtol32", 1e-4, "gradients of two observations' weights are differences of equal numbers"},
};

}  // namespace dlb::testing
