#pragma once
/// \file Adding up records over steps: which operator took how long for which layer.

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "dlb/profile/peaks.h"
#include "dlb/profile/recorder.h"

namespace dlb::profile {

/// Of values measured once a step.
struct Spread {
  double median = 0, p10 = 0, p90 = 0, min = 0;
};
/// Percentiles are interpolated between neighbours. All 0 without values.
Spread spread_of(std::vector<double> values);

/// Work of one kind: an operator for a layer in one part of the step, or what these add up to.
struct Row {
  std::string name;   ///< the operator, or what is done outside of operators
  std::string layer;  ///< also a loss, the optimizer, the data; the part of the step where there is none
  std::string where;  ///< "file:line", "" where there is none
  std::string part;   ///< part_name()
  bool is_operator = true;  ///< false: time between operators
  double calls = 0;         ///< a step, as FLOPs and bytes are
  double flops = 0;
  double bytes = 0;
  /// Milliseconds a step: the median of the steps, or the mean where not every step has such work.
  double ms = 0;
  double p10 = 0, p90 = 0;        ///< of the steps
  double percent = 0;             ///< of all rows
  std::vector<double> step_ms{};  ///< step by step

  double gflops() const { return ms > 0 ? flops / ms * 1e-6 : 0; }
  double gb_per_s() const { return ms > 0 ? bytes / ms * 1e-6 : 0; }
  /// The larger one of the shares of both peaks: how close to the roofline. Work in a cache may exceed 100.
  double percent_of_peak(const Peaks& peaks) const;
};

/// Adds up steps.
class Tally {
 public:
  /// The records of one step, which took from `begin` to `end`.
  void add(std::span<const Record> records, int64_t begin, int64_t end);
  /// Everything that was done, longest first; the times add up to the steps.
  std::vector<Row> rows() const;
  /// Milliseconds of each part of the step, one after the other as the steps were.
  const std::array<std::vector<double>, kParts>& parts() const { return parts_; }
  size_t steps() const { return steps_; }

 private:
  /// Operator (null: outside of them), name and place of the layer, part.
  using Key = std::tuple<const OpDef*, const std::string*, const std::string*, WorkPart>;
  struct Sum {
    double calls = 0, flops = 0, bytes = 0;
    std::vector<double> ms;
  };
  void count(const Record& record, int64_t ns);

  std::map<Key, Sum> sums_;
  std::array<std::vector<double>, kParts> parts_;
  size_t steps_ = 0;
};

/// Adds up rows that `key` puts together; their names, layers and places are kept where all agree.
enum class GroupBy { kOperator, kLayer, kLine };
std::vector<Row> grouped(const std::vector<Row>& rows, GroupBy by);

/// Whether the operator is a matrix product or a convolution at heart.
bool is_product(std::string_view op);

}  // namespace dlb::profile
