#include "base/schema.h"

#include <gtest/gtest.h>

namespace mw {
namespace {

constexpr const char* profile_schema = R"({
  "type": "object", "additionalProperties": false, "required": ["spec"],
  "properties": {
    "kind": {"const": "DeviceProfile"},
    "spec": {
      "type": "object", "additionalProperties": false, "required": ["signals"],
      "properties": {
        "device_class": {"type": "string", "minLength": 1, "description": "e.g. pi4"},
        "mode": {"enum": ["shadow", "canary", "full"]},
        "owner": {"type": "string", "pattern": "^[a-z]+$", "description": "lower-case letters"},
        "hops": {"type": ["integer", "null"], "exclusiveMinimum": 0, "maximum": 9},
        "signals": {"type": "array", "minItems": 1, "maxItems": 3,
                    "items": {"$ref": "#/definitions/signal"}},
        "limits": {"type": "object", "additionalProperties": {"type": "number"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "number"}]}
      }
    }
  },
  "definitions": {"signal": {
    "type": "object", "additionalProperties": false, "required": ["name", "unit"],
    "properties": {"name": {"type": "string"}, 
                   "unit": {"type": "string", "description": "UCUM code"},
                   "min": {"type": "number", "minimum": -100}}}}
})";

Schema profile() { return *Schema::compile(*parse_json(profile_schema)); }

std::string all(const std::vector<SchemaFault>& faults) {
    std::string text;
    for (const auto& fault : faults) text += fault.path + "|" + fault.message + "\n";
    return text;
}

TEST(Schema, a_right_document_has_no_faults) {
    auto document = parse_json(
        R"({"kind":"DeviceProfile","spec":{"device_class":"pi4","mode":"canary","owner":"ann",)"
        R"("hops":null,)"
        R"("signals":[{"name":"p","unit":"bar","min":-1}],"limits":{"x":1.5},"either":2}})");
    EXPECT_EQ(all(profile().faults(*document)), "");
    EXPECT_TRUE(profile().check(*document).ok());
}

TEST(Schema, each_fault_names_its_path_and_the_remedy) {
    struct Row {
        const char* name;
        const char* document;
        const char* faults;
    };
    const Row rows[] = {
        {"unknown key, near", R"({"spec":{"signals":[{"name":"p","unit":"bar","mni":1}]}})",
         "spec.signals[0].mni|unknown key 'mni'; did you mean 'min'?\n"},
        {"unknown key, far", R"({"spec":{"signals":[{"name":"p","unit":"bar","colour":1}]}})",
         "spec.signals[0].colour|unknown key 'colour'; known keys: name, unit, min\n"},
        {"unknown at the top", R"({"spce":1,"spec":{"signals":[{"name":"p","unit":"bar"}]}})",
         "spce|unknown key 'spce'; did you mean 'spec'?\n"},
        {"missing", R"({"spec":{"signals":[{"name":"p"}]}})",
         "spec.signals[0].unit|is required (string: UCUM code)\n"},
        {"type", R"({"spec":{"signals":[{"name":"p","unit":7}]}})",
         "spec.signals[0].unit|want string, got integer 7\n"},
        {"types", R"({"spec":{"hops":"x","signals":[{"name":"p","unit":"bar"}]}})",
         "spec.hops|want integer, null, got string \"x\"\n"},
        {"choice", R"({"spec":{"mode":"canry","signals":[{"name":"p","unit":"bar"}]}})",
         "spec.mode|\"canry\" is not one of shadow, canary, full; did you mean 'canary'?\n"},
        {"const", R"({"kind":"Device","spec":{"signals":[{"name":"p","unit":"bar"}]}})",
         "kind|must be \"DeviceProfile\", got \"Device\"\n"},
        {"minimum", R"({"spec":{"signals":[{"name":"p","unit":"bar","min":-200}]}})",
         "spec.signals[0].min|-200 is below the minimum, -100\n"},
        {"exclusive", R"({"spec":{"hops":0,"signals":[{"name":"p","unit":"bar"}]}})",
         "spec.hops|0 must be greater than 0\n"},
        {"maximum", R"({"spec":{"hops":10,"signals":[{"name":"p","unit":"bar"}]}})",
         "spec.hops|10 is above the maximum, 9\n"},
        {"pattern", R"({"spec":{"owner":"Ann","signals":[{"name":"p","unit":"bar"}]}})",
         "spec.owner|\"Ann\" does not match ^[a-z]+$ (lower-case letters)\n"},
        {"empty list", R"({"spec":{"signals":[]}})",
         "spec.signals|has 0 elements, want at least 1\n"},
        {"short text", R"({"spec":{"device_class":"","signals":[{"name":"p","unit":"bar"}]}})",
         "spec.device_class|has 0 characters, want at least 1\n"},
        {"map value", R"({"spec":{"limits":{"x":"1"},"signals":[{"name":"p","unit":"bar"}]}})",
         "spec.limits.x|want number, got string \"1\"\n"},
        {"whole document", R"([1])", "|want object, got array [1]\n"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(all(profile().faults(*parse_json(row.document))), row.faults) << row.name;
}

TEST(Schema, what_plain_keywords_do_not_explain_still_fails_with_its_path) {
    auto document = parse_json(R"({"spec":{"either":true,"signals":[{"name":"p","unit":"bar"}]}})");
    auto faults = profile().faults(*document);
    ASSERT_FALSE(faults.empty());
    EXPECT_EQ(faults[0].path, "spec.either");
}

TEST(Schema, check_tells_the_first_and_counts_the_rest) {
    auto outcome = profile().check(*parse_json(R"({"spec":{"signals":[{}]}})"));
    EXPECT_EQ(outcome.error().code, Errc::invalid_input);
    EXPECT_EQ(outcome.error().message, "spec.signals[0].name: is required (string) (and 1 more)");
}

TEST(Schema, faults_are_limited) {
    JsonObject spec;
    for (int i = 0; i < 100; ++i) spec["wrong_" + std::to_string(i)] = 1;
    EXPECT_EQ(profile().faults(JsonObject{{"spec", spec}}).size(), 20u);
}

TEST(Schema, a_long_text_is_not_run_against_a_pattern) {
    JsonObject spec{{"owner", std::string(1'000'000, 'a')}};
    EXPECT_EQ(all(profile().faults(JsonObject{{"spec", spec}})),
              "spec.owner|is longer than 1024 bytes\n");
}

TEST(Schema, a_zero_byte_does_not_hide_what_follows) {
    JsonObject spec{{"owner", std::string("ann\0; drop", 10)}};
    EXPECT_FALSE(profile().check(JsonObject{{"spec", spec}}).ok());
}

TEST(Schema, a_broken_schema_is_refused_when_it_is_compiled) {
    EXPECT_FALSE(Schema::compile(*parse_json(R"({"type": 5})")).ok());
    EXPECT_FALSE(Schema::compile(*parse_json(R"({"properties": []})")).ok());
}

TEST(NearestWord, suggests_only_what_is_near) {
    EXPECT_EQ(nearest_word("untis", {"name", "unit", "units"}), "units");
    EXPECT_EQ(nearest_word("keepalive", {"keep_alive", "port"}), "keep_alive");
    EXPECT_EQ(nearest_word("x", {"y", "z"}), "");
    EXPECT_EQ(nearest_word("", {"a"}), "");
}

}  // namespace
}  // namespace mw
