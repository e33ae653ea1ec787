#include "apps/edge/doctor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "apps/edge/watchdog.h"
#include "platform/files/files.h"

namespace mw::edge {
namespace {

GatewayFacts healthy() {
    GatewayFacts facts;
    facts.now = {1'700'000'000'000'000'000};
    facts.runs = true;
    facts.certificate_days_left = 20;
    facts.disk_free_bytes = 1e9;
    facts.hub_answers = true;
    facts.hub = "https://hub:8444";
    facts.status = *parse_json(R"({"health":{"at":1699999995000000000,"clock_offset_ms":3,
        "outbox":{"unsent":2,"dropped":0}},"connection":{"connected":true},
        "reported":{"sources":{"pump":{"state":"applied","running":"running"}}}})");
    return facts;
}

TEST(Doctor, finds_nothing_on_a_healthy_gateway) {
    for (const Finding& finding : examine(healthy())) {
        EXPECT_EQ(finding.verdict, Verdict::fine) << finding.what;
        EXPECT_EQ(finding.remedy, "") << finding.what;
    }
}

TEST(Doctor, names_each_trouble_and_a_remedy) {
    const struct {
        const char* name;
        std::function<void(GatewayFacts&)> spoil;
        const char* wanted;
        Verdict verdict;
    } rows[] = {
        {"stopped", [](GatewayFacts& f) { f.runs = false; }, "does not run", Verdict::wrong},
        {"hangs", [](GatewayFacts& f) { f.now = f.now + seconds{600}; }, "said nothing",
         Verdict::wrong},
        {"expired", [](GatewayFacts& f) { f.certificate_days_left = -1; }, "has ended",
         Verdict::wrong},
        {"soon", [](GatewayFacts& f) { f.certificate_days_left = 1; }, "1 days",
         Verdict::worth_a_look},
        {"network", [](GatewayFacts& f) { f.hub_answers = false; }, "does not answer",
         Verdict::wrong},
        {"disk", [](GatewayFacts& f) { f.disk_free_bytes = 1e6; }, "1 MB free", Verdict::wrong},
        {"dropped",
         [](GatewayFacts& f) {
             f.status.as_object()["health"].as_object()["outbox"].as_object()["dropped"] = 7;
         },
         "7 were dropped", Verdict::worth_a_look},
        {"clock",
         [](GatewayFacts& f) {
             f.status.as_object()["health"].as_object()["clock_offset_ms"] = -90000.0;
         },
         "-90000 ms", Verdict::worth_a_look},
        {"source",
         [](GatewayFacts& f) {
             f.status.as_object()["reported"] =
                 *parse_json(R"({"sources":{"press":{"state":"failed","reason":"no such file"}}})");
         },
         "sources press: failed", Verdict::wrong},
        {"crashing model",
         [](GatewayFacts& f) {
             f.status.as_object()["health"].as_object()["models"] = *parse_json(
                 R"({"fine":{"trouble":""},"pump":{"trouble":"its process was ended by signal 6"}})");
         },
         "model pump: is not asked", Verdict::worth_a_look},
    };
    for (const auto& row : rows) {
        GatewayFacts facts = healthy();
        row.spoil(facts);
        int found = 0;
        for (const Finding& finding : examine(facts)) {
            if (finding.verdict == Verdict::fine) continue;
            ++found;
            EXPECT_EQ(finding.verdict, row.verdict) << row.name;
            EXPECT_NE(finding.what.find(row.wanted), std::string::npos) << finding.what;
            EXPECT_NE(finding.remedy, "") << row.name;
        }
        EXPECT_EQ(found, 1) << row.name;
    }
}

TEST(Watchdog, is_fed_twice_in_the_time_that_the_unit_allows) {
    const auto folder = files::TemporaryDirectory::make("notify");
    ASSERT_TRUE(folder);
    const std::string path = folder->path() + "/socket";
    const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    EXPECT_EQ(watchdog_every(), seconds{1});
    SimulatedClock clock;
    auto loop = *Loop::open({.simulated = &clock});
    EXPECT_EQ(
        sync_wait(*loop, within(milliseconds{2500}, feed_watchdog(watchdog_every()))).error().code,
        Errc::timed_out);
    char text[64];
    int heard = 0;
    for (ssize_t got; (got = recv(socket_fd, text, sizeof text, 0)) > 0; ++heard)
        EXPECT_EQ(std::string(text, static_cast<std::size_t>(got)), "WATCHDOG=1");
    EXPECT_EQ(heard, 3);  // at 0, 1 and 2 s
    close(socket_fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    EXPECT_EQ(watchdog_every(), nanoseconds{0});
}

}  // namespace
}  // namespace mw::edge
