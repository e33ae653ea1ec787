#include "protocols/payload/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace mw::payload {
namespace {

constexpr Quality uncertain_source = Quality::uncertain(Reason::source_uncertain);
constexpr Quality bad_source = Quality::bad(Reason::source_bad);
constexpr Quality no_number = Quality::bad(Reason::not_a_number);

struct Decoded {
    Result<void> outcome;
    Batch batch;
};

Decoded decode(std::string_view text, Limits limits = {}) {
    Decoder decoder(limits);
    Batch batch;
    auto outcome = decoder.decode(text, batch);
    return {std::move(outcome), std::move(batch)};
}

std::string error_of(std::string_view text, Limits limits = {}) {
    auto decoded = decode(text, limits);
    if (decoded.outcome.ok()) return "accepted";
    EXPECT_EQ(decoded.outcome.error().code, Errc::invalid_input);
    EXPECT_EQ(decoded.batch.size(), 0u);
    EXPECT_TRUE(decoded.batch.runs.empty());
    return decoded.outcome.error().message;
}

TEST(PayloadDecoder, one_value) {
    auto [outcome, batch] = decode(R"({"signal":"pressure","t":1700000000000000000,"v":1.2})");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    ASSERT_EQ(batch.runs.size(), 1u);
    EXPECT_EQ(batch.runs[0].signal, "pressure");
    EXPECT_EQ(batch.runs[0].unit, "");
    EXPECT_EQ(batch.runs[0].begin, 0u);
    EXPECT_EQ(batch.runs[0].end, 1u);
    EXPECT_EQ(batch.times[0].ns, 1'700'000'000'000'000'000);
    EXPECT_EQ(batch.values[0], 1.2);
    EXPECT_EQ(batch.quality[0], Quality::good());
    EXPECT_EQ(batch.position.sequence, 0u);
    EXPECT_FALSE(batch.replayed);
}

TEST(PayloadDecoder, keys_come_in_any_order) {
    auto [outcome, batch] =
        decode(R"({"q":{"b":0},"v":3,"replayed":true,"unit":"bar","seq":9,"signal":"b","t":5})");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(batch.runs[0].unit, "bar");
    EXPECT_EQ(batch.quality[0], bad_source);
    EXPECT_EQ(batch.position.sequence, 9u);
    EXPECT_TRUE(batch.replayed);
}

TEST(PayloadDecoder, several_values_with_units_and_codes) {
    auto [outcome, batch] = decode(
        R"({"values":{"p":1,"f":-0.5,"x":null},"t":"2026-11-22T12:00:00.5Z",
            "units":{"p":"bar"},"q":{"f":64}})");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    ASSERT_EQ(batch.runs.size(), 3u);
    EXPECT_EQ(batch.runs[0].unit, "bar");
    EXPECT_EQ(batch.runs[1].unit, "");
    EXPECT_EQ(to_iso8601(batch.times[2]), "2026-11-22T12:00:00.5Z");
    EXPECT_EQ(batch.quality, (std::vector{Quality::good(), uncertain_source, no_number}));
}

TEST(PayloadDecoder, frame_times_step_from_the_start) {
    auto [outcome, batch] =
        decode(R"({"t0":1000,"dt":10,"frame":{"p":[1,2,3],"f":[4,5]},"q":{"p":[192,64,0]}})");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    ASSERT_EQ(batch.runs.size(), 2u);
    EXPECT_EQ(batch.runs[1].begin, 3u);
    EXPECT_EQ(batch.runs[1].end, 5u);
    const std::vector<Timestamp> times{{1000}, {1010}, {1020}, {1000}, {1010}};
    EXPECT_EQ(batch.times, times);
    EXPECT_EQ(batch.values, (std::vector<double>{1, 2, 3, 4, 5}));
    EXPECT_EQ(batch.quality, (std::vector{Quality::good(), uncertain_source, bad_source,
                                          Quality::good(), Quality::good()}));
}

