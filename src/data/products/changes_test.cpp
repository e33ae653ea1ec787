#include "data/products/products.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace mw::products {
namespace {

void merge(Json& target, const Json& patch) {
    if (!patch.is_object()) {
        target = patch;
        return;
    }
    if (!target.is_object()) target = JsonObject{};
    for (const auto& [key, value] : patch.get_object()) {
        if (value.is_null())
            target.get_object().erase(key);
        else
            merge(target.get_object()[key], value);
    }
}

// Lists of named things stand in the tests as objects by name, so that a merge patch reaches them.
void to_list(Json& spec, const char* key, const char* name_key) {
    Json* named = spec.get_object().if_contains(key);
    if (!named) return;
    JsonArray list;
    for (auto& [name, element] : named->get_object()) {
        element.get_object()[name_key] = name;
        list.push_back(element);
    }
    *named = std::move(list);
}

const char* const base = R"({
  "owner": "operations", "description": "Pumps", "version": "1.2.0", "status": "active",
  "classification": "internal", "residency": ["eu"], "tags": ["pumps"],
  "select": {"devices": ["gw-1", "gw-2"], "labels": {"line": "a"}},
  "team": {"name": "Pumps"},
  "consumers": {"maintenance": {"signals": ["flow", "state"]}, "energy": {"signals": ["power"]}},
  "roles": {"viewer": {"access": "read"}, "engineer": {"access": "read"}},
  "sla": {"retention": "90d", "latency": "5s", "frequency": "1s", "completeness": 0.99},
  "signals": {
    "flow": {"unit": "l/min", "min": 0, "max": 200, "every": "1s", "required": true,
             "critical": true, "late_p99": "5s", "max_gap": "10s", "good_ratio": 0.98,
             "stuck_after": "2m", "spike": 8, "max_rate": 50, "description": "At the inlet"},
    "state": {"type": "string", "values": ["off", "on"]},
    "power": {"type": "int64", "unit": "W", "classification": "confidential"},
    "note": {"type": "string", "pattern": "^[A-Z]+$"}
  }})";

Resource product_with(const char* patch) {
    Resource product;
    product.kind = "DataProduct";
    product.name = "pumps";
    product.spec = *parse_json(base);
    auto changes = *parse_json(patch);
    if (const auto domain = find_string(changes, "domain")) {
        product.domain = *domain;
        changes.get_object().erase("domain");
    }
    merge(product.spec, changes);
    to_list(product.spec, "signals", "name");
    to_list(product.spec, "consumers", "name");
    to_list(product.spec, "roles", "role");
    return product;
}

struct Row {
    const char* patch;
    const char* path;
    const char* effect;
    const char* breaks = "";  // of all readers of the world below
};

constexpr const char* everybody =
    "AlertRule starved, Dataset golden, Dataset whole, "
    "ModelVersion valve--1, consumer energy, consumer maintenance";
constexpr const char* of_flow =
    "AlertRule starved, Dataset golden, Dataset whole, ModelVersion valve--1, consumer maintenance";
constexpr const char* of_power = "Dataset whole, consumer energy";

