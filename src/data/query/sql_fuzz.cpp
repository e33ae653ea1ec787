// Any text as a statement: what is allowed becomes SQL that is allowed itself, over our names only.
#include <cstdint>
#include <string>

#include "data/query/slot.h"

// DuckDB keeps a few objects of its one connection where LeakSanitizer does not look: 6 kB, however
// many statements come.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::query;
    static Slot slot{SlotOptions{}};
    const std::string sql(reinterpret_cast<const char*>(data), size);
    constexpr std::size_t memory = 128 << 20;
    auto parsed = slot.parse(sql, {"pumps"}, memory, {});
    if (!parsed) return 0;
    std::vector<std::string> names;
    for (const Wanted& wanted : parsed->wanted) names.push_back(wanted.internal);
    auto again = slot.parse(parsed->sql, names, memory, {});
    ASSERT(again.ok());
    ASSERT(again->wanted.size() == names.size());
    return 0;
}