TEST(PayloadDecoder, objects_of_an_array_become_one_run_per_signal) {
    auto [outcome, batch] = decode(
        R"([{"t":1,"values":{"a":1,"b":2},"seq":4},{"t":2,"values":{"b":3,"a":4}},
            {"signal":"c","t":3,"v":5},{"t0":4,"dt":1,"frame":{"a":[6,null]}},
            {"signal":"a","t":9,"v":7,"unit":"K"}])");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    ASSERT_EQ(batch.runs.size(), 4u);
    EXPECT_EQ(batch.runs[0].signal, "a");
    EXPECT_EQ(batch.runs[0].end - batch.runs[0].begin, 4u);
    EXPECT_EQ(batch.runs[1].signal, "b");
    EXPECT_EQ(batch.runs[2].signal, "c");
    EXPECT_EQ(batch.runs[3].signal, "a");
    EXPECT_EQ(batch.runs[3].unit, "K");
    const std::vector<Timestamp> times{{1}, {2}, {4}, {5}, {1}, {2}, {3}, {9}};
    EXPECT_EQ(batch.times, times);
    EXPECT_EQ(batch.values[2], 6);
    EXPECT_EQ(batch.quality[3], no_number);
    EXPECT_EQ(batch.values[4], 2);
    EXPECT_EQ(batch.values[5], 3);
    EXPECT_EQ(batch.position.sequence, 4u);
}

TEST(PayloadDecoder, what_is_no_number_is_kept_as_bad) {
    auto [outcome, batch] = decode(
        R"({"t0":0,"dt":1,"frame":{"a":[null,"NaN","Infinity","-Infinity",true,false,-0.0]}})");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_TRUE(std::isnan(batch.values[0]));
    EXPECT_TRUE(std::isnan(batch.values[1]));
    EXPECT_EQ(batch.values[2], std::numeric_limits<double>::infinity());
    EXPECT_EQ(batch.values[3], -std::numeric_limits<double>::infinity());
    EXPECT_EQ(batch.values[4], 1);
    EXPECT_EQ(batch.values[5], 0);
    EXPECT_TRUE(std::signbit(batch.values[6]));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(batch.quality[i], no_number);
    for (int i = 4; i < 7; ++i) EXPECT_EQ(batch.quality[i], Quality::good());
}

TEST(PayloadDecoder, texts_are_values_too) {
    auto [outcome, batch] =
        decode(R"([{"t":1,"values":{"state":"RUNNING","speed":1.5,"on":true}},)"
               R"({"t0":2,"dt":1,"frame":{"state":["RUNNING","l\u00e4uft \"x\"",null,""]}}])");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    ASSERT_EQ(batch.runs.size(), 3u);
    EXPECT_EQ(batch.runs[0].type, ValueType::text);
    EXPECT_EQ(batch.runs[1].type, ValueType::number);
    EXPECT_EQ(batch.runs[2].type, ValueType::boolean);
    EXPECT_TRUE(batch.runs[0].boxed);
    EXPECT_FALSE(batch.runs[2].boxed);
    EXPECT_EQ(batch.boxes.text(batch.values[0]), "RUNNING");
    EXPECT_EQ(batch.boxes.text(batch.values[1]), "RUNNING");
    EXPECT_EQ(batch.boxes.text(batch.values[2]), "l\xc3\xa4uft \"x\"");
    EXPECT_EQ(batch.quality[3], no_number);
    EXPECT_EQ(batch.boxes.text(batch.values[4]), "");
    EXPECT_EQ(batch.values[5], 1.5);
    EXPECT_EQ(batch.values[6], 1);
}

TEST(PayloadDecoder, a_text_has_a_longest) {
    const auto message = [](std::size_t bytes) {
        return R"({"t":1,"values":{"a":")" + std::string(bytes, 'x') + R"("}})";
    };
    EXPECT_EQ(error_of(message(text_value_bytes_max)), "accepted");
    EXPECT_THAT(error_of(message(text_value_bytes_max + 1)),
                testing::HasSubstr("a text of 1025 bytes; at most 1024"));
}

