#include "dlb/config/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "dlb/config/arithmetic.h"
#include "dlb/config/scalar.h"

namespace dlb::config {
namespace {

constexpr int kMaxDepth = 100;

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Parses and computes in one pass, by precedence: or, and, not, comparison, + -, * / // %, unary -, **.
class Evaluator {
 public:
  Evaluator(const Node& node, const Scope& scope) : node_(node), scope_(scope), text_(node.as_string()) {}

  Node run() {
    at_ = 1;
    if (peek() != '(') {
      const Node value = name(read_name());
      if (at_ != text_.size()) {
        stop(at_, fmt::format("unexpected '{}' after ${}", text_.substr(at_, 20), text_.substr(1, at_ - 1)),
             "write $(...) for an expression");
      }
      return value;
    }
    ++at_;
    const Node value = disjunction();
    expect(')');
    skip_space();
    if (at_ != text_.size())
      stop(at_, fmt::format("unexpected '{}' after the expression", text_.substr(at_, 20)));
    return value;
  }

 private:
  /// Raises the error at its column where the text's place in the file is known.
  [[noreturn]] void stop(size_t position, const std::string& message, const std::string& hint = {}) const {
    Error e = node_.error(fmt::format("{} in '{}'", message, node_.brief()), hint);
    Mark mark = node_.mark();
    if (mark.line > 0 && node_.text_offset() >= 0) {
      const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
      const std::string_view before = std::string_view(text_).substr(0, position);
      mark.col += node_.text_offset() + static_cast<int>(std::count_if(before.begin(), before.end(), starts));
      e.where = mark.str();
    }
    throw e;
  }

  /// Runs an operation, giving its fault the place of the operator.
  template <class F>
  auto at_place(size_t position, const F& operation) -> decltype(operation()) {
    try {
      return operation();
    } catch (const ExpressionFault& fault) {
      stop(position, fault.message, fault.hint);
    }
  }

  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n') ++at_;
  }

