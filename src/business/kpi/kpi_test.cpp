#include "business/kpi/kpi.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "data/registry/registry.h"

namespace mw::kpi {
namespace {

Timestamp at(const char* text) { return *parse_iso8601(text); }

Json use_case_spec(const std::string& kpi) {
    return *parse_json(
        R"({"business_owner":"a","executive_sponsor":"b","hypothesis":"h","kpis":[)" + kpi + "]}");
}

// A month of baseline, from June on; the target is 30 % less.
std::string kpi_text(const std::string& more = "", const std::string& sql = "good") {
    return R"({"name":"stops","sql":")" + sql +
           R"(","unit":"1/d","direction":"decrease","money_per_unit":100,
        "baseline":{"from":"2026-05-01T00:00:00Z","to":"2026-06-01T00:00:00Z"},
        "target":{"percent":-30})" +
           more + "}";
}

KpiSpec spec_of(const std::string& more = "") {
    return *kpi_spec_from(*parse_json(kpi_text(more)));
}

// `level` a day before the first of June and `after` from then on, with noise.
std::vector<Day> days(int count, double level, double after, double noise = 1) {
    SeededRandom random(7);
    std::vector<Day> out;
    for (int i = 0; i < count; ++i) {
        const Timestamp day = at("2026-05-01T00:00:00Z") + hours(24) * i;
        const double mean = day < at("2026-06-01T00:00:00Z") ? level : after;
        out.push_back({day, mean + noise * (random.uniform() - .5), 24});
    }
    return out;
}

double number(const JsonObject& entry, const char* path) {
    const auto value = find_number(Json(entry), path);
    EXPECT_TRUE(value) << path << " in " << to_json(Json(entry));
    return value.value_or(std::nan(""));
}
std::string text(const JsonObject& entry, const char* path) {
    return find_string(Json(entry), path).value_or("(none)");
}

TEST(KpiDays, come_from_rows_in_order) {
    const auto read = days_from(*parse_json(R"({"columns":[{"name":"value"},{"name":"day"}],
        "rows":[[2,"2026-05-02"],[1.5,"2026-05-01T00:00:00Z"],[null,"2026-05-03"]]})"),
                                false);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ((*read)[0].at, at("2026-05-01T00:00:00Z"));
    EXPECT_EQ((*read)[1].value, 2);
    EXPECT_EQ(spacing_of(*read), hours(24));
}

TEST(KpiDays, say_what_is_wrong_with_the_rows) {
    const char* cases[][2] = {
        {R"({"columns":[{"name":"value"}],"rows":[]})", "gives no column day (it gives value)"},
        {R"({"columns":[{"name":"day"},{"name":"x"}],"rows":[]})", "no column value"},
        {R"({"columns":[{"name":"day"},{"name":"value"}],"rows":[]})", "no column exposure"},
        {R"({"columns":[{"name":"day"},{"name":"value"},{"name":"exposure"}],"rows":[[1,2,3]]})",
         "row 1: column day is not a time"},
        {R"({"columns":[{"name":"day"},{"name":"value"},{"name":"exposure"}],
             "rows":[["2026-05-01","many",3]]})",
         "row 1: column value is not a number"},
        {R"({"columns":[{"name":"day"},{"name":"value"},{"name":"exposure"}],
             "rows":[["2026-05-01",-1,3]]})",
         "can't be below zero"},
        {R"({"columns":[{"name":"day"},{"name":"value"},{"name":"exposure"}],
             "rows":[["2026-05-01",1,3],["2026-05-01",2,3]]})",
         "add GROUP BY day"},
    };
    for (const auto& [answer, says] : cases) {
        const auto read = days_from(*parse_json(answer), true);
        ASSERT_FALSE(read) << answer;
        EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
    }
}

TEST(KpiReading, shows_baseline_now_target_distance_and_money) {
    const auto entry =
        read_kpi(spec_of(), days(62, 10, 5), at("2026-07-10T00:00:00Z"), "EUR").entry;
    EXPECT_NEAR(number(entry, "baseline.estimate"), 10, .3);
    EXPECT_NEAR(number(entry, "now.estimate"), 5, .3);
    EXPECT_NEAR(number(entry, "target"), 7, .3);
    EXPECT_NEAR(number(entry, "distance"), -2, .4);
    EXPECT_NEAR(number(entry, "change_percent.estimate"), -50, 4);
    EXPECT_LT(number(entry, "change_percent.low"), number(entry, "change_percent.estimate"));
    EXPECT_EQ(text(entry, "reached"), "yes") << text(entry, "says");
    EXPECT_NEAR(number(entry, "money_per_year"), 500, 40);
    EXPECT_LE(number(entry, "money.low"), number(entry, "money_per_year"));
    EXPECT_GE(number(entry, "money.high"), number(entry, "money_per_year"));
    EXPECT_NEAR(number(entry, "money_at_target"), 300, 20);
    EXPECT_EQ(number(entry, "days.baseline"), 31);
    EXPECT_EQ(number(entry, "days.now"), 28);  // the window
    EXPECT_EQ(text(entry, "until"), "2026-07-02T00:00:00Z");
    EXPECT_NE(text(entry, "says").find("EUR a year better"), std::string::npos);
}

