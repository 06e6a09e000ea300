#include "dlb/model/input_type.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "dlb/model/blocks.h"

namespace dlb::model {
namespace {

bool kind_fits(std::string_view kind, DType dtype) {
  if (kind == "float") return is_floating(dtype);
  if (kind == "bool") return dtype == DType::kBool;
  return is_integral(dtype);
}

/// The sizes of "N, 3,H" as words; empty words stay, so that "N,,H" is refused.
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == ',') {
      out.emplace_back();
    } else if (c != ' ') {
      out.back() += c;
    }
  }
  if (out.size() == 1 && out[0].empty()) out.clear();
  return out;
}

}  // namespace

void check_input_type(const std::string& name, const config::Node& type, const TensorSpec& spec,
                      std::string_view giver, std::map<std::string, int64_t>& known) {
  const char* form = "int, float or bool with sizes, such as \"float[N, 3, H, W]\"";
  if (!type.is_string()) throw type.error(fmt::format("the type of input '{}' must be {}", name, form));
  const std::string_view text = type.as_string();
  const size_t open = std::min(text.find('['), text.size());
  const std::string_view kind = text.substr(0, open);
  const bool sized = open < text.size();
  if ((kind != "int" && kind != "float" && kind != "bool") || (sized && text.back() != ']')) {
    throw type.error(fmt::format("the type of input '{}' must be {}, got '{}'", name, form, type.brief()));
  }
  bool fits = kind_fits(kind, spec.dtype);
  std::string differs;
  if (sized) {
    const std::vector<std::string> sizes = words(text.substr(open + 1, text.size() - open - 2));
    fits = fits && sizes.size() == spec.shape.size();
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (is_identifier(sizes[i])) {
        if (!fits) continue;
        const auto [entry, fresh] = known.emplace(sizes[i], spec.shape[i]);
        if (!fresh && entry->second != spec.shape[i] && differs.empty())
          differs = fmt::format(", where {} is {} already", sizes[i], entry->second);
        continue;
      }
      int64_t size = -1;
      const auto [end, status] = std::from_chars(sizes[i].data(), sizes[i].data() + sizes[i].size(), size);
      if (status != std::errc() || end != sizes[i].data() + sizes[i].size() || size < 0) {
        throw type.error(fmt::format("'{}' is no size in the type of input '{}'", sizes[i], name));
      }
      fits = fits && spec.shape[i] == size;
    }
  }
  if (!fits || !differs.empty()) {
    Error e = type.error(fmt::format("input '{}' is declared {}, but {} {}{}", name, type.brief(), giver,
                                     spec_text(spec), fits ? differs : ""));
    e.kind = ErrorKind::kShape;
    throw e;
  }
}

}  // namespace dlb::model
