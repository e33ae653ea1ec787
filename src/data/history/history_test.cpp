#include "data/history/history.h"

#include <cmath>
#include <limits>

#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

constexpr std::int64_t day = 86'400'000'000'000;

class HistoryOf : public HistoryFixture {
 protected:
    void SetUp() override { ASSERT_TRUE(open()); }
};

TEST_F(HistoryOf, a_batch_is_visible_at_once_and_durable_after_a_sync) {
    std::vector<std::uint64_t> told;
    history_->on_durable([&](Ticket ticket) { told.push_back(ticket.value); });
    auto sent = batch("pump", "pressure", {10, 20, 30});
    auto ticket = history_->append(sent);
    ASSERT_TRUE(ticket.ok());
    EXPECT_LT(history_->durable(), *ticket);
    Rows expected;
    note(sent, expected);
    EXPECT_EQ(rows(), expected);
    ASSERT_TRUE(wait(history_->flush()));
    EXPECT_GE(history_->durable(), *ticket);
    EXPECT_EQ(told.size(), 1u);
}

TEST_F(HistoryOf, values_come_back_bit_equal_after_a_restart) {
    auto sent = batch("pump", "pressure", {-5, 10, 20, 30, 40});
    sent.values = {std::nan("7"), -0.0, std::numeric_limits<double>::infinity(), 5e-324, 0.1};
    sent.quality[2] = Quality::bad(Reason::range);
    auto frame = batch("pump", "flow", {10, 20});
    frame.runs.push_back({"level", "m", 2, 4});
    frame.times = {{10}, {20}, {10}, {20}};  // shared by both signals
    frame.values = {1, 2, 3, 4};
    frame.quality.assign(4, Quality::good());
    ASSERT_TRUE(history_->append(sent).ok() && history_->append(frame).ok());
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    Rows expected;
    note(sent, expected);
    note(frame, expected);
    EXPECT_EQ(rows(), expected);
    EXPECT_EQ(history_->report().points, 9u);
    auto series = history_->series();
    ASSERT_EQ(series->size(), 3u);
    EXPECT_EQ(series->at({0}).unit, "bar");
    EXPECT_EQ(series->at({2}).signal, "level");
    EXPECT_EQ(series->at({0}).id, series_id("pump", "pressure"));
}

TEST_F(HistoryOf, a_resend_is_acknowledged_and_stored_once) {
    auto first = history_->append(batch("pump", "p", {10}, 1, 1));
    auto second = history_->append(batch("pump", "p", {20}, 2, 2));
    auto again = history_->append(batch("pump", "p", {10}, 99, 1));
    ASSERT_TRUE(first.ok() && second.ok() && again.ok());
    EXPECT_EQ(*again, *second);  // durable when the stream's newest message is
    EXPECT_EQ(rows().size(), 2u);
    EXPECT_EQ(counted("resends_total"), 1u);
    EXPECT_FALSE(history_->stored({"pump"}, {"main", 3}).has_value());
    EXPECT_FALSE(history_->stored({"pump"}, {"main", 0}).has_value());
    EXPECT_FALSE(history_->stored({"other"}, {"main", 1}).has_value());
    ASSERT_TRUE(wait(history_->flush()));

    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(history_->append(batch("pump", "p", {20}, 99, 2)).value(), Ticket{});
    EXPECT_EQ(rows().size(), 2u);
}

TEST_F(HistoryOf, positions_outlive_the_log_that_held_them) {
    ASSERT_TRUE(history_->append(batch("pump", "p", {10}, 1, 7)).ok());
    ASSERT_TRUE(wait(history_->seal_now()));
    ASSERT_TRUE(history_->append(batch("fan", "p", {10}, 1, 1)).ok());
    ASSERT_TRUE(wait(history_->seal_now()));
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(history_->report().points, 0u);
    EXPECT_TRUE(history_->stored({"pump"}, {"main", 7}).has_value());
    EXPECT_TRUE(history_->stored({"fan"}, {"main", 1}).has_value());
    EXPECT_FALSE(history_->stored({"pump"}, {"main", 8}).has_value());
    EXPECT_EQ(history_->last({0})->time, Timestamp{10});
    EXPECT_EQ(rows().size(), 2u);
}

