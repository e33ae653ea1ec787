#include "platform/net/stream.h"

#include "platform/net/output_pool.h"

namespace mw::net {
namespace {

Error stream_gone() { return {Errc::cancelled, "the stream was closed"}; }

}  // namespace

std::string to_text(const Address& address) {
    bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Stream::Stream(Loop& loop, Address peer) : peer_(std::move(peer)), loop_(&loop) {}

Stream::~Stream() {
    open_ = false;
    while (Read* reader = readers_.front()) reader->wake_with(stream_gone());
    wake_drains();
    release_output();
}

Result<> Stream::write(ByteView bytes) {
    if (error_) return *error_;
    if (!open_) return stream_gone();
    if (finishing_) return Error{Errc::io_failed, "write after finish()"};
    if (unsent() + bytes.size() > write_limit_)
        return Error{Errc::overloaded, to_text(peer_) + " takes too little: " +
                                           std::to_string(unsent()) + " bytes are unsent already"};
    if (bytes.empty()) return {};
    if (out_.capacity() == 0) out_ = OutputPool::here().take();
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    bytes_written_ += bytes.size();
    if (!blocked_) mark_dirty();
    return {};
}

void Stream::finish() {
    if (!open_ || std::exchange(finishing_, true)) return;
    mark_dirty();
}

void Stream::close() {
    if (!open_) return;
    if (!error_) push();
    if (!open_) return;
    open_ = false;
    unlink();
    release_output();
    shut();
    while (Read* reader = readers_.front()) reader->wake_with(stream_gone());
    wake_drains();
}

// Sends what there is. Leaves when the transport takes no more; sendable() comes back here.
void Stream::push() {
    while (open_ && !error_ && sent_ < out_.size()) {
        auto taken = send(ByteView(out_).subspan(sent_));
        if (!taken) return broke(std::move(taken).error());
        if (*taken == 0) {
            blocked_ = true;
            break;
        }
        sent_ += *taken;
    }
    if (!open_ || error_) return;
    if (sent_ == out_.size())
        release_output();
    else if (sent_ > out_.size() / 2 && sent_ > 64 * 1024)
        out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent_)), sent_ = 0;
    if (finishing_ && unsent() == 0 && !std::exchange(finished_, true)) send_end();
    if (!drains_.empty()) wake_drains();
}

void Stream::release_output() {
    if (out_.capacity() > 0) OutputPool::here().give(out_);
    sent_ = 0;
}

void Stream::wake_drains() {
    for (Drain* drain = drains_.front(); drain;) {
        Drain* next = drains_.after(*drain);
        if (drain->settled()) drain->wake();
        drain = next;
    }
}

void Stream::sendable() {
    blocked_ = false;
    on_turn_end();
}

void Stream::on_turn_end() {
    push();
    if (rider_) rider_->on_room();
}

void Stream::push_now() {
    unlink();  // nothing is left for the end of the turn
    if (!blocked_) push();
}

void Stream::carry(Rider* rider) {
    ASSERT(readers_.empty());
    rider_ = rider;
    if (!rider_) return;
    const bool read = take_early().empty();  // what was early has been read, and is let go of
    ASSERT(read);
    if (error_) return rider_->on_error(*error_);
    if (peer_ended_) rider_->on_end();
}

bool Stream::move_to(Loop& other) {
    ASSERT(readers_.empty() && drains_.empty() && rider_ == nullptr);
    if (!open_ || error_ || unsent() > 0) return false;
    unlink();
    idle_.reset();
    leave_loop(other);
    loop_ = &other;
    return true;
}

void Stream::arrived(ByteView bytes) {
    bytes_read_ += bytes.size();
    if (idle_) idle_->heard = loop_->now();
    if (rider_) return rider_->on_bytes(bytes, peer_ended_);  // may destroy this stream
    Read* reader = readers_.front();
    ASSERT(reader != nullptr);
    reader->outcome_ = bytes;
    reader->resume();  // may destroy this stream
}

void Stream::ended() {
    peer_ended_ = true;
    if (rider_) return rider_->on_end();
    if (Read* reader = readers_.front()) reader->resume();
}

void Stream::broke(Error error) {
    if (error_) return;
    error_ = std::make_unique<Error>(std::move(error));
    unlink();
    release_output();
    // Later in this turn: the caller may be in the middle of something.
    while (Read* reader = readers_.front()) reader->wake_with(*error_);
    wake_drains();
    if (rider_) rider_->on_error(*error_);
}

void Stream::set_idle_limit(nanoseconds limit) {
    if (!idle_) idle_ = std::make_unique<Idle>(*this);
    idle_->limit = limit;
}

void Stream::on_idle() {
    Read* reader = readers_.front();
    if (!reader || idle_->limit.count() <= 0) return;
    nanoseconds silent = loop_->clock().steady() - idle_->heard;
    if (silent < idle_->limit) return loop_->arm(*idle_, idle_->limit - silent);
    reader->wake_with(
        Error{Errc::timed_out, to_text(peer_) + " was silent for " + mw::to_text(idle_->limit)});
}

Result<> Stream::state() const {
    if (error_) return *error_;
    if (!open_) return stream_gone();
    return {};
}

bool Stream::Read::await_ready() {
    if (auto state = stream_.state(); !state)
        outcome_ = std::move(state).error();
    else if (auto early = stream_.take_early(); !early.empty())
        outcome_ = early;
    else
        return stream_.peer_ended_;
    return true;
}

bool Stream::Read::begin(std::coroutine_handle<> h, Cancellation& in) {
    ASSERT(stream_.readers_.empty());  // one coroutine reads
    if (!suspend(h, in)) return false;
    stream_.readers_.push_back(*this);
    if (Idle* idle = stream_.idle_.get()) {
        idle->heard = loop().now();
        if (idle->limit.count() > 0 && !idle->armed()) loop().arm(*idle, idle->limit);
    }
    stream_.start_reading();
    return true;
}

Result<ByteView> Stream::Read::await_resume() {
    if (cancelled()) return cancelled_error();
    return std::move(outcome_);
}

bool Stream::Drain::settled() {
    outcome_ = stream_.state();
    return !outcome_ || stream_.unsent() <= (all_ ? 0 : stream_.write_limit_ / 2);
}
bool Stream::Drain::await_ready() { return settled(); }

bool Stream::Drain::begin(std::coroutine_handle<> h, Cancellation& in) {
    if (!suspend(h, in)) return false;
    stream_.drains_.push_back(*this);
    return true;
}

Result<> Stream::Drain::await_resume() {
    if (cancelled()) return cancelled_error();
    return std::move(outcome_);
}

}  // namespace mw::net
