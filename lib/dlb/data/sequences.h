#pragma once
/// \file The source `sequences`: made-up tasks on sequences of different lengths.

#include "dlb/data/generated.h"

namespace dlb::data {

/// Tasks on sequences of `min_length` to `length` tokens. Token 0 fills up, 1 begins, 2 ends; `vocab` counts
/// these three too, so symbols are 3 to vocab - 1.
///
/// Token to token (copy, reverse, sort, increment: each symbol's successor): with `form: aligned` tokens [T]
/// and target [T] of the same length; with `form: seq2seq` source [T] (the symbols and the end), decoder
/// [T + 1] (the begin, then the result) and target [T + 1] (the result, then the end). Targets are filled up
/// with -100.
/// Sequence to class: parity (of symbol 4 among 3 and 4: label 0 or 1), first (the class is the first
/// symbol's number), majority (the symbol that occurs most, the smaller one of equals), balanced (whether
/// brackets 3 ( and 4 ) are balanced): tokens [T], label [].
/// adding: x [T, 2], numbers in [0, 1) beside marks, of which two are 1; y [1] is the sum of the marked
/// numbers. **Source**: Hochreiter and Schmidhuber, "Long short-term memory", 1997.
struct SequencesSource final : GeneratedSource {
  std::string task = "copy";
  int64_t length = 10;
  int64_t min_length = 1;
  int64_t vocab = 13;
  std::string form = "aligned";
  static Fields fields();

 protected:
  void check(const SourceOptions& options) const override;
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;

 private:
  bool to_class() const;
  std::vector<int64_t> result_of(const std::vector<int64_t>& symbols) const;
  int64_t label_of(const std::vector<int64_t>& symbols) const;
  std::vector<int64_t> draw_symbols(RandomStream& random, int64_t count) const;
};

}  // namespace dlb::data