TEST_F(HistoryOf, the_last_write_of_a_series_and_time_wins_and_is_counted) {
    Rows expected;
    for (auto sent : {batch("pump", "p", {10, 20, 30}, 1), batch("pump", "p", {20}, 50),
                      batch("pump", "p", {5, 15}, 60), batch("pump", "p", {15, 30}, 70)}) {
        ASSERT_TRUE(history_->append(sent).ok());
        note(sent, expected);
    }
    EXPECT_EQ(rows(), expected);
    EXPECT_EQ(counted("replaced_points_total"), 3u);
    EXPECT_EQ(counted("late_points_total"), 2u);
    EXPECT_EQ(history_->last({0})->value, 71);
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), expected);
}

TEST_F(HistoryOf, a_snapshot_never_changes) {
    ASSERT_TRUE(history_->append(batch("pump", "p", {10, 20, 30}, 1)).ok());
    auto before = history_->snapshot_here({});
    auto expected = rows_of(before);
    for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(history_->append(batch("pump", "p", {20, 100 + i}, 1000 + i)).ok());
        ASSERT_TRUE(history_->append(batch("pump", "p", {9 - i}, i)).ok());
        if (i % 50 > 0) continue;
        EXPECT_EQ(rows_of(history_->snapshot_here({})).size(), 5u + 2 * i);
    }
    EXPECT_EQ(rows_of(before), expected);
    ASSERT_TRUE(wait(history_->seal_now()));
    EXPECT_EQ(rows_of(before), expected);
}

TEST_F(HistoryOf, a_snapshot_is_bounded_by_device_signal_and_time) {
    for (auto device : {"a", "b", "c"})
        for (auto signal : {"x", "y"}) {
            std::vector<std::int64_t> times(1000);
            for (int i = 0; i < 1000; ++i) times[i] = i * 10;
            ASSERT_TRUE(history_->append(batch(device, signal, times)).ok());
        }
    Bounds bounds;
    bounds.devices = {"b", "absent", "b"};
    bounds.signals = {"y"};
    bounds.from = {95};
    bounds.to = {5000};
    auto snapshot = history_->snapshot_here(bounds);
    ASSERT_EQ(snapshot.heads.size(), 1u);
    const auto& head = *snapshot.heads[0];
    ASSERT_EQ(head.series(), 1u);
    EXPECT_EQ(head.rows(), 491u);
    auto found = rows_of(head);
    EXPECT_EQ(found.begin()->first.time, 100);
    EXPECT_EQ(found.rbegin()->first.time, 5000);
    bounds.points = false;
    EXPECT_EQ(history_->snapshot_here(bounds).heads[0]->rows(), 0u);
}

TEST_F(HistoryOf, a_seal_makes_a_file_per_day_and_drops_the_log) {
    Rows expected;
    auto context = std::make_shared<Context>();
    (*context)["pump"] = {"line-1", "north"};
    history_->set_context(context);
    auto sent = batch("pump", "p", {day - 1, day, 2 * day + 5, 7, -1});
    ASSERT_TRUE(history_->append(sent).ok());
    note(sent, expected);
    ASSERT_TRUE(wait(history_->seal_now()));
    auto snapshot = history_->snapshot_here({});
    ASSERT_EQ(snapshot.points.size(), 4u);
    EXPECT_TRUE(snapshot.heads.empty());
    EXPECT_EQ(rows_of(snapshot), expected);
    EXPECT_EQ(snapshot.points[0].path,
              options_.directory + "/points/day=1969-12-31/00000000000000000001.txt");
    EXPECT_EQ(snapshot.points[1].rows, 2u);
    EXPECT_EQ(snapshot.points[1].time_min, Timestamp{7});
    EXPECT_EQ(snapshot.points[1].device_first, "pump");
    EXPECT_GT(snapshot.points[1].bytes, 0u);
    Bounds bounds;
    bounds.from = {2 * day};
    EXPECT_EQ(history_->snapshot_here(bounds).points.size(), 1u);
    bounds.devices = {"other"};
    EXPECT_TRUE(history_->snapshot_here(bounds).points.empty());
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), expected);
    EXPECT_EQ(history_->figures().sealed_points, 5u);
}

