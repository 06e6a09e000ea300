#include "dlb/report/config_differences.h"

#include <fmt/format.h>

#include <algorithm>

#include "dlb/config/yaml_writer.h"
#include "dlb/report/text.h"

namespace dlb::report {
namespace {

using config::Node;
/// By run; nullptr where a run lacks it.
using Nodes = std::vector<const Node*>;

/// Longer lists are matched by index: the table of the longest common subsequence has a cell for each pair.
constexpr size_t kMostPairs = 4'000'000;

bool is_scalar_list(const Node& node) {
  return node.is_list() &&
         std::all_of(node.items().begin(), node.items().end(), [](const Node& n) { return n.is_scalar(); });
}

/// Whether a value is shown as one: scalars, and lists of them.
bool is_leaf(const Node& node) {
  return node.is_map() ? node.entries().empty() : node.is_scalar() || is_scalar_list(node);
}

/// An item of a list as it is matched: "relu", "conv2d: {out: 8, as: stem}", "{name: critic, run: ...}".
struct Item {
  const Node* node;
  std::string type, name;
};

Item item_of(const Node& node) {
  Item item{&node, {}, {}};
  if (node.is_scalar()) item.type = node.brief();
  if (!node.is_map() || node.entries().empty()) return item;
  item.type = node.entries().front().key;
  for (const Node* map : {&node, &node.entries().front().value}) {
    for (const char* key : {"as", "id", "name"}) {
      const Node* name = map->is_map() && item.name.empty() ? map->find(key) : nullptr;
      if (name != nullptr && name->is_string()) item.name = name->as_string();
    }
  }
  return item;
}

/// How much two items are one: 0 for not at all.
int likeness(const Item& a, const Item& b) {
  if (!a.name.empty() && a.name == b.name) return same_value(*a.node, *b.node) ? 3 : 2;
  if (a.type != b.type) return 0;
  if (same_value(*a.node, *b.node)) return 3;
  return a.type.empty() ? 0 : 1;
}

/// The pairs of a common subsequence of greatest likeness.
std::vector<std::pair<size_t, size_t>> matched(const std::vector<Item>& a, const std::vector<Item>& b) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (!b.empty() && a.size() > kMostPairs / b.size()) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) pairs.emplace_back(i, i);
    return pairs;
  }
  const size_t width = b.size() + 1;
  std::vector<int> best((a.size() + 1) * width), alike(best.size());
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      const size_t at = i * width + j;
      alike[at] = likeness(a[i], b[j]);
      best[at] = std::max(best[at + 1], best[at + width]);
      if (alike[at] > 0) best[at] = std::max(best[at], best[at + width + 1] + alike[at]);
    }
  }
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const size_t at = i * width + j;
    if (alike[at] > 0 && best[at] == best[at + width + 1] + alike[at]) {
      pairs.emplace_back(i++, j++);
    } else if (best[at] == best[at + width]) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

/// Items of several lists that are one.
struct Slot {
  Item item;          ///< of the first run that has it
  std::string index;  ///< there
  Nodes nodes;
};

std::vector<Slot> aligned(const Nodes& lists) {
  std::vector<Slot> slots;
  for (size_t run = 0; run < lists.size(); ++run) {
    if (lists[run] == nullptr) continue;
    std::vector<Item> known, items;
    for (const Slot& slot : slots) known.push_back(slot.item);
    for (const Node& node : lists[run]->items()) items.push_back(item_of(node));
    std::vector<Slot> all;
    size_t slot = 0, next = 0;
    const auto take_until = [&](size_t slots_end, size_t items_end) {
      for (; slot < slots_end; ++slot) all.push_back(std::move(slots[slot]));
      for (; next < items_end; ++next) {
        all.push_back({items[next], fmt::format("{}{}", run == 0 ? "" : "+", next), Nodes(lists.size())});
        all.back().nodes[run] = items[next].node;
      }
    };
    for (const auto& [s, i] : matched(known, items)) {
      take_until(s, i);
      all.push_back(std::move(slots[slot++]));
      all.back().nodes[run] = items[next++].node;
    }
    take_until(slots.size(), items.size());
    slots = std::move(all);
  }
  return slots;
}

/// The nodes of which `is` is true, nullptr in place of others.
template <class F>
Nodes those(const Nodes& nodes, const F& is) {
  Nodes some(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i] != nullptr && is(*nodes[i])) some[i] = nodes[i];
  }
  return some;
}

bool any(const Nodes& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const Node* n) { return n != nullptr; });
}

class Collector {
 public:
  void compare(const Nodes& nodes, const std::string& key) {
    const bool lists = any(those(nodes, [](const Node& n) { return n.is_list() && !is_leaf(n); }));
    const auto is_item_list = [&](const Node& n) { return lists && n.is_list(); };
    add(those(nodes, [&](const Node& n) { return is_leaf(n) && !is_item_list(n); }), key);
    compare_maps(those(nodes, [](const Node& n) { return n.is_map() && !is_leaf(n); }), key);
    if (lists) compare_lists(those(nodes, is_item_list), key);
  }

  std::vector<Difference> found;

 private:
  /// Values shown as they are.
  void add(const Nodes& nodes, const std::string& key) {
    if (!any(nodes)) return;
    Difference d{key, {}};
    for (const Node* n : nodes)
      d.values.push_back(n == nullptr ? std::nullopt : std::optional(config::to_flow_yaml(*n)));
    if (std::all_of(d.values.begin(), d.values.end(), [&](const auto& v) { return v == d.values.front(); }))
      return;
    for (std::optional<std::string>& v : d.values) {
      if (v) v = shortened(*v, 200);
    }
    found.push_back(std::move(d));
  }

  void compare_maps(const Nodes& maps, const std::string& key) {
    std::vector<std::string> keys;
    for (const Node* map : maps) {
      if (map == nullptr) continue;
      for (const Node::Entry& entry : map->entries()) {
        if (std::find(keys.begin(), keys.end(), entry.key) == keys.end()) keys.push_back(entry.key);
      }
    }
    for (const std::string& k : keys) {
      Nodes values;
      for (const Node* map : maps) values.push_back(map == nullptr ? nullptr : map->find(k));
      compare(values, key.empty() ? k : fmt::format("{}.{}", key, k));
    }
  }

  void compare_lists(const Nodes& lists, const std::string& key) {
    for (const Slot& slot : aligned(lists)) {
      const std::string at = fmt::format("{}[{}]", key, slot.index);
      bool missing = false, equal = true;
      for (const Node* n : slot.nodes) {
        missing = missing || n == nullptr;
        equal = equal && (n == nullptr || same_value(*n, *slot.item.node));
      }
      if (equal && missing) {
        add(slot.nodes, at);
      } else if (!equal) {
        compare(slot.nodes, at);
      }
    }
  }
};

}  // namespace

std::vector<Difference> config_differences(const std::vector<Node>& configs) {
  Nodes roots;
  for (const Node& config : configs) roots.push_back(&config);
  Collector collector;
  collector.compare(roots, "");
  return std::move(collector.found);
}

}  // namespace dlb::report
