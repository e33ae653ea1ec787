#include "data/registry/kinds.h"

#include <gtest/gtest.h>

#include <fstream>
#include <span>
#include <sstream>

namespace mw::registry {
namespace {

TEST(RegistryKinds, are_those_of_the_contract) {
    std::string plurals;
    for (const auto& kind : kinds()) plurals += kind.plural + " ";
    EXPECT_EQ(plurals,
              "alert-rules approvals assets data-products datasets devices device-profiles "
              "enrollment-groups firmwares gate-reports gate-specs label-tasks models "
              "model-versions monitors policies roles rollouts sites trials use-cases users ");
    EXPECT_EQ(find_plural("device-profiles"), find_kind("DeviceProfile"));
    EXPECT_EQ(find_kind("device"), nullptr);
    const auto missing = want_kind("Devices");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("did you mean 'Device'?"), std::string::npos);
}

// Documentation and OpenAPI come from the schemas, so every key says what it is.
void expect_described(const Json& schema, const std::string& path) {
    if (const Json* properties = find(schema, "properties"))
        for (const auto& [key, part] : properties->get_object()) {
            EXPECT_TRUE(find_string(part, "description")) << path << "." << key;
            expect_described(part, path + "." + std::string(key));
        }
    for (const auto* nested : {"items", "additionalProperties"})
        if (const Json* part = find(schema, nested); part && part->is_object())
            expect_described(*part, path + "[]");
}

TEST(RegistryKinds, describe_every_key) {
    for (const auto& kind : kinds()) expect_described(kind.schema.source(), kind.name);
}

Result<> checked(std::string_view json) {
    TRY(const auto value, parse_json(json));
    TRY(const auto resource, resource_from_json(value));
    return check(resource);
}

TEST(RegistryKinds, accept_a_full_resource_of_each) {
    for (
        const auto* text : {
            R"({"kind":"Site","name":"north","spec":{"description":"x","timezone":"Europe/Berlin"}})",
            R"({"kind":"Asset","name":"p","labels":{"a/b":"c d"},"spec":{"site":"n","parent":"q","class":"pump"}})",
            R"({"kind":"DeviceProfile","name":"p","spec":{"device_class":"c","signals":[
                 {"name":"a","unit":"bar","min":0,"max":9.5,"max_rate":1,"stuck_after":"10m",
                  "spike":8,"every":"1s","late_after":"1h30m"}]}})",
            R"({"kind":"Device","name":"g","spec":{"profile":"p","asset":"a","parent":"x",
                 "models":{"pump":{"version":"1"}},
                 "sources":{"s":{"type":"csv","path":"/x","speed":50}},
                 "config":{"anything":[1,2]}}})",
            R"({"kind":"Device","name":"press","spec":{
                 "sparkplug":{"group":"plant 1","node":"line","device":"press"}}})",
            R"({"kind":"EnrollmentGroup","name":"g","spec":{"profile":"p","asset":"a","site":"s",
                 "expires":"2027-01-31T00:00:00Z","max_uses":3,"names":"gw-[0-9]+",
                 "approval":"manual","keys":["P-256","RSA-3072"],"server_keys":true}})",
            R"({"kind":"DataProduct","name":"d","spec":{"owner":"ops","select":{"devices":["a"],
                 "labels":{"x":"y"},"signals":["p"]}}})",
            R"({"kind":"Model","name":"m","spec":{"description":"x","task":"anomaly-detection"}})",
            R"({"kind":"ModelVersion","name":"m--1","spec":{"model":"m","version":"1","size":12,
                 "bundle":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                 "algorithm":"t2q","trained_on":{"sql":"SELECT 1","from":"2026-01-01T00:00:00Z",
                 "to":"2026-01-02T00:00:00Z","rows":400}}})",
            R"({"kind":"AlertRule","name":"a","spec":{"model":"m","select":{"devices":["g"]},
                 "severity":"warning","raise_after":3,"clear_after":5,"min_score":0.5}})",
            R"({"kind":"User","name":"u","spec":{"display_name":"Ada","roles":["viewer"]}})",
            R"({"kind":"Role","name":"r","spec":{"rules":[{"verbs":["get"],"kinds":["*"],"domains":["*"]}]}})",
            R"({"kind":"UseCase","name":"pump-stops","spec":{"business_owner":"Ada","executive_sponsor":"Bo",
                 "hypothesis":"fewer stops","assumptions":[{"statement":"a","evidence":"open"}],
                 "stage":"pilot",
                 "exit_criteria":{"idea":[{"criterion":"c"},{"criterion":"d",
                 "check":"kpi_baseline"}]},
                 "sign_off":["ot"],"model":"m","product":"p","currency":"EUR",
                 "cost":{"initial":1,"per_year":2},"benefit":{"per_year":3,"probability":0.5},
                 "events_per_week":2,"cost_of_miss":5000,"cost_of_false_alarm":100,
                 "kpis":[{"name":"stops","sql":"SELECT 1","kind":"count","unit":"1/d",
                 "direction":"decrease",
                   "baseline":{"from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z"},
                 "window":"28d",
                   "target":{"percent":-30},"money_per_unit":9000,"every":"1h"}]}})",
            R"({"kind":"GateSpec","name":"g","spec":{"model":"m","dataset":"d",
                 "metrics":[{"metric":"f1","min":0.8,"not_worse_than_champion_by":0.02}],
                 "device_classes":{"small-x86":{"latency_us_p99_max":500,"memory_mb_max":64}},
                 "card":["Limits"],"measure_within":"2m","override":["releaser"]}})",
            R"({"kind":"GateReport","name":"g-1","spec":{"gate":"g","version":"m--1","verdict":"refused",
                 "bundle":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                 "rows":[{"row":"f1","measured":0.7,"limit":">= 0.8","passed":false},
                         {"row":"memory","measured":null,"limit":"<= 64","passed":false,
                 "detail":"x"}]}})",
            R"({"kind":"Rollout","name":"r","spec":{"artifact":{"kind":"ModelVersion","name":"m--2"},
                 "use_case":"u","selector":"line=pumps,site!=test","mode":"replace",
                 "waves":[{"count":3,"soak":"1h"},{"percent":50},{"percent":100}],
                 "stratify_by":["site"],
                 "guardrails":[{"metric":"crash_loop","max":1},{"metric":"kpi","kpi":"stops",
                 "worse_by":2}],
                 "looks":5,"alpha":0.05,"on_inconclusive":"wait","approval":["releaser"]}})",
            R"({"kind":"Trial","name":"t","spec":{"rollout":"r","mode":"shadow","model":"m",
                 "champion":"1","challenger":"2","devices":4}})",
            R"({"kind":"Monitor","name":"m","spec":{"use_case":"u","model":"m","selector":"line=pumps",
                 "labels":{"audit":0.01,"seed":7},"window":"1h"}})",
            R"({"kind":"Dataset","name":"d","spec":{"product":"p","purpose":"golden",
                 "from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","devices":["g"],
                 "signals":["a"],"labels":{"signal":"truth","answers":true}}})",
            R"({"kind":"LabelTask","name":"l","spec":{"device":"g","model":"m","why":"audit",
                 "from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z","propensity":0.01}})",
            R"({"kind":"Approval","name":"a","spec":{"subject":{"kind":"UseCase","name":"u"},
                 "what":"stage:pilot","role":"ot","verdict":"reject","generation":3,
                 "reason":"x"}})",
            R"({"kind":"Firmware","name":"pump-controller--2.1","spec":{"product":"pump-controller",
                 "version":"2.1","filename":"fw.bin","size":12,"device_classes":["small-x86"],
                 "file":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}})",
        }) {
        const auto outcome = checked(text);
        EXPECT_TRUE(outcome) << text << "\n" << (outcome ? "" : outcome.error().message);
    }
}

