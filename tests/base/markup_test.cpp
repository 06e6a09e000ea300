#include "dlb/base/markup.h"

#include <catch2/catch.hpp>

using dlb::escape_markup;

TEST_CASE("what HTML and XML give a meaning is escaped", "[markup]") {
  CHECK(escape_markup("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  CHECK(escape_markup("&lt;") == "&amp;lt;");
  CHECK(escape_markup("h\xC3\xA9\n\tz") == "h\xC3\xA9\n\tz");
  CHECK(escape_markup(std::string("\0\x01\r\x1B\x7F", 5)) ==
        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}
