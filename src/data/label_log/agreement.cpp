#include "data/label_log/agreement.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace mw::labels {
namespace {

constexpr double normal_quantile_975 = 1.959963984540054;

void count(Agreement& pair, bool first, bool second) {
    ++pair.windows;
    if (first && second)
        ++pair.both_events;
    else if (first)
        ++pair.only_first;
    else if (second)
        ++pair.only_second;
    else
        ++pair.both_normal;
}

std::optional<Agreement::Interval> kappa_of(const Agreement& pair) {
    const auto n = static_cast<double>(pair.windows);
    // p[i][j]: share where the first said i and the second j.
    const double p[2][2] = {
        {static_cast<double>(pair.both_normal) / n, static_cast<double>(pair.only_second) / n},
        {static_cast<double>(pair.only_first) / n, static_cast<double>(pair.both_events) / n}};
    const double row[2] = {p[0][0] + p[0][1], p[1][0] + p[1][1]};
    const double column[2] = {p[0][0] + p[1][0], p[0][1] + p[1][1]};
    const double by_chance = row[0] * column[0] + row[1] * column[1];
    if (by_chance >= 1) return std::nullopt;
    const double kappa = (p[0][0] + p[1][1] - by_chance) / (1 - by_chance);
    double same = 0, different = 0;
    for (int i = 0; i < 2; ++i) {
        same += p[i][i] * std::pow(1 - (row[i] + column[i]) * (1 - kappa), 2);
        different += p[i][1 - i] * std::pow(column[i] + row[1 - i], 2);
    }
    const double variance = (same + (1 - kappa) * (1 - kappa) * different -
                             std::pow(kappa - by_chance * (1 - kappa), 2)) /
                            (n * (1 - by_chance) * (1 - by_chance));
    const double half = normal_quantile_975 * std::sqrt(std::max(0., variance));
    return Agreement::Interval{std::max(-1., kappa - half), kappa, std::min(1., kappa + half)};
}

std::optional<double> specific(std::uint64_t both, const Agreement& pair) {
    const std::uint64_t answers = 2 * both + pair.only_first + pair.only_second;
    if (answers == 0) return std::nullopt;
    return 2 * static_cast<double>(both) / static_cast<double>(answers);
}

Json number_or_null(const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
}

}  // namespace

Labels answers_by_author(const Labels& window) {
    std::map<std::string, Label> newest;
    for (const Label& label : window)
        if (label.adjudication.empty()) newest[label.author] = label;
    Labels answers;
    for (auto& [author, label] : newest) answers.push_back(std::move(label));
    return answers;
}

bool disputed(const Labels& window) {
    const Labels answers = answers_by_author(window);
    return std::any_of(answers.begin(), answers.end(),
                       [&](const Label& label) { return label.label != answers.front().label; });
}

std::vector<Agreement> agreements(const std::vector<Labels>& windows) {
    std::map<std::tuple<std::string, std::string, std::string, std::string>, Agreement> pairs;
    for (const Labels& window : windows) {
        const Labels answers = answers_by_author(window);
        for (std::size_t i = 0; i < answers.size(); ++i)
            for (std::size_t j = i + 1; j < answers.size(); ++j) {
                const Label &a = answers[i], &b = answers[j];
                count(pairs[{a.use_case, a.model, a.author, b.author}], a.label, b.label);
            }
    }
    std::vector<Agreement> all;
    for (auto& [key, pair] : pairs) {
        std::tie(pair.use_case, pair.model, pair.first, pair.second) = key;
        pair.observed = static_cast<double>(pair.both_events + pair.both_normal) /
                        static_cast<double>(pair.windows);
        pair.kappa = kappa_of(pair);
        pair.of_events = specific(pair.both_events, pair);
        pair.of_normal = specific(pair.both_normal, pair);
        all.push_back(std::move(pair));
    }
    return all;
}

Json to_json(const Agreement& a) {
    JsonObject object{{"use_case", a.use_case},
                      {"model", a.model},
                      {"first", a.first},
                      {"second", a.second},
                      {"windows", a.windows},
                      {"both_events", a.both_events},
                      {"both_normal", a.both_normal},
                      {"only_first", a.only_first},
                      {"only_second", a.only_second},
                      {"observed", a.observed},
                      {"of_events", number_or_null(a.of_events)},
                      {"of_normal", number_or_null(a.of_normal)}};
    object["kappa"] =
        a.kappa
            ? Json(JsonObject{
                  {"low", a.kappa->low}, {"estimate", a.kappa->estimate}, {"high", a.kappa->high}})
            : Json(nullptr);
    return object;
}

}  // namespace mw::labels
