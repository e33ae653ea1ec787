#include "protocols/sparkplug/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "base/random.h"
#include "protocols/sparkplug/encode.h"
#include "protocols/sparkplug/test_payload.h"

namespace mw::sparkplug {
namespace {

using testing::HasSubstr;

// Made by sparkplug-payload 1.0.3: tests/strangers/sparkplug_golden.mjs.
Bytes golden(const std::string& name) {
    std::ifstream file(MW_SOURCE_DIR "/src/protocols/sparkplug/golden/" + name + ".bin",
                       std::ios::binary);
    EXPECT_TRUE(file) << name;
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::optional<double> value_in(const Payload& payload, std::string_view name) {
    const Metric* metric = payload.find(name);
    return metric == nullptr ? std::nullopt : number_of(*metric, metric->type).value;
}

TEST(SparkplugPayload, numbers_of_sparkplug_payload_are_read) {
    const Bytes bytes = golden("numbers");
    Payload payload;
    ASSERT_TRUE(decode(bytes, payload).ok());
    EXPECT_EQ(payload.timestamp_ms, 1767600000000u);
    EXPECT_EQ(payload.seq, 0u);
    struct Row {
        const char* name;
        double value;
    };
    const Row rows[] = {
        {"bdSeq", 3},
        {"int8", -5},
        {"int16", -300},
        {"int32", -70000},
        {"uint8", 255},
        {"uint16", 65535},
        {"int64", -9007199254740993.0},
        {"float", 1.5},
        {"double", 0.1},
        {"uint32", 4294967295.0},
        {"true", 1},
        {"false", 0},
        {"date", 1767600000002.0},
        {"uint64", 18446744073709551615.0},
    };
    for (const Row& row : rows) EXPECT_EQ(value_in(payload, row.name), row.value) << row.name;
    EXPECT_TRUE(std::isnan(value_in(payload, "nan").value()));
    EXPECT_EQ(payload.metrics.size(), std::size(rows) + 1);
    EXPECT_EQ(payload.find("int8")->alias, 1u);
    EXPECT_EQ(payload.find("int8")->timestamp_ms, 1767600000001u);
    EXPECT_FALSE(payload.find("int16")->timestamp_ms);
    EXPECT_FALSE(payload.find("float")->alias);
}

TEST(SparkplugPayload, what_is_no_number_is_told_by_its_kind) {
    const Bytes bytes = golden("no_numbers");
    Payload payload;
    ASSERT_TRUE(decode(bytes, payload).ok());
    struct Row {
        const char* name;
        Skip why;
    };
    const Row rows[] = {{"string", Skip::text},       {"text", Skip::text},
                        {"uuid", Skip::text},         {"bytes", Skip::bytes},
                        {"file", Skip::bytes},        {"table", Skip::structure},
                        {"template", Skip::structure}};
    for (const Row& row : rows) {
        const Metric* metric = payload.find(row.name);
        ASSERT_NE(metric, nullptr) << row.name;
        const Number number = number_of(*metric, metric->type);
        EXPECT_FALSE(number.value) << row.name;
        EXPECT_EQ(number.why, row.why) << row.name;
    }
    EXPECT_EQ(payload.metrics.size(), std::size(rows));
}

TEST(SparkplugPayload, flags_and_properties_become_quality) {
    const Bytes bytes = golden("flags");
    Payload payload;
    ASSERT_TRUE(decode(bytes, payload).ok());
    EXPECT_EQ(payload.seq, 255u);
    const auto quality = [&](std::string_view name) { return source_quality(*payload.find(name)); };
    EXPECT_EQ(quality("null"), Quality::bad(Reason::not_a_number));
    EXPECT_EQ(quality("historical"), Quality::good(Reason::historical));
    EXPECT_TRUE(payload.find("transient")->transient);
    EXPECT_EQ(quality("stale"), Quality::bad(Reason::stale));
    EXPECT_EQ(payload.find("stale")->unit, "bar");
    EXPECT_EQ(quality("bad"), Quality::bad(Reason::source_bad));
    EXPECT_EQ(quality("described"), Quality::good());
    EXPECT_EQ(value_in(payload, "described"), 6);
}

TEST(SparkplugPayload, a_death_has_no_seq) {
    const Bytes bytes = golden("death");
    Payload payload;
    ASSERT_TRUE(decode(bytes, payload).ok());
    EXPECT_FALSE(payload.seq);
    EXPECT_EQ(value_in(payload, "bdSeq"), 7);
}

TEST(SparkplugPayload, quality_codes_have_classes) {
    struct Row {
        std::int64_t code;
        Quality quality;
    };
    const Quality bad = Quality::bad(Reason::source_bad);
    const Quality doubt = Quality::uncertain(Reason::source_uncertain);
    const Row rows[] = {{0, bad},   {63, bad},  {64, doubt},  {191, doubt},
                        {192, {}},  {255, {}},  {256, doubt}, {499, doubt},
                        {501, bad}, {512, bad}, {-1, bad},    {500, Quality::bad(Reason::stale)}};
    for (const Row& row : rows) {
        Metric metric;
        metric.quality = row.code;
        EXPECT_EQ(source_quality(metric), row.quality) << row.code;
    }
}

TEST(SparkplugPayload, types_and_values_that_do_not_fit_are_told) {
    using Held = Metric::Held;
    struct Row {
        Held held;
        std::uint64_t bits;
        int type;
        std::optional<double> value;
        Skip why;
    };
    const Row rows[] = {
        {Held::int32, 200, 1, -56, {}},  // as wide as the type
        {Held::int32, 0xFFFFFFFB, 4, -5, {}},
        {Held::int64, 0xFFFFFFFFFFFFFFFB, 3, -5, {}},
        {Held::int64, 7, 7, 7, {}},
        {Held::int32, 1, 11, 1, {}},
        {Held::float32, 0x3FC00000, 10, 1.5, {}},
        {Held::boolean, 1, 3, {}, Skip::mismatch},
        {Held::float64, 0, 3, {}, Skip::mismatch},
        {Held::int32, 1, 10, {}, Skip::mismatch},
        {Held::nothing, 0, 10, {}, Skip::mismatch},
        {Held::other, 0, 22, {}, Skip::array},
        {Held::other, 0, 34, {}, Skip::array},
        {Held::other, 0, 20, {}, Skip::structure},
        {Held::int32, 1, 0, {}, Skip::unknown_type},
        {Held::int32, 1, 35, {}, Skip::unknown_type},
        {Held::int32, 1, 255, {}, Skip::unknown_type},
    };
    for (const Row& row : rows) {
        Metric metric;
        metric.held = row.held;
        metric.bits = row.bits;
        const Number number = number_of(metric, static_cast<DataType>(row.type));
        EXPECT_EQ(number.value, row.value) << row.type;
        if (!row.value) {
            EXPECT_EQ(number.why, row.why) << row.type;
        }
    }
}

struct Malformed {
    const char* what;
    Bytes bytes;
    const char* error;
};

TEST(SparkplugPayload, what_is_malformed_is_refused_with_its_place) {
    const Malformed rows[] = {
        {"text", Bytes{'h', 'e', 'l', 'l', 'o'}, "byte "},
        {"a cut key", Bytes{0x80}, "no protocol buffer"},
        {"a cut number", Bytes{0x08, 0x80}, "no protocol buffer"},
        {"a number beyond 64 bits",
         Bytes{0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02},
         "no protocol buffer"},
        {"field 0", Bytes{0x00, 0x01}, "no protocol buffer"},
        {"a group", Bytes{0x0B}, "no protocol buffer"},
        {"a metric longer than the message", Bytes{0x12, 0x05, 0x0A}, "no protocol buffer"},
        {"a timestamp of bytes", Bytes{0x0A, 0x01, 0x00}, "field 1 is malformed"},
        {"a name of a number", Bytes{0x12, 0x02, 0x08, 0x01}, "metrics[0] (byte 4): field 1"},
        {"a double of 4 bytes", Bytes{0x12, 0x05, 0x6D, 0, 0, 0, 0}, "metrics[0]"},
        {"a cut metric", Bytes{0x12, 0x00, 0x12, 0x02, 0x0A, 0x05}, "metrics[1]"},
        {"properties that are none", Bytes{0x12, 0x03, 0x4A, 0x01, 0x80}, "field 9"},
    };
    for (const Malformed& row : rows) {
        Payload payload;
        const auto decoded = decode(row.bytes, payload);
        ASSERT_FALSE(decoded.ok()) << row.what;
        EXPECT_EQ(decoded.error().code, Errc::invalid_input) << row.what;
        EXPECT_THAT(decoded.error().message, HasSubstr(row.error)) << row.what;
    }
}

TEST(SparkplugPayload, limits_are_told) {
    Payload payload;
    const Bytes three = TestPayload::from("t=1 | a v=1 | b v=2 | c v=3");
    EXPECT_TRUE(decode(three, payload, {.metrics = 3}).ok());
    const auto refused = decode(three, payload, {.metrics = 2});
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("more than 2 metrics"));
    const Bytes two_properties = TestPayload::from("t=1 | a v=1 q=192 unit=bar");
    EXPECT_TRUE(decode(two_properties, payload, {.properties = 2}).ok());
    EXPECT_FALSE(decode(two_properties, payload, {.properties = 1}).ok());
}

TEST(SparkplugPayload, every_cut_and_every_changed_byte_is_survived) {
    for (const char* name : {"numbers", "no_numbers", "flags", "death"}) {
        const Bytes whole = golden(name);
        Payload payload;
        std::size_t refused = 0;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            refused += decode(cut, payload).ok() ? 0 : 1;
        }
        EXPECT_GT(refused, whole.size() / 2) << name;
        SeededRandom random(7);
        for (std::size_t i = 0; i < whole.size(); ++i) {
            Bytes changed = whole;
            changed[i] ^= static_cast<std::uint8_t>(1 + random.next() % 255);
            if (!decode(changed, payload)) continue;
            for (const Metric& metric : payload.metrics) {
                const Number number = number_of(metric, metric.type);
                EXPECT_TRUE(number.value || number.why < Skip::unresolved);
            }
        }
    }
}

TEST(SparkplugMessages, a_rebirth_is_asked_for_as_the_specification_says) {
    Payload payload;
    const Bytes bytes = encode_rebirth({1767600000123 * 1'000'000});
    ASSERT_TRUE(decode(bytes, payload).ok());
    EXPECT_EQ(payload.timestamp_ms, 1767600000123u);
    EXPECT_FALSE(payload.seq);
    ASSERT_EQ(payload.metrics.size(), 1u);
    EXPECT_EQ(payload.metrics[0].name, "Node Control/Rebirth");
    EXPECT_EQ(payload.metrics[0].type, DataType::boolean);
    EXPECT_EQ(value_in(payload, "Node Control/Rebirth"), 1);
}

TEST(SparkplugMessages, state_is_json) {
    EXPECT_EQ(encode_state(true, {1'500 * 1'000'000LL}), R"({"online":true,"timestamp":1500})");
    EXPECT_EQ(encode_state(false, {0}), R"({"online":false,"timestamp":0})");
}

}  // namespace
}  // namespace mw::sparkplug
