#include "protocols/mqtt/broker.h"

#include <algorithm>
#include <deque>

#include "base/log.h"
#include "protocols/mqtt/home.h"
#include "protocols/mqtt/shard.h"

namespace mw::mqtt {
namespace {

// Each shard gets its part of what all may hold together.
Limits part_of(Limits limits, ShardNumber count) {
    for (std::size_t* part :
         {&limits.outbox_bytes_in_all, &limits.queued_bytes_in_all, &limits.spilled_bytes_in_all,
          &limits.spilled_messages_in_all, &limits.read_ahead_bytes_in_all})
        *part /= count;
    return limits;
}

// All of CONNECT, and perhaps what came with it.
Task<Bytes> read_connect(net::Stream& stream, std::size_t packet_bytes) {
    Bytes bytes;
    Frame frame;
    while (next_frame(bytes, packet_bytes, frame).ok() && frame.size == 0) {
        CO_TRY(const ByteView more, co_await stream.read());
        if (more.empty()) co_return Error{Errc::io_failed, "it closed before CONNECT"};
        bytes.insert(bytes.end(), more.begin(), more.end());
    }
    co_return std::move(bytes);
}

template <class T>
Task<PageBuilder<T>> gather_here(Core& core, ListOrder order, PageBuilder<T> page) {
    SessionWalk walk;
    while (core.gather(order, walk, page)) CO_TRY_VOID(co_await yield());
    co_return std::move(page);
}

}  // namespace

struct Broker::Parts {
    struct Elsewhere {  // a shard with a loop of its own
        std::unique_ptr<LoopThread> thread;
        std::shared_ptr<Shard> shard;
    };

    Parts(Loop& loop, Random& random, const Limits& limits, const Authorizer& authorizer,
          Uplink* uplink)
        : random(random),
          authorizer(authorizer),
          uplink(uplink),
          limits(limits),
          rate(limits.connect_rate),
          here(std::make_shared<Shard>(loop, random, limits, authorizer, uplink, 0, 1, false)) {}
    ~Parts() {
        for (Elsewhere& other : elsewhere) other.thread->stop();
    }

    Core& core() { return here->core; }
    ShardNumber count() const { return static_cast<ShardNumber>(1 + elsewhere.size()); }
    Spread spread() const { return uplink != nullptr ? Spread::first_has_uplink : Spread::even; }
    std::vector<std::shared_ptr<Shard>> all() const {
        std::vector<std::shared_ptr<Shard>> shards{here};
        for (const Elsewhere& other : elsewhere) shards.push_back(other.shard);
        return shards;
    }

    Result<> add_loops(ShardNumber more) {
        const ShardNumber count = more + 1;
        const Limits part = part_of(limits, count);
        board = std::make_shared<MetricsBoard>(count);
        Loop& loop = here->loop;
        here = std::make_shared<Shard>(loop, random, part, authorizer, uplink, 0, count, false);
        LoopOptions options;
        options.clock = &loop.clock();
        for (ShardNumber n = 1; n < count; ++n) {
            TRY(auto thread, LoopThread::open("mqtt-" + std::to_string(n), options));
            auto shard = std::make_shared<Shard>(thread->loop(), random, part, authorizer, nullptr,
                                                 n, count, uplink != nullptr);
            if (uplink != nullptr) shard->passed_uplink->use(uplink->preparer());
            elsewhere.push_back({std::move(thread), std::move(shard)});
        }
        std::vector<std::weak_ptr<Shard>> known;
        for (const auto& shard : all()) known.push_back(shard);
        for (const auto& shard : all()) shard->meet(known, board);
        return {};
    }

    void start() {
        if (std::exchange(started, true)) return;
        for (const auto& shard : all()) shard->start();
        for (Elsewhere& other : elsewhere) other.thread->start();
    }

    static Task<> accept(Parts& parts, std::shared_ptr<net::Listener> listener, Resolver resolver) {
        while (true) {
            CO_TRY(auto stream, co_await listener->accept());
            parts.admit(std::move(stream), resolver);
        }
    }

