#pragma once
// Which resources somebody reaches: those of some domains that have some labels. Pure values, for
// who gives rights and for who lists by them.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mw {

using Labels = std::map<std::string, std::string>;
// Each name must be there with one of its values. Empty: whatever the labels are, or none.
using WantedLabels = std::map<std::string, std::vector<std::string>>;

bool has_labels(const Labels& labels, const WantedLabels& wanted);
std::string to_text(const WantedLabels& wanted);  // "line=a|b, site=north"

struct Reach {
    std::optional<std::vector<std::string>> domains;  // no value: all of them
    WantedLabels labels = {};
    bool operator==(const Reach&) const = default;
};
// What one of these reaches. No value: everything; an empty list: nothing.
using Reaches = std::optional<std::vector<Reach>>;

bool holds(const Reaches& reaches, std::string_view domain, const Labels& labels);

}  // namespace mw
