// Sliding windows, unpooling, distances and Fourier transforms in ONNX.
#include "dlb/deploy/emit.h"
#include "dlb/ops/create.h"
#include "dlb/ops/distance_defs.h"
#include "dlb/ops/fft_defs.h"
#include "dlb/ops/fold_defs.h"
#include "dlb/ops/pool_defs.h"

namespace dlb::deploy {

namespace {

/// Height and width of an image with its padding.
struct Plane {
  int64_t height, width;
  int64_t size() const { return height * width; }
};

/// Errors: unsupported, where the image's size is open.
Plane padded_plane(const Emit& e) {
  const auto& a = e.attrs<FoldAttrs>();
  for (size_t i = 0; i < 2; ++i) {
    if (!is_constant(e.size<FoldAttrs>([i](const FoldAttrs& f) { return f.size[i]; })))
      e.unsupported("sliding windows over an image whose size depends on those of the inputs");
  }
  return {a.size[0] + 2 * a.padding[0], a.size[1] + 2 * a.padding[1]};
}

/// For each element of a window the places in the plane that it has in all windows: [KH KW, L].
Tensor places(const FoldAttrs& a, const Plane& plane) {
  const int64_t rows = fold_windows_along(a, 0), columns = fold_windows_along(a, 1);
  std::vector<int64_t> at;
  for (int64_t i = 0; i < a.kernel[0]; ++i) {
    for (int64_t j = 0; j < a.kernel[1]; ++j) {
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          at.push_back((r * a.stride[0] + i * a.dilation[0]) * plane.width + c * a.stride[1] +
                       j * a.dilation[1]);
        }
      }
    }
  }
  return Tensor::from(at, {a.kernel[0] * a.kernel[1], rows * columns});
}

void unfold_windows(Emit& e) {
  const auto& a = e.attrs<FoldAttrs>();
  const Plane plane = padded_plane(e);
  const std::vector<int64_t> pads = {0, 0, a.padding[0], a.padding[1], 0, 0, a.padding[0], a.padding[1]};
  const std::string padded = e.add("Pad", {e.in(0), e.ints(pads), e.number(0, e.spec(0).dtype)});
  const std::string flat = e.add("Reshape", {padded, e.ints({0, 0, -1})});
  const Tensor index = places(a, plane);
  const std::string taken =
      e.add("Gather", {flat, e.constant(index)}, {attribute("axis", int64_t{2})});  // [N, C, KH KW, L]
  e.output(e.add("Reshape", {taken, e.ints({0, e.out_spec().dim(1), index.dim(1)})}));
}

/// Zeros [N, C, count] with N and C those of input 0.
std::string empty_planes(Emit& e, int64_t channels, const Size& count) {
  const Size of_channels(e.builder().traces(), channels);
  return e.add("Expand", {e.number(0, e.spec(0).dtype), e.sizes({e.dim(0, 0), of_channels, count})});
}

void fold_windows(Emit& e) {
  const auto& a = e.attrs<FoldAttrs>();
  const Plane plane = padded_plane(e);
  const Tensor index = places(a, plane);
  const int64_t channels = e.out_spec().dim(1), count = index.numel();
  const size_t traces = e.builder().traces();
  const std::string columns = e.add("Reshape", {e.in(0), e.ints({0, channels, count})});
  const std::string at =
      e.add("Expand", {e.constant(Tensor::from(index.to_vector<int64_t>(), {count})),
                       e.sizes({e.dim(0, 0), Size(traces, channels), Size(traces, count)})});
  const std::string added =
      e.add("ScatterElements", {empty_planes(e, channels, Size(traces, plane.size())), at, columns},
            {attribute("axis", int64_t{2}), attribute("reduction", "add")});
  const std::string image = e.add("Reshape", {added, e.ints({0, 0, plane.height, plane.width})});
  e.output(e.add("Slice", {image, e.ints({a.padding[0], a.padding[1]}),
                           e.ints({a.padding[0] + a.size[0], a.padding[1] + a.size[1]}), e.ints({2, 3})}));
}

/// The pooling itself has given the positions: see max_pool().
void max_pool_positions(Emit& e) { e.output(e.in(0)); }

void max_unpool(Emit& e) {
  std::vector<int64_t> shape = {0, 0};
  Size count(e.builder().traces(), 1);
  for (int64_t d = 2; d < e.out_spec().rank(); ++d) {
    if (!is_constant(e.out_dim(0, d)))
      e.unsupported("unpooling to a size that depends on those of the inputs");
    shape.push_back(e.out_spec().dim(d));
    for (int64_t& c : count) c *= e.out_spec().dim(d);
  }
  const std::string flat = e.ints({0, 0, -1});
  const std::string filled =
      e.add("ScatterElements",
            {empty_planes(e, e.spec(0).dim(1), count), e.add("Reshape", {e.in_as(1, DType::kInt64), flat}),
             e.add("Reshape", {e.in(0), flat})},
            {attribute("axis", int64_t{2})});
  e.output(e.add("Reshape", {filled, e.ints(shape)}));
}

/// Over all pairs of rows: |a - b| by its norm.
void cdist(Emit& e) {
  const double p = e.attrs<CdistAttrs>().p;
  const DType t = e.out_spec().dtype;
  const std::string gap = e.add(
      "Sub", {e.add("Unsqueeze", {e.in(0), e.ints({-2})}), e.add("Unsqueeze", {e.in(1), e.ints({-3})})});
  const auto sum = [&](const std::string& x) { return e.reduced("ReduceSum", x, {-1}); };
  if (p == 2) return e.output(e.reduced("ReduceL2", gap, {-1}));
  if (p == 1) return e.output(e.reduced("ReduceL1", gap, {-1}));
  if (p == 0) {
    const std::string same = e.add("Equal", {gap, e.number(0, t)});
    return e.output(sum(e.cast(e.add("Not", {same}), t)));
  }
  const std::string powers = e.add("Pow", {e.add("Abs", {gap}), e.number(p, t)});
  e.output(e.add("Pow", {sum(powers), e.number(1 / p, t)}));
}

void rfft(Emit& e) {
  const auto& a = e.attrs<RealFftAttrs>();
  const int rank = e.spec(0).rank();
  const int64_t dim = a.dim < 0 ? a.dim + rank : a.dim;
  // The first dimension is never transformed.
  const bool alone = dim == 0;
  std::string x = alone ? e.add("Unsqueeze", {e.in(0), e.ints({0})}) : e.in(0);
  x = e.add("Unsqueeze", {x, e.ints({-1})});
  std::string y =
      e.add("DFT", {x}, {attribute("axis", dim + (alone ? 1 : 0)), attribute("onesided", int64_t{1})});
  if (alone) y = e.add("Squeeze", {y, e.ints({0})});
  if (a.scale != 1) y = e.add("Mul", {y, e.number(a.scale, e.spec(0).dtype)});
  for (int64_t part = 0; part < 2; ++part) {
    const std::string index = e.constant(Tensor::from(std::vector<int64_t>{part}, {}));
    e.output(e.add("Gather", {y, index}, {attribute("axis", int64_t{-1})}), static_cast<size_t>(part));
  }
}

constexpr EmitterRow kRows[] = {
    {"unfold_windows", &unfold_windows},
    {"fold_windows", &fold_windows},
    {"max_pool_positions", &max_pool_positions},
    {"max_unpool", &max_unpool},
    {"cdist", &cdist},
    {"rfft", &rfft},
};

}  // namespace

std::span<const EmitterRow> window_emitters() { return kRows; }

}  // namespace dlb::deploy
