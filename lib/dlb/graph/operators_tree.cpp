// Ensembles of decision trees of ONNX's domain ai.onnx.ml.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "dlb/graph/class_scores.h"

namespace dlb::graph {

namespace {

constexpr std::string_view kDomain = "ai.onnx.ml";

enum class Branch : uint8_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember, kLeaf };
constexpr std::array<std::string_view, 8> kBranchNames = {
    "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"};

struct Vote {
  size_t target;
  double weight;
};

struct TreeNode {
  Branch branch = Branch::kLeaf;
  int64_t feature = 0;
  double threshold = 0;
  bool missing_is_true = false;
  int64_t if_true = -1, if_false = -1;  ///< nodes
  std::vector<double> members;
  std::vector<Vote> votes;  ///< of a leaf
};

enum class Aggregate : uint8_t { kAverage, kSum, kMin, kMax };

struct Ensemble {
  std::vector<TreeNode> nodes;
  std::vector<size_t> roots;
  size_t targets = 0;
  Aggregate aggregate = Aggregate::kSum;
  std::vector<double> base;
};

bool goes_true(const TreeNode& n, double x) {
  if (std::isnan(x) && n.missing_is_true) return true;
  switch (n.branch) {
    case Branch::kLessEqual:
      return x <= n.threshold;
    case Branch::kLess:
      return x < n.threshold;
    case Branch::kGreaterEqual:
      return x >= n.threshold;
    case Branch::kGreater:
      return x > n.threshold;
    case Branch::kEqual:
      return x == n.threshold;
    case Branch::kNotEqual:
      return x != n.threshold;
    default:
      return std::find(n.members.begin(), n.members.end(), x) != n.members.end();
  }
}

const TreeNode& leaf_of(const Call& c, const Ensemble& e, size_t root, const double* x, int64_t features) {
  size_t at = root;
  for (size_t steps = 0; e.nodes[at].branch != Branch::kLeaf; ++steps) {
    if (steps > e.nodes.size()) c.fail("its nodes lead in a circle");
    const TreeNode& n = e.nodes[at];
    if (n.feature >= features) c.fail("feature {} of samples with {}", n.feature, features);
    at = static_cast<size_t>(goes_true(n, x[n.feature]) ? n.if_true : n.if_false);
  }
  return e.nodes[at];
}

/// The scores of one sample.
std::vector<double> scores_of(const Call& c, const Ensemble& e, const double* x, int64_t features) {
  std::vector<double> scores(e.targets, 0);
  std::vector<bool> voted(e.targets, false);
  for (const size_t root : e.roots) {
    for (const Vote& vote : leaf_of(c, e, root, x, features).votes) {
      double& score = scores[vote.target];
      if (e.aggregate == Aggregate::kMin && voted[vote.target]) {
        score = std::min(score, vote.weight);
      } else if (e.aggregate == Aggregate::kMax && voted[vote.target]) {
        score = std::max(score, vote.weight);
      } else {
        score += vote.weight;
      }
      voted[vote.target] = true;
    }
  }
  for (size_t i = 0; i < e.targets; ++i) {
    if (e.aggregate == Aggregate::kAverage) scores[i] /= static_cast<double>(e.roots.size());
    if (!e.base.empty()) scores[i] += e.base[e.base.size() == 1 ? 0 : i];
  }
  return scores;
}

std::vector<double> tensor_numbers(const Call& c, const std::string& name) {
  const Value& v = c.attribute_value(name);
  if (!v.is_tensor()) c.fail("attribute '{}' holds no numbers", name);
  return v.tensor.to_vector<double>();
}

/// A list of floats, which may also be given as a tensor.
std::vector<double> numbers(const Call& c, const std::string& name) {
  if (c.has_attribute(name + "_as_tensor")) return tensor_numbers(c, name + "_as_tensor");
  const std::vector<float> values = c.floats(name);
  return {values.begin(), values.end()};
}

void check_base(const Call& c, const Ensemble& e) {
  if (!e.base.empty() && e.base.size() != 1 && e.base.size() != e.targets)
    c.fail("{} base values for {} targets", e.base.size(), e.targets);
}

/// Classifier and regressor of opsets 1 to 4: nodes named by tree and number, votes in a list of their own.
Ensemble named_ensemble(const Call& c, const std::string& votes, size_t targets) {
  Ensemble e;
  e.targets = targets;
  const std::vector<int64_t> trees = c.integers("nodes_treeids"), ids = c.integers("nodes_nodeids"),
                             features = c.integers("nodes_featureids"), yes = c.integers("nodes_truenodeids"),
                             no = c.integers("nodes_falsenodeids"),
                             missing = c.integers("nodes_missing_value_tracks_true");
  const std::vector<std::string> modes = c.strings("nodes_modes");
  const std::vector<double> thresholds = numbers(c, "nodes_values");
  const size_t n = ids.size();
  if (n == 0 || trees.size() != n || features.size() != n || yes.size() != n || no.size() != n ||
      modes.size() != n || thresholds.size() != n || (!missing.empty() && missing.size() != n)) {
    c.fail("its lists of nodes have different lengths or are empty");
  }
  std::map<std::pair<int64_t, int64_t>, size_t> places;
  std::set<int64_t> seen;
  for (size_t i = 0; i < n; ++i) {
    if (!places.emplace(std::pair(trees[i], ids[i]), i).second)
      c.fail("node {} of tree {} is there twice", ids[i], trees[i]);
    if (seen.insert(trees[i]).second) e.roots.push_back(i);
  }
  for (size_t i = 0; i < n; ++i) {
    TreeNode node;
    const auto mode = std::find(kBranchNames.begin(), kBranchNames.end(), modes[i]);
    node.branch = static_cast<Branch>(mode - kBranchNames.begin());
    if (mode == kBranchNames.end() || node.branch == Branch::kMember) c.fail("mode '{}' of a node", modes[i]);
    node.feature = features[i];
    node.threshold = thresholds[i];
    node.missing_is_true = !missing.empty() && missing[i] != 0;
    if (node.branch != Branch::kLeaf) {
      const auto a = places.find({trees[i], yes[i]}), b = places.find({trees[i], no[i]});
      if (a == places.end() || b == places.end() || node.feature < 0)
        c.fail("node {} of tree {} leads nowhere", ids[i], trees[i]);
      node.if_true = static_cast<int64_t>(a->second);
      node.if_false = static_cast<int64_t>(b->second);
    }
    e.nodes.push_back(std::move(node));
  }
  const std::vector<int64_t> vote_trees = c.integers(votes + "_treeids"),
                             vote_nodes = c.integers(votes + "_nodeids"),
                             vote_targets = c.integers(votes + "_ids");
  const std::vector<double> weights = numbers(c, votes + "_weights");
  if (vote_nodes.size() != weights.size() || vote_trees.size() != weights.size() ||
      vote_targets.size() != weights.size()) {
    c.fail("its lists of votes have different lengths");
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto at = places.find({vote_trees[i], vote_nodes[i]});
    if (at == places.end() || vote_targets[i] < 0 || vote_targets[i] >= static_cast<int64_t>(targets))
      c.fail("vote {} is of no node or for no target", i);
    e.nodes[at->second].votes.push_back({static_cast<size_t>(vote_targets[i]), weights[i]});
  }
  e.base = numbers(c, "base_values");
  check_base(c, e);
  return e;
}

void tree_regressor(Call& c) {
  const Samples x = samples_of(c, 0);
  const int64_t targets = c.attribute("n_targets", int64_t{1});
  if (targets < 1 || targets > 1'000'000) c.fail("it has {} targets", targets);
  Ensemble e = named_ensemble(c, "target", static_cast<size_t>(targets));
  const std::string how = c.attribute("aggregate_function", "SUM");
  constexpr std::array<std::string_view, 4> kNames = {"AVERAGE", "SUM", "MIN", "MAX"};
  const auto at = std::find(kNames.begin(), kNames.end(), how);
  if (at == kNames.end()) c.fail("aggregate_function '{}' is unknown", how);
  e.aggregate = static_cast<Aggregate>(at - kNames.begin());
  const PostTransform transforms = post_transform(c);
  std::vector<double> all;
  for (int64_t i = 0; i < x.count; ++i) {
    std::vector<double> scores = scores_of(c, e, x.row(i), x.features);
    transform(transforms, scores.data(), scores.size());
    all.insert(all.end(), scores.begin(), scores.end());
  }
  c.output(scores_value(all, targets));
}

void tree_classifier(Call& c) {
  const Samples x = samples_of(c, 0);
  const Labels labels(c, "classlabels_int64s");
  const Ensemble e = named_ensemble(c, "class", labels.size());
  const PostTransform transforms = post_transform(c);
  // Votes for one class of two alone: what they add up to says how likely the second is. If they are for the
  // first by name, the other score is derived from it.
  std::set<size_t> voted;
  bool all_positive = true;
  for (const TreeNode& node : e.nodes) {
    for (const Vote& vote : node.votes) {
      voted.insert(vote.target);
      all_positive = all_positive && vote.weight >= 0;
    }
  }
  const bool binary = labels.size() == 2 && voted.size() == 1;
  std::vector<double> all;
  std::vector<size_t> chosen;
  for (int64_t i = 0; i < x.count; ++i) {
    std::vector<double> scores = scores_of(c, e, x.row(i), x.features);
    if (binary) {
      // Compared as the float32 that it becomes: 0.3 + 0.2 is no more than a half.
      const double score = scores[*voted.begin()];
      chosen.push_back(static_cast<float>(score) > (all_positive ? 0.5F : 0.0F) ? 1 : 0);
      if (voted.count(1) > 0) {
        transform(transforms, scores.data(), 2);
      } else if (transforms == PostTransform::kLogistic) {
        scores = {-score, score};
        transform(transforms, scores.data(), 2);
      } else {
        scores = {all_positive ? 1 - score : -score, score};
      }
    } else {
      chosen.push_back(largest(scores.data(), scores.size()));
      transform(transforms, scores.data(), scores.size());
    }
    all.insert(all.end(), scores.begin(), scores.end());
  }
  c.output(0, labels.at(chosen));
  c.output(1, scores_value(all, static_cast<int64_t>(labels.size())));
}

/// The ensemble of opset 5: inner nodes and leaves in lists of their own.
Ensemble listed_ensemble(const Call& c) {
  Ensemble e;
  const int64_t targets = c.attribute("n_targets", int64_t{1});
  if (targets < 1 || targets > 1'000'000) c.fail("it has {} targets", targets);
  e.targets = static_cast<size_t>(targets);
  const std::vector<int64_t> features = c.integers("nodes_featureids"), yes = c.integers("nodes_truenodeids"),
                             no = c.integers("nodes_falsenodeids"), yes_leaf = c.integers("nodes_trueleafs"),
                             no_leaf = c.integers("nodes_falseleafs"),
                             leaf_targets = c.integers("leaf_targetids"),
                             missing = c.integers("nodes_missing_value_tracks_true");
  const std::vector<double> modes = tensor_numbers(c, "nodes_modes"),
                            splits = tensor_numbers(c, "nodes_splits"),
                            weights = tensor_numbers(c, "leaf_weights"),
                            members = c.has_attribute("membership_values")
                                          ? tensor_numbers(c, "membership_values")
                                          : std::vector<double>();
  const size_t n = features.size();
  if (n == 0 || yes.size() != n || no.size() != n || yes_leaf.size() != n || no_leaf.size() != n ||
      modes.size() != n || splits.size() != n || (!missing.empty() && missing.size() != n) ||
      weights.size() != leaf_targets.size()) {
    c.fail("its lists of nodes or leaves have different lengths or are empty");
  }
  const auto place = [&](int64_t id, int64_t is_leaf) {
    const size_t count = is_leaf != 0 ? weights.size() : n;
    if (id < 0 || static_cast<size_t>(id) >= count) c.fail("a node leads to {} of {}", id, count);
    return is_leaf != 0 ? static_cast<int64_t>(n) + id : id;  // leaves stand behind the inner nodes
  };
  size_t member = 0;
  for (size_t i = 0; i < n; ++i) {
    TreeNode node;
    if (!(modes[i] >= 0 && modes[i] <= 6) || features[i] < 0)
      c.fail("node {} has mode {} and feature {}", i, modes[i], features[i]);
    node.branch = static_cast<Branch>(static_cast<int>(modes[i]));
    node.feature = features[i];
    node.threshold = splits[i];
    node.missing_is_true = !missing.empty() && missing[i] != 0;
    node.if_true = place(yes[i], yes_leaf[i]);
    node.if_false = place(no[i], no_leaf[i]);
    if (node.branch == Branch::kMember) {
      while (member < members.size() && !std::isnan(members[member]))
        node.members.push_back(members[member++]);
      ++member;  // sets end with NaN
    }
    e.nodes.push_back(std::move(node));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (leaf_targets[i] < 0 || leaf_targets[i] >= targets)
      c.fail("leaf {} is for target {}", i, leaf_targets[i]);
    TreeNode leaf;
    leaf.votes.push_back({static_cast<size_t>(leaf_targets[i]), weights[i]});
    e.nodes.push_back(std::move(leaf));
  }
  for (const int64_t root : c.integers("tree_roots")) e.roots.push_back(static_cast<size_t>(place(root, 0)));
  const int64_t how = c.attribute("aggregate_function", int64_t{1});
  if (how < 0 || how > 3) c.fail("aggregate_function {} is unknown", how);
  e.aggregate = static_cast<Aggregate>(how);
  return e;
}

void tree_ensemble(Call& c) {
  const Samples x = samples_of(c, 0);
  const Ensemble e = listed_ensemble(c);
  const int64_t transforms = c.attribute("post_transform", int64_t{0});
  if (transforms < 0 || transforms > 4) c.fail("post_transform {} is unknown", transforms);
  std::vector<double> all;
  for (int64_t i = 0; i < x.count; ++i) {
    std::vector<double> scores = scores_of(c, e, x.row(i), x.features);
    transform(static_cast<PostTransform>(transforms), scores.data(), scores.size());
    all.insert(all.end(), scores.begin(), scores.end());
  }
  const Tensor y = Tensor::from(all, {x.count, static_cast<int64_t>(e.targets)});
  c.output(Value(convert(y, Element::kFloat64, c.element(0)), c.element(0)));
}

constexpr Operator kOperators[] = {
    {"TreeEnsembleRegressor", &tree_regressor, 1, kDomain, true, 1},
    {"TreeEnsembleClassifier", &tree_classifier, 1, kDomain, true, 1},
    {"TreeEnsemble", &tree_ensemble, 5, kDomain, true, 1},
};

}  // namespace

std::span<const Operator> tree_operators() { return kOperators; }

}  // namespace dlb::graph
