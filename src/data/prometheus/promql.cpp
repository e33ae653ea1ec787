#include "data/prometheus/promql.h"

#include <charconv>

#include "base/number.h"

namespace mw::prometheus {

const char* const spoken =
    "spoken here are NAME{label=\"x\", ...} with = != =~ !~; rate, increase and "
    "last|avg|min|max|sum|count_over_time of SELECTOR[5m]; sum|avg|min|max|count [by (label, ...)] "
    "(...) around them; and numbers with + - * /";

namespace {

constexpr std::size_t text_max = 16'384;
constexpr std::size_t matchers_max = 64;
constexpr nanoseconds range_most = hours(24 * 366);

struct FunctionName {
    std::string_view text;
    Function function;
};
constexpr FunctionName function_names[] = {
    {"last_over_time", Function::last}, {"avg_over_time", Function::avg},
    {"min_over_time", Function::min},   {"max_over_time", Function::max},
    {"sum_over_time", Function::sum},   {"count_over_time", Function::count},
    {"rate", Function::rate},           {"increase", Function::increase}};
struct AggregationName {
    std::string_view text;
    Aggregation aggregation;
};
constexpr AggregationName aggregation_names[] = {{"sum", Aggregation::sum},
                                                 {"avg", Aggregation::avg},
                                                 {"min", Aggregation::min},
                                                 {"max", Aggregation::max},
                                                 {"count", Aggregation::count}};

bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
bool is_digit_of(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<Expression> expression() {
        Expression found;
        skip();
        if (at_ < text_.size() &&
            (is_digit_of(text_[at_]) || text_[at_] == '-' || text_[at_] == '.'))
            TRY_VOID(scalar(found));
        else
            TRY_VOID(aggregated(found));
        TRY_VOID(end());
        return found;
    }
    Result<Selector> only_selector() {
        Selector found;
        TRY_VOID(selector(found));
        TRY_VOID(end());
        return found;
    }

 private:
    Error wrong(const std::string& what) const {
        return Error{Errc::invalid_input,
                     "query, character " + std::to_string(at_ + 1) + ": " + what + "; " + spoken};
    }
    void skip() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' ||
                                      text_[at_] == '\n' || text_[at_] == '\r'))
            ++at_;
    }
    bool take(char c) {
        skip();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    Result<> want(char c) {
        if (take(c)) return {};
        return wrong(std::string("want '") + c + "'");
    }
    Result<> end() {
        skip();
        if (at_ != text_.size()) return wrong("the query should end here");
        return {};
    }
    // A metric's name may have dots here; a label's has none.
    std::string_view name(bool dots) {
        skip();
        const std::size_t begin = at_;
        if (at_ < text_.size() && begins_name(text_[at_]))
            while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit_of(text_[at_]) ||
                                          (dots && text_[at_] == '.')))
                ++at_;
        return text_.substr(begin, at_ - begin);
    }

    // Left to right with the usual precedence: what Grafana asks to see whether we are there.
    Result<> scalar(Expression& found) {
        TRY(double sum, product());
        for (;;) {
            if (take('+')) {
                TRY(const double more, product());
                sum += more;
            } else if (take('-')) {
                TRY(const double less, product());
                sum -= less;
            } else {
                break;
            }
        }
        found.scalar = sum;
        return {};
    }
    Result<double> product() {
        TRY(double value, scalar_number());
        for (;;) {
            if (take('*')) {
                TRY(const double factor, scalar_number());
                value *= factor;
            } else if (take('/')) {
                TRY(const double divisor, scalar_number());
                value /= divisor;
            } else {
                return value;
            }
        }
    }
    Result<double> scalar_number() {
        skip();
        double value = 0;
        const auto read = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (read.ec != std::errc{}) return wrong("want a number");
        at_ = static_cast<std::size_t>(read.ptr - text_.data());
        return value;
    }

    Result<> aggregated(Expression& found) {
        const std::size_t begin = at_;
        const auto word = name(true);
        for (const auto& known : aggregation_names) {
            if (known.text != word) continue;
            const std::size_t after = at_;
            const bool labels_first = name(true) == "by";
            if (!labels_first) at_ = after;
            skip();
            if (at_ == text_.size() || text_[at_] != '(') break;  // a metric of that name
            found.aggregation = known.aggregation;
            if (labels_first) TRY_VOID(labels(found.by));
            TRY_VOID(want('('));
            TRY_VOID(ranged(found));
            TRY_VOID(want(')'));
            const std::size_t closed = at_;
            if (!labels_first && name(true) == "by") return labels(found.by);
            at_ = closed;
            return {};
        }
        at_ = begin;
        return ranged(found);
    }
    Result<> labels(std::vector<std::string>& into) {
        TRY_VOID(want('('));
        while (!take(')')) {
            const auto label = name(false);
            if (label.empty()) return wrong("want a label");
            into.emplace_back(label);
            if (!take(',')) return want(')');
        }
        return {};
    }
    Result<> ranged(Expression& found) {
        const std::size_t begin = at_;
        const auto word = name(true);
        const bool calls = take('(');
        if (!calls) {
            at_ = begin;
            TRY_VOID(selector(found.selector));
            if (take('[')) return wrong("a range needs a function around it");
            return {};
        }
        for (const auto& known : function_names) {
            if (known.text != word) continue;
            found.function = known.function;
            TRY_VOID(selector(found.selector));
            TRY_VOID(want('['));
            const auto close = text_.find(']', at_);
            if (close == std::string_view::npos) return wrong("want ']'");
            auto range = parse_step(text_.substr(at_, close - at_));
            if (!range) return wrong(range.error().message);
            if (range->count() <= 0 || *range > range_most) return wrong("want a range up to 366d");
            found.range = *range;
            at_ = close + 1;
            return want(')');
        }
        at_ = begin;
        return wrong("the function '" + std::string(word.substr(0, 40)) + "' is not known");
    }
    Result<> selector(Selector& found) {
        const auto metric = name(true);
        if (!metric.empty())
            found.push_back({"__name__", Matcher::Kind::equal, std::string(metric)});
        if (take('{')) {
            while (!take('}')) {
                TRY_VOID(matcher(found));
                if (found.size() > matchers_max) return wrong("too many matchers");
                if (take(',')) continue;
                TRY_VOID(want('}'));
                break;
            }
        } else if (metric.empty()) {
            return wrong("want a selector");
        }
        if (found.empty()) return wrong("want at least one matcher in '{}'");
        return {};
    }
    Result<> matcher(Selector& found) {
        skip();
        if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {  // {"cpu.usage"}
            TRY(auto metric, quoted());
            if (take('=')) {
                TRY(auto value, quoted());
                found.push_back({std::move(metric), Matcher::Kind::equal, std::move(value)});
            } else {
                found.push_back({"__name__", Matcher::Kind::equal, std::move(metric)});
            }
            return {};
        }
        Matcher made;
        made.label = name(false);
        if (made.label.empty()) return wrong("want a label");
        if (take('!')) {
            made.kind = take('~') ? Matcher::Kind::not_regex : Matcher::Kind::not_equal;
            if (made.kind == Matcher::Kind::not_equal) TRY_VOID(want('='));
        } else {
            TRY_VOID(want('='));
            if (at_ < text_.size() && text_[at_] == '~') ++at_, made.kind = Matcher::Kind::regex;
        }
        TRY(made.value, quoted());
        found.push_back(std::move(made));
        return {};
    }
    Result<std::string> quoted() {
        skip();
        if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\'' && text_[at_] != '`'))
            return wrong("want a text in quotes");
        const char quote = text_[at_++];
        std::string text;
        for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (text_[at_] != '\\' || quote == '`') {
                text += text_[at_];
                continue;
            }
            if (++at_ == text_.size()) break;
            const char c = text_[at_];
            text += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        if (at_ == text_.size()) return wrong("the quote is not closed");
        ++at_;
        return text;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

