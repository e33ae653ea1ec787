#include "apps/ctl/shift_log.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

using Says = ShiftLog::Says;

Timestamp at(const std::string& time) { return *parse_iso8601("2026-11-26T" + time + "Z"); }

Result<ShiftLog> parsed(std::string_view csv) {
    return ShiftLog::parse(csv, at("06:00:00"), at("14:00:00"));
}

TEST(ShiftLog, says_what_was_written_and_nothing_beyond_its_period) {
    const auto log = parsed(
        "device,from,to\r\n"
        "gw-1,2026-11-26T07:00:00Z,2026-11-26T07:10:00Z\r\n"
        "\"gw-1\",2026-11-26T13:55:00Z,\r\n");
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(log->incidents(), 2u);
    EXPECT_EQ(log->about("gw-1", at("07:05:00")), Says::event);
    EXPECT_EQ(log->about("gw-1", at("07:10:00")), Says::event);
    EXPECT_EQ(log->about("gw-1", at("07:10:01")), Says::normal);
    EXPECT_EQ(log->about("gw-1", at("13:59:59")), Says::event);  // it has not ended
    EXPECT_EQ(log->about("gw-2", at("07:05:00")), Says::normal);
    EXPECT_EQ(log->about("gw-1", at("05:59:59")), Says::nothing);
    EXPECT_EQ(log->about("gw-1", at("14:00:00")), Says::nothing);
}

TEST(ShiftLog, errors_name_the_line) {
    const auto message = [](std::string_view csv) { return parsed(csv).error().message; };
    EXPECT_EQ(message(""), "line 1: want the header device,from,to, got ");
    EXPECT_EQ(message("time,value\n"), "line 1: want the header device,from,to, got time,value");
    EXPECT_EQ(message("device,from,to\ngw-1,now\n"), "line 2: want device,from,to");
    EXPECT_TRUE(message("device,from,to\n\ngw-1,now,\n").starts_with("line 3: from: "));
    EXPECT_EQ(message("device,from,to\ngw,2026-11-26T08:00:00Z,2026-11-26T07:00:00Z\n"),
              "line 2: the incident ends before it begins");
    EXPECT_EQ(message("device,from,to\n\"gw,2026-11-26T08:00:00Z,\n"),
              "line 2: a quote is not closed");
    EXPECT_FALSE(ShiftLog::parse("device,from,to\n", at("14:00:00"), at("06:00:00")));
}

}  // namespace
}  // namespace mw::ctl
