#include "device/agent/offline_plant.h"

#include <gtest/gtest.h>

namespace mw::agent {
namespace {

// Three days at 1,000 points/s into 200 MB, a two-hundredth of it: the same policy, and the same
// share that goes. tools/bench run offline takes all of it.
TEST(DaysWithoutAHub, what_policy_keeps_arrives_once_and_decisions_first) {
    constexpr std::uint64_t seconds_away = 3 * 86400 / 200;
    const auto folder = files::TemporaryDirectory::make("offline");
    ASSERT_TRUE(folder);
    files::RealFiles files;
    auto loop = *Loop::open();
    Workers workers(WorkersOptions{.threads = 1});
    outbox::Options options;
    options.directory = files::join(folder->path(), "outbox");
    options.disk_bytes_max = 1'000'000;
    auto opened = outbox::Outbox::open(files, *loop, workers, options);
    ASSERT_TRUE(opened);
    auto outbox = std::move(*opened);
    OfflinePlant plant(1);
    for (std::uint64_t second = 1; second <= seconds_away; ++second) {
        ASSERT_TRUE(outbox->append(plant.second(*outbox)));
        if (second % 3 == 0) ASSERT_TRUE(sync_wait(*loop, outbox->flush()));
        ASSERT_EQ(outbox->figures().window_bytes, 0u);
        // A power cut is the survival test's; an ordinary restart in the middle is this one's.
        if (second != seconds_away / 2) continue;
        ASSERT_TRUE(sync_wait(*loop, outbox->stop()));
        outbox = *outbox::Outbox::open(files, *loop, workers, options);
    }
    ASSERT_TRUE(sync_wait(*loop, outbox->flush()));
    EXPECT_LE(outbox->figures().disk_bytes, options.disk_bytes_max);
    EXPECT_GT(outbox->figures().ranks[outbox::Rank::points].dropped_messages, 0u);
    OfflineHub hub;
    std::vector<outbox::Rank> order;
    SeededRandom random(2);
    while (outbox->figures().unsent_messages > 0) {
        auto queued = outbox->try_next();
        if (!queued) {
            ASSERT_TRUE(sync_wait(*loop, outbox->more()));
            continue;
        }
        if (hub.take(*queued)) order.push_back(queued->rank);
        if (random.below(50) == 0)
            outbox->rewind();  // the connection is lost before the acknowledgement
        else
            outbox->acknowledge_one();
    }
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(hub.stored(outbox::Rank::decisions), seconds_away / 10);
    EXPECT_EQ(hub.gaps(outbox::Rank::decisions), 0u);
    EXPECT_EQ(hub.gaps(outbox::Rank::points),
              outbox->figures().ranks[outbox::Rank::points].dropped_messages);
    EXPECT_EQ(hub.points(), (seconds_away - hub.gaps(outbox::Rank::points)) * 1000);
    ignore(sync_wait(*loop, outbox->stop()), "the test is over");
}

}  // namespace
}  // namespace mw::agent
