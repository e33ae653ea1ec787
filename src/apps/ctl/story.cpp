#include "apps/ctl/story.h"

#include <algorithm>

#include "apps/ctl/columns.h"
#include "apps/ctl/command.h"
#include "apps/ctl/usecase_tables.h"

namespace mw::ctl {
namespace {

constexpr std::size_t facts_shown = 40;
constexpr std::size_t related_shown = 10;
constexpr std::size_t text_shown = 200;  // of signatures and the like

struct Relation {
    std::string_view of;  // plural of the resource
    const char* plural;   // of what is related
    const char* field;    // that holds the resource's name
    const char* title;
};
constexpr Relation relations[] = {
    {"sites", "assets", "spec.site", "assets there"},
    {"assets", "devices", "spec.asset", "devices that observe it"},
    {"device-profiles", "devices", "spec.profile", "devices of this profile"},
    {"data-products", "datasets", "spec.product", "datasets from it"},
    {"data-products", "use-cases", "spec.product", "use cases that stand on it"},
    {"models", "model-versions", "spec.model", "versions"},
    {"models", "gate-specs", "spec.model", "gates"},
    {"models", "monitors", "spec.model", "monitors"},
    {"models", "use-cases", "spec.model", "use cases that it serves"},
    {"model-versions", "gate-reports", "spec.version", "gate reports of this version"},
    {"model-versions", "rollouts", "spec.artifact.name", "rollouts of this version"},
    {"firmwares", "rollouts", "spec.artifact.name", "rollouts of this version"},
    {"gate-specs", "gate-reports", "spec.gate", "its reports"},
    {"datasets", "gate-specs", "spec.dataset", "gates that measure on it"},
    {"rollouts", "trials", "spec.rollout", "its trials"},
    {"use-cases", "monitors", "spec.use_case", "monitors"},
    {"use-cases", "rollouts", "spec.use_case", "rollouts for it"},
    {"monitors", "label-tasks", "spec.monitor", "windows that it asks about"},
};

// Facts of routine reports: true, and nothing that a story needs.
bool is_routine(const std::string& actor, const std::string& action) {
    return action == "report" || action == "kpi.computed" || actor.starts_with("device:");
}

std::string cut(std::string text) {
    if (text.size() > text_shown) text = text.substr(0, text_shown) + "...";
    return text;
}

Json shortened(const Json& value) {
    if (value.is_string()) return Json(cut(std::string(value.get_string())));
    if (value.is_array()) {
        JsonArray list;
        for (const auto& item : value.get_array()) list.push_back(shortened(item));
        return list;
    }
    if (!value.is_object()) return value;
    JsonObject object;
    for (const auto& [key, part] : value.get_object()) object[key] = shortened(part);
    return object;
}

Result<JsonArray> some_of(Hub& hub, const std::string& plural, const std::string& fields,
                          std::size_t limit) {
    TRY(const Json page,
        hub.get("/v1/" + plural, {{"limit", std::to_string(limit)}, {"fieldSelector", fields}}));
    const Json* items = find(page, "items");
    return items && items->is_array() ? items->get_array() : JsonArray{};
}

// Someone may see the resource and not the rest: that is left out.
Result<JsonArray> allowed_part(Result<JsonArray> part) {
    if (!part && (part.error().code == Errc::denied || part.error().code == Errc::not_found))
        return JsonArray{};
    return part;
}

Result<> add_facts(Hub& hub, Story& story, const std::string& kind, const std::string& name) {
    auto page =
        hub.get("/v1/audit", {{"kind", kind}, {"name", name}, {"newest", "1"}, {"limit", "500"}});
    JsonArray facts;
    if (page) {
        if (const Json* items = find(*page, "items")) facts = items->get_array();
    } else if (page.error().code == Errc::denied) {
        story.gap = "what was done to it by whom is in the audit log, which you may not read";
    } else {
        return std::move(page).error();
    }
    story.moments = moments_of(story.resource, facts);
    return {};
}

void add_indented(std::string& out, const std::string& title, const std::string& text) {
    out += "\n" + title + ":\n";
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        out += "  " + text.substr(at, end - at) + "\n";
        at = end + 1;
    }
}

void add_part(std::string& out, const std::string& title, const Json* value) {
    if (!value || (value->is_object() && value->get_object().empty())) return;
    add_indented(out, title, to_yaml(shortened(*value)));
}

std::string head_of(const Json& r) {
    std::string text = cell(r, "kind") + " " + cell(r, "name") + "  (domain " + cell(r, "domain") +
                       ", generation " + cell(r, "generation") + ", revision " +
                       cell(r, "revision") + ")\ncreated " + cell(r, "created") + ", updated " +
                       cell(r, "updated") + "\n";
    if (find_string(r, "status.state"))
        text += "state " + cell(r, "status.state") + ": " + cell(r, "status.reason") + "\n";
    return text;
}

void add_status(std::string& out, const Json& resource) {
    const Json* status = find(resource, "status");
    if (!status || !status->is_object()) return;
    JsonObject rest;
    for (const auto& [key, value] : status->get_object())
        if (key != "history" && key != "state" && key != "reason" && key != "kpis")
            rest[key] = value;
    const Json shown(std::move(rest));
    add_part(out, "status", &shown);
    if (const Json* kpis = find(*status, "kpis"))
        add_indented(out, "KPIs", kpi_table(kpis->get_array(), 0));
}

void add_spec(std::string& out, const Json& resource) {
    const Json* spec = find(resource, "spec");
    const Json* rows = find(resource, "spec.rows");
    if (cell(resource, "kind") != "GateReport" || !spec || !rows)
        return add_part(out, "spec", spec);
    Json rest = *spec;
    for (const char* bulky : {"rows", "signed", "signature", "certificate"})
        rest.get_object().erase(bulky);
    add_part(out, "spec", &rest);
    Table table{{"ROW", "MEASURED", "LIMIT", "VERDICT", "DETAIL"}, {}};
    for (const auto& row : rows->get_array())
        table.rows.push_back({cell(row, "row"), cell(row, "measured"), cell(row, "limit"),
                              find_bool(row, "passed").value_or(false) ? "passed" : "REFUSED",
                              cell(row, "detail")});
    add_indented(out, "rows", render(table, 0));
}

void add_moments(std::string& out, const Story& story) {
    out += "\nstory:\n";
    for (const auto& moment : story.moments)
        out += "  " + moment.at + "  " + (moment.who.empty() ? "" : moment.who + "  ") +
               moment.what + (moment.says.empty() ? "" : ": " + moment.says) + "\n";
    if (story.moments.empty()) out += "  nothing has happened yet\n";
    if (!story.gap.empty()) out += "  (" + story.gap + ")\n";
}

void add_approvals(std::string& out, const Story& story) {
    if (story.approvals.empty()) return;
    const auto generation = find_integer(story.resource, "generation").value_or(0);
    out += "\napprovals:\n";
    for (const auto& approval : story.approvals) {
        const auto looked_at = find_integer(approval, "spec.generation").value_or(0);
        out += "  " + cell(approval, "created") + "  " +
               find_string(approval, "spec.verdict").value_or("approve") + " " +
               cell(approval, "spec.what") + " as " + cell(approval, "spec.role") + " by " +
               cell(approval, "status.by") + ", generation " + std::to_string(looked_at) +
               (looked_at == generation ? "" : " (it is another one now)");
        if (const auto reason = find_string(approval, "spec.reason")) out += ": " + *reason;
        out += "\n";
    }
}

void add_related(std::string& out, const Related& related) {
    if (related.items.empty()) return;
    Table table;
    table.header = {"NAME"};
    for (const Column& column : columns_of(related.plural)) table.header.emplace_back(column.title);
    for (const auto& item : related.items) {
        std::vector<std::string> row = {cell(item, "name")};
        for (const Column& column : columns_of(related.plural))
            row.push_back(cut(cell(item, column.path)));
        table.rows.push_back(std::move(row));
    }
    add_indented(out, related.title, render(table, 0));
    if (related.more) out += "  ... and more: millwright get " + related.plural + "\n";
}

}  // namespace

