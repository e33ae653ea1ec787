// Any bytes as statements of somebody who may not see everything: whether what is hidden is there
// or not, the answer is the same, and nothing of a planted secret shows.
#include <cstdint>
#include <cstdio>
#include <span>

#include "data/query/statement_grammar.h"
#include "data/query/twin_worlds.h"

// DuckDB keeps a few objects of its one connection where LeakSanitizer does not look.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::query;
    static auto* worlds = new twins::Twins(false);  // never torn down: its threads outlive main
    Statements statements(std::span(data, size), worlds->with.folder());
    const std::string sql = statements.next();
    const std::string leak = worlds->leak(sql);
    if (!leak.empty()) std::fprintf(stderr, "%s\n%s\n", sql.c_str(), leak.c_str());
    ASSERT(leak.empty());
    return 0;
}
