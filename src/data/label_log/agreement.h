#pragma once
// How far people agree about the same windows. Pure. Of each author's answers about a window the
// newest counts; adjudications don't: they were made with the others in view.
//
// Cohen's kappa (Educational and Psychological Measurement 20, 1960) is agreement beyond chance;
// its interval is the asymptotic one of Fleiss, Cohen and Everitt (Psychological Bulletin 72,
// 1969). Where nearly all windows are normal, kappa is low although people agree, so agreement is
// told for events and for normal windows apart (Cicchetti and Feinstein, J. Clinical Epidemiology
// 43, 1990).

#include <optional>
#include <string>
#include <vector>

#include "data/label_log/label.h"

namespace mw::labels {

struct Agreement {
    std::string use_case, model;  // the task
    std::string first, second;    // authors, in order
    std::uint64_t windows = 0;    // that both answered
    std::uint64_t both_events = 0, both_normal = 0;
    std::uint64_t only_first = 0, only_second = 0;  // said event
    double observed = 0;                            // share of windows with the same answer
    struct Interval {
        double low = 0, estimate = 0, high = 0;  // 95 %
    };
    std::optional<Interval> kappa;    // none: both gave one answer to all windows
    std::optional<double> of_events;  // share of their event answers that the other shares
    std::optional<double> of_normal;  // the same of normal ones
};
// By use case, model and authors. `windows`: answers by window, each in the order in which they
// count. Pairs without a common window are left out.
std::vector<Agreement> agreements(const std::vector<Labels>& windows);
Json to_json(const Agreement& agreement);

// The newest answer of each author, by author; without adjudications.
Labels answers_by_author(const Labels& window);
// Whether the newest answers of some authors differ.
bool disputed(const Labels& window);

}  // namespace mw::labels
