#pragma once
// Inside the module: what a broker has on one loop, and what it tells the others. All of it belongs
// to that loop; it is built before the loop's thread runs, or on it.

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "platform/loop/loop.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/core.h"
#include "protocols/mqtt/link.h"

namespace mw::mqtt {

// What each shard counted last, for all of them. Any thread.
class MetricsBoard {
 public:
    explicit MetricsBoard(ShardNumber shards) : all_(shards), links_(shards) {}

    void put(ShardNumber shard, const Metrics& metrics);
    // Of all, with the asking shard's own as they are now.
    Metrics sum(ShardNumber self, const Metrics& own) const;
    void set_links(ShardNumber shard, std::size_t links) { links_[shard] = links; }
    std::size_t links() const;

 private:
    std::vector<Published<Metrics>> all_;
    std::vector<std::atomic<std::size_t>> links_;
};

class Shard final : public std::enable_shared_from_this<Shard>,
                    private Peers::Post,
                    private TurnEnd {
 public:
    // passes_up: what goes up passes by shard 0, which has the uplink.
    Shard(Loop& loop, Random& random, const Limits& limits, const Authorizer& authorizer,
          Uplink* uplink, ShardNumber number, ShardNumber count, bool passes_up);
    ~Shard();

    // The same number of shards for all, this one among them. Before the first connection.
    void meet(std::vector<std::weak_ptr<Shard>> all, std::shared_ptr<MetricsBoard> board);
    void start();  // timers
    Result<JournalState> open_journal(files::Files& files, Workers& workers,
                                      JournalOptions options);
    void restore(JournalState state);

    void serve(std::unique_ptr<net::Stream> stream, const Identity& identity);
    // The same, where somebody has read the first bytes.
    void serve(std::unique_ptr<net::Stream> stream, const Identity& identity, ByteView first);
    std::size_t drop_connections(const Broker::Unwanted& unwanted, std::string_view why);
    Task<> stop();
    void cut_links();

 private:
    static Task<> tick(Shard& shard);
    void check_outboxes();
    void mark() override { loop.at_turn_end(*this); }
    bool send(ShardNumber to, Parcel& parcel) override;
    void on_turn_end() override { peers->flush(); }

 public:
    Loop& loop;
    std::optional<Peers> peers;  // none: the only shard
    std::unique_ptr<PassedUplink> passed_uplink;
    std::unique_ptr<Journal> journal;
    Core core;
    std::vector<Link*> links;

 private:
    ShardNumber number_;
    std::vector<std::weak_ptr<Shard>> all_;
    std::shared_ptr<MetricsBoard> board_;

 public:
    Scope scope;  // last: its coroutines use all of the above
};

// Until each knows what sessions of the others want, so that nothing published passes them by.
// Before their threads run.
void agree(const std::vector<std::shared_ptr<Shard>>& shards);

}  // namespace mw::mqtt
