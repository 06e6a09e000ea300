#include "dlb/data/sequences.h"

#include <algorithm>
#include <iterator>

namespace dlb::data {

namespace {

constexpr int64_t kBegin = 1, kEnd = 2, kFirst = 3;
constexpr double kIgnored = -100;
constexpr int64_t kMaxLength = 1 << 20;

int64_t below(RandomStream& random, int64_t n) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(n)));
}

}  // namespace

Fields SequencesSource::fields() {
  static const std::vector<Field> list = with_sample_fields<SequencesSource>({
      field<&SequencesSource::task>("task", "what is to be learned",
                                    one_of({"copy", "reverse", "sort", "increment", "parity", "first",
                                            "majority", "balanced", "adding"})),
      field<&SequencesSource::length>("length", "longest sequence", between(1, kMaxLength)),
      field<&SequencesSource::min_length>("min_length", "shortest sequence", between(1, kMaxLength)),
      field<&SequencesSource::vocab>(
          "vocab", "number of tokens, with those that fill up (0), begin (1) and end (2)", between(4, 1e6)),
      field<&SequencesSource::form>(
          "form", "aligned: a target for each token; seq2seq: source, decoder input and target apart",
          one_of({"aligned", "seq2seq"})),
  });
  return list;
}

bool SequencesSource::to_class() const {
  return task == "parity" || task == "first" || task == "majority" || task == "balanced";
}

void SequencesSource::check(const SourceOptions& options) const {
  if (min_length > length)
    throw field_error(options, "min_length",
                      fmt::format("sequences: min_length {} is above length {}", min_length, length));
  if (task == "adding" && min_length < 2)
    throw field_error(options, "min_length",
                      fmt::format("sequences: adding needs a min_length of at least 2, got {}", min_length));
  if (form == "seq2seq" && (to_class() || task == "adding"))
    throw field_error(
        options, "form",
        fmt::format("sequences: {} has one target per sequence; seq2seq is for copy, reverse, sort "
                    "and increment",
                    task));
}

SampleSpec SequencesSource::sample_spec() const {
  SampleSpec spec;
  const auto tokens = [](std::string name, int64_t size, double pad) {
    return Column{std::move(name), make_spec({size}, DType::kInt64), Collate::kPad, pad};
  };
  if (task == "adding") {
    spec.columns = {{"x", make_spec({length, 2}, DType::kFloat32), Collate::kPad},
                    {"y", make_spec({1}, DType::kFloat32)}};
    return spec;
  }
  if (form == "seq2seq") {
    spec.columns = {tokens("source", length + 1, 0), tokens("decoder", length + 1, 0),
                    tokens("target", length + 1, kIgnored)};
    spec.inputs = 2;
  } else if (to_class()) {
    spec.columns = {tokens("tokens", length, 0), {"label", make_spec({}, DType::kInt64)}};
  } else {
    spec.columns = {tokens("tokens", length, 0), tokens("target", length, kIgnored)};
  }
  const bool binary = task == "parity" || task == "balanced";
  spec.facts["vocab"] = binary ? kFirst + 2 : vocab;
  spec.classes = binary ? 2 : to_class() ? vocab - kFirst : vocab;
  return spec;
}

std::vector<int64_t> SequencesSource::draw_symbols(RandomStream& random, int64_t count) const {
  const bool binary = task == "parity" || task == "balanced";
  const int64_t symbols = binary ? 2 : vocab - kFirst;
  std::vector<int64_t> out;
  if (task == "balanced" && count >= 2 && below(random, 2) == 0) {
    // Half of the sequences are balanced: an opening bracket wherever one may or must stand.
    const int64_t pairs = count / 2;
    int64_t open = 0, left = pairs;
    while (std::ssize(out) < 2 * pairs) {
      const bool opens = open == 0 || (left > 0 && below(random, 2) == 0);
      out.push_back(opens ? kFirst : kFirst + 1);
      open += opens ? 1 : -1;
      left -= opens ? 1 : 0;
    }
    return out;
  }
  for (int64_t i = 0; i < count; ++i) out.push_back(kFirst + below(random, symbols));
  return out;
}

std::vector<int64_t> SequencesSource::result_of(const std::vector<int64_t>& symbols) const {
  std::vector<int64_t> out = symbols;
  if (task == "reverse") std::reverse(out.begin(), out.end());
  if (task == "sort") std::sort(out.begin(), out.end());
  if (task == "increment") {
    for (int64_t& s : out) s = s + 1 < vocab ? s + 1 : kFirst;
  }
  return out;
}

int64_t SequencesSource::label_of(const std::vector<int64_t>& symbols) const {
  if (task == "first") return symbols.front() - kFirst;
  if (task == "parity") return std::count(symbols.begin(), symbols.end(), kFirst + 1) % 2;
  if (task == "balanced") {
    int64_t open = 0;
    for (const int64_t s : symbols) {
      open += s == kFirst ? 1 : -1;
      if (open < 0) return 0;
    }
    return open == 0 ? 1 : 0;
  }
  std::vector<int64_t> counts(static_cast<size_t>(vocab - kFirst));
  for (const int64_t s : symbols) ++counts[static_cast<size_t>(s - kFirst)];
  return std::max_element(counts.begin(), counts.end()) - counts.begin();
}

void SequencesSource::make(RandomStream& random, TableBuilder& table) const {
  const int64_t count = min_length + below(random, length - min_length + 1);
  if (task == "adding") {
    float* x = table.row<float>(0, count);
    for (int64_t i = 0; i < count; ++i) x[2 * i] = random.uniform();
    const int64_t a = below(random, count);
    const int64_t b = (a + 1 + below(random, count - 1)) % count;
    x[2 * a + 1] = x[2 * b + 1] = 1;
    *table.row<float>(1) = x[2 * a] + x[2 * b];
    return;
  }
  const std::vector<int64_t> symbols = draw_symbols(random, count);
  const auto put = [&](size_t c, const std::vector<int64_t>& values) {
    std::copy(values.begin(), values.end(), table.row<int64_t>(c, std::ssize(values)));
  };
  if (to_class()) {
    put(0, symbols);
    *table.row<int64_t>(1) = label_of(symbols);
    return;
  }
  std::vector<int64_t> result = result_of(symbols);
  if (form == "aligned") {
    put(0, symbols);
    put(1, result);
    return;
  }
  std::vector<int64_t> source = symbols;
  source.push_back(kEnd);
  put(0, source);
  std::vector<int64_t> decoder = {kBegin};
  decoder.insert(decoder.end(), result.begin(), result.end());
  put(1, decoder);
  result.push_back(kEnd);
  put(2, result);
}

}  // namespace dlb::data
