// A copy of what is held is the history of that instant, whatever happens to the original.
#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

class HistoryHeld : public HistoryFixture {
 protected:
    void store(const Batch& batch) {
        ASSERT_TRUE(history_->append(batch));
        note(batch, stored_);
    }
    void write(const std::string& path, files::File& from, std::uint64_t bytes) {
        Bytes content(bytes);
        content.resize(*from.read_at(0, content));
        ASSERT_TRUE(real_.make_directories(files::parent_of(path)));
        ASSERT_TRUE(files::atomic_replace(real_, path, content));
    }
    void copy(HistoryHold& hold) {
        for (auto& piece : hold.catalog)
            write(copy_ + "/catalog/" + piece.name, *piece.file, piece.bytes);
        for (auto& piece : hold.log) write(copy_ + "/log/" + piece.name, *piece.file, piece.bytes);
        for (auto& file : hold.files) {
            auto opened = *real_.open(file.path, files::Mode::read);
            write(copy_ + file.path.substr(options_.directory.size()), *opened, file.bytes);
        }
    }
    // Rows of a history that was opened on the copy.
    Rows rows_of_copy() {
        auto options = options_;
        options.directory = copy_;
        auto second = *History::open(options, {real_, *loop_, workers_, writer_, metrics_});
        EXPECT_TRUE(second->report().damage.empty());
        EXPECT_TRUE(second->report().missing.empty());
        auto rows = rows_of(second->snapshot_here({}));
        EXPECT_TRUE(wait(second->stop()));
        return rows;
    }
    Rows stored_;
    files::RealFiles real_;
    files::TemporaryDirectory place_ = std::move(files::TemporaryDirectory::make()).value();
    std::string copy_ = files::join(place_.path(), "copy");
};

TEST_F(HistoryHeld, is_whole_though_files_are_merged_and_the_log_is_dropped_meanwhile) {
    options_.log_segment_bytes = 2000;
    ASSERT_TRUE(open());
    std::uint64_t sequence = 1;
    for (int seal = 0; seal < 3; ++seal) {
        for (std::int64_t n = 0; n < 20; ++n)
            store(batch("a", "p", {seal * 100 + n, seal * 100 + n + 50}, 1, sequence++));
        ASSERT_TRUE(wait(history_->seal_now()));
    }
    for (std::int64_t n = 0; n < 40; ++n) store(batch("b", "q", {n}, 2, sequence++));
    ASSERT_TRUE(wait(history_->flush()));
    const auto instant = stored_;

    auto hold = wait(history_->hold());
    ASSERT_TRUE(hold) << hold.error().message;
    for (std::int64_t n = 0; n < 40; ++n) store(batch("c", "q", {n}, 3, sequence++));
    ASSERT_TRUE(wait(history_->seal_now()));
    ASSERT_TRUE(wait(history_->compact_now()));
    EXPECT_GT(history_->figures().doomed_files, 0u);

    copy(*hold);
    EXPECT_EQ(rows_of_copy(), instant);
    hold = Error{Errc::cancelled, "let go"};
    ASSERT_TRUE(wait(history_->compact_now()));
    EXPECT_EQ(history_->figures().doomed_files, 0u);
    EXPECT_EQ(rows(), stored_);
}

TEST_F(HistoryHeld, has_all_that_was_durable_at_any_point_of_a_seal) {
    std::binary_semaphore gate{0};
    ASSERT_TRUE(open());
    store(batch("a", "p", {1, 2, 3}));
    ASSERT_TRUE(wait(history_->flush()));
    writer_.gate = &gate;  // the seal waits in the middle
    auto held = wait([](History& history, std::binary_semaphore& gate) -> Task<HistoryHold> {
        auto sealing = history.seal_now();
        Scope scope(Loop::here());
        scope.spawn(std::move(sealing));
        CO_TRY_VOID(co_await yield());
        auto holding = history.hold();
        auto held = co_await std::move(holding);
        gate.release();
        CO_TRY_VOID(co_await scope.join());
        co_return std::move(held);
    }(*history_, gate));
    writer_.gate = nullptr;
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_TRUE(held->files.empty());
    copy(*held);
    EXPECT_EQ(rows_of_copy(), stored_);
}

TEST_F(HistoryHeld, is_refused_while_the_disk_takes_no_entry) {
    options_.hold_patience = milliseconds{20};
    options_.retry_after = milliseconds{1};
    ASSERT_TRUE(open());
    for (std::int64_t seal = 0; seal < 3; ++seal) {
        store(batch("a", "p", {seal * 10, seal * 10 + 1}));
        ASSERT_TRUE(wait(history_->seal_now()));
    }
    auto refused = wait([](History& history, files::FaultyFiles& files) -> Task<HistoryHold> {
        Scope scope(Loop::here());
        files.fail(files::Call::append, 1, files::Fault::no_space, 1'000'000);
        scope.spawn(history.compact_now());
        Result<HistoryHold> held = HistoryHold{};
        while (held) {  // until the compaction has got so far, for which it needs its turn
            CO_TRY_VOID(co_await yield());
            auto holding = history.hold();
            held = co_await std::move(holding);
        }
        files.clear_faults();
        CO_TRY_VOID(co_await scope.join());
        co_return std::move(held);
    }(*history_, *files_));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::overloaded);
    EXPECT_NE(refused.error().message.find("waits for its disk"), std::string::npos);
    EXPECT_TRUE(wait(history_->hold()));
}

}  // namespace
}  // namespace mw::history
