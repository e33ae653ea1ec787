#pragma once
// The MQTT broker: net streams around the I/O-free Core (core.h), on one loop or on several.
// Belongs to the loop that it was made on; every call comes from there. Limits and counters are in
// options.h.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "platform/loop/loop.h"
#include "platform/net/net.h"
#include "protocols/mqtt/authenticator.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/bridge.h"
#include "protocols/mqtt/inspect.h"
#include "protocols/mqtt/journal.h"
#include "protocols/mqtt/options.h"
#include "protocols/mqtt/presence.h"
#include "protocols/mqtt/redirect.h"
#include "protocols/mqtt/trace.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

class Broker {
 public:
    // Gives the identity of a client certificate (DER; empty for a plain or anonymous connection),
    // or denied with the reason.
    using Resolver = std::function<Result<Identity>(ByteView certificate)>;

    // uplink may be null: a broker between clients only. All outlive the broker.
    Broker(Loop& loop, Random& random, Limits limits, const Authorizer& authorizer, Uplink* uplink);
    ~Broker();  // after stop()

    // Carries sessions on so many loops more, each with a thread of its own, on which the
    // authorizer is asked, too. First of all. A lone message from loop to loop costs more than all
    // else that is done for it: more loops are for a broker that fills one.
    Result<> add_loops(unsigned more);
    static constexpr unsigned loops_max = 16;
    // Sessions, what they are owed and what clients retain survive a power cut from now on, in a
    // journal (docs/formats/mqtt-journal.md). Blocks while it brings back what is there. Before
    // serve(). Errors: corrupt or io_failed, with the file.
    Result<> remember(files::Files& files, Workers& workers, JournalOptions options);
    // Offers methods of enhanced authentication, on each loop. They outlive the broker. Before
    // serve(), as is the next.
    void authenticate_by(Authenticator& methods);
    // Who connects may be told to go elsewhere; asked on each loop.
    void redirect_by(Redirector redirector);
    // Serves what the listener accepts until stop(), which closes it.
    void serve(std::shared_ptr<net::Listener> listener, Resolver resolver);
    // Serves one stream, whose handshake is done.
    void serve(std::unique_ptr<net::Stream> stream, Identity identity);
    // Carries messages to and from another broker from now on (bridge.h). After remember().
    // invalid_input says what is wrong with the options.
    Result<> bridge(BridgeOptions options);
    std::vector<BridgeView> bridges() const;
    // Says "server shutting down" to the clients, closes, and waits.
    Task<> stop();

    // The log has come this far: sends what PUBACKs waited for it, and lets waiting clients go on.
    void on_durable(Ticket durable);

    // The hub itself speaks: desired documents, commands. invalid_input for a bad topic,
    // overloaded when the retained store is full. An empty retained payload removes what was
    // retained.
    Result<> publish_local(std::string_view topic, ByteView payload, bool retain, QoS qos);
    // Ends the connections of an identity (certificate revoked, device deleted) and forgets its
    // sessions.
    void forget(std::string_view identity_name);
    // Ends the connections whose certificate is unwanted by now, and keeps their sessions: their
    // owner may come back with another one. Gives how many. About 0.2 us a connection. Asked on
    // each loop.
    using Unwanted = std::function<bool(ByteView certificate)>;
    Task<std::size_t> drop_connections(Unwanted unwanted, std::string why);
    // For operators (inspect.h, trace.h). Lists take their time, in slices between other work.
    Task<Page<SessionView>> clients(ListOrder order);
    Task<Page<SubscriptionView>> subscriptions(ListOrder order);
    Task<Page<RetainedView>> retained(ListOrder order);
    Task<Kicked> kick(KickOrder order);
    // Ends when the last holder lets go of it. invalid_input; overloaded: traces_max are open.
    Result<std::shared_ptr<Trace>> trace(TraceOrder order);
    std::vector<SessionView> sessions() const;  // of this loop, all at once: for tests
    const Metrics& metrics() const;             // of other loops as they were 250 ms ago
    const Journal* journal() const;  // of this loop; null: sessions live as long as the broker
    // From now on observes latencies there; the registry outlives the broker.
    void measure_into(metrics::Registry& registry);
    void on_presence(std::function<void(const Presence&)> listener);

 private:
    struct Parts;
    class Moves;
    std::unique_ptr<Parts> parts_;
};

}  // namespace mw::mqtt
