#include "protocols/mqtt/bridge.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr nanoseconds session_touched_every = seconds{3'600};

// Whoever listens to a session only to keep it: takes what comes, and acknowledges nothing.
class DeafWire final : public Wire {
 public:
    void write(ByteView bytes) override {
        if (connack_.empty()) connack_.assign(bytes.begin(), bytes.end());
    }
    std::size_t unsent() const override { return 0; }
    std::string peer() const override { return "the bridge, not connected"; }
    void time_flush(SteadyTime) override {}
    void on_full() override {}
    void on_readable() override {}
    void on_close(bool) override {}

    bool accepted() const { return connack_.size() > 3 && connack_[3] == 0; }
    bool present() const { return accepted() && (connack_[2] & 1) != 0; }

 private:
    Bytes connack_;
};

Identity bridge_identity(const std::string& name) {
    return {Identity::Kind::service, std::string(bridge_prefix) + name};
}

}  // namespace

// Both connections, as long as they live. An error ends them together.
struct Bridge::Joint final : public Wire {
    Joint(Bridge& owner, std::unique_ptr<net::Stream> transport)
        : bridge(owner),
          core(owner.core_),
          relay(owner.map_, owner.relay_options(), owner.counters_,
                [this] { return local->session()->unreleased_ids(); }),
          stream(std::move(transport)),
          scope(Loop::here()) {
        const Limits& limits = core.limits();
        stream->set_write_limit(limits.outbox_bytes + limits.packet_bytes + 512 * 1024);
    }

    static Task<> run(Joint& self) {
        self.relay.begin();
        self.flush();
        self.scope.spawn(answer(self));
        self.scope.spawn(watch(self));
        auto outcome = co_await read(self);
        if (!self.error) self.error = outcome ? Error{Errc::io_failed, "ended"} : outcome.error();
        self.scope.cancel();
        ignore(co_await self.scope.join(), "cancelled: then they end with the scope");
        if (self.local) self.local->lost("the bridge: " + self.error->message);
        self.stream->close();
        co_return *self.error;
    }

    static Task<> read(Joint& self) {
        while (!self.error) {
            if (!self.wants_bytes()) {
                self.readable.reset();
                CO_TRY_VOID(co_await self.readable.wait());
                continue;
            }
            auto bytes = co_await self.stream->read();
            if (self.error) break;
            if (!bytes) co_return std::move(bytes).error();
            if (bytes->empty())
                co_return Error{Errc::io_failed, "the remote broker closed the connection"};
            if (auto taken = self.relay.from_remote(*bytes); !taken) co_return taken.error();
            self.flush();
        }
        co_return Result<>{};
    }
    // Not reading stops the remote broker: while ours has not accepted us, and while it has no
    // room for a message.
    bool wants_bytes() const {
        return !relay.waits_for_local() && (local == nullptr || !local->paused());
    }

    // What ours said outside of a read: its answers can not be given while it speaks.
    static Task<> answer(Joint& self) {
        while (!self.error) {
            CO_TRY_VOID(co_await self.spoke.wait());
            self.spoke.reset();
            self.flush();
            self.readable.set();
        }
        co_return Result<>{};
    }

    // CONNACKs in time, then a PINGREQ in each half of the keep alive; two in a row without a byte
    // from the remote broker end it.
    static Task<> watch(Joint& self) {
        const auto opened =
            co_await within(self.bridge.options_.connect_timeout, self.opened.wait());
        if (!opened) {
            self.end({Errc::timed_out, "there is no session with both brokers in time"});
            co_return Result<>{};
        }
        std::uint64_t heard = self.stream->bytes_read();
        for (int unanswered = 0; !self.error;) {
            std::uint16_t period = self.relay.keep_alive_s();
            if (const auto ours = self.relay.local_keep_alive_s(); ours > 0)
                period = period == 0 ? ours : std::min(period, ours);
            if (period == 0) break;
            CO_TRY_VOID(co_await sleep_for(milliseconds{500} * period));
            if (self.error) break;
            const std::uint64_t now = self.stream->bytes_read();
            unanswered = now == heard && self.wants_bytes() ? unanswered : 0;
            heard = now;
            if (unanswered >= 2) {
                self.end({Errc::timed_out, "the remote broker answers no PINGREQ"});
                break;
            }
            ++unanswered;
            encode_empty(self.relay.to_remote(), PacketType::pingreq);
            if (self.relay.local_keep_alive_s() > 0)
                encode_empty(self.relay.to_local(), PacketType::pingreq);
            self.flush();
        }
        co_return Result<>{};
    }

