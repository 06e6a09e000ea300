#include "dlb/nn/initializer.h"

#include <algorithm>
#include <cmath>

#include "dlb/base/glob.h"
#include "dlb/nn/init.h"
#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/linalg.h"
#include "dlb/ops/random.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

void need_rank(const Shape& shape, size_t least, size_t most, std::string_view name, std::string_view form) {
  if (shape.size() >= least && shape.size() <= most) return;
  fail(ErrorKind::kShape, "{} needs a parameter {}, got {}", name, form, shape_text(shape));
}

struct Zeros : Initializer {
  static Fields fields() { return {}; }
  Init init() const override { return constant_init(0); }
};

struct Ones : Initializer {
  static Fields fields() { return {}; }
  Init init() const override { return constant_init(1); }
};

struct Constant : Initializer {
  double value = 0;
  static Fields fields() {
    static const Field list[] = {required<&Constant::value>("value", "of every element")};
    return list;
  }
  Init init() const override { return constant_init(value); }
};

struct Normal : Initializer {
  double std = 1;
  double mean = 0;
  static Fields fields() {
    static const Field list[] = {field<&Normal::std>("std", "standard deviation", non_negative()),
                                 field<&Normal::mean>("mean", "mean")};
    return list;
  }
  Init init() const override { return normal_init(mean, std); }
};

/// Errors, in check() as for a bad shape: config unless a < b.
struct TruncNormal : Initializer {
  double std = 1;
  double mean = 0;
  double a = -2;
  double b = 2;
  static Fields fields() {
    static const Field list[] = {
        field<&TruncNormal::std>("std", "standard deviation before the cut", positive()),
        field<&TruncNormal::mean>("mean", "mean before the cut"),
        field<&TruncNormal::a>("a", "smallest value"),
        field<&TruncNormal::b>("b", "largest value"),
    };
    return list;
  }
  void check(const Shape& /*shape*/) const override {
    if (!(a < b)) fail(ErrorKind::kConfig, "trunc_normal needs a < b, got a {} and b {}", a, b);
  }
  Init init() const override {
    return [*this](const Shape& shape, DType dtype, const RngKey& key) {
      return truncated_normal(shape, mean, std, a, b, key, dtype);
    };
  }
};

struct Uniform : Initializer {
  double a = 0;
  double b = 1;
  static Fields fields() {
    static const Field list[] = {field<&Uniform::a>("a", "smallest value"),
                                 field<&Uniform::b>("b", "bound above all values")};
    return list;
  }
  void check(const Shape& /*shape*/) const override {
    if (!(a <= b)) fail(ErrorKind::kConfig, "uniform needs a <= b, got a {} and b {}", a, b);
  }
  Init init() const override { return uniform_init(a, b); }
};

/// U(-c, c) with c = gain sqrt(6 / (fan_in + fan_out)), or a normal distribution of the same variance.
/// **Source**: Glorot & Bengio, AISTATS 2010.
template <bool kNormal>
struct Xavier : Initializer {
  double gain = 1;
  static Fields fields() {
    static const Field list[] = {field<&Xavier::gain>("gain", "factor of the deviation", non_negative())};
    return list;
  }
  void check(const Shape& shape) const override {
    need_rank(shape, 2, 99, kNormal ? "xavier_normal" : "xavier_uniform", "of 2 dimensions or more");
  }
  Init init() const override { return kNormal ? xavier_normal(gain) : xavier_uniform(gain); }
};

/// Variance gain^2 / fan; the gain is that of the nonlinearity that follows.
/// **Source**: He et al., ICCV 2015.
template <bool kNormal>
struct Kaiming : Initializer {
  std::string mode = "fan_in";
  std::string nonlinearity = "leaky_relu";
  double a = 0;
  static Fields fields() {
    static const Field list[] = {
        field<&Kaiming::mode>("mode", "keep the variance of the forward (fan_in) or the backward pass",
                              one_of({"fan_in", "fan_out"})),
        field<&Kaiming::nonlinearity>("nonlinearity", "what follows, which decides the gain",
                                      one_of({"leaky_relu", "relu", "linear", "sigmoid", "tanh", "selu"})),
        field<&Kaiming::a>("a", "negative slope of leaky_relu"),
    };
    return list;
  }
  void check(const Shape& shape) const override {
    need_rank(shape, 2, 99, kNormal ? "kaiming_normal" : "kaiming_uniform", "of 2 dimensions or more");
  }
  double gain() const {
    if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + a * a));
    if (nonlinearity == "relu") return std::sqrt(2.0);
    if (nonlinearity == "tanh") return 5.0 / 3;
    return nonlinearity == "selu" ? 0.75 : 1;
  }
  Init init() const override {
    return [*this](const Shape& shape, DType dtype, const RngKey& key) {
      const double deviation = gain() / std::sqrt(fan(shape, mode == "fan_out"));
      if (kNormal) return normal(shape, 0, deviation, key, dtype);
      return uniform(shape, -std::sqrt(3.0) * deviation, std::sqrt(3.0) * deviation, key, dtype);
    };
  }
};

