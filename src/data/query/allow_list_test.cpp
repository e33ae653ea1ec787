#include "data/query/allow_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "data/duckdb/duckdb.h"

namespace mw::query {
namespace {

std::set<std::string> known_to_duckdb() {
    auto database = duckdb::Database::open({.memory_bytes = 64 << 20}).value();
    auto connection = database.connect().value();
    auto rows = connection
                    .query(
                        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE "
                        "function_type IN ('scalar', 'aggregate', 'macro', 'table')")
                    .value();
    std::set<std::string> names;
    duckdb::Chunk chunk;
    while (rows.next(chunk).value()) {
        for (std::size_t i = 0; i < chunk.size(); ++i) {
            names.emplace(chunk.column(0).text(i));
        }
    }
    return names;
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (c == ' ')
            words.push_back(std::exchange(word, ""));
        else
            word += c;
    }
    words.push_back(word);
    return words;
}

TEST(AllowedFunctions, each_is_known_to_duckdb) {
    const auto known = known_to_duckdb();
    // Built into the parser or the binder, so not in the catalog.
    const std::set<std::string> built_in{"coalesce",    "ifnull",     "grouping",   "row_number",
                                         "rank",        "rank_dense", "dense_rank", "percent_rank",
                                         "cume_dist",   "ntile",      "lag",        "lead",
                                         "first_value", "last_value", "nth_value",  "fill"};
    for (const FunctionGroup& group : allowed_functions()) {
        for (const std::string& name : words(group.names)) {
            EXPECT_TRUE(known.contains(name) || built_in.contains(name)) << "'" << name << "'";
        }
    }
}

TEST(AllowedFunctions, none_reads_files_settings_or_the_session) {
    for (const char* prefix :
         {"read_", "duckdb_", "pragma_", "pg_", "parquet_", "json_", "current_s", "current_u", "__",
          "has_", "inet_", "txid", "getv", "gete"}) {
        for (const FunctionGroup& group : allowed_functions()) {
            for (const std::string& name : words(group.names)) {
                EXPECT_FALSE(name.starts_with(prefix)) << name;
            }
        }
    }
}

TEST(AllowedFunctions, the_manual_lists_every_one) {
    std::ifstream file(MW_SOURCE_DIR "/docs/sql.md");
    const std::string manual(std::istreambuf_iterator<char>(file), {});
    ASSERT_FALSE(manual.empty());
    for (const FunctionGroup& group : allowed_functions()) {
        EXPECT_NE(manual.find(std::string(group.names)), std::string::npos)
            << "docs/sql.md must hold this line under " << group.title << ":\n"
            << group.names;
    }
}

}  // namespace
}  // namespace mw::query