TEST(PayloadDecoder, whole_numbers_that_a_double_would_round_are_exact) {
    auto [outcome, batch] =
        decode(R"({"t0":1,"dt":1,"frame":{"a":[9007199254740993, -9007199254740993 ,)"
               R"(9007199254740992,9223372036854775807,9223372036854775808,9007199254740993.0,)"
               R"(9.007199254740993e15,1e20,12345678901234567890e-3,1E+19]}})");
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(batch.boxes.integer(batch.values[0]), 9007199254740993);
    EXPECT_EQ(batch.boxes.integer(batch.values[1]), -9007199254740993);
    EXPECT_EQ(batch.values[2], 9007199254740992.0);
    EXPECT_EQ(batch.boxes.integer(batch.values[3]), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(batch.values[4], 0x1p63);
    EXPECT_EQ(batch.values[5], 9007199254740992.0);
    EXPECT_EQ(batch.values[6], 9007199254740992.0);
    EXPECT_EQ(batch.values[7], 1e20);
    EXPECT_EQ(batch.values[8], 12345678901234567890e-3);
    EXPECT_EQ(batch.values[9], 1e19);
    EXPECT_TRUE(batch.runs[0].boxed);
    auto [single, one] = decode(R"({"signal":"a","v":9007199254740993,"t":1})");
    ASSERT_TRUE(single.ok());
    EXPECT_EQ(one.boxes.integer(one.values[0]), 9007199254740993);
    EXPECT_EQ(one.runs[0].type, ValueType::integer);
}

TEST(PayloadDecoder, a_word_that_only_begins_like_null_is_refused) {
    for (const std::string word : {"np", "nul", "nulll", "nill", "n"}) {
        auto [outcome, batch] = decode(R"({"t":1,"values":{"a":)" + word + "}}");
        EXPECT_FALSE(outcome.ok()) << word;
        EXPECT_EQ(batch.size(), 0u);
    }
}

TEST(PayloadDecoder, doubles_are_bit_exact) {
    const struct {
        const char* text;
        double value;
    } rows[] = {
        {"0.1", 0.1},
        {"5e-324", 5e-324},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"0.30000000000000004", 0.30000000000000004},
        {"1e-400", 0.0},
        {"-0", -0.0},
        {"-9223372036854775808", -9223372036854775808.0},
    };
    for (const auto& row : rows) {
        auto [outcome, batch] = decode(std::string(R"({"signal":"a","t":1,"v":)") + row.text + "}");
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
        EXPECT_EQ(std::bit_cast<std::uint64_t>(batch.values[0]),
                  std::bit_cast<std::uint64_t>(row.value))
            << row.text;
    }
}

TEST(PayloadDecoder, source_bytes_by_class) {
    const struct {
        int byte;
        Quality quality;
    } rows[] = {{0, bad_source},         {63, bad_source},        {64, uncertain_source},
                {127, uncertain_source}, {150, uncertain_source}, {192, Quality::good()},
                {255, Quality::good()}};
    for (const auto& row : rows) {
        auto [outcome, batch] =
            decode(R"({"signal":"a","t":1,"v":1,"q":)" + std::to_string(row.byte) + "}");
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
        EXPECT_EQ(batch.quality[0], row.quality) << row.byte;
    }
}