/// Rows or columns, whichever are fewer, orthonormal, times gain; dimensions after the first are one. Uniform
/// over such matrices. **Source**: Saxe et al., ICLR 2014; Mezzadri, Notices of the AMS 54, 2007.
struct Orthogonal : Initializer {
  double gain = 1;
  static Fields fields() {
    static const Field list[] = {field<&Orthogonal::gain>("gain", "length of the rows or columns")};
    return list;
  }
  void check(const Shape& shape) const override {
    need_rank(shape, 2, 99, "orthogonal", "of 2 dimensions or more");
  }
  Init init() const override {
    return [*this](const Shape& shape, DType dtype, const RngKey& key) {
      int64_t columns = 1;
      for (size_t i = 1; i < shape.size(); ++i) columns *= shape[i];
      const int64_t rows = shape[0];
      if (rows * columns == 0) return zeros(shape, dtype);
      const bool wide = rows < columns;
      const Tensor square = normal({std::max(rows, columns), std::min(rows, columns)}, 0, 1, key, dtype);
      const auto [q, r] = linalg::qr(square);
      std::vector<double> signs;
      for (const double v : diag(r).to_vector<double>()) signs.push_back(v < 0 ? -gain : gain);
      const Tensor turned = q * cast(Tensor::from(signs, {static_cast<int64_t>(signs.size())}), dtype);
      return contiguous(reshape(wide ? transpose(turned, 0, 1) : turned, shape));
    };
  }
};

/// Normal, with a share of each column set to 0. **Source**: Martens, ICML 2010.
struct Sparse : Initializer {
  double sparsity = 0;
  double std = 0.01;
  static Fields fields() {
    static const Field list[] = {
        required<&Sparse::sparsity>("sparsity", "share of each column that is 0", between(0, 1)),
        field<&Sparse::std>("std", "standard deviation of the rest", non_negative())};
    return list;
  }
  void check(const Shape& shape) const override { need_rank(shape, 2, 2, "sparse", "of 2 dimensions"); }
  Init init() const override {
    return [*this](const Shape& shape, DType dtype, const RngKey& key) {
      const int64_t rows = shape[0], columns = shape[1];
      const auto none = static_cast<int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
      std::vector<double> keep(static_cast<size_t>(rows * columns), 1);
      RngKey order = key;
      order.step = 1;  // apart from the stream that the values come from
      RandomStream stream(order);
      for (int64_t c = 0; c < columns; ++c) {
        const std::vector<int64_t> rows_in_order = stream.permutation(rows);
        for (int64_t i = 0; i < none; ++i)
          keep[static_cast<size_t>(rows_in_order[static_cast<size_t>(i)] * columns + c)] = 0;
      }
      return normal(shape, 0, std, key, dtype) * cast(Tensor::from(keep, shape), dtype);
    };
  }
};

/// Convolutions that pass their input on: 1 in the middle of the kernel from channel i to channel i of each
/// group.
struct Dirac : Initializer {
  int64_t groups = 1;
  static Fields fields() {
    static const Field list[] = {field<&Dirac::groups>("groups", "groups of the convolution", positive())};
    return list;
  }
  void check(const Shape& shape) const override {
    need_rank(shape, 3, 5, "dirac", "of 3 to 5 dimensions");
    if (shape[0] % groups != 0) {
      fail(ErrorKind::kConfig, "dirac.groups is {}, which does not divide the {} channels of {}", groups,
           shape[0], shape_text(shape));
    }
  }
  Init init() const override {
    return [*this](const Shape& shape, DType dtype, const RngKey& /*key*/) {
      int64_t kernel = 1, middle = 0;
      for (size_t i = 2; i < shape.size(); ++i) {
        kernel *= shape[i];
        middle = middle * shape[i] + shape[i] / 2;
      }
      const int64_t per_group = shape[0] / groups;
      std::vector<double> values(static_cast<size_t>(shape[0] * shape[1] * kernel), 0);
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t i = 0; i < std::min(per_group, shape[1]); ++i)
          values[static_cast<size_t>(((g * per_group + i) * shape[1] + i) * kernel + middle)] = 1;
      }
      return cast(Tensor::from(values, shape), dtype);
    };
  }
};

