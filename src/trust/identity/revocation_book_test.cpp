#include "trust/identity/revocation_book.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "trust/identity/identity.h"

namespace mw::identity {
namespace {

using crypto::RevocationReason;

Revocation sample(std::string serial = "4142") {
    return {Timestamp{1'790'000'000'000'000'000},
            std::move(serial),
            RevocationReason::key_compromise,
            "device:gw-1",
            Timestamp{1'797'000'000'000'000'000},
            std::string(64, 'a'),
            std::string(40, 'b'),
            "user:ada",
            "stolen"};
}

// docs/formats/revocation.md
TEST(RevocationBook, the_line_is_the_one_that_is_documented) {
    EXPECT_EQ(to_line(sample()),
              R"({"time":"2026-09-21T14:13:20Z","serial":"4142","reason":"key-compromise",)"
              R"("subject":"device:gw-1","not_after":"2026-12-11T14:40:00Z","key":")" +
                  std::string(64, 'a') + R"(","issuer":")" + std::string(40, 'b') +
                  R"(","actor":"user:ada","why":"stolen"})"
                  "\n");
    const std::string line = to_line(sample());
    const auto read = revocation_from_line(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, sample());
}

class RevocationFileTest : public testing::Test {
 protected:
    Result<std::unique_ptr<RevocationFile>> open(files::Files& files) {
        found_.clear();
        return RevocationFile::open(files, path_, found_);
    }
    Result<std::unique_ptr<RevocationFile>> open() { return open(real_); }
    void write(std::string_view text) {
        ASSERT_TRUE(files::atomic_replace(real_, path_, bytes_of(text), 0600).ok());
    }
    log::Capture log_;
    files::RealFiles real_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    std::string path_ = folder_.path() + "/revoked.jsonl";
    std::vector<Revocation> found_;
};

TEST_F(RevocationFileTest, what_was_written_survives_a_power_cut_and_nothing_else_counts) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        write("");
        auto faulty = *files::FaultyFiles::open(folder_.path(), seed);
        auto file = open(*faulty);
        ASSERT_TRUE(file.ok()) << file.error().message;
        const Revocation both[] = {sample("01"), sample("02")}, third = sample("03");
        ASSERT_TRUE((*file)->write(both).ok());
        faulty->fail(files::Call::sync, 1, files::Fault::no_space);
        EXPECT_FALSE((*file)->write({&third, 1}).ok());
        EXPECT_FALSE((*file)->write({&third, 1}).ok()) << "after an error it must be opened again";
        file->reset();
        ASSERT_TRUE(faulty->power_cut().ok());
        ASSERT_TRUE(open().ok()) << "seed " << seed;
        ASSERT_GE(found_.size(), 2u) << "seed " << seed;
        EXPECT_EQ(found_[0], both[0]);
        EXPECT_EQ(found_[1], both[1]);
    }
}

TEST_F(RevocationFileTest, a_line_that_a_crash_cut_short_goes_and_the_rest_stays) {
    const std::string whole = to_line(sample("01"));
    const std::string torn = whole + to_line(sample("02")).substr(0, 40);
    write(torn);
    auto file = open();
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_EQ(found_.size(), 1u);
    const Revocation next = sample("03");
    ASSERT_TRUE((*file)->write({&next, 1}).ok());
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(found_.size(), 2u);
    EXPECT_EQ(found_[1].serial, "03");
}

TEST_F(RevocationFileTest, a_line_that_rotted_stops_the_start_and_is_named) {
    std::string text = to_line(sample("01")) + to_line(sample("02")) + to_line(sample("03"));
    text[text.find("serial", to_line(sample("01")).size())] = 'X';
    write(text);
    const auto file = open();
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code, Errc::corrupt);
    EXPECT_NE(file.error().message.find("line 2"), std::string::npos) << file.error().message;
}

TEST(RevocationBook, of_a_certificate_the_first_revocation_counts) {
    RevocationBook book;
    Revocation again = sample();
    again.why = "again";
    const Revocation both[] = {sample(), again};
    book.add(both);
    EXPECT_EQ(book.size(), 1u);
    ASSERT_NE(book.find("4142"), nullptr);
    EXPECT_EQ(book.find("4142")->why, "stolen");
    EXPECT_EQ(book.find("41"), nullptr);
}

TEST(RevocationBook, only_a_compromised_key_is_banned) {
    RevocationBook book;
    Revocation replaced = sample("02");
    replaced.reason = RevocationReason::superseded;
    crypto::Sha256Digest stolen, good;
    stolen.fill(0x11), good.fill(0x22);
    Revocation lost = sample("01");
    lost.key = to_hex(stolen), replaced.key = to_hex(good);
    const Revocation both[] = {lost, replaced};
    book.add(both);
    EXPECT_TRUE(book.is_compromised(stolen));
    EXPECT_FALSE(book.is_compromised(good));
}

}  // namespace
}  // namespace mw::identity
