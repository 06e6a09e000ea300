#include "dlb/data/trees.h"

#include <algorithm>

namespace dlb::data {

namespace {

constexpr int64_t kNumbers = 10, kOperators = 3;

struct TreeNode {
  int64_t token;
  int64_t left;
  int64_t right;
  int64_t height;
  int64_t value;
};

int64_t below(RandomStream& random, int64_t n) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(n)));
}

int64_t apply(int64_t op, int64_t a, int64_t b) {
  if (op == 0) return std::max(a, b);
  return op == 1 ? std::min(a, b) : (a + b) % kNumbers;
}

/// Draws a tree and returns its root's row; the higher `levels`, the likelier an operator.
int64_t grow(RandomStream& random, int64_t levels, bool must, std::vector<TreeNode>& nodes) {
  const int64_t row = [&] {
    if (levels == 0 || (!must && below(random, 3) == 0)) {
      const int64_t number = below(random, kNumbers);
      nodes.push_back({number, -1, -1, 0, number});
      return std::ssize(nodes) - 1;
    }
    const int64_t op = below(random, kOperators);
    const int64_t left = grow(random, levels - 1, false, nodes);
    const int64_t right = grow(random, levels - 1, false, nodes);
    const TreeNode& a = nodes[static_cast<size_t>(left)];
    const TreeNode& b = nodes[static_cast<size_t>(right)];
    nodes.push_back(
        {kNumbers + op, left, right, std::max(a.height, b.height) + 1, apply(op, a.value, b.value)});
    return std::ssize(nodes) - 1;
  }();
  TreeNode& node = nodes[static_cast<size_t>(row)];
  if (node.left < 0) node.left = node.right = row;
  return row;
}

}  // namespace

Fields TreesSource::fields() {
  static const std::vector<Field> list = with_sample_fields<TreesSource>({
      field<&TreesSource::depth>("depth", "most levels of operators", between(1, 16)),
  });
  return list;
}

SampleSpec TreesSource::sample_spec() const {
  const int64_t most = (int64_t{2} << depth) - 1;
  SampleSpec spec;
  spec.columns = {
      {"tokens", make_spec({most}, DType::kInt64), Collate::kJoin},
      {"children", make_spec({most, 2}, DType::kInt64), Collate::kJoin, 0, 0},
      {"height", make_spec({most}, DType::kInt64), Collate::kJoin},
      {"root", make_spec({1}, DType::kInt64), Collate::kJoin, 0, 0},
      {"label", make_spec({}, DType::kInt64)},
  };
  spec.inputs = 4;
  spec.classes = kNumbers;
  spec.facts["vocab"] = kNumbers + kOperators;
  return spec;
}

void TreesSource::make(RandomStream& random, TableBuilder& table) const {
  std::vector<TreeNode> nodes;
  const int64_t root = grow(random, depth, true, nodes);
  const int64_t count = std::ssize(nodes);
  int64_t* tokens = table.row<int64_t>(0, count);
  int64_t* children = table.row<int64_t>(1, count);
  int64_t* height = table.row<int64_t>(2, count);
  for (size_t i = 0; i < nodes.size(); ++i) {
    tokens[i] = nodes[i].token;
    children[2 * i] = nodes[i].left;
    children[2 * i + 1] = nodes[i].right;
    height[i] = nodes[i].height;
  }
  *table.row<int64_t>(3, 1) = root;
  *table.row<int64_t>(4) = nodes[static_cast<size_t>(root)].value;
}

}  // namespace dlb::data
