#include "insight/pipeline/reference.h"

#include <algorithm>
#include <cmath>

namespace mw::pipeline {
namespace {

Error bad_reference(std::string_view name, const char* why) {
    return Error{Errc::invalid_input, "reference.json: '" + std::string(name) + "': " + why};
}

Json to_value(const Distribution& d) {
    JsonArray edges, counts;
    for (const double edge : d.edges) edges.emplace_back(edge);
    for (const std::uint64_t count : d.counts) counts.emplace_back(count);
    return JsonObject{{"name", d.name},
                      {"n", d.n},
                      {"mean", d.mean},
                      {"sd", d.deviation},
                      {"edges", std::move(edges)},
                      {"counts", std::move(counts)}};
}

Result<Distribution> from_value(const Json& value) {
    Distribution d;
    TRY(d.name, want_string(value, "name"));
    const auto n = find_integer(value, "n");
    const auto mean = find_number(value, "mean"), sd = find_number(value, "sd");
    const Json* edges = find(value, "edges");
    const Json* counts = find(value, "counts");
    if (!n || *n < 0 || !mean || !sd || !edges || !edges->is_array() || !counts ||
        !counts->is_array())
        return bad_reference(d.name, "needs n, mean, sd, edges and counts");
    if (edges->get_array().size() >= reference_bins ||
        counts->get_array().size() != edges->get_array().size() + 1)
        return bad_reference(d.name, "needs at most 15 edges and one count more than edges");
    for (const Json& edge : edges->get_array()) {
        if (!edge.is_number()) return bad_reference(d.name, "an edge is not a number");
        const auto at = edge.to_number<double>();
        if (!d.edges.empty() && at <= d.edges.back())
            return bad_reference(d.name, "edges must ascend");
        d.edges.push_back(at);
    }
    std::uint64_t total = 0;
    for (const Json& count : counts->get_array()) {
        if (!count.is_int64() || count.get_int64() < 0 || count.get_int64() > *n)
            return bad_reference(d.name, "a count is not between 0 and n");
        d.counts.push_back(static_cast<std::uint64_t>(count.get_int64()));
        total += d.counts.back();
    }
    d.n = static_cast<std::uint64_t>(*n);
    if (total != d.n) return bad_reference(d.name, "the counts do not add up to n");
    d.mean = *mean;
    d.deviation = *sd;
    return d;
}

}  // namespace

std::size_t Distribution::bin(double value) const {
    if (std::isnan(value)) return edges.size();
    return static_cast<std::size_t>(std::lower_bound(edges.begin(), edges.end(), value) -
                                    edges.begin());
}

Distribution distribution_of(std::string name, std::span<const double> values) {
    Distribution d;
    d.name = std::move(name);
    std::vector<double> sorted;
    for (const double value : values)
        if (std::isfinite(value)) sorted.push_back(value);
    std::sort(sorted.begin(), sorted.end());
    d.n = sorted.size();
    for (std::size_t i = 1; d.n > 0 && i < reference_bins; ++i) {
        const double edge = sorted[(d.n * i + reference_bins - 1) / reference_bins - 1];
        // Text and back may move an edge by its last bit: neighbours must stay apart.
        const double apart = 1e-12 * std::abs(edge);
        if ((d.edges.empty() || edge - d.edges.back() > apart) && edge < sorted.back() - apart)
            d.edges.push_back(edge);
    }
    d.counts.assign(d.edges.size() + 1, 0);
    for (const double value : sorted) {
        ++d.counts[d.bin(value)];
        d.mean += value / static_cast<double>(d.n);
    }
    for (const double value : sorted) d.deviation += (value - d.mean) * (value - d.mean);
    d.deviation = d.n > 1 ? std::sqrt(d.deviation / static_cast<double>(d.n - 1)) : 0;
    return d;
}

std::string to_text(const Reference& reference) {
    JsonArray features;
    for (const Distribution& d : reference.features) features.push_back(to_value(d));
    const JsonObject root{
        {"version", 1}, {"features", std::move(features)}, {"score", to_value(reference.score)}};
    return to_pretty_json(root) + "\n";
}

Result<Reference> parse_reference(std::string_view text) {
    TRY(const Json root, parse_json(text).context("reference.json"));
    if (find_integer(root, "version") != 1)
        return Error{Errc::invalid_input, "reference.json: 'version' must be 1"};
    const Json* features = find(root, "features");
    const Json* score = find(root, "score");
    if (!features || !features->is_array() || !score)
        return Error{Errc::invalid_input, "reference.json: needs 'features' and 'score'"};
    Reference reference;
    for (const Json& value : features->get_array()) {
        TRY(Distribution d, from_value(value));
        reference.features.push_back(std::move(d));
    }
    TRY(reference.score, from_value(*score));
    return reference;
}

}  // namespace mw::pipeline
