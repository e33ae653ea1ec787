#pragma once
// The part of PromQL that is spoken here, as a value. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mw::prometheus {

struct Matcher {
    enum class Kind { equal, not_equal, regex, not_regex };
    std::string label;
    Kind kind = Kind::equal;
    std::string value;
};
using Selector = std::vector<Matcher>;

enum class Function { instant, last, avg, min, max, sum, count, rate, increase };
enum class Aggregation { none, sum, avg, min, max, count };

struct Expression {
    std::optional<double> scalar;  // a number: nothing else counts
    Selector selector;
    Function function = Function::instant;
    nanoseconds range{0};  // of all functions but instant
    Aggregation aggregation = Aggregation::none;
    std::vector<std::string> by;
};

// What is spoken, for errors and manuals.
extern const char* const spoken;

// The error says where and what is spoken.
Result<Expression> parse(std::string_view text);
Result<Selector> parse_selector(std::string_view text);
// "5m", "1h30m", "1.5" (seconds).
Result<nanoseconds> parse_step(std::string_view text);

}  // namespace mw::prometheus