std::vector<Moment> moments_of(const Json& resource, const JsonArray& facts) {
    std::vector<Moment> moments;
    if (const Json* history = find(resource, "status.history"); history && history->is_array())
        for (const auto& step : history->get_array())
            moments.push_back({cell(step, "at"), "", "-> " + cell(step, "state"),
                               find_string(step, "says").value_or("")});
    const std::size_t steps = moments.size();
    // The fact of a step says what the step says: once is enough.
    const auto told = [&](const std::string& detail) {
        return std::any_of(
            moments.begin(), moments.begin() + std::ptrdiff_t(steps), [&](const Moment& step) {
                return !step.says.empty() && detail.find(step.says) != std::string::npos;
            });
    };
    std::vector<Moment> deeds;
    for (const auto& fact : facts) {
        const auto actor = find_string(fact, "actor").value_or("");
        const auto action = find_string(fact, "action").value_or("");
        const auto detail = find_string(fact, "detail").value_or("");
        if (is_routine(actor, action) || told(detail)) continue;
        deeds.push_back({cell(fact, "time"), actor, action, detail});
    }
    std::ranges::stable_sort(deeds, {}, &Moment::at);
    if (deeds.size() > facts_shown)
        deeds.erase(deeds.begin(), deeds.end() - std::ptrdiff_t(facts_shown));
    std::ranges::move(deeds, std::back_inserter(moments));
    std::ranges::stable_sort(moments, [](const Moment& a, const Moment& b) {
        const auto x = parse_iso8601(a.at), y = parse_iso8601(b.at);
        return x && y ? *x < *y : a.at < b.at;
    });
    return moments;
}

