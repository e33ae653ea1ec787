// Statements from a grammar, as somebody who may not see everything: each has the same answer
// whether what is hidden is there or not. The fuzzer sight_fuzz.cpp goes on where this ends.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "base/random.h"
#include "data/query/statement_grammar.h"
#include "data/query/twin_worlds.h"

namespace mw::query {
namespace {

TEST(SightGrammar, no_statement_tells_of_what_is_hidden) {
    const int statements = std::getenv("MW_LONG") != nullptr ? 3'000 : 150;
    constexpr std::uint64_t seed = 20260101;
    SeededRandom random(seed);
    twins::Twins worlds(false);
    int answered = 0, empty = 0;
    for (int i = 0; i < statements; ++i) {
        // What the bytes don't say is the simplest choice: DuckDB plans long statements for
        // minutes.
        std::array<std::uint8_t, 64> bytes;
        random.fill(bytes);
        const std::string sql = Statements(bytes, worlds.with.folder()).next();
        twins::Plant::Answer answer;
        const std::string leak = worlds.leak(sql, &answer);
        ASSERT_EQ(leak, "") << "seed " << seed << ", statement " << i << ":\n" << sql;
        answered += !answer.error;
        empty += !answer.error && answer.text.empty();
    }
    std::printf("seed %llu: %d statements, %d answered, %d of them without rows\n",
                static_cast<unsigned long long>(seed), statements, answered, empty);
    // A grammar whose statements fail, or find nothing, would prove nothing.
    EXPECT_GT(answered - empty, statements / 4);
}

// The same must not hold for who sees everything, or the worlds would prove nothing.
TEST(SightGrammar, the_worlds_differ_for_who_sees_everything) {
    twins::Twins worlds;
    for (const char* table : {"points", "series", "scorecard", "decisions", "labels", "pumps"}) {
        const std::string sql = std::string("SELECT * FROM ") + table;
        EXPECT_NE(worlds.with.answer(sql, "user:boss").text,
                  worlds.without.answer(sql, "user:boss").text)
            << (std::string_view(table) == "series" ? "" : table);
    }
}

}  // namespace
}  // namespace mw::query
