#include "protocols/mqtt/shard.h"

#include <algorithm>

#include "base/log.h"

namespace mw::mqtt {
namespace {

constexpr nanoseconds tick_every = milliseconds{250};
constexpr nanoseconds stop_limit = seconds{2};

}  // namespace

void MetricsBoard::put(ShardNumber shard, const Metrics& metrics) {
    all_[shard].set(std::make_shared<const Metrics>(metrics));
}

Metrics MetricsBoard::sum(ShardNumber self, const Metrics& own) const {
    Metrics sum = own;
    for (ShardNumber i = 0; i < all_.size(); ++i)
        if (const auto other = all_[i].get(); other && i != self) add(sum, *other);
    sum.retained_messages = own.retained_messages;
    sum.retained_bytes = own.retained_bytes;
    return sum;
}

std::size_t MetricsBoard::links() const {
    std::size_t all = 0;
    for (const auto& links : links_) all += links;
    return all;
}

Shard::Shard(Loop& loop, Random& random, const Limits& limits, const Authorizer& authorizer,
             Uplink* uplink, ShardNumber number, ShardNumber count, bool passes_up)
    : loop(loop),
      peers(count > 1 ? std::optional<Peers>(std::in_place, static_cast<Peers::Post&>(*this),
                                             number, count, limits.shard_bytes)
                      : std::nullopt),
      passed_uplink(passes_up ? std::make_unique<PassedUplink>(*peers) : nullptr),
      core({loop.clock(), random, authorizer, passes_up ? passed_uplink.get() : uplink, limits}),
      number_(number),
      scope(loop) {
    if (peers) core.use(*peers, passed_uplink.get());
}

Shard::~Shard() { cut_links(); }

void Shard::meet(std::vector<std::weak_ptr<Shard>> all, std::shared_ptr<MetricsBoard> board) {
    all_ = std::move(all);
    board_ = std::move(board);
    core.count_together([this](const Metrics& own) { return board_->sum(number_, own); });
}

void Shard::start() { scope.spawn(tick(*this)); }

Task<> Shard::tick(Shard& shard) {
    while (true) {
        CO_TRY_VOID(co_await sleep_for(tick_every));
        shard.core.tick();
        shard.check_outboxes();
        if (!shard.board_) continue;
        shard.board_->put(shard.number_, shard.core.metrics());
        shard.board_->set_links(shard.number_, shard.links.size());
    }
}

// The outboxes together have a limit, too: whoever holds most of it has to go.
void Shard::check_outboxes() {
    std::size_t total = 0;
    for (const Link* link : links) total += link->unsent();
    while (total > core.limits().outbox_bytes_in_all) {
        Link& most = **std::max_element(links.begin(), links.end(),
                                        [](Link* a, Link* b) { return a->unsent() < b->unsent(); });
        total -= most.unsent();
        ++core.count().slow_consumers_dropped;
        most.connection.abort("slow consumer: the server holds too many unsent bytes");
        most.stream->close();
    }
    core.settle();
}

bool Shard::send(ShardNumber to, Parcel& parcel) {
    const auto other = all_[to].lock();
    if (!other) return true;  // it is over, and so are we
    auto box = std::make_shared<Parcel>(std::move(parcel));
    const bool posted = other->loop.post([there = all_[to], from = number_, box] {
        if (const auto shard = there.lock()) shard->core.receive(from, std::move(*box));
    });
    if (!posted) parcel = std::move(*box);
    return posted;
}

Result<JournalState> Shard::open_journal(files::Files& files, Workers& workers,
                                         JournalOptions options) {
    JournalState found(core.limits().queued_bytes_in_all);
    auto replay = [&found](const JournalRecord& record, const Journal::Place& place) {
        found.apply(record, place);
    };
    TRY(journal, Journal::open(files, loop, workers, std::move(options), replay));
    for (const files::LogDamage& damage : journal->report().damage)
        log::error("mqtt.journal.damaged", {{"path", damage.path},
                                            {"offset", damage.offset},
                                            {"bytes", damage.bytes},
                                            {"lost", "sessions or messages in between"}});
    return found;
}

void Shard::restore(JournalState state) {
    core.use(*journal, std::move(state));
    journal->on_durable([this](Ticket) { core.on_journal_durable(); });
    log::info("mqtt.journal.opened", {{"records", journal->report().frames},
                                      {"sessions", core.metrics().sessions},
                                      {"bytes", journal->bytes()}});
}

void Shard::serve(std::unique_ptr<net::Stream> stream, const Identity& identity) {
    std::make_shared<Link>(core, scope, links, std::move(stream), identity)->start();
}

void Shard::serve(std::unique_ptr<net::Stream> stream, const Identity& identity, ByteView first) {
    std::make_shared<Link>(core, scope, links, std::move(stream), identity)->start(first);
    board_->set_links(number_, links.size());
}

std::size_t Shard::drop_connections(const Broker::Unwanted& unwanted, std::string_view why) {
    std::size_t dropped = 0;
    for (Link* link : links) {
        const Bytes& certificate = link->stream->peer_certificate();
        if (link->connection.closing() || certificate.empty() || !unwanted(certificate)) continue;
        log::info("mqtt.connection.ended",
                  {{"identity", link->connection.identity().name}, {"reason", why}});
        link->connection.close(ReasonCode::administrative_action, why);
        ++dropped;
    }
    core.settle();
    return dropped;
}

void Shard::cut_links() {
    for (Link* link : std::vector<Link*>(links)) link->cut();
}

Task<> Shard::stop() {
    core.shut_down();
    // Clients that have read their DISCONNECT close by themselves; the others get no longer.
    for (nanoseconds waited{0}; !links.empty() && waited < stop_limit; waited += milliseconds{20})
        CO_TRY_VOID(co_await sleep_for(milliseconds{20}));
    cut_links();
    scope.cancel();
    CO_TRY_VOID(co_await scope.join());
    if (!journal) co_return Result<>{};
    co_return co_await journal->stop();
}

void agree(const std::vector<std::shared_ptr<Shard>>& shards) {
    const auto waits = [](const std::shared_ptr<Shard>& shard) {
        return !shard->core.peers_reached(shard->core.peers_end());
    };
    while (std::any_of(shards.begin(), shards.end(), waits))
        for (const auto& shard : shards) shard->loop.turn(false);
}

}  // namespace mw::mqtt
