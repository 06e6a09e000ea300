#include "dlb/functional/define.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

constexpr Traits kAll{.dtypes = DTypes::kAll};

Tensor select_parts(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
                    int64_t step) {
  const int at = normalize_dim(dim, x.rank());
  return slice(x, dim, start.value_or(0), end.value_or(x.rank() == 0 ? 0 : x.dim(at)), step);
}

/// The places in a 1-d tensor of integers, or the number of parts in a 0-d one.
std::vector<Tensor> split_at_tensor(const Tensor& x, const Tensor& where, int64_t dim) {
  if (where.is_meta() || !is_integral(where.dtype()) || where.rank() > 1) {
    fail(ErrorKind::kUnsupported, "tensor_split expects an integer or a list of them with data, got {}",
         spec_text(where.spec()));
  }
  const std::vector<int64_t> at = where.to_vector<int64_t>();
  return where.rank() == 0 ? tensor_split(x, at[0], dim)
                           : tensor_split_at(x, Dims(at.begin(), at.end()), dim);
}

Tensor padded(const Tensor& x, const Dims& amounts, const std::string& mode,
              const std::optional<double>& value) {
  if (mode == "constant") return pad(x, amounts, value.value_or(0));
  if (mode == "reflect") return pad(x, amounts, PadMode::kReflect);
  if (mode == "replicate") return pad(x, amounts, PadMode::kReplicate);
  if (mode == "circular") return pad(x, amounts, PadMode::kCircular);
  fail(ErrorKind::kConfig, "pad expects mode 'constant', 'reflect', 'replicate' or 'circular', got '{}'",
       mode);
}

std::vector<Tensor> grid(const std::vector<Tensor>& tensors, const std::string& indexing) {
  if (indexing != "ij" && indexing != "xy") {
    fail(ErrorKind::kConfig, "meshgrid expects indexing 'ij' or 'xy', got '{}'", indexing);
  }
  return meshgrid(tensors, indexing == "xy");
}

/// One tensor or several, each with at least kRank dimensions.
template <int kRank>
Tensor one_raised(const Tensor& x) {
  return atleast_nd(x, kRank);
}
template <int kRank>
std::vector<Tensor> all_raised(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& x : tensors) out.push_back(atleast_nd(x, kRank));
  return out;
}

Tensor narrowed(const Tensor& x, int64_t dim, const Tensor& start, int64_t length) {
  if (start.is_meta() || start.numel() != 1 || !is_integral(start.dtype())) {
    fail(ErrorKind::kUnsupported, "narrow expects a start that is one integer with data, got {}",
         spec_text(start.spec()));
  }
  return narrow(x, dim, start.to_vector<int64_t>()[0], length);
}

Tensor shaped_like(const Tensor& x, const Tensor& other) { return view(x, other.shape()); }

