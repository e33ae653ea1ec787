// The roles that every hub has. Each can do what its sentence says and nothing else; who signs off
// (ot, it, business, releaser) approves, and does not write what it approves.
#include "trust/policy/policy.h"

namespace mw::policy {
namespace {

// What runs the plant, and what closes the loop around models.
const std::string plant = R"("Site","Asset","DeviceProfile","Device","EnrollmentGroup",
    "DataProduct","Model","ModelVersion","AlertRule","Blob","History","Alarm")";
const std::string loop = R"("UseCase","GateSpec","GateReport","Rollout","Trial","Monitor",
    "Dataset","LabelTask","Approval","Firmware","Policy")";

const std::string reads = R"({"verbs":["get","list","watch","query"],"kinds":[)" + plant + "," +
                          loop + R"(],"domains":["*"]})";

Json rules(std::initializer_list<std::string> list) {
    std::string text;
    for (const auto& rule : list) text += (text.empty() ? "" : ",") + rule;
    return *parse_json(R"({"rules":[)" + text + "]}");
}

std::string rule(std::string_view verbs, std::string_view kinds) {
    return R"({"verbs":[)" + std::string(verbs) + R"(],"kinds":[)" + std::string(kinds) +
           R"(],"domains":["*"]})";
}

const std::string signs = rule(R"("create","delete")", R"("Approval")");
const std::string writes = R"("create","replace","patch","delete")";
// Who is connected and what passes, without what is in it.
const std::string sees_broker = rule(R"("list","watch")", R"("MqttClient","MqttMessage")");

}  // namespace

const std::vector<BuiltInRole>& built_in_roles() {
    static const std::vector<BuiltInRole> roles = {
        {"admin", "Everything, in every domain.", rules({rule(R"("*")", R"("*")")})},
        {"operator",
         "Runs the plant: devices and their certificates, models, products, rollouts, alerts, "
         "queries and the broker's clients; reads users and roles.",
         rules({rule(R"("*")", plant),
                rule(R"("*")", R"("MqttClient","MqttMessage","Certificate")"),
                rule(writes + R"(,"label")",
                     R"("GateSpec","GateReport","Rollout","Monitor","Dataset","LabelTask",
                        "Firmware")"),
                rule(R"("create")", R"("Quarantine")"), reads, signs,
                rule(R"("get","list","watch")", R"("User","Role")")})},
        {"viewer", "Reads resources and alarms, and queries history.", rules({reads})},
        {"writer", "Sends points over HTTP, and nothing else: for services.",
         rules({rule(R"("create")", R"("History")")})},
        {"engineer",
         "Makes models: trains, pushes and gates versions, freezes datasets, plans rollouts and "
         "monitors, answers label tasks. Approves nothing.",
         rules({reads,
                rule(writes + R"(,"label")",
                     R"("Model","ModelVersion","Firmware","GateSpec","GateReport","Dataset",
                        "LabelTask","Monitor","Rollout","UseCase","AlertRule","DataProduct")"),
                rule(R"("create")", R"("Blob","Quarantine")"), sees_broker})},
        {"releaser",
         "Lets a rollout start, stops it, and may let a refused version pass. Does not make what "
         "it releases.",
         rules({reads, signs, rule(R"("approve")", R"("Rollout","ModelVersion","Firmware")"),
                rule(R"("patch")", R"("Rollout")"), rule(R"("list","get")", R"("AuditFact")")})},
        {"ot",
         "Signs off for the people who run the plant; answers label tasks, and decides about "
         "points in "
         "quarantine.",
         rules({reads, signs, rule(R"("approve")", R"("UseCase","Rollout","Firmware")"),
                rule(R"("label")", R"("LabelTask")"), rule(R"("create")", R"("Quarantine")")})},
        {"it",
         "Signs off for the people who run the computers; reads users, roles and the audit log, "
         "sees "
         "the broker's clients.",
         rules({reads, signs, rule(R"("approve")", R"("UseCase","Rollout","Firmware")"),
                rule(R"("get","list","watch")", R"("User","Role","AuditFact","Certificate")"),
                sees_broker})},
        {"business",
         "Owns use cases: writes them, follows their KPIs and signs off for the business.",
         rules({reads, signs, rule(R"("create","replace","patch")", R"("UseCase")"),
                rule(R"("approve")", R"("UseCase","Rollout")")})},
    };
    return roles;
}

}  // namespace mw::policy
