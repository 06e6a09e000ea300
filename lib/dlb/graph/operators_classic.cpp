// Operators of ONNX's domain ai.onnx.ml that encode and scale features, and linear models.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "dlb/graph/class_scores.h"
#include "dlb/graph/operator_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/join.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr std::string_view kDomain = "ai.onnx.ml";

Tensor row_of(const std::vector<float>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

void array_feature_extractor(Call& c) {
  const Value& v = c.value(0);
  const Shape from = v.shape();
  if (from.empty()) c.fail("input 0 has no dimension to pick from");
  const Tensor index = reshape(cast(c.tensor(1), DType::kInt64), {c.tensor(1).numel()});
  c.output(moved(c, v, [&](const Tensor& x) {
    const Tensor y = index_select(x, -1, index);
    return y.rank() == 1 ? unsqueeze(y, 0) : y;
  }));
}

void binarizer(Call& c) {
  const Tensor x = c.tensor(0);
  c.same_type(cast(gt(x, c.attribute("threshold", 0.0)), x.dtype()));
}

/// Texts, whole numbers or floats of a list that a LabelEncoder maps from or to.
struct List {
  Element type = Element::kUndefined;
  std::vector<std::string> texts;
  std::vector<int64_t> integers;
  std::vector<double> floats;

  size_t size() const { return texts.size() + integers.size() + floats.size(); }
};

List list_of(const Value& v) {
  List list;
  list.type = v.element;
  if (v.is_texts()) {
    list.texts = v.texts->items;
  } else if (is_float(v.element)) {
    list.floats = v.tensor.to_vector<double>();
  } else {
    list.integers = v.tensor.to_vector<int64_t>();
  }
  return list;
}

List list_of(const Call& c, const std::string& prefix) {
  List list;
  if (c.has_attribute(prefix + "_tensor")) return list_of(c.attribute_value(prefix + "_tensor"));
  if (c.has_attribute(prefix + "_strings")) {
    list.type = Element::kString;
    list.texts = c.strings(prefix + "_strings");
  } else if (c.has_attribute(prefix + "_int64s")) {
    list.type = Element::kInt64;
    list.integers = c.integers(prefix + "_int64s");
  } else if (c.has_attribute(prefix + "_floats")) {
    list.type = Element::kFloat32;
    for (const float f : c.floats(prefix + "_floats")) list.floats.push_back(static_cast<double>(f));
  } else {
    c.fail("it has no list {}", prefix);
  }
  return list;
}

/// Places of the elements of input 0 in a list of keys, -1 where they are none of them. Of equal keys the
/// last counts, and NaN equals NaN.
std::vector<int64_t> found_keys(const Call& c, const List& keys) {
  std::vector<int64_t> places;
  const auto find = [&places](const auto& map, const auto& key) {
    const auto at = map.find(key);
    places.push_back(at == map.end() ? -1 : at->second);
  };
  int64_t next = 0;
  if (c.value(0).is_texts()) {
    if (keys.type != Element::kString) c.fail("its keys are {}, input 0 is texts", element_name(keys.type));
    std::map<std::string, int64_t> map;
    for (const std::string& key : keys.texts) map[key] = next++;
    for (const std::string& text : c.texts(0).items) find(map, text);
    return places;
  }
  c.need_data(0);
  if (keys.type == Element::kString) c.fail("its keys are texts, input 0 is {}", describe(c.value(0)));
  if (!is_float(keys.type)) {
    std::map<int64_t, int64_t> map;
    for (const int64_t key : keys.integers) map[key] = next++;
    for (const int64_t x : c.tensor(0).to_vector<int64_t>()) find(map, x);
    return places;
  }
  std::map<double, int64_t> map;
  int64_t nan = -1;
  for (const double key : keys.floats) (std::isnan(key) ? nan : map[key]) = next++;
  for (const double x : c.tensor(0).to_vector<double>()) {
    if (std::isnan(x)) {
      places.push_back(nan);
    } else {
      find(map, x);
    }
  }
  return places;
}

/// The values at those places in the shape of input 0; at -1 the last one.
Value picked(const Call& c, const List& values, const std::vector<int64_t>& places) {
  const Shape shape = c.value(0).shape();
  const auto at = [&](const auto& list) {
    auto out = list;
    out.clear();
    for (const int64_t i : places) out.push_back(list[i < 0 ? list.size() - 1 : static_cast<size_t>(i)]);
    return out;
  };
  if (values.type == Element::kString) return Value(Texts{shape, at(values.texts)});
  if (is_float(values.type)) {
    return Value(convert(Tensor::from(at(values.floats), shape), Element::kFloat64, values.type),
                 values.type);
  }
  return Value(convert(Tensor::from(at(values.integers), shape), Element::kInt64, values.type), values.type);
}

void append_default(const Call& c, List& values) {
  if (c.has_attribute("default_tensor")) {
    const List given = list_of(c.attribute_value("default_tensor"));
    if (given.type != values.type || given.size() != 1)
      c.fail("default_tensor does not belong to its values");
    values.texts.insert(values.texts.end(), given.texts.begin(), given.texts.end());
    values.integers.insert(values.integers.end(), given.integers.begin(), given.integers.end());
    values.floats.insert(values.floats.end(), given.floats.begin(), given.floats.end());
  } else if (values.type == Element::kString) {
    values.texts.push_back(c.attribute("default_string", "_Unused"));
  } else if (is_float(values.type)) {
    values.floats.push_back(c.attribute("default_float", -0.0));
  } else {
    values.integers.push_back(c.attribute("default_int64", int64_t{-1}));
  }
}

void label_encoder(Call& c) {
  const List keys = list_of(c, "keys");
  List values = list_of(c, "values");
  if (keys.size() != values.size()) c.fail("it has {} keys and {} values", keys.size(), values.size());
  append_default(c, values);
  c.output(picked(c, values, found_keys(c, keys)));
}

/// Between texts and whole numbers, by two lists of one length.
void map_categories(Call& c, const std::vector<std::string>& names, const std::vector<int64_t>& numbers) {
  if (names.size() != numbers.size()) c.fail("{} texts and {} numbers", names.size(), numbers.size());
  List texts, integers;
  texts.type = Element::kString;
  texts.texts = names;
  integers.type = Element::kInt64;
  integers.integers = numbers;
  const bool from_texts = c.value(0).is_texts();
  const std::vector<int64_t> places = found_keys(c, from_texts ? texts : integers);
  List& values = from_texts ? integers : texts;
  append_default(c, values);
  c.output(picked(c, values, places));
}

void label_encoder_1(Call& c) {
  const std::vector<std::string> names = c.strings("classes_strings");
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < names.size(); ++i) numbers.push_back(static_cast<int64_t>(i));
  map_categories(c, names, numbers);
}

