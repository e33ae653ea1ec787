#pragma once
// Private to this module: a Stream whose bytes travel in the frames of another. Pings are answered
// as they are read, so not while nobody reads. A Close is the peer's end: it is answered when our
// side finishes or closes. An end below without a Close is io_failed.

#include "base/random.h"
#include "platform/http/websocket_frames.h"
#include "platform/net/net.h"

namespace mw::http {

class WebSocketStream final : public net::Stream, private net::Rider {
 public:
    using Side = FrameReader::Side;
    // The handshake is done; `early` came behind it. random: a client's, for its masks.
    WebSocketStream(Loop& loop, std::unique_ptr<net::Stream> below, Side side, Random* random,
                    ByteView early);
    ~WebSocketStream() override;

 private:
    // Stream
    void start_reading() override { below_->pull(); }
    Result<std::size_t> send(ByteView bytes) override;
    void send_end() override;
    void shut() override;
    void leave_loop(Loop& next) override;
    std::size_t transport_unsent() const override { return below_->unsent(); }
    ByteView take_early() override;
    // Rider
    bool wants_bytes() const override { return reader_waits(); }
    void on_bytes(ByteView bytes, bool last) override;
    void on_end() override;
    void on_room() override { sendable(); }
    void on_error(const Error& error) override { broke(error); }

    ByteView take_frames(ByteView bytes);
    Result<> send_frame(Opcode opcode, ByteView payload);
    void send_close(std::uint16_t code);
    void end_if_both_closed();

    std::unique_ptr<net::Stream> below_;
    Random* random_;
    Side side_;
    bool close_sent_ = false;
    FrameReader reader_;
    Bytes early_, early_taken_;  // payload that came with the handshake
};

}  // namespace mw::http
