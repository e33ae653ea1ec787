#include "fleet/onboarding/approvals.h"

#include <gtest/gtest.h>

namespace mw::onboarding {
namespace {

using Answer = Approvals::Answer;
using State = WaitingRequest::State;

constexpr Timestamp asked_at{1'790'000'000'000'000'000};

WaitingRequest request(std::string device, std::string key) {
    return {std::move(device),    std::move(key), "192.0.2.7", asked_at,
            asked_at + hours{24}, State::waiting, ""};
}

TEST(Approvals, a_device_waits_until_somebody_decides) {
    Approvals book;
    EXPECT_EQ(*book.ask(request("gw-1", "aa"), asked_at), Answer::fresh);
    EXPECT_EQ(*book.ask(request("gw-1", "aa"), asked_at), Answer::waiting);
    EXPECT_EQ(book.decide("gw-1", State::approved, "user:ada", asked_at)->device, "gw-1");
    EXPECT_EQ(*book.ask(request("gw-1", "aa"), asked_at), Answer::approved);
    EXPECT_EQ(book.decide("gw-1", State::denied, "user:bob", asked_at).error().message,
              "the request of 'gw-1' is approved already, by user:ada");
    EXPECT_EQ(book.decide("gw-2", State::denied, "user:bob", asked_at).error().code,
              Errc::not_found);
    book.settle("gw-1");
    EXPECT_EQ(book.find("gw-1"), nullptr);
}

TEST(Approvals, a_name_or_key_that_waits_is_nobody_elses) {
    Approvals book;
    ASSERT_TRUE(book.ask(request("gw-1", "aa"), asked_at).ok());
    EXPECT_EQ(book.ask(request("gw-1", "bb"), asked_at).error().code, Errc::conflict);
    EXPECT_EQ(book.ask(request("gw-2", "aa"), asked_at).error().code, Errc::conflict);
    ASSERT_TRUE(book.decide("gw-1", State::denied, "user:ada", asked_at).ok());
    EXPECT_EQ(book.ask(request("gw-1", "aa"), asked_at).error().code, Errc::denied);
}

TEST(Approvals, requests_expire_and_are_bounded) {
    Approvals book;
    for (std::size_t i = 0; i < requests_per_group_max; ++i) {
        const auto word = std::to_string(i);
        ASSERT_EQ(*book.ask(request("gw-" + word, word), asked_at), Answer::fresh);
    }
    EXPECT_EQ(book.ask(request("late", "late"), asked_at).error().code, Errc::overloaded);
    EXPECT_EQ(book.decide("gw-5", State::approved, "user:ada", asked_at + hours{24}).error().code,
              Errc::not_found);
    EXPECT_EQ(*book.ask(request("late", "late"), asked_at + hours{24}), Answer::fresh);
    EXPECT_EQ(book.all().size(), 1u);
}

// docs/formats/enrolment.md
TEST(Approvals, are_kept_as_the_format_says) {
    Approvals book;
    EXPECT_TRUE(book.to_status().is_null());
    ASSERT_TRUE(book.ask(request("gw-1", "aa"), asked_at).ok());
    ASSERT_TRUE(book.decide("gw-1", State::approved, "user:ada", asked_at).ok());
    const std::string golden =
        R"([{"device":"gw-1","key":"aa","from":"192.0.2.7","since":"2026-09-21T14:13:20Z",)"
        R"("expires":"2026-09-22T14:13:20Z","state":"approved","by":"user:ada"}])";
    EXPECT_EQ(mw::to_json(book.to_status()), golden);
    const auto again = Approvals::from_status(JsonObject{{"requests", *parse_json(golden)}});
    EXPECT_EQ(mw::to_json(again.to_status()), golden);
    for (const char* broken : {R"({"requests":7})", R"({"requests":[{"device":"gw-1"}]})", "{}"})
        EXPECT_TRUE(Approvals::from_status(*parse_json(broken)).all().empty()) << broken;
}

}  // namespace
}  // namespace mw::onboarding