Result<Expression> parse(std::string_view text) {
    if (text.size() > text_max)
        return Error{Errc::invalid_input, "query: longer than 16384 characters"};
    return Reader(text).expression();
}

Result<Selector> parse_selector(std::string_view text) {
    if (text.size() > text_max)
        return Error{Errc::invalid_input, "match[]: longer than 16384 characters"};
    return Reader(text).only_selector();
}

Result<nanoseconds> parse_step(std::string_view text) {
    struct Unit {
        std::string_view text;
        double ns;
    };
    constexpr Unit units[] = {{"ms", 1e6},         {"s", 1e9},     {"m", 60e9},
                              {"h", 3600e9},       {"d", 86400e9}, {"w", 7 * 86400e9},
                              {"y", 365 * 86400e9}};
    const Error bad{Errc::invalid_input, "'" + std::string(text.substr(0, 40)) +
                                             "' is no duration; want 5m, 1h30m or seconds"};
    constexpr double most = 9e18;
    double seconds = 0;
    if (read_number(text, seconds)) {
        if (!(seconds > 0) || seconds * 1e9 > most) return bad;
        return nanoseconds(static_cast<std::int64_t>(seconds * 1e9 + 0.5));
    }
    double total = 0;
    while (!text.empty()) {
        std::size_t digits = 0;
        while (digits < text.size() && is_digit_of(text[digits])) ++digits;
        std::size_t end = digits;
        while (end < text.size() && !is_digit_of(text[end])) ++end;
        std::uint64_t count = 0;
        if (!read_number(text.substr(0, digits), count)) return bad;
        const auto name = text.substr(digits, end - digits);
        const Unit* unit = nullptr;
        for (const auto& known : units)
            if (known.text == name) unit = &known;
        if (!unit) return bad;
        total += static_cast<double>(count) * unit->ns;
        text.remove_prefix(end);
    }
    if (!(total > 0) || total > most) return bad;
    return nanoseconds(static_cast<std::int64_t>(total));
}

}  // namespace mw::prometheus
