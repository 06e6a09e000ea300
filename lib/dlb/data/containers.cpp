#include "dlb/data/containers.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

bool read_list(config::Reader& reader, const config::Node& node,
               std::vector<std::shared_ptr<Transform>>& parts) {
  const std::vector<config::Node> one = {node};
  bool good = true;
  for (const config::Node& item : node.is_list() ? node.items() : one) {
    std::unique_ptr<Transform> made = make_transform(reader, item);
    if (made == nullptr) good = false;
    parts.push_back(std::move(made));
  }
  if (parts.empty()) {
    reader.error(node, "transforms: expected at least one transform");
    good = false;
  }
  return good;
}

}  // namespace

Fields RandomApply::fields() {
  static const Field list[] = {
      required<&RandomApply::transforms>("transforms", "a transform, or a list of them"),
      field<&RandomApply::p>("p", "probability", between(0, 1)),
  };
  return list;
}

bool RandomApply::read_parts(config::Reader& reader) { return read_list(reader, transforms, parts_); }

TensorSpec RandomApply::prepare(const TensorSpec& in) {
  TensorSpec spec = in;
  bytes_ = in.bytes();
  for (const auto& part : parts_) {
    spec = part->prepare(spec);
    scratch_bytes_ = std::max(scratch_bytes_, spec.bytes());
  }
  if (!same_samples(spec, in)) {
    fail(ErrorKind::kShape,
         "random_apply: its transforms make {} of {}; they must keep the shape and the type", spec_text(spec),
         spec_text(in));
  }
  return in;
}

void RandomApply::apply(const void* in, void* out, RandomStream& random) const {
  if (!(random.uniform_double() < p)) {
    std::memcpy(out, in, bytes_);
    return;
  }
  Scratch a(scratch_bytes_), b(scratch_bytes_);
  for (size_t i = 0; i < parts_.size(); ++i) {
    void* to = i + 1 == parts_.size() ? out : i % 2 == 0 ? a.data() : b.data();
    parts_[i]->apply(in, to, random);
    in = to;
  }
}

Fields RandomChoice::fields() {
  static const Field list[] = {
      required<&RandomChoice::transforms>("transforms", "the list to choose from"),
      field<&RandomChoice::p>("p", "weights, one per transform; none: all the same", non_negative()),
  };
  return list;
}

bool RandomChoice::read_parts(config::Reader& reader) {
  if (!read_list(reader, transforms, parts_)) return false;
  if (!p.empty() && (p.size() != parts_.size() || std::accumulate(p.begin(), p.end(), 0.0) <= 0)) {
    reader.error(transforms, fmt::format("random_choice: p has {} weights; expected one for each of the {} "
                                         "transforms, not all 0",
                                         p.size(), parts_.size()));
    return false;
  }
  return true;
}

TensorSpec RandomChoice::prepare(const TensorSpec& in) {
  const TensorSpec first = parts_.front()->prepare(in);
  for (size_t i = 1; i < parts_.size(); ++i) {
    const TensorSpec other = parts_[i]->prepare(in);
    if (!same_samples(first, other)) {
      fail(ErrorKind::kShape,
           "random_choice: its first transform makes {}, number {} makes {}; expected the same",
           spec_text(first), i + 1, spec_text(other));
    }
  }
  return first;
}

void RandomChoice::apply(const void* in, void* out, RandomStream& random) const {
  size_t chosen = parts_.size() - 1;
  if (p.empty()) {
    chosen = random.below(parts_.size());
  } else {
    double left = random.uniform_double() * std::accumulate(p.begin(), p.end(), 0.0);
    // A transform of weight 0 is never chosen, rounding or not.
    while (chosen > 0 && p[chosen] == 0) --chosen;
    for (size_t i = 0; i < chosen; ++i) {
      left -= p[i];
      if (left < 0 && p[i] > 0) {
        chosen = i;
        break;
      }
    }
  }
  parts_[chosen]->apply(in, out, random);
}

}  // namespace dlb::data