TEST_F(HistoryOf, nothing_is_missing_or_twice_while_a_seal_runs) {
    std::binary_semaphore gate(0);
    writer_.gate = &gate;
    Rows expected;
    auto send = [&](Batch sent) {
        ASSERT_TRUE(history_->append(sent).ok());
        note(sent, expected);
    };
    send(batch("pump", "p", {10, 20, 30}, 1));
    auto watch = [&]() -> Task<> {
        auto sealing = history_->seal_now();
        Scope scope(*loop_);
        scope.spawn(std::move(sealing));
        CO_TRY_VOID(co_await yield());
        CO_TRY_VOID(co_await yield());
        send(batch("pump", "p", {40, 50}, 4));
        auto during = history_->snapshot_here({});
        EXPECT_EQ(during.heads.size(), 2u);
        EXPECT_TRUE(during.points.empty());
        EXPECT_EQ(rows_of(during), expected);
        gate.release();
        CO_TRY_VOID(co_await scope.join());
        auto after = history_->snapshot_here({});
        EXPECT_EQ(after.points.size(), 1u);
        EXPECT_EQ(after.heads.size(), 1u);
        EXPECT_FALSE(after.overlaps);
        EXPECT_EQ(rows_of(after), expected);
        EXPECT_EQ(rows_of(during), expected);
        co_return Result<>{};
    };
    EXPECT_TRUE(wait(watch()));
    writer_.gate = nullptr;
}

TEST_F(HistoryOf, points_that_reach_back_into_sealed_time_are_marked) {
    Rows expected;
    auto send = [&](Batch sent) {
        ASSERT_TRUE(history_->append(sent).ok());
        note(sent, expected);
    };
    send(batch("pump", "p", {10, 20}, 1));
    ASSERT_TRUE(wait(history_->seal_now()));
    send(batch("fan", "p", {5}, 9));  // another series may be earlier
    EXPECT_FALSE(history_->snapshot_here({}).overlaps);
    send(batch("pump", "p", {20}, 7));
    EXPECT_TRUE(history_->snapshot_here({}).overlaps);
    EXPECT_EQ(rows(), expected);
    ASSERT_TRUE(wait(history_->seal_now()));
    auto snapshot = history_->snapshot_here({});
    ASSERT_EQ(snapshot.points.size(), 2u);
    EXPECT_FALSE(snapshot.points[0].overlaps);
    EXPECT_TRUE(snapshot.points[1].overlaps);
    EXPECT_EQ(rows_of(snapshot), expected);
    ASSERT_TRUE(restart_after_power_cut());
    send(batch("pump", "p", {15}, 3));
    EXPECT_TRUE(history_->snapshot_here({}).heads[0]->overlaps());
    EXPECT_EQ(rows(), expected);
}

