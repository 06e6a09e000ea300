#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "dlb/config/arithmetic.h"
#include "dlb/config/expression_tree.h"
#include "dlb/config/scalar.h"

namespace dlb::config {
namespace {

using Part = Expression::Kind;

constexpr int kMaxDepth = 100;
constexpr int kMaxParts = 4096;  // sums of many terms nest too, and whoever walks the tree recurses

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(const Node& node, bool tensors) : node_(node), text_(node.as_string()), tensors_(tensors) {}

  /// `$name` or `$(...)`, alone.
  Expression read_expression() {
    Expression value = dollar();
    if (at_ != text_.size() && value.kind == Part::kName) {
      stop(at_, fmt::format("unexpected '{}' after ${}", text_.substr(at_, 20), text_.substr(1, at_ - 1)),
           "write $(...) for an expression");
    }
    finish();
    return value;
  }

  Expression tensor_expression() {
    Expression value = disjunction();
    finish();
    return value;
  }

 private:
  [[noreturn]] void stop(size_t position, const std::string& message, const std::string& hint = {}) const {
    throw expression_error(node_, position, message, hint);
  }

  Expression made(Part kind, size_t place, std::string text = {}) {
    if (++parts_ > kMaxParts) stop(place, "the expression is too long");
    Expression e;
    e.kind = kind;
    e.place = place;
    e.text = std::move(text);
    return e;
  }
  Expression literal(size_t place, Node value) {
    Expression e = made(Part::kValue, place);
    e.value = std::move(value);
    return e;
  }
  Expression binary(size_t place, std::string_view op, Expression a, Expression b) {
    Expression e = made(Part::kBinary, place, std::string(op));
    e.args.push_back(std::move(a));
    e.args.push_back(std::move(b));
    return e;
  }
  Expression unary(size_t place, std::string_view op, Expression a) {
    Expression e = made(Part::kUnary, place, std::string(op));
    e.args.push_back(std::move(a));
    return e;
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

  void finish() {
    skip_space();
    if (at_ != text_.size())
      stop(at_, fmt::format("unexpected '{}' after the expression", text_.substr(at_, 20)));
  }

  /// A name; dots join where values are read, on tensors a name has none.
  std::string read_name(bool dotted) {
    const size_t start = at_;
    while (starts_name(peek()) ||
           (at_ > start && (is_digit(peek()) || (dotted && peek() == '.' && starts_name(peek(1))))))
      ++at_;
    if (at_ == start) stop(at_, "expected a name after '$'");
    return text_.substr(start, at_ - start);
  }

  /// From the `$` on.
  Expression dollar() {
    ++at_;
    if (peek() != '(') {
      const size_t start = at_;
      return made(Part::kName, start, read_name(true));
    }
    ++at_;
    const bool tensors = std::exchange(tensors_, false);
    Expression value = disjunction();
    expect(')');
    tensors_ = tensors;
    return value;
  }

  /// Bounds the recursion: parentheses, `not`, signs and powers nest.
  struct Level {
    explicit Level(Parser& p) : parser(p) {
      if (++parser.depth_ > kMaxDepth) parser.stop(parser.at_, "the expression is nested too deeply");
    }
    ~Level() { --parser.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Parser& parser;
  };

  Expression logical(std::string_view word, Expression (Parser::*operand)()) {
    Expression value = (this->*operand)();
    while (true) {
      skip_space();
      const size_t place = at_;
      if (!take_word(word)) return value;
      value = binary(place, word, std::move(value), (this->*operand)());
    }
  }

  Expression disjunction() {
    const Level level(*this);
    return logical("or", &Parser::conjunction);
  }
  Expression conjunction() { return logical("and", &Parser::negation); }

  Expression negation() {
    skip_space();
    const size_t place = at_;
    if (!take_word("not")) return comparison();
    const Level level(*this);
    return unary(place, "not", negation());
  }

  std::optional<std::string_view> take_any(std::initializer_list<std::string_view> symbols) {
    for (const std::string_view symbol : symbols) {
      if (take(symbol)) return symbol;
    }
    return std::nullopt;
  }

  Expression comparison() {
    Expression value = sum();
    skip_space();
    const size_t place = at_;
    const auto op = take_any({"==", "!=", "<=", ">=", "<", ">"});
    if (!op) return value;
    value = binary(place, *op, std::move(value), sum());
    skip_space();
    const size_t second = at_;
    if (take_any({"==", "!=", "<=", ">=", "<", ">"}))
      stop(second, "comparisons do not chain", "write a < b and b < c");
    return value;
  }

  Expression sum() {
    Expression value = product();
    while (true) {
      skip_space();
      const size_t place = at_;
      const auto op = take_any({"+", "-"});
      if (!op) return value;
      value = binary(place, *op, std::move(value), product());
    }
  }

  Expression product() {
    Expression value = sign();
    while (true) {
      skip_space();
      const size_t place = at_;
      if (std::string_view(text_).substr(at_).starts_with("**")) return value;
      auto op = take_any({"*", "//", "/", "%"});
      if (!op && tensors_) op = take_any({"@"});
      if (!op) return value;
      value = binary(place, *op, std::move(value), sign());
    }
  }

  Expression sign() {
    skip_space();
    const size_t place = at_;
    const auto op = take_any({"-", "+"});
    if (!op) return power();
    const Level level(*this);
    return unary(place, *op, sign());
  }

  Expression power() {
    Expression base = postfix();
    skip_space();
    const size_t place = at_;
    if (!take("**")) return base;
    const Level level(*this);
    return binary(place, "**", std::move(base), sign());
  }

  Expression postfix() {
    Expression value = primary();
    while (tensors_) {
      skip_space();
      const size_t place = at_;
      if (!take("[")) break;
      const Level level(*this);
      Expression index = made(Part::kIndex, place);
      index.args.push_back(std::move(value));
      do index.args.push_back(subscript());
      while (take(","));
      expect(']');
      value = std::move(index);
    }
    return value;
  }

  Expression subscript() {
    skip_space();
    const size_t place = at_;
    if (take("...")) return made(Part::kEllipsis, place);
    Expression first = bound();
    if (!take(":")) {
      if (first.kind != Part::kNothing) return first;
      if (at_ == text_.size()) stop(at_, "the expression ends too early");
      stop(at_, fmt::format("unexpected '{}'", text_.substr(at_, 20)));
    }
    Expression slice = made(Part::kSlice, place);
    slice.args.push_back(std::move(first));
    slice.args.push_back(bound());
    slice.args.push_back(take(":") ? bound() : made(Part::kNothing, at_));
    return slice;
  }
  Expression bound() {
    skip_space();
    if (peek() == ':' || peek() == ',' || peek() == ']') return made(Part::kNothing, at_);
    return disjunction();
  }

  Expression primary() {
    skip_space();
    const size_t start = at_;
    if (take("(")) {
      Expression value = disjunction();
      expect(')');
      return value;
    }
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
    if (peek() == '\'' || peek() == '"') return quoted();
    if (tensors_ && peek() == '$') {
      Expression read = made(Part::kRead, start);
      read.args.push_back(dollar());
      return read;
    }
    if (tensors_ && take("[")) return list(start);
    if (!starts_name(peek())) {
      if (at_ == text_.size()) stop(at_, "the expression ends too early");
      stop(at_, fmt::format("unexpected '{}'", text_.substr(at_, 20)));
    }
    const std::string word = read_name(!tensors_);
    if (word == "true" || word == "false") return literal(start, Node::boolean(word == "true"));
    if (tensors_ && word == "none") return literal(start, Node());
    if (word == "and" || word == "or" || word == "not") stop(start, fmt::format("unexpected '{}'", word));
    const size_t after = at_;
    if (take("(")) return call(start, word);
    at_ = after;
    return made(Part::kName, start, word);
  }

  Expression list(size_t start) {
    const Level level(*this);
    Expression value = made(Part::kList, start);
    if (take("]")) return value;
    do value.args.push_back(disjunction());
    while (take(","));
    expect(']');
    return value;
  }

  Expression number() {
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
    return literal(start, std::move(value));
  }

  Expression quoted() {
    const char quote = peek();
    const size_t start = at_;
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) stop(start, "this quote is not closed");
    at_ = end + 1;
    return literal(start, Node::string(text_.substr(start + 1, end - start - 1)));
  }

  Expression call(size_t start, const std::string& function) {
    if (!tensors_) {
      const std::vector<std::string>& known = function_names();
      if (std::find(known.begin(), known.end(), function) == known.end()) {
        const std::string near = nearest_name(function, known);
        stop(start, fmt::format("unknown function '{}'", function),
             near.empty() ? "functions: min, max, ceil, floor, sqrt, log, int"
                          : fmt::format("did you mean '{}'?", near));
      }
    }
    Expression value = made(Part::kCall, start, function);
    if (take(")")) return value;
    do {
      const size_t before = at_;
      if (const std::string key = keyword(); !key.empty()) {
        if (std::find(value.keys.begin(), value.keys.end(), key) != value.keys.end())
          stop(before, fmt::format("{} gets '{}' twice", function, key));
        value.keys.push_back(key);
      } else if (!value.keys.empty()) {
        stop(at_, "arguments by name come last");
      }
      value.args.push_back(disjunction());
    } while (take(","));
    expect(')');
    return value;
  }

  /// The name of `name=`, or "".
  std::string keyword() {
    const size_t start = at_;
    skip_space();
    if (tensors_ && starts_name(peek())) {
      std::string name = read_name(false);
      skip_space();
      if (peek() == '=' && peek(1) != '=') {
        ++at_;
        return name;
      }
    }
    at_ = start;
    return {};
  }

  const Node& node_;
  const std::string& text_;
  bool tensors_;
  size_t at_ = 0;
  int depth_ = 0;
  int parts_ = 0;
};

}  // namespace

Error expression_error(const Node& node, size_t place, const std::string& message, const std::string& hint,
                       const std::string& suggestion) {
  Error e = node.error(fmt::format("{} in '{}'{}", message, node.brief(), suggestion), hint);
  Mark mark = node.mark();
  if (mark.line > 0 && node.is_string() && node.text_offset() >= 0) {
    const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    const std::string_view before = std::string_view(node.as_string()).substr(0, place);
    mark.col += node.text_offset() + static_cast<int>(std::count_if(before.begin(), before.end(), starts));
    e.where = mark.str();
  }
  return e;
}

Expression parse_read_expression(const Node& node) { return Parser(node, false).read_expression(); }

Expression parse_tensor_expression(const Node& node) {
  if (node.is_number() || node.kind() == Kind::kBool) {
    Expression e;
    e.kind = Part::kValue;
    e.value = node;
    return e;
  }
  if (!node.is_string()) throw node.error("expected an expression, got " + node.found());
  return Parser(node, true).tensor_expression();
}

}  // namespace dlb::config