std::vector<Function> views() {
  return {
      define("reshape", "same elements in another shape; a view where possible", {"input", "*shape"},
             &reshape, kAll),
      define("view", "same memory in another shape", {"input", "*shape"}, &view, kAll),
      define("view_as", "same memory in the shape of other", {"input", "other"}, &shaped_like, kAll),
      define("flatten", "dims start to end become one", {"input", "start_dim = 0", "end_dim = -1"}, &flatten,
             kAll),
      define(
          "ravel", "all dims become one", {"input"}, +[](const Tensor& x) { return flatten(x); }, kAll),
      define("unflatten", "a dim becomes several", {"input", "dim", "sizes"}, &unflatten, kAll),
      define("permute", "dims in another order", {"input", "*dims"}, &permute, kAll),
      define("transpose", "two dims exchanged", {"input", "dim0", "dim1"}, &transpose, kAll),
      define("swapaxes", "two dims exchanged", {"input", "axis0", "axis1"}, &transpose, kAll),
      define("t", "a matrix transposed; fewer dims stay", {"input"}, &matrix_transpose, kAll),
      define("movedim", "dims moved to other places", {"input", "source", "destination"}, &movedim, kAll),
      define("expand", "dims of size 1 repeated without a copy; -1 keeps a size", {"input", "*size"}, &expand,
             kAll),
      define("broadcast_to", "dims of size 1 repeated without a copy", {"input", "*size"}, &expand, kAll),
      define(
          "expand_as", "expanded to the shape of other", {"input", "other"},
          +[](const Tensor& x, const Tensor& other) { return expand(x, other.shape()); }, kAll),
      define("unsqueeze", "a new dim of size 1", {"input", "dim"}, &unsqueeze, kAll),
      define(
          "squeeze", "without dims of size 1, all or those given", {"input", "dim = none"},
          +[](const Tensor& x, const std::optional<Dims>& dims) {
            return dims ? squeeze_dims(x, *dims) : squeeze_all(x);
          },
          kAll),
      define("atleast_1d", "at least one dim", {"input"}, &one_raised<1>, kAll),
      define("atleast_1d", "at least one dim", {"*tensors"}, &all_raised<1>, kAll),
      define("atleast_2d", "at least two dims", {"input"}, &one_raised<2>, kAll),
      define("atleast_2d", "at least two dims", {"*tensors"}, &all_raised<2>, kAll),
      define("atleast_3d", "at least three dims", {"input"}, &one_raised<3>, kAll),
      define("atleast_3d", "at least three dims", {"*tensors"}, &all_raised<3>, kAll),
      define("slice", "elements start, start + step, ... below end of a dim",
             {"input", "dim = 0", "start = none", "end = none", "step = 1"}, &select_parts, kAll),
      define("narrow", "length elements of a dim from start", {"input", "dim", "start", "length"}, &narrow,
             kAll),
      define("narrow", "length elements of a dim from start", {"input", "dim", "start", "length"}, &narrowed,
             {.dtypes = DTypes::kAll, .data_dependent = true}),
      define("select", "one index of a dim, which goes away", {"input", "dim", "index"}, &select, kAll),
      define("split", "parts of a size along dim", {"input", "split_size", "dim = 0"}, &split, kAll),
      define("split", "parts of given sizes along dim", {"input", "split_sizes", "dim = 0"}, &split_sizes,
             kAll),
      define("split_with_sizes", "parts of given sizes along dim", {"input", "split_sizes", "dim = 0"},
             &split_sizes, kAll),
      define("unsafe_split", "parts of a size along dim", {"input", "split_size", "dim = 0"}, &split, kAll),
      define("chunk", "at most so many parts of one size", {"input", "chunks", "dim = 0"}, &chunk, kAll),
      define("tensor_split", "so many parts of nearly one size", {"input", "sections", "dim = 0"},
             &tensor_split, kAll),
      define("tensor_split", "parts between indices", {"input", "indices", "dim = 0"}, &tensor_split_at,
             kAll),
      define("tensor_split", "parts between indices", {"input", "indices", "dim = 0"}, &split_at_tensor,
             {.dtypes = DTypes::kAll, .data_dependent = true}),
      define("unbind", "all selections along dim", {"input", "dim = 0"}, &unbind, kAll),
      define("diagonal", "a diagonal of two dims, as last dim",
             {"input", "offset = 0", "dim1 = 0", "dim2 = 1"}, &diagonal, kAll),
      define("unfold", "windows along a dim, as last dim", {"input", "dimension", "size", "step"},
             &unfold_dim, kAll),
      define("as_strided", "any strides over the same memory",
             {"input", "size", "stride", "storage_offset = none"}, &as_strided, kAll),
  };
}