const Row rows[] = {
    // Signals come and go.
    {R"({"signals":{"speed":{"unit":"rpm"}}})", "spec.signals.speed", "compatible"},
    {R"({"signals":{"flow":null}})", "spec.signals.flow", "breaking", of_flow},
    {R"({"signals":{"note":null}})", "spec.signals.note", "breaking", "Dataset whole"},
    // Units and types.
    {R"({"signals":{"flow":{"unit":"m3/h"}}})", "spec.signals.flow.unit", "breaking", of_flow},
    {R"({"signals":{"flow":{"unit":null}}})", "spec.signals.flow.unit", "breaking", of_flow},
    {R"({"signals":{"note":{"unit":"1"}}})", "spec.signals.note.unit", "compatible"},
    {R"({"signals":{"power":{"type":"double"}}})", "spec.signals.power.type", "breaking", of_power},
    {R"({"signals":{"power":{"type":null}}})", "spec.signals.power.type", "breaking", of_power},
    // Ranges.
    {R"({"signals":{"flow":{"max":250}}})", "spec.signals.flow.max", "breaking", of_flow},
    {R"({"signals":{"flow":{"max":150}}})", "spec.signals.flow.max", "compatible"},
    {R"({"signals":{"flow":{"min":-1}}})", "spec.signals.flow.min", "breaking", of_flow},
    {R"({"signals":{"flow":{"min":1}}})", "spec.signals.flow.min", "compatible"},
    {R"({"signals":{"flow":{"min":null}}})", "spec.signals.flow.min", "breaking", of_flow},
    {R"({"signals":{"power":{"max":9000}}})", "spec.signals.power.max", "compatible"},
    // Values and forms.
    {R"({"signals":{"state":{"values":["off","on","standby"]}}})", "spec.signals.state.values",
     "breaking", "Dataset whole, consumer maintenance"},
    {R"({"signals":{"state":{"values":["on"]}}})", "spec.signals.state.values", "compatible"},
    {R"({"signals":{"state":{"values":null}}})", "spec.signals.state.values", "breaking",
     "Dataset whole, consumer maintenance"},
    {R"({"signals":{"note":{"pattern":"^[a-z]+$"}}})", "spec.signals.note.pattern", "breaking",
     "Dataset whole"},
    // Rates, gaps, lateness and the other checks.
    {R"({"signals":{"flow":{"every":"10s"}}})", "spec.signals.flow.every", "breaking", of_flow},
    {R"({"signals":{"flow":{"every":"100ms"}}})", "spec.signals.flow.every", "compatible"},
    {R"({"signals":{"flow":{"every":null}}})", "spec.signals.flow.every", "breaking", of_flow},
    {R"({"signals":{"flow":{"max_gap":"1m"}}})", "spec.signals.flow.max_gap", "breaking", of_flow},
    {R"({"signals":{"flow":{"late_p99":"30s"}}})", "spec.signals.flow.late_p99", "breaking",
     of_flow},
    {R"({"signals":{"flow":{"late_p99":"1s"}}})", "spec.signals.flow.late_p99", "compatible"},
    {R"({"signals":{"flow":{"stuck_after":"10m"}}})", "spec.signals.flow.stuck_after", "breaking",
     of_flow},
    {R"({"signals":{"flow":{"spike":20}}})", "spec.signals.flow.spike", "breaking", of_flow},
    {R"({"signals":{"flow":{"max_rate":10}}})", "spec.signals.flow.max_rate", "compatible"},
    {R"({"signals":{"flow":{"good_ratio":0.5}}})", "spec.signals.flow.good_ratio", "breaking",
     of_flow},
    // Flags and words.
    {R"({"signals":{"flow":{"required":false}}})", "spec.signals.flow.required", "breaking",
     of_flow},
    {R"({"signals":{"state":{"required":true}}})", "spec.signals.state.required", "compatible"},
    {R"({"signals":{"flow":{"critical":false}}})", "spec.signals.flow.critical", "compatible"},
    {R"({"signals":{"flow":{"description":"Behind the valve"}}})", "spec.signals.flow.description",
     "compatible"},
    {R"({"signals":{"flow":{"tags":["hydraulics"]}}})", "spec.signals.flow.tags", "compatible"},
    {R"({"description":"All pumps"})", "spec.description", "compatible"},
    {R"({"team":{"name":"Hydraulics"}})", "spec.team", "compatible"},
    {R"({"owner":"hydraulics"})", "spec.owner", "compatible"},
    // Sensitivity, places and people.
    {R"({"signals":{"flow":{"classification":"restricted"}}})", "spec.signals.flow.classification",
     "breaking", of_flow},
    {R"({"signals":{"power":{"classification":"internal"}}})", "spec.signals.power.classification",
     "compatible"},
    {R"({"classification":"confidential"})", "spec.classification", "breaking", everybody},
    {R"({"residency":["eu","us"]})", "spec.residency", "breaking", everybody},
    {R"({"roles":{"viewer":null}})", "spec.roles.viewer", "breaking", everybody},
    {R"({"roles":{"viewer":{"access":"write"}}})", "spec.roles.viewer.access", "breaking",
     everybody},
    {R"({"roles":{"auditor":{"access":"read"}}})", "spec.roles.auditor", "compatible"},
    {R"({"consumers":{"energy":null}})", "spec.consumers", "compatible"},
    {R"({"domain":"plant-b"})", "domain", "breaking", everybody},
    // Service levels.
    {R"({"sla":{"retention":"30d"}})", "spec.sla.retention", "breaking", everybody},
    {R"({"sla":{"retention":"1000d"}})", "spec.sla.retention", "compatible"},
    {R"({"sla":{"latency":"1m"}})", "spec.sla.latency", "breaking", everybody},
    {R"({"sla":{"completeness":0.9}})", "spec.sla.completeness", "breaking", everybody},
    {R"({"sla":{"completeness":0.999}})", "spec.sla.completeness", "compatible"},
    {R"({"sla":{"availability":0.99}})", "spec.sla.availability", "compatible"},
    {R"({"sla":{"frequency":null}})", "spec.sla.frequency", "breaking", everybody},
    // What belongs to it.
    {R"({"select":{"devices":["gw-1"]}})", "spec.select.devices.gw-2", "breaking", everybody},
    {R"({"select":{"devices":["gw-1","gw-2","gw-3"]}})", "spec.select.devices.gw-3", "compatible"},
    {R"({"select":{"labels":{"line":"b"}}})", "spec.select.labels.line", "breaking", everybody},
    {R"({"select":{"labels":{"line":null}}})", "spec.select.labels.line", "compatible"},
    {R"({"select":{"signals":["flow"]}})", "spec.select.signals", "breaking", everybody},
    // Where the contract stands.
    {R"({"status":"deprecated"})", "spec.status", "compatible"},
    {R"({"status":"retired"})", "spec.status", "breaking", everybody},
    {R"({"status":"draft"})", "spec.status", "breaking", everybody},
    {R"({"version":null})", "spec.version", "breaking", everybody},
    {R"({"foreign":{"price":{"priceAmount":1}}})", "spec.foreign", "compatible"},
};

