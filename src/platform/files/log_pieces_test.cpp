#include "platform/files/log_pieces.h"

#include <gtest/gtest.h>

#include "platform/files/files.h"
#include "platform/files/spare_segment.h"

namespace mw::files {
namespace {

class LogPieces : public testing::Test {
 protected:
    static Bytes text_bytes(std::string_view text) { return {text.begin(), text.end()}; }
    AppendLogOptions options(const std::string& name) const {
        return {join(folder_.path(), name), "test", 400, 1 << 16, 1, false};
    }
    static std::vector<std::uint64_t> numbers_in(Files& files, AppendLogOptions options,
                                                 LogOpenReport* report = nullptr) {
        std::vector<std::uint64_t> numbers;
        auto log = AppendLog::open(files, options,
                                   [&](const LogFrame& frame) { numbers.push_back(frame.number); });
        EXPECT_TRUE(log);
        if (log && report) *report = log->report();
        return numbers;
    }
    void write_copy(Files& files, std::vector<LogPiece>& pieces, const std::string& name) {
        const auto folder = join(folder_.path(), name);
        ASSERT_TRUE(files.make_directories(folder));
        for (auto& piece : pieces) {
            Bytes bytes(piece.bytes);
            bytes.resize(*piece.file->read_at(0, bytes));
            ASSERT_TRUE(atomic_replace(files, join(folder, piece.name), bytes));
        }
    }
    TemporaryDirectory folder_ = std::move(TemporaryDirectory::make()).value();
    RealFiles real_;
};

TEST_F(LogPieces, are_the_log_of_one_instant_whatever_is_dropped_and_written_afterwards) {
    auto log = std::move(AppendLog::open(real_, options("log"))).value();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(log.append(text_bytes(std::string(100, 'x'))));
    ASSERT_TRUE(log.drop(5));
    const auto oldest = log.first();
    auto pieces = *open_log_pieces(real_, options("log").directory);
    ASSERT_GT(pieces.size(), 2u);
    ASSERT_TRUE(log.append(text_bytes("later")));
    ASSERT_TRUE(log.drop(15));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(log.append(text_bytes(std::string(100, 'y'))));
    write_copy(real_, pieces, "copy");
    LogOpenReport report;
    const auto numbers = numbers_in(real_, options("copy"), &report);
    ASSERT_FALSE(numbers.empty());
    EXPECT_EQ(numbers.front(), oldest);
    EXPECT_EQ(numbers.back(), 20u);
    EXPECT_EQ(numbers.size(), 21 - oldest);
    EXPECT_TRUE(report.damage.empty());
}

TEST_F(LogPieces, end_where_the_items_end_not_the_zeros_behind_them) {
    auto log = std::move(AppendLog::open(real_, options("log"))).value();
    ASSERT_TRUE(log.append(text_bytes("one")));
    log.use_spare(std::move(make_spare_segment(real_, options("log").directory, 400)).value());
    ASSERT_TRUE(log.append(Bytes(30)));  // its own zeros belong to it
    ASSERT_TRUE(log.append(Bytes(30)));
    auto pieces = *open_log_pieces(real_, options("log").directory);
    ASSERT_EQ(pieces.size(), 2u);
    EXPECT_EQ(pieces[0].bytes + pieces[1].bytes, log.bytes());
    write_copy(real_, pieces, "copy");
    EXPECT_EQ(numbers_in(real_, options("copy")), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(LogPieces, of_no_log_are_none) {
    EXPECT_TRUE(open_log_pieces(real_, join(folder_.path(), "nothing"))->empty());
    ASSERT_TRUE(real_.make_directories(join(folder_.path(), "empty")));
    EXPECT_TRUE(open_log_pieces(real_, join(folder_.path(), "empty"))->empty());
}

// Drops the oldest segment, or starts a new one, whenever somebody lists or opens.
class RestlessFiles final : public Files {
 public:
    RestlessFiles(Files& real, AppendLog& log, int changes)
        : real_(real), log_(log), changes_(changes) {}
    void change() {
        if (changes_-- <= 0) return;
        log_.rotate();
        ASSERT_TRUE(log_.append(bytes_of("more")));
        ASSERT_TRUE(log_.drop(log_.next() - 4));
    }
    Result<std::unique_ptr<File>> open(std::string path, Mode mode, unsigned p) override {
        change();
        return real_.open(path, mode, p);
    }
    Result<std::vector<Entry>> list(std::string directory) override {
        auto listed = real_.list(directory);
        change();
        return listed;
    }
    Result<> rename(std::string from, std::string to) override { return real_.rename(from, to); }
    Result<> remove(std::string path) override { return real_.remove(path); }
    Result<> make_directories(std::string d, unsigned p) override {
        return real_.make_directories(d, p);
    }
    Result<> sync_directory(std::string d) override { return real_.sync_directory(d); }
    Result<> sync_path(std::string path) override { return real_.sync_path(path); }
    Result<std::optional<std::uint64_t>> size(std::string path) override {
        return real_.size(path);
    }
    Result<std::uint64_t> free_space(std::string d) override { return real_.free_space(d); }

 private:
    Files& real_;
    AppendLog& log_;
    int changes_;
};

TEST_F(LogPieces, are_opened_again_when_segments_come_and_go_meanwhile) {
    auto log = std::move(AppendLog::open(real_, options("log"))).value();
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(log.append(text_bytes("first")));
    const auto before = log.next() - 1;
    RestlessFiles restless(real_, log, 40);
    auto pieces = open_log_pieces(restless, options("log").directory);
    ASSERT_TRUE(pieces) << pieces.error().message;
    write_copy(real_, *pieces, "copy");
    LogOpenReport report;
    const auto numbers = numbers_in(real_, options("copy"), &report);
    EXPECT_TRUE(report.damage.empty());
    ASSERT_FALSE(numbers.empty());
    EXPECT_EQ(numbers.front(), log.first());
    EXPECT_EQ(numbers.back(), log.next() - 1);
    EXPECT_GT(numbers.back(), before);

    RestlessFiles frantic(real_, log, 1'000'000);
    const auto given_up = open_log_pieces(frantic, options("log").directory);
    ASSERT_FALSE(given_up);
    EXPECT_EQ(given_up.error().code, Errc::overloaded);
}

}  // namespace
}  // namespace mw::files
