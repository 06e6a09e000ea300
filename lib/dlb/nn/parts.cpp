#include "dlb/nn/parts.h"

#include <limits>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/nn/spatial.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/index.h"
#include "dlb/ops/join.h"
#include "dlb/ops/sort.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

constexpr const char* kDim = "dimension; negative counts from the last";
constexpr std::string_view kXIndex[] = {"x", "index"};

Outputs many(const std::vector<Tensor>& parts) {
  Outputs out;
  for (const Tensor& t : parts) out.push_back(t);
  return out;
}

}  // namespace

Fields Select::fields() {
  static const Field list[] = {
      field<&Select::index>("index", "which element; negative counts from the last"),
      field<&Select::dim>("dim", kDim),
  };
  return list;
}
void Select::build(Build& b) {
  const int d = normalize_dim(dim, b.input().rank(), "select.dim");
  const int64_t n = b.input().rank() == 0 ? 0 : b.input().dim(d);
  if (index < -n || index >= n) {
    fail(ErrorKind::kShape, "select of index {} of dimension {} got input {}", index, dim,
         shape_text(b.input().shape));
  }
}
Tensor Select::forward(Context& /*c*/, const Tensor& x) { return select(x, dim, index); }

Fields Slice::fields() {
  static const Field list[] = {
      field<&Slice::dim>("dim", kDim),
      field<&Slice::start>("start", "first element; negative counts from the last"),
      field<&Slice::end>("end", "element behind the last one; all when not given"),
      field<&Slice::step>("step", "distance of the elements", positive()),
  };
  return list;
}
void Slice::build(Build& b) { normalize_dim(dim, b.input().rank(), "slice.dim"); }
Tensor Slice::forward(Context& /*c*/, const Tensor& x) {
  return slice(x, dim, start, end.value_or(std::numeric_limits<int64_t>::max()), step);
}

Fields Split::fields() {
  static const Field list[] = {
      required<&Split::sizes>("sizes", "size of each part, or of all where it is one number",
                              items(non_negative(), 1, 1 << 16)),
      field<&Split::dim>("dim", kDim),
  };
  return list;
}
void Split::build(Build& b) {
  const int d = normalize_dim(dim, b.input().rank(), "split.dim");
  b.expect(b.input().rank() > 0, "split", "with dimensions");
  int64_t total = 0;
  for (const int64_t s : sizes) {
    if (__builtin_add_overflow(total, s, &total)) fail(ErrorKind::kConfig, "split.sizes are too large");
  }
  if (sizes.size() == 1 ? total == 0 : total != b.input().dim(d)) {
    fail(ErrorKind::kShape, "split into {} along dimension {} got input {}", shape_text(sizes), dim,
         shape_text(b.input().shape));
  }
}
Outputs Split::run(Context& /*c*/, Inputs inputs) {
  if (sizes.size() == 1) return many(split(inputs[0], sizes[0], dim));
  return many(split_sizes(inputs[0], Dims(sizes.begin(), sizes.end()), dim));
}

Fields Chunk::fields() {
  static const Field list[] = {
      required<&Chunk::count>("count", "number of parts", between(1, 1 << 16)),
      field<&Chunk::dim>("dim", kDim),
  };
  return list;
}
void Chunk::build(Build& b) { normalize_dim(dim, b.input().rank(), "chunk.dim"); }
Outputs Chunk::run(Context& /*c*/, Inputs inputs) { return many(chunk(inputs[0], count, dim)); }

Fields Gather::fields() {
  static const Field list[] = {field<&Gather::dim>("dim", kDim)};
  return list;
}
std::span<const std::string_view> Gather::input_names() const { return kXIndex; }
void Gather::build(Build& b) {
  normalize_dim(dim, b.input().rank(), "gather.dim");
  expect_whole_numbers(b, 1, "gather", "index");
  expect_input(b.input(1).rank() == b.input().rank(), b, 1, "gather", "index",
               fmt::format("of {} dimensions", b.input().rank()));
}
Outputs Gather::run(Context& /*c*/, Inputs inputs) { return one(gather(inputs[0], dim, inputs[1])); }

Fields IndexSelect::fields() {
  static const Field list[] = {field<&IndexSelect::dim>("dim", kDim)};
  return list;
}
std::span<const std::string_view> IndexSelect::input_names() const { return kXIndex; }
void IndexSelect::build(Build& b) {
  normalize_dim(dim, b.input().rank(), "index_select.dim");
  expect_whole_numbers(b, 1, "index_select", "index");
  expect_input(b.input(1).rank() == 1, b, 1, "index_select", "index", "[K]");
}
Outputs IndexSelect::run(Context& /*c*/, Inputs inputs) {
  return one(index_select(inputs[0], dim, inputs[1]));
}