TEST(KpiReading, tells_worse_from_not_yet_known) {
    const auto worse =
        read_kpi(spec_of(), days(62, 10, 12), at("2026-07-10T00:00:00Z"), "EUR").entry;
    EXPECT_EQ(text(worse, "reached"), "no") << text(worse, "says");
    EXPECT_LT(number(worse, "money_per_year"), 0);
    EXPECT_GT(number(worse, "distance"), 0);
    const auto few = read_kpi(spec_of(), days(34, 10, 5), at("2026-07-10T00:00:00Z"), "EUR").entry;
    EXPECT_EQ(text(few, "reached"), "inconclusive");
    EXPECT_NE(text(few, "says").find("at least 7"), std::string::npos);
    const auto none = read_kpi(spec_of(), {}, at("2026-07-10T00:00:00Z"), "EUR");
    EXPECT_EQ(text(none.entry, "reached"), "inconclusive");
    EXPECT_FALSE(none.known);
    EXPECT_FALSE(none.entry.contains("now"));
}

TEST(KpiReading, a_day_that_is_not_over_does_not_count) {
    const auto all = days(62, 10, 5);
    const auto during = all.back().at + hours(3);
    EXPECT_EQ(text(read_kpi(spec_of(), all, during, "EUR").entry, "until"),
              to_iso8601(all.back().at));
    EXPECT_EQ(text(read_kpi(spec_of(), all, all.back().at + hours(24), "EUR").entry, "until"),
              to_iso8601(all.back().at + hours(24)));
}

