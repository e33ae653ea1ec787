#include "apps/hub/refusal_facts.h"

#include <gtest/gtest.h>

#include "data/registry/registry.h"

namespace mw::hub {
namespace {

struct RefusalFactsTest : testing::Test {
    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<registry::Registry> store =
        *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
    RefusalFacts facts{*store, clock};

    void tell(std::uint64_t total) {
        auto telling = facts.tell({{"mqtt", "handshakes", total, "192.0.2.7: no certificate"}});
        ASSERT_TRUE(sync_wait(*loop, std::move(telling)).ok());
    }
    std::vector<std::string> told() {
        std::vector<std::string> all;
        const auto found = *sync_wait(*loop, store->facts(0, 5'000));
        for (const auto& fact : found)
            if (fact.action == "access.refused") all.push_back(fact.detail);
        return all;
    }
};

TEST_F(RefusalFactsTest, a_fact_tells_what_came_since_the_last_one) {
    tell(0);
    EXPECT_TRUE(told().empty());
    tell(3);
    tell(3);
    tell(4);
    EXPECT_EQ(told(), (std::vector<std::string>{
                          "listener mqtt: 3 handshakes refused; last: 192.0.2.7: no certificate",
                          "listener mqtt: 1 handshakes refused; last: 192.0.2.7: no certificate"}));
}

TEST_F(RefusalFactsTest, a_flood_is_summed_up_and_nothing_is_lost) {
    for (std::uint64_t total = 1; total <= 1'000; ++total) {
        tell(total);
        clock.advance(milliseconds{10});
    }
    EXPECT_EQ(told().size(), 60u);
    clock.advance(minutes{1});
    tell(1'000);
    EXPECT_TRUE(told().back().starts_with("listener mqtt: 940 handshakes refused"))
        << told().back();
}

}  // namespace
}  // namespace mw::hub
