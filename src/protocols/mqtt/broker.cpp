#include "protocols/mqtt/broker.h"

#include <algorithm>

#include "base/log.h"
#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr nanoseconds tick_every = milliseconds{250};
constexpr nanoseconds linger = seconds{1};  // for the last words to arrive before the reset
constexpr nanoseconds stop_limit = seconds{2};

// One client: its stream and its protocol machine. It holds itself until its stream is over; then
// until the last coroutine that uses it has ended.
class Link final : public Wire, private net::Rider, public std::enable_shared_from_this<Link> {
 public:
    Link(Core& core, Scope& scope, std::vector<Link*>& all, std::unique_ptr<net::Stream> stream,
         const Identity& identity)
        : core_(core),
          scope_(scope),
          all_(all),
          stream(std::move(stream)),
          connection(core, *this, identity) {
        const Limits& limits = core.limits();
        // The core keeps to outbox_bytes; the rest is for what it writes on top: answers.
        this->stream->set_write_limit(limits.outbox_bytes + limits.packet_bytes + 65'536);
        place_ = all_.size();
        all_.push_back(this);
    }
    ~Link() override {
        all_[place_] = all_.back();
        all_[place_]->place_ = place_;
        all_.pop_back();
    }

    void start() {
        self_ = shared_from_this();
        scope_.spawn(first_bytes(self_));
    }
    // Without a word; from the loop's top only, as *this may be gone afterwards.
    void cut() {
        stream->close();
        const auto self = std::move(self_);
    }

    void write(ByteView bytes) override {
        core_.count().bytes_sent += bytes.size();
        // A broken stream tells its reader, which is where it is dealt with; an answer that finds
        // no room means a client that asks and does not read.
        if (auto written = stream->write(bytes);
            !written && written.error().code == Errc::overloaded)
            core_.doom(connection);
    }
    std::size_t unsent() const override { return stream->unsent(); }
    std::string peer() const override { return net::to_text(stream->peer()); }
    void time_flush(SteadyTime received) override {
        scope_.spawn(measure_flush(shared_from_this(), received));
    }
    void on_full() override { scope_.spawn(wait_for_drain(shared_from_this())); }
    void on_readable() override {
        if (std::exchange(peer_gone_, false)) return scope_.spawn(lose(shared_from_this()));
        if (stream->is_open()) stream->pull();
    }
    void on_close(bool at_once) override {
        if (at_once) return over();
        stream->finish();
        if (stream->is_open()) stream->pull();  // to see the client's end
        if (self_) scope_.spawn(close_later(self_));
    }

 private:
    // What came behind a TLS handshake is given to a reader only. An idle connection holds no
    // coroutine: the stream calls on_bytes() from then on.
    static Task<> first_bytes(std::shared_ptr<Link> link) {
        auto bytes = co_await link->stream->read();
        if (!bytes) {
            link->on_error(bytes.error());
        } else if (bytes->empty()) {
            link->on_end();
        } else {
            link->connection.receive(*bytes);
            if (link->stream->is_open()) link->stream->carry(link.get());
            if (link->stream->is_open()) link->stream->pull();
        }
        co_return Result<>{};
    }

    bool wants_bytes() const override { return connection.closing() || !connection.paused(); }
    void on_bytes(ByteView bytes, bool last) override {
        connection.receive(bytes);
        if (last) return on_end();
        if (stream->is_open() && wants_bytes()) stream->pull();
    }
    void on_end() override {
        if (!wants_bytes()) {  // first what came before the end
            peer_gone_ = true;
            return;
        }
        connection.lost("the client closed the connection");
        over();
    }
    void on_room() override {}
    void on_error(const Error& error) override {
        connection.lost(error.message);
        over();
    }

    // Nothing is read any more. Lets go of itself later in this turn, as callers are above us.
    void over() {
        stream->close();
        if (over_) over_->set();
        if (self_) scope_.spawn(release(std::move(self_)));
    }
    static Task<> release(std::shared_ptr<Link>) { co_return Result<>{}; }

    static Task<> lose(std::shared_ptr<Link> link) {
        link->on_end();
        co_return Result<>{};
    }

    static Task<> close_later(std::shared_ptr<Link> link) {
        Event over;
        link->over_ = &over;
        if (!link->stream->is_open()) over.set();
        ignore(co_await within(linger, over.wait()), "too late or cancelled: then now");
        link->over_ = nullptr;
        link->over();
        co_return Result<>{};
    }

    static Task<> measure_flush(std::shared_ptr<Link> link, SteadyTime received) {
        const auto flushed =
            co_await within(link->core_.limits().write_stall, link->stream->flush());
        Latencies& latencies = link->core_.latencies();
        latencies.end_delivery();
        if (flushed) latencies.delivered(link->core_.now() - received);
        co_return Result<>{};
    }

    // As long as the client takes bytes, however slowly, it may stay.
    static Task<> wait_for_drain(std::shared_ptr<Link> link) {
        while (!link->connection.closing()) {
            const std::uint64_t before = link->stream->bytes_written();
            auto drained =
                co_await within(link->core_.limits().write_stall, link->stream->writable());
            if (drained) {
                link->connection.drained();
                link->core_.settle();
                break;
            }
            if (drained.error().code != Errc::timed_out) break;  // its reader hears of it, too
            if (link->stream->bytes_written() != before) continue;
            ++link->core_.count().slow_consumers_dropped;
            link->connection.abort("slow consumer: it takes no bytes");
            link->core_.settle();
        }
        co_return Result<>{};
    }

    Core& core_;
    Scope& scope_;
    std::vector<Link*>& all_;
    std::size_t place_ = 0;
    std::shared_ptr<Link> self_;
    Event* over_ = nullptr;   // of close_later(), while it waits
    bool peer_gone_ = false;  // while a message waited for room

 public:
    std::unique_ptr<net::Stream> stream;
    Connection connection;  // goes before the stream
};

}  // namespace

