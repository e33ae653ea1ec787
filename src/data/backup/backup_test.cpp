#include "data/backup/backup.h"

#include "base/json.h"
#include "base/random.h"
#include "data/backup/backup_fixture.h"

namespace mw::backup {
namespace {

class Backup : public BackupWorld {
 protected:
    Backup() { begin(1); }
    Created made(Result<Created> created) {
        EXPECT_TRUE(created) << created.error().message;
        return created ? *created : Created{};
    }
    std::vector<Verified> verified() {
        auto all = verify(*files_, at("repo"), "");
        EXPECT_TRUE(all) << all.error().message;
        return all ? *all : std::vector<Verified>{};
    }
};

TEST_F(Backup, restored_is_the_data_directory_of_that_time_with_modes_and_keys) {
    ASSERT_TRUE(ingest(5, true));
    ASSERT_TRUE(ingest(4, false));
    const auto created = made(create());
    const auto instant = rows();
    ASSERT_TRUE(ingest(3, true));
    EXPECT_EQ(created.manifest.name, "2023-11-14T22-13-21Z");
    EXPECT_GT(created.manifest.facts, 0u);
    EXPECT_TRUE(created.manifest.left_out.empty());

    RestoreOrder order{.repository = at("repo"), .data = at("new"), .by = "os:test"};
    const auto restored = backup::restore(real_, clock_, order);  // FaultyFiles knows no modes
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_TRUE(restored->damaged.empty());
    EXPECT_EQ(rows_in("new"), instant);
    for (const char* path : {"pki/issuing.key", "pki/root.pem", "admin.token", "hub.yaml"}) {
        EXPECT_EQ(content(at("new/") + path), content(at("hub/") + path)) << path;
        EXPECT_EQ(mode(at("new/") + path), mode(at("hub/") + path)) << path;
    }
    EXPECT_EQ(mode(at("new/pki")), 0700u);
    EXPECT_FALSE(std::filesystem::exists(at("new/hub.json")));
    EXPECT_TRUE(sqlite::Database::open({.path = at("new/registry.db")})->check_integrity());
    const auto marker = *read_marker(*files_, at("new"), restored_name);
    ASSERT_TRUE(marker);
    EXPECT_EQ(marker->backup, created.manifest.name);
    EXPECT_EQ(marker->by, "os:test");
    EXPECT_TRUE(check_whole(*files_, at("new")));
}

TEST_F(Backup, a_second_one_copies_what_is_new_and_either_can_be_restored) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ingest(5, true));
    const auto first = made(create());
    const auto then = rows();
    put_blob("another bundle");
    ASSERT_TRUE(ingest(5, true));
    const auto second = made(create());
    EXPECT_EQ(second.manifest.files.size(), first.manifest.files.size() + 2);
    // A segment, a blob, the catalog, the log's newest segment: not what was sealed before.
    EXPECT_LE(second.copied_objects, 4u);
    EXPECT_GE(second.copied_objects, 3u);
    ASSERT_TRUE(restore(first.manifest.name, "new"));
    EXPECT_EQ(rows_in("new"), then);
    ASSERT_TRUE(restore("", "again"));
    EXPECT_EQ(rows_in("again"), rows());
}

TEST_F(Backup, of_a_hub_that_does_not_run_is_the_same) {
    ASSERT_TRUE(ingest(5, true));
    ASSERT_TRUE(ingest(5, false));
    const auto instant = rows();
    close();
    auto created = wait(backup::create({*files_, workers_, clock_}, order(), {}, {}));
    ASSERT_TRUE(created) << created.error().message;
    ASSERT_TRUE(restore("", "new"));
    EXPECT_EQ(rows_in("new"), instant);
}

TEST_F(Backup, while_points_come_has_all_that_was_acknowledged_before_once) {
    ASSERT_TRUE(ingest(20, true));
    ASSERT_TRUE(ingest(20, false));
    const auto before = acknowledged_;
    put("hub/large", std::string(3'000'000, 'x'), 0640);
    auto slow = order();
    slow.bytes_per_second = 10'000'000;
    made(create(slow, true));
    EXPECT_GT(sent_.size(), before.size());
    ASSERT_TRUE(restore("", "new"));
    const auto found = rows_in("new");
    expect_within(before, found, "acknowledged");
    expect_within(found, sent_, "sent");
}

TEST_F(Backup, without_keys_leaves_out_what_is_secret_and_says_so) {
    auto bare = order();
    bare.keys = false;
    const auto created = made(create(bare));
    EXPECT_FALSE(created.manifest.keys);
    std::vector<std::string> out;
    for (const auto& left : created.manifest.left_out) {
        EXPECT_TRUE(left.secret);
        out.push_back(left.path);
    }
    EXPECT_EQ(out, (std::vector<std::string>{"admin.token", "pki/issuing.key"}));
    ASSERT_TRUE(restore("", "new"));
    EXPECT_FALSE(std::filesystem::exists(at("new/pki/issuing.key")));
    EXPECT_TRUE(std::filesystem::exists(at("new/pki/root.pem")));
    for (const auto& path : files_below("repo"))
        EXPECT_EQ(content(path).find("mw_secret"), std::string::npos) << path;
}

