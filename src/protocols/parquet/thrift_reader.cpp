#include "protocols/parquet/thrift_reader.h"

namespace mw::parquet {
namespace {

enum WireType : std::uint8_t {
    stop = 0,
    boolean_true = 1,
    boolean_false = 2,
    one_byte = 3,
    wire_i16 = 4,
    wire_i32 = 5,
    wire_i64 = 6,
    eight_bytes = 7,
    wire_binary = 8,
    wire_list = 9,
    wire_set = 10,
    wire_struct = 12
};

constexpr int thrift_depth_max = 64;

}  // namespace

std::string_view ThriftReader::binary() {
    const std::uint64_t size = in_.varint();
    const std::size_t begin = in_.at;
    if (failed() || !in_.skip(size)) return {};
    return text_of(in_.bytes.subspan(begin, size));
}

ThriftReader::List ThriftReader::list() {
    const std::uint8_t head = in_.byte();
    std::uint64_t size = head >> 4;
    if (size == 15) size = in_.varint();
    // An element has a byte at least, so a size that can't be true ends here.
    if (failed() || size > in_.bytes.size() - in_.at) {
        fail();
        return {};
    }
    return {static_cast<std::uint8_t>(head & 15), size};
}

bool ThriftStruct::next(ThriftReader& in, ThriftField& field) {
    const std::uint8_t head = in.in_.byte();
    if (in.failed() || (head & 15) == stop) return false;
    const int step = head >> 4;
    last_ = step != 0 ? last_ + step : static_cast<int>(static_cast<std::int16_t>(in.integer()));
    field = {last_, static_cast<std::uint8_t>(head & 15)};
    return !in.failed();
}

void ThriftReader::skip_list() {
    const List elements = list();
    for (std::size_t i = 0; i < elements.size && !failed(); ++i) {
        // In a list a boolean is a byte.
        if (elements.type == boolean_true || elements.type == boolean_false)
            in_.byte();
        else
            skip(elements.type);
    }
}

void ThriftReader::skip(std::uint8_t type) {
    if (++depth_ > thrift_depth_max) fail();
    if (!failed()) switch (type) {
            case boolean_true:
            case boolean_false:
                break;
            case one_byte:
                in_.byte();
                break;
            case wire_i16:
            case wire_i32:
            case wire_i64:
                in_.varint();
                break;
            case eight_bytes:
                for (int i = 0; i < 8; ++i) in_.byte();
                break;
            case wire_binary:
                binary();
                break;
            case wire_list:
            case wire_set:
                skip_list();
                break;
            case wire_struct: {
                ThriftStruct inner;
                for (ThriftField field; inner.next(*this, field);) skip(field.type);
                break;
            }
            default:  // maps are in no Parquet structure
                fail();
        }
    --depth_;
}

}  // namespace mw::parquet
