#include "dlb/data/pair_source.h"

#include <algorithm>
#include <array>

namespace dlb::data {

namespace {

constexpr double kIgnored = -100;
constexpr std::array<const char*, 12> kMonths = {"january",   "february", "march",    "april",
                                                 "may",       "june",     "july",     "august",
                                                 "september", "october",  "november", "december"};

bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int64_t days_of(int64_t year, int64_t month) {
  constexpr std::array<int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<size_t>(month - 1)];
}

void make_date(RandomStream& random, std::string& source, std::string& target) {
  const auto draw = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.below(static_cast<uint64_t>(high - low + 1)));
  };
  const int64_t year = draw(1930, 2029), month = draw(1, 12), day = draw(1, days_of(year, month));
  const std::string name = kMonths[static_cast<size_t>(month - 1)];
  target = fmt::format("{:04}-{:02}-{:02}", year, month, day);
  switch (random.below(7)) {
    case 0:
      source = fmt::format("{} {}, {}", name, day, year);
      break;
    case 1:
      source = fmt::format("{} {} {}", day, name, year);
      break;
    case 2:
      source = fmt::format("{} {} {}", day, name.substr(0, 3), year);
      break;
    case 3:
      source = fmt::format("{}.{}.{}", day, month, year);
      break;
    case 4:
      source = fmt::format("{}/{}/{:02}", month, day, year % 100);
      break;
    case 5:
      source = fmt::format("{}{:02}{:02}", year, month, day);
      break;
    default:
      source = fmt::format("the {} of {} {}", day, name, year);
      break;
  }
}

/// Which split a made-up item belongs to, by its source: 1 in 10 each for val and test (FNV-1a).
size_t split_of(std::string_view source) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : source) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3U;
  const uint64_t tenth = (hash >> 33) % 10;
  return tenth < 2 ? static_cast<size_t>(tenth) + 1 : 0;
}

}  // namespace

Fields SentencePairsSource::fields() {
  static const std::vector<Field> list = [] {
    const auto count = between(0, 1 << 28);
    std::vector<Field> own = {
        field<&SentencePairsSource::task>("task", "what to make up; none: pairs are read from files",
                                          one_of({"none", "dates", "addition", "reverse"})),
        field<&SentencePairsSource::samples>("samples", "training items to make up", between(1, 1 << 28)),
        field<&SentencePairsSource::val_samples>("val_samples", "validation items to make up", count),
        field<&SentencePairsSource::test_samples>("test_samples", "test items to make up", count),
        field<&SentencePairsSource::digits>("digits", "digits of a number in `addition`, at most",
                                            between(2, 15)),
        field<&SentencePairsSource::length>("length", "letters in `reverse`, at most", between(4, 10000)),
    };
    return with_common(std::move(own));
  }();
  return list;
}

void SentencePairsSource::read_items(const std::string& path, const ItemVisit& visit) const {
  TextFiles{encoding}.lines(path, [&](std::string_view line, int64_t number) {
    if (line.empty()) return;
    const size_t tab = line.find('\t');
    const bool good = tab != std::string_view::npos && tab > 0 && tab + 1 < line.size() &&
                      line.find('\t', tab + 1) == std::string_view::npos;
    if (!good) {
      fail(ErrorKind::kData, "'{}' line {} is no pair 'SOURCE<tab>TARGET': '{}'", path, number,
           line.substr(0, 60));
    }
    visit({line.substr(0, tab), line.substr(tab + 1)});
  });
}

int64_t SentencePairsSource::made_up(const std::string& split_name) const {
  if (task == "none") return -1;
  return split_name == "train" ? samples : split_name == "val" ? val_samples : test_samples;
}

void SentencePairsSource::make_pair(RandomStream& random, std::string& source, std::string& target) const {
  if (task == "dates") {
    make_date(random, source, target);
  } else if (task == "addition") {
    const auto draw = [&] {
      uint64_t limit = 1;
      for (uint64_t n = 1 + random.below(static_cast<uint64_t>(digits)); n > 0; --n) limit *= 10;
      return random.below(limit);
    };
    const uint64_t a = draw(), b = draw();
    source = fmt::format("{}+{}", a, b);
    target = fmt::format("{}", a + b);
  } else {
    source.clear();
    for (uint64_t n = 1 + random.below(static_cast<uint64_t>(length)); n > 0; --n) {
      source += static_cast<char>('a' + static_cast<int>(random.below(26)));
    }
    target.assign(source.rbegin(), source.rend());
  }
}

void SentencePairsSource::make_items(const std::string& split_name, const ItemVisit& visit) const {
  const size_t wanted = split_name == "train" ? 0 : split_name == "val" ? 1 : 2;
  std::string source, target;
  for (int64_t i = 0; i < made_up(split_name); ++i) {
    RandomStream random(
        {static_cast<uint64_t>(seed), RngPurpose::kSynthetic, wanted, static_cast<uint32_t>(i)});
    do {
      make_pair(random, source, target);
    } while (split_of(source) != wanted);
    visit({source, target});
  }
}

void SentencePairsSource::vocabulary_text(const TextItem& item,
                                          const std::function<void(std::string_view)>& take) const {
  take(item.first);
  take(item.second);
}

void SentencePairsSource::encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const {
  const int32_t begin = tokenizer_made().special("<s>"), end = tokenizer_made().special("</s>");
  encode_text(item.first, -1, end, lists[0]);
  encode_text(item.second, begin, end, lists[1]);
}

std::vector<ListColumn> SentencePairsSource::columns() const {
  ListColumn source{padded("source")}, target_in{padded("target_in")},
      target{{"target", {}, Collate::kPad, kIgnored}};
  target_in.store = target.store = 1;
  target_in.skip_back = 1;
  target.skip_front = 1;
  return {source, target_in, target};
}

}  // namespace dlb::data
