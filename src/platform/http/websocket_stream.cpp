#include "platform/http/websocket_stream.h"

#include <algorithm>

namespace mw::http {
namespace {

// What is framed already can't be taken back, so it is little: the rest waits unframed.
constexpr std::size_t framed_most = 256 * 1024;
constexpr std::size_t message_most = 256 * 1024;

// Payload of one read, for all streams of a thread.
std::uint8_t* payload_buffer(std::size_t size) {
    thread_local Bytes buffer;
    if (buffer.size() < size) buffer.resize(std::max(size, Loop::read_buffer_size));
    return buffer.data();
}

}  // namespace

WebSocketStream::WebSocketStream(Loop& loop, std::unique_ptr<net::Stream> below, Side side,
                                 Random* random, ByteView early)
    : Stream(loop, below->peer()),
      below_(std::move(below)),
      random_(random),
      side_(side),
      reader_(side) {
    ASSERT(side_ == Side::server || random_ != nullptr);
    peer_certificate_ = below_->peer_certificate();
    const ByteView payload = take_frames(early);
    early_.assign(payload.begin(), payload.end());
    if (reader_.closed()) will_end();
    below_->carry(this);
}

WebSocketStream::~WebSocketStream() {
    close();
    below_->carry(nullptr);
}

// All payload in `bytes`. Afterwards we may be broken, or over.
ByteView WebSocketStream::take_frames(ByteView bytes) {
    std::uint8_t* payload = payload_buffer(bytes.size());
    const std::size_t size = reader_.feed(bytes, payload);
    // 5.5.3. A client that asks and doesn't read fills its own output and gets no more answers.
    if (auto ping = reader_.take_ping(); ping && !close_sent_ && below_->unsent() < framed_most)
        ignore(send_frame(Opcode::pong, *ping), "a broken stream tells its reader");
    if (const auto& violation = reader_.violation()) {
        send_close(violation->code);
        broke({Errc::invalid_input, net::to_text(peer_) + " breaks WebSocket: " + violation->text});
        return {};
    }
    if (reader_.closed()) end_if_both_closed();
    return {payload, size};
}

ByteView WebSocketStream::take_early() {
    if (early_.empty()) {
        if (early_taken_.capacity() > 0) Bytes().swap(early_taken_);
        return {};
    }
    early_taken_.swap(early_);
    return early_taken_;
}

void WebSocketStream::on_bytes(ByteView bytes, bool last) {
    if (reader_.over()) return;  // 5.5.1: nothing counts behind a Close
    const ByteView payload = take_frames(bytes);
    if (error()) return;
    // The bytes that came are given first, also where the end below came without a Close.
    if (reader_.closed() || last) will_end();
    if (!payload.empty()) return arrived(payload);
    if (reader_.closed()) return ended();
    if (last) return on_end();
    below_->pull();  // half a header, or a control frame: the reader waits on
}

void WebSocketStream::on_end() {
    if (reader_.closed() || close_sent_) return ended();
    broke({Errc::io_failed,
           net::to_text(peer_) + " closed the connection without WebSocket's farewell"});
}

Result<std::size_t> WebSocketStream::send(ByteView bytes) {
    if (below_->unsent() >= framed_most) return std::size_t{0};
    bytes = bytes.first(std::min(bytes.size(), message_most));
    TRY_VOID(send_frame(Opcode::binary, bytes));
    below_->push_now();
    if (error()) return *error();
    return bytes.size();
}

Result<> WebSocketStream::send_frame(Opcode opcode, ByteView payload) {
    std::uint8_t header[frame_header_max];
    if (side_ == Side::server) {
        const std::size_t size = put_frame_header(header, opcode, payload.size(), std::nullopt);
        TRY_VOID(below_->write(ByteView(header, size)));
        return below_->write(payload);
    }
    const auto key = static_cast<std::uint32_t>(random_->next());  // 5.3: a fresh one per frame
    const std::size_t size = put_frame_header(header, opcode, payload.size(), key);
    TRY_VOID(below_->write(ByteView(header, size)));
    Bytes masked(payload.size());
    mask_into(masked.data(), payload, key);
    return below_->write(masked);
}

void WebSocketStream::send_close(std::uint16_t code) {
    if (std::exchange(close_sent_, true)) return;
    const std::uint8_t payload[] = {static_cast<std::uint8_t>(code >> 8),
                                    static_cast<std::uint8_t>(code)};
    ignore(send_frame(Opcode::close, ByteView(payload, sizeof payload)), "the peer may be gone");
}

void WebSocketStream::send_end() {
    send_close(CloseCode::normal);
    end_if_both_closed();
}

// 7.1.1: the server ends the connection below first, the client waits for it.
void WebSocketStream::end_if_both_closed() {
    if (close_sent_ && reader_.closed() && side_ == Side::server) below_->finish();
}

void WebSocketStream::leave_loop(Loop& next) {
    below_->carry(nullptr);
    const bool moved = below_->move_to(next);
    ASSERT(moved);  // it is open, and what it had unsent counts as ours
    below_->carry(this);
}

void WebSocketStream::shut() {
    if (below_->is_open()) send_close(CloseCode::normal);
    below_->close();
}

}  // namespace mw::http