struct Eye : Initializer {
  static Fields fields() { return {}; }
  void check(const Shape& shape) const override { need_rank(shape, 2, 2, "eye", "of 2 dimensions"); }
  Init init() const override {
    return
        [](const Shape& shape, DType dtype, const RngKey& /*key*/) { return eye(shape[0], shape[1], dtype); };
  }
};

struct Match {
  std::vector<std::string> match;
  static Fields fields() {
    static const Field list[] = {required<&Match::match>(
        "match", "pattern or patterns of parameter names, with * and ?", items(any_value(), 1, 1000))};
    return list;
  }
};

/// Patterns and initialiser of an entry; the pointer is null where it is malformed.
std::unique_ptr<Initializer> read_entry(config::Reader& reader, const config::Node& node, Match& match) {
  const std::string modifiers[] = {"match"};
  if (!node.is_map()) {
    reader.error(
        node, fmt::format("an entry of init is a map such as {{match: \"*.weight\", normal: 0.02}}, got {}",
                          node.found()));
    return nullptr;
  }
  const config::Node* patterns = node.find("match");
  if (patterns == nullptr) {
    reader.error(node, "missing required key 'match' in init: which parameters the entry is for",
                 "`match: \"*\"` is for all");
  } else if (!reader.read(*patterns, Match::fields(), &match, "init")) {
    patterns = nullptr;
  }
  const std::optional<config::Choice> chosen = reader.choice(node, "initializer", modifiers);
  if (!chosen) return nullptr;
  auto made = reader.make(*chosen, initializer_types(), "initializer");
  return patterns == nullptr ? nullptr : std::move(made);
}

}  // namespace

std::span<const InitializerType> initializer_types() {
  static const std::vector<InitializerType> types = {
      type_info<Initializer, Zeros>("zeros", "0"),
      type_info<Initializer, Ones>("ones", "1"),
      type_info<Initializer, Constant>("constant", "one value"),
      type_info<Initializer, Normal>("normal", "normal distribution"),
      type_info<Initializer, TruncNormal>("trunc_normal", "normal distribution between two bounds"),
      type_info<Initializer, Uniform>("uniform", "uniform distribution"),
      type_info<Initializer, Xavier<false>>("xavier_uniform", "Glorot's, uniform: by fan_in + fan_out"),
      type_info<Initializer, Xavier<true>>("xavier_normal", "Glorot's, normal: by fan_in + fan_out"),
      type_info<Initializer, Kaiming<false>>("kaiming_uniform", "He's, uniform: by fan and nonlinearity"),
      type_info<Initializer, Kaiming<true>>("kaiming_normal", "He's, normal: by fan and nonlinearity"),
      type_info<Initializer, Orthogonal>("orthogonal", "orthonormal rows or columns"),
      type_info<Initializer, Sparse>("sparse", "normal distribution with zeros in each column"),
      type_info<Initializer, Dirac>("dirac", "convolutions that pass their input on"),
      type_info<Initializer, Eye>("eye", "ones on the diagonal of a matrix"),
  };
  return types;
}

void apply_initializers(config::Reader& reader, const config::Node& node, std::vector<Variable>& variables) {
  if (node.is_null()) return;
  if (!node.is_list()) {
    reader.error(node, fmt::format("init is a list of {{match, INITIALIZER}}, got {}", node.found()));
    return;
  }
  std::vector<bool> taken(variables.size(), false);
  for (const config::Node& entry : node.items()) {
    Match match;
    const std::unique_ptr<Initializer> initializer = read_entry(reader, entry, match);
    if (!initializer) continue;
    bool fits = true;
    for (const std::string& pattern : match.match) {
      bool found = false;
      for (size_t i = 0; i < variables.size(); ++i) {
        Variable& v = variables[i];
        if (v.buffer || !matches(pattern, v.name)) continue;
        found = true;
        if (taken[i] || !fits) continue;
        taken[i] = true;
        try {
          initializer->check(v.value.shape());
        } catch (const Error& e) {
          reader.error(entry, fmt::format("{} ('{}')", e.message, v.name));
          fits = false;
          continue;
        }
        v.init = initializer->init();
      }
      if (found) continue;
      std::string hint;
      const auto named =
          std::find_if(variables.begin(), variables.end(), [](const Variable& v) { return !v.buffer; });
      if (named != variables.end()) hint = fmt::format("the first parameter is '{}'", named->name);
      reader.error(entry, fmt::format("no parameter is named '{}'", pattern), std::move(hint));
    }
  }
}

}  // namespace dlb::nn
