#include "data/segments/thrift_compact.h"

#include "base/assert.h"

namespace mw::segments {

void ThriftWriter::field(int id, ThriftType type) {
    const int step = id - last_.back();
    ASSERT(step >= 1 && step <= 15);
    out_.push_back(static_cast<std::uint8_t>(step << 4 | static_cast<int>(type)));
    last_.back() = id;
}

void ThriftWriter::end_struct() {
    out_.push_back(0);
    last_.pop_back();
}

void ThriftWriter::begin_list(int id, ThriftType elements, std::size_t size) {
    constexpr std::size_t short_form = 14;
    field(id, ThriftType::list);
    const auto type = static_cast<std::uint8_t>(elements);
    if (size <= short_form) {
        out_.push_back(static_cast<std::uint8_t>(size << 4 | type));
    } else {
        out_.push_back(static_cast<std::uint8_t>(0xf0 | type));
        append_varint(out_, size);
    }
}

void ThriftWriter::binary_element(std::string_view value) {
    append_varint(out_, value.size());
    out_.insert(out_.end(), value.begin(), value.end());
}

}  // namespace mw::segments
