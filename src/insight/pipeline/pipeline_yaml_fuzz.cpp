// Any text: an error or a spec whose own text reads back.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "insight/pipeline/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto spec = mw::pipeline::parse_spec(mw::text_of({data, size}));
    if (spec) ASSERT(mw::pipeline::parse_spec(mw::pipeline::to_yaml(*spec)).ok());
    return 0;
}