TEST_F(Backup, is_readable_by_its_owner_only) {
    made(create());
    for (const auto& path : files_below("repo")) EXPECT_EQ(mode(path) & 077, 0u) << path;
}

TEST_F(Backup, goes_only_where_a_repository_is_and_one_at_a_time) {
    auto elsewhere = order();
    elsewhere.repository = at("hub/pki");
    const auto refused = create(elsewhere);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::not_found);
    EXPECT_NE(refused.error().message.find("millwright backup create"), std::string::npos);
    EXPECT_EQ(Repository::make(*files_, at("hub/pki")).error().code, Errc::conflict);
    const auto lock = files::DirectoryLock::take(at("repo"));
    ASSERT_TRUE(lock);
    EXPECT_EQ(create().error().code, Errc::conflict);
}

TEST_F(Backup, inside_the_data_directory_does_not_contain_itself) {
    auto inside = order();
    inside.repository = at("hub/backups");
    ASSERT_TRUE(Repository::make(*files_, inside.repository));
    made(create(inside));
    const auto second = made(create(inside));
    for (const auto& file : second.manifest.files)
        EXPECT_FALSE(file.path.starts_with("backups/")) << file.path;
}

TEST_F(Backup, stopped_by_who_asked_leaves_nothing_behind) {
    ASSERT_TRUE(ingest(5, true));
    put("hub/large", std::string(3'000'000, 'x'), 0640);
    const auto before = files_below("repo");
    auto tell = [](const Progress& progress) -> Result<> {
        if (progress.bytes_done > 0) return Error{Errc::cancelled, "enough"};
        return {};
    };
    auto slow = order();
    slow.bytes_per_second = 10'000'000;
    auto hold = [this] { return history_->hold(); };
    const auto stopped =
        wait(backup::create({*files_, workers_, clock_}, std::move(slow), hold, tell));
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Errc::cancelled);
    EXPECT_EQ(files_below("repo"), before);
}

TEST_F(Backup, names_what_was_damaged_at_the_source_and_has_the_rest) {
    ASSERT_TRUE(ingest(5, true));
    ASSERT_TRUE(ingest(5, true));
    const auto points = files_below("hub/history/points");
    ASSERT_EQ(points.size(), 2u);
    Rows lost;
    LineWriter::read(points[0], lost);
    flip(points[0], 77);
    const auto blob = files_below("hub/blobs").front();
    flip(blob, 3);
    const auto created = made(create());
    ASSERT_EQ(created.manifest.left_out.size(), 2u);
    for (const auto& out : created.manifest.left_out) {
        EXPECT_FALSE(out.secret);
        EXPECT_TRUE(at("hub/" + out.path) == points[0] || at("hub/" + out.path) == blob);
        EXPECT_NE(out.why.find("changed since"), std::string::npos) << out.why;
    }
    EXPECT_EQ(verified().at(0).left_out.size(), 2u);
    ASSERT_TRUE(restore("", "new"));
    history::OpenReport report;
    const auto found = rows_in("new", &report);
    EXPECT_EQ(report.missing.size(), 1u);
    EXPECT_EQ(found.size(), sent_.size() - lost.size());
}

TEST_F(Backup, prune_keeps_the_newest_and_what_they_name) {
    std::vector<std::string> names;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(ingest(5, true));
        names.push_back(made(create()).manifest.name);
    }
    const auto instant = rows();
    EXPECT_EQ(prune(*files_, at("repo"), 0).error().code, Errc::invalid_input);
    const auto pruned = prune(*files_, at("repo"), 2);
    ASSERT_TRUE(pruned) << pruned.error().message;
    EXPECT_EQ(pruned->removed, (std::vector<std::string>{names[0], names[1]}));
    EXPECT_GT(pruned->swept.objects, 0u);
    EXPECT_EQ(verified().size(), 2u);
    for (const auto& one : verified()) EXPECT_TRUE(one.sound());
    ASSERT_TRUE(restore(names[2], "new"));
    ASSERT_TRUE(restore("", "again"));
    EXPECT_EQ(rows_in("again"), instant);
    // With a backup that can't be read nothing is swept: it might name anything.
    for (const char* suffix : {".manifest", ".manifest2"})
        flip(at("repo/backups/" + names[2] + suffix), 900);
    EXPECT_EQ(prune(*files_, at("repo"), 2).error().code, Errc::corrupt);
    EXPECT_EQ(prune(*files_, at("repo"), 1)->removed.size(), 1u);
}

TEST_F(Backup, restore_refuses_a_folder_that_is_not_empty) {
    made(create());
    put("new/notes.txt", "mine", 0640);
    const auto refused = restore("", "new");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_NE(refused.error().message.find("notes.txt"), std::string::npos);
    EXPECT_EQ(restore("", "hub").error().code, Errc::conflict);
    EXPECT_EQ(restore("2020-01-01T00-00-00Z", "again").error().code, Errc::not_found);
    EXPECT_FALSE(std::filesystem::exists(at("again")));
}

}  // namespace
}  // namespace mw::backup
