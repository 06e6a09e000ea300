#include "dlb/nn/embedding.h"

#include <cmath>

#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/join.h"
#include "dlb/ops/recording.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

std::vector<Field> table_fields() {
  return {
      required<&EmbeddingBase::count>("count", "rows of the table: numbers from 0 to count - 1", positive()),
      required<&EmbeddingBase::dim>("dim", "length of each vector", positive()),
      field<&EmbeddingBase::padding_idx>("padding_idx", "number whose vector is 0 and is not learned"),
      field<&EmbeddingBase::max_norm>("max_norm", "longer vectors are shortened to this", positive()),
      field<&EmbeddingBase::norm_type>("norm_type", "p of the norm of `max_norm`", positive()),
      field<&EmbeddingBase::scale_grad_by_freq>("scale_grad_by_freq",
                                                "divide gradients by the number of uses in the batch"),
      field<&EmbeddingBase::sparse>("sparse", "gradient and update of the rows in use alone"),
  };
}

/// N(0, 1) with row `zero` of zeros unless it is negative.
Init table_init(int64_t zero) {
  return [normal = normal_init(0, 1), zero](const Shape& shape, DType dtype, const RngKey& key) {
    Tensor table = normal(shape, dtype, key);
    if (zero >= 0) {
      const Tensor row = select(table, 0, zero);
      row.assign(mul(row, 0.0));
    }
    return table;
  };
}

}  // namespace

void EmbeddingBase::declare(Build& b, std::string_view layer) {
  expect_whole_numbers(b, 0, layer, "input");
  int64_t zero = -1;
  if (padding_idx) {
    if (*padding_idx < -count || *padding_idx >= count) {
      fail(ErrorKind::kConfig, "{}.padding_idx must be from {} to {}, got {}", layer, -count, count - 1,
           *padding_idx);
    }
    zero = *padding_idx < 0 ? *padding_idx + count : *padding_idx;
  }
  weight_ = b.parameter("weight", {count, dim}, table_init(zero));
}

EmbeddingOptions EmbeddingBase::options() const {
  return {padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse};
}

Fields Embedding::fields() {
  static const std::vector<Field> list = table_fields();
  return list;
}

void Embedding::build(Build& b) { declare(b, "embedding"); }

Outputs Embedding::run(Context& c, Inputs inputs) {
  if (next_ != nullptr) return next_->run_rows(c, inputs, weight_);
  return one(embedding(weight_, inputs[0], options()));
}
bool Embedding::absorb(const Layer& next) {
  const auto* recurrent = dynamic_cast<const RecurrentBase*>(&next);
  if (recurrent == nullptr || next_ != nullptr || padding_idx || max_norm || scale_grad_by_freq || sparse) {
    return false;
  }
  next_ = recurrent;
  return true;
}

Fields EmbeddingBag::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> all = table_fields();
    all.push_back(field<&EmbeddingBag::mode>("mode", "how the vectors of a bag are joined",
                                             one_of({"mean", "sum", "max"})));
    all.push_back(field<&EmbeddingBag::include_last_offset>("include_last_offset",
                                                            "offsets end with the last bag's end"));
    return all;
  }();
  return list;
}

std::span<const std::string_view> EmbeddingBag::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "offsets", "weights"};
  return kNames;
}

void EmbeddingBag::build(Build& b) {
  const bool flat = b.has_input(1);
  expect_input(b.input().rank() == (flat ? 1 : 2), b, 0, "embedding_bag", "input",
               flat ? "[M] with offsets" : "[N, L]");
  if (b.has_input(2) && mode != "sum") {
    fail(ErrorKind::kConfig, "embedding_bag takes weights with `mode: sum` only, got `mode: {}`", mode);
  }
  declare(b, "embedding_bag");
}

Outputs EmbeddingBag::run(Context& /*c*/, Inputs inputs) {
  BagOptions o;
  static_cast<EmbeddingOptions&>(o) = options();
  o.mode = mode == "sum" ? BagMode::kSum : mode == "max" ? BagMode::kMax : BagMode::kMean;
  o.weights = input_or_none(inputs, 2);
  o.include_last_offset = include_last_offset;
  return one(embedding_bag(weight_, inputs[0], input_or_none(inputs, 1), o));
}

Fields EmbeddingTables::fields() {
  static const Field list[] = {
      required<&EmbeddingTables::counts>("counts", "rows of each table, or of all where it is one number",
                                         items(positive(), 1, 1 << 16)),
      required<&EmbeddingTables::dim>("dim", "length of each vector", positive()),
      field<&EmbeddingTables::mode>("mode", "how several vectors of one table are joined",
                                    one_of({"sum", "mean"})),
      field<&EmbeddingTables::sparse>("sparse", "gradient and update of the rows in use alone"),
  };
  return list;
}