Fields Transpose::fields() {
  static const Field list[] = {
      field<&Transpose::dim0>("dim0", "one dimension; negative counts from the last"),
      field<&Transpose::dim1>("dim1", "the other"),
  };
  return list;
}
void Transpose::build(Build& b) {
  normalize_dim(dim0, b.input().rank(), "transpose.dim0");
  normalize_dim(dim1, b.input().rank(), "transpose.dim1");
}
Tensor Transpose::forward(Context& /*c*/, const Tensor& x) { return transpose(x, dim0, dim1); }

Fields Expand::fields() {
  static const Field list[] = {required<&Expand::shape>("shape", "sizes, the batch included; -1 keeps one",
                                                        items(at_least(-1), 0, 8))};
  return list;
}
Tensor Expand::forward(Context& /*c*/, const Tensor& x) {
  return expand(x, Shape(shape.begin(), shape.end()));
}

Fields Repeat::fields() {
  static const Field list[] = {required<&Repeat::times>("times", "for each dimension, the batch included",
                                                        items(non_negative(), 1, 8))};
  return list;
}
Tensor Repeat::forward(Context& /*c*/, const Tensor& x) {
  return repeat(x, Dims(times.begin(), times.end()));
}

Fields Flip::fields() {
  static const Field list[] = {
      required<&Flip::dims>("dims", "dimensions to reverse; negative counts from the last", items({}, 1, 8))};
  return list;
}
void Flip::build(Build& b) {
  for (const int64_t d : dims) normalize_dim(d, b.input().rank(), "flip.dims");
}
Tensor Flip::forward(Context& /*c*/, const Tensor& x) { return flip(x, Dims(dims.begin(), dims.end())); }

Fields Roll::fields() {
  static const Field list[] = {
      required<&Roll::shifts>("shifts", "how far, for each of dims", items({}, 1, 8)),
      required<&Roll::dims>("dims", "dimensions; negative counts from the last", items({}, 1, 8)),
  };
  return list;
}
void Roll::build(Build& b) {
  if (shifts.size() != dims.size()) {
    fail(ErrorKind::kConfig, "roll needs a shift for each of {} dims, got {}", dims.size(), shifts.size());
  }
  for (const int64_t d : dims) normalize_dim(d, b.input().rank(), "roll.dims");
}
Tensor Roll::forward(Context& /*c*/, const Tensor& x) {
  return roll(x, Dims(shifts.begin(), shifts.end()), Dims(dims.begin(), dims.end()));
}

Fields TopK::fields() {
  static const Field list[] = {
      required<&TopK::k>("k", "how many", positive()),
      field<&TopK::dim>("dim", kDim),
      field<&TopK::largest>("largest", "the largest; otherwise the smallest"),
  };
  return list;
}
void TopK::build(Build& b) {
  const int d = normalize_dim(dim, b.input().rank(), "topk.dim");
  if (b.input().rank() == 0 || b.input().dim(d) < k) {
    fail(ErrorKind::kShape, "topk of {} along dimension {} got input {}", k, dim,
         shape_text(b.input().shape));
  }
}
Outputs TopK::run(Context& /*c*/, Inputs inputs) {
  auto [values, indices] = topk(inputs[0], k, dim, largest);
  return many({values, indices});
}

void ClassToken::build(Build& b) {
  b.expect(b.input().rank() == 3, "class_token", "[N, T, features]");
  weight_ = b.parameter("weight", {1, 1, b.input().dim(2)}, constant_init(0));
}
Tensor ClassToken::forward(Context& /*c*/, const Tensor& x) {
  return cat({expand(weight_, {x.dim(0), 1, x.dim(2)}), x}, 1);
}

Fields CenterCrop::fields() {
  static const Field list[] = {
      field<&CenterCrop::size>("size", "size of each spatial dimension", items(positive(), 0, 3))};
  return list;
}
std::span<const std::string_view> CenterCrop::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "like"};
  return kNames;
}
void CenterCrop::build(Build& b) {
  const int rank = b.input().rank();
  b.expect(rank >= 3 && rank <= 5, "center_crop", "[N, C, spatial...]");
  if (b.has_input(1)) {
    expect_input(b.input(1).rank() == rank, b, 1, "center_crop", "like",
                 fmt::format("of {} dimensions", rank));
  } else if (size.empty()) {
    fail(ErrorKind::kConfig, "center_crop needs a `size`, or an input `like` of that size");
  } else {
    per_dimension(size, static_cast<size_t>(rank) - 2, "center_crop", "size");
  }
}
Outputs CenterCrop::run(Context& /*c*/, Inputs inputs) {
  Tensor x = inputs[0];
  const Tensor like = input_or_none(inputs, 1);
  for (int i = 2; i < x.rank(); ++i) {
    const int64_t want =
        like.defined() ? like.dim(i) : size[size.size() == 1 ? 0 : static_cast<size_t>(i) - 2];
    if (want > x.dim(i)) {
      fail(ErrorKind::kShape, "center_crop to {} along dimension {} got input {}", want, i,
           shape_text(inputs[0].shape()));
    }
    x = narrow(x, i, (x.dim(i) - want) / 2, want);
  }
  return one(x);
}

}  // namespace dlb::nn
