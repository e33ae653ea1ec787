#pragma once
// Inside the module: one client, its stream and its protocol machine. Belongs to the loop of its
// shard.

#include <memory>
#include <string>
#include <vector>

#include "platform/net/net.h"
#include "protocols/mqtt/connection.h"

namespace mw::mqtt {

// It holds itself until its stream is over; then until the last coroutine that uses it has ended.
class Link final : public Wire, private net::Rider, public std::enable_shared_from_this<Link> {
 public:
    Link(Core& core, Scope& scope, std::vector<Link*>& all, std::unique_ptr<net::Stream> stream,
         const Identity& identity);
    ~Link() override;

    void start();
    // The same, where somebody has read the first bytes. From the loop's top.
    void start(ByteView first);
    // Without a word; from the loop's top only, as *this may be gone afterwards.
    void cut();

    void write(ByteView bytes) override;
    std::size_t unsent() const override { return stream->unsent(); }
    std::string peer() const override { return net::to_text(stream->peer()); }
    void time_flush(SteadyTime received) override;
    void on_full() override;
    void on_readable() override;
    void on_close(bool at_once) override;

 private:
    static Task<> first_bytes(std::shared_ptr<Link> link);
    void take_first(ByteView bytes);
    bool wants_bytes() const override { return connection.closing() || !connection.paused(); }
    void on_bytes(ByteView bytes, bool last) override;
    void on_end() override;
    void on_room() override {}
    void on_error(const Error& error) override;

    void over();
    static Task<> release(std::shared_ptr<Link>) { co_return Result<>{}; }
    static Task<> lose(std::shared_ptr<Link> link);
    static Task<> close_later(std::shared_ptr<Link> link);
    static Task<> measure_flush(std::shared_ptr<Link> link, SteadyTime received);
    static Task<> wait_for_drain(std::shared_ptr<Link> link);

    Core& core_;
    Scope& scope_;
    std::vector<Link*>& all_;
    std::shared_ptr<Link> self_;
    Event* over_ = nullptr;  // of close_later(), while it waits
    std::uint32_t place_ = 0;
    bool peer_gone_ = false;  // while a message waited for room

 public:
    std::unique_ptr<net::Stream> stream;
    Connection connection;  // goes before the stream
};

}  // namespace mw::mqtt