struct Broker::Parts {
    Parts(Loop& loop, Random& random, const Limits& limits, const Authorizer& authorizer,
          Uplink* uplink)
        : loop(loop),
          random(random),
          core({loop.clock(), random, authorizer, uplink, limits}),
          rate(limits.connect_rate),
          scope(loop) {}
    ~Parts() { cut_links(); }

    static Task<> accept(Parts& parts, std::shared_ptr<net::Listener> listener, Resolver resolver) {
        while (true) {
            CO_TRY(auto stream, co_await listener->accept());
            parts.admit(std::move(stream), resolver);
        }
    }

    static Task<> tick(Parts& parts) {
        while (true) {
            CO_TRY_VOID(co_await sleep_for(tick_every));
            parts.core.tick();
            parts.check_outboxes();
        }
    }

    // Before anything is spent on a connection.
    bool may_arrive(const net::Address& from) {
        const auto verdict = rate.ask(from.host, core.now());
        if (verdict == ConnectRate::Verdict::admitted) return true;
        ++core.count().connections_rate_limited;
        if (verdict == ConnectRate::Verdict::first_refused)
            log::warn("mqtt.address.rate_limited",
                      {{"address", from.host},
                       {"per_second", core.limits().connect_rate.per_second},
                       {"remedy", "see who connects so often, or raise the limit"}});
        return false;
    }

    void admit(std::unique_ptr<net::Stream> stream, const Resolver& resolver) {
        auto refuse = [&](std::string_view why) {
            ++core.count().connections_refused;
            log::info("mqtt.connection.refused",
                      {{"peer", net::to_text(stream->peer())}, {"reason", why}});
            stream->close();
        };
        if (links.size() >= core.limits().connections) return refuse("too many connections");
        auto identity = resolver(stream->peer_certificate());
        if (!identity) return refuse(identity.error().message);
        serve(std::move(stream), *identity);
    }

    void serve(std::unique_ptr<net::Stream> stream, const Identity& identity) {
        std::make_shared<Link>(core, scope, links, std::move(stream), identity)->start();
    }

    void cut_links() {
        for (Link* link : std::vector<Link*>(links)) link->cut();
    }

    template <class T>
    static Task<Page<T>> list(Core& core, ListOrder order) {
        order.limit = std::clamp<std::size_t>(order.limit, 1, page_items_max);
        SessionWalk walk;
        PageBuilder<T> page(order.after, order.limit);
        while (core.gather(order, walk, page)) CO_TRY_VOID(co_await yield());
        co_return page.take();
    }

    static Task<Page<RetainedView>> list_retained(Core& core, ListOrder order) {
        order.limit = std::clamp<std::size_t>(order.limit, 1, page_items_max);
        std::string at = order.after;
        Page<RetainedView> page;
        while (core.gather(order, at, page)) CO_TRY_VOID(co_await yield());
        co_return std::move(page);
    }

    // The outboxes together have a limit, too: whoever holds most of it has to go.
    void check_outboxes() {
        std::size_t total = 0;
        for (const Link* link : links) total += link->unsent();
        while (total > core.limits().outbox_bytes_in_all) {
            Link& most = **std::max_element(links.begin(), links.end(), [](Link* a, Link* b) {
                return a->unsent() < b->unsent();
            });
            total -= most.unsent();
            ++core.count().slow_consumers_dropped;
            most.connection.abort("slow consumer: the server holds too many unsent bytes");
            most.stream->close();
        }
        core.settle();
    }

    Loop& loop;
    Random& random;
    std::unique_ptr<Journal> journal;
    Core core;
    ConnectRate rate;
    std::vector<std::unique_ptr<Bridge>> bridges;
    std::vector<Link*> links;
    std::vector<std::weak_ptr<net::Listener>> listeners;
    Scope scope;  // last: its coroutines use all of the above
};

Broker::Broker(Loop& loop, Random& random, Limits limits, const Authorizer& authorizer,
               Uplink* uplink)
    : parts_(std::make_unique<Parts>(loop, random, limits, authorizer, uplink)) {
    parts_->scope.spawn(Parts::tick(*parts_));
}

Broker::~Broker() = default;

