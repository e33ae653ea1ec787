#pragma once
// Which rows to have labelled, when a label costs a person's minute: first what stands out, then
// what the model is unsure of, and always a share by lot, by which alone quality can be told
// without bias.

#include <span>
#include <vector>

#include "base/random.h"
#include "insight/detectors/boosting.h"

namespace mw::detectors {

constexpr double audit_share_default = 0.25;

// Per row how much it stands out among all (isolation forest), 0 to 1. Columns are brought to one
// scale first.
std::vector<double> standing_out(const Table& table);
// Per probability how unsure it is: 1 at one half, 0 at certainty.
std::vector<double> unsureness(std::span<const double> probabilities);

struct Pick {
    std::size_t row = 0;
    bool audit = false;  // by lot: every unlabelled row had the same chance
};
// `count` of the rows that have no label yet: a share by lot, the others by worth, ties by lot.
std::vector<Pick> pick_to_label(std::span<const double> worth, const std::vector<bool>& labelled,
                                std::size_t count, double audit_share, Random& random);

// For few labels: smaller trees that may have small leaves.
BoostOptions boost_options_for(std::size_t labels);

}  // namespace mw::detectors