void category_mapper(Call& c) { map_categories(c, c.strings("cats_strings"), c.integers("cats_int64s")); }

void scaler(Call& c) {
  const Tensor x = cast(c.tensor(0), DType::kFloat32);
  Tensor y = x;
  if (c.has_attribute("offset")) y = sub(y, row_of(c.floats("offset")));
  if (c.has_attribute("scale")) y = mul(y, row_of(c.floats("scale")));
  if (y.shape() != x.shape()) c.fail("offset or scale do not fit {}", describe(c.value(0)));
  c.plain(y);
}

void normalizer(Call& c) {
  const Tensor x = cast(c.tensor(0), DType::kFloat32);
  const std::string norm = c.attribute("norm", "MAX");
  if (x.rank() < 1) c.fail("input 0 is {}, expected [N, C]", describe(c.value(0)));
  Tensor by;
  if (norm == "MAX") {
    by = amax(x, {-1}, kKeepDim);
  } else if (norm == "L1") {
    by = sum(abs(x), {-1}, kKeepDim);
  } else if (norm == "L2") {
    by = sqrt(sum(mul(x, x), {-1}, kKeepDim));
  } else {
    c.fail("norm must be MAX, L1 or L2, got '{}'", norm);
  }
  c.plain(where(eq(by, 0.0), x, div(x, by)));
}

void one_hot_encoder(Call& c) {
  const Shape shape = c.value(0).shape();
  List keys;
  if (c.value(0).is_texts()) {
    keys.type = Element::kString;
    keys.texts = c.strings("cats_strings");
  } else {
    keys.type = Element::kInt64;
    keys.integers = c.integers("cats_int64s");
  }
  const int64_t width = static_cast<int64_t>(keys.size());
  const std::vector<int64_t> places = found_keys(c, keys);
  const bool allow = c.attribute("zeros", int64_t{1}) != 0;
  Shape wide = shape;
  wide.push_back(width);
  numel(wide);  // refuses sizes that overflow
  Tensor out = zeros(wide);
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i] < 0 && !allow) c.fail("element {} is in no category", i);
    if (places[i] >= 0) out.data<float>()[static_cast<int64_t>(i) * width + places[i]] = 1;
  }
  c.plain(out);
}

void imputer(Call& c) {
  const Tensor x = c.tensor(0);
  Tensor given, replaced;
  if (is_float(c.element(0))) {
    const double missing = c.attribute("replaced_value_float", 0.0);
    replaced = std::isnan(missing) ? isnan(x) : eq(x, missing);
    given = cast(row_of(c.floats("imputed_value_floats")), x.dtype());
  } else {
    const int64_t missing = c.attribute("replaced_value_int64", int64_t{0});
    replaced = eq(cast(x, DType::kInt64), Tensor::from(std::vector<int64_t>{missing}, {}));
    const std::vector<int64_t> values = c.integers("imputed_value_int64s");
    given = cast(Tensor::from(values, {static_cast<int64_t>(values.size())}), x.dtype());
  }
  if (x.rank() == 0 || (given.numel() != 1 && given.numel() != x.dim(-1)))
    c.fail("{} imputed values for {}", given.numel(), describe(c.value(0)));
  c.same_type(where(replaced, given, x));
}

