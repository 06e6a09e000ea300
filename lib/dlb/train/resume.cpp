#include "dlb/train/resume.h"

#include <algorithm>
#include <array>

#include "dlb/base/error_list.h"
#include "dlb/base/log.h"

namespace dlb::train {
namespace {

using config::Node;

constexpr const char* kAbsent = "(absent)";

std::string child(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

void compare(const Node* before, const Node* after, const std::string& path, const Node& around,
             std::vector<ConfigChange>& out) {
  if (before != nullptr && after != nullptr) {
    if (config::same_value(*before, *after)) return;
    if (before->is_map() && after->is_map()) {
      for (const Node::Entry& e : after->entries())
        compare(before->find(e.key), &e.value, child(path, e.key), *after, out);
      for (const Node::Entry& e : before->entries()) {
        if (after->find(e.key) == nullptr) compare(&e.value, nullptr, child(path, e.key), *after, out);
      }
      return;
    }
    if (before->is_list() && after->is_list()) {
      const size_t n = std::max(before->items().size(), after->items().size());
      for (size_t i = 0; i < n; ++i) {
        compare(i < before->items().size() ? &before->items()[i] : nullptr,
                i < after->items().size() ? &after->items()[i] : nullptr, fmt::format("{}[{}]", path, i),
                *after, out);
      }
      return;
    }
    if (before->is_number() && after->is_number() && before->as_real() == after->as_real()) return;
  }
  out.push_back({path, before == nullptr ? kAbsent : config::to_json(*before),
                 after == nullptr ? kAbsent : config::to_json(*after), after == nullptr ? around : *after});
}

/// Whether `key` is `section` or lies below it.
bool within(std::string_view key, std::string_view section) {
  return key.starts_with(section) &&
         (key.size() == section.size() || key[section.size()] == '.' || key[section.size()] == '[');
}

}  // namespace

std::vector<ConfigChange> config_changes(const Node& before, const Node& after) {
  std::vector<ConfigChange> out;
  compare(&before, &after, "", after, out);
  return out;
}

Change change_of(const std::string& key) {
  constexpr std::array kFree = {"train.checkpoint",
                                "train.log_every",
                                "train.on_nan",
                                "data.threads",
                                "data.prefetch",
                                "name",
                                "description",
                                "base",
                                "expect"};
  constexpr std::array kExtend = {"train.epochs", "train.steps"};
  const auto covers = [&](const char* section) { return within(key, section); };
  if (std::any_of(kFree.begin(), kFree.end(), covers)) return Change::kFree;
  if (std::any_of(kExtend.begin(), kExtend.end(), covers)) return Change::kExtend;
  return Change::kForbidden;
}

void check_changes(const std::vector<ConfigChange>& changes, const std::string& run, bool extend) {
  ErrorList errors;
  for (const ConfigChange& c : changes) {
    // A run's own config has these pinned. The data's checksums tell whether another folder matters.
    if (c.key == "base" || (c.key == "name" && c.after == kAbsent)) continue;
    const Change kind = change_of(c.key);
    if (kind == Change::kForbidden || (kind == Change::kExtend && !extend)) {
      errors.add(c.node.error(
          fmt::format("'{}' is {} here, but run '{}' began with {}", c.key, c.after, run, c.before),
          kind == Change::kExtend ? "--extend lets a resumed run change its length"
                                  : "a resumed run cannot change this: take the old value back, or start a "
                                    "new run without --resume"));
    } else {
      log::info("resuming with '{}' changed from {} to {}", c.key, c.before, c.after);
    }
  }
  errors.throw_if_any();
}

}  // namespace dlb::train
