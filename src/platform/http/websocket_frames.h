#pragma once
// Private to this module: RFC 6455's frames without I/O. A FrameReader takes any bytes, cut
// anywhere, and gives the payload of binary messages as one run of bytes, unmasked. Belongs to one
// connection; holds at most 139 bytes of a frame. What breaks the protocol ends it for good.

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace mw::http {

enum class Opcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10
};

// RFC 6455 7.4.1: why a connection ends.
struct CloseCode {
    static constexpr std::uint16_t normal = 1000, protocol_error = 1002, unsupported = 1003,
                                   none = 1005, too_big = 1009;
};

struct FrameLimits {
    std::uint64_t frame_bytes = 16 << 20;
    std::uint64_t message_bytes = 64 << 20;  // all fragments
};

class FrameReader {
 public:
    enum class Side : std::uint8_t { server, client };  // a server wants masked frames, 5.1
    struct Violation {
        std::uint16_t code;
        const char* text;
    };

    explicit FrameReader(Side side, FrameLimits limits = {}) : side_(side), limits_(limits) {}

    // Takes all bytes, but for what follows a Close or a violation. Puts payload to `out`, which
    // has room for bytes.size(); how much it put.
    std::size_t feed(ByteView bytes, std::uint8_t* out);

    bool over() const { return closed_ || violation_; }
    const std::optional<Violation>& violation() const { return violation_; }
    bool closed() const { return closed_; }  // by the peer's Close
    std::uint16_t close_code() const { return close_code_; }
    // The newest ping's payload since it was last asked; 5.5.3 wants an answer to that one only.
    std::optional<Bytes> take_ping();

 private:
    static constexpr std::size_t control_bytes_max = 125;

    std::size_t header_size() const;
    bool take_header(ByteView& bytes);
    void read_header();
    void begin_data(Opcode opcode, bool final);
    void begin_control(bool final);
    void end_control();
    void read_close();
    void refuse(std::uint16_t code, const char* text) { violation_ = Violation{code, text}; }

    Side side_;
    FrameLimits limits_;
    std::array<std::uint8_t, 14> header_{};
    std::array<std::uint8_t, control_bytes_max> control_{};
    std::uint8_t have_ = 0;          // of header_
    std::uint8_t control_size_ = 0;  // of control_
    Opcode opcode_ = Opcode::continuation;
    bool in_payload_ = false;
    bool in_message_ = false;  // its last fragment is still to come
    bool closed_ = false, pinged_ = false;
    std::uint16_t close_code_ = CloseCode::none;
    std::uint32_t key_ = 0;            // the mask from the next byte on
    std::uint64_t left_ = 0;           // of this frame's payload
    std::uint64_t message_bytes_ = 0;  // of this message so far
    Bytes ping_;
    std::optional<Violation> violation_;
};

// XOR with the key's four bytes over and over, 5.3. The key for what follows.
std::uint32_t mask_into(std::uint8_t* to, ByteView from, std::uint32_t key);

constexpr std::size_t frame_header_max = 14;
// A whole frame's header, FIN set; its size. key: for a client's frames.
std::size_t put_frame_header(std::uint8_t* to, Opcode opcode, std::uint64_t size,
                             std::optional<std::uint32_t> key);

}  // namespace mw::http
