#pragma once
// Two ends in memory, for tests and for simulating a network in one thread. What one end writes in
// a turn arrives at the other in the next. The bytes a read gave are overwritten when the turn
// ends, so that a reader which keeps them too long is found out.

#include "platform/net/stream.h"

namespace mw::net {

struct FakeStreamOptions {
    std::size_t capacity = 256 * 1024;  // bytes under way in one direction; then writers wait
    std::size_t chunk = SIZE_MAX;       // a read gives at most this many bytes
    Bytes certificate_of_first{};       // what the second end sees as its peer's, and the other way
    Bytes certificate_of_second{};
};
struct StreamPair {
    std::unique_ptr<Stream> first, second;
};
StreamPair make_stream_pair(Loop& loop, FakeStreamOptions options = {});
// As if the network cut the connection: both ends get io_failed.
void cut(Stream& fake);

}  // namespace mw::net
