#include "data/scorecards/scorecards.h"

#include <gtest/gtest.h>

#include "data/registry/registry.h"

namespace mw::scorecards {
namespace {

constexpr Timestamp monday{1'767'571'200'000'000'000};  // 2026-01-05T00:00:00Z

// Points, good, bad, late, devices of flow on a day.
std::string row(int day, const char* signal, int points, int good, int bad, int late, int devices) {
    return "[" + std::to_string(monday.ns / one_day.count() + day) + ",\"" + signal + "\"," +
           std::to_string(points) + "," + std::to_string(good) + "," + std::to_string(bad) + "," +
           std::to_string(late) + "," + std::to_string(devices) + "]";
}
std::string answer_of(const std::vector<std::string>& rows) {
    std::string text = R"({"columns":[],"rows":[)";
    for (const auto& one : rows) text += (text.back() == '[' ? "" : ",") + one;
    return text + R"(],"truncated":false})";
}
Resource contract(const std::string& more = "") {
    Resource product;
    product.kind = "DataProduct";
    product.name = "pumps";
    product.spec = *parse_json(R"({"owner":"operations","version":"1.0.0","status":"active",)"
                               R"("sla":{"completeness":0.9,"latency":"5s"},)"
                               R"("signals":[{"name":"flow","every":"1m","good_ratio":0.95}])" +
                               more + "}");
    return product;
}

TEST(Scorecard, counts_what_came_against_what_was_promised) {
    const auto answer = parse_json(
        answer_of({row(0, "flow", 2880, 2880, 0, 0, 2), row(1, "flow", 2000, 1800, 200, 100, 2),
                   row(1, "power", 10, 10, 0, 0, 1), row(2, "flow", 60, 60, 0, 0, 2)}));
    ASSERT_TRUE(answer);
    const auto cards =
        cards_of(contract(), *answer, {monday, 4, 2, monday + one_day * 2 + minutes{30}});
    ASSERT_TRUE(cards) << cards.error().message;
    ASSERT_EQ(cards->size(), 3u);  // the fourth day has not begun
    const DayCard &today = (*cards)[0], &bad = (*cards)[1], &good = (*cards)[2];
    EXPECT_FALSE(today.whole);
    EXPECT_DOUBLE_EQ(*today.completeness, 1);  // 60 of 2 x 30
    EXPECT_TRUE(today.breaches.empty());
    EXPECT_TRUE(good.breaches.empty());
    EXPECT_DOUBLE_EQ(*bad.completeness, 2000. / 2880);
    EXPECT_DOUBLE_EQ(*bad.good, 1810. / 2010);
    ASSERT_EQ(bad.breaches.size(), 3u);
    EXPECT_EQ(bad.breaches[0].term, "completeness");
    EXPECT_EQ(bad.breaches[1].term, "latency");
    EXPECT_EQ(bad.breaches[2].term, "good_ratio");
    EXPECT_EQ(bad.breaches[2].says, "flow: 90.00 % good points, promised are 95.00 %");
    EXPECT_TRUE(told_breaches(bad).starts_with("2026-01-06: 69.44 % expected points"))
        << told_breaches(bad);
}

TEST(Scorecard, sees_a_day_without_points_and_none_before_the_product) {
    Resource product = contract();
    product.created = monday + one_day;
    const auto cards = cards_of(product, *parse_json(answer_of({})),
                                {monday - one_day, 4, 3, monday + one_day * 3});
    ASSERT_TRUE(cards);
    ASSERT_EQ(cards->size(), 2u);
    EXPECT_EQ((*cards)[0].day, monday + one_day * 2);
    EXPECT_EQ((*cards)[0].completeness, 0);
    ASSERT_EQ((*cards)[0].breaches.size(), 1u);
    EXPECT_FALSE((*cards)[0].good);
    EXPECT_EQ(day_of({-1}).ns, -one_day.count());
    for (const char* text : {"{}", R"({"rows":[[1,"flow",1]]})", R"({"rows":[1]})",
                             R"({"rows":[[1,"flow",-1,0,0,0,0]]})"})
        EXPECT_FALSE(cards_of(product, *parse_json(text), {monday, 1, 0, monday})) << text;
}

class Asked final : public QueryEngine {
 public:
    std::string counts = answer_of({}), series = answer_of({});
    int asked = 0;
    Task<QueryReply> query(QueryRequest request) override {
        ++asked;
        QueryReply reply;
        reply.body =
            request.sql.find("DISTINCT device, signal") != std::string::npos ? series : counts;
        co_return reply;
    }
};
class OneProduct final : public query::ProductSource {
 public:
    std::shared_ptr<const query::Products> products() override {
        return std::make_shared<const query::Products>(
            query::Products{{"pumps", std::vector<std::string>{"gw-1", "gw-2"}, std::nullopt}});
    }
};

struct Desk {
    SimulatedClock clock{monday - hours{1}};
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = Loop::open().value();
    std::unique_ptr<registry::Registry> registry =
        registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"}).value();
    Asked queries;
    OneProduct products;
    std::vector<std::string> held;
    Scorecards scorecards{
        {*loop, *registry, queries, products, clock,
         [this](std::string device, std::string signal, Timestamp from, Timestamp to,
                std::string why) { return hold(device, signal, from, to, why); }}};