std::vector<Function> copies() {
  return {
      define(
          "contiguous", "row-major in memory", {"input"}, +[](const Tensor& x) { return contiguous(x); },
          kAll),
      define("flip", "dims reversed", {"input", "*dims"}, &flip, kAll),
      define(
          "fliplr", "dim 1 reversed", {"input"},
          +[](const Tensor& x) {
            if (x.rank() < 2) {
              fail(ErrorKind::kShape, "fliplr expects at least two dimensions, got {}",
                   shape_text(x.shape()));
            }
            return flip(x, {1});
          },
          kAll),
      define(
          "flipud", "dim 0 reversed", {"input"},
          +[](const Tensor& x) {
            if (x.rank() < 1)
              fail(ErrorKind::kShape, "flipud expects at least one dimension, got a 0-d tensor");
            return flip(x, {0});
          },
          kAll),
      define("roll", "elements moved on along dims, around the end", {"input", "shifts", "dims = []"}, &roll,
             kAll),
      define("rot90", "turned by 90 degrees", {"input", "k = 1", "dims = [0, 1]"}, &rot90, kAll),
      define("repeat", "repeated along each dim", {"input", "*repeats"}, &repeat, kAll),
      define("tile", "repeated along the last dims", {"input", "*dims"}, &tile, kAll),
      define(
          "repeat_interleave", "each element repeated",
          {"input", "repeats", "dim = none", "output_size = none"},
          +[](const Tensor& x, int64_t repeats, std::optional<int64_t> dim, std::optional<int64_t>) {
            return repeat_interleave(x, repeats, dim);
          },
          kAll),
      define("repeat_interleave", "each element repeated",
             {"input", "repeats", "dim = none", "output_size = none"},
             +[](const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim,
                 std::optional<int64_t> size) { return repeat_interleave(x, repeats, dim, size); },
             {.dtypes = DTypes::kAll, .data_dependent = true}),
      define("tril", "zero above a diagonal", {"input", "diagonal = 0"}, &tril, kAll),
      define("triu", "zero below a diagonal", {"input", "diagonal = 0"}, &triu, kAll),
      define("diag", "a vector as diagonal, or the diagonal of a matrix", {"input", "diagonal = 0"}, &diag,
             kAll),
      define("diag_embed", "the last dim as diagonals of two",
             {"input", "offset = 0", "dim1 = -2", "dim2 = -1"}, &diag_embed, kAll),
      define(
          "diagflat", "all elements as the diagonal of a matrix", {"input", "offset = 0"},
          +[](const Tensor& x, int64_t offset) { return diag_embed(flatten(x), offset); }, kAll),
      define("select_scatter", "src in place of one index", {"input", "src", "dim", "index"}, &select_scatter,
             kAll),
      define(
          "slice_scatter", "src in place of a slice",
          {"input", "src", "dim = 0", "start = none", "end = none", "step = 1"},
          +[](const Tensor& x, const Tensor& src, int64_t dim, std::optional<int64_t> start,
              std::optional<int64_t> end,
              int64_t step) { return slice_scatter(x, src, dim, start, end, step); },
          kAll),
      define("diagonal_scatter", "src in place of a diagonal",
             {"input", "src", "offset = 0", "dim1 = 0", "dim2 = 1"}, &diagonal_scatter, kAll),
      define("pixel_shuffle", "channels to pixels", {"input", "upscale_factor"}, &pixel_shuffle, kAll),
      define("pixel_unshuffle", "pixels to channels", {"input", "downscale_factor"}, &pixel_unshuffle, kAll),
      define("channel_shuffle", "channels of groups interleaved", {"input", "groups"}, &channel_shuffle,
             kAll),
      define("pad", "amounts before and after, last dim first; modes constant, reflect, replicate, circular",
             {"input", "pad", "mode = 'constant'", "value = none"}, &padded, kAll),
      define(
          "constant_pad_nd", "a constant around", {"input", "pad", "value = 0.0"},
          +[](const Tensor& x, const Dims& amounts, double value) { return pad(x, amounts, value); }, kAll),
  };
}

std::vector<Function> joins() {
  return {
      define("cat", "joined along dim", {"tensors", "dim = 0"}, &cat, kAll),
      define("stack", "joined along a new dim", {"tensors", "dim = 0"}, &stack, kAll),
      define("hstack", "joined along dim 1, vectors along dim 0", {"tensors"}, &hstack, kAll),
      define("vstack", "joined as rows", {"tensors"}, &vstack, kAll),
      define("dstack", "joined along dim 2", {"tensors"}, &dstack, kAll),
      define("column_stack", "joined as columns", {"tensors"}, &column_stack, kAll),
      define("block_diag", "matrices along the diagonal", {"*tensors"}, &block_diag, kAll),
      define("cartesian_prod", "all tuples of elements of vectors", {"*tensors"}, &cartesian_prod, kAll),
      define("combinations", "all r-tuples of a vector's elements",
             {"input", "r = 2", "with_replacement = false"}, &combinations, kAll),
      define("meshgrid", "coordinates of a grid", {"*tensors", "indexing = 'ij'"}, &grid, kAll),
  };
}

}  // namespace

std::vector<Function> shape_functions() {
  std::vector<Function> all = views();
  for (Function& f : copies()) all.push_back(std::move(f));
  for (Function& f : joins()) all.push_back(std::move(f));
  return all;
}

}  // namespace dlb::functional
