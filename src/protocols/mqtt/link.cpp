#include "protocols/mqtt/link.h"

#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr nanoseconds linger = seconds{1};  // for the last words to arrive before the reset

}  // namespace

Link::Link(Core& core, Scope& scope, std::vector<Link*>& all, std::unique_ptr<net::Stream> stream,
           const Identity& identity)
    : core_(core),
      scope_(scope),
      all_(all),
      stream(std::move(stream)),
      connection(core, *this, identity) {
    const Limits& limits = core.limits();
    // The core keeps to outbox_bytes; the rest is for what it writes on top: answers.
    this->stream->set_write_limit(limits.outbox_bytes + limits.packet_bytes + 65'536);
    place_ = static_cast<std::uint32_t>(all_.size());
    all_.push_back(this);
}

Link::~Link() {
    all_[place_] = all_.back();
    all_[place_]->place_ = place_;
    all_.pop_back();
}

void Link::start() {
    self_ = shared_from_this();
    scope_.spawn(first_bytes(self_));
}

void Link::start(ByteView first) {
    self_ = shared_from_this();
    take_first(first);
}

void Link::cut() {
    stream->close();
    const auto self = std::move(self_);
}

void Link::write(ByteView bytes) {
    core_.count().bytes_sent += bytes.size();
    // A broken stream tells its reader, which is where it is dealt with; an answer that finds
    // no room means a client that asks and does not read.
    if (auto written = stream->write(bytes); !written && written.error().code == Errc::overloaded)
        core_.doom(connection);
}

void Link::time_flush(SteadyTime received) {
    scope_.spawn(measure_flush(shared_from_this(), received));
}

void Link::on_full() { scope_.spawn(wait_for_drain(shared_from_this())); }

void Link::on_readable() {
    if (std::exchange(peer_gone_, false)) return scope_.spawn(lose(shared_from_this()));
    if (stream->is_open()) stream->pull();
}

void Link::on_close(bool at_once) {
    if (at_once) return over();
    stream->finish();
    if (stream->is_open()) stream->pull();  // to see the client's end
    if (self_) scope_.spawn(close_later(self_));
}

// What came behind a TLS handshake is given to a reader only. An idle connection holds no
// coroutine: the stream calls on_bytes() from then on.
Task<> Link::first_bytes(std::shared_ptr<Link> link) {
    auto bytes = co_await link->stream->read();
    if (!bytes)
        link->on_error(bytes.error());
    else if (bytes->empty())
        link->on_end();
    else
        link->take_first(*bytes);
    co_return Result<>{};
}

void Link::take_first(ByteView bytes) {
    const auto self = self_;
    connection.receive(bytes);
    if (stream->is_open()) stream->carry(this);
    if (stream->is_open()) stream->pull();
}

void Link::on_bytes(ByteView bytes, bool last) {
    connection.receive(bytes);
    if (last) return on_end();
    if (stream->is_open() && wants_bytes()) stream->pull();
}

void Link::on_end() {
    if (!wants_bytes()) {  // first what came before the end
        peer_gone_ = true;
        return;
    }
    connection.lost("the client closed the connection");
    over();
}

void Link::on_error(const Error& error) {
    connection.lost(error.message);
    over();
}

// Nothing is read any more. Lets go of itself later in this turn, as callers are above us.
void Link::over() {
    stream->close();
    if (over_) over_->set();
    if (self_) scope_.spawn(release(std::move(self_)));
}

Task<> Link::lose(std::shared_ptr<Link> link) {
    link->on_end();
    co_return Result<>{};
}

Task<> Link::close_later(std::shared_ptr<Link> link) {
    Event over;
    link->over_ = &over;
    if (!link->stream->is_open()) over.set();
    ignore(co_await within(linger, over.wait()), "too late or cancelled: then now");
    link->over_ = nullptr;
    link->over();
    co_return Result<>{};
}

Task<> Link::measure_flush(std::shared_ptr<Link> link, SteadyTime received) {
    const auto flushed = co_await within(link->core_.limits().write_stall, link->stream->flush());
    Latencies& latencies = link->core_.latencies();
    latencies.end_delivery();
    if (flushed) latencies.delivered(link->core_.now() - received);
    co_return Result<>{};
}

// As long as the client takes bytes, however slowly, it may stay.
Task<> Link::wait_for_drain(std::shared_ptr<Link> link) {
    while (!link->connection.closing()) {
        const std::uint64_t before = link->stream->bytes_written();
        auto drained = co_await within(link->core_.limits().write_stall, link->stream->writable());
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

}  // namespace mw::mqtt
