#include "platform/files/faulty_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace mw::files {
namespace {

class PowerCut : public testing::Test {
 protected:
    void begin(std::uint64_t seed) {
        folder_ = std::move(TemporaryDirectory::make()).value();
        files_ = std::move(FaultyFiles::open(root(), seed)).value();
    }
    std::string root() const { return join(folder_.path(), "root"); }
    std::string at(std::string_view name) const { return join(root(), name); }
    std::unique_ptr<File> open(std::string_view name) {
        return std::move(files_->open(at(name), Mode::write)).value();
    }
    void put_durably(std::string_view name, std::string_view text) {
        auto file = open(name);
        ASSERT_TRUE(file->append(bytes_of(text)));
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(files_->sync_directory(root() + "/"));
    }
    // What is there after the cut; nullopt: no such file.
    std::optional<std::string> left(std::string_view name) {
        auto bytes = read_all(after_, at(name));
        if (!bytes) return std::nullopt;
        return std::string(text_of(*bytes));
    }
    TemporaryDirectory folder_ = std::move(TemporaryDirectory::make()).value();
    std::unique_ptr<FaultyFiles> files_;
    RealFiles after_;
};

TEST_F(PowerCut, keeps_synced_bytes_and_tears_the_rest_in_more_than_one_way) {
    std::string synced(700, 's'), loose(5000, 'u');
    std::set<std::size_t> sizes;
    bool saw_damage = false;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        begin(seed);
        put_durably("log", synced);
        ASSERT_TRUE(open("log")->append(bytes_of(loose)));
        ASSERT_TRUE(files_->power_cut());
        auto text = left("log").value();
        ASSERT_EQ(text.substr(0, synced.size()), synced) << "seed " << seed;
        sizes.insert(text.size());
        saw_damage |= text.find_first_not_of("su") != std::string::npos;
    }
    EXPECT_TRUE(sizes.contains(synced.size()));
    EXPECT_GT(sizes.size(), 3u);
    EXPECT_TRUE(saw_damage);
}

TEST_F(PowerCut, an_overwrite_or_truncation_without_sync_may_be_undone_but_breaks_nothing_else) {
    std::string before(2000, 'a');
    std::set<char> found;
    std::set<std::size_t> sizes;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        begin(seed);
        put_durably("f", before);
        put_durably("g", before);
        ASSERT_TRUE(open("f")->write_at(600, bytes_of("b")));
        ASSERT_TRUE(open("g")->truncate(900));
        ASSERT_TRUE(files_->power_cut());
        auto text = left("f").value();
        found.insert(text[600]);
        text[600] = 'a';
        EXPECT_EQ(text, before);
        auto shorter = left("g").value();
        sizes.insert(shorter.size());
        EXPECT_EQ(shorter, before.substr(0, shorter.size()));
    }
    EXPECT_EQ(found, (std::set<char>{'a', 'b'}));
    EXPECT_EQ(sizes, (std::set<std::size_t>{900, 2000}));
}

TEST_F(PowerCut, names_without_a_directory_sync_may_go_back_to_what_they_were) {
    std::set<std::string> found;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        begin(seed);
        put_durably("old", "old");
        auto fresh = open("fresh");
        ASSERT_TRUE(fresh->append(bytes_of("new")) && fresh->sync());
        ASSERT_TRUE(files_->rename(at("fresh"), at("old")));
        ASSERT_TRUE(files_->power_cut());
        found.insert(left("old").value() + (left("fresh") ? "+fresh" : ""));
    }
    EXPECT_EQ(found, (std::set<std::string>{"old", "old+fresh", "new"}));
}

TEST_F(PowerCut, atomic_replace_leaves_the_old_or_the_new_at_every_call) {
    for (std::uint64_t call = 1; call <= 8; ++call) {
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            begin(seed);
            ASSERT_TRUE(atomic_replace(*files_, at("f"), bytes_of("old")));
            files_->fail(Call::any, call, Fault::power_cut);
            auto done = atomic_replace(*files_, at("f"), bytes_of("new"));
            ignore(files_->power_cut(), "it may be cut already");
            auto text = left("f").value_or("nothing");
            EXPECT_TRUE(text == "new" || (text == "old" && !done)) << call << " " << text;
        }
    }
}

TEST_F(PowerCut, a_removal_is_undone_with_its_bytes_unless_the_folder_was_synced) {
    std::set<bool> there;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        begin(seed);
        put_durably("a", "kept");
        put_durably("b", "gone");
        ASSERT_TRUE(files_->remove(at("b")) && files_->sync_directory(root()));
        ASSERT_TRUE(files_->remove(at("a")));
        ASSERT_TRUE(files_->power_cut());
        EXPECT_FALSE(left("b"));
        there.insert(left("a").has_value());
        EXPECT_EQ(left("a").value_or("kept"), "kept");
    }
    EXPECT_EQ(there.size(), 2u);
}

