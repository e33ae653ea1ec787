// Any bytes from two clients, cut anywhere, against one Core: no crash, and whatever is answered is
// well-formed. The input's first byte of each step says who sends, how much, or what else happens.
#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

constexpr std::uint8_t hello[]{0x10, 0x0e, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 9, 0, 0, 1, 'a'};
constexpr std::uint8_t old_hello[]{0x10, 0x0d, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 9, 0, 1, 'b'};

Limits tight() {
    Limits limits;
    limits.packet_bytes = 4'096;
    limits.subscriptions_per_session = 8;
    limits.queued_messages = 8;
    limits.retained_messages = 8;
    limits.receive_maximum = 4;
    limits.inflight_maximum = 4;
    return limits;
}

// The packets in what was written; only the last may be cut off by nothing.
void check_answers(const FakeClient& client) {
    ByteView rest = client.wire.written;
    Frame frame;
    while (!rest.empty()) {
        ASSERT(next_frame(rest, 1 << 20, frame).ok());
        ASSERT(frame.size > 0);
        rest = rest.subspan(frame.size);
    }
}

void step(FakeWorld& world, const std::string& name, ByteView bytes) {
    if (!world.clients.contains(name)) {
        FakeClient& client = world.open(name);
        if (bytes.size() % 4 != 0)  // mostly beyond CONNECT
            client.connection->receive(name == "a" ? ByteView(hello) : ByteView(old_hello));
    }
    FakeClient& client = *world.clients.at(name);
    client.connection->receive(bytes);
    check_answers(client);
    if (client.wire.closed) world.clients.erase(name);
}

}  // namespace
}  // namespace mw::mqtt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::mqtt;
    static const bool quiet = [] {
        mw::log::configure({.level = mw::log::Level::off});
        return true;
    }();
    static_cast<void>(quiet);
    const OpenAuthorizer everybody;
    FakeWorld world(everybody, tight());
    world.core.use(&world.methods);
    mw::ByteView rest(data, size);
    while (!rest.empty()) {
        const std::uint8_t what = rest[0];
        rest = rest.subspan(1);
        switch (what >> 5) {
            case 0:
                world.advance(mw::seconds{what & 31});
                break;
            case 1:
                world.uplink.mode = static_cast<FakeUplink::Mode>(what % 5);
                break;
            case 2:
                world.uplink.reached = {world.uplink.last};
                world.core.on_durable(world.uplink.reached);
                break;
            case 3:
                world.clients.erase((what & 1) != 0 ? "a" : "b");
                break;
            default: {
                const auto take = std::min<std::size_t>(rest.size(), what & 63);
                step(world, (what & 64) != 0 ? "a" : "b", rest.first(take));
                rest = rest.subspan(take);
            }
        }
    }
    return 0;
}