void EmbeddingTables::build(Build& b) {
  const TensorSpec& x = b.input();
  expect_input(x.rank() == 2 || x.rank() == 3, b, 0, "embedding_tables", "input",
               "[N, tables] or [N, tables, L]");
  expect_whole_numbers(b, 0, "embedding_tables", "input");
  const int64_t tables = x.dim(1);
  if (counts.size() != 1 && static_cast<int64_t>(counts.size()) != tables) {
    fail(ErrorKind::kShape, "embedding_tables with {} counts got input {}", counts.size(),
         shape_text(x.shape));
  }
  first_ = {0};
  for (int64_t t = 0; t < tables; ++t) {
    int64_t end = 0;
    if (__builtin_add_overflow(first_.back(), counts[counts.size() == 1 ? 0 : static_cast<size_t>(t)], &end))
      fail(ErrorKind::kConfig, "embedding_tables.counts are too large");
    first_.push_back(end);
  }
  weight_ = b.parameter("weight", {first_.back(), dim}, normal_init(0, 1));
}

/// Rows of the joined table; a number beyond its own table would otherwise read the next one.
Tensor EmbeddingTables::rows(const Tensor& x) const {
  const auto tables = static_cast<size_t>(x.dim(1));
  if (x.is_meta()) {
    if (!recording()) return x;
    const Tensor first = Tensor::from(std::vector<int64_t>(first_.begin(), first_.end() - 1), {x.dim(1)});
    return add(cast(x, DType::kInt64), x.rank() == 3 ? unsqueeze(first, 1) : first);
  }
  const Tensor from = contiguous(x.dtype() == DType::kInt64 ? x : cast(x, DType::kInt64));
  Tensor to = Tensor::empty(from.shape(), DType::kInt64);
  const int64_t* in = from.data<int64_t>();
  auto* out = to.data<int64_t>();
  const int64_t each = x.rank() == 3 ? x.dim(2) : 1;
  for (int64_t n = 0; n < x.dim(0); ++n) {
    for (size_t t = 0; t < tables; ++t) {
      const int64_t first = first_[t];
      const int64_t count = first_[t + 1] - first;
      for (int64_t i = 0; i < each; ++i, ++in, ++out) {
        if (*in < 0 || *in >= count) {
          fail(ErrorKind::kData, "embedding_tables: table {} has rows 0 to {}, got {}", t, count - 1, *in);
        }
        *out = first + *in;
      }
    }
  }
  return to;
}

Tensor EmbeddingTables::forward(Context& /*c*/, const Tensor& x) {
  if (x.dim(1) + 1 != static_cast<int64_t>(first_.size())) {
    fail(ErrorKind::kShape, "embedding_tables of {} tables got input {}", first_.size() - 1,
         shape_text(x.shape()));
  }
  EmbeddingOptions o;
  o.sparse = sparse;
  const Tensor y = embedding(weight_, rows(x), o);
  if (y.rank() == 3) return y;
  return mode == "mean" ? mean(y, {2}) : sum(y, {2});
}

Fields PositionEmbedding::fields() {
  static const Field list[] = {
      required<&PositionEmbedding::count>("count", "greatest length", positive()),
      field<&PositionEmbedding::dim>("dim", "length of each vector; the input's last size when not given",
                                     positive()),
  };
  return list;
}

void PositionEmbedding::build(Build& b) {
  b.expect(b.input().rank() >= (dim ? 2 : 3), "position_embedding", dim ? "[N, T, ...]" : "[N, T, dim]");
  weight_ = b.parameter("weight", {count, dim.value_or(b.input().dim(-1))}, normal_init(0, 1));
}

Tensor PositionEmbedding::forward(Context& /*c*/, const Tensor& x) {
  const int64_t length = x.dim(1);
  if (length > count) {
    fail(ErrorKind::kShape, "position_embedding of {} positions got {}: input {}", count, length,
         shape_text(x.shape()));
  }
  return length == count && !recording() ? weight_ : narrow(weight_, 0, 0, length);
}

Fields SinusoidalPositions::fields() {
  static const Field list[] = {
      field<&SinusoidalPositions::dim>("dim", "length of each vector; the input's last size when not given",
                                       positive()),
      field<&SinusoidalPositions::base>("base", "longest wavelength / 2 pi", positive()),
  };
  return list;
}

void SinusoidalPositions::build(Build& b) {
  b.expect(b.input().rank() >= (dim ? 2 : 3), "sinusoidal_positions", dim ? "[N, T, ...]" : "[N, T, dim]");
  size_ = dim.value_or(b.input().dim(-1));
  if (size_ % 2 != 0) fail(ErrorKind::kConfig, "sinusoidal_positions needs an even dim, got {}", size_);
  dtype_ = b.dtype();
}

Tensor SinusoidalPositions::forward(Context& /*c*/, const Tensor& x) {
  const int64_t length = x.dim(1);
  if (x.is_meta() && !recording()) return Tensor::empty({length, size_}, dtype_, kMeta);
  // A table that is kept would hide from a recorder how it follows from the length.
  if (!recording() && table_.defined() && table_.dim(0) == length) return table_;
  std::vector<double> frequencies;
  for (int64_t i = 0; i < size_; i += 2)
    frequencies.push_back(std::pow(base, -static_cast<double>(i) / static_cast<double>(size_)));
  const NoGrad no_grad;
  const Tensor times = unsqueeze(arange(0, static_cast<double>(length), 1, DType::kFloat64), 1);
  const Tensor angles = mul(times, Tensor::from(frequencies, {size_ / 2}));
  table_ = cast(reshape(stack({sin(angles), cos(angles)}, 2), {length, size_}), dtype_);
  return table_;
}

}  // namespace dlb::nn