TEST_F(PowerCut, files_of_others_stay_only_if_they_were_synced_through_the_seam) {
    begin(3);
    ASSERT_TRUE(files_->make_directories(at("day")));
    std::ofstream(at("stranger")) << "lost";
    std::ofstream(at("tmp")) << "kept";
    ASSERT_TRUE(files_->sync_path(at("tmp")));
    ASSERT_TRUE(files_->rename(at("tmp"), at("day/segment")));
    ASSERT_TRUE(files_->sync_directory(at("day")));
    ASSERT_TRUE(files_->power_cut());
    EXPECT_FALSE(left("stranger"));
    EXPECT_EQ(left("day/segment"), "kept");
    EXPECT_FALSE(left("tmp"));
}

TEST_F(PowerCut, excepted_paths_belong_to_somebody_else) {
    folder_ = std::move(TemporaryDirectory::make()).value();
    files_ = std::move(FaultyFiles::open(root(), 1, {"registry.db", "tmp/"})).value();
    ASSERT_TRUE(files_->make_directories(at("tmp")));
    for (auto name : {"registry.db", "registry.db-wal", "tmp/x", "ours"})
        std::ofstream(at(name)) << "there";
    ASSERT_TRUE(files_->power_cut());
    EXPECT_EQ(left("registry.db-wal"), "there");
    EXPECT_EQ(left("tmp/x"), "there");
    EXPECT_FALSE(left("ours"));
}

TEST_F(PowerCut, after_it_every_call_fails_and_a_new_world_opens) {
    begin(1);
    put_durably("a", "x");
    auto file = open("a");
    ASSERT_TRUE(files_->power_cut());
    EXPECT_EQ(file->append(bytes_of("y")).error().code, Errc::io_failed);
    EXPECT_FALSE(files_->list(root()).ok());
    EXPECT_TRUE(files_->is_cut());
    auto again = std::move(FaultyFiles::open(root(), 2)).value();
    ASSERT_TRUE(again->power_cut());
    EXPECT_EQ(left("a"), "x");
}

TEST_F(PowerCut, what_a_failed_sync_should_have_synced_is_lost_for_good) {
    begin(4);
    put_durably("a", "x");
    auto file = open("a");
    ASSERT_TRUE(file->append(bytes_of("y")));
    files_->fail(Call::sync, 1, Fault::io_error);
    EXPECT_EQ(file->sync().error().code, Errc::io_failed);
    EXPECT_TRUE(file->sync());  // as the kernel does it
    ASSERT_TRUE(files_->power_cut());
    EXPECT_EQ(left("a")->substr(0, 1), "x");
    EXPECT_NE(*left("a"), "xyz");
}

TEST(FaultyFiles, a_full_disk_takes_what_fits_and_recovers_when_something_is_removed) {
    auto folder = std::move(TemporaryDirectory::make()).value();
    auto files = std::move(FaultyFiles::open(join(folder.path(), "root"), 1)).value();
    auto a = join(folder.path(), "root/a"), b = join(folder.path(), "root/b");
    files->limit_space(10);
    auto file = std::move(files->open(a, Mode::write, 0640)).value();
    EXPECT_TRUE(file->append(bytes_of("12345678")));
    EXPECT_EQ(file->append(bytes_of("90ab")).error().code, Errc::overloaded);
    EXPECT_EQ(file->size().value(), 10u);
    EXPECT_EQ(files->free_space(folder.path()).value(), 0u);
    EXPECT_TRUE(files->remove(a));
    auto other = std::move(files->open(b, Mode::write, 0640)).value();
    EXPECT_TRUE(other->append(bytes_of("1234567890")));
}

TEST(FaultyFiles, fails_the_nth_call_of_a_kind_and_then_works_again) {
    auto folder = std::move(TemporaryDirectory::make()).value();
    auto files = std::move(FaultyFiles::open(join(folder.path(), "root"), 1)).value();
    auto file = std::move(files->open(join(folder.path(), "root/a"), Mode::write, 0640)).value();
    files->fail(Call::append, 2, Fault::no_space);
    EXPECT_TRUE(file->append(bytes_of("1")));
    EXPECT_EQ(file->append(bytes_of("2")).error().code, Errc::overloaded);
    EXPECT_TRUE(file->append(bytes_of("3")));
    EXPECT_EQ(files->calls(Call::append), 3u);
}

}  // namespace
}  // namespace mw::files
