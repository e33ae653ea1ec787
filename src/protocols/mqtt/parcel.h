#pragma once
// Inside the module: what one shard of a broker tells another at the end of a turn. The messages
// are encoded one behind the other, so that a parcel is a few allocations however many they are.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/packet.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

// A message that goes from shard to shard. Views live as long as what they were taken from.
struct Passed {
    bool to_subscribers = false;  // of plain filters; those of groups stand in `groups`
    bool to_uplink = false;       // of the layers above, whose door is on shard 0
    bool retain = false;          // as it was published
    bool by_hub = false;          // which finds room where clients do not
    bool dup = false;
    bool is_prepared = false;  // of those the parcel has, it is the next one's
    QoS qos = QoS::at_most_once;
    std::uint64_t number = 0;                              // the sender's; for the uplink's answer
    std::uint32_t publisher = 0;                           // hash of the client
    Identity::Kind from_kind = Identity::Kind::anonymous;  // this and the next: for the uplink
    std::string_view from;
    std::string_view topic;
    ByteView payload;
    ByteView properties;  // a section as in a packet; empty: none
    // At QoS 2, of a publisher whose session lasts: its session, as other shards see it, and packet
    // id. 0: none.
    std::uint64_t exchange = 0;
    PacketId exchange_id = 0;
    std::vector<std::string_view> groups;  // shared subscriptions of which that shard has a member
};
void encode(Bytes& out, const Passed& message);
// Takes the first one off `left`. What another shard encoded is whole.
void take(ByteView& left, Passed& out);

// A QoS 2 exchange of a client of another shard is over; id 0: the session is.
struct FinishedExchange {
    std::uint64_t session = 0;
    PacketId id = 0;
};

// What a shard wants to be told from now on.
struct Interest {
    std::string filter;  // plain, or of a shared subscription
    bool wanted = false;
    std::uint32_t connected = 0;  // members of a shared subscription ...
    std::uint32_t members = 0;    // ... and with those that are away
};

// The uplink did not take a message.
struct PassedRefusal {
    std::uint64_t number = 0;
    Error error;
};

struct Parcel {
    std::uint64_t last = 0;   // the sender's number of the last thing in it
    std::uint64_t taken = 0;  // of the receiver's numbers, all through this are safe here
    bool urgent = false;      // somebody waits until it is safe
    std::vector<Interest> interests;
    std::vector<FinishedExchange> finished;  // before the messages
    std::vector<PassedRefusal> refusals;
    Bytes messages;
    std::vector<std::unique_ptr<Prepared>> prepared;  // of messages, in their order
    std::vector<std::unique_ptr<Prepared>> used;      // back to who made them

    bool empty() const { return !tells() && refusals.empty(); }
    bool tells() const { return !interests.empty() || !finished.empty() || !messages.empty(); }
};

}  // namespace mw::mqtt
