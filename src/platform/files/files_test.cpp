#include "platform/files/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mw::files {
namespace {

// One suite for every implementation of the seam.
class FilesSeam : public testing::TestWithParam<bool> {
 protected:
    void SetUp() override {
        if (GetParam()) {
            files_ = std::move(FaultyFiles::open(root(), 1)).value();
        } else {
            files_ = std::make_unique<RealFiles>();
            ASSERT_TRUE(files_->make_directories(root()));
        }
    }
    std::string root() const { return join(folder_.path(), "root"); }
    std::string at(std::string_view name) const { return join(root(), name); }
    std::string text_at(std::string_view name) {
        auto bytes = read_all(*files_, at(name));
        return bytes ? std::string(text_of(*bytes)) : bytes.error().message;
    }
    void put(std::string_view name, std::string_view text) {
        auto file = files_->open(at(name), Mode::write);
        ASSERT_TRUE(file.ok());
        ASSERT_TRUE((*file)->append(bytes_of(text)));
    }
    TemporaryDirectory folder_ = std::move(TemporaryDirectory::make()).value();
    std::unique_ptr<Files> files_;
};

TEST_P(FilesSeam, appends_behind_what_is_there_and_reads_at_an_offset) {
    put("a", "hello ");
    put("a", "world");
    auto file = std::move(files_->open(at("a"), Mode::read)).value();
    Bytes bytes(100);
    EXPECT_EQ(file->read_at(6, bytes).value(), 5u);
    EXPECT_EQ(text_of(ByteView(bytes).first(5)), "world");
    EXPECT_EQ(file->read_at(11, bytes).value(), 0u);
}

TEST_P(FilesSeam, overwrites_and_truncates) {
    put("a", "0123456789");
    auto file = std::move(files_->open(at("a"), Mode::write)).value();
    EXPECT_TRUE(file->write_at(8, bytes_of("abcd")));
    EXPECT_EQ(file->size().value(), 12u);
    EXPECT_TRUE(file->truncate(9));
    EXPECT_TRUE(file->sync());
    EXPECT_EQ(text_at("a"), "01234567a");
}

TEST_P(FilesSeam, says_which_call_failed_on_which_path) {
    auto missing = files_->open(at("absent"), Mode::read);
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_NE(missing.error().message.find(at("absent")), std::string::npos);
    put("a", "x");
    EXPECT_EQ(files_->open(at("a"), Mode::create_new).error().code, Errc::conflict);
    EXPECT_EQ(files_->remove(at("absent")).error().code, Errc::not_found);
    EXPECT_EQ(files_->rename(at("absent"), at("b")).error().code, Errc::not_found);
    EXPECT_FALSE(files_->size(at("absent")).value().has_value());
}

TEST_P(FilesSeam, a_rename_replaces) {
    put("a", "new");
    put("b", "old");
    EXPECT_TRUE(files_->rename(at("a"), at("b")));
    EXPECT_EQ(text_at("b"), "new");
    EXPECT_FALSE(files_->size(at("a")).value().has_value());
}

TEST_P(FilesSeam, lists_names_in_order_with_sizes) {
    put("b", "22");
    put("a", "1");
    EXPECT_TRUE(files_->make_directories(at("sub/deeper")));
    auto entries = files_->list(root()).value();
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].name, "a");
    EXPECT_EQ(entries[1].size, 2u);
    EXPECT_TRUE(entries[2].directory);
    EXPECT_EQ(files_->list(at("none")).error().code, Errc::not_found);
}

TEST_P(FilesSeam, atomic_replace_sets_permissions_and_leaves_no_other_file) {
    put("key.tmp", "left by a crash");
    EXPECT_TRUE(atomic_replace(*files_, at("key"), bytes_of("one"), 0600));
    EXPECT_TRUE(atomic_replace(*files_, at("key"), bytes_of("two"), 0600));
    EXPECT_EQ(text_at("key"), "two");
    struct stat facts {};
    ASSERT_EQ(::stat(at("key").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
    EXPECT_EQ(files_->list(root()).value().size(), 1u);
}

TEST_P(FilesSeam, knows_free_space_and_refuses_files_over_a_limit) {
    EXPECT_GT(files_->free_space(root()).value(), 0u);
    put("a", "12345");
    EXPECT_EQ(read_all(*files_, at("a"), 4).error().code, Errc::overloaded);
}

INSTANTIATE_TEST_SUITE_P(Seam, FilesSeam, testing::Bool(),
                         [](const auto& row) { return row.param ? "FaultyFiles" : "RealFiles"; });

TEST(Paths, have_parents_and_names) {
    struct Row {
        const char *path, *parent, *name;
    };
    for (auto row : {Row{"a/b/c", "a/b", "c"}, Row{"a/b/", "a", "b"}, Row{"a", ".", "a"},
                     Row{"/a", "/", "a"}, Row{"/a//b", "/a", "b"}}) {
        EXPECT_EQ(parent_of(row.path), row.parent) << row.path;
        EXPECT_EQ(name_of(row.path), row.name) << row.path;
    }
    EXPECT_EQ(join("a/", "b"), "a/b");
    EXPECT_EQ(join("", "b"), "b");
}

TEST(DirectoryLock, a_second_holder_is_told_who_the_first_is) {
    auto folder = std::move(TemporaryDirectory::make()).value();
    {
        auto first = DirectoryLock::take(folder.path());
        ASSERT_TRUE(first.ok());
        auto second = DirectoryLock::take(folder.path());
        ASSERT_FALSE(second.ok());
        EXPECT_EQ(second.error().code, Errc::conflict);
        EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())),
                  std::string::npos);
    }
    EXPECT_TRUE(DirectoryLock::take(folder.path()).ok());
}

}  // namespace
}  // namespace mw::files