    Task<> hold(std::string device, std::string signal, Timestamp from, Timestamp to,
                std::string why) {
        held.push_back(device + " " + signal + " " + to_iso8601(from) + " " + to_iso8601(to) + " " +
                       why);
        co_return Result<>{};
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    Json status() { return wait(registry->get("DataProduct", "pumps"))->status; }
    void make(const std::string& more = "") {
        auto made = wait(registry->create(contract(more), {"user:ann", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
    int facts(const std::string& action) {
        int count = 0;
        const auto facts = wait(registry->facts(0, 100));
        for (const auto& fact : *facts) count += fact.action == action;
        return count;
    }
};

TEST(Scorecards, judge_each_day_once_and_tell_the_owner_of_a_breach) {
    Desk desk;
    desk.make();
    desk.queries.counts = answer_of({row(0, "flow", 1000, 1000, 0, 0, 2)});
    desk.clock.set_wall(monday + one_day + minutes{30});  // late points may still come
    ASSERT_TRUE(desk.wait(desk.scorecards.judge_due()));
    EXPECT_NE(find_string(desk.status(), "scorecard.day"), "2026-01-05");
    desk.clock.set_wall(monday + one_day + minutes{90});
    const int before = desk.queries.asked;
    for (int again = 0; again < 3; ++again) ASSERT_TRUE(desk.wait(desk.scorecards.judge_due()));
    EXPECT_EQ(desk.queries.asked, before + 1);
    EXPECT_EQ(find_string(desk.status(), "scorecard.day"), "2026-01-05");
    EXPECT_EQ(find_string(desk.status(), "breach.owner"), "operations");
    EXPECT_NE(find_string(desk.status(), "breach.says")->find("34.72 % expected points"),
              std::string::npos);
    EXPECT_EQ(desk.facts("product.breached"), 1);
    EXPECT_TRUE(desk.held.empty());
    // The next day is kept: the breach is over.
    desk.queries.counts = answer_of({row(1, "flow", 2880, 2880, 0, 0, 2)});
    desk.clock.set_wall(monday + one_day * 2 + hours{2});
    ASSERT_TRUE(desk.wait(desk.scorecards.judge_due()));
    EXPECT_EQ(find_string(desk.status(), "scorecard.day"), "2026-01-06");
    EXPECT_EQ(find(desk.status(), "breach"), nullptr);
    const auto card = desk.wait(desk.scorecards.scorecard("pumps", 2));
    ASSERT_TRUE(card);
    EXPECT_EQ(find(*card, "days")->get_array().size(), 2u);
    EXPECT_EQ(desk.wait(desk.scorecards.scorecard("none", 2)).error().code, Errc::not_found);
}

TEST(Scorecards, hold_the_day_of_a_breach_when_the_product_says_so) {
    Desk desk;
    desk.make(R"(,"on_breach":"quarantine")");
    desk.queries.series = R"({"rows":[["gw-1","flow"],["gw-2","flow"]],"truncated":false})";
    desk.clock.set_wall(monday + one_day + hours{2});
    ASSERT_TRUE(desk.wait(desk.scorecards.judge_due()));
    ASSERT_EQ(desk.held.size(), 2u);
    EXPECT_TRUE(desk.held[1].starts_with(
        "gw-2 flow 2026-01-05T00:00:00Z 2026-01-06T00:00:00Z contract of pumps broken"))
        << desk.held[1];
    EXPECT_EQ(find_string(desk.status(), "breach.quarantine"), "held 2 series");
}

TEST(Scorecards, leave_alone_what_promises_nothing) {
    Desk desk;
    Resource draft = contract();
    draft.spec.get_object()["status"] = "draft";
    ASSERT_TRUE(desk.wait(desk.registry->create(draft, {"user:ann", "create", ""})));
    desk.clock.set_wall(monday + one_day * 5);
    ASSERT_TRUE(desk.wait(desk.scorecards.judge_due()));
    EXPECT_EQ(desk.queries.asked, 0);
}

}  // namespace
}  // namespace mw::scorecards