TEST(KpiReading, counts_are_rates_per_exposure_and_events_have_a_price) {
    std::vector<Day> rows;
    for (int i = 0; i < 60; ++i) {
        const Timestamp day = at("2026-05-02T00:00:00Z") + hours(24) * i;
        const bool before = day < at("2026-06-01T00:00:00Z");
        rows.push_back({day, before ? 12.0 + i % 3 : 6.0 + i % 3, 24});
    }
    const auto entry =
        read_kpi(spec_of(R"(,"kind":"count")"), rows, at("2026-07-10T00:00:00Z"), "EUR").entry;
    EXPECT_NEAR(number(entry, "baseline.estimate"), 13. / 24, .02);
    EXPECT_NEAR(number(entry, "now.estimate"), 7. / 24, .02);
    // Six events a day less, a year of days, 100 each.
    EXPECT_NEAR(number(entry, "money_per_year"), 6 * 365.25 * 100, 10'000);
    EXPECT_EQ(text(entry, "reached"), "yes") << text(entry, "says");
}

TEST(KpiReading, is_the_same_for_the_same_days) {
    const auto now = at("2026-07-10T00:00:00Z");
    EXPECT_EQ(to_json(Json(read_kpi(spec_of(), days(62, 10, 8, 6), now, "EUR").entry)),
              to_json(Json(read_kpi(spec_of(), days(62, 10, 8, 6), now, "EUR").entry)));
}

// Answers "good" with days, everything else with an error.
class FakeQuery final : public QueryEngine {
 public:
    int asked = 0;
    Task<QueryReply> query(QueryRequest request) override {
        ++asked;
        if (request.sql != "good")
            co_return Error{Errc::invalid_input, "sql: line 1 column 8: no such table"};
        QueryReply reply;
        JsonArray rows;
        for (const auto& day : days(62, 10, 5))
            rows.push_back(JsonArray{to_iso8601(day.at), day.value});
        reply.body = to_json(Json(JsonObject{
            {"columns", JsonArray{JsonObject{{"name", "day"}}, JsonObject{{"name", "value"}}}},
            {"rows", std::move(rows)}}));
        co_return std::move(reply);
    }
};

class KeptSeries final : public SeriesSink {
 public:
    std::vector<Batch> batches;
    Task<> store(Batch batch) override {
        batches.push_back(std::move(batch));
        co_return Result<>{};
    }
};

class KpiDesk : public testing::Test {
 public:
    KpiDesk() {
        registry = *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
        kpis = std::make_unique<Kpis>(Kpis::Parts{*loop, workers, *registry, query, series});
    }
    ~KpiDesk() override { EXPECT_TRUE(wait(kpis->stop())); }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    Resource put(const std::string& name, Json spec, bool is_new = true) {
        Resource r;
        r.kind = "UseCase";
        r.name = name;
        r.spec = std::move(spec);
        auto written = is_new ? wait(registry->create(r, {"user:ann", "create", ""}))
                              : wait(registry->replace(r, {"user:ann", "replace", ""}));
        EXPECT_TRUE(written) << (written ? "" : written.error().message);
        return *written;
    }
    // Until status says so many KPIs, as computed at `now`.
    Json status(const std::string& name, std::size_t entries) {
        for (;;) {
            const auto stored = *wait(registry->get("UseCase", name));
            const Json* list = find(stored.status, "kpis");
            const auto now = to_iso8601(clock.now());
            if (list && list->get_array().size() == entries &&
                (entries == 0 || find_string(list->get_array().back(), "at") == now))
                return stored.status;
        }
    }

    SimulatedClock clock{at("2026-07-10T00:00:00Z")};
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open({.clock = &clock});
    std::unique_ptr<registry::Registry> registry;
    Workers workers{{.threads = 1}};
    FakeQuery query;
    KeptSeries series;
    std::unique_ptr<Kpis> kpis;
};

TEST_F(KpiDesk, computes_at_once_then_on_schedule) {
    put("pumps", use_case_spec(kpi_text()));
    ASSERT_TRUE(wait(kpis->start()));
    const auto first = status("pumps", 1);
    EXPECT_EQ(find_string(find(first, "kpis")->get_array()[0], "reached"), "yes");
    ASSERT_EQ(series.batches.size(), 1u);
    EXPECT_EQ(series.batches[0].device.text, "usecase.pumps");
    ASSERT_EQ(series.batches[0].runs.size(), 3u);
    EXPECT_EQ(series.batches[0].runs[0].signal, "stops");
    EXPECT_NEAR(series.batches[0].values[0], 5, .3);
    EXPECT_LE(series.batches[0].values[1], series.batches[0].values[0]);

    clock.advance(minutes(59));
    ASSERT_TRUE(wait(registry->get("UseCase", "pumps")));
    EXPECT_EQ(query.asked, 1);
    clock.advance(minutes(1));
    status("pumps", 1);
    EXPECT_EQ(query.asked, 2);
}

TEST_F(KpiDesk, follows_the_spec_and_names_what_fails) {
    ASSERT_TRUE(wait(kpis->start()));
    put("pumps", use_case_spec(kpi_text("", "SELECT nothing")));
    const auto failed = status("pumps", 1);
    const auto& entry = find(failed, "kpis")->get_array()[0];
    EXPECT_NE(find_string(entry, "error")->find("no such table"), std::string::npos);
    EXPECT_EQ(find_string(entry, "reached"), "inconclusive");
    EXPECT_TRUE(series.batches.empty());

    clock.advance(seconds(1));
    put("pumps", use_case_spec(kpi_text()), false);
    EXPECT_FALSE(find(find(status("pumps", 1), "kpis")->get_array()[0], "error"));
    EXPECT_EQ(series.batches.size(), 1u);
}

TEST_F(KpiDesk, takes_out_of_status_what_the_spec_has_no_more) {
    auto other = kpi_text();
    other.replace(other.find("stops"), 5, "hours");
    put("pumps", use_case_spec(kpi_text() + "," + other));
    ASSERT_TRUE(wait(kpis->start()));
    status("pumps", 2);
    put("pumps", use_case_spec(other), false);
    EXPECT_EQ(find_string(find(status("pumps", 1), "kpis")->get_array()[0], "name"), "hours");
    EXPECT_EQ(query.asked, 2);
}

TEST_F(KpiDesk, computes_now_when_asked_and_forgets_the_deleted) {
    put("pumps", use_case_spec(kpi_text()));
    ASSERT_TRUE(wait(kpis->start()));
    status("pumps", 1);
    clock.advance(seconds(5));
    ASSERT_TRUE(wait(kpis->compute("pumps")));
    EXPECT_EQ(query.asked, 2);
    ASSERT_TRUE(wait(registry->remove("UseCase", "pumps", 0, {"user:ann", "delete", ""})));
    EXPECT_EQ(wait(kpis->compute("pumps")).error().code, Errc::not_found);
}

}  // namespace
}  // namespace mw::kpi