    // Before anything is spent on a connection.
    bool may_arrive(const net::Address& from) {
        const auto verdict = rate.ask(from.host, core().now());
        if (verdict == ConnectRate::Verdict::admitted) return true;
        ++core().count().connections_rate_limited;
        if (verdict == ConnectRate::Verdict::first_refused)
            log::warn("mqtt.address.rate_limited",
                      {{"address", from.host},
                       {"per_second", limits.connect_rate.per_second},
                       {"remedy", "see who connects so often, or raise the limit"}});
        return false;
    }

    void refuse(net::Stream& stream, std::string_view why) {
        ++core().count().connections_refused;
        log::info("mqtt.connection.refused",
                  {{"peer", net::to_text(stream.peer())}, {"reason", why}});
        stream.close();
    }

    std::size_t connections() const {
        return elsewhere.empty() ? here->links.size() : board->links() + greeting;
    }

    void admit(std::unique_ptr<net::Stream> stream, const Resolver& resolver) {
        if (connections() >= limits.connections) return refuse(*stream, "too many connections");
        auto identity = resolver(stream->peer_certificate());
        if (!identity) return refuse(*stream, identity.error().message);
        serve(std::move(stream), *std::move(identity));
    }

    void serve(std::unique_ptr<net::Stream> stream, Identity identity) {
        if (elsewhere.empty()) return here->serve(std::move(stream), identity);
        here->scope.spawn(greet(*this, std::move(stream), std::move(identity)));
    }

    // A session's home follows from its name, which CONNECT says.
    static Task<> greet(Parts& parts, std::unique_ptr<net::Stream> stream, Identity identity) {
        ++parts.greeting;
        auto bytes = co_await within(parts.limits.idle_before_connect,
                                     read_connect(*stream, parts.limits.packet_bytes));
        if (bytes) ignore(co_await stream->flush(), "a broken stream tells its reader");
        --parts.greeting;
        if (!bytes) {
            parts.refuse(*stream, bytes.error().message);
            co_return Result<>{};
        }
        const ShardNumber home = parts.home_of(identity, *bytes);
        if (home == 0)
            parts.here->serve(std::move(stream), identity, *bytes);
        else
            parts.send_home(home, std::move(stream), std::move(identity), *std::move(bytes));
        co_return Result<>{};
    }

    ShardNumber home_of(const Identity& identity, ByteView bytes) {
        Frame frame;
        Connect packet;
        if (!next_frame(bytes, limits.packet_bytes, frame).ok()) return 0;
        if (frame.type != PacketType::connect || !decode(frame, packet).ok()) return 0;
        if (!packet.client_id.empty())
            return mqtt::home_of(identity, packet.client_id, count(), spread());
        return mqtt::home_of(identity, std::to_string(next++), count(), spread());  // any
    }

    void send_home(ShardNumber home, std::unique_ptr<net::Stream> stream, Identity identity,
                   Bytes first) {
        const auto shard = elsewhere[home - 1].shard;
        if (!stream->move_to(shard->loop)) return refuse(*stream, "it broke before CONNECT");
        auto arrive = [there = std::weak_ptr<Shard>(shard), stream = std::move(stream),
                       identity = std::move(identity), first = std::move(first)]() mutable {
            if (const auto home = there.lock()) home->serve(std::move(stream), identity, first);
        };
        if (!shard->loop.post(std::move(arrive))) ++core().count().connections_refused;
    }

    template <class T>
    static Task<Page<T>> list(Parts& parts, ListOrder order) {
        order.limit = std::clamp<std::size_t>(order.limit, 1, page_items_max);
        PageBuilder<T> page(order.after, order.limit);
        for (const auto& shard : parts.all()) {
            auto there = [shard, order, page = std::move(page)]() mutable {
                return gather_here<T>(shard->core, order, std::move(page));
            };
            CO_TRY(page, co_await run_on(shard->loop, std::move(there)));
        }
        co_return page.take();
    }

