// Operators of ONNX on texts.
#include <re2/re2.h>
#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <set>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::graph {

namespace {

/// The text in lower or upper case, letter by letter. Bytes that are not UTF-8 stay as they are.
std::string recased(const std::string& text, bool upper) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t letter = 0;
    const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + i);
    const utf8proc_ssize_t length =
        utf8proc_iterate(at, static_cast<utf8proc_ssize_t>(text.size() - i), &letter);
    if (length < 1) {
      out += text[i++];
      continue;
    }
    utf8proc_uint8_t buffer[4];
    const utf8proc_ssize_t written =
        utf8proc_encode_char(upper ? utf8proc_toupper(letter) : utf8proc_tolower(letter), buffer);
    out.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(written));
    i += static_cast<size_t>(length);
  }
  return out;
}

void string_normalizer(Call& c) {
  const Texts& x = c.texts(0);
  const std::string action = c.attribute("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    c.fail("case_change_action must be NONE, LOWER or UPPER, got '{}'", action);
  const bool exact = c.attribute("is_case_sensitive", int64_t{0}) != 0;
  const bool row = x.shape.size() == 2 && x.shape[0] == 1;
  if (x.shape.size() != 1 && !row) c.fail("input 0 is {}, expected [C] or [1, C]", describe(c.value(0)));
  std::set<std::string> stopwords;
  for (const std::string& word : c.strings("stopwords"))
    stopwords.insert(exact ? word : recased(word, false));
  std::vector<std::string> kept;
  for (const std::string& text : x.items) {
    if (stopwords.count(exact ? text : recased(text, false)) > 0) continue;
    kept.push_back(action == "NONE" ? text : recased(text, action == "UPPER"));
  }
  if (kept.empty()) kept.emplace_back();  // no output is without elements
  const int64_t count = static_cast<int64_t>(kept.size());
  c.output(Value(Texts{row ? Shape{1, count} : Shape{count}, std::move(kept)}));
}

void string_concat(Call& c) {
  const Texts& a = c.texts(0);
  const Texts& b = c.texts(1);
  const Shape shape = broadcast_shapes(a.shape, b.shape);
  const std::vector<int64_t> left = expand(positions(c, a), shape).to_vector<int64_t>();
  const std::vector<int64_t> right = expand(positions(c, b), shape).to_vector<int64_t>();
  Texts out{shape, {}};
  for (size_t i = 0; i < left.size(); ++i) {
    out.items.push_back(a.items[static_cast<size_t>(left[i])]);
    out.items.back() += b.items[static_cast<size_t>(right[i])];
  }
  c.output(Value(std::move(out)));
}

constexpr const char* kBlanks = " \t\n\r\f\v";

/// The parts between blanks; after `most` of them the rest in one piece.
std::vector<std::string> split_at_blanks(const std::string& text, int64_t most) {
  std::vector<std::string> parts;
  size_t at = text.find_first_not_of(kBlanks);
  while (at != std::string::npos) {
    const bool last = most >= 0 && static_cast<int64_t>(parts.size()) == most;
    const size_t end = last ? std::string::npos : text.find_first_of(kBlanks, at);
    parts.push_back(text.substr(at, end == std::string::npos ? end : end - at));
    at = end == std::string::npos ? end : text.find_first_not_of(kBlanks, end);
  }
  return parts;
}

std::vector<std::string> split_at(const std::string& text, const std::string& delimiter, int64_t most) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const size_t end = text.find(delimiter, at);
    if (end == std::string::npos) break;
    parts.push_back(text.substr(at, end - at));
    at = end + delimiter.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

void string_split(Call& c) {
  const Texts& x = c.texts(0);
  const std::string delimiter = c.attribute("delimiter", "");
  const int64_t most = c.attribute("maxsplit", int64_t{-1});
  std::vector<std::vector<std::string>> split;
  std::vector<int64_t> counts;
  size_t longest = 0;
  for (const std::string& text : x.items) {
    split.push_back(delimiter.empty() ? split_at_blanks(text, most) : split_at(text, delimiter, most));
    counts.push_back(static_cast<int64_t>(split.back().size()));
    longest = std::max(longest, split.back().size());
  }
  // One long list next to many short ones stands for far more texts than there are.
  constexpr size_t kMost = 100'000'000;
  if (longest > 0 && split.size() > kMost / longest)
    c.unsupported("{} texts of up to {} parts", split.size(), longest);
  Texts out{x.shape, {}};
  out.shape.push_back(static_cast<int64_t>(longest));
  for (std::vector<std::string>& parts : split) {
    parts.resize(longest);
    for (std::string& part : parts) out.items.push_back(std::move(part));
  }
  c.output(0, Value(std::move(out)));
  c.plain(Tensor::from(counts, x.shape), 1);
}

void regex_full_match(Call& c) {
  const Texts& x = c.texts(0);
  const std::string pattern = c.attribute("pattern", "");
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(pattern, options);  // takes time linear in the text for any pattern
  if (!regex.ok()) c.fail("pattern '{}': {}", pattern, regex.error());
  Tensor out = Tensor::empty(x.shape, DType::kBool);
  for (size_t i = 0; i < x.items.size(); ++i) out.data<bool>()[i] = RE2::FullMatch(x.items[i], regex);
  c.plain(out);
}

/// Sequences of up to so many elements, and where each is counted.
struct NGrams {
  std::map<std::vector<int64_t>, size_t> index;  ///< of words as their numbers -> place in the pool
  std::vector<int64_t> places;                   ///< in the output
  std::vector<float> weights;
  int64_t shortest = 1, longest = 1, skips = 0;
  int64_t width = 0;  ///< of the output
};

NGrams n_grams(const Call& c, const std::vector<int64_t>& pool) {
  NGrams g;
  g.shortest = c.required("min_gram_length");
  g.longest = c.required("max_gram_length");
  g.skips = c.required("max_skip_count");
  g.places = c.integers("ngram_indexes");
  g.weights = c.floats("weights");
  const std::vector<int64_t> starts = c.integers("ngram_counts");
  if (g.shortest < 1 || g.longest < g.shortest || g.skips < 0 ||
      g.longest > static_cast<int64_t>(starts.size()))
    c.fail("lengths {} to {} with up to {} skips, and {} numbers in ngram_counts", g.shortest, g.longest,
           g.skips, starts.size());
  size_t next = 0;
  for (size_t n = 1; n <= starts.size(); ++n) {
    const int64_t size = static_cast<int64_t>(pool.size());
    const int64_t begin = starts[n - 1], end = n < starts.size() ? starts[n] : size;
    if (begin < 0 || begin > end || end > size || (end - begin) % static_cast<int64_t>(n) != 0)
      c.fail("ngram_counts does not divide the {} words of the pool", size);
    for (int64_t i = begin; i < end; i += static_cast<int64_t>(n))
      g.index.emplace(std::vector<int64_t>(pool.begin() + i, pool.begin() + i + static_cast<int64_t>(n)),
                      next++);
  }
  if (g.places.size() != next || (!g.weights.empty() && g.weights.size() != next))
    c.fail("{} n-grams, {} indexes and {} weights", next, g.places.size(), g.weights.size());
  for (const int64_t place : g.places) {
    if (place < 0 || place > (int64_t{1} << 31)) c.fail("an index of an n-gram is {}", place);
    g.width = std::max(g.width, place + 1);
  }
  return g;
}

void count(const NGrams& g, const int64_t* row, int64_t length, std::vector<int64_t>& counts) {
  std::vector<int64_t> words;
  for (int64_t n = g.shortest; n <= g.longest && n <= length; ++n) {
    // Single words know no skips: all would count the same ones.
    const int64_t most_skips = n == 1 ? 0 : std::min(g.skips, length);
    for (int64_t step = 1; step <= most_skips + 1; ++step) {
      for (int64_t first = 0; first + (n - 1) * step < length; ++first) {
        words.clear();
        for (int64_t k = 0; k < n; ++k) words.push_back(row[first + k * step]);
        const auto found = g.index.find(words);
        if (found != g.index.end()) ++counts[found->second];
      }
    }
  }
}

void tf_idf(Call& c) {
  const std::string mode = c.attribute("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    c.fail("mode must be TF, IDF or TFIDF, got '{}'", mode);
  std::vector<int64_t> pool = c.integers("pool_int64s"), row;
  const Shape shape = c.value(0).shape();
  if (c.value(0).is_texts()) {
    std::map<std::string, int64_t> numbers;
    pool.clear();
    for (const std::string& word : c.strings("pool_strings"))
      pool.push_back(numbers.emplace(word, static_cast<int64_t>(numbers.size())).first->second);
    for (const std::string& word : c.texts(0).items) {
      const auto known = numbers.find(word);
      row.push_back(known == numbers.end() ? -1 : known->second);
    }
  } else {
    c.need_data(0);
    row = c.tensor(0).to_vector<int64_t>();
  }
  if (shape.size() != 1 && shape.size() != 2)
    c.fail("input 0 is {}, expected [C] or [N, C]", describe(c.value(0)));
  const NGrams g = n_grams(c, pool);
  const int64_t rows = shape.size() == 2 ? shape[0] : 1, length = shape.back();
  Tensor out = zeros(shape.size() == 2 ? Shape{rows, g.width} : Shape{g.width});
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<int64_t> counts(g.places.size(), 0);
    count(g, row.data() + r * length, length, counts);
    float* y = out.data<float>() + r * g.width;
    for (size_t i = 0; i < counts.size(); ++i) {
      const float weight = g.weights.empty() || mode == "TF" ? 1.0F : g.weights[i];
      const int64_t times = mode == "IDF" ? std::min(counts[i], int64_t{1}) : counts[i];
      y[g.places[i]] += weight * static_cast<float>(times);
    }
  }
  c.plain(out);
}

constexpr Operator kOperators[] = {
    {"StringNormalizer", &string_normalizer, 10, "", true, 1},
    {"StringConcat", &string_concat, 20, "", false, 2},
    {"StringSplit", &string_split, 20, "", false, 1},
    {"RegexFullMatch", &regex_full_match, 20, "", true, 1},
    {"TfIdfVectorizer", &tf_idf, 9, "", false, 1},
};

}  // namespace

std::span<const Operator> text_operators() { return kOperators; }

}  // namespace dlb::graph
