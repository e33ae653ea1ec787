#pragma once
// Does a dataset say more than a model may know? Pure. What is looked for, and why, is in
// docs/datasets.md; after Kaufman et al., "Leakage in Data Mining" (ACM TKDD 6:4, 2012).

#include <string>
#include <vector>

#include "data/datasets/splits.h"

namespace mw::datasets {

struct Leak {
    std::string kind;    // group_in_two_splits, asset_in_two_splits, times_overlap,
                         // windows_overlap, label_in_signal, label_after_as_of
    std::string device;  // of the rows; empty: several
    Timestamp from, to;  // the first and last of the rows
    std::size_t rows = 0;
    std::string says;
};
constexpr std::size_t leaks_max = 100;  // told; of further ones only the number is known

struct Leaks {
    std::vector<Leak> told;
    std::size_t all = 0;
};
// `content` as part_rows() left it. `known_until`: when labels were read; what happened later
// nobody could know.
Leaks leaks_of(const Content& content, const Splits& splits, const Assets& assets,
               Timestamp known_until);
JsonArray to_json(const std::vector<Leak>& leaks);
// The first ones in a sentence, for a refusal.
std::string told_leaks(const Leaks& leaks);

}  // namespace mw::datasets
