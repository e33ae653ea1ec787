#include "fleet/gates/version.h"

#include <algorithm>

#include "domain/story.h"

namespace mw::gates {
namespace {

constexpr Transition rows[] = {
    {"registered", "gate.start", "validating",
     "A gate was asked for: accuracy, card, and measurements by agents of each device class"},
    {"validating", "gate.passed", "validated", "Every row of the gate's report passed"},
    {"validating", "gate.refused", "refused", "A row did not hold; the reason names it"},
    {"validating", "gate.failed", "registered",
     "The gate itself could not be run: nothing is known"},
    {"validated", "gate.start", "validating", "The gate is run again"},
    {"refused", "gate.start", "validating", "The gate is run again"},
    {"refused", "override.approved", "validated",
     "Somebody other than the author, in a role that may, let it pass"},
    {"registered", "retire", "retired", "It is not to be used any more"},
    {"validated", "retire", "retired", "It is not to be used any more"},
    {"refused", "retire", "retired", "It is not to be used any more"},
};
constexpr StateTable table("ModelVersion", rows);

Error no(const Resource& version, std::string why) {
    return {Errc::conflict, "model version '" + version.name + "' " + std::move(why)};
}

}  // namespace

const StateTable& version_table() { return table; }

Result<> may_roll_out(const Resource& version, const std::vector<Resource>& gates) {
    if (version.kind != "ModelVersion") return {};
    const auto state = state_of(version, table);
    const std::string reason = find_string(version.status, "reason").value_or("");
    if (state == "refused")
        return no(version, "was refused by its gate: " + reason +
                               ". Next step: push a better one, or an Approval of what=override "
                               "by somebody else");
    if (state == "validating") return no(version, "is being measured by its gate; wait for it");
    if (state == "retired") return no(version, "is retired: " + reason);
    const std::string model = find_string(version.spec, "model").value_or("");
    const auto gate = std::find_if(gates.begin(), gates.end(), [&](const Resource& one) {
        return find_string(one.spec, "model") == model;
    });
    if (gate == gates.end()) return {};
    const std::string next = ". Next step: millwright gate run " + gate->name + " " + model + ":" +
                             find_string(version.spec, "version").value_or("");
    if (state == "registered")
        return no(version, "has not passed gate '" + gate->name + "'" + next);
    if (find_string(version.status, "gate.bundle") != find_string(version.spec, "bundle"))
        return no(version, "passed its gate with another bundle" + next);
    return {};
}

Result<> admit_version(const Resource& wanted, const std::optional<Resource>& stored) {
    if (!stored) return {};
    for (const char* key : {"model", "version", "bundle"})
        if (find_string(wanted.spec, key) != find_string(stored->spec, key))
            return no(*stored, "keeps its " + std::string(key) +
                                   ": what was measured and rolled out must stay what it is. Next "
                                   "step: push it under another version");
    return {};
}

}  // namespace mw::gates
