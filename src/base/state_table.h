#pragma once
// State machines as tables: every move is a row that a person can read, a document can show and a
// test can walk. Pure values. What a table does not list is refused, in words.

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mw {

struct Transition {
    std::string_view from;
    std::string_view event;
    std::string_view to;
    std::string_view says;  // what happens, for the document
};

class StateTable {
 public:
    // The first row's `from` is where it begins. Rows outlive the table (constexpr arrays).
    constexpr StateTable(std::string_view name, std::span<const Transition> rows)
        : name_(name), rows_(rows) {}

    std::string_view name() const { return name_; }
    std::string_view initial() const { return rows_.front().from; }
    std::span<const Transition> rows() const { return rows_; }

    const Transition* find(std::string_view from, std::string_view event) const {
        const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const Transition& row) {
            return row.from == from && row.event == event;
        });
        return at == rows_.end() ? nullptr : &*at;
    }
    bool knows(std::string_view state) const {
        return std::any_of(rows_.begin(), rows_.end(), [&](const Transition& row) {
            return row.from == state || row.to == state;
        });
    }
    bool is_final(std::string_view state) const {
        return std::none_of(rows_.begin(), rows_.end(),
                            [&](const Transition& row) { return row.from == state; });
    }
    // conflict: the state has no such event; the message lists those that it has.
    Result<std::string_view> next(std::string_view from, std::string_view event) const;
    // A Markdown table, as docs/formats shows it.
    std::string to_markdown() const;

 private:
    std::string_view name_;
    std::span<const Transition> rows_;
};

}  // namespace mw
