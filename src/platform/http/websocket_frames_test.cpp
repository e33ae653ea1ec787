// Frames as bytes: what is understood, and a table of what is refused.
#include "platform/http/websocket_frames.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace mw::http {
namespace {

using Side = FrameReader::Side;

struct Seen {
    std::string data;
    std::uint16_t refused = 0;  // the violation's code
    std::uint16_t closed = 0;
    std::optional<Bytes> ping;
    bool operator==(const Seen&) const = default;
};

// Fed `piece` bytes at a time.
Seen read_frames(FrameReader reader, ByteView bytes, std::size_t piece = SIZE_MAX) {
    Seen seen;
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min(piece, bytes.size()));
        Bytes out(part.size());
        const std::size_t size = reader.feed(part, out.data());
        seen.data += text_of(ByteView(out).first(size));
        if (auto ping = reader.take_ping()) seen.ping = ping;
        bytes = bytes.subspan(part.size());
    }
    if (reader.violation()) seen.refused = reader.violation()->code;
    if (reader.closed()) seen.closed = reader.close_code();
    return seen;
}

Bytes frame(Opcode opcode, std::string_view payload, bool masked = true, bool final = true) {
    const std::optional<std::uint32_t> key =
        masked ? std::optional<std::uint32_t>(0xA1B2C3D4u) : std::nullopt;
    Bytes bytes(frame_header_max);
    bytes.resize(put_frame_header(bytes.data(), opcode, payload.size(), key));
    if (!final) bytes[0] &= 0x7F;
    const std::size_t at = bytes.size();
    bytes.resize(at + payload.size());
    mask_into(bytes.data() + at, bytes_of(payload), key.value_or(0));
    return bytes;
}
Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Bytes hex(std::string_view text) { return *from_hex(text); }

// RFC 6455 5.7: its own examples.
TEST(WebSocketFrames, the_standards_examples) {
    EXPECT_EQ(read_frames(FrameReader(Side::server), hex("828537fa213d7f9f4d5158")).data, "Hello");
    EXPECT_EQ(read_frames(FrameReader(Side::client), hex("820548656c6c6f")).data, "Hello");
    EXPECT_EQ(read_frames(FrameReader(Side::client), hex("020348656c80026c6f")).data, "Hello");
    const Seen ping = read_frames(FrameReader(Side::client), hex("890548656c6c6f"));
    EXPECT_EQ(text_of(ping.ping.value()), "Hello");
    EXPECT_EQ(ping.data, "");
}