    // As long as the remote broker takes bytes, however slowly, ours waits.
    static Task<> wait_for_drain(Joint& self) {
        while (!self.error) {
            const std::uint64_t before = self.stream->bytes_written();
            auto drained = co_await within(self.core.limits().write_stall, self.stream->writable());
            if (drained) {
                self.local->drained();
                self.core.settle();
                break;
            }
            if (drained.error().code != Errc::timed_out) break;  // its reader hears of it, too
            if (self.stream->bytes_written() == before)
                self.end({Errc::timed_out, "the remote broker takes no bytes"});
        }
        co_return Result<>{};
    }

    void flush() {
        if (std::exchange(flushing, true)) return;
        while (!error) {
            if (auto taken = relay.from_remote({}); !taken) end(taken.error());  // what waited
            note_open();
            send_remote();
            const Bytes packets = std::exchange(relay.to_local(), {});
            if (error || packets.empty()) break;
            if (!local) {
                local = std::make_unique<Connection>(core, *this,
                                                     bridge_identity(bridge.options_.name));
                local->for_others = true;
            }
            local->receive(packets);
        }
        flushing = false;
    }
    void send_remote() {
        if (error || relay.to_remote().empty()) return;
        auto written = stream->write(relay.to_remote());
        relay.to_remote().clear();
        if (!written) end(std::move(written).error().context("to the remote broker"));
    }
    void note_open() {
        if (!relay.is_open() || std::exchange(open, true)) return;
        ++bridge.connects_;
        bridge.since_ = core.now();
        bridge.session_is_new_ = false;
        bridge.last_error_.clear();
        opened.set();
        log::info("mqtt.bridge.connected", {{"bridge", bridge.options_.name},
                                            {"remote", bridge.remote()},
                                            {"resumed", relay.remote_present()}});
    }

    // Safe within calls of the core; the reader does the rest.
    void end(Error why) {
        if (error) return;
        error = std::move(why);
        stream->close();
        readable.set();
    }

    void write(ByteView bytes) override {
        core.count().bytes_sent += bytes.size();
        if (error) return;
        if (auto taken = relay.from_local(bytes); !taken) return end(taken.error());
        if (flushing) return;
        send_remote();
        if (!relay.to_local().empty() || !open) spoke.set();
    }
    std::size_t unsent() const override { return stream->unsent() + relay.unsent(); }
    std::string peer() const override { return "bridge to " + bridge.remote(); }
    // The remote broker's clients wait for more than our socket: this is not timed.
    void time_flush(SteadyTime) override { core.latencies().end_delivery(); }
    void on_full() override { scope.spawn(wait_for_drain(*this)); }
    void on_readable() override { readable.set(); }
    void on_close(bool) override {
        end({Errc::io_failed, "our own broker closed the bridge's session"});
    }

    Bridge& bridge;
    Core& core;
    Relay relay;
    std::unique_ptr<net::Stream> stream;
    std::optional<Error> error;
    bool flushing = false;
    bool open = false;
    Event opened;
    Event spoke;     // ours said something that wants an answer
    Event readable;  // wants_bytes() may have become true
    std::unique_ptr<Connection> local;
    Scope scope;  // last: its coroutines use all of the above
};

Result<std::unique_ptr<Bridge>> Bridge::make(Core& core, Random& random, BridgeOptions options) {
    if (options.name.empty()) return Error{Errc::invalid_input, "name: a bridge needs one"};
    if (!options.dial && (options.host.empty() || options.port == 0))
        return Error{Errc::invalid_input, "host: want the remote broker's address and port"};
    TRY(BridgeMap map, BridgeMap::make(options.topics));
    if (options.client_id.empty()) options.client_id = "millwright-" + options.name;
    return std::unique_ptr<Bridge>(new Bridge(core, random, std::move(options), std::move(map)));
}

Bridge::Bridge(Core& core, Random& random, BridgeOptions options, BridgeMap map)
    : core_(core),
      random_(random),
      options_(std::move(options)),
      map_(std::move(map)),
      since_(core.now()) {}

