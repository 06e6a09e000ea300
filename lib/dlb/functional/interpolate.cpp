#include "dlb/ops/interpolate.h"

#include <algorithm>
#include <cmath>

#include "dlb/functional/define.h"
#include "dlb/ops/pool.h"

namespace dlb::functional {

std::vector<Function> interpolate_functions();

namespace {

/// A mode's name, the ranks it is for and what it is in each dimension.
struct Mode {
  std::string_view name;
  int least_rank, largest_rank;
  InterpolateMode mode;
  bool area = false;
};
constexpr Mode kModes[] = {
    {"nearest", 3, 5, InterpolateMode::kNearest},   {"nearest-exact", 3, 5, InterpolateMode::kNearestExact},
    {"linear", 3, 3, InterpolateMode::kLinear},     {"bilinear", 4, 4, InterpolateMode::kLinear},
    {"trilinear", 5, 5, InterpolateMode::kLinear},  {"bicubic", 4, 4, InterpolateMode::kCubic},
    {"area", 3, 5, InterpolateMode::kNearest, true}};

const Mode& mode_of(const std::string& name, const Tensor& x) {
  for (const Mode& m : kModes) {
    if (m.name != name) continue;
    if (x.rank() < m.least_rank || x.rank() > m.largest_rank) {
      fail(ErrorKind::kShape, "interpolate: mode {} expects an input of rank {}{}, got {}", name,
           m.least_rank, m.largest_rank > m.least_rank ? fmt::format(" to {}", m.largest_rank) : "",
           shape_text(x.shape()));
    }
    return m;
  }
  fail(ErrorKind::kUnsupported,
       "interpolate expects mode nearest, nearest-exact, linear, bilinear, trilinear, bicubic or area, got "
       "'{}'",
       name);
}

template <class List>
void check_count(const List& values, size_t spatial, const char* what) {
  if (values.size() != 1 && values.size() != spatial) {
    fail(ErrorKind::kShape, "interpolate expects 1 or {} numbers for {}, got {}", spatial, what,
         values.size());
  }
}

int64_t scaled(int64_t in, double factor, int64_t least) {
  const double out = std::floor(static_cast<double>(in) * factor);
  if (!(out >= static_cast<double>(least) && out <= 0x1p30)) {
    fail(ErrorKind::kShape, "interpolate: size {} times {} gives no valid size", in, factor);
  }
  return static_cast<int64_t>(out);
}

Tensor interpolate_named(const Tensor& x, const std::optional<Dims>& size,
                         const std::optional<std::vector<double>>& scale_factor, const std::string& mode,
                         std::optional<bool> align_corners, std::optional<bool> recompute_scale_factor,
                         bool antialias) {
  const Mode& m = mode_of(mode, x);
  const bool filters = m.mode == InterpolateMode::kLinear || m.mode == InterpolateMode::kCubic;
  if (size.has_value() == scale_factor.has_value()) {
    fail(ErrorKind::kShape, "interpolate expects either size or scale_factor");
  }
  if (align_corners && !filters) {
    fail(ErrorKind::kUnsupported, "interpolate: align_corners is for linear and cubic modes, not {}", mode);
  }
  if (antialias && !(filters && x.rank() == 4)) {
    fail(ErrorKind::kUnsupported, "interpolate: antialias is for bilinear and bicubic, not {}", mode);
  }
  const size_t spatial = x.shape().size() - 2;
  InterpolateOptions options{m.mode, align_corners.value_or(false), antialias, {}};
  // Of nothing there is no nearest element, but the areas of no elements are none.
  const int64_t least = m.area ? 0 : 1;
  Dims out;
  if (size) {
    if (recompute_scale_factor.value_or(false)) {
      fail(ErrorKind::kUnsupported, "interpolate: recompute_scale_factor needs a scale_factor");
    }
    check_count(*size, spatial, "size");
    for (size_t i = 0; i < spatial; ++i) {
      const int64_t wanted = (*size)[size->size() == 1 ? 0 : i];
      if (wanted < least) {
        fail(ErrorKind::kShape, "interpolate expects sizes from {}, got {}", least, shape_text(*size));
      }
      out.push_back(wanted);
    }
  } else {
    check_count(*scale_factor, spatial, "scale_factor");
    for (size_t i = 0; i < spatial; ++i) {
      const double factor = (*scale_factor)[scale_factor->size() == 1 ? 0 : i];
      out.push_back(scaled(x.shape()[i + 2], factor, least));
      if (!recompute_scale_factor.value_or(false)) options.scale_factors.push_back(factor);
    }
  }
  if (m.area) return adaptive_avg_pool(x, out);
  return interpolate(x, out, options);
}

}  // namespace

std::vector<Function> interpolate_functions() {
  return {
      define("interpolate", "the input resized",
             {"input", "size = none", "scale_factor = none", "mode = 'nearest'", "align_corners = none",
              "recompute_scale_factor = none", "antialias = false"},
             &interpolate_named),
      define(
          "upsample_nearest", "the input resized, each element the nearest one",
          {"input", "size = none", "scale_factor = none"},
          +[](const Tensor& x, const std::optional<Dims>& size,
              const std::optional<std::vector<double>>& scale_factor) {
            return interpolate_named(x, size, scale_factor, "nearest", {}, {}, false);
          }),
      define(
          "upsample_bilinear", "the input resized linearly, its corners kept",
          {"input", "size = none", "scale_factor = none"},
          +[](const Tensor& x, const std::optional<Dims>& size,
              const std::optional<std::vector<double>>& scale_factor) {
            return interpolate_named(x, size, scale_factor, "bilinear", true, {}, false);
          }),
  };
}

}  // namespace dlb::functional
