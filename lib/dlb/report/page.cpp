#include "dlb/report/page.h"

#include <fmt/format.h>

#include "dlb/base/base64.h"
#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/markup.h"
#include "dlb/base/version.h"
#include "dlb/report/embedded.h"
#include "dlb/report/text.h"

namespace dlb::report {
namespace {

std::string_view embedded(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.data;
  }
  fail(ErrorKind::kInternal, "the binary has no file '{}'", name);
}

/// 'sha256-...' as a Content-Security-Policy names a script.
std::string script_source(std::string_view script) {
  const std::string hex = files::sha256_hex(script);
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return fmt::format("'sha256-{}'", base64(bytes));
}

}  // namespace

std::string Page::html() const {
  const std::string_view css = embedded("page.css"), script = embedded("page.js");
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src {}; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"dlbench "
      "{}\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
      script_source(script), escape_markup(version()), escape_markup(title), css);
  out += fmt::format("<header>\n<h1>{}</h1>\n{}<nav aria-label=\"Sections\">", escape_markup(title), head);
  for (const Section& s : sections)
    out += fmt::format("<a href=\"#{}\">{}</a>", escape_markup(s.id), escape_markup(s.title));
  out += "</nav>\n</header>\n<main>\n";
  for (const Section& s : sections) {
    out += fmt::format(
        "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
        escape_markup(s.id), escape_markup(s.title), s.html);
  }
  out += fmt::format("</main>\n<footer>Written by dlbench {}.</footer>\n", escape_markup(version()));
  out +=
      fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n<script>", escape_script(data));
  out += script;
  out += "</script>\n</body>\n</html>\n";
  return out;
}

std::string table_html(std::string_view caption, const std::vector<std::string>& columns,
                       const std::vector<std::vector<Cell>>& rows) {
  std::string out = fmt::format("<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>",
                                escape_markup(caption));
  for (size_t c = 0; c < columns.size(); ++c) {
    const bool number = !rows.empty() && c < rows.front().size() && rows.front()[c].number;
    out += fmt::format("<th scope=\"col\"{}>{}</th>", number ? " class=\"number\"" : "",
                       escape_markup(columns[c]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<Cell>& row : rows) {
    out += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      std::string classes = row[c].number ? "number" : "";
      if (!row[c].css.empty()) {
        if (!classes.empty()) classes += ' ';
        classes += row[c].css;
      }
      const std::string_view tag = c == 0 ? "th" : "td";
      out += fmt::format("<{}{}{}>{}</{}>", tag, c == 0 ? " scope=\"row\"" : "",
                         classes.empty() ? "" : fmt::format(" class=\"{}\"", classes), row[c].html, tag);
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string pairs_html(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out = "<dl class=\"pairs\">\n";
  for (const auto& [name, value] : pairs)
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_markup(name), escape_markup(value));
  return out + "</dl>\n";
}

std::string list_html(std::string_view css, const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string out = fmt::format("<ul class=\"{}\">\n", css);
  for (const std::string& line : lines) out += fmt::format("<li>{}</li>\n", escape_markup(line));
  return out + "</ul>\n";
}

}  // namespace dlb::report
