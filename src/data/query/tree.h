#pragma once
// JSON as DuckDB's parser writes it, kept exactly: numbers stay the text they were, so a constant
// of a statement survives reading, rewriting and writing in every bit. Plain values; at most 1000
// levels deep and 200,000 nodes (a hostile statement must not exhaust the stack).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mw::query {

struct Node {
    enum class Kind : std::uint8_t { null, boolean, number, text, list, object };
    Kind kind = Kind::null;
    std::string text;               // decoded text; number and boolean as written
    std::vector<std::string> keys;  // of an object, in order; items holds the values
    std::vector<Node> items;

    static Node of_text(std::string text);
    static Node of_boolean(bool value);

    bool is_null() const { return kind == Kind::null; }
    bool is_true() const { return kind == Kind::boolean && text == "true"; }
    Node* find(std::string_view key);  // null when absent, or when this is no object
    const Node* find(std::string_view key) const;
    std::string_view text_at(std::string_view key) const;  // empty when absent or no text
    void set(std::string_view key, Node value);
};

Result<Node> parse_tree(std::string_view json);
std::string to_json(const Node& node);

}  // namespace mw::query
