#include "dlb/report/curve.h"

#include <algorithm>
#include <cmath>

namespace dlb::report {

void Curve::add(const Point& point) {
  Bucket one;
  if (std::isfinite(point.value)) {
    one.low = one.high = Kept{size_, point};
    last_ = point;
    if (!lowest_ || point.value < lowest_->value) lowest_ = point;
    if (!highest_ || point.value > highest_->value) highest_ = point;
  } else {
    one.odd = Kept{size_, point};
  }
  if (size_ % width_ == 0) {
    if (buckets_.size() >= most_) halve();
    // A width that has just grown may have made room in the last bucket.
    if (size_ % width_ == 0) {
      buckets_.push_back(one);
    } else {
      join(buckets_.back(), one);
    }
  } else {
    join(buckets_.back(), one);
  }
  ++size_;
}

void Curve::join(Bucket& a, const Bucket& b) {
  if (b.low && (!a.low || b.low->point.value < a.low->point.value)) a.low = b.low;
  if (b.high && (!a.high || b.high->point.value > a.high->point.value)) a.high = b.high;
  if (!a.odd) a.odd = b.odd;
}

void Curve::halve() {
  width_ *= 2;
  size_t to = 0;
  for (size_t from = 0; from < buckets_.size(); from += 2, ++to) {
    buckets_[to] = buckets_[from];
    if (from + 1 < buckets_.size()) join(buckets_[to], buckets_[from + 1]);
  }
  buckets_.resize(to);
}

std::vector<Point> Curve::points() const {
  std::vector<Point> out;
  for (const Bucket& bucket : buckets_) {
    std::vector<Kept> kept;
    for (const std::optional<Kept>& k : {bucket.low, bucket.high, bucket.odd}) {
      if (k) kept.push_back(*k);
    }
    std::sort(kept.begin(), kept.end(), [](const Kept& a, const Kept& b) { return a.at < b.at; });
    for (size_t i = 0; i < kept.size(); ++i) {
      if (i == 0 || kept[i].at != kept[i - 1].at) out.push_back(kept[i].point);
    }
  }
  return out;
}

}  // namespace dlb::report
