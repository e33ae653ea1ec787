// Any bytes as a dataset: what is read writes back to the same bytes.
#include <cstdint>
#include <string_view>

#include "data/datasets/dataset_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::datasets;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto content = read_dataset(text);
    if (!content) return 0;
    const auto again = write_dataset(*content);
    ASSERT(again.ok() && *again == text);
    for (const auto& part : normal_rows(*content))
        ASSERT(part.values.size() == part.rows() * part.width());
    return 0;
}
