#include "dlb/config/node.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <utility>

#include "dlb/config/key_path.h"
#include "dlb/config/scalar.h"

namespace dlb::config {

std::string Mark::str() const {
  if (source == nullptr) return {};
  return line > 0 ? fmt::format("{}:{}:{}", *source, line, col) : *source;
}

std::string_view kind_phrase(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
    case Kind::kFloat:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "a value";
}

struct Node::Data {
  Kind kind = Kind::kNull;
  bool flag = false;
  int text_offset = -1;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<Node> items;
  std::vector<Entry> entries;
  Mark mark;
  std::string path;
};

Node::Node(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

Node::Node() {
  static const std::shared_ptr<const Data> kNothing = std::make_shared<Data>();
  data_ = kNothing;
}

Node Node::null(Mark mark) {
  auto data = std::make_shared<Data>();
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Node Node::boolean(bool value, Mark mark) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kBool;
  data->flag = value;
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Node Node::integer(int64_t value, Mark mark) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kInt;
  data->integer = value;
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Node Node::real(double value, Mark mark) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kFloat;
  data->real = value;
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Node Node::string(std::string value, Mark mark, int text_offset) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kString;
  data->text = std::move(value);
  data->text_offset = text_offset;
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Node Node::list(std::vector<Node> items, Mark mark) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kList;
  data->items = std::move(items);
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Node Node::map(std::vector<Entry> entries, Mark mark) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kMap;
  data->entries = std::move(entries);
  data->mark = std::move(mark);
  return Node(std::move(data));
}

Kind Node::kind() const { return data_->kind; }
const Mark& Node::mark() const { return data_->mark; }
const std::string& Node::path() const { return data_->path; }
int Node::text_offset() const { return data_->text_offset; }

Node Node::with_path(const std::string& path) const {
  auto data = std::make_shared<Data>(*data_);
  data->path = path;
  for (size_t i = 0; i < data->items.size(); ++i)
    data->items[i] = data->items[i].with_path(index_path(path, i));
  for (Entry& entry : data->entries) entry.value = entry.value.with_path(key_path(path, entry.key));
  return Node(std::move(data));
}

Node Node::placed_at(const Node& site) const {
  auto data = std::make_shared<Data>(*data_);
  data->mark = site.mark();
  data->path = site.path();
  data->text_offset = -1;
  return Node(std::move(data));
}

bool Node::as_bool() const {
  if (kind() != Kind::kBool) throw error("expected true or false, got " + found());
  return data_->flag;
}

int64_t Node::as_int() const {
  if (kind() != Kind::kInt) throw error("expected an int, got " + found());
  return data_->integer;
}

double Node::as_real() const {
  if (!is_number()) throw error("expected a number, got " + found());
  return kind() == Kind::kInt ? static_cast<double>(data_->integer) : data_->real;
}

const std::string& Node::as_string() const {
  if (!is_string()) throw error("expected a string, got " + found());
  return data_->text;
}

const std::vector<Node>& Node::items() const {
  if (!is_list() && !is_null()) throw error("expected a list, got " + found());
  return data_->items;
}

const std::vector<Node::Entry>& Node::entries() const {
  if (!is_map() && !is_null()) throw error("expected a map, got " + found());
  return data_->entries;
}

const Node* Node::find(std::string_view key) const {
  const Entry* entry = find_entry(key);
  return entry == nullptr ? nullptr : &entry->value;
}

const Node::Entry* Node::find_entry(std::string_view key) const {
  for (const Entry& entry : entries()) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

namespace {

/// At most `limit` bytes of `text`, cut between characters.
std::string shortened(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

std::string Node::brief() const {
  switch (kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return as_bool() ? "true" : "false";
    case Kind::kInt:
      return fmt::format("{}", as_int());
    case Kind::kFloat:
      return real_text(as_real());
    case Kind::kString:
      return shortened(as_string(), 60);
    case Kind::kList:
      return fmt::format("[{} item{}]", items().size(), items().size() == 1 ? "" : "s");
    case Kind::kMap:
      break;
  }
  std::string keys;
  for (const Entry& entry : entries()) {
    if (keys.size() > 60) return "{" + keys + ", ...}";
    if (!keys.empty()) keys += ", ";
    keys += shortened(entry.key, 60);
  }
  return "{" + keys + "}";
}

std::string Node::found() const {
  switch (kind()) {
    case Kind::kString:
      return fmt::format("'{}' (a string)", brief());
    case Kind::kBool:
      return brief() + " (a bool)";
    case Kind::kList:
    case Kind::kMap:
      return std::string(kind_phrase(kind()));
    default:
      return brief();
  }
}

namespace {

/// Whether a message already tells the path: "train.epochs must be ..." or "unknown key 'x' in train".
bool tells_path(const std::string& message, const std::string& path) {
  if (message.starts_with(path + " ")) return true;
  const std::string in = " in " + path;
  const size_t at = message.find(in);
  return at != std::string::npos && (at + in.size() == message.size() || message[at + in.size()] == ';');
}

}  // namespace

Error Node::error(std::string message, std::string hint) const {
  Error e(ErrorKind::kConfig, std::move(message), mark().str(), std::move(hint));
  if (!path().empty() && !tells_path(e.message, path())) e.in("in " + path());
  return e;
}

bool same_value(const Node& a, const Node& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return a.as_bool() == b.as_bool();
    case Kind::kInt:
      return a.as_int() == b.as_int();
    case Kind::kFloat:
      return a.as_real() == b.as_real() || (std::isnan(a.as_real()) && std::isnan(b.as_real()));
    case Kind::kString:
      return a.as_string() == b.as_string();
    case Kind::kList:
      if (a.items().size() != b.items().size()) return false;
      for (size_t i = 0; i < a.items().size(); ++i) {
        if (!same_value(a.items()[i], b.items()[i])) return false;
      }
      return true;
    case Kind::kMap:
      break;
  }
  if (a.entries().size() != b.entries().size()) return false;
  std::map<std::string_view, const Node*> others;
  for (const Node::Entry& entry : b.entries()) others.emplace(entry.key, &entry.value);
  for (const Node::Entry& entry : a.entries()) {
    const auto other = others.find(entry.key);
    if (other == others.end() || !same_value(entry.value, *other->second)) return false;
  }
  return true;
}

}  // namespace dlb::config
