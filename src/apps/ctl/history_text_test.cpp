#include "apps/ctl/history_text.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

TEST(HistoryText, has_a_row_a_table_and_says_what_waits) {
    const Json figures =
        *parse_json(R"({"series":3,"head":{"points":5,"bytes":640},"replaced_files":2,"tables":[)"
                    R"({"table":"points","files":4,"compacted_files":1,"rows":200,"bytes":250,)"
                    R"("first":"2026-01-01T00:00:00Z","last":"2026-01-02T00:00:00Z"},)"
                    R"({"table":"rollups","files":0,"compacted_files":0,"rows":0,"bytes":0}]})");
    const Table table = history_tables(figures);
    ASSERT_EQ(table.rows.size(), 2u);
    EXPECT_EQ(table.rows[0][0], "points");
    EXPECT_EQ(table.rows[0][5], "1.25");
    EXPECT_EQ(table.rows[1][5], "-");
    EXPECT_EQ(table.rows[1][6], "-");
    const std::string summary = history_summary(figures);
    EXPECT_NE(summary.find("3 series; in memory 5 points"), std::string::npos);
    EXPECT_NE(summary.find("2 replaced files"), std::string::npos);
    EXPECT_TRUE(history_tables(Json{}).rows.empty());
}

TEST(HistoryText, the_verdict_names_what_is_damaged) {
    const Json sound = *parse_json(R"({"sound":true,"files":3,"bytes":99,"without_checksum":1})");
    EXPECT_EQ(
        verdict_text(sound, 0),
        "3 files, 99 bytes: all as they were written\n1 files are from before checksums: only "
        "their size was compared\n");
    const Json bad = *parse_json(
        R"({"sound":false,"files":3,"bytes":99,"damaged":[{"path":"points/x","why":"it is not there",)"
        R"("rows":7,"first":"2026-01-01","last":"2026-01-02","first_device":"a","last_device":"b"}],)"
        R"("missing":["points/y"],"log_damage":[{"path":"log/1","offset":64,"bytes":9}]})");
    const std::string text = verdict_text(bad, 0);
    for (const char* part :
         {"3 damaged", "points/x  it is not there", "a to b", "points/y", "9 bytes at 64 rotted"})
        EXPECT_NE(text.find(part), std::string::npos) << part << text;
}

}  // namespace
}  // namespace mw::ctl
