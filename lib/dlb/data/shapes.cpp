#include "dlb/data/shapes.h"

#include <cmath>
#include <set>

namespace dlb::data {

namespace {

constexpr int64_t kKinds = 3;

/// Whether the point (dx, dy) from the centre, with y downwards, is inside a shape of radius `r`.
bool inside(int64_t kind, double dx, double dy, double r) {
  if (kind == 0) return dx * dx + dy * dy <= r * r;
  if (kind == 1) return std::abs(dx) <= 0.85 * r && std::abs(dy) <= 0.85 * r;
  // Its tip is above, its base below the centre.
  return dy <= 0.7 * r && dy >= -r && std::abs(dx) <= 0.6 * (dy + r);
}

}  // namespace

Fields ShapesSource::fields() {
  static const std::vector<Field> list = with_sample_fields<ShapesSource>({
      field<&ShapesSource::side>("size", "height and width of a picture", between(8, 1024)),
      field<&ShapesSource::channels>("channels", "1: grey, 3: colours", between(1, 3)),
      field<&ShapesSource::objects>("objects", "most objects in a picture", between(1, 32)),
      field<&ShapesSource::noise>("noise", "standard deviation of the noise", non_negative()),
      field<&ShapesSource::target>("target", "what is to be learned",
                                   one_of({"mask", "label", "count", "edges"})),
  });
  return list;
}

void ShapesSource::check(const SourceOptions& options) const {
  if (channels == 2) throw field_error(options, "channels", "shapes: channels must be 1 or 3, got 2");
  if (target == "label" && objects != 1)
    throw field_error(options, "objects",
                      fmt::format("shapes: a label is of one object, got objects: {}", objects));
}

SampleSpec ShapesSource::sample_spec() const {
  SampleSpec spec = labelled(image_spec(channels, side, side, DType::kFloat32), kKinds);
  if (target == "mask") {
    spec.columns[1] = {"mask", make_spec({side, side}, DType::kInt64)};
    spec.classes = kKinds + 1;
  } else if (target == "count") {
    spec.columns[1].name = "count";
    spec.classes = objects;
  } else if (target == "edges") {
    spec.columns[1] = {"edges", image_spec(1, side, side, DType::kFloat32)};
    spec.classes = 0;
  }
  return spec;
}

void ShapesSource::make(RandomStream& random, TableBuilder& table) const {
  const size_t width = static_cast<size_t>(side), depth = static_cast<size_t>(channels);
  const double extent = static_cast<double>(side);
  float* image = table.row<float>(0);
  std::vector<int64_t> owner(width * width, -1);  // number of the object that is seen at each pixel
  std::vector<int64_t> kinds;
  const int64_t count = 1 + static_cast<int64_t>(random.below(static_cast<uint64_t>(objects)));
  for (int64_t k = 0; k < count; ++k) {
    kinds.push_back(static_cast<int64_t>(random.below(kKinds)));
    const double radius = extent * (0.14 + 0.16 * random.uniform_double());
    const double cx = radius + (extent - 2 * radius) * random.uniform_double();
    const double cy = radius + (extent - 2 * radius) * random.uniform_double();
    float colour[3];
    for (size_t c = 0; c < depth; ++c) colour[c] = 0.4F + 0.6F * random.uniform();
    for (size_t y = 0; y < width; ++y) {
      for (size_t x = 0; x < width; ++x) {
        if (!inside(kinds.back(), static_cast<double>(x) + 0.5 - cx, static_cast<double>(y) + 0.5 - cy,
                    radius))
          continue;
        owner[y * width + x] = k;
        for (size_t c = 0; c < depth; ++c) image[(y * width + x) * depth + c] = colour[c];
      }
    }
  }
  for (size_t i = 0; i < width * width * depth; ++i) image[i] += static_cast<float>(noise) * random.normal();

  if (target == "mask") {
    int64_t* mask = table.row<int64_t>(1);
    for (size_t i = 0; i < owner.size(); ++i)
      mask[i] = owner[i] < 0 ? 0 : kinds[static_cast<size_t>(owner[i])] + 1;
  } else if (target == "label") {
    *table.row<int64_t>(1) = kinds.front();
  } else if (target == "count") {
    std::set<int64_t> seen(owner.begin(), owner.end());
    seen.erase(-1);
    *table.row<int64_t>(1) = static_cast<int64_t>(seen.size()) - 1;
  } else {
    float* edges = table.row<float>(1);
    for (size_t y = 0; y < width; ++y) {
      for (size_t x = 0; x < width; ++x) {
        const int64_t here = owner[y * width + x];
        const bool edge = (x + 1 < width && owner[y * width + x + 1] != here) ||
                          (y + 1 < width && owner[(y + 1) * width + x] != here);
        edges[y * width + x] = edge ? 1.0F : 0.0F;
      }
    }
  }
}

}  // namespace dlb::data
