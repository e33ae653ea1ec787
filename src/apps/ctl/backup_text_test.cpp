#include "apps/ctl/backup_text.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

TEST(BackupText, reads_and_writes_bytes_as_people_do) {
    const std::pair<const char*, std::uint64_t> good[] = {
        {"0", 0},          {"20M", 20'000'000}, {"1.5G", 1'500'000'000},
        {"500k", 500'000}, {"7kB", 7'000},      {"12", 12}};
    for (const auto& [text, bytes] : good) {
        const auto parsed = parse_bytes(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, bytes) << text;
    }
    for (const char* text : {"", "M", "-1", "20 M", "20X", "fast", "1e40", "nan", "inf"})
        EXPECT_FALSE(parse_bytes(text)) << text;
    EXPECT_EQ(short_bytes(999), "999 B");
    EXPECT_EQ(short_bytes(1'500), "1.5 kB");
    EXPECT_EQ(short_bytes(1'500'000'000), "1.5 GB");
    EXPECT_EQ(short_bytes(2'500'000'000'000'000), "2500.0 TB");
}

TEST(BackupText, names_what_is_damaged_and_what_is_not_in_it) {
    backup::Verified good{"b1", 3, 1'500, {}, {}};
    backup::Verified bad{
        "b2", 4, 2'000, {{"blobs/ab", "it is not there"}}, {{"x", "it was not there", false}}};
    const auto text = verdict_text({good, bad}, 0);
    EXPECT_NE(text.find("b1: 3 files, 1.5 kB, as it was written\n"), std::string::npos) << text;
    EXPECT_NE(text.find("b2: 4 files, 2.0 kB, 1 damaged; 1 file of the hub"), std::string::npos);
    EXPECT_NE(text.find("blobs/ab"), std::string::npos);
    EXPECT_EQ(find_bool(verdict_json({good, bad}), "sound"), false);
    EXPECT_EQ(find_bool(verdict_json({good}), "sound"), true);

    backup::Manifest manifest;
    manifest.name = "b3";
    manifest.files = {{"a", backup::Part::blob, 10, "", 0640, {}}};
    manifest.left_out = {{"admin.token", "a secret", true}, {"y", "it was not there", false}};
    EXPECT_EQ(backups_table({manifest}).rows[0].back(), "1");  // a secret is no damage
    const auto shown = manifest_text(manifest, 0);
    EXPECT_NE(shown.find("admin.token"), std::string::npos) << shown;
    EXPECT_EQ(find_integer(manifest_json(manifest, true), "file_count"), 1);
}

}  // namespace
}  // namespace mw::ctl
