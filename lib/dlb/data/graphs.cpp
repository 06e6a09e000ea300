#include "dlb/data/graphs.h"

#include <utility>

namespace dlb::data {

Fields GraphsSource::fields() {
  static const std::vector<Field> list = with_sample_fields<GraphsSource>({
      field<&GraphsSource::nodes>("nodes", "most nodes of a graph", between(5, 1000)),
      field<&GraphsSource::min_nodes>("min_nodes", "fewest nodes of a graph", between(5, 1000)),
      field<&GraphsSource::classes>("classes", "how many of ring, star, path, complete, wheel there are",
                                    between(2, 5)),
      field<&GraphsSource::self_loops>("self_loops", "an edge from each node to itself"),
  });
  return list;
}

void GraphsSource::check(const SourceOptions& options) const {
  if (min_nodes > nodes)
    throw field_error(options, "min_nodes",
                      fmt::format("graphs: min_nodes {} is above nodes {}", min_nodes, nodes));
}

SampleSpec GraphsSource::sample_spec() const {
  const int64_t most = classes > 3 ? nodes * (nodes - 1) / 2 : 2 * nodes;
  const int64_t edges = 2 * most + (self_loops ? nodes : 0);
  SampleSpec spec;
  spec.columns = {
      {"x", make_spec({nodes, 1}, DType::kFloat32), Collate::kJoin},
      {"edges", make_spec({edges, 2}, DType::kInt64), Collate::kJoin, 0, 0},
      {"graph", make_spec({nodes}, DType::kInt64), Collate::kJoin, 0, 3},
      {"label", make_spec({}, DType::kInt64)},
  };
  spec.inputs = 3;
  spec.classes = classes;
  spec.facts["nodes"] = nodes;
  spec.facts["edges"] = edges;
  return spec;
}

void GraphsSource::make(RandomStream& random, TableBuilder& table) const {
  const int64_t n =
      min_nodes + static_cast<int64_t>(random.below(static_cast<uint64_t>(nodes - min_nodes + 1)));
  const int64_t label = static_cast<int64_t>(random.below(static_cast<uint64_t>(classes)));
  std::vector<std::pair<int64_t, int64_t>> links;
  const auto ring = [&](int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) links.emplace_back(first + i, first + (i + 1) % count);
  };
  const auto star = [&] {
    for (int64_t i = 1; i < n; ++i) links.emplace_back(0, i);
  };
  switch (label) {
    case 0:
      ring(0, n);
      break;
    case 1:
      star();
      break;
    case 2:
      for (int64_t i = 0; i + 1 < n; ++i) links.emplace_back(i, i + 1);
      break;
    case 3:
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < i; ++j) links.emplace_back(i, j);
      }
      break;
    default:
      star();
      ring(1, n - 1);
  }
  const std::vector<int64_t> place = random.permutation(n);
  float* x = table.row<float>(0, n);
  for (int64_t i = 0; i < n; ++i) x[i] = 1;
  int64_t* edge = table.row<int64_t>(1, 2 * std::ssize(links) + (self_loops ? n : 0));
  const auto put = [&](int64_t from, int64_t to) {
    *edge++ = place[static_cast<size_t>(from)];
    *edge++ = place[static_cast<size_t>(to)];
  };
  for (const auto& [a, b] : links) {
    put(a, b);
    put(b, a);
  }
  for (int64_t i = 0; self_loops && i < n; ++i) put(i, i);
  table.row<int64_t>(2, n);
  *table.row<int64_t>(3) = label;
}

}  // namespace dlb::data
