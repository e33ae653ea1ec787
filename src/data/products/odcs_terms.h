#pragma once
// What the two directions of odcs.h share: names of the same thing here and there. Inside
// data/products only.

#include <span>
#include <string_view>

#include "base/json.h"

namespace mw::products {

inline constexpr std::string_view telemetry_engine = "aiot";

// A check of a signal and its key in a quality rule of type custom.
struct Check {
    std::string_view key, implementation, dimension;
};
inline constexpr Check telemetry_checks[] = {
    {"unit", "unit", "conformity"},
    {"max_gap", "maxGap", "completeness"},
    {"good_ratio", "statusGoodRatio", "completeness"},
    {"late_p99", "lateP99", "timeliness"},
    {"spike", "mad", "accuracy"},
    {"stuck_after", "stuck", "accuracy"},
    {"max_rate", "rateOfChange", "accuracy"},
};

// Keys with the same meaning and form.
struct SameKey {
    std::string_view ours, theirs;
};
inline constexpr SameKey description_keys[] = {
    {"description", "purpose"}, {"usage", "usage"}, {"limitations", "limitations"}};
inline constexpr SameKey signal_keys[] = {{"required", "required"},
                                          {"critical", "criticalDataElement"},
                                          {"classification", "classification"},
                                          {"description", "description"},
                                          {"tags", "tags"}};
inline constexpr SameKey member_keys[] = {
    {"username", "username"}, {"name", "name"}, {"role", "role"}, {"description", "description"}};
inline constexpr SameKey role_keys[] = {{"role", "role"},
                                        {"access", "access"},
                                        {"description", "description"},
                                        {"first_level_approvers", "firstLevelApprovers"},
                                        {"second_level_approvers", "secondLevelApprovers"}};
// Stand among the contract's customProperties.
inline constexpr SameKey custom_keys[] = {{"owner", "owner"},
                                          {"classification", "classification"},
                                          {"residency", "residency"},
                                          {"consumers", "consumers"},
                                          {"on_breach", "millwrightOnBreach"},
                                          {"select", "millwrightSelect"}};
inline constexpr std::string_view labels_property = "millwrightLabels";

inline constexpr std::string_view sla_durations[] = {"retention", "latency", "frequency"};
inline constexpr std::string_view sla_ratios[] = {"completeness", "availability"};

// The columns that every data product has, as properties of the contract.
JsonArray key_properties();
// "urn:millwright:DOMAIN:NAME", where spec.contract_id says nothing else.
std::string usual_id(const std::string& domain, const std::string& name);

}  // namespace mw::products
