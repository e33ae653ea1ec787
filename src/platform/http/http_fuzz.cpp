// Any bytes, cut anywhere: the reader must refuse or understand, and never read a message that the
// cuts change. The first byte says where to cut.
#include <algorithm>
#include <cstdlib>

#include "platform/http/http.h"
#include "platform/http/wire.h"

namespace {

using namespace mw;
using namespace mw::http;

// What a request looked like to us, as text; the cut must make no difference.
std::string read_all(ByteView bytes, std::size_t cut) {
    MessageReader reader(MessageReader::Kind::request, 4096);
    std::string seen;
    bool limited = false;
    auto take = [&](ByteView part) {
        auto refused = reader.feed(part);
        for (int i = 0; i < 1000 && !refused; ++i) {
            if (reader.head_done() && !limited) {
                auto head = reader.request_head();
                if (std::get_if<Refusal>(&head)) return false;
                seen += std::get<Request>(head).path + '\n';
                reader.set_body_limit(2048);
                limited = true;
                refused = reader.feed({});
                continue;
            }
            seen += reader.take_body();
            if (!reader.done()) return true;
            seen += "\n--\n";
            reader.next();
            limited = false;
            refused = reader.feed({});
        }
        seen += reader.take_body();
        return false;
    };
    cut = std::min(cut, bytes.size());
    if (take(bytes.first(cut))) take(bytes.subspan(cut));
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    ByteView bytes(data + 1, size - 1);
    std::string whole = read_all(bytes, bytes.size());
    std::string in_two = read_all(bytes, data[0]);
    if (whole != in_two) std::abort();
    auto target = parse_target(text_of(bytes));
    if (target && parse_target(make_target(target->first, target->second))->first != target->first)
        std::abort();
    ignore(parse_range(text_of(bytes), size), "any outcome will do");
    return 0;
}