Result<> Broker::remember(files::Files& files, Workers& workers, JournalOptions options) {
    JournalState found;
    auto replay = [&found](const JournalRecord& record, const Journal::Place& place) {
        found.apply(record, place);
    };
    TRY(parts_->journal, Journal::open(files, parts_->loop, workers, std::move(options), replay));
    const files::LogOpenReport& report = parts_->journal->report();
    for (const files::LogDamage& damage : report.damage)
        log::error("mqtt.journal.damaged", {{"path", damage.path},
                                            {"offset", damage.offset},
                                            {"bytes", damage.bytes},
                                            {"lost", "sessions or messages in between"}});
    parts_->core.use(*parts_->journal, std::move(found));
    parts_->journal->on_durable([core = &parts_->core](Ticket) { core->on_journal_durable(); });
    log::info("mqtt.journal.opened", {{"records", report.frames},
                                      {"sessions", parts_->core.metrics().sessions},
                                      {"bytes", parts_->journal->bytes()}});
    return {};
}

void Broker::serve(std::shared_ptr<net::Listener> listener, Resolver resolver) {
    parts_->listeners.push_back(listener);
    listener->admit_if(
        [parts = parts_.get()](const net::Address& from) { return parts->may_arrive(from); });
    parts_->scope.spawn(Parts::accept(*parts_, std::move(listener), std::move(resolver)));
}

void Broker::serve(std::unique_ptr<net::Stream> stream, Identity identity) {
    parts_->serve(std::move(stream), identity);
}

Result<> Broker::bridge(BridgeOptions options) {
    const std::string name = options.name;
    for (const auto& other : parts_->bridges)
        if (other->name() == name)
            return Error{Errc::conflict, "two bridges have the name " + name + "; want another"};
    TRY(auto made, Bridge::make(parts_->core, parts_->random, std::move(options)));
    parts_->bridges.push_back(std::move(made));
    parts_->scope.spawn(Bridge::run(*parts_->bridges.back()));
    return {};
}

std::vector<BridgeView> Broker::bridges() const {
    std::vector<BridgeView> views;
    for (const auto& bridge : parts_->bridges) views.push_back(bridge->view());
    return views;
}

Task<> Broker::stop() {
    for (const auto& bridge : parts_->bridges) bridge->say_goodbye();
    for (const auto& listener : parts_->listeners)
        if (auto open = listener.lock()) open->close();
    parts_->core.shut_down();
    // Clients that have read their DISCONNECT close by themselves; the others get no longer.
    for (nanoseconds waited{0}; !parts_->links.empty() && waited < stop_limit;
         waited += milliseconds{20})
        CO_TRY_VOID(co_await sleep_for(milliseconds{20}));
    parts_->cut_links();
    parts_->scope.cancel();
    CO_TRY_VOID(co_await parts_->scope.join());
    if (!parts_->journal) co_return Result<>{};
    co_return co_await parts_->journal->stop();
}

void Broker::on_durable(Ticket durable) { parts_->core.on_durable(durable); }

Result<> Broker::publish_local(std::string_view topic, ByteView payload, bool retain, QoS qos) {
    return parts_->core.publish_local(topic, payload, retain, qos);
}

// A device that was deleted, or whose certificate was revoked.
std::size_t Broker::kick(std::string_view identity_name) {
    KickOrder order;
    order.identity = identity_name;
    order.forget = true;
    return parts_->core.kick(order).sessions;
}

Kicked Broker::kick(const KickOrder& order) { return parts_->core.kick(order); }

Task<Page<SessionView>> Broker::clients(ListOrder order) {
    return Parts::list<SessionView>(parts_->core, std::move(order));
}

Task<Page<SubscriptionView>> Broker::subscriptions(ListOrder order) {
    return Parts::list<SubscriptionView>(parts_->core, std::move(order));
}

Task<Page<RetainedView>> Broker::retained(ListOrder order) {
    return Parts::list_retained(parts_->core, std::move(order));
}

Result<std::shared_ptr<Trace>> Broker::trace(TraceOrder order) {
    return parts_->core.open_trace(std::move(order));
}

std::size_t Broker::drop_connections(const Unwanted& unwanted, std::string_view why) {
    std::size_t dropped = 0;
    for (Link* link : parts_->links) {
        const Bytes& certificate = link->stream->peer_certificate();
        if (link->connection.closing() || certificate.empty() || !unwanted(certificate)) continue;
        log::info("mqtt.connection.ended",
                  {{"identity", link->connection.identity().name}, {"reason", why}});
        link->connection.close(ReasonCode::administrative_action, why);
        ++dropped;
    }
    parts_->core.settle();
    return dropped;
}

std::vector<SessionView> Broker::sessions() const { return parts_->core.sessions(); }

const Metrics& Broker::metrics() const { return parts_->core.metrics(); }

const Journal* Broker::journal() const { return parts_->journal.get(); }

void Broker::measure_into(metrics::Registry& registry) {
    parts_->core.latencies().measure_into(registry);
}

void Broker::on_presence(std::function<void(const Presence&)> listener) {
    parts_->core.on_presence(std::move(listener));
}

}  // namespace mw::mqtt
