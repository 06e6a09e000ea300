#pragma once
/// \file The frame of a page: one HTML file that needs nothing beside it.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dlb::report {

/// A page with a headline, sections and data that page.js draws. Everything that is handed over as `html` has
/// been escaped by its maker; a policy in the page lets the browser run page.js alone and fetch nothing.
struct Page {
  std::string title;
  std::string head;  ///< html below the headline
  struct Section {
    std::string id, title;
    std::string html;
  };
  std::vector<Section> sections;
  std::string data;  ///< JSON

  std::string html() const;
};

/// A cell of a table, as html; numbers are set right.
struct Cell {
  std::string html;
  bool number = false;
  std::string css = {};  ///< a class of page.css
};
/// <table> with a caption for screen readers; the first cell of a row is its head.
std::string table_html(std::string_view caption, const std::vector<std::string>& columns,
                       const std::vector<std::vector<Cell>>& rows);
/// Names and values side by side; both are escaped here.
std::string pairs_html(const std::vector<std::pair<std::string, std::string>>& pairs);
/// A list of messages, "" of none; escaped here.
std::string list_html(std::string_view css, const std::vector<std::string>& lines);

}  // namespace dlb::report