TEST(PayloadDecoder, errors_say_where_and_what_to_do) {
    const struct {
        const char* text;
        const char* says;
    } rows[] = {
        {"", "empty message"},
        {"   ", "not JSON"},
        {"{", "ended early"},
        {"nonsense", "want an object with points"},
        {"\xff\xfe", "not JSON"},
        {"17", "want an object with points"},
        {"{}", "no values"},
        {"[]", "no points"},
        {"[1]", "[0] (byte 1): want an object"},
        {R"([{"signal":"a","t":1,"v":1},7])", "[1] (byte 28): want an object"},
        {R"({"t":1,"values":{}})", "no points"},
        {R"({"signal":"a","v":1})", "'t' is missing"},
        {R"({"signal":"a","t":1})", "no values"},
        {R"({"t":1,"v":1})", "'signal' is missing"},
        {R"({"t0":1,"frame":{"a":[1]}})", "'dt' is missing"},
        {R"({"t":1,"t0":1,"dt":5,"frame":{"a":[1]}})", "not wanted here: 't'"},
        {R"({"t":1,"values":{"a":1},"colour":"red"})", "colour (byte 33): unknown key"},
        {R"({"t":1,"t":2,"values":{"a":1}})", "t (byte 11): the key is there twice"},
        {R"({"t":1.5,"values":{"a":1}})", "t (byte 5): want nanoseconds since 1970"},
        {R"({"t":-1,"values":{"a":1}})", "1970 to 2261"},
        {R"({"t":"yesterday","values":{"a":1}})", "yesterday"},
        {R"({"t":1,"values":{"a":{}}})", "values.a (byte 21): want a number"},
        {R"({"t":1,"values":{"a":1e999}})", "below 1.8e308"},
        {R"({"t":1,"values":{"a":1,"a":2}})", "values.a (byte 27): the signal is there twice"},
        {R"({"t":1,"values":{"":1}})", "the name is empty"},
        {R"({"t":1,"values":{"a\u0000b":1}})", "control character"},
        {R"({"t":1,"values":{" a":1}})", "begins or ends with a space"},
        {R"({"t":1,"values":[1]})", "want an object of signal and value, got an array"},
        {R"({"t0":1,"dt":0,"frame":{"a":[1]}})", "dt (byte 14): want a positive number"},
        {R"({"t0":1,"dt":"1s","frame":{"a":[1]}})", "want whole nanoseconds, got a text"},
        {R"({"t0":1,"dt":9000000000000000000,"frame":{"a":[1,2]}})", "after the year 2261"},
        {R"({"t0":1,"dt":1,"frame":{"a":[1,[2]]}})", "frame.a[1] (byte 31): want a number"},
        {R"({"t0":1,"dt":1,"frame":{"a":[1,2}})", "frame.a"},
        {R"({"t":1,"values":{"a":1},"q":256})", "0 to 255"},
        {R"({"t":1,"values":{"a":1},"q":{"b":0}})", "names a signal that has no value here"},
        {R"({"t":1,"values":{"a":1},"q":{"a":[0,0]}})", "2 codes for 1 values"},
        {R"({"t":1,"values":{"a":1},"units":{"b":"V"}})", "no value here"},
        {R"({"t":1,"values":{"a":1},"seq":-1})", "not negative"},
        {R"([{"signal":"a","t":1,"v":1,"seq":1},{"signal":"a","t":1,"v":1,"seq":2}])",
         "one message has one sequence number"},
        {R"({"signal":"a","t":1,"v":1} {"signal":"a","t":1,"v":1})", "more follows"},
        {R"({"signal":"a","t":1,"v":1}])", "ended early"},
        {R"({"t":1,"values":{"a":1},"replayed":"yes"})", "want true or false"},
    };
    for (const auto& row : rows) EXPECT_THAT(error_of(row.text), testing::HasSubstr(row.says));
}

TEST(PayloadDecoder, each_limit_refuses_one_more) {
    Limits limits{.payload_bytes = 200, .points = 3, .signals = 2, .name_bytes = 4};
    EXPECT_EQ(error_of(R"({"t0":1,"dt":1,"frame":{"abcd":[1,2,3]}})", limits), "accepted");
    EXPECT_THAT(error_of(R"({"t0":1,"dt":1,"frame":{"a":[1,2,3,4]}})", limits),
                testing::HasSubstr("frame.a[3] (byte 35): too many points"));
    EXPECT_THAT(error_of(R"({"t":1,"values":{"a":1,"b":2,"c":3}})", limits),
                testing::HasSubstr("more than 2 signals"));
    EXPECT_THAT(error_of(R"([{"signal":"a","t":1,"v":1},{"signal":"b","t":1,"v":1},)"
                         R"({"signal":"c","t":1,"v":1}])",
                         limits),
                testing::HasSubstr("more than 2 signals"));
    EXPECT_THAT(error_of(R"({"t":1,"values":{"abcde":1}})", limits),
                testing::HasSubstr("at most 4"));
    EXPECT_THAT(error_of(std::string(201, ' '), limits), testing::HasSubstr("at most 200"));
    EXPECT_THAT(error_of(std::string(150, '[') + std::string(50, ']'), limits),
                testing::HasSubstr("want an object"));
}