struct Refusal {
    std::string json;
    const char* message;  // its beginning
};

void expect_refused(std::span<const Refusal> cases) {
    for (const auto& row : cases) {
        const auto outcome = checked(row.json);
        ASSERT_FALSE(outcome) << row.json;
        EXPECT_EQ(outcome.error().code, Errc::invalid_input);
        EXPECT_TRUE(outcome.error().message.starts_with(row.message)) << row.json << "\n"
                                                                      << outcome.error().message;
    }
}

TEST(RegistryKinds, refuse_with_path_and_remedy) {
    const Refusal cases[] = {
        {R"({"kind":"Sit","name":"a"})", "kind: there is no kind 'Sit'; did you mean 'Site'?"},
        {R"({"kind":"Site","name":"a","spec":{"timezon":"UTC"}})",
         "spec.timezon: unknown key 'timezon'; did you mean 'timezone'?"},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a"},{"unit":"bar"}]}})",
         "spec.signals[1]"},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a","min":"0"}]}})",
         "spec.signals[0].min: "},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a","min":5,"max":5}]}})",
         "spec.signals[0].min: must be below max"},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a"},{"name":"a"}]}})",
         "spec.signals[1].name: signal 'a' is there twice"},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a","every":"fast"}]}})",
         "spec.signals[0].every: "},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a","every":"0s"}]}})",
         "spec.signals[0].every: want a duration above zero"},
        {R"({"kind":"DeviceProfile","name":"p","spec":{"signals":[{"name":"a","pattern":"(?=a)."}]}})",
         "spec.signals[0].pattern: '(?=a).' is not a regular expression"},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"expires":"soon"}})", "spec.expires: "},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"names":"gw-["}})",
         "spec.names: 'gw-[' is not a regular expression"},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"max_uses":0}})", "spec.max_uses: "},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"keys":["P-521"]}})", "spec.keys[0]: "},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"approval":"soon"}})", "spec.approval: "},
        {R"({"kind":"Device","name":"g","spec":{"models":{"m":{}}}})", "spec.models.m"},
        {R"({"kind":"Device","name":"g","spec":{"parent":"g"}})", "spec.parent: "},
        {R"({"kind":"ModelVersion","name":"m-1","spec":{"model":"m","version":"1","bundle":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}})",
         "name: want MODEL--VERSION, here 'm--1'"},
        {R"({"kind":"ModelVersion","name":"m--1","spec":{"model":"m","version":"1","bundle":"xyz"}})",
         "spec.bundle: "},
        {R"({"kind":"AlertRule","name":"a","spec":{"model":"m","severity":"loud"}})",
         "spec.severity: "},
        {R"({"kind":"AlertRule","name":"a"})", "spec"},
        {R"({"kind":"Role","name":"r","spec":{"rules":[{"verbs":["fly"],"kinds":["*"],"domains":["*"]}]}})",
         "spec.rules[0].verbs[0]: "},
        {R"({"kind":"Site","name":"a","labels":{"a b":"c"}})", "labels: key 'a b' is not legal"},
        {R"({"kind":"Device","name":"g","spec":{"models":{"A":{"version":"1"}}}})",
         "spec.models: key 'A' is not legal"},
        {R"({"kind":"Site","name":"a","labels":{"a":"b,c"}})", "labels.a"},
    };
    expect_refused(cases);
}

