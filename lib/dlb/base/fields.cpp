#include "dlb/base/fields.h"

#include <cmath>
#include <utility>

namespace dlb {

int64_t Duration::steps(int64_t steps_per_epoch) const {
  return std::llround(epochs ? count * static_cast<double>(steps_per_epoch) : count);
}

Constraint any_value() { return {}; }

Constraint positive() {
  Constraint c;
  c.min = 0;
  c.min_open = true;
  return c;
}

Constraint non_negative() { return at_least(0); }

Constraint at_least(double min) {
  Constraint c;
  c.min = min;
  return c;
}

Constraint between(double min, double max) {
  Constraint c;
  c.min = min;
  c.max = max;
  return c;
}

Constraint fraction() {
  Constraint c = between(0, 1);
  c.max_open = true;
  return c;
}

Constraint one_of(std::vector<std::string> choices) {
  Constraint c;
  c.choices = std::move(choices);
  return c;
}

Constraint items(Constraint c, size_t min, size_t max) {
  c.min_items = min;
  c.max_items = max;
  return c;
}

}  // namespace dlb
