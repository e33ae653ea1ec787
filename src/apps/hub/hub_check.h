#pragma once
// What the settings of a hub and the files beside them mean for its safety, told without starting
// it: `millwright hub --check`. Reads, and changes nothing.

#include <string>
#include <vector>

#include "apps/hub/hub_options.h"

namespace mw::hub {

// note: worth knowing. risk: a choice that has a price. danger: somebody can take over or lose
// something now; nobody chooses that.
enum class Weight { note, risk, danger };
std::string_view weight_name(Weight weight);

struct Finding {
    Weight weight;
    std::string about;  // a key of hub.yaml, or a file
    std::string says;
    std::string next;  // step to take; empty for notes
};

// What the machine says of itself.
struct Machine {
    bool root = false;          // we run as root
    bool clock_is_kept = true;  // by NTP
    Timestamp now;
};
Machine this_machine();

// Of options that were read and checked.
std::vector<Finding> findings(const HubOptions& options, const Machine& machine);
bool is_dangerous(const std::vector<Finding>& findings);
Json findings_json(const std::vector<Finding>& findings);
std::string findings_text(const std::vector<Finding>& findings);

}  // namespace mw::hub