Bridge::~Bridge() { ASSERT(joint_ == nullptr); }

std::string Bridge::remote() const {
    return net::to_text(net::Address{options_.host, options_.port});
}

RelayOptions Bridge::relay_options() const {
    RelayOptions relay;
    relay.version = options_.version;
    relay.bridge_bit = bridge_bit_;
    relay.client_id = options_.client_id;
    relay.user_name = options_.user_name;
    relay.password = options_.password;
    relay.keep_alive_s = options_.keep_alive_s;
    relay.session_expiry_s = static_cast<std::uint32_t>(
        std::min<std::int64_t>(options_.session_expiry.count(), 0xFFFF'FFFF));
    relay.broker_id = options_.broker_id;
    relay.receive_maximum = core_.limits().receive_maximum;
    relay.packet_bytes = core_.limits().packet_bytes;
    relay.local_is_new = session_is_new_;
    return relay;
}

Task<> Bridge::run(Bridge& self) {
    nanoseconds pause = self.options_.pause_min;
    while (true) {
        self.keep_session();
        const std::uint64_t connects = self.connects_;
        const auto outcome = co_await serve_once(self);
        if (self.stopping_) break;
        if (self.connects_ != connects) pause = self.options_.pause_min;
        const auto jitter =
            static_cast<std::int64_t>(double(pause.count()) * (0.5 + self.random_.uniform()));
        self.tell_lost(outcome.error(), nanoseconds{jitter});
        CO_TRY_VOID(co_await sleep_for(nanoseconds{jitter}));
        pause = std::min(pause * 2, self.options_.pause_max);
    }
    co_return Result<>{};
}

Task<std::unique_ptr<net::Stream>> Bridge::dial(Bridge& self) {
    const BridgeOptions& options = self.options_;
    if (options.dial) co_return co_await options.dial();
    net::ConnectOptions connect;
    connect.host = options.host;
    connect.port = options.port;
    connect.server_name = options.server_name;
    connect.resolver = options.workers;
    connect.limit = options.connect_timeout;
    if (options.tls && options.workers != nullptr) {
        auto reading = options.workers->run([tls = options.tls] { return tls(); });
        CO_TRY(connect.tls, co_await std::move(reading));
    } else if (options.tls) {
        CO_TRY(connect.tls, options.tls());
    }
    auto connecting = net::connect(std::move(connect));
    co_return co_await std::move(connecting);
}

Task<> Bridge::serve_once(Bridge& self) {
    CO_TRY(auto stream, co_await dial(self));
    Joint joint(self, std::move(stream));
    // Also where the coroutine is destroyed while it waits.
    struct Known {
        explicit Known(Bridge& bridge, Joint& joint) : bridge(bridge) { bridge.joint_ = &joint; }
        ~Known() { bridge.joint_ = nullptr; }
        Bridge& bridge;
    } known(self, joint);
    auto outcome = co_await Joint::run(joint);
    if (joint.open) self.since_ = self.core_.now();
    // Brokers that do not know the bridge bit say so, or just close.
    if (self.options_.version == Version::v3_1_1 && !joint.open &&
        (joint.relay.version_refused() || !joint.relay.heard_connack()))
        self.bridge_bit_ = !self.bridge_bit_;
    co_return std::move(outcome);
}

void Bridge::tell_lost(const Error& error, nanoseconds pause) {
    if (error.code == Errc::cancelled) return;
    ++failures_;
    // The same failure again and again is one line.
    if (std::exchange(last_error_, error.message) == error.message) return;
    log::warn("mqtt.bridge.away",
              {{"bridge", options_.name},
               {"remote", remote()},
               {"reason", error},
               {"next_try", mw::to_text(pause / milliseconds{1} * milliseconds{1})},
               {"meanwhile", "what is above QoS 0 waits, up to the limits of a session"}});
}

// Our session exists, and queues, before the remote broker was ever reached; and it does not expire
// while that one is away.
void Bridge::keep_session() {
    const SteadyTime now = core_.now();
    if (session_kept_.ns != 0 && now - session_kept_ < session_touched_every) return;
    DeafWire wire;
    Connection connection(core_, wire, bridge_identity(options_.name));
    Connect connect;
    connect.clean_start = false;
    connect.client_id = options_.client_id;
    connect.properties.set(Property::session_expiry, std::uint32_t{0xFFFF'FFFF});
    connect.properties.set(Property::receive_maximum, 1);
    Bytes bytes;
    encode(bytes, connect);
    connection.receive(bytes);
    if (!wire.accepted()) return;  // the journal has no room: the next time
    session_kept_ = now;
    session_is_new_ |= !wire.present();
    Subscribe subscribe;
    subscribe.id = 1;
    for (const BridgeMap::Row& row : map_.rows())
        if (row.topic.goes_out())
            subscribe.filters.push_back({row.local_filter,
                                         {.qos = row.topic.qos,
                                          .no_local = true,
                                          .retain_as_published = true,
                                          .retain_handling = RetainHandling::never}});
    Unsubscribe unsubscribe;  // what an earlier configuration carried
    unsubscribe.id = 1;
    const std::vector<std::string> filters = connection.session()->filters();
    for (const std::string& filter : filters)
        if (std::ranges::none_of(subscribe.filters,
                                 [&](const FilterRequest& one) { return one.filter == filter; }))
            unsubscribe.filters.emplace_back(filter);
    bytes.clear();
    if (!subscribe.filters.empty()) encode(bytes, Version::v5, subscribe);
    if (!unsubscribe.filters.empty()) encode(bytes, Version::v5, unsubscribe);
    if (!bytes.empty()) connection.receive(bytes);
    connection.lost("the remote broker is not connected yet");
}

void Bridge::say_goodbye() {
    stopping_ = true;
    if (joint_ == nullptr || joint_->error) return;
    Bytes bytes;
    encode(bytes, options_.version, PacketType::disconnect, Disconnect{});
    ignore(joint_->stream->write(bytes), "it hears of the end anyway");
    joint_->stream->push_now();
    joint_->end({Errc::cancelled, "the bridge stops"});
}

BridgeView Bridge::view() const {
    BridgeView view;
    view.name = options_.name;
    view.remote = remote();
    view.tls = options_.tls != nullptr;
    view.connected = joint_ != nullptr && joint_->open && !joint_->error;
    view.version = options_.version;
    view.since = core_.now() - since_;
    view.connects = connects_;
    view.failures = failures_;
    view.topics = map_.rows().size();
    view.last_error = last_error_;
    view.counters = counters_;
    if (view.connected && joint_->local && joint_->local->session() != nullptr)
        view.waiting = joint_->local->session()->load();
    return view;
}

void record(const std::vector<BridgeView>& bridges, metrics::Registry& registry) {
    const std::string prefix = "millwright_mqtt_bridge_";
    for (const BridgeView& bridge : bridges) {
        const auto count = [&](const char* name, const char* help, std::uint64_t value,
                               metrics::Labels more = {}) {
            more.insert(more.begin(), {"bridge", bridge.name});
            metrics::Counter& counter = registry.counter(prefix + name, help, std::move(more));
            counter.add(value - counter.value());
        };
        const BridgeCounters& now = bridge.counters;
        registry
            .gauge(prefix + "connected", "Whether the bridge is connected",
                   {{"bridge", bridge.name}})
            .set(bridge.connected ? 1 : 0);
        count("connects_total", "Sessions opened with the remote broker", bridge.connects);
        count("failures_total", "Connections to the remote broker that failed or were lost",
              bridge.failures);
        const char* messages = "Messages that the bridge carried";
        count("messages_total", messages, now.sent, {{"direction", "out"}});
        count("messages_total", messages, now.received, {{"direction", "in"}});
        const char* dropped = "Messages that the bridge did not carry, or that were refused";
        count("dropped_total", dropped, now.looped, {{"reason", "loop"}});
        count("dropped_total", dropped, now.unmapped, {{"reason", "no_topic"}});
        count("dropped_total", dropped, now.oversized, {{"reason", "too_large"}});
        count("dropped_total", dropped, now.refused, {{"reason", "refused_by_remote"}});
        count("dropped_total", dropped, now.refused_in, {{"reason", "refused_here"}});
        count("filters_refused_total", "Subscriptions that a broker refused to the bridge",
              now.filters_refused);
    }
}

}  // namespace mw::mqtt