TEST_F(HistoryOf, decisions_are_stored_once_sealed_and_bounded) {
    auto decide = [](std::int64_t time, std::uint64_t sequence) {
        Decision d;
        d.device.text = "pump";
        d.position = {"decision/valve", sequence};
        d.model = "valve";
        d.version = "1";
        d.window_from = {time - 5};
        d.window_to = {time};
        d.samples = 60;
        d.score = 0.75;
        d.decision = true;
        d.fallback = "stale";
        d.latency_us = 12.5;
        return d;
    };
    for (std::uint64_t i = 1; i <= 3; ++i)
        ASSERT_TRUE(history_->append(decide(static_cast<std::int64_t>(i) * 10, i)).ok());
    ASSERT_TRUE(history_->append(decide(10, 1)).ok());
    ASSERT_TRUE(wait(history_->flush()));
    ASSERT_TRUE(restart_after_power_cut());
    ASSERT_TRUE(history_->append(decide(30, 3)).ok());
    Bounds bounds;
    bounds.from = {20};
    auto snapshot = history_->snapshot_here(bounds);
    ASSERT_EQ(snapshot.heads.at(0)->decisions().size(), 2u);
    const auto& found = *snapshot.heads[0]->decisions()[0];
    EXPECT_EQ(found.window_to, Timestamp{20});
    EXPECT_EQ(found.position.stream, "decision/valve");
    EXPECT_EQ(found.fallback, "stale");
    EXPECT_EQ(found.score, 0.75);
    EXPECT_TRUE(found.decision);
    ASSERT_TRUE(wait(history_->seal_now()));
    auto sealed = history_->snapshot_here({});
    ASSERT_EQ(sealed.decisions.size(), 1u);
    EXPECT_EQ(sealed.decisions[0].rows, 3u);
    EXPECT_EQ(sealed.decisions[0].time_max, Timestamp{30});
    EXPECT_TRUE(sealed.points.empty());
}

TEST_F(HistoryOf, a_batch_that_makes_no_sense_is_refused_with_the_reason) {
    auto torn = batch("pump", "p", {1, 2});
    torn.values.pop_back();
    EXPECT_EQ(history_->append(torn).error().code, Errc::invalid_input);
    auto outside = batch("pump", "p", {1, 2});
    outside.runs[0].end = 3;
    EXPECT_NE(history_->append(outside).error().message.find("outside"), std::string::npos);
    EXPECT_EQ(history_->append(batch(std::string(5000, 'd'), "p", {1})).error().code,
              Errc::invalid_input);
    EXPECT_EQ(history_->append(batch("pump", "p", std::vector<std::int64_t>(300'000))).error().code,
              Errc::invalid_input);
    std::vector<SeriesRef> unknown{{77}};
    EXPECT_EQ(history_->append(batch("pump", "p", {1}), unknown).error().code, Errc::invalid_input);
    EXPECT_TRUE(rows().empty());
    EXPECT_EQ(history_->append(batch("pump", "p", {})).value(), Ticket{});
}

TEST_F(HistoryOf, a_unit_may_change_and_an_empty_one_changes_nothing) {
    auto ref = history_->resolve("pump", "p", "bar").value();
    EXPECT_EQ(history_->resolve("pump", "p", "").value(), ref);
    EXPECT_EQ(history_->resolve("pump", "p", "kPa").value(), ref);
    auto before = history_->series();
    EXPECT_EQ(history_->resolve("pump", "p", "Pa").value(), ref);
    EXPECT_EQ(before->at(ref).unit, "kPa");
    EXPECT_EQ(history_->series()->at(ref).unit, "Pa");
}

TEST_F(HistoryOf, rot_in_the_log_is_reported_and_the_rest_is_there) {
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(history_->append(batch("pump", "p", {i * 10})).ok());
        ASSERT_TRUE(wait(history_->flush()));
    }
    ASSERT_TRUE(close());
    files_.reset();
    files::RealFiles real;
    auto path = options_.directory + "/log/00000000000000000001.mwlog";
    auto bytes = files::read_all(real, path).value();
    bytes[bytes.size() - 150] ^= 1;
    ASSERT_TRUE(files::atomic_replace(real, path, bytes));
    ASSERT_TRUE(open());
    EXPECT_EQ(rows().size(), 4u);
    ASSERT_EQ(history_->report().damage.size(), 1u);
    EXPECT_EQ(history_->report().damage[0].path, path);
}

}  // namespace
}  // namespace mw::history