Resource made(const char* kind, const char* name, const char* spec) {
    Resource resource;
    resource.kind = kind;
    resource.name = name;
    resource.spec = *parse_json(spec);
    return resource;
}

Surroundings world() {
    Surroundings around;
    around.datasets = {
        made("Dataset", "golden", R"({"product":"pumps","signals":["flow"]})"),
        made("Dataset", "whole", R"({"product":"pumps"})"),
        made("Dataset", "other", R"({"product":"pumps-2"})"),
    };
    around.versions = {
        made("ModelVersion", "valve--1", R"({"model":"valve","trained_on":{"sql":
            "SELECT * FROM \"pumps\" WHERE TRUE AND signal IN ('flow') ORDER BY t"}})"),
        made("ModelVersion", "other--1",
             R"({"model":"other","trained_on":{"sql":"SELECT * FROM \"pumps-2\""}})"),
    };
    around.rules = {made("AlertRule", "starved", R"({"model":"valve"})"),
                    made("AlertRule", "else", R"({"model":"other"})")};
    return around;
}

std::string joined_names(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

TEST(ContractChanges, are_compatible_or_breaking_for_somebody) {
    static_assert(std::size(rows) >= 30);
    const auto before = product_with("{}");
    const auto readers = readers_of(before, world());
    for (const Row& row : rows) {
        auto changes = classify(before, product_with(row.patch));
        name_broken(changes, readers);
        ASSERT_EQ(changes.size(), 1u) << row.patch;
        EXPECT_EQ(changes[0].path, row.path) << row.patch;
        EXPECT_EQ(find_string(to_json(changes[0]), "effect"), row.effect) << row.patch;
        EXPECT_FALSE(changes[0].why.empty());
        EXPECT_EQ(joined_names(changes[0].breaks), row.breaks) << row.patch;
    }
}

TEST(ContractChanges, mean_nothing_where_only_the_spelling_differs) {
    const auto before = product_with("{}");
    for (const char* patch : {
             R"({})",
             R"({"sla":{"latency":"5000ms","retention":"2160h"}})",
             R"({"signals":{"state":{"values":["on","off"]},"flow":{"type":"double"}}})",
             R"({"signals":{"note":{"classification":"internal"},"power":{"required":false}}})",
         })
        EXPECT_TRUE(classify(before, product_with(patch)).empty()) << patch;
}

TEST(ContractChanges, of_a_signals_classification_start_from_the_products) {
    const auto effects = [](const char* before, const char* after) {
        std::string told;
        for (const auto& change : classify(product_with(before), product_with(after)))
            told += change.path + (change.effect == Effect::breaking ? " breaks;" : " holds;");
        return told;
    };
    const char* const secret = R"({"classification":"confidential"})";
    EXPECT_EQ(effects(secret, R"({"classification":"confidential",
                                  "signals":{"flow":{"classification":"internal"}}})"),
              "spec.signals.flow.classification holds;");
    EXPECT_EQ(effects(R"({"classification":"confidential",
                          "signals":{"flow":{"classification":"internal"}}})",
                      secret),
              "spec.signals.flow.classification breaks;");
}

