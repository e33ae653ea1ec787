#include "apps/ctl/columns.h"

#include <map>

namespace mw::ctl {

const std::vector<Column>& columns_of(const std::string& plural) {
    static const std::vector<Column> none;
    static const std::map<std::string, std::vector<Column>> columns = {
        {"sites", {{"DESCRIPTION", "spec.description"}}},
        {"assets", {{"SITE", "spec.site"}, {"CLASS", "spec.class"}, {"PARENT", "spec.parent"}}},
        {"device-profiles", {{"CLASS", "spec.device_class"}, {"DESCRIPTION", "spec.description"}}},
        {"devices",
         {{"PROFILE", "spec.profile"},
          {"ASSET", "spec.asset"},
          {"STATE", "status.state"},
          {"CONNECTED", "status.connected"},
          {"LAST SEEN", "status.last_seen"}}},
        {"enrollment-groups",
         {{"PROFILE", "spec.profile"}, {"ASSET", "spec.asset"}, {"EXPIRES", "spec.expires"}}},
        {"data-products",
         {{"OWNER", "spec.owner"}, {"VERSION", "spec.version"}, {"STATUS", "spec.status"}}},
        {"policies", {{"DOMAINS", "spec.domains"}, {"OWNER", "spec.owner"}}},
        {"models", {{"TASK", "spec.task"}, {"DESCRIPTION", "spec.description"}}},
        {"model-versions",
         {{"MODEL", "spec.model"},
          {"VERSION", "spec.version"},
          {"STATE", "status.state"},
          {"ALGORITHM", "spec.algorithm"},
          {"BUNDLE", "spec.bundle"}}},
        {"alert-rules",
         {{"MODEL", "spec.model"},
          {"SEVERITY", "spec.severity"},
          {"RAISE AFTER", "spec.raise_after"}}},
        {"users", {{"ROLES", "spec.roles"}}},
        {"roles", {{"DESCRIPTION", "spec.description"}}},
        {"use-cases",
         {{"STAGE", "status.state"}, {"OWNER", "spec.business_owner"}, {"MODEL", "spec.model"}}},
        {"gate-specs", {{"MODEL", "spec.model"}, {"DATASET", "spec.dataset"}}},
        {"gate-reports",
         {{"GATE", "spec.gate"},
          {"VERSION", "spec.version"},
          {"VERDICT", "spec.verdict"},
          {"MEASURED", "spec.measured_at"}}},
        {"rollouts",
         {{"ARTIFACT", "spec.artifact.name"},
          {"MODE", "spec.mode"},
          {"STATE", "status.state"},
          {"REASON", "status.reason"}}},
        {"trials",
         {{"ROLLOUT", "spec.rollout"},
          {"MODE", "spec.mode"},
          {"CHALLENGER", "spec.challenger"},
          {"STATE", "status.state"}}},
        {"monitors",
         {{"USE CASE", "spec.use_case"}, {"MODEL", "spec.model"}, {"STATE", "status.state"}}},
        {"datasets",
         {{"PRODUCT", "spec.product"}, {"PURPOSE", "spec.purpose"}, {"STATE", "status.state"}}},
        {"label-tasks",
         {{"DEVICE", "spec.device"},
          {"MODEL", "spec.model"},
          {"WHY", "spec.why"},
          {"STATE", "status.state"}}},
        {"approvals",
         {{"OF", "spec.subject.name"},
          {"WHAT", "spec.what"},
          {"ROLE", "spec.role"},
          {"VERDICT", "spec.verdict"},
          {"BY", "status.by"}}},
        {"firmwares",
         {{"PRODUCT", "spec.product"}, {"VERSION", "spec.version"}, {"MODULE", "spec.module"}}},
    };
    const auto found = columns.find(plural);
    return found == columns.end() ? none : found->second;
}

}  // namespace mw::ctl