    static Task<Page<RetainedView>> list_retained(Core& core, ListOrder order) {
        order.limit = std::clamp<std::size_t>(order.limit, 1, page_items_max);
        std::string at = order.after;
        Page<RetainedView> page;
        while (core.gather(order, at, page)) CO_TRY_VOID(co_await yield());
        co_return std::move(page);
    }

    // Brings what another shard traces to the trace of this one.
    static Task<> follow(std::weak_ptr<Trace> trace, std::shared_ptr<Shard> shard,
                         TraceOrder order) {
        auto open = [shard, order] { return shard->core.open_trace(order); };
        CO_TRY(const std::shared_ptr<Trace> there, co_await run_on(shard->loop, std::move(open)));
        while (!trace.expired()) {
            auto next = [there] { return there->next(seconds{1}); };
            CO_TRY(TraceBatch batch, co_await run_on(shard->loop, std::move(next)));
            const auto here = trace.lock();
            if (!here) break;
            for (TraceEvent& event : batch.events) here->add(std::move(event));
            here->add_dropped(batch.dropped);
        }
        co_return Result<>{};
    }

    Random& random;
    const Authorizer& authorizer;
    Uplink* uplink;
    Limits limits;
    ConnectRate rate;
    std::vector<std::weak_ptr<net::Listener>> listeners;
    std::shared_ptr<MetricsBoard> board;  // of several shards
    std::size_t greeting = 0;             // connections that have not said CONNECT
    std::uint64_t next = 0;               // who comes without a name
    bool started = false;
    std::shared_ptr<Shard> here;
    std::vector<Elsewhere> elsewhere;
    std::vector<std::unique_ptr<Bridge>> bridges;  // on this loop
    mutable Metrics together;                      // what metrics() gave
};

// Sessions that move to other shards as the number of loops is another than last time. They are
// forgotten where they were when they are safe where they are.
class Broker::Moves {
 public:
    void take(JournalState& state, Journal& journal, ShardNumber self, const Parts& parts) {
        for (Strays& strays : take_strays(state, self, parts.count(), parts.spread()))
            all_.emplace_back(&journal, std::move(strays));
    }

    // The journal of a shard that is no more, if there is one.
    Result<> empty_out(files::Files& files, Workers& workers, JournalOptions options,
                       ShardNumber shard, Parts& parts) {
        options.directory = journal_directory(options.directory, shard);
        if (!files.list(options.directory)) return {};
        JournalState state(parts.limits.queued_bytes_in_all / parts.count());
        auto replay = [&state](const JournalRecord& record, const Journal::Place& place) {
            state.apply(record, place);
        };
        TRY(auto journal, Journal::open(files, parts.here->loop, workers, options, replay));
        take(state, *journal, shard, parts);
        for (const auto& [topic, found] : state.retained) {  // the others have it, too
            JournalRecord record;
            record.kind = JournalRecord::Kind::forgotten;
            record.message.topic = topic;
            journal->note(record);
        }
        gone_.push_back(std::move(journal));
        return {};
    }

    Result<> make(const std::vector<std::shared_ptr<Shard>>& shards) {
        if (all_.empty() && gone_.empty()) return {};
        std::size_t sessions = 0;
        Loop& here = shards.front()->loop;
        for (auto& [from, strays] : all_) {
            Shard& home = *shards[strays.home];
            const Core::StraySource source{[from = from, &here](std::vector<std::uint64_t> frames) {
                                               return from->read_now(here, std::move(frames));
                                           },
                                           [&home] {
                                               ignore(sync_wait(home.loop, home.journal->flush()),
                                                      "the last one tells");
                                           }};
            home.core.adopt(std::move(strays.state), source);
        }
        for (const auto& shard : shards) TRY_VOID(sync_wait(shard->loop, shard->journal->flush()));
        for (auto& [from, strays] : all_) {
            sessions += strays.numbers.size();
            for (const SessionNumber number : strays.numbers) {
                JournalRecord record;
                record.kind = JournalRecord::Kind::ended;
                record.session = number;
                from->note(record);
            }
        }
        for (const auto& journal : gone_)
            TRY_VOID(sync_wait(shards.front()->loop, journal->stop()));
        log::info("mqtt.sessions.moved", {{"sessions", sessions}, {"loops", shards.size()}});
        return {};
    }

