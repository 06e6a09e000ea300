#include "dlb/ops/einsum.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/matrix_parts.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

/// A dimension's label: a letter, or a number from 256 on for a dimension of "...", the last one being 256.
using Label = int;
using Labels = std::vector<Label>;
constexpr Label kEllipsis = 256;

bool holds(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

struct Equation {
  std::vector<std::string> inputs;  ///< letters, '.' for "..."
  std::string output;
  bool arrow = false;
};

/// Splits the equation, and checks what can be checked without operands.
Equation parse(const std::string& text) {
  Equation e;
  e.inputs.emplace_back();
  const auto malformed = [&](size_t at, const char* why) {
    fail(ErrorKind::kConfig, "einsum: {} at position {} of '{}'", why, at, text);
  };
  bool dots = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& part = e.arrow ? e.output : e.inputs.back();
    if (c == ' ') continue;
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      part += c;
    } else if (c == '.') {
      if (text.compare(i, 3, "...") != 0) malformed(i, "a dot that is not one of '...'");
      if (dots) malformed(i, "a second '...'");
      dots = true;
      part += '.';
      i += 2;
    } else if (c == ',') {
      if (e.arrow) malformed(i, "a comma behind the arrow");
      e.inputs.emplace_back();
      dots = false;
    } else if (c == '-') {
      if (e.arrow || i + 1 >= text.size() || text[i + 1] != '>')
        malformed(i, "a '-' that is not the one '->'");
      e.arrow = true;
      dots = false;
      ++i;
    } else {
      malformed(i, "a character that is neither a letter nor '...', ',' or '->'");
    }
  }
  return e;
}

/// An operand whose dimensions are labelled, each label once.
struct Term {
  Tensor tensor;
  Labels labels;

  int64_t size(Label label) const {
    const auto it = std::find(labels.begin(), labels.end(), label);
    return it == labels.end() ? 1 : tensor.dim(it - labels.begin());
  }
};

/// Keeps the diagonal of two dimensions, in the place of the first.
Tensor take_diagonal(const Tensor& x, int64_t first, int64_t second) {
  Dims order;
  for (int64_t d = 0; d < x.rank(); ++d) {
    if (d != first && d != second) order.push_back(d);
  }
  order.push_back(first);
  order.push_back(second);
  const Tensor diagonal = matrix::diagonal(permute(x, order));
  Dims back;
  for (int64_t d = 0; d + 1 < diagonal.rank(); ++d) back.push_back(d);
  back.insert(static_cast<size_t>(first), diagonal.rank() - 1);
  return permute(diagonal, back);
}

Term labelled(const std::string& text, const Tensor& operand, size_t number) {
  const auto letters = static_cast<int64_t>(text.size());
  const bool dots = text.find('.') != std::string::npos;
  const int64_t extra = operand.rank() - (letters - (dots ? 1 : 0));
  if (extra < 0 || (extra > 0 && !dots)) {
    fail(ErrorKind::kShape, "einsum: operand {} of shape {} has {} dimensions, its labels are '{}'", number,
         shape_text(operand.shape()), operand.rank(), text);
  }
  Labels labels;
  for (const char c : text) {
    if (c != '.') {
      labels.push_back(static_cast<unsigned char>(c));
      continue;
    }
    for (int64_t i = 0; i < extra; ++i) labels.push_back(kEllipsis + static_cast<Label>(extra - 1 - i));
  }
  Term term{operand, {}};
  for (const Label label : labels) {
    const auto before = std::find(term.labels.begin(), term.labels.end(), label);
    if (before == term.labels.end()) {
      term.labels.push_back(label);
      continue;
    }
    const int64_t first = before - term.labels.begin();
    const auto second = static_cast<int64_t>(term.labels.size());
    if (term.tensor.dim(first) != term.tensor.dim(second)) {
      fail(ErrorKind::kShape, "einsum: label '{}' stands for sizes {} and {} in operand {}",
           static_cast<char>(label), term.tensor.dim(first), term.tensor.dim(second), number);
    }
    term.tensor = take_diagonal(term.tensor, first, second);
  }
  return term;
}

/// Sums over all labels but those.
Term keep(const Term& term, const Labels& wanted) {
  Dims over;
  Term out;
  for (size_t i = 0; i < term.labels.size(); ++i) {
    if (holds(wanted, term.labels[i])) {
      out.labels.push_back(term.labels[i]);
    } else {
      over.push_back(static_cast<int64_t>(i));
    }
  }
  out.tensor = over.empty() ? term.tensor : sum(term.tensor, over);
  return out;
}

/// The tensor with its dimensions in that order of labels, size 1 for those it has not.
Tensor arranged(const Term& term, const Labels& order) {
  Dims dims;
  for (const Label label : order) {
    const auto it = std::find(term.labels.begin(), term.labels.end(), label);
    if (it != term.labels.end()) dims.push_back(it - term.labels.begin());
  }
  Tensor out = permute(term.tensor, dims);
  for (size_t i = 0; i < order.size(); ++i) {
    if (!holds(term.labels, order[i])) out = unsqueeze(out, static_cast<int64_t>(i));
  }
  return out;
}

