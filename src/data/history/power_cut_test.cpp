// A power cut at every call of the disk, and disks that are full or broken: what was acknowledged
// is there, once.
#include <cstdlib>

#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

class HistoryUnderFaults : public HistoryFixture {
 protected:
    // Every call index with MW_LONG set, as tools/check --long does; a sample of them otherwise.
    static std::uint64_t stride(std::uint64_t otherwise) {
        return std::getenv("MW_LONG") ? 1 : otherwise;
    }

    // A device that sends numbered messages, keeps them until they are acknowledged, and sends the
    // rest again after a restart.
    struct Device {
        std::string name;
        std::map<std::uint64_t, Batch> unacknowledged{};
        std::map<std::uint64_t, Ticket> waiting{};
        std::uint64_t next = 1;
    };

    Batch message(const std::string& device, std::uint64_t sequence) {
        auto n = static_cast<std::int64_t>(sequence);
        // Every fifth message reaches back; all are in order of sequence.
        auto first = n % 5 == 0 ? n * 100 - 250 : n * 100;
        auto made =
            batch(device, "p", {first, first + 1, first + 2}, static_cast<double>(n), sequence);
        if (n % 3 != 0) return made;
        made.values[0] = made.boxes.add("part " + std::to_string(n));
        made.values[2] = made.boxes.add(std::int64_t{9'007'199'254'740'993} + 2 * n);
        made.runs[0].boxed = true;
        return made;
    }

    void send(Device& device, std::uint64_t sequence) {
        auto ticket = history_->append(device.unacknowledged.at(sequence));
        if (ticket) device.waiting[sequence] = *ticket;
    }
    void send_new(Device& device) {
        auto sequence = device.next++;
        device.unacknowledged[sequence] = message(device.name, sequence);
        send(device, sequence);
    }
    void receive_acknowledgements(Device& device) {
        while (!device.waiting.empty() && device.waiting.begin()->second <= history_->durable()) {
            auto sequence = device.waiting.begin()->first;
            note(device.unacknowledged.at(sequence), acknowledged_);
            device.unacknowledged.erase(sequence);
            device.waiting.erase(device.waiting.begin());
        }
    }
    // After a restart: from the oldest unacknowledged one on.
    void resend(Device& device) {
        device.waiting.clear();
        for (const auto& [sequence, ignored] : device.unacknowledged) send(device, sequence);
    }

    // Messages, syncs and seals until the disk fails.
    void live(std::vector<Device>& devices, int rounds) {
        for (int round = 0; round < rounds; ++round) {
            for (auto& device : devices) {
                send_new(device);
                if (round % 3 == 1) send_new(device);
            }
            if (!wait(history_->flush())) return;
            for (auto& device : devices) receive_acknowledgements(device);
            if (round % 4 == 3 && !wait(history_->seal_now())) return;
            if (round % 8 == 7 && compacts_ && !compact()) return;
        }
    }

    // Equality: everything acknowledged once, and after resending everything sent.
    void expect_all(std::vector<Device>& devices, const std::string& where) {
        auto found = rows();
        for (const auto& [key, value] : acknowledged_)
            ASSERT_TRUE(found.contains(key) && found[key] == value)
                << where << ": lost " << key.time;
        Rows sent;
        for (auto& device : devices) {
            for (std::uint64_t n = 1; n < device.next; ++n) note(message(device.name, n), sent);
            resend(device);
        }
        ASSERT_TRUE(wait(history_->flush()));
        ASSERT_EQ(rows(), sent) << where;
    }
    // False: the disk is gone. As long as it is, entering a compaction would be tried again.
    bool compact() {
        auto compacting = [this] { return history_->compact_now(); };
        while (!files_->is_cut()) {
            auto limited = within(milliseconds{200}, compacting());
            auto run = [&]() -> Task<> { co_return co_await std::move(limited); };
            auto outcome = wait(run());
            if (outcome) return true;
            if (outcome.error().code != Errc::timed_out) return !files_->is_cut();
        }
        return false;
    }
    static std::string why(const Result<>& outcome) {
        return outcome ? "" : outcome.error().message;
    }
    Rows acknowledged_;
    bool compacts_ = false;
};

TEST_F(HistoryUnderFaults, a_power_cut_at_any_call_loses_and_repeats_nothing_acknowledged) {
    options_.log_segment_bytes = 2000;
    for (std::uint64_t call = 1; call < 150; call += stride(5)) {
        std::uint64_t seed = call * 7919;
        auto where = "call " + std::to_string(call);
        folder_ = std::move(files::TemporaryDirectory::make()).value();
        options_.directory = files::join(folder_.path(), "history");
        acknowledged_.clear();
        std::vector<Device> devices{{"a"}, {"b"}};
        ASSERT_TRUE(open(seed));
        files_->fail(files::Call::any, call, files::Fault::power_cut);
        live(devices, 12);
        ASSERT_EQ(why(restart_after_power_cut(seed + 1)), "") << where;
        ASSERT_TRUE(history_->report().damage.empty()) << where;
        ASSERT_TRUE(history_->report().missing.empty()) << where;
        expect_all(devices, where);
        // A second life on the same disk, cut too.
        files_->fail(files::Call::any, 1 + call % 37, files::Fault::power_cut);
        live(devices, 5);
        ASSERT_EQ(why(restart_after_power_cut(seed + 2)), "") << where;
        expect_all(devices, where + ", second life");
        ASSERT_TRUE(close());
    }
}

TEST_F(HistoryUnderFaults, a_power_cut_at_any_call_of_a_compaction_keeps_every_row_once) {
    options_.log_segment_bytes = 2000;
    options_.retry_after = milliseconds{1};
    compacts_ = true;
    for (std::uint64_t call = 40; call < 260; call += stride(4)) {
        std::uint64_t seed = call * 104'729;
        auto where = "call " + std::to_string(call);
        folder_ = std::move(files::TemporaryDirectory::make()).value();
        options_.directory = files::join(folder_.path(), "history");
        acknowledged_.clear();
        std::vector<Device> devices{{"a"}, {"b"}};
        ASSERT_TRUE(open(seed));
        files_->fail(files::Call::any, call, files::Fault::power_cut);
        live(devices, 20);
        ASSERT_EQ(why(restart_after_power_cut(seed + 1)), "") << where;
        ASSERT_TRUE(history_->report().damage.empty()) << where;
        ASSERT_TRUE(history_->report().missing.empty()) << where;
        expect_all(devices, where);
        ASSERT_TRUE(wait(history_->seal_now())) << where;
        ASSERT_TRUE(compact()) << where;
        expect_all(devices, where + ", compacted");
        ASSERT_EQ(why(restart_after_power_cut(seed + 2)), "") << where;
        expect_all(devices, where + ", compacted and cut");
        ASSERT_TRUE(close());
    }
}

TEST_F(HistoryUnderFaults, an_error_of_any_call_is_survived_without_a_restart) {
    options_.log_segment_bytes = 2000;
    options_.retry_after = milliseconds{1};
    for (std::uint64_t call = 1; call < 60; call += 2 * stride(3)) {
        auto where = "call " + std::to_string(call);
        folder_ = std::move(files::TemporaryDirectory::make()).value();
        options_.directory = files::join(folder_.path(), "history");
        acknowledged_.clear();
        std::vector<Device> devices{{"a"}};
        ASSERT_TRUE(open(call));
        auto fault = call % 4 == 1 ? files::Fault::io_error : files::Fault::no_space;
        files_->fail(files::Call::any, call, fault, 2);
        for (int round = 0; round < 6; ++round) {
            live(devices, 4);
            while (history_->failure()) ignore(wait(history_->flush()), "until it recovers");
            resend(devices[0]);
        }
        expect_all(devices, where);
        ASSERT_TRUE(wait(history_->flush()));
        receive_acknowledgements(devices[0]);
        ASSERT_EQ(why(restart_after_power_cut(call + 1000)), "") << where;
        ASSERT_TRUE(history_->report().damage.empty()) << where;
        expect_all(devices, where + ", after a cut");
        ASSERT_TRUE(close());
    }
}

TEST_F(HistoryUnderFaults, a_full_disk_pushes_back_and_recovers_when_space_returns) {
    options_.retry_after = milliseconds{1};
    ASSERT_TRUE(open());
    std::vector<Device> devices{{"a"}};
    live(devices, 3);
    files_->limit_space(100);
    live(devices, 50);
    ASSERT_TRUE(history_->failure().has_value());
    auto refused = history_->append(batch("b", "p", {1}));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::overloaded);
    EXPECT_NE(refused.error().message.find("No space left"), std::string::npos);
    files_->limit_space(std::nullopt);
    while (history_->failure()) ignore(wait(history_->flush()), "until it recovers");
    expect_all(devices, "after recovery");
}

TEST_F(HistoryUnderFaults, a_failing_segment_writer_is_tried_again_and_memory_stays_bounded) {
    options_.retry_after = milliseconds{1};
    options_.seal_points = 1000;
    options_.head_bytes_max = 400'000;
    ASSERT_TRUE(open());
    writer_.failures = 1'000'000;
    std::uint64_t sequence = 1;
    auto fill = [&]() -> Result<> {
        for (; sequence < 100'000; ++sequence)
            TRY_VOID([&]() -> Result<> {
                TRY(auto ticket, history_->append(message("a", sequence)));
                ignore(Result<Ticket>(ticket), "not needed");
                return {};
            }());
        return {};
    };
    auto refused = fill();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::overloaded);
    EXPECT_LE(history_->figures().head_bytes, 500'000u);
    EXPECT_FALSE(wait(history_->seal_now()).ok());
    EXPECT_GT(counted("seal_failures_total"), 0u);
    writer_.failures = 0;
    while (!wait(history_->seal_now())) {
    }
    ASSERT_TRUE(history_->append(message("a", sequence)).ok());
    Rows sent;
    for (std::uint64_t n = 1; n <= sequence; ++n) note(message("a", n), sent);
    EXPECT_EQ(rows(), sent);
}

TEST_F(HistoryUnderFaults, stop_makes_durable_what_was_accepted_but_does_not_seal) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(history_->append(batch("a", "p", {1, 2, 3})).ok());
    ASSERT_TRUE(restart_after_power_cut());  // never synced
    EXPECT_TRUE(rows().empty());
    ASSERT_TRUE(history_->append(batch("a", "p", {1, 2, 3})).ok());
    ASSERT_TRUE(close());
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows().size(), 3u);
    EXPECT_TRUE(history_->snapshot_here({}).points.empty());
}

TEST_F(HistoryUnderFaults, leftovers_of_an_unfinished_seal_are_removed_and_missing_files_named) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(history_->append(batch("a", "p", {1})).ok());
    ASSERT_TRUE(wait(history_->seal_now()));
    auto path = history_->snapshot_here({}).points.at(0).path;
    ASSERT_TRUE(close());
    auto folder = files::parent_of(path);
    std::ofstream(files::join(folder, "00000000000000000002.txt")) << "half";
    std::ofstream(files::join(folder, "notes")) << "somebody's";
    std::ofstream(files::join(options_.directory, "tmp/x")) << "half";
    ASSERT_TRUE(open());
    EXPECT_EQ(history_->report().removed_files, 2u);
    EXPECT_TRUE(files_->size(files::join(folder, "notes")).value().has_value());
    EXPECT_EQ(rows().size(), 1u);
    ASSERT_TRUE(close());
    ASSERT_TRUE(files_->remove(path));
    ASSERT_TRUE(open_on_same_disk());
    EXPECT_EQ(history_->report().missing, std::vector<std::string>{path});
}

}  // namespace
}  // namespace mw::history
