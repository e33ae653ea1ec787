#pragma once
// reference.json: the training distribution of each feature and of the score, against which drift
// is measured later. 16 quantile bins; bin i holds values in (edge[i-1], edge[i]].

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace mw::pipeline {

constexpr std::size_t reference_bins = 16;

struct Distribution {
    std::string name;
    std::vector<double> edges;          // inner edges, ascending, at most 15 (equal ones merge)
    std::vector<std::uint64_t> counts;  // edges.size() + 1
    std::uint64_t n = 0;
    double mean = 0;
    double deviation = 0;

    std::size_t bin(double value) const;  // NaN: the last bin
};

struct Reference {
    std::vector<Distribution> features;  // in the signals' units, in the plan's order
    Distribution score;
};

Distribution distribution_of(std::string name, std::span<const double> values);
std::string to_text(const Reference& reference);
Result<Reference> parse_reference(std::string_view text);

}  // namespace mw::pipeline
