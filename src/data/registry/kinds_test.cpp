#include "data/registry/kinds.h"

#include <gtest/gtest.h>

namespace mw::registry {
namespace {

TEST(RegistryKinds, are_those_of_the_contract) {
    std::string plurals;
    for (const auto& kind : kinds()) plurals += kind.plural + " ";
    EXPECT_EQ(plurals,
              "alert-rules assets data-products devices device-profiles enrollment-groups models "
              "model-versions roles sites users ");
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
            R"({"kind":"EnrollmentGroup","name":"g","spec":{"profile":"p","asset":"a","site":"s",
                 "expires":"2027-01-31T00:00:00Z","max_uses":3,"names":"gw-[0-9]+"}})",
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
        }) {
        const auto outcome = checked(text);
        EXPECT_TRUE(outcome) << text << "\n" << (outcome ? "" : outcome.error().message);
    }
}

struct Refusal {
    const char* json;
    const char* message;  // its beginning
};

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
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"expires":"soon"}})", "spec.expires: "},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"names":"gw-["}})",
         "spec.names: 'gw-[' is not a regular expression"},
        {R"({"kind":"EnrollmentGroup","name":"g","spec":{"max_uses":0}})", "spec.max_uses: "},
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
    for (const auto& row : cases) {
        const auto outcome = checked(row.json);
        ASSERT_FALSE(outcome) << row.json;
        EXPECT_EQ(outcome.error().code, Errc::invalid_input);
        EXPECT_TRUE(outcome.error().message.starts_with(row.message)) << row.json << "\n"
                                                                      << outcome.error().message;
    }
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