void feature_vectorizer(Call& c) {
  const std::vector<int64_t> sizes = c.integers("inputdimensions");
  std::vector<Tensor> parts;
  for (size_t i = 0; i < c.inputs(); ++i) {
    Tensor x = cast(c.tensor(i), DType::kFloat32);
    if (x.rank() == 1) x = unsqueeze(x, 0);
    if (x.rank() != 2) c.fail("input {} is {}, expected [N, C]", i, describe(c.value(i)));
    if (!sizes.empty() && (i >= sizes.size() || sizes[i] != x.dim(1)))
      c.fail("input {} is {}, which inputdimensions does not say", i, describe(c.value(i)));
    parts.push_back(x);
  }
  c.plain(cat(parts, 1));
}

/// x W^T + b of each sample, for `rows` models.
std::vector<double> linear_scores(const Call& c, const Samples& x, size_t rows) {
  const std::vector<float> weights = c.floats("coefficients"), intercepts = c.floats("intercepts");
  const size_t features = static_cast<size_t>(x.features);
  if (rows == 0 || features > weights.size() || weights.size() != rows * features ||
      (!intercepts.empty() && intercepts.size() != rows)) {
    c.fail("{} coefficients and {} intercepts for {} models of {} features", weights.size(),
           intercepts.size(), rows, x.features);
  }
  std::vector<double> scores;
  for (int64_t i = 0; i < x.count; ++i) {
    for (size_t r = 0; r < rows; ++r) {
      double sum = intercepts.empty() ? 0 : static_cast<double>(intercepts[r]);
      for (size_t f = 0; f < features; ++f)
        sum += static_cast<double>(weights[r * features + f]) * x.row(i)[f];
      scores.push_back(sum);
    }
  }
  return scores;
}

void linear_regressor(Call& c) {
  const Samples x = samples_of(c, 0);
  const int64_t targets = c.attribute("targets", int64_t{1});
  if (targets < 1) c.fail("it has {} targets", targets);
  std::vector<double> scores = linear_scores(c, x, static_cast<size_t>(targets));
  const PostTransform how = post_transform(c);
  for (int64_t i = 0; i < x.count; ++i)
    transform(how, scores.data() + i * targets, static_cast<size_t>(targets));
  c.output(scores_value(scores, targets));
}

void linear_classifier(Call& c) {
  const Samples x = samples_of(c, 0);
  const Labels labels(c, "classlabels_ints");
  const PostTransform how = post_transform(c);
  const size_t weights = c.floats("coefficients").size();
  const size_t models = x.features > 0 ? weights / static_cast<size_t>(x.features) : 0;
  // One model tells two classes apart.
  const bool binary = models == 1 && labels.size() == 2;
  if (!binary && models != labels.size()) c.fail("{} labels for {} models", labels.size(), models);
  const std::vector<double> raw = linear_scores(c, x, models);
  std::vector<double> scores;
  std::vector<size_t> chosen;
  for (int64_t i = 0; i < x.count; ++i) {
    const double* own = raw.data() + i * static_cast<int64_t>(models);
    if (binary) {
      chosen.push_back(own[0] > 0 ? 1 : 0);
      const bool logistic = how == PostTransform::kLogistic;
      scores.push_back(logistic ? -own[0] : 1 - own[0]);
      scores.push_back(own[0]);
      if (logistic) transform(how, &scores[scores.size() - 2], 2);
    } else {
      chosen.push_back(largest(own, models));
      scores.insert(scores.end(), own, own + models);
      transform(how, &scores[scores.size() - models], models);
    }
  }
  c.output(0, labels.at(chosen));
  c.output(1, scores_value(scores, static_cast<int64_t>(labels.size())));
}

constexpr Operator kOperators[] = {
    {"ArrayFeatureExtractor", &array_feature_extractor, 1, kDomain, false, 2},
    {"Binarizer", &binarizer, 1, kDomain, true, 1},
    {"LabelEncoder", &label_encoder_1, 1, kDomain, true, 1},
    {"LabelEncoder", &label_encoder, 2, kDomain, true, 1},
    {"CategoryMapper", &category_mapper, 1, kDomain, true, 1},
    {"Scaler", &scaler, 1, kDomain, true, 1},
    {"Normalizer", &normalizer, 1, kDomain, true, 1},
    {"OneHotEncoder", &one_hot_encoder, 1, kDomain, false, 1},
    {"Imputer", &imputer, 1, kDomain, true, 1},
    {"FeatureVectorizer", &feature_vectorizer, 1, kDomain, true, 1},
    {"LinearRegressor", &linear_regressor, 1, kDomain, true, 1},
    {"LinearClassifier", &linear_classifier, 1, kDomain, true, 1},
};

}  // namespace

std::span<const Operator> classic_operators() { return kOperators; }

}  // namespace dlb::graph
