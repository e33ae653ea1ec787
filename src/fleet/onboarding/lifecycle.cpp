#include "fleet/onboarding/lifecycle.h"

#include <algorithm>

namespace mw::onboarding {
namespace {

constexpr Transition device_rows[] = {
    {"registered", "enroll", "enrolled", "It has its first certificate"},
    {"registered", "transfer", "registered", "Another owner expects it"},
    {"registered", "replace", "retired", "Another device takes its place"},
    {"registered", "retire", "retired", "It never came"},
    {"enrolled", "enroll", "enrolled", "The answer was lost: the same key asks once more"},
    {"enrolled", "connect", "active", "It uses its certificate"},
    {"enrolled", "renew", "enrolled", "It has its next certificate"},
    {"enrolled", "quarantine", "quarantined", "It may not speak until somebody has looked at it"},
    {"enrolled", "suspend", "suspended", "It may do nothing for now"},
    {"enrolled", "readmit", "registered", "It enrols anew; its certificates are void"},
    {"enrolled", "transfer", "registered", "It has another owner, and enrols anew with them"},
    {"enrolled", "replace", "retired", "Another device takes its place"},
    {"enrolled", "retire", "retired", "It is out of service for good"},
    {"active", "enroll", "enrolled", "The answer was lost: the same key asks once more"},
    {"active", "connect", "active", "It uses its certificate"},
    {"active", "renew", "active", "It has its next certificate"},
    {"active", "quarantine", "quarantined", "It may not speak until somebody has looked at it"},
    {"active", "suspend", "suspended", "It may do nothing for now"},
    {"active", "readmit", "registered", "It enrols anew; its certificates are void"},
    {"active", "transfer", "registered", "It has another owner, and enrols anew with them"},
    {"active", "replace", "retired", "Another device takes its place"},
    {"active", "retire", "retired", "It is out of service for good"},
    {"quarantined", "renew", "quarantined", "Its certificate stays fresh meanwhile"},
    {"quarantined", "release", "enrolled", "It is trusted again"},
    {"quarantined", "suspend", "suspended", "It may do nothing for now"},
    {"quarantined", "readmit", "registered", "It enrols anew; its certificates are void"},
    {"quarantined", "transfer", "registered", "It has another owner, and enrols anew with them"},
    {"quarantined", "replace", "retired", "Another device takes its place"},
    {"quarantined", "retire", "retired", "It is out of service for good"},
    {"suspended", "resume", "enrolled", "It is trusted again, with the certificate that it has"},
    {"suspended", "readmit", "registered", "It enrols anew; its certificates are void"},
    {"suspended", "transfer", "registered", "It has another owner, and enrols anew with them"},
    {"suspended", "replace", "retired", "Another device takes its place"},
    {"suspended", "retire", "retired", "It is out of service for good"},
};

constexpr std::string_view peoples_events[] = {"quarantine", "release", "suspend",  "resume",
                                               "retire",     "readmit", "transfer", "replace"};

}  // namespace

const StateTable& device_table() {
    static constexpr StateTable table{"Device", device_rows};
    return table;
}

std::string device_state(const Resource& device) {
    if (auto state = find_string(device.status, "state"); state && device_table().knows(*state))
        return *state;
    return find_string(device.status, "certificate.serial") ? "enrolled" : "registered";
}

bool may(std::string_view state, std::string_view event) {
    return device_table().find(state, event) != nullptr;
}

Result<> check_event(std::string_view event) {
    if (std::ranges::find(peoples_events, event) != std::end(peoples_events)) return {};
    return Error{Errc::invalid_input,
                 "event: want quarantine, release, suspend, resume, retire, readmit, transfer or "
                 "replace"};
}

}  // namespace mw::onboarding
