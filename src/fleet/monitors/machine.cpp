#include "fleet/monitors/machine.h"

namespace mw::monitors {
namespace {

constexpr Transition rows[] = {
    {"waiting", "begin", "watching",
     "Counts came that can be compared with the bundle's reference"},
    {"watching", "shift", "drifting", "Inputs or scores differ from their reference beyond chance"},
    {"watching", "decline", "alerting", "Labels say that it decides worse than it did: alert"},
    {"drifting", "confirm", "alerting", "A later window says so too: alert"},
    {"drifting", "decline", "alerting", "Labels say that it decides worse than it did: alert"},
    {"drifting", "settle", "watching", "A later window does not say so: it was passing"},
    {"drifting", "renew", "watching", "Most devices run another bundle: it begins afresh"},
    {"alerting", "acknowledge", "acknowledged", "A person has seen it"},
    {"alerting", "settle", "watching", "Neither counts nor labels differ any more"},
    {"alerting", "renew", "watching", "Most devices run another bundle: it begins afresh"},
    {"acknowledged", "worsen", "alerting", "Something drifts that did not when it was seen"},
    {"acknowledged", "settle", "watching", "Neither counts nor labels differ any more"},
    {"acknowledged", "renew", "watching", "Most devices run another bundle: it begins afresh"},
};
constexpr StateTable table("Monitor", rows);

}  // namespace

const StateTable& monitor_table() { return table; }

}  // namespace mw::monitors
