#include "domain/reach.h"

#include <algorithm>

namespace mw {

bool has_labels(const Labels& labels, const WantedLabels& wanted) {
    return std::ranges::all_of(wanted, [&](const auto& one) {
        const auto found = labels.find(one.first);
        return found != labels.end() &&
               std::ranges::find(one.second, found->second) != one.second.end();
    });
}

std::string to_text(const WantedLabels& wanted) {
    std::string text;
    for (const auto& [name, values] : wanted) {
        text += (text.empty() ? "" : ", ") + name + "=";
        for (std::size_t i = 0; i < values.size(); ++i) text += (i ? "|" : "") + values[i];
    }
    return text;
}

bool holds(const Reaches& reaches, std::string_view domain, const Labels& labels) {
    if (!reaches) return true;
    return std::ranges::any_of(*reaches, [&](const Reach& one) {
        return (!one.domains || std::ranges::find(*one.domains, domain) != one.domains->end()) &&
               has_labels(labels, one.labels);
    });
}

}  // namespace mw
