#pragma once
// Stream is one connection as bytes in order, whatever carries it: TCP, TLS or memory. It belongs
// to its loop; one coroutine reads and any may write. Limits: unsent output (set_write_limit),
// silence while somebody reads (set_idle_limit).
//
//     for (;;) {
//         CO_TRY(ByteView bytes, co_await stream->read());
//         if (bytes.empty()) break;                    // the peer has finished
//         CO_TRY_VOID(stream->write(answer(bytes)));   // sent at the end of the turn
//     }
//
// The bytes that read() gives lie in memory shared by all streams of the loop. They are valid until
// the coroutine next waits for anything; copy what must last longer.

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "platform/loop/loop.h"

namespace mw::net {

class Rider;

struct Address {
    std::string host;  // numeric
    std::uint16_t port = 0;
    bool operator==(const Address&) const = default;
};
std::string to_text(const Address& address);  // "127.0.0.1:8883", "[::1]:8883"

class Stream : private TurnEnd {
 public:
    class Read;
    class Drain;
    static constexpr std::size_t default_write_limit = 1 << 20;

    ~Stream() override;  // waits of others end as cancelled; derived classes close()
    Stream(const Stream&) = delete;

    // Result<ByteView>: what has arrived, at most Loop::read_buffer_size; empty at the peer's end,
    // from then on always. Errors stay too, but timed_out (set_idle_limit) and cancelled may be
    // followed by another read. A value awaiter: nothing is allocated. Not reading stops the peer.
    Await<Read> read();

    // Appends to the output, which is sent at the end of this turn. All or nothing: overloaded when
    // the unsent output would pass the limit, io_failed after finish(), close() or an error.
    Result<> write(ByteView bytes);
    Result<> write(std::string_view text) { return write(bytes_of(text)); }

    Await<Drain> writable();  // Result<>: until at most half of the limit is unsent
    Await<Drain> flush();     // Result<>: until the kernel (or the other end) has taken it all
    void finish();            // we write no more: ends our direction once the output is sent
    void close();             // tries to send what is left, once; then it is gone

    bool is_open() const { return open_; }
    std::size_t unsent() const { return out_.size() - sent_ + transport_unsent(); }
    const Address& peer() const { return peer_; }
    // The peer's certificate in DER, verified against our trust; empty if it gave none.
    const Bytes& peer_certificate() const { return peer_certificate_; }
    std::uint64_t bytes_read() const { return bytes_read_; }
    std::uint64_t bytes_written() const { return bytes_written_; }

    void set_write_limit(std::size_t bytes) { write_limit_ = bytes; }
    // A read ends as timed_out when nothing came for this long. Zero: no limit. Costs nothing per
    // read.
    void set_idle_limit(nanoseconds limit);

    // For who rides on this stream, as WebSocket does, and the broker, whose idle connections then
    // hold no coroutine. From now on it gets what arrives here, and nobody else reads; null ends
    // that. It hears of an end or error at once.
    void carry(Rider* rider);
    void pull() { start_reading(); }  // the rider wants more
    void push_now();                  // sends what there is before the turn ends
    // To another loop, whose thread alone uses it from now on. Nobody reads, waits or rides on it,
    // and nothing is unsent: flush() before. Its idle limit ends. False: it has broken meanwhile.
    bool move_to(Loop& other);

 protected:
    Stream(Loop& loop, Address peer);

    // What carries the bytes. Called on the loop.
    virtual void start_reading() = 0;                // a reader waits: call arrived(), ended()...
    virtual Result<std::size_t> send(ByteView) = 0;  // takes some; 0 means wait for sendable()
    virtual void send_end() = 0;                     // after the last byte of finish()
    virtual void shut() = 0;                         // releases everything
    virtual void leave_loop(Loop& next) = 0;         // watches nothing on this one any more
    virtual std::size_t transport_unsent() const { return 0; }
    // What came before anybody read; valid until the next read.
    virtual ByteView take_early() { return {}; }

    // What derived classes report. The first two resume the reader; from the loop's top only.
    void arrived(ByteView bytes);
    void ended();
    void will_end() { peer_ended_ = true; }  // nothing follows the bytes that arrived() gives next
    void broke(Error error);                 // both directions; wakes everyone
    void sendable();                         // after send() gave 0
    bool reader_waits() const;
    bool peer_ended() const { return peer_ended_; }
    const Error* error() const { return error_.get(); }
    void mark_dirty() { loop_->at_turn_end(*this); }
    Loop& loop() { return *loop_; }

    Address peer_;
    Bytes peer_certificate_;

 private:
    struct Idle final : Timer {
        explicit Idle(Stream& stream) : stream(stream) {}
        void on_timer() override { stream.on_idle(); }
        Stream& stream;
        nanoseconds limit{0};
        SteadyTime heard;
    };
    void on_turn_end() override;
    void push();
    void wake_drains();
    void on_idle();
    void release_output();
    Result<> state() const;  // ok while open and whole

    Loop* loop_;
    Bytes out_;             // from a pool while it holds something
    std::size_t sent_ = 0;  // of out_
    std::size_t write_limit_ = default_write_limit;
    List<Read> readers_;  // at most one
    List<Drain> drains_;
    std::unique_ptr<Error> error_;
    Rider* rider_ = nullptr;
    bool open_ = true;
    bool peer_ended_ = false;
    bool finishing_ = false;
    bool finished_ = false;
    bool blocked_ = false;  // send() gave 0
    std::uint64_t bytes_read_ = 0, bytes_written_ = 0;
    std::unique_ptr<Idle> idle_;  // of streams that have a limit
};

// What rides on a stream. All but the last come from the loop's top; on_bytes may destroy both.
class Rider {
 public:
    virtual ~Rider() = default;
    virtual bool wants_bytes() const = 0;  // false: not reading stops the peer
    virtual void on_bytes(ByteView bytes, bool last) = 0;
    virtual void on_end() = 0;
    virtual void on_room() = 0;  // some of the output was sent
    virtual void on_error(const Error& error) = 0;
};
inline bool Stream::reader_waits() const {
    return !readers_.empty() || (rider_ && rider_->wants_bytes());
}

// The outcome is set when it is woken: the stream may be gone by the time it resumes.
class Stream::Read : public Waiter {
 public:
    explicit Read(Stream& stream) : stream_(stream) {}
    bool await_ready();
    bool begin(std::coroutine_handle<> h, Cancellation& in);
    Result<ByteView> await_resume();

 private:
    friend class Stream;
    void wake_with(Result<ByteView> outcome) { outcome_ = std::move(outcome), wake(); }
    Stream& stream_;
    Result<ByteView> outcome_{ByteView{}};
};

class Stream::Drain : public Waiter {
 public:
    Drain(Stream& stream, bool all) : stream_(stream), all_(all) {}
    bool await_ready();
    bool begin(std::coroutine_handle<> h, Cancellation& in);
    Result<> await_resume();

 private:
    friend class Stream;
    bool settled();  // sets the outcome if so
    Stream& stream_;
    bool all_;
    Result<> outcome_;
};

inline Await<Stream::Read> Stream::read() { return Await<Read>(*this); }
inline Await<Stream::Drain> Stream::writable() { return {*this, false}; }
inline Await<Stream::Drain> Stream::flush() { return {*this, true}; }

}  // namespace mw::net
