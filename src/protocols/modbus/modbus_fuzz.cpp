// Any bytes as a machine's answer: read or refused, never more than they are.
#include "protocols/modbus/modbus.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    mw::modbus::Read read;
    read.table = static_cast<mw::modbus::Table>(1 + data[0] % 4);
    read.count = static_cast<std::uint16_t>(1 + data[1] % 125);
    const mw::ByteView answer(data + 2, size - 2);
    const auto length = mw::modbus::answer_length(answer);
    if (!length || !*length || **length > answer.size()) return 0;
    const auto transaction = static_cast<std::uint16_t>(answer[0] << 8 | answer[1]);
    const auto got = mw::modbus::decode_answer(answer.first(**length), transaction,
                                               answer.size() > 6 ? answer[6] : 0, read);
    if (got) ASSERT(got->size() == read.count);
    return 0;
}
