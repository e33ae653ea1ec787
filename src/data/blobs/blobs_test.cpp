#include "data/blobs/blobs.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace mw::blobs {
namespace {

class BlobsTest : public testing::Test {
 public:
    BlobsTest() : blobs(open(files)) {}
    std::unique_ptr<Blobs> open(files::Files& on, std::uint64_t bytes_max = 1 << 20) {
        auto opened = Blobs::open(on, workers,
                                  {.directory = files::join(folder.path(), "blobs"),
                                   .bytes_max = bytes_max,
                                   .uploads_max = 2});
        EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
        return opened ? std::move(*opened) : nullptr;
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    static Bytes text(std::string_view content) {
        const auto view = bytes_of(content);
        return {view.begin(), view.end()};
    }

    std::unique_ptr<Loop> loop = *Loop::open();
    Workers workers{{.threads = 2}};
    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    files::RealFiles files;
    std::unique_ptr<Blobs> blobs;
};

constexpr const char* abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST_F(BlobsTest, are_named_by_their_hash_and_stored_once) {
    const auto first = wait(blobs->put(text("abc")));
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->sha256, abc);
    EXPECT_EQ(first->size, 3u);
    EXPECT_EQ(wait(blobs->put(text("abc")))->sha256, abc);
    EXPECT_EQ(wait(blobs->put({}))->sha256, nothing);
    EXPECT_EQ(wait(blobs->list())->size(), 2u);
    EXPECT_TRUE(files.list(files::join(folder.path(), "blobs/incoming"))->empty());
}

TEST_F(BlobsTest, are_read_by_range) {
    ASSERT_TRUE(wait(blobs->put(text("abc"))));
    struct Case {
        std::uint64_t offset;
        std::size_t length;
        const char* expected;
    };
    for (const auto& row : {Case{0, 3, "abc"}, Case{1, 1, "b"}, Case{2, 100, "c"}, Case{3, 5, ""},
                            Case{1'000'000, 5, ""}, Case{0, 0, ""}})
        EXPECT_EQ(*wait(blobs->read(abc, row.offset, row.length)), text(row.expected))
            << row.offset;
}

TEST_F(BlobsTest, names_that_are_no_hash_reach_no_file) {
    for (const auto* name : {"", "../../etc/passwd", "ABC", "ba78"})
        EXPECT_EQ(wait(blobs->stat(name)).error().code, Errc::invalid_input) << name;
    EXPECT_EQ(wait(blobs->read(abc, 0, 1)).error().code, Errc::not_found);
}

TEST_F(BlobsTest, a_wrong_hash_is_refused_and_nothing_stays) {
    {
        auto upload = *blobs->begin();
        ASSERT_TRUE(wait(upload->write(text("ab"))));
        ASSERT_TRUE(wait(upload->write(text("c"))));
        const auto refused = wait(upload->finish(std::string(nothing)));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::invalid_input);
    }
    EXPECT_TRUE(wait(blobs->list())->empty());
    EXPECT_TRUE(files.list(files::join(folder.path(), "blobs/incoming"))->empty());
}

TEST_F(BlobsTest, uploads_are_limited_in_size_and_number) {
    blobs = open(files, 4);
    auto upload = *blobs->begin();
    ASSERT_TRUE(wait(upload->write(text("abc"))));
    EXPECT_EQ(wait(upload->write(text("de"))).error().code, Errc::invalid_input);
    auto second = *blobs->begin();
    const auto third = blobs->begin();
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, Errc::overloaded);
    second.reset();
    EXPECT_TRUE(blobs->begin());
}

TEST_F(BlobsTest, damage_is_found) {
    ASSERT_TRUE(wait(blobs->put(text("abc"))));
    EXPECT_TRUE(wait(blobs->verify(abc)));
    auto file = *files.open(files::join(folder.path(), std::string("blobs/ba/") + abc),
                            files::Mode::write, 0640);
    ASSERT_TRUE(file->write_at(1, bytes_of("X")));
    const auto verified = wait(blobs->verify(abc));
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, Errc::corrupt);
}

TEST_F(BlobsTest, after_a_power_cut_at_any_call_a_blob_is_whole_or_absent) {
    int acknowledged = 0;
    for (std::uint64_t call = 1; call <= 14; ++call) {
        blobs.reset();
        const auto content = text("content " + std::to_string(call) + std::string(2'000, 'x'));
        std::optional<Blob> stored;
        {
            auto faulty = *files::FaultyFiles::open(folder.path(), call);
            blobs = open(*faulty);
            faulty->fail(files::Call::any, call, files::Fault::power_cut);
            if (auto put = wait(blobs->put(content))) stored = *put;
            ignore(faulty->power_cut(), "it may be cut already");
            blobs.reset();
        }
        blobs = open(files);
        const auto left = *wait(blobs->list());
        for (const auto& blob : left) EXPECT_TRUE(wait(blobs->verify(blob.sha256)));
        if (!stored) continue;
        ++acknowledged;
        EXPECT_EQ(*wait(blobs->read(stored->sha256, 0, 10'000)), content);
    }
    EXPECT_GT(acknowledged, 0);
}

}  // namespace
}  // namespace mw::blobs
