#include "data/backup/manifest.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/random.h"

namespace mw::backup {
namespace {

Manifest sample() {
    Manifest manifest;
    manifest.name = "2026-11-27T14-05-00Z";
    manifest.version = "0.9.0";
    manifest.from = {1'795'788'300'000'000'000};
    manifest.to = {1'795'788'301'500'000'000};
    manifest.facts = 12;
    manifest.last_fact = std::string(64, 'a');
    manifest.files = {
        {"admin.token", Part::plain, 44, std::string(64, 'b'), 0600, {}},
        {"history/log/00000000000000000003.mwlog", Part::log, 4096, std::string(64, 'c'), 0640, {}},
        {"history/points/day=2026-11-27/00000000000000000002.parquet", Part::segment, 81'920,
         std::string(64, 'd'), 0640, 3'735'928'559},
        {"registry.db", Part::registry, 258'048, std::string(64, 'e'), 0640, {}}};
    manifest.left_out = {{"blobs/ff/" + std::string(64, 'f'), "its bytes changed", false}};
    return manifest;
}

std::string golden() {
    std::ifstream in(MW_SOURCE_DIR "/src/data/backup/golden/manifest-1.txt", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(BackupManifest, is_written_and_read_as_the_format_says) {
    EXPECT_EQ(encode(sample()), golden());
    const auto read = decode(golden());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(encode(*read), golden());
    EXPECT_EQ(read->bytes(), 44u + 4096 + 81'920 + 258'048);
    EXPECT_EQ(read->files[2].crc32c, 3'735'928'559u);
    EXPECT_EQ(read->files[0].mode, 0600u);
}

TEST(BackupManifest, with_any_changed_byte_is_damaged) {
    const std::string text = golden();
    SeededRandom random(7);
    for (int round = 0; round < 300; ++round) {
        std::string changed = text;
        changed[random.below(text.size())] ^= static_cast<char>(1 << random.below(8));
        const auto read = decode(changed);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, Errc::corrupt);
        EXPECT_FALSE(decode(std::string_view(text).substr(0, random.below(text.size()))));
    }
}

TEST(BackupManifest, of_a_newer_program_says_so) {
    std::string newer = golden();
    newer.replace(newer.find(" 1 "), 3, " 2 ");
    EXPECT_EQ(decode(newer).error().code, Errc::invalid_input);
}

TEST(BackupManifest, names_no_file_outside_of_the_data_directory) {
    for (const char* path : {"../x", "/etc/passwd", "a/../../x", "a//b", "a/", "", ".", "a/./b"}) {
        auto manifest = sample();
        manifest.files[0].path = path;
        EXPECT_FALSE(decode(encode(manifest))) << path;
    }
    EXPECT_TRUE(is_inside("a/b.c"));
    EXPECT_TRUE(is_inside("..a/b"));
    EXPECT_TRUE(is_name(name_at({1'795'788'300'123'456'789})));
    EXPECT_EQ(name_at({1'795'788'300'123'456'789}), "2026-11-27T14-05-00Z");
    EXPECT_FALSE(is_name("../x"));
}

}  // namespace
}  // namespace mw::backup
