// A power cut at every call of the disk while a backup is made and while it is restored, bits that
// flip, and disks that are full: what was acknowledged is there once, or it is named.
#include "base/random.h"
#include "data/backup/backup_fixture.h"

namespace mw::backup {
namespace {

class BackupUnderFaults : public BackupWorld {
 protected:
    static std::string why(const Result<>& outcome) {
        return outcome ? "" : outcome.error().message;
    }
    // A hub with sealed files and a log behind them, and one backup.
    void begin_with_one(std::uint64_t seed) {
        begin(seed);
        ASSERT_TRUE(ingest(6, true));
        ASSERT_TRUE(ingest(4, true));
        ASSERT_TRUE(ingest(3, false));
        const auto created = create();
        ASSERT_TRUE(created) << created.error().message;
        first_ = created->manifest.name;
        in_first_ = rows();
    }
    void expect_sound(const std::string& where) {
        const auto all = verify(*files_, at("repo"), "");
        ASSERT_TRUE(all) << where << ": " << all.error().message;
        for (const auto& one : *all)
            ASSERT_TRUE(one.sound()) << where << ": " << one.backup << " "
                                     << one.damaged.front().path << " " << one.damaged.front().why;
    }
    bool refuses_to_open(const std::string& data) { return !check_whole(*files_, at(data)).ok(); }
    std::string first_;
    Rows in_first_;
    int cuts_ = 0;
};

TEST_F(BackupUnderFaults, a_power_cut_at_any_call_of_a_backup_harms_neither_hub_nor_backups) {
    for (std::uint64_t call = 1; call < 140; call += stride(3)) {
        const auto where = "call " + std::to_string(call);
        begin_with_one(call * 7919);
        put_blob("another bundle");
        ASSERT_TRUE(ingest(5, true));
        ASSERT_TRUE(ingest(3, false));
        const auto before = acknowledged_;
        files_->fail(files::Call::any, call, files::Fault::power_cut);
        const auto cut_short = create(order(), true);
        if (!cut_short) ++cuts_;
        ASSERT_EQ(why(restart_after_power_cut(call + 1)), "") << where;
        ASSERT_TRUE(history_->report().damage.empty()) << where;
        ASSERT_TRUE(history_->report().missing.empty()) << where;
        expect_within(before, rows(), where);
        expect_within(rows(), sent_, where);
        expect_sound(where);
        const auto names = *Repository::open(*files_, at("repo"))->names();
        ASSERT_EQ(names.front(), first_) << where;
        if (cut_short) ASSERT_EQ(names.size(), 2u) << where;
        if (names.size() == 2) {  // its manifest was durable: then all of it is
            const auto restored = restore(names.back(), "again");
            ASSERT_TRUE(restored) << where << ": " << restored.error().message;
            const auto found = rows_in("again");
            expect_within(before, found, where);
            expect_within(found, sent_, where);
        }
        const auto next = create();
        ASSERT_TRUE(next) << where << ": " << next.error().message;
        ASSERT_TRUE(restore(next->manifest.name, "new")) << where;
        ASSERT_EQ(rows_in("new"), rows()) << where;
        // What the cut left is gone: only what a backup names is there.
        ASSERT_EQ(prune(*files_, at("repo"), 100)->swept.objects, 0u) << where;
    }
    EXPECT_GE(cuts_, 25);
    RecordProperty("power_cuts", cuts_);
}

TEST_F(BackupUnderFaults, a_power_cut_at_any_call_of_a_restore_leaves_what_no_hub_opens) {
    for (std::uint64_t call = 1; call < 170; call += stride(3)) {
        const auto where = "call " + std::to_string(call);
        begin_with_one(call * 104'729);
        files_->fail(files::Call::any, call, files::Fault::power_cut);
        const auto cut_short = restore("", "new");
        if (!cut_short) ++cuts_;
        ASSERT_EQ(why(restart_after_power_cut(call + 1)), "") << where;
        if (cut_short) {
            ASSERT_FALSE(refuses_to_open("new")) << where;
        } else if (std::filesystem::exists(at("new/history"))) {
            // Something was written: it is whole, or marked as not whole.
            if (!refuses_to_open("new")) {
                const auto marker = *read_marker(*files_, at("new"), restored_name);
                ASSERT_TRUE(marker && marker->backup == first_) << where;
                ASSERT_EQ(rows_in("new"), in_first_) << where;
            }
            const auto another = restore("2020-01-01T00-00-00Z", "new");
            ASSERT_FALSE(another) << where;
        }
        // A second cut while it goes on, then a third time without.
        if (refuses_to_open("new")) {
            files_->fail(files::Call::any, 1 + call % 90, files::Fault::power_cut);
            if (!restore(first_, "new")) ++cuts_;
            ASSERT_EQ(why(restart_after_power_cut(call + 2)), "") << where;
        }
        if (!*read_marker(*files_, at("new"), restored_name) || refuses_to_open("new")) {
            const auto restored = restore(first_, "new");
            ASSERT_TRUE(restored) << where << ": " << restored.error().message;
        }
        ASSERT_FALSE(refuses_to_open("new")) << where;
        ASSERT_EQ(why(restart_after_power_cut(call + 3)), "") << where;  // it is durable
        ASSERT_FALSE(refuses_to_open("new")) << where;
        ASSERT_EQ(rows_in("new"), in_first_) << where;
        ASSERT_EQ(content(at("new/pki/issuing.key")), content(at("hub/pki/issuing.key")));
        ASSERT_TRUE(sqlite::Database::open({.path = at("new/registry.db")})->check_integrity());
    }
    EXPECT_GE(cuts_, 60);
    RecordProperty("power_cuts", cuts_);
}

// Which files a damaged file of the repository stands for.
std::vector<std::string> paths_of(const Manifest& manifest, const std::string& damaged) {
    std::vector<std::string> paths;
    for (const auto& file : manifest.files)
        if (file.sha256 == files::name_of(damaged)) paths.push_back(file.path);
    return paths;
}

TEST_F(BackupUnderFaults, a_flipped_bit_is_named_and_the_rest_is_restored) {
    begin_with_one(3);
    SeededRandom random(11);
    const auto repository = *Repository::open(*files_, at("repo"));
    const auto manifest = *repository.read(first_);
    int flips = 0;
    for (const auto& path : files_below("repo")) {
        const std::string bytes = content(path);
        if (bytes.empty() || path.ends_with(Repository::mark)) continue;
        const bool is_manifest = path.find("/backups/") != std::string::npos;
        auto damaged = paths_of(manifest, path);
        if (is_manifest) damaged = {path.substr(at("repo/").size())};
        ASSERT_FALSE(damaged.empty()) << path;
        for (int round = 0; round < 2; ++round, ++flips) {
            const auto bit = random.below(bytes.size() * 8);
            const auto where = path + ", bit " + std::to_string(bit);
            flip(path, bit);
            const auto verified = verify(real_, at("repo"), "");
            ASSERT_TRUE(verified) << where;
            std::vector<std::string> named;
            for (const auto& damage : verified->at(0).damaged) named.push_back(damage.path);
            ASSERT_EQ(named, damaged) << where;

            const std::string target = "flip" + std::to_string(flips);
            const RestoreOrder careful{.repository = at("repo"), .data = at(target)};
            const auto refused = backup::restore(real_, clock_, careful);
            ASSERT_EQ(refused.ok(), is_manifest) << where;
            auto accepting = careful;
            accepting.accept_damage = true;
            if (!is_manifest) {
                ASSERT_NE(refused.error().message.find(damaged[0]), std::string::npos) << where;
                ASSERT_TRUE(!check_whole(real_, at(target))) << where;
                const auto rest = backup::restore(real_, clock_, accepting);
                const bool essential = damaged[0] == "registry.db";
                ASSERT_EQ(rest.ok(), !essential) << where;
                if (!essential) ASSERT_EQ(rest->damaged.size(), damaged.size()) << where;
            }
            if (damaged[0] != "registry.db" && damaged[0].find("/catalog/") == std::string::npos)
                expect_within(rows_in(target), in_first_, where);
            std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
        }
    }
    EXPECT_GE(flips, 24);
    RecordProperty("flips", flips);
}

TEST_F(BackupUnderFaults, a_full_disk_ends_the_backup_and_nothing_else) {
    begin_with_one(5);
    ASSERT_TRUE(ingest(20, true));
    ASSERT_TRUE(ingest(20, false));
    put("hub/large", std::string(2'000'000, 'x'), 0640);
    const auto before = files_below("repo");
    // Known from the start: it does not begin.
    files_->limit_space(150'000);
    const auto refused = create();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::overloaded);
    EXPECT_NE(refused.error().message.find("are missing"), std::string::npos);
    EXPECT_NE(refused.error().message.find("bytes free"), std::string::npos);
    EXPECT_EQ(files_below("repo"), before);
    // Space is kept free for others.
    auto generous = order();
    generous.space_kept_free = std::uint64_t{1} << 50;
    EXPECT_EQ(create(generous).error().code, Errc::overloaded);
    // It fills up on the way, at any call that needs space.
    files_->limit_space(std::nullopt);
    int failures = 0;
    for (std::uint64_t nth = 2; nth < 40; ++nth) {
        files_->fail(files::Call::append, nth, files::Fault::no_space);
        const auto full = create();
        files_->clear_faults();
        if (full) break;
        ++failures;
        ASSERT_EQ(full.error().code, Errc::overloaded) << full.error().message;
        ASSERT_NE(full.error().message.find("are missing"), std::string::npos)
            << full.error().message;
        ASSERT_EQ(files_below("repo"), before) << nth;
        ASSERT_TRUE(ingest(1, false));  // the hub goes on
        expect_sound("call " + std::to_string(nth));
    }
    EXPECT_GE(failures, 5);
    ASSERT_TRUE(create());
    ASSERT_TRUE(restore("", "new"));
    EXPECT_EQ(rows_in("new"), sent_);
}

TEST_F(BackupUnderFaults, a_restore_onto_a_full_disk_goes_on_when_there_is_space) {
    begin_with_one(9);
    files_->limit_space(100);
    const auto refused = restore("", "new");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::overloaded);
    files_->limit_space(std::nullopt);
    for (int file = 0; file < 6; ++file) {
        files_->fail(files::Call::append, 3, files::Fault::no_space);  // the marker, one file
        const auto full = restore("", "new");
        ASSERT_FALSE(full) << file;
        EXPECT_EQ(full.error().code, Errc::overloaded);
        EXPECT_TRUE(refuses_to_open("new"));
        files_->clear_faults();
    }
    ASSERT_TRUE(restore("", "new"));
    EXPECT_EQ(rows_in("new"), in_first_);
}

TEST_F(BackupUnderFaults, an_error_of_any_call_ends_a_backup_and_the_next_one_succeeds) {
    for (std::uint64_t call = 1; call < 110; call += stride(9)) {
        const auto where = "call " + std::to_string(call);
        begin_with_one(call);
        ASSERT_TRUE(ingest(4, true));
        // Two calls, or also those that would take back what was added.
        files_->fail(files::Call::any, call, files::Fault::io_error, call % 2 == 0 ? 2 : 12);
        const auto failed = create();
        files_->clear_faults();
        expect_sound(where);
        const auto next = create();
        ASSERT_TRUE(next) << where << ": " << next.error().message;
        ASSERT_TRUE(next->manifest.left_out.empty()) << where;
        ASSERT_TRUE(restore("", "new")) << where;
        ASSERT_EQ(rows_in("new"), sent_) << where;
    }
}

}  // namespace
}  // namespace mw::backup
