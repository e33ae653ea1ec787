#include "fleet/gates/limits.h"

#include <algorithm>
#include <cmath>

namespace mw::gates {
namespace {

std::string number(double value) { return to_json(Json(value)); }

double rounded_to(double value, int digits) {
    if (!std::isfinite(value) || value == 0) return value;
    const double scale = std::pow(10, digits - 1 - std::floor(std::log10(std::abs(value))));
    return std::round(value * scale) / scale;
}
// What a row shows: with so many digits JSON reads a number back as it was written. The verdict is
// made from the exact value.
double shown(double value) { return rounded_to(value, 12); }
// Four digits are enough for a sentence.
std::string rounded(double value) { return number(rounded_to(value, 4)); }

std::optional<double> number_at(const Json& value, std::string_view key) {
    return find_number(value, key);
}

Row unmeasured(std::string row, std::string limit, std::string detail) {
    return {std::move(row), nullptr, std::move(limit), false, std::move(detail)};
}

std::string counted(const Tally& t) {
    return std::to_string(t.true_positive + t.false_negative) + " anomalous and " +
           std::to_string(t.true_negative + t.false_positive) + " normal rows, " +
           std::to_string(t.events) + " events, " + std::to_string(t.decisions) + " decisions";
}

void add_bound(std::vector<Row>& rows, const MetricLimit& limit, bool at_least,
               const Judged& challenger) {
    const double bound = at_least ? *limit.min : *limit.max;
    const std::string text = (at_least ? ">= " : "<= ") + number(bound);
    const std::string name(to_string(limit.metric));
    const auto value = value_of(limit.metric, challenger.total);
    if (!value) {
        rows.push_back(
            unmeasured(name, text, "nothing to measure it on: " + counted(challenger.total)));
        return;
    }
    rows.push_back({name, shown(*value), text, at_least ? *value >= bound : *value <= bound,
                    counted(challenger.total)});
}

Row comparison(const MetricLimit& limit, const Judged& challenger, const Compared& champion) {
    const std::string name = std::string(to_string(limit.metric)) + " vs champion";
    const std::string text = "worse by <= " + number(*limit.not_worse_by);
    if (champion.champion.empty())
        return {name, nullptr, text, true, "there is no champion yet: nothing to be worse than"};
    if (!champion.judged)
        return unmeasured(name, text, "champion '" + champion.champion + "': " + champion.why_not);
    const auto loss = loss_of(limit.metric, *champion.judged, challenger);
    if (!loss)
        return unmeasured(
            name, text,
            "there are too few rows to compare it with champion '" + champion.champion + "'");
    const double before = value_of(limit.metric, champion.judged->total).value_or(0);
    const double after = value_of(limit.metric, challenger.total).value_or(0);
    return {name, shown(loss->bound), text, loss->bound <= *limit.not_worse_by,
            "champion '" + champion.champion + "' " + rounded(before) + ", this one " +
                rounded(after) + ": worse by " + rounded(loss->measured) + ", 95 % bound " +
                rounded(loss->bound) + " by paired bootstrap over " +
                std::to_string(challenger.blocks.size()) + " blocks of " +
                std::to_string(champion.block_rows) + " rows"};
}

std::string_view trimmed(std::string_view text) {
    const auto from = text.find_first_not_of(" \t\r#");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r#") - from + 1);
}

bool same_words(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

// The characters below the heading that are not blank; nothing: there is no such heading.
std::optional<std::size_t> text_below(std::string_view card, std::string_view heading) {
    std::optional<std::size_t> found;
    bool below = false;
    while (!card.empty()) {
        const auto end = card.find('\n');
        const std::string_view line = card.substr(0, end);
        card.remove_prefix(end == std::string_view::npos ? card.size() : end + 1);
        if (line.starts_with('#')) {
            below = same_words(trimmed(line), trimmed(heading));
            if (below && !found) found = 0;
        } else if (below) {
            *found += static_cast<std::size_t>(
                std::count_if(line.begin(), line.end(), [](unsigned char c) { return c > ' '; }));
        }
    }
    return found;
}

Result<std::vector<std::string>> texts_at(const Json& spec, std::string_view key,
                                          std::vector<std::string> otherwise) {
    const Json* list = find(spec, key);
    if (!list) return otherwise;
    std::vector<std::string> texts;
    if (list->is_array())
        for (const Json& item : list->get_array())
            if (item.is_string()) texts.emplace_back(item.get_string());
    return texts;
}

}  // namespace

Result<Gate> gate_of(const Resource& resource) {
    Gate gate;
    const Json& spec = resource.spec;
    gate.name = resource.name;
    TRY(gate.model, want_string(spec, "model"));
    TRY(gate.dataset, want_string(spec, "dataset"));
    if (const Json* list = find(spec, "metrics"); list && list->is_array())
        for (const Json& item : list->get_array()) {
            MetricLimit limit;
            TRY(const std::string metric, want_string(item, "metric"));
            TRY(limit.metric, metric_from(metric));
            limit.min = number_at(item, "min");
            limit.max = number_at(item, "max");
            limit.not_worse_by = number_at(item, "not_worse_than_champion_by");
            gate.metrics.push_back(limit);
        }
    if (const Json* classes = find(spec, "device_classes"); classes && classes->is_object())
        for (const auto& [name, item] : classes->get_object())
            gate.classes.push_back({std::string(name), number_at(item, "latency_us_p99_max"),
                                    number_at(item, "memory_mb_max")});
    TRY(gate.card, texts_at(spec, "card", {}));
    TRY(gate.override_roles, texts_at(spec, "override", gate.override_roles));
    if (const auto within = find_string(spec, "measure_within")) {
        TRY(gate.measure_within, parse_duration(*within).context("measure_within"));
    }
    return gate;
}

std::vector<Row> metric_rows(const Gate& gate, const Judged& challenger, const Compared& champion) {
    std::vector<Row> rows;
    for (const MetricLimit& limit : gate.metrics) {
        if (limit.min) add_bound(rows, limit, true, challenger);
        if (limit.max) add_bound(rows, limit, false, challenger);
        if (limit.not_worse_by) rows.push_back(comparison(limit, challenger, champion));
    }
    return rows;
}

std::vector<Row> card_rows(const Gate& gate, std::string_view card) {
    std::vector<Row> rows;
    for (const std::string& heading : gate.card) {
        const auto found = text_below(card, heading);
        const bool passed = found.value_or(0) > 0;
        rows.push_back({"card " + heading,
                        found ? Json(static_cast<std::int64_t>(*found)) : Json(nullptr), "has text",
                        passed,
                        !found   ? "card.md has no heading '" + heading + "'"
                        : passed ? std::to_string(*found) + " characters"
                                 : "nothing stands below the heading '" + heading + "'"});
    }
    return rows;
}

Result<Measured> measured_from(std::string device, const Json& reply) {
    Measured measured;
    measured.device = std::move(device);
    const auto p99 = find_number(reply, "figures.latency_us_p99");
    const auto rss = find_number(reply, "figures.peak_rss_bytes");
    if (!p99 || !rss || !(*p99 > 0) || !(*rss > 0) || !std::isfinite(*p99 + *rss))
        return Error{Errc::corrupt, "device '" + measured.device + "' replied without figures"};
    measured.latency_us_p99 = *p99;
    measured.peak_rss_bytes = *rss;
    measured.latency_us_p50 = find_number(reply, "figures.latency_us_p50").value_or(0);
    measured.windows = find_integer(reply, "figures.windows").value_or(0);
    return measured;
}

std::vector<Row> class_rows(const ClassLimit& limit, const Result<Measured>& measured) {
    std::vector<Row> rows;
    const auto add = [&](const std::string& what, double most, auto value_from) {
        const std::string name = what + " " + limit.name, text = "<= " + number(most);
        if (!measured) {
            rows.push_back(unmeasured(name, text, measured.error().message));
            return;
        }
        const double value = value_from(*measured);
        rows.push_back({name, shown(value), text, value <= most,
                        "on device '" + measured->device + "', " +
                            std::to_string(measured->windows) + " windows, p50 " +
                            rounded(measured->latency_us_p50) + " us, in a process of its own"});
    };
    if (limit.latency_us_p99_max)
        add("latency_us_p99", *limit.latency_us_p99_max,
            [](const Measured& m) { return m.latency_us_p99; });
    if (limit.memory_mb_max)
        add("memory_mb", *limit.memory_mb_max,
            [](const Measured& m) { return m.peak_rss_bytes / 1e6; });
    return rows;
}

}  // namespace mw::gates
