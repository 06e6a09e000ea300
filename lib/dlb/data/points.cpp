#include "dlb/data/points.h"

#include <cmath>
#include <numbers>

namespace dlb::data {

Fields PointsSource::fields() {
  static const std::vector<Field> list = with_sample_fields<PointsSource>({
      field<&PointsSource::task>("task", "how the classes lie",
                                 one_of({"two_moons", "circles", "spirals", "blobs", "xor"})),
      field<&PointsSource::classes>("classes", "number of classes: circles, arms or clouds",
                                    between(2, 1000)),
      field<&PointsSource::noise>("noise", "standard deviation of the noise", non_negative()),
  });
  return list;
}

void PointsSource::check(const SourceOptions& options) const {
  if (classes != 2 && (task == "two_moons" || task == "xor"))
    throw field_error(options, "classes", fmt::format("points: {} has 2 classes, not {}", task, classes));
}

SampleSpec PointsSource::sample_spec() const {
  return labelled(make_spec({2}, DType::kFloat32), classes, "x");
}

void PointsSource::make(RandomStream& random, TableBuilder& table) const {
  const int64_t label = static_cast<int64_t>(random.below(static_cast<uint64_t>(classes)));
  const double u = random.uniform_double();
  const double k = static_cast<double>(label), n = static_cast<double>(classes);
  constexpr double kTurn = 2 * std::numbers::pi;
  double x = 0, y = 0;
  if (task == "two_moons") {
    const double angle = u * std::numbers::pi;
    x = label == 0 ? std::cos(angle) : 1 - std::cos(angle);
    y = label == 0 ? std::sin(angle) : 0.5 - std::sin(angle);
  } else if (task == "circles") {
    x = (k + 1) / n * std::cos(u * kTurn);
    y = (k + 1) / n * std::sin(u * kTurn);
  } else if (task == "spirals") {
    const double angle = u * kTurn + k / n * kTurn;
    x = u * std::cos(angle);
    y = u * std::sin(angle);
  } else if (task == "blobs") {
    x = std::cos(k / n * kTurn);
    y = std::sin(k / n * kTurn);
  } else {
    x = 2 * u - 1;
    y = random.uniform_double();
    if ((x < 0) == (label == 1)) y = -y;
  }
  float* out = table.row<float>(0);
  out[0] = static_cast<float>(x + noise * static_cast<double>(random.normal()));
  out[1] = static_cast<float>(y + noise * static_cast<double>(random.normal()));
  *table.row<int64_t>(1) = label;
}

Fields CurveSource::fields() {
  static const std::vector<Field> list = with_sample_fields<CurveSource>({
      field<&CurveSource::function>("function", "what is to be fitted",
                                    one_of({"sine", "cubic", "step", "abs", "damped"})),
      field<&CurveSource::low>("low", "smallest x", between(-1e6, 1e6)),
      field<&CurveSource::high>("high", "largest x", between(-1e6, 1e6)),
      field<&CurveSource::noise>("noise", "standard deviation of the noise of y", non_negative()),
  });
  return list;
}

void CurveSource::check(const SourceOptions& options) const {
  if (!(low < high))
    throw field_error(options, "low", fmt::format("curve: low {} must be below high {}", low, high));
}

SampleSpec CurveSource::sample_spec() const {
  SampleSpec spec;
  spec.columns = {{"x", make_spec({1}, DType::kFloat32)}, {"y", make_spec({1}, DType::kFloat32)}};
  return spec;
}

void CurveSource::make(RandomStream& random, TableBuilder& table) const {
  const double x = low + (high - low) * random.uniform_double();
  const double y = function == "sine"    ? std::sin(x)
                   : function == "cubic" ? x * x * x / 10
                   : function == "step"  ? (x >= 0 ? 1 : 0)
                   : function == "abs"   ? std::abs(x)
                                         : std::exp(-std::abs(x) / 4) * std::sin(2 * x);
  *table.row<float>(0) = static_cast<float>(x);
  *table.row<float>(1) = static_cast<float>(y + noise * static_cast<double>(random.normal()));
}

}  // namespace dlb::data