  bool take(std::string_view symbol) {
    skip_space();
    if (!std::string_view(text_).substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }

  bool take_word(std::string_view word) {
    skip_space();
    const size_t start = at_;
    if (take(word) && !starts_name(peek()) && !is_digit(peek()) && peek() != '.') return true;
    at_ = start;
    return false;
  }

  void expect(char c) {
    skip_space();
    if (peek() == c) {
      ++at_;
      return;
    }
    if (at_ == text_.size()) stop(at_, fmt::format("'{}' is missing at the end", c));
    stop(at_, fmt::format("expected '{}' before '{}'", c, text_.substr(at_, 20)));
  }

  std::string read_name() {
    const size_t start = at_;
    while (starts_name(peek()) ||
           (at_ > start && (is_digit(peek()) || (peek() == '.' && starts_name(peek(1))))))
      ++at_;
    if (at_ == start) stop(at_, "expected a name after '$'");
    return text_.substr(start, at_ - start);
  }

  Node name(const std::string& wanted) {
    const size_t start = at_ - wanted.size();
    if (const Node* value = scope_.find(wanted)) return *value;
    const std::vector<std::string> names = scope_.names();
    const std::string near = nearest_name(wanted, names);
    if (!near.empty()) stop_unknown(start, wanted, fmt::format("; did you mean '{}'?", near), "");
    std::string known;
    for (const std::string& other : names) known += (known.empty() ? "" : ", ") + other;
    stop_unknown(start, wanted, "", known.empty() ? "no variables are defined here" : "known here: " + known);
  }

  [[noreturn]] void stop_unknown(size_t position, const std::string& wanted, const std::string& suggestion,
                                 const std::string& hint) const {
    try {
      stop(position, fmt::format("unknown name '{}'", wanted), hint);
    } catch (Error& e) {
      e.message += suggestion;
      throw;
    }
  }

  /// Bounds the recursion: parentheses, `not`, signs and powers nest.
  struct Level {
    explicit Level(Evaluator& e) : evaluator(e) {
      if (++evaluator.depth_ > kMaxDepth)
        evaluator.stop(evaluator.at_, "the expression is nested too deeply");
    }
    ~Level() { --evaluator.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Evaluator& evaluator;
  };

  /// `a and b`, `a or b`: the right side is not computed once the left one decides, so that it may guard
  /// against errors.
  Node logical(std::string_view word, bool decides, Node (Evaluator::*operand)()) {
    Node value = (this->*operand)();
    while (true) {
      skip_space();
      const size_t place = at_;
      if (!take_word(word)) return value;
      const bool left = idle_ > 0 || at_place(place, [&] { return truth(word, value); });
      const bool skip = idle_ > 0 || left == decides;
      idle_ += skip ? 1 : 0;
      const Node other = (this->*operand)();
      idle_ -= skip ? 1 : 0;
      if (idle_ == 0)
        value = Node::boolean(skip ? left : at_place(place, [&] { return truth(word, other); }));
    }
  }

  Node disjunction() {
    const Level level(*this);
    return logical("or", true, &Evaluator::conjunction);
  }
  Node conjunction() { return logical("and", false, &Evaluator::negation); }

  Node negation() {
    skip_space();
    const size_t place = at_;
    if (!take_word("not")) return comparison();
    const Level level(*this);
    const Node value = negation();
    return idle_ > 0 ? Node() : at_place(place, [&] { return Node::boolean(!truth("not", value)); });
  }

  std::optional<std::string_view> take_any(std::initializer_list<std::string_view> symbols) {
    for (const std::string_view symbol : symbols) {
      if (take(symbol)) return symbol;
    }
    return std::nullopt;
  }

  Node binary(size_t place, std::string_view op, const Node& a, const Node& b) {
    return idle_ > 0 ? Node() : at_place(place, [&] { return apply_binary(op, a, b); });
  }

  Node comparison() {
    Node value = sum();
    skip_space();
    const size_t place = at_;
    const auto op = take_any({"==", "!=", "<=", ">=", "<", ">"});
    if (!op) return value;
    value = binary(place, *op, value, sum());
    skip_space();
    const size_t second = at_;
    if (take_any({"==", "!=", "<=", ">=", "<", ">"}))
      stop(second, "comparisons do not chain", "write a < b and b < c");
    return value;
  }

  Node sum() {
    Node value = product();
    while (true) {
      skip_space();
      const size_t place = at_;
      const auto op = take_any({"+", "-"});
      if (!op) return value;
      value = binary(place, *op, value, product());
    }
  }

  Node product() {
    Node value = sign();
    while (true) {
      skip_space();
      const size_t place = at_;
      if (std::string_view(text_).substr(at_).starts_with("**")) return value;
      const auto op = take_any({"*", "//", "/", "%"});
      if (!op) return value;
      value = binary(place, *op, value, sign());
    }
  }

  Node sign() {
    skip_space();
    const size_t place = at_;
    const auto op = take_any({"-", "+"});
    if (!op) return power();
    const Level level(*this);
    const Node value = sign();
    if (idle_ > 0) return {};
    return at_place(
        place, [&] { return *op == "-" ? apply_negate(value) : apply_binary("+", Node::integer(0), value); });
  }

  Node power() {
    const Node base = primary();
    skip_space();
    const size_t place = at_;
    if (!take("**")) return base;
    const Level level(*this);
    return binary(place, "**", base, sign());
  }

  Node primary() {
    skip_space();
    const size_t start = at_;
    if (take("(")) {
      const Node value = disjunction();
      expect(')');
      return value;
    }
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
    if (peek() == '\'' || peek() == '"') return quoted();
    if (!starts_name(peek())) {
      if (at_ == text_.size()) stop(at_, "the expression ends too early");
      stop(at_, fmt::format("unexpected '{}'", text_.substr(at_, 20)));
    }
    const std::string word = read_name();
    if (word == "true" || word == "false") return Node::boolean(word == "true");
    if (word == "and" || word == "or" || word == "not") stop(start, fmt::format("unexpected '{}'", word));
    const size_t after = at_;
    if (take("(")) return call(start, word);
    at_ = after;
    return name(word);
  }

  Node number() {
    const size_t start = at_;
    while (is_digit(peek()) || peek() == '.') ++at_;
    if ((peek() == 'e' || peek() == 'E') &&
        (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
      at_ += 2;
      while (is_digit(peek())) ++at_;
    }
    const std::string digits = text_.substr(start, at_ - start);
    if (starts_name(peek())) stop(start, fmt::format("'{}{}' is not a number", digits, peek()));
    Node value;
    try {
      value = resolve_plain(digits, {});
    } catch (const Error& e) {
      stop(start, e.message);
    }
    if (!value.is_number()) stop(start, fmt::format("'{}' is not a number", digits));
    return value;
  }

  Node quoted() {
    const char quote = peek();
    const size_t start = at_;
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) stop(start, "this quote is not closed");
    at_ = end + 1;
    return Node::string(text_.substr(start + 1, end - start - 1));
  }

  Node call(size_t start, const std::string& function) {
    const std::vector<std::string>& known = function_names();
    if (std::find(known.begin(), known.end(), function) == known.end()) {
      const std::string near = nearest_name(function, known);
      stop(start, fmt::format("unknown function '{}'", function),
           near.empty() ? "functions: min, max, ceil, floor, sqrt, log, int"
                        : fmt::format("did you mean '{}'?", near));
    }
    std::vector<Node> arguments;
    if (!take(")")) {
      do arguments.push_back(disjunction());
      while (take(","));
      expect(')');
    }
    return idle_ > 0 ? Node() : at_place(start, [&] { return apply_function(function, arguments); });
  }

  const Node& node_;
  const Scope& scope_;
  const std::string& text_;
  size_t at_ = 0;
  int depth_ = 0;
  int idle_ = 0;  ///< above 0 in a part that is only parsed
};

}  // namespace

bool is_expression(const Node& node) {
  if (!node.is_string()) return false;
  const std::string& text = node.as_string();
  return text.starts_with('$') && !text.starts_with("$$");
}

Node evaluate(const Node& node, const Scope& scope) {
  if (is_expression(node)) return Evaluator(node, scope).run().placed_at(node);
  if (node.is_string() && node.as_string().starts_with("$$")) {
    return Node::string(node.as_string().substr(1)).placed_at(node);
  }
  return node;
}

Node evaluate_all(const Node& node, const Scope& scope) {
  if (node.is_list()) {
    std::vector<Node> items;
    for (const Node& item : node.items()) items.push_back(evaluate_all(item, scope));
    return Node::list(std::move(items)).placed_at(node);
  }
  if (node.is_map()) {
    std::vector<Node::Entry> entries;
    for (const Node::Entry& e : node.entries())
      entries.push_back({e.key, e.key_mark, evaluate_all(e.value, scope)});
    return Node::map(std::move(entries)).placed_at(node);
  }
  return evaluate(node, scope);
}

}  // namespace dlb::config
