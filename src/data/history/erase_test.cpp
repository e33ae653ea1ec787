// What is too old, and a device that must be forgotten.
#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

constexpr std::int64_t erase_hour = 3'600'000'000'000;

class HistoryErasure : public HistoryFixture {
 protected:
    void send(const Batch& batch) {
        ASSERT_TRUE(history_->append(batch).ok());
        note(batch, sent_);
    }
    void seal() { ASSERT_TRUE(wait(history_->seal_now()).ok()); }
    void keep_only(const std::function<bool(const RowKey&)>& keep) {
        std::erase_if(sent_, [&](const auto& row) { return !keep(row.first); });
    }
    std::vector<std::int64_t> at_hours(std::initializer_list<int> hours) {
        std::vector<std::int64_t> times;
        for (int hour : hours) times.push_back(now() + hour * erase_hour);
        return times;
    }
    std::int64_t now() { return loop_->clock().now().ns; }
    void retain(nanoseconds otherwise,
                std::function<nanoseconds(const std::string&, const std::string&)> keep = {}) {
        history_->set_retention(
            std::make_shared<const Retention>(Retention{otherwise, std::move(keep)}));
        auto outcome = wait(history_->retain_now());
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    }
    Rows sent_;
};

TEST_F(HistoryErasure, of_a_month_in_one_file_goes_what_is_too_old_before_its_last_day_is) {
    ASSERT_TRUE(open());
    for (int day = 70; day > 0; --day) send(batch("a", "p", at_hours({-24 * day - 12})));
    seal();
    ASSERT_TRUE(wait(history_->compact_now()).ok());
    EXPECT_LT(history_->snapshot_here({}).points.size(), 40u);
    retain(hours{45 * 24});
    const auto days_old = [&](const RowKey& key) { return (now() - key.time) / (24 * erase_hour); };
    std::int64_t oldest = 0;
    for (const auto& [key, value] : rows()) oldest = std::max(oldest, days_old(key));
    EXPECT_LE(oldest, 45);  // a file may keep a day too much
    keep_only([&](const RowKey& key) { return days_old(key) < 45; });
    auto kept = rows();
    std::erase_if(kept, [&](const auto& row) { return days_old(row.first) >= 45; });
    EXPECT_EQ(kept, sent_);
}

TEST_F(HistoryErasure, a_device_is_forgotten_in_head_files_newest_values_and_after_a_restart) {
    ASSERT_TRUE(open());
    send(batch("a", "p", {1, 2, 3}));
    send(batch("b", "p", {1, 2, 3}));
    seal();
    send(batch("a", "p", {4, 5}));
    send(batch("a", "q", {100}));
    send(batch("b", "p", {4}));
    auto erased = wait(history_->erase({"a", {{2}, {50}}}));
    ASSERT_TRUE(erased.ok()) << erased.error().message;
    EXPECT_EQ(erased->points, 4u);
    keep_only(
        [](const RowKey& key) { return key.device != "a" || key.time == 1 || key.time > 50; });
    EXPECT_EQ(rows(), sent_);
    auto p = history_->resolve("a", "p", "").value(), q = history_->resolve("a", "q", "").value();
    EXPECT_FALSE(history_->last(p).has_value());
    EXPECT_TRUE(history_->last(q).has_value());
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), sent_);
    EXPECT_FALSE(history_->last(history_->resolve("a", "p", "").value()).has_value());
    // A late point is still known to be late, a newer one is the newest again.
    send(batch("a", "p", {3}, 7));
    EXPECT_TRUE(history_->snapshot_here({}).overlaps);
    send(batch("a", "p", {9}, 8));
    EXPECT_EQ(history_->last(history_->resolve("a", "p", "").value())->value, 8);
    EXPECT_EQ(rows(), sent_);
    ASSERT_TRUE(wait(history_->compact_now()).ok());
    EXPECT_EQ(rows(), sent_);
}

TEST_F(HistoryErasure, all_of_a_device_leaves_no_file_of_its_own) {
    ASSERT_TRUE(open());
    send(batch("a", "p", {1, 2, 3}));
    ASSERT_TRUE(wait(history_->erase({"a"})).ok());
    EXPECT_TRUE(history_->snapshot_here({}).points.empty());
    EXPECT_EQ(history_->figures().sealed_points, 0u);
    auto nobody = wait(history_->erase({"nobody"}));
    ASSERT_TRUE(nobody.ok());
    EXPECT_EQ(nobody->points, 0u);
}

TEST_F(HistoryErasure, files_that_are_too_old_are_dropped_and_nothing_else) {
    ASSERT_TRUE(open());
    send(batch("a", "p", at_hours({-24 * 40})));
    seal();
    send(batch("a", "p", at_hours({-24 * 20, -1})));
    seal();
    retain(nanoseconds{0});
    EXPECT_EQ(rows(), sent_);  // for ever
    retain(hours{24 * 30});
    keep_only([&](const RowKey& key) { return key.time > now() - 24 * 30 * erase_hour; });
    EXPECT_EQ(sent_.size(), 2u);
    EXPECT_EQ(rows(), sent_);
    EXPECT_EQ(counted("expired_points_total"), 1u);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), sent_);
    EXPECT_TRUE(history_->report().missing.empty());
}

TEST_F(HistoryErasure, of_a_file_of_many_the_series_that_are_kept_shorter_go) {
    ASSERT_TRUE(open());
    send(batch("a", "p", at_hours({-24 * 9})));
    send(batch("a", "secret", at_hours({-24 * 9})));
    send(batch("b", "p", at_hours({-24 * 9})));
    seal();
    send(batch("a", "secret", at_hours({-1})));
    auto keep = [](const std::string&, const std::string& signal) {
        return signal == "secret" ? nanoseconds{hours{24 * 7}} : nanoseconds{0};
    };
    retain(nanoseconds{0}, keep);
    keep_only([&](const RowKey& key) {
        return key.signal != "secret" || key.time > now() - 24 * 7 * erase_hour;
    });
    EXPECT_EQ(rows(), sent_);
    EXPECT_EQ(rows().size(), 3u);
    retain(nanoseconds{0}, keep);
    EXPECT_EQ(rows(), sent_);
}

TEST_F(HistoryErasure, a_power_cut_at_any_call_forgets_all_or_nothing_of_a_file) {
    for (std::uint64_t call = 1; call < 60; call += 3) {
        folder_ = std::move(files::TemporaryDirectory::make()).value();
        options_.directory = files::join(folder_.path(), "history");
        sent_.clear();
        ASSERT_TRUE(open(call));
        send(batch("a", "p", {1, 2, 3}));
        send(batch("b", "p", {1, 2, 3}));
        seal();
        files_->fail(files::Call::any, call, files::Fault::power_cut);
        auto erasing = within(milliseconds{200}, history_->erase({"a"}));
        auto run = [&]() -> Task<Erased> { co_return co_await std::move(erasing); };
        auto erased = wait(run());
        ASSERT_TRUE(restart_after_power_cut(call + 1)) << call;
        EXPECT_TRUE(history_->report().missing.empty()) << call;
        if (erased) keep_only([](const RowKey& key) { return key.device != "a"; });
        EXPECT_TRUE(rows() == sent_ || (!erased && rows().size() == 3)) << call;
        ASSERT_TRUE(wait(history_->erase({"a"})).ok());
        keep_only([](const RowKey& key) { return key.device != "a"; });
        EXPECT_EQ(rows(), sent_) << call;
        ASSERT_TRUE(close());
    }
}

}  // namespace
}  // namespace mw::history