 private:
    std::deque<std::pair<Journal*, Strays>> all_;
    std::vector<std::unique_ptr<Journal>> gone_;
};

Broker::Broker(Loop& loop, Random& random, Limits limits, const Authorizer& authorizer,
               Uplink* uplink)
    : parts_(std::make_unique<Parts>(loop, random, limits, authorizer, uplink)) {}

Broker::~Broker() = default;

Result<> Broker::add_loops(unsigned more) {
    if (more == 0) return {};
    if (more > loops_max - 1)
        return Error{Errc::invalid_input, "want at most " + std::to_string(loops_max) + " loops"};
    return parts_->add_loops(more);
}

Result<> Broker::remember(files::Files& files, Workers& workers, JournalOptions options) {
    const auto shards = parts_->all();
    std::deque<JournalState> found;
    Moves moves;
    for (const auto& shard : shards) {
        const auto number = static_cast<ShardNumber>(found.size());
        JournalOptions own = options;
        own.directory = journal_directory(options.directory, number);
        TRY(JournalState state, shard->open_journal(files, workers, std::move(own)));
        moves.take(state, *shard->journal, number, *parts_);
        found.push_back(std::move(state));
    }
    for (ShardNumber gone = parts_->count(); gone < loops_max; ++gone)
        TRY_VOID(moves.empty_out(files, workers, options, gone, *parts_));
    const auto everybodys = found.front().retained;
    for (ShardNumber n = 0; n < shards.size(); ++n) {
        const bool is_new = found[n].retained.empty();
        shards[n]->restore(std::move(found[n]));
        if (n == 0 || !is_new || everybodys.empty()) continue;
        JournalState retained;  // a shard that is new has not got what is retained
        retained.retained = everybodys;
        shards[n]->core.adopt(std::move(retained));
    }
    TRY_VOID(moves.make(shards));
    agree(shards);
    return {};
}

void Broker::authenticate_by(Authenticator& methods) {
    for (const auto& shard : parts_->all()) shard->core.use(&methods);
}

void Broker::redirect_by(Redirector redirector) {
    for (const auto& shard : parts_->all()) shard->core.use(redirector);
}

void Broker::serve(std::shared_ptr<net::Listener> listener, Resolver resolver) {
    parts_->start();
    parts_->listeners.push_back(listener);
    listener->admit_if(
        [parts = parts_.get()](const net::Address& from) { return parts->may_arrive(from); });
    parts_->here->scope.spawn(Parts::accept(*parts_, std::move(listener), std::move(resolver)));
}

void Broker::serve(std::unique_ptr<net::Stream> stream, Identity identity) {
    parts_->start();
    parts_->serve(std::move(stream), std::move(identity));
}

Result<> Broker::bridge(BridgeOptions options) {
    const std::string name = options.name;
    for (const auto& other : parts_->bridges)
        if (other->name() == name)
            return Error{Errc::conflict, "two bridges have the name " + name + "; want another"};
    parts_->start();
    TRY(auto made, Bridge::make(parts_->core(), parts_->random, std::move(options)));
    parts_->bridges.push_back(std::move(made));
    parts_->here->scope.spawn(Bridge::run(*parts_->bridges.back()));
    return {};
}

std::vector<BridgeView> Broker::bridges() const {
    std::vector<BridgeView> views;
    for (const auto& bridge : parts_->bridges) views.push_back(bridge->view());
    return views;
}

Task<> Broker::stop() {
    parts_->start();
    for (const auto& bridge : parts_->bridges) bridge->say_goodbye();
    for (const auto& listener : parts_->listeners)
        if (auto open = listener.lock()) open->close();
    for (const auto& shard : parts_->all()) {
        auto there = [shard] { return shard->stop(); };
        CO_TRY_VOID(co_await run_on(shard->loop, std::move(there)));
    }
    for (Parts::Elsewhere& other : parts_->elsewhere) other.thread->stop();
    co_return Result<>{};
}

void Broker::on_durable(Ticket durable) { parts_->core().on_durable(durable); }

Result<> Broker::publish_local(std::string_view topic, ByteView payload, bool retain, QoS qos) {
    return parts_->core().publish_local(topic, payload, retain, qos);
}

// A device that was deleted, or whose certificate was revoked.
void Broker::forget(std::string_view identity_name) {
    KickOrder order;
    order.identity = identity_name;
    order.forget = true;
    parts_->core().kick(order);
    for (const Parts::Elsewhere& other : parts_->elsewhere) {
        auto there = [shard = other.shard, order] { shard->core.kick(order); };
        if (!other.shard->loop.post(std::move(there)))
            log::error("mqtt.identity.stays", {{"identity", identity_name}});
    }
}

Task<Kicked> Broker::kick(KickOrder order) {
    Kicked all;
    for (const auto& shard : parts_->all()) {
        auto there = [shard, order] { return shard->core.kick(order); };
        CO_TRY(const Kicked some, co_await run_on(shard->loop, std::move(there)));
        all.connections += some.connections;
        all.sessions += some.sessions;
    }
    co_return all;
}

Task<Page<SessionView>> Broker::clients(ListOrder order) {
    return Parts::list<SessionView>(*parts_, std::move(order));
}

Task<Page<SubscriptionView>> Broker::subscriptions(ListOrder order) {
    return Parts::list<SubscriptionView>(*parts_, std::move(order));
}

Task<Page<RetainedView>> Broker::retained(ListOrder order) {
    return Parts::list_retained(parts_->core(), std::move(order));
}

Result<std::shared_ptr<Trace>> Broker::trace(TraceOrder order) {
    TRY(auto trace, parts_->core().open_trace(order));
    for (const Parts::Elsewhere& other : parts_->elsewhere)
        parts_->here->scope.spawn(Parts::follow(trace, other.shard, order));
    return trace;
}

Task<std::size_t> Broker::drop_connections(Unwanted unwanted, std::string why) {
    std::size_t all = 0;
    for (const auto& shard : parts_->all()) {
        auto there = [shard, unwanted, why] { return shard->drop_connections(unwanted, why); };
        CO_TRY(const std::size_t some, co_await run_on(shard->loop, std::move(there)));
        all += some;
    }
    co_return all;
}

std::vector<SessionView> Broker::sessions() const { return parts_->core().sessions(); }

const Metrics& Broker::metrics() const {
    const Metrics& own = parts_->core().metrics();
    if (parts_->elsewhere.empty()) return own;
    return parts_->together = parts_->board->sum(0, own);
}

const Journal* Broker::journal() const { return parts_->here->journal.get(); }

void Broker::measure_into(metrics::Registry& registry) {
    for (const auto& shard : parts_->all()) shard->core.latencies().measure_into(registry);
}

void Broker::on_presence(std::function<void(const Presence&)> listener) {
    const auto shared = std::make_shared<std::function<void(const Presence&)>>(std::move(listener));
    parts_->core().on_presence([shared](const Presence& presence) { (*shared)(presence); });
    for (const Parts::Elsewhere& other : parts_->elsewhere)
        other.shard->core.on_presence(
            [shared, home = std::weak_ptr<Shard>(parts_->here)](const Presence& presence) {
                const auto here = home.lock();
                auto tell = [shared, presence] { (*shared)(presence); };
                if (here && !here->loop.post(std::move(tell)))
                    log::warn("mqtt.presence.lost", {{"client", presence.client_id}});
            });
}

}  // namespace mw::mqtt
