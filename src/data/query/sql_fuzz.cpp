// Any text as a statement: what is allowed becomes SQL that is allowed itself, over our names only.
#include <cstdint>
#include <string>

#include "data/query/slot.h"

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