Result<Story> story_of(Hub& hub, const std::string& plural, const std::string& name) {
    Story story;
    TRY(story.resource, hub.get("/v1/" + plural + "/" + name));
    const auto kind = cell(story.resource, "kind");
    TRY_VOID(add_facts(hub, story, kind, name));
    TRY(story.approvals,
        allowed_part(some_of(hub, "approvals",
                             "spec.subject.kind=" + kind + ",spec.subject.name=" + name, 500)));
    if (plural == "use-cases") {
        auto review = hub.get("/v1/use-cases/" + name + "/review");
        if (review) story.review = std::move(*review);
    }
    for (const auto& relation : relations) {
        if (relation.of != plural) continue;
        Related related{relation.title, relation.plural, {}, false};
        TRY(related.items,
            allowed_part(some_of(hub, relation.plural, std::string(relation.field) + "=" + name,
                                 related_shown + 1)));
        related.more = related.items.size() > related_shown;
        if (related.more) related.items.resize(related_shown);
        story.related.push_back(std::move(related));
    }
    return story;
}

std::string tell(const Story& story) {
    std::string out = head_of(story.resource);
    add_part(out, "labels", find(story.resource, "labels"));
    add_spec(out, story.resource);
    add_status(out, story.resource);
    if (story.review.is_object()) add_indented(out, "its stage", review_text(story.review));
    add_moments(out, story);
    add_approvals(out, story);
    for (const auto& related : story.related) add_related(out, related);
    return out;
}

Json json_of(const Story& story) {
    JsonArray moments;
    for (const auto& moment : story.moments)
        moments.push_back(JsonObject{
            {"at", moment.at}, {"who", moment.who}, {"what", moment.what}, {"says", moment.says}});
    JsonObject related;
    for (const auto& part : story.related) related[part.title] = part.items;
    return JsonObject{{"resource", story.resource},
                      {"story", std::move(moments)},
                      {"approvals", story.approvals},
                      {"review", story.review},
                      {"related", std::move(related)}};
}

}  // namespace mw::ctl
