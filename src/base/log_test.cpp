#include "base/log.h"

#include <gtest/gtest.h>

#include <memory>

#include <limits>
#include <thread>

#include "base/json.h"

namespace mw {
namespace {

std::string after_level(const std::string& line) { return line.substr(line.find(' ') + 1); }

TEST(Log, text_line_reads_as_time_level_event_facts) {
    log::Capture capture;
    std::string client = "gw-1";
    log::info("mqtt.session.opened", {{"client", client}, {"keepalive_s", 60}, {"clean", true}});
    ASSERT_EQ(capture.lines().size(), 1u);
    EXPECT_EQ(after_level(capture.lines()[0]),
              "info  mqtt.session.opened client=gw-1 keepalive_s=60 clean=true");
    EXPECT_EQ(capture.lines()[0][10], 'T');
    EXPECT_EQ(capture.lines()[0][23], 'Z');
}

TEST(Log, text_quotes_what_could_mislead) {
    log::Capture capture;
    log::warn("x.y.z", {{"a", "two words"}, {"b", "line\nbreak"}, {"c", ""}, {"d", "k=v"}});
    EXPECT_EQ(after_level(capture.lines()[0]),
              "warn  x.y.z a=\"two words\" b=\"line\\nbreak\" c=\"\" d=\"k=v\"");
}

TEST(Log, json_line_is_one_object) {
    log::Capture capture{{log::Level::debug, log::Format::json}};
    log::error("disk.write.failed", {{"path", "a \"b\"\\\n\x01"},
                                     {"bytes", std::uint64_t{18446744073709551615u}},
                                     {"delta", -3},
                                     {"ratio", 0.5},
                                     {"nan", std::numeric_limits<double>::quiet_NaN()}});
    auto line = parse_json(capture.lines()[0]);
    ASSERT_TRUE(line.ok()) << line.error().message;
    EXPECT_EQ(find_string(*line, "event"), "disk.write.failed");
    EXPECT_EQ(find_string(*line, "level"), "error");
    EXPECT_EQ(find_string(*line, "path"), "a \"b\"\\\n\x01");
    EXPECT_EQ(line->at("bytes").as_uint64(), 18446744073709551615u);
    EXPECT_EQ(find_integer(*line, "delta"), -3);
    EXPECT_EQ(find_number(*line, "ratio"), 0.5);
    EXPECT_TRUE(line->at("nan").is_null());
    EXPECT_EQ(find_string(*line, "time")->size(), 27u);
}

TEST(Log, lines_below_the_level_are_not_written) {
    log::Capture capture{{log::Level::warn, log::Format::text}};
    log::debug("a.b.c");
    log::info("a.b.c");
    log::warn("a.b.c");
    EXPECT_EQ(capture.lines().size(), 1u);
    EXPECT_FALSE(log::enabled(log::Level::info));
    EXPECT_TRUE(log::enabled(log::Level::error));
}

TEST(Log, a_line_that_is_too_long_loses_whole_facts) {
    log::Capture capture{{log::Level::debug, log::Format::json}};
    log::info("a.b.c", {{"short", 1}, {"long", std::string(100'000, 'x')}, {"after", 2}});
    auto line = parse_json(capture.lines()[0]);
    ASSERT_TRUE(line.ok()) << line.error().message;
    EXPECT_EQ(find_integer(*line, "short"), 1);
    EXPECT_EQ(find_bool(*line, "cut"), true);
    EXPECT_EQ(find(*line, "long"), nullptr);
}

TEST(Log, percent_and_braces_are_text_and_not_formats) {
    log::Capture capture;
    log::info("a.b.c", {{"x", "{}%v{0}"}});
    EXPECT_EQ(after_level(capture.lines()[0]), "info  a.b.c x={}%v{0}");
}

TEST(Log, threads_write_whole_lines) {
    log::Capture capture;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([] {
            for (int i = 0; i < 100; ++i) log::info("a.b.c", {{"i", i}});
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(capture.lines().size(), 400u);
}

TEST(Log, levels_and_formats_are_parsed_and_refused_with_a_remedy) {
    EXPECT_EQ(*log::parse_level("warn"), log::Level::warn);
    EXPECT_EQ(*log::parse_format("json"), log::Format::json);
    EXPECT_EQ(log::parse_level("loud").error().message,
              "log level 'loud' is unknown; use debug, info, warn, error or off");
    EXPECT_EQ(log::parse_format("xml").error().message,
              "log format 'xml' is unknown; use text or json");
}

TEST(Capture, may_end_before_one_that_began_later) {
    auto first = std::make_unique<log::Capture>();
    auto second = std::make_unique<log::Capture>();
    first.reset();
    log::warn("test.line.written", {});
    EXPECT_EQ(second->lines().size(), 1u);
    second.reset();
    log::Capture third;
    log::warn("test.line.written", {});
    EXPECT_EQ(third.lines().size(), 1u);
}

}  // namespace
}  // namespace mw
