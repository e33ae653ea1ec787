#pragma once
// Tables and small charts for a terminal. Pure.

#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace mw::ctl {

struct Table {
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;
};

// Columns aligned with two spaces between; the widest are cut with "…" until a line has at most
// `width` columns. Width 0: never cut.
std::string render(const Table& table, std::size_t width);
// Columns of this terminal; 0 when standard output is not one.
std::size_t terminal_width();

// A line chart in Braille dots (two by four per character) with the least and greatest value at the
// left. NaN leaves a gap. `marks`: positions (0 to 1) under which '▲' stands.
std::string chart(std::span<const double> values, std::size_t width, std::size_t height,
                  std::span<const double> marks = {});

// A JSON value in a table cell: strings bare, lists and objects compact, null as "-".
std::string cell(const Json* value);
std::string cell(const Json& value, std::string_view path);

}  // namespace mw::ctl
