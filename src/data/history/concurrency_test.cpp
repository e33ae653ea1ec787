// Snapshots are read by other threads while the loop appends, overwrites and seals. ThreadSanitizer
// is the judge; the sums are for everybody else.
#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

class HistoryWithReaders : public HistoryFixture {};

double sum_of(const HistorySnapshot& snapshot) {
    double sum = 0;
    for (const auto& head : snapshot.heads)
        for (std::size_t i = 0; i < head->series(); ++i)
            for (std::size_t p = 0; p < head->pieces(i); ++p)
                for (auto value : head->piece(i, p).values) sum += value;
    return sum;
}

TEST_F(HistoryWithReaders, a_snapshot_reads_the_same_on_a_worker_while_the_loop_goes_on) {
    options_.seal_points = 4000;
    ASSERT_TRUE(open());
    int readers_done = 0;
    auto read = [&](HistorySnapshot snapshot) -> Task<> {
        auto expected = sum_of(snapshot);
        auto job = [snapshot = std::move(snapshot)] {
            double sum = 0;
            for (int again = 0; again < 3; ++again) sum = sum_of(snapshot);
            for (const auto& head : snapshot.heads) {
                SortedPoints points(*head, snapshot.context, time_lowest, time_highest);
                SortedSeries next;
                while (points.next(next)) EXPECT_FALSE(next.series->device.empty());
            }
            return sum;
        };
        CO_TRY(auto sum, co_await workers_.run(std::move(job)));
        EXPECT_EQ(sum, expected);
        ++readers_done;
        co_return Result<>{};
    };
    auto write = [&]() -> Task<> {
        Scope readers(*loop_);
        for (int i = 0; i < 400; ++i) {
            std::vector<std::int64_t> times(30);
            for (int k = 0; k < 30; ++k) times[k] = i * 20 + k;  // ten of them overwrite
            for (auto device : {"a", "b"}) {
                auto sent = history_->append(batch(device, "p", times, i));
                EXPECT_TRUE(sent.ok());
            }
            EXPECT_TRUE(history_->append(batch("c", "late", {-i, i})).ok());
            if (i % 7 == 0) {
                auto reading = read(history_->snapshot_here({}));
                readers.spawn(std::move(reading));
            }
            CO_TRY_VOID(co_await yield());
        }
        CO_TRY_VOID(co_await readers.join());
        co_return Result<>{};
    };
    ASSERT_TRUE(wait(write()));
    EXPECT_EQ(readers_done, 58);
    ASSERT_TRUE(wait(history_->flush()));
}

TEST_F(HistoryWithReaders, another_loop_may_ask_for_a_snapshot) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(history_->append(batch("a", "p", {1, 2})).ok());
    bool done = false;
    auto job = [&] {
        auto other = std::move(Loop::open()).value();
        auto asked = sync_wait(*other, history_->snapshot({}));
        EXPECT_TRUE(asked.ok());
        EXPECT_EQ(rows_of(*asked).size(), 2u);
    };
    auto ask = [&]() -> Task<> {
        auto outcome = co_await workers_.run(job);
        done = true;
        co_return outcome;
    };
    ASSERT_TRUE(wait(ask()));
    EXPECT_TRUE(done);
}

}  // namespace
}  // namespace mw::history