// A key that somebody adds to the schema has to be judged.
TEST(ContractChanges, are_seen_in_every_key_of_the_schema) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/src/data/registry/kinds/data_product.json");
    std::ostringstream text;
    text << file.rdbuf();
    const auto schema = *parse_json(text.str());
    Resource before = made("DataProduct", "p", R"({"signals":[{"name":"a"}]})");
    for (const auto& [key, part] : find(schema, "properties")->get_object()) {
        if (key == "signals" || key == "sla" || key == "select" || key == "roles") continue;
        auto after = before;
        after.spec.get_object()[key] =
            key == "classification" ? Json("restricted") : Json(JsonObject{{"x", 1}});
        EXPECT_FALSE(classify(before, after).empty()) << key;
    }
    const Json* signal = find(schema, "properties.signals.items.properties");
    for (const auto& [key, part] : signal->get_object()) {
        if (key == "name") continue;
        auto after = before;
        auto& first = after.spec.get_object()["signals"].get_array()[0].get_object();
        first[key] = find_string(part, "type") == "boolean" ? Json(true) : Json("restricted");
        EXPECT_FALSE(classify(before, after).empty()) << key;
    }
    for (const auto& [key, part] : find(schema, "properties.sla.properties")->get_object()) {
        auto after = before;
        after.spec.get_object()["sla"] = JsonObject{{key, 1}};
        EXPECT_FALSE(classify(before, after).empty()) << key;
    }
}

Comparison compared(const char* before, const char* after) {
    const auto from = product_with(before), to = product_with(after);
    auto changes = classify(from, to);
    name_broken(changes, readers_of(from, world()));
    return compare(from, to, std::move(changes));
}