TEST(RegistryKinds, refuse_what_keys_say_to_one_another) {
    const std::string rollout = R"({"kind":"Rollout","name":"r","spec":{"artifact":{"kind":)"
                                R"("Firmware","name":"c--1"},"waves":)";
    const std::string use_case = R"({"kind":"UseCase","name":"u","spec":{"business_owner":"a",)"
                                 R"("executive_sponsor":"b","hypothesis":"h","kpis":[)";
    const std::string kpi =
        R"({"name":"k","sql":"S","unit":"1","direction":"decrease","baseline":)";
    const std::string june = R"({"from":"2026-06-01T00:00:00Z","to":"2026-07-01T00:00:00Z"})";
    const std::string gate = R"({"kind":"GateSpec","name":"g","spec":{"model":"m","dataset":"d",)";
    const std::string approval = R"({"kind":"Approval","name":"a","spec":{"role":"ot","subject":)";
    const Refusal cases[] = {
        {R"({"kind":"Model","name":"pump.shadow"})", "name: 'pump.shadow': names that end in"},
        {R"({"kind":"Device","name":"g","spec":{"models":{"p.shadow":{"version":"1"}}}})",
         "spec.models: 'p.shadow'"},
        {R"({"kind":"Device","name":"g","spec":{"models":{"p":{"version":"1","limits":{"isolation":"thread"}}}}})",
         "spec.models.p.limits.isolation"},
        {R"({"kind":"Device","name":"g","spec":{"models":{"p":{"version":"1","limits":{"memory_bytes":2000000}}}}})",
         "spec.models.p.limits.memory_bytes: only a process has memory of its own"},
        {R"({"kind":"Firmware","name":"c","spec":{"product":"c","version":"1","filename":"f","file":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}})",
         "name: want PRODUCT--VERSION, here 'c--1'"},
        {rollout + R"([{"soak":"1h"}]}})", "spec.waves[0]: want either count or percent"},
        {rollout + R"([{"count":1,"percent":100}]}})", "spec.waves[0]: want either"},
        {rollout + R"([{"count":3},{"count":3},{"percent":100}]}})", "spec.waves[1]: each wave"},
        {rollout + R"([{"percent":10},{"percent":5},{"percent":100}]}})", "spec.waves[1]: each"},
        {rollout + R"([{"percent":99}]}})", "spec.waves[0]: the last wave must be percent: 100"},
        {rollout + R"([{"count":99}]}})", "spec.waves[0]: the last wave must be"},
        {rollout + R"([{"percent":100},{"count":5}]}})", "spec.waves[0]: all devices run it"},
        {rollout + R"([{"percent":100}],"selector":"a=b=c"}})", "spec.selector: "},
        {rollout + R"([{"percent":100}],"mode":"shadow"}})", "spec.mode: firmware"},
        {rollout + R"([{"percent":100}],"guardrails":[{"metric":"crash_loop"}]}})",
         "spec.guardrails[0]: want max, worse_by or both"},
        {rollout + R"([{"percent":100}],"guardrails":[{"metric":"kpi","max":1}]}})",
         "spec.guardrails[0].kpi: say which"},
        {rollout + R"([{"percent":100}],"guardrails":[{"metric":"kpi","kpi":"k","max":1}]}})",
         "spec.use_case: the guardrail on a KPI"},
        {use_case + kpi + june + R"(,"target":{"percent":5}}]}})", "spec.kpis[0].target.percent: "},
        {use_case + kpi + R"({"from":"2026-07-01T00:00:00Z","to":"2026-07-01T00:00:00Z"})" +
             R"(,"target":{"percent":-5}}]}})",
         "spec.kpis[0].baseline.from: must be before to"},
        {use_case + kpi + june + R"(,"target":{"percent":-5}},)" + kpi + june +
             R"(,"target":{"percent":-5}}]}})",
         "spec.kpis[1].name: KPI 'k' is there twice"},
        {gate + R"("metrics":[{"metric":"f1"}]}})", "spec.metrics[0]: want min, max"},
        {gate + R"("metrics":[{"metric":"f1","min":0.9,"max":0.8}]}})", "spec.metrics[0].min: "},
        {gate + R"("metrics":[{"metric":"f1","min":0.9}],"device_classes":{"a":{}}}})",
         "spec.device_classes.a: "},
        {R"({"kind":"Dataset","name":"d","spec":{"product":"p","purpose":"golden","from":"2026-02-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}})",
         "spec.from: must be before to"},
        {R"({"kind":"LabelTask","name":"l","spec":{"device":"g","model":"m","why":"audit","from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z","propensity":0.1}})",
         "spec.from: must not be after to"},
        {R"({"kind":"Monitor","name":"m","spec":{"use_case":"u","model":"m","selector":"="}})",
         "spec.selector: "},
        {approval + R"({"kind":"UseCase","name":"u"},"what":"stage:retired"}})",
         "spec.what: 'stage:retired' can't be approved of a UseCase (want stage:idea, "},
        {approval + R"({"kind":"Rollout","name":"u"},"what":"override"}})",
         "spec.what: 'override' can't be approved of a Rollout (want rollout)"},
    };
    expect_refused(cases);
}