TEST(WebSocketFrames, the_length_takes_its_shortest_form) {
    for (std::size_t size : {0u, 125u, 126u, 65'535u, 65'536u, 200'000u}) {
        const Bytes bytes = frame(Opcode::binary, std::string(size, 'x'));
        const std::size_t header = size < 126 ? 6 : size < 65'536 ? 8 : 14;
        EXPECT_EQ(bytes.size(), header + size);
        EXPECT_EQ(read_frames(FrameReader(Side::server), bytes).data.size(), size);
    }
}

TEST(WebSocketFrames, a_message_may_be_cut_anywhere_with_pings_inside) {
    std::string text(1000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
    const Bytes bytes = frame(Opcode::binary, text.substr(0, 300), true, false) +
                        frame(Opcode::ping, "one") +
                        frame(Opcode::continuation, text.substr(300, 400), true, false) +
                        frame(Opcode::continuation, "", true, false) + frame(Opcode::pong, "") +
                        frame(Opcode::continuation, text.substr(700)) + frame(Opcode::ping, "two") +
                        frame(Opcode::close, std::string("\x03\xE8", 2) + "bye");
    const Seen whole = read_frames(FrameReader(Side::server), bytes);
    EXPECT_TRUE(whole.data == text);
    EXPECT_EQ(whole.closed, CloseCode::normal);
    EXPECT_EQ(text_of(whole.ping.value()), "two");
    for (std::size_t piece : {1, 2, 3, 5, 7, 13, 14, 64, 333})
        EXPECT_TRUE(read_frames(FrameReader(Side::server), bytes, piece) == whole) << piece;
}

TEST(WebSocketFrames, masks_of_any_length_and_offset_equal_the_plain_loop) {
    SeededRandom random(7);
    for (std::size_t size = 0; size < 100; ++size) {
        Bytes from(size + 3), to(size), again(size);
        random.fill(from);
        for (std::size_t offset = 0; offset < 4; ++offset) {
            const ByteView view =
                ByteView(from).subspan(std::min(offset, from.size() - size), size);
            const std::uint32_t key = static_cast<std::uint32_t>(random.next());
            std::uint8_t bytes[4];
            store_le(bytes, key);
            const std::uint32_t next = mask_into(to.data(), view, key);
            for (std::size_t i = 0; i < size; ++i) again[i] = view[i] ^ bytes[i % 4];
            EXPECT_EQ(to, again);
            EXPECT_EQ(next & 0xFF, bytes[size % 4]);
        }
    }
}

struct Hostile {
    const char* name;
    Bytes bytes;
    std::uint16_t code;
    Side side = Side::server;
};
class HostileFrames : public testing::TestWithParam<Hostile> {};
TEST_P(HostileFrames, are_refused_however_they_are_cut) {
    const FrameLimits small{.frame_bytes = 1000, .message_bytes = 2500};
    const Bytes bytes = GetParam().bytes + frame(Opcode::binary, "what follows does not count",
                                                 GetParam().side == Side::server);
    for (std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{3}}) {
        const Seen seen = read_frames(FrameReader(GetParam().side, small), bytes, piece);
        EXPECT_EQ(seen.refused, GetParam().code) << piece;
        EXPECT_EQ(seen.data.find("what follows"), std::string::npos);
    }
}
const std::string thousand(1000, 'x');
Bytes close_of(int code) {
    const char payload[] = {static_cast<char>(code >> 8), static_cast<char>(code)};
    return frame(Opcode::close, std::string_view(payload, 2));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, HostileFrames,
    testing::Values(
        Hostile{"client_without_mask", frame(Opcode::binary, "x", false), 1002},
        Hostile{"client_control_without_mask", frame(Opcode::ping, "", false), 1002},
        Hostile{"server_with_mask", frame(Opcode::binary, "x"), 1002, Side::client},
        Hostile{"text", frame(Opcode::text, "x"), 1003},
        Hostile{"empty_text", frame(Opcode::text, ""), 1003},
        Hostile{"reserved_bit_1", hex("c28100000000ff"), 1002},
        Hostile{"reserved_bit_2", hex("a28100000000ff"), 1002},
        Hostile{"reserved_bit_3", hex("928100000000ff"), 1002},
        Hostile{"opcode_3", hex("838000000000"), 1002},
        Hostile{"opcode_7", hex("878000000000"), 1002},
        Hostile{"opcode_11", hex("8b8000000000"), 1002},
        Hostile{"opcode_15", hex("8f8000000000"), 1002},
        Hostile{"length_125_in_16_bits", hex("82fe007d00000000"), 1002},
        Hostile{"length_65535_in_64_bits", hex("82ff000000000000ffff00000000"), 1002},
        Hostile{"length_with_top_bit", hex("82ff800000000000000000000000"), 1002},
        Hostile{"huge_length", hex("82ff7fffffffffffffff00000000"), 1009},
        Hostile{"frame_over_the_limit", frame(Opcode::binary, thousand + "x"), 1009},
        Hostile{"message_over_the_limit",
                frame(Opcode::binary, thousand, true, false) +
                    frame(Opcode::continuation, thousand, true, false) +
                    frame(Opcode::continuation, thousand),
                1009},
        Hostile{"continuation_first", frame(Opcode::continuation, "x"), 1002},
        Hostile{"continuation_after_the_end",
                frame(Opcode::binary, "x") + frame(Opcode::continuation, "x"), 1002},
        Hostile{"message_inside_a_message",
                frame(Opcode::binary, "x", true, false) + frame(Opcode::binary, "x"), 1002},
        Hostile{"ping_in_fragments", frame(Opcode::ping, "x", true, false), 1002},
        Hostile{"close_in_fragments", frame(Opcode::close, "", true, false), 1002},
        Hostile{"ping_of_126_bytes", frame(Opcode::ping, std::string(126, 'x')), 1002},
        Hostile{"close_of_64_bit_length", hex("88ff000000000001000000000000"), 1002},
        Hostile{"half_a_close_code", frame(Opcode::close, "x"), 1002},
        Hostile{"close_999", close_of(999), 1002}, Hostile{"close_1004", close_of(1004), 1002},
        Hostile{"close_1005", close_of(1005), 1002}, Hostile{"close_1006", close_of(1006), 1002},
        Hostile{"close_1015", close_of(1015), 1002}, Hostile{"close_2999", close_of(2999), 1002},
        Hostile{"close_5000", close_of(5000), 1002},
        Hostile{"close_65535", close_of(65'535), 1002}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(WebSocketFrames, close_codes_that_may_be_sent_are_taken) {
    for (int code : {1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999}) {
        const Seen seen = read_frames(FrameReader(Side::server), close_of(code));
        EXPECT_EQ(seen.refused, 0) << code;
        EXPECT_EQ(seen.closed, code);
    }
    EXPECT_EQ(read_frames(FrameReader(Side::server), frame(Opcode::close, "")).closed,
              CloseCode::none);
}

TEST(WebSocketFrames, nothing_counts_behind_a_close) {
    const Bytes bytes = frame(Opcode::binary, "a") + close_of(1000) + frame(Opcode::binary, "b");
    EXPECT_EQ(read_frames(FrameReader(Side::server), bytes).data, "a");
}

}  // namespace
}  // namespace mw::http