TEST(PayloadDecoder, a_decoder_is_as_new_after_an_error) {
    Decoder decoder;
    Batch batch;
    batch.device.text = "gw-1";
    batch.position.stream = "main";
    EXPECT_FALSE(decoder.decode(R"({"seq":7,"t":1,"values":{"a":1,"b":})", batch).ok());
    ASSERT_TRUE(decoder.decode(R"({"t":2,"values":{"b":3}})", batch).ok());
    ASSERT_EQ(batch.runs.size(), 1u);
    EXPECT_EQ(batch.runs[0].signal, "b");
    EXPECT_EQ(batch.values, std::vector<double>{3});
    EXPECT_EQ(batch.position.sequence, 0u);
    EXPECT_EQ(batch.position.stream, "main");
    EXPECT_EQ(batch.device.text, "gw-1");
}

TEST(PayloadDecoder, a_large_message_after_a_small_one) {
    Decoder decoder;
    Batch batch;
    ASSERT_TRUE(decoder.decode(R"({"signal":"a","t":1,"v":1})", batch).ok());
    std::string large = R"({"t0":0,"dt":1,"frame":{"a":[0)";
    for (int i = 1; i < 100'000; ++i) large += "," + std::to_string(i);
    large += "]}}";
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(decoder.decode(large, batch).ok());
        EXPECT_EQ(batch.size(), 100'000u);
        EXPECT_EQ(batch.values.back(), 99'999);
        ASSERT_TRUE(decoder.decode(R"({"signal":"a","t":1,"v":1})", batch).ok());
        EXPECT_EQ(batch.size(), 1u);
    }
}

TEST(PayloadDecoder, steady_state_keeps_its_buffers) {
    Decoder decoder;
    Batch batch;
    const std::string text =
        R"({"t0":0,"dt":1,"frame":{"a signal with a name of more than fifteen":[1,2,3]}})";
    ASSERT_TRUE(decoder.decode(text, batch).ok());
    const auto* values = batch.values.data();
    const auto* name = batch.runs[0].signal.data();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(decoder.decode(text, batch).ok());
    EXPECT_EQ(batch.values.data(), values);
    EXPECT_EQ(batch.runs[0].signal.data(), name);
}

TEST(PayloadDecoder, decisions) {
    Decoder decoder;
    const std::string text =
        R"({"device":"gw-1","model":"m","version":"2","window":{"from":1,"to":5,"samples":4},)"
        R"("score":0.75,"decision":true,"seq":12})";
    auto decision = decoder.decode_decision(text);
    ASSERT_TRUE(decision.ok()) << decision.error().message;
    EXPECT_EQ(decision->window_to.ns, 5);
    EXPECT_EQ(decision->position.sequence, 12u);
    EXPECT_FALSE(decoder.decode_decision("{}").ok());
    EXPECT_FALSE(decoder.decode_decision("[1,").ok());
    auto reversed = text;
    reversed.replace(reversed.find("\"from\":1"), 8, "\"from\":9");
    EXPECT_FALSE(decoder.decode_decision(reversed).ok());
    auto long_text = text;
    long_text.replace(long_text.find("gw-1"), 4, std::string(257, 'x'));
    EXPECT_FALSE(decoder.decode_decision(long_text).ok());
    EXPECT_FALSE(decoder.decode_decision(std::string(70'000, ' ')).ok());
}

}  // namespace
}  // namespace mw::payload
