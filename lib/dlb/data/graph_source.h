#pragma once
/// \file The source `graph`: one graph from text files, whose nodes are classified.

#include <memory>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"

namespace dlb::data {

/// A graph as two text files. `nodes` has a line for each node: its number (0, 1, ... in order), its class
/// (-1: none), its split (train, val, test or none) and its features: with `features: indices` the
/// numbers of those that are 1, with `features: values` all of them. `edges` has a line "u v" for each edge.
///
/// Each split is one sample, the whole graph, so `batch: 1` fits.
/// **Columns**: x [nodes, F] float32, edges [E, 2] int64 (source, destination), both joined in a batch;
/// target label [nodes], -100 for nodes of other splits.
struct GraphSource final : Source {
  std::string nodes;
  std::string edges;
  std::string features = "indices";
  int64_t width = 0;
  bool directed = false;
  bool self_loops = false;
  std::string normalize = "none";
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  std::map<std::string, std::string> checksums() const override;
  std::string changes_inputs() const override { return "lines become features and edges"; }

 private:
  struct Graph;
  const Graph& graph() const;
  std::string folder_;
  mutable std::shared_ptr<const Graph> graph_;
};

}  // namespace dlb::data