TEST(RegistryKinds, refuse_policies_that_nobody_can_obey) {
    const std::string policy = R"({"kind":"Policy","name":"p","spec":)";
    const std::pair<std::string, std::string> cases[] = {
        {R"({"retention":{"at_least":"90d","at_most":"30d"}}})", "spec.retention.at_least: "},
        {R"({"retention":{}}})", "spec.retention"},
        {R"({"masking":[{"method":"hide"}]}})", "spec.masking[0]: want classification"},
        {R"({"masking":[{"method":"coarsen","tags":["a"]}]}})", "spec.masking[0].over: say"},
        {R"({"masking":[{"method":"hide","tags":["a"],"over":"1m"}]}})",
         "spec.masking[0].over: only"},
        {R"({"naming":{"products":"("}}})", "spec.naming.products: "},
        {R"({"domains":["*"]},"domain":"plant-a"})", "spec.domains: only a policy in domain"},
    };
    for (const auto& [spec, message] : cases) {
        const auto outcome = checked(policy + spec);
        ASSERT_FALSE(outcome) << spec;
        EXPECT_TRUE(outcome.error().message.starts_with(message)) << outcome.error().message;
    }
    EXPECT_TRUE(checked(policy + R"({"domains":["*"],"retention":{"at_most":"30d"},
        "masking":[{"tags":["a"],"method":"hide","except_roles":["ot"]}]}})"));
}

