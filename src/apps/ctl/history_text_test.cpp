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

}  // namespace
}  // namespace mw::ctl
