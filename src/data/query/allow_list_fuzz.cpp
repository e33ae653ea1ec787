// Any bytes as the parser's tree: a verdict or an error, never a crash, and an allowed tree can be
// written and read again.
#include <cstdint>
#include <string_view>

#include "data/query/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::query;
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    auto tree = parse_tree(json);
    if (!tree) return 0;
    const std::string written = to_json(*tree);
    auto again = parse_tree(written);
    ASSERT(again.ok() && to_json(*again) == written);
    auto checked = check(std::move(*tree), "SELECT a FROM points WHERE b", {"pumps"});
    if (checked) ASSERT(parse_tree(to_json(checked->tree)).ok());
    return 0;
}