TEST(RegistryKinds, refuse_contracts_that_contradict_themselves) {
    const std::string product = R"({"kind":"DataProduct","name":"p","spec":)";
    const std::pair<std::string, std::string> cases[] = {
        {R"({"version":"1.0.0"}})", "spec.status: a contract says where it stands"},
        {R"({"status":"active"}})", "spec.version: a contract has a version"},
        {R"({"version":"1.0","status":"draft"}})", "spec.version: "},
        {R"({"signals":[{"name":"a"},{"name":"a"}]}})", "spec.signals[1].name: 'a' is there twice"},
        {R"({"signals":[{"name":"time"}]}})", "spec.signals[0].name: 'time' is a column"},
        {R"({"signals":[{"name":"a","min":2,"max":1}]}})", "spec.signals[0].min: "},
        {R"({"signals":[{"name":"a","type":"bool","min":2}]}})", "spec.signals[0].min: a bool"},
        {R"({"signals":[{"name":"a","values":["x"]}]}})", "spec.signals[0].values: only a string"},
        {R"({"signals":[{"name":"a"}],"select":{"signals":["b"]}}})", "spec.select.signals: "},
        {R"({"signals":[{"name":"a"}],"consumers":[{"name":"c","signals":["b"]}]}})",
         "spec.consumers[0].signals: the contract has no signal 'b'"},
        {R"({"consumers":[{"name":"c"},{"name":"c"}]}})", "spec.consumers[1].name: "},
        {R"({"roles":[{"role":"c"},{"role":"c"}]}})", "spec.roles[1].role: "},
        {R"({"signals":[{"name":"a","every":"0s"}]}})", "spec.signals[0].every: "},
    };
    for (const auto& [spec, message] : cases) {
        const auto outcome = checked(product + spec);
        ASSERT_FALSE(outcome) << spec;
        EXPECT_TRUE(outcome.error().message.starts_with(message)) << outcome.error().message;
    }
    EXPECT_TRUE(checked(product + R"({"version":"1.0.0","status":"active","signals":[
        {"name":"a","type":"frame","unit":"g","min":-8,"max":8,"foreign":{"x":[1]}},
        {"name":"b","type":"string","values":["on"]}],"select":{"signals":["a","b","c"]},
        "consumers":[{"name":"c","signals":["b"]}],"sla":{"retention":"90d"}}})"));
}

TEST(RegistryKinds, refuse_a_resource_over_a_mebibyte) {
    Resource device;
    device.kind = "Device";
    device.name = "g";
    device.spec = JsonObject{{"config", JsonObject{{"x", std::string(1 << 20, 'x')}}}};
    const auto outcome = check(device);
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().message.find("1 MiB"), std::string::npos);
}

TEST(RegistryKinds, explain_themselves_as_a_tree) {
    const auto whole = *explain(*find_kind("UseCase"));
    EXPECT_TRUE(whole.starts_with("UseCase  (use-cases)  Why a model exists")) << whole;
    EXPECT_NE(whole.find("\n  hypothesis"), std::string::npos);
    EXPECT_NE(whole.find("string (required). What is believed"), std::string::npos) << whole;
    EXPECT_NE(whole.find("decrease | increase (required)"), std::string::npos) << whole;
    const auto part = *explain(*find_kind("UseCase"), "spec.kpis.target");
    EXPECT_NE(part.find("absolute"), std::string::npos);
    EXPECT_EQ(part.find("hypothesis"), std::string::npos);
    EXPECT_FALSE(explain(*find_kind("UseCase"), "spec.nope"));
}

TEST(RegistryKinds, stand_in_the_documents) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/docs/kinds.md");
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_TRUE(text.str() == kinds_markdown())
        << "docs/kinds.md is out of date: millwright explain --markdown > docs/kinds.md";
}

TEST(RegistryKinds, know_what_a_spec_refers_to) {
    const auto resource = *resource_from_json(
        *parse_json(R"({"kind":"User","name":"u","spec":{"roles":["viewer","operator"]}})"));
    const auto found = references(resource);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[1].path, "spec.roles[1]");
    EXPECT_EQ(found[1].kind, "Role");
    EXPECT_EQ(found[1].name, "operator");
    EXPECT_EQ(referred_kind(*find_kind("Device"), "spec.profile"), "DeviceProfile");
    EXPECT_EQ(referred_kind(*find_kind("Device"), "spec.config"), "");
}

}  // namespace
}  // namespace mw::registry
