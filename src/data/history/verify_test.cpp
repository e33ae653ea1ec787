// Damage to sealed files: each kind, at any place, is named with its file, and nothing else is.
#include <filesystem>

#include "base/random.h"
#include "data/history/history_fixture.h"

namespace mw::history {
namespace {

constexpr std::int64_t one_day = 86'400'000'000'000;

class HistoryVerify : public HistoryFixture {
 protected:
    // Two seals of two days: files of points and rollups for each.
    void fill() {
        ASSERT_TRUE(open());
        for (std::int64_t seal = 0; seal < 2; ++seal) {
            for (const char* device : {"a", "b", "c"})
                for (std::int64_t d = 0; d < 2; ++d)
                    ASSERT_TRUE(history_->append(batch(
                        device, "p", {d * one_day + seal * 10, d * one_day + seal * 10 + 1})));
            ASSERT_TRUE(wait(history_->seal_now()));
        }
    }
    VerifyReport verify() {
        auto report = wait(history_->verify());
        EXPECT_TRUE(report) << (report ? "" : report.error().message);
        return report ? *report : VerifyReport{};
    }
    std::vector<std::string> all_files() const {
        std::vector<std::string> found;
        for (const char* table : {"points", "rollups"})
            for (const auto& entry : std::filesystem::recursive_directory_iterator(
                     std::filesystem::path(options_.directory) / table))
                if (entry.is_regular_file()) found.push_back(entry.path().string());
        std::sort(found.begin(), found.end());
        return found;
    }
    static std::string content(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const std::string& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    void expect_named(const std::string& path, const std::string& why) {
        const auto report = verify();
        ASSERT_EQ(report.damaged.size(), 1u) << path;
        EXPECT_EQ(options_.directory + "/" + report.damaged[0].file.path, path);
        EXPECT_NE(report.damaged[0].why.find(why), std::string::npos) << report.damaged[0].why;
        EXPECT_FALSE(report.sound());
    }
};

TEST_F(HistoryVerify, a_flipped_bit_a_torn_end_and_a_lost_file_are_named) {
    fill();
    const auto files = all_files();
    ASSERT_EQ(files.size(), 8u);
    const auto sound = verify();
    EXPECT_TRUE(sound.sound());
    EXPECT_EQ(sound.files, 8u);
    EXPECT_EQ(sound.unchecked, 0u);
    SeededRandom random(5);
    for (const auto& path : files) {
        const std::string bytes = content(path);
        for (int round = 0; round < 20; ++round) {
            std::string flipped = bytes;
            flipped[random.below(flipped.size())] ^= static_cast<char>(1 << random.below(8));
            write(path, flipped);
            expect_named(path, "its bytes changed");
        }
        write(path, bytes.substr(0, bytes.size() - 1));
        expect_named(path, "bytes instead of");
        std::filesystem::remove(path);
        expect_named(path, "it is not there");
        write(path, bytes);
    }
    EXPECT_TRUE(verify().sound());
}

TEST_F(HistoryVerify, checksums_outlive_restarts_compactions_and_a_new_catalog) {
    fill();
    ASSERT_TRUE(wait(history_->compact_now()));
    EXPECT_EQ(verify().unchecked, 0u);
    ASSERT_TRUE(restart_after_power_cut());
    auto report = verify();
    EXPECT_TRUE(report.sound());
    EXPECT_EQ(report.unchecked, 0u);
    ASSERT_GT(report.files, 0u);
    const auto path = all_files().front();
    std::string bytes = content(path);
    bytes[bytes.size() / 2] ^= 1;
    write(path, bytes);
    expect_named(path, "its bytes changed");
}

TEST_F(HistoryVerify, goes_on_beside_seals_and_compactions) {
    fill();
    auto looking = wait([](History& history) -> Task<VerifyReport> {
        auto look = history.verify();
        auto merge = history.compact_now();
        CO_TRY_VOID(co_await std::move(merge));
        co_return co_await std::move(look);
    }(*history_));
    ASSERT_TRUE(looking) << looking.error().message;
    EXPECT_TRUE(looking->sound());
}

}  // namespace
}  // namespace mw::history
