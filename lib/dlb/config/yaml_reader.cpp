#include "dlb/config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>
#include <utility>

#include "dlb/config/source_text.h"
#include "dlb/config/tree_builder.h"

namespace dlb::config {
namespace {

/// Lets yaml-cpp read the text in place.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

/// yaml-cpp's complaint in words that say what to do.
Error syntax_error(const YAML::Exception& e, const SourceText& source, const TreeBuilder& builder) {
  const auto error = [&](const Mark& mark, std::string message, std::string hint = {}) {
    return Error(ErrorKind::kConfig, std::move(message), mark.str(), std::move(hint));
  };
  const Mark mark = source.mark_at(e.mark.line, e.mark.column);
  using namespace YAML::ErrorMsg;
  if (e.msg == END_OF_SEQ_FLOW)
    return error(builder.opened_by('['), "this '[' is not closed, or a comma is missing inside it");
  if (e.msg == END_OF_MAP_FLOW)
    return error(builder.opened_by('{'), "this '{' is not closed, or a comma is missing inside it");
  if (e.msg == EOF_IN_SCALAR) return error(builder.open_quote(), "this quote is not closed");
  if (e.msg == TAB_IN_INDENTATION || source.tab_in_indentation(e.mark.line)) {
    return error(mark, "a tab cannot indent YAML; use spaces");
  }
  if (e.msg == FLOW_END)
    return error(mark, "this bracket closes nothing, or another one than the last that was opened");
  if (e.msg == MAP_VALUE) {
    return error(mark, "unexpected ':'",
                 "check the indentation; a text that contains ': ' must be in quotes");
  }
  if (e.msg == BLOCK_ENTRY)
    return error(mark, "unexpected '-'", "a list starts on a line of its own, or is written [a, b]");
  if (e.msg == UNKNOWN_TOKEN) {
    return error(mark, "a value cannot start with this character", "put the text in quotes");
  }
  if (e.msg == END_OF_MAP || e.msg == END_OF_SEQ) {
    return error(mark, "unexpected text",
                 "check the indentation and the quotes of this line and of the line before it");
  }
  if (e.msg == UNKNOWN_ANCHOR) return error(mark, "this alias names an anchor that is not defined before it");
  return error(mark, "YAML syntax: " + e.msg);
}

}  // namespace

std::optional<Tree> read_yaml(std::string_view text, const YamlSource& source, const Limits& limits,
                              size_t& nodes_left, ErrorList& errors) {
  const size_t errors_before = errors.size();
  try {
    if (text.size() > limits.file_bytes) {
      throw Error(
          ErrorKind::kConfig,
          fmt::format("the config has {} bytes, more than the allowed {}", text.size(), limits.file_bytes),
          Mark{source.name, 0, 0}.str());
    }
    const SourceText checked(text, source);
    TreeBuilder builder(checked, limits, source.depth, nodes_left, errors);
    ViewBuffer buffer(checked.text());
    std::istream in(&buffer);
    try {
      YAML::Parser parser(in);
      while (parser.HandleNextDocument(builder)) {
      }
      Tree root = builder.take_root();
      if (errors.size() == errors_before) return root;
    } catch (const YAML::Exception& e) {
      errors.add(syntax_error(e, checked, builder));
    }
  } catch (Error& e) {
    errors.add(std::move(e));
  }
  return std::nullopt;
}

}  // namespace dlb::config
