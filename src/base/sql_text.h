#pragma once
// Texts and names inside SQL (SQL:2016 5.3 and 5.4): quoted, quotes in them doubled, so that what
// people or devices call things never becomes part of a statement.

#include <string>
#include <string_view>

namespace mw {

inline std::string sql_quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) out.append(c == quote ? 2 : 1, c);
    return out += quote;
}

inline std::string sql_text(std::string_view text) { return sql_quoted(text, '\''); }
inline std::string sql_name(std::string_view name) { return sql_quoted(name, '"'); }

}  // namespace mw
