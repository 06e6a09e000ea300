#pragma once
/// \file A curve of any length, kept in bounded memory.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dlb::report {

struct Point {
  int64_t step = 0;
  double epoch = 0;
  double value = 0;  ///< NaN where the record has none that is finite
};

/// Takes in points one by one. Up to `most` of them are kept as they are; of more, neighbours are joined into
/// buckets of 2, 4, 8, ... points, of each of which the lowest, the highest and one that is not finite stay:
/// a peak is never lost, wherever it is.
class Curve {
 public:
  explicit Curve(size_t most = kMost) : most_(most) {}
  void add(const Point& point);
  /// Joins neighbouring buckets, so that about half as many points stay.
  void halve();

  /// What stays, in the order of add().
  std::vector<Point> points() const;
  int64_t size() const { return size_; }  ///< points taken in
  bool thinned() const { return width_ > 1; }
  std::optional<Point> last() const { return last_; }      ///< that is finite, as the next two
  std::optional<Point> lowest() const { return lowest_; }  ///< of equal ones the first
  std::optional<Point> highest() const { return highest_; }

  static constexpr size_t kMost = 2048;

 private:
  struct Kept {
    int64_t at;  ///< which of the points taken in
    Point point;
  };
  struct Bucket {
    std::optional<Kept> low, high, odd;
  };
  static void join(Bucket& a, const Bucket& b);

  size_t most_;
  int64_t width_ = 1;  ///< points of a full bucket
  int64_t size_ = 0;
  std::vector<Bucket> buckets_;
  std::optional<Point> last_, lowest_, highest_;
};

}  // namespace dlb::report
