#include "dlb/base/error_list.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>
#include <unordered_set>

namespace dlb {
namespace {

/// "file:line:col" taken apart for sorting; a place without numbers keeps line and column 0.
struct Place {
  bool unknown = false;
  std::string_view file;
  int line = 0;
  int col = 0;

  auto key() const { return std::tie(unknown, file, line, col); }
};

/// Takes ":number" off the end of `text`; returns whether there was one.
bool take_number(std::string_view& text, int& number) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const char* first = text.data() + colon + 1;
  const char* last = text.data() + text.size();
  const auto [end, status] = std::from_chars(first, last, number);
  if (status != std::errc() || end != last) return false;
  text.remove_suffix(text.size() - colon);
  return true;
}

Place place_of(const Error& error) {
  Place place;
  place.unknown = error.where.empty();
  place.file = error.where;
  int last = 0;
  if (!take_number(place.file, last)) return place;
  int first = 0;
  if (take_number(place.file, first)) {
    place.line = first;
    place.col = last;
  } else {
    place.line = last;
  }
  return place;
}

}  // namespace

void ErrorList::throw_if_any() {
  if (errors_.empty()) return;
  std::vector<Error> flat;
  for (Error& error : errors_) {
    std::vector<Error> more = std::move(error.more);
    error.more.clear();
    flat.push_back(std::move(error));
    for (Error& other : more) flat.push_back(std::move(other));
  }
  errors_.clear();
  std::stable_sort(flat.begin(), flat.end(),
                   [](const Error& a, const Error& b) { return place_of(a).key() < place_of(b).key(); });
  std::vector<Error> unique;
  std::unordered_set<std::string> known;
  for (Error& error : flat) {
    if (known.insert(error.where + '\n' + error.message).second) unique.push_back(std::move(error));
  }
  Error first = std::move(unique.front());
  for (size_t i = 1; i < unique.size(); ++i) first.more.push_back(std::move(unique[i]));
  throw first;
}

}  // namespace dlb
