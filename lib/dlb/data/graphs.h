#pragma once
/// \file The source `graphs`: many small made-up graphs with a class each.

#include "dlb/data/generated.h"

namespace dlb::data {

/// Graphs of `min_nodes` to `nodes` nodes in a random order, whose class is how they are built: 0 ring,
/// 1 star, 2 path, 3 complete, 4 wheel (a ring and a hub). Nodes have nothing but a constant, so that only
/// the edges tell the class.
/// **Shapes**: x [n, 1], edges [E, 2] (source, destination; both directions), graph [n] (number of the node's
/// graph in the batch), all joined; label [].
struct GraphsSource final : GeneratedSource {
  int64_t nodes = 12;
  int64_t min_nodes = 6;
  int64_t classes = 5;
  bool self_loops = false;
  static Fields fields();

 protected:
  void check(const SourceOptions& options) const override;
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;
};

}  // namespace dlb::data
