#include "dlb/config/expression.h"

namespace dlb::config {

void Scope::set(const std::string& name, Node value) { slots_[name] = Slot{std::move(value), false}; }

const Node* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
    // "enc.dim" is the fact of that name, or else the key `dim` of the variable `enc`.
    for (size_t end = name.size(); end != std::string_view::npos && end > 0; end = name.rfind('.', end - 1)) {
      const auto slot = scope->slots_.find(name.substr(0, end));
      if (slot == scope->slots_.end()) continue;
      const Node* value = &slot->second.value;
      std::string_view rest = name.substr(end);
      while (value != nullptr && !rest.empty()) {
        rest.remove_prefix(1);
        const std::string_view key = rest.substr(0, rest.find('.'));
        value = value->is_map() ? value->find(key) : nullptr;
        rest.remove_prefix(key.size());
      }
      if (value == nullptr) continue;
      slot->second.used = true;
      return value;
    }
  }
  return nullptr;
}

std::vector<std::string> Scope::names() const {
  std::map<std::string, bool> seen;
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
    for (const auto& [name, slot] : scope->slots_) seen.emplace(name, true);
  }
  std::vector<std::string> out;
  for (const auto& [name, unused] : seen) out.push_back(name);
  return out;
}

std::vector<std::string> Scope::unused() const {
  std::vector<std::string> out;
  for (const auto& [name, slot] : slots_) {
    if (!slot.used) out.push_back(name);
  }
  return out;
}

}  // namespace dlb::config