TEST(ContractVersions, grow_with_what_changes) {
    struct Case {
        const char *before, *after, *needs, *next, *refused;
    };
    const Case cases[] = {
        {"{}", "{}", "nothing", "1.2.0", ""},
        {"{}", R"({"description":"x"})", "patch", "1.2.1", ""},
        {"{}", R"({"signals":{"speed":{}}})", "minor", "1.3.0", ""},
        {"{}", R"({"signals":{"flow":null}})", "major", "2.0.0",
         "spec.version: 1 change breaks contract pumps 1.2.0; they need version 2.0.0"},
        {"{}", R"({"signals":{"flow":null},"version":"1.9.9"})", "major", "2.0.0", "spec.version"},
        {"{}", R"({"signals":{"flow":null},"version":"2.0.0"})", "major", "2.0.0", ""},
        {"{}", R"({"signals":{"flow":null},"version":"10.0.0"})", "major", "2.0.0", ""},
        {"{}", R"({"version":"1.1.9"})", "nothing", "1.2.0",
         "spec.version: 1.1.9 is older than 1.2.0"},
        {"{}", R"({"version":null})", "major", "2.0.0", "spec.version: 1 change breaks"},
        // Nobody may rely on a draft, or on what was never versioned.
        {R"({"status":"draft"})", R"({"status":"draft","signals":{"flow":null}})", "major", "2.0.0",
         ""},
        {R"({"version":null,"status":null})", R"({"version":null,"status":null,"signals":null})",
         "major", "", ""},
        // Out of a contract by way of a draft is breaking by itself.
        {"{}", R"({"status":"draft","signals":{"flow":null}})", "major", "2.0.0",
         "spec.version: 2 changes break contract pumps 1.2.0"},
    };
    for (const Case& c : cases) {
        const auto got = compared(c.before, c.after);
        EXPECT_EQ(got.needs, c.needs) << c.after;
        EXPECT_EQ(got.next_version, c.next) << c.after;
        EXPECT_TRUE(got.refused.starts_with(c.refused)) << c.after << ": " << got.refused;
        EXPECT_EQ(got.refused.empty(), std::string_view(c.refused).empty()) << got.refused;
    }
}

TEST(ContractVersions, are_refused_with_every_change_and_who_breaks) {
    const auto refused =
        compared("{}", R"({"signals":{"flow":{"unit":"m3/h"},"power":null}})").refused;
    EXPECT_EQ(refused,
              "spec.version: 2 changes break contract pumps 1.2.0; they need version 2.0.0 or none "
              "of them:\n"
              "  spec.signals.flow.unit: l/min -> m3/h: the same number means something else; "
              "breaks AlertRule starved, Dataset golden, Dataset whole, ModelVersion valve--1, "
              "consumer maintenance\n"
              "  spec.signals.power removed: the signal is gone; breaks Dataset whole, consumer "
              "energy");
}

TEST(ReadersOfAProduct, are_found_through_sql_and_models) {
    auto product = made("DataProduct", "pumps", "{}");
    Surroundings around;
    const auto version = [&](const char* name, const std::string& sql) {
        auto made_one = made("ModelVersion", name, R"({"model":"m"})");
        set(made_one.spec, "trained_on.sql", Json(sql));
        around.versions.push_back(made_one);
    };
    version("m--1", "SELECT a FROM pumps WHERE signal = 'flow' AND time > '2026-01-01'");
    version("m--2", "dataset d (sha256 0): SELECT * FROM \"pumps\" WHERE signal IN ('a', 'b')");
    version("m--3", "SELECT * FROM \"my-pumps\"");
    version("m--4", "SELECT avg(value) FROM pumps");
    version("m--5", "SELECT * FROM pumps WHERE signal IN ('c'");
    around.versions.push_back(around.versions.front());
    around.versions.back().name = "m--0";
    around.versions.back().status = JsonObject{{"state", "retired"}};
    around.use_cases = {made("UseCase", "kpi", R"({"kpis":[{"sql":
                             "SELECT avg(value) FROM pumps WHERE signal='power'"}]})"),
                        made("UseCase", "stands", R"({"product":"pumps"})"),
                        made("UseCase", "elsewhere", R"({"product":"valves"})")};
    std::string told;
    for (const auto& reader : readers_of(product, around)) {
        told += reader.who + ":";
        if (!reader.signals) told += " all";
        if (reader.signals)
            for (const auto& name : *reader.signals) told += " " + name;
        told += "\n";
    }
    EXPECT_EQ(told,
              "ModelVersion m--1: flow\n"
              "ModelVersion m--2: a b\n"
              "ModelVersion m--4: all\n"
              "ModelVersion m--5: all\n"
              "UseCase kpi: power\n"
              "UseCase stands: all\n");
}

}  // namespace
}  // namespace mw::products
