#include <algorithm>
#include <numeric>

#include "base/sql_text.h"
#include "data/prometheus/series_rows.h"

namespace mw::prometheus {
namespace {

constexpr std::string_view own_labels[] = {"device", "unit", "asset", "site"};
constexpr std::string_view exported = "exported_";

bool is_own(std::string_view label) {
    return std::ranges::find(own_labels, label) != std::end(own_labels);
}

// A label as SQL over the columns of points and series; absent is the empty text.
std::string column_of(std::string_view label) {
    if (label == "device") return "device";
    if (is_own(label)) return "coalesce(" + std::string(label) + ", '')";
    if (label == "__name__") return "split_part(signal, ',', 1)";
    if (label.starts_with(exported)) label.remove_prefix(exported.size());
    std::string literal;  // in a regular expression
    for (const char c : label) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
        literal += plain ? std::string(1, c) : "[" + std::string(1, c) + "]";
    }
    return "regexp_extract(signal, " + sql_text("," + literal + "=([^,]*)") + ", 1)";
}

std::string condition_of(const Matcher& matcher) {
    const std::string column = column_of(matcher.label), text = sql_text(matcher.value);
    switch (matcher.kind) {
        case Matcher::Kind::equal:
            return column + " = " + text;
        case Matcher::Kind::not_equal:
            return column + " <> " + text;
        case Matcher::Kind::regex:
            return "regexp_full_match(" + column + ", " + text + ")";
        case Matcher::Kind::not_regex:
            return "NOT regexp_full_match(" + column + ", " + text + ")";
    }
    return "false";
}

std::string condition_of(const Selector& selector) {
    std::string all;
    for (const auto& matcher : selector)
        all += (all.empty() ? "" : " AND ") + condition_of(matcher);
    return all;
}

std::string in_list(const char* column, const std::vector<std::string>& values) {
    if (values.empty()) return "";
    std::string list;
    for (const auto& value : values) list += (list.empty() ? "" : ", ") + sql_text(value);
    return " AND " + std::string(column) + " IN (" + list + ")";
}

}  // namespace

nanoseconds Steps::bucket() const { return nanoseconds(std::gcd(step.count(), window.count())); }

std::string series_sql(const std::vector<Selector>& any_of, std::size_t limit) {
    std::string where;
    for (const auto& selector : any_of)
        where += (where.empty() ? " WHERE (" : ") OR (") + condition_of(selector);
    if (!where.empty()) where += ")";
    return "SELECT DISTINCT device, signal, coalesce(unit, '') AS unit, coalesce(asset, '') AS "
           "asset, "
           "coalesce(site, '') AS site FROM series" +
           where + " ORDER BY device, signal LIMIT " + std::to_string(limit);
}

std::string points_sql(const Expression& expression, const Steps& steps,
                       const std::vector<std::string>& devices,
                       const std::vector<std::string>& signals) {
    const auto text = [](std::int64_t number) { return std::to_string(number); };
    const std::int64_t bucket = steps.bucket().count();
    // Bad points are left out: nobody is to take them for good.
    const std::string rows =
        "(SELECT device, signal, time, value, coalesce(unit, '') AS unit, coalesce(asset, '') AS "
        "asset, coalesce(site, '') AS site, (epoch_ns(time) - " +
        text(steps.from().ns) + " + " + text(bucket - 1) + ") // " + text(bucket) +
        " AS slot FROM points WHERE time > make_timestamp_ns(" + text(steps.from().ns) +
        ") AND time <= make_timestamp_ns(" + text(steps.end().ns) + ")" +
        in_list("device", devices) + in_list("signal", signals) +
        " AND quality >= 64 AND isfinite(value) AND " + condition_of(expression.selector) + ")";
    const bool counters =
        expression.function == Function::rate || expression.function == Function::increase;
    const std::string common =
        "SELECT device, signal, arg_max(unit, time), arg_max(asset, time), arg_max(site, time), "
        "slot, "
        "count(*), sum(value), min(value), max(value), arg_max(value, time), epoch_ns(max(time))";
    const std::string tail = " GROUP BY device, signal, slot ORDER BY device, signal, slot";
    if (!counters) return common + " FROM " + rows + tail;
    return common +
           ", arg_min(value, time), epoch_ns(min(time)), sum(CASE WHEN before IS NULL THEN 0 WHEN "
           "value >= before THEN value - before ELSE value END) FROM (SELECT *, lag(value) OVER "
           "(PARTITION BY device, signal, slot ORDER BY time) AS before FROM " +
           rows + ")" + tail;
}

Labels labels_of(const std::string& device, const std::string& signal, const std::string& unit,
                 const std::string& asset, const std::string& site) {
    Labels labels;
    const auto name_end = std::min(signal.find(','), signal.size());
    labels["__name__"] = signal.substr(0, name_end);
    for (auto at = name_end; at < signal.size();) {
        const auto end = std::min(signal.find(',', at + 1), signal.size());
        const auto tag = signal.substr(at + 1, end - at - 1);
        const auto equals = tag.find('=');
        if (equals != std::string::npos) {
            std::string name = tag.substr(0, equals);
            if (is_own(name)) name.insert(0, exported);
            labels[name] = tag.substr(equals + 1);
        }
        at = end;
    }
    labels["device"] = device;
    for (const auto& [name, value] : {std::pair{"unit", &unit}, {"asset", &asset}, {"site", &site}})
        if (!value->empty()) labels[name] = *value;
    return labels;
}

}  // namespace mw::prometheus
