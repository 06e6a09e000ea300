#pragma once
/// \file The source `trees`: arithmetic expressions as trees, for recursive models.

#include "dlb/data/generated.h"

namespace dlb::data {

/// Trees of numbers 0 to 9 and of the operators max, min and + (modulo 10) with two operands each, drawn at
/// random with at most `depth` levels of operators. The class is the value, 0 to 9.
///
/// Nodes stand with operands before operators, so that the root is the last one: tokens [n] (a number 0 to 9,
/// or 10 max, 11 min, 12 +), children [n, 2] (rows of the two operands; a number has its own row twice),
/// height [n] (0 of a number, else one more than the higher operand's), root [1] (the root's row); all are
/// joined in a batch, with rows counted through. label [] is the value.
struct TreesSource final : GeneratedSource {
  int64_t depth = 3;
  static Fields fields();

 protected:
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;
};

}  // namespace dlb::data
