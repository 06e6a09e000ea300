#pragma once
/// \file Records that the tests of this folder make by hand.

#include <string>
#include <vector>

#include "dlb/ops/op.h"
#include "dlb/profile/profile.h"

namespace dlb::profile {

inline Record record(Record::Kind kind, uint32_t depth, int64_t begin, int64_t end, WorkPart part,
                     const std::string* name = nullptr) {
  Record r;
  r.kind = kind;
  r.depth = depth;
  r.begin = begin;
  r.end = end;
  r.part = part;
  r.name = name;
  if (kind == Record::Kind::kOperator) r.op = find_op("add");
  return r;
}

/// A step of 1 ms from `start` on: a forward part with a layer that runs an operator twice, and a backward
/// part with its gradient.
inline std::vector<Record> small_step(const std::string& layer, int64_t start = 0) {
  using Kind = Record::Kind;
  const WorkPart f = WorkPart::kForward, b = WorkPart::kBackward;
  std::vector<Record> records = {record(Kind::kPart, 0, 100'000, 500'000, f),
                                 record(Kind::kPlace, 1, 150'000, 450'000, f, &layer),
                                 record(Kind::kOperator, 2, 200'000, 300'000, f, &layer),
                                 record(Kind::kOperator, 2, 300'000, 400'000, f, &layer),
                                 record(Kind::kPart, 0, 500'000, 900'000, b),
                                 record(Kind::kGradient, 1, 500'000, 900'000, b, &layer),
                                 record(Kind::kOperator, 2, 550'000, 850'000, b, &layer)};
  for (Record& r : records) {
    r.begin += start;
    r.end += start;
    if (r.kind == Kind::kOperator) r.cost = {1000, 2000};
  }
  return records;
}

}  // namespace dlb::profile