int64_t product_of(const Term& term, const Labels& labels) {
  int64_t n = 1;
  for (const Label label : labels) n *= term.size(label);
  return n;
}

Labels joined(std::initializer_list<Labels> lists) {
  Labels out;
  for (const Labels& list : lists) out.insert(out.end(), list.begin(), list.end());
  return out;
}

/// The product of both, summed over the labels that are not wanted.
Term contract(Term a, Term b, const Labels& wanted) {
  // Sums that concern one factor alone, or broadcast along it, come first.
  const auto reduce_alone = [&](const Term& x, const Term& other) {
    Labels kept;
    for (const Label label : x.labels) {
      if (holds(wanted, label) || (x.size(label) != 1 && other.size(label) != 1)) kept.push_back(label);
    }
    return keep(x, kept);
  };
  const Term a_before = a;
  a = reduce_alone(a, b);
  b = reduce_alone(b, a_before);
  Labels batch, rows, cols, summed;
  Labels all = a.labels;
  for (const Label label : b.labels) {
    if (!holds(all, label)) all.push_back(label);
  }
  for (const Label label : all) {
    const bool in_a = holds(a.labels, label) && a.size(label) != 1;
    const bool in_b = holds(b.labels, label) && b.size(label) != 1;
    if (!holds(wanted, label)) {
      summed.push_back(label);
    } else if (in_a == in_b) {
      batch.push_back(label);
    } else {
      (in_a ? rows : cols).push_back(label);
    }
  }
  Shape out;
  for (const Labels& part : {batch, rows, cols}) {
    for (const Label label : part) out.push_back(a.size(label) == 1 ? b.size(label) : a.size(label));
  }
  const int64_t batches = product_of(a, batch);
  const Tensor left = reshape(arranged(a, joined({batch, rows, summed, cols})),
                              {batches, product_of(a, rows), product_of(a, summed)});
  const Tensor right = reshape(arranged(b, joined({batch, summed, cols, rows})),
                               {batches, product_of(b, summed), product_of(b, cols)});
  const Labels labels = joined({batch, rows, cols});
  return {reshape(summed.empty() ? left * right : matmul(left, right), out), labels};
}

Labels output_labels(const Equation& e, const std::vector<Term>& terms, Label dots) {
  Labels out;
  const auto push_dots = [&] {
    for (Label i = dots; i-- > 0;) out.push_back(kEllipsis + i);
  };
  if (!e.arrow) {
    push_dots();
    std::array<int, 256> count{};
    for (const std::string& input : e.inputs) {
      for (const char c : input) ++count[static_cast<unsigned char>(c)];
    }
    for (int c = 0; c < 256; ++c) {
      if (c != '.' && count[static_cast<size_t>(c)] == 1) out.push_back(c);
    }
    return out;
  }
  for (const char c : e.output) {
    if (c == '.') {
      push_dots();
      continue;
    }
    const Label label = static_cast<unsigned char>(c);
    if (holds(out, label)) fail(ErrorKind::kConfig, "einsum: label '{}' comes twice behind the arrow", c);
    if (std::none_of(terms.begin(), terms.end(), [&](const Term& t) { return holds(t.labels, label); })) {
      fail(ErrorKind::kConfig, "einsum: label '{}' behind the arrow is in no operand", c);
    }
    out.push_back(label);
  }
  return out;
}

/// Sizes of one label must be equal, or 1, which broadcasts.
void check_sizes(const std::vector<Term>& terms) {
  for (const Term& term : terms) {
    for (const Label label : term.labels) {
      for (const Term& other : terms) {
        const int64_t n = term.size(label);
        const int64_t m = other.size(label);
        if (n == m || n == 1 || m == 1) continue;
        fail(ErrorKind::kShape, "einsum: {} stands for sizes {} and {}",
             label >= kEllipsis ? std::string("'...'") : fmt::format("label '{}'", static_cast<char>(label)),
             n, m);
      }
    }
  }
}

}  // namespace

Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands) {
  const Equation e = parse(equation);
  if (e.inputs.size() != operands.size() || operands.empty()) {
    fail(ErrorKind::kConfig, "einsum: '{}' is for {} operands, got {}", equation, e.inputs.size(),
         operands.size());
  }
  std::vector<Term> terms;
  Label dots = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    terms.push_back(labelled(e.inputs[i], operands[i], i));
    for (const Label label : terms.back().labels) dots = std::max(dots, label - kEllipsis + 1);
  }
  check_sizes(terms);
  const Labels wanted = output_labels(e, terms, dots);
  Term result = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    Labels later = wanted;
    for (size_t j = i + 1; j < terms.size(); ++j) {
      later.insert(later.end(), terms[j].labels.begin(), terms[j].labels.end());
    }
    result = contract(result, terms[i], later);
  }
  return arranged(keep(result, wanted), wanted);
}

}  // namespace dlb
