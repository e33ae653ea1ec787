// The table tests/conformance/mqtt/malformed.md, decoded and sent to a broker; and what would make
// a table of thousands of rows: each property and each reason code in each packet.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

using enum ReasonCode;

constexpr std::size_t malformed_max = 1'000;

// "??" stands for the remaining length.
Bytes packet_of(std::string text) {
    std::erase(text, ' ');
    const std::size_t length = text.find("??");
    if (length == std::string::npos) return from_hex(text).value();
    const Bytes body = from_hex(text.substr(length + 2)).value();
    Bytes bytes = from_hex(text.substr(0, length)).value();
    bytes.push_back(static_cast<std::uint8_t>(body.size()));
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

template <class Packet>
Fault fault_in(const Frame& frame, Version version) {
    Packet packet;
    return decode(frame, version, packet);
}

// The first fault that a receiver of these bytes finds.
Fault first_fault(const Bytes& bytes, Version version) {
    Frame frame;
    if (Fault fault = next_frame(bytes, malformed_max, frame); !fault.ok()) return fault;
    if (frame.size != bytes.size()) return {unspecified_error, frame.type, 0, "not one packet"};
    switch (frame.type) {
        case PacketType::connect: {
            Connect packet;
            return decode(frame, packet);
        }
        case PacketType::connack:
            return fault_in<Connack>(frame, version);
        case PacketType::publish:
            return fault_in<Publish>(frame, version);
        case PacketType::subscribe:
            return fault_in<Subscribe>(frame, version);
        case PacketType::unsubscribe:
            return fault_in<Unsubscribe>(frame, version);
        case PacketType::suback:
        case PacketType::unsuback:
            return fault_in<Suback>(frame, version);
        case PacketType::disconnect:
        case PacketType::auth:
            return fault_in<Disconnect>(frame, version);
        case PacketType::pingreq:
        case PacketType::pingresp:
            return decode_empty(frame);
        default:
            return fault_in<Ack>(frame, version);
    }
}

template <class Packet>
Bytes encoded_again(const Frame& frame, Version version) {
    Packet packet;
    Bytes out;
    EXPECT_TRUE(decode(frame, version, packet).ok());
    if constexpr (requires { encode(out, version, frame.type, packet); })
        encode(out, version, frame.type, packet);
    else
        encode(out, version, packet);
    return out;
}

// What is decoded from these bytes, encoded again.
Bytes there_and_back(const Bytes& bytes, Version version) {
    Frame frame;
    EXPECT_TRUE(next_frame(bytes, malformed_max, frame).ok());
    switch (frame.type) {
        case PacketType::connect: {
            Connect packet;
            Bytes out;
            EXPECT_TRUE(decode(frame, packet).ok());
            encode(out, packet);
            return out;
        }
        case PacketType::connack:
            return encoded_again<Connack>(frame, version);
        case PacketType::publish:
            return encoded_again<Publish>(frame, version);
        case PacketType::subscribe:
            return encoded_again<Subscribe>(frame, version);
        case PacketType::unsubscribe:
            return encoded_again<Unsubscribe>(frame, version);
        case PacketType::suback:
        case PacketType::unsuback:
            return encoded_again<Suback>(frame, version);
        case PacketType::disconnect:
        case PacketType::auth:
            return encoded_again<Disconnect>(frame, version);
        case PacketType::pingreq:
        case PacketType::pingresp: {
            Bytes out;
            encode_empty(out, frame.type);
            return out;
        }
        default:
            return encoded_again<Ack>(frame, version);
    }
}

struct MalformedRow {
    std::string packet, field, fault;
    Version version = Version::v5;
    Bytes bytes;
    std::string reason;
    bool fine() const { return reason == "fine"; }
    std::string name() const {
        return packet + " " + (version == Version::v5 ? "5" : "3.1.1") + ", " + field + ": " +
               fault;
    }
};

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream stream(line.substr(1));
    for (std::string cell; std::getline(stream, cell, '|');) {
        const std::size_t first = cell.find_first_not_of(' ');
        const std::size_t last = cell.find_last_not_of(' ');
        cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    return cells;
}

std::vector<MalformedRow> read_malformed_rows() {
    std::ifstream file(std::filesystem::path(MW_SOURCE_DIR) /
                       "tests/conformance/mqtt/malformed.md");
    std::vector<MalformedRow> rows;
    std::string packet;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("## ")) packet = line.substr(3);
        if (!line.starts_with("| ") || line.starts_with("| field ")) continue;
        const auto cells = cells_of(line);
        EXPECT_EQ(cells.size(), 5u) << line;
        rows.push_back({packet, cells.at(0), cells.at(1),
                        cells.at(2) == "4" ? Version::v3_1_1 : Version::v5, packet_of(cells.at(3)),
                        cells.at(4)});
    }
    return rows;
}

const std::vector<MalformedRow>& malformed_rows() {
    static const std::vector<MalformedRow> all = read_malformed_rows();
    return all;
}

TEST(MqttMalformed, the_codec_finds_what_is_wrong_with_each_field) {
    EXPECT_GT(malformed_rows().size(), 200u);
    for (const MalformedRow& row : malformed_rows()) {
        const Fault fault = first_fault(row.bytes, row.version);
        EXPECT_EQ(fault.ok() ? "fine" : to_string(fault.reason), row.reason)
            << row.name() << ": " << fault.describe();
        EXPECT_EQ(fault.what.empty(), fault.ok()) << row.name();
    }
}

TEST(MqttMalformed, what_is_fine_is_encoded_as_it_came) {
    for (const MalformedRow& row : malformed_rows()) {
        if (!row.fine()) continue;
        EXPECT_EQ(to_hex(there_and_back(row.bytes, row.version)), to_hex(row.bytes)) << row.name();
    }
}

TEST(MqttMalformed, every_field_of_every_packet_has_a_row) {
    const std::map<std::string, std::set<std::string>> fields{
        {"any packet", {"packet type", "remaining length"}},
        {"CONNECT",
         {"header flags", "protocol name", "protocol level", "connect flags", "keep alive",
          "properties", "client identifier", "will properties", "will topic", "will payload",
          "user name", "password", "end"}},
        {"CONNACK", {"header flags", "acknowledge flags", "reason code", "properties", "end"}},
        {"PUBLISH", {"header flags", "topic name", "packet identifier", "properties"}},
        {"PUBACK", {"header flags", "packet identifier", "reason code", "properties", "end"}},
        {"PUBREC", {"header flags", "packet identifier", "reason code", "properties", "end"}},
        {"PUBREL", {"header flags", "packet identifier", "reason code", "properties", "end"}},
        {"PUBCOMP", {"header flags", "packet identifier", "reason code", "properties", "end"}},
        {"SUBSCRIBE",
         {"header flags", "packet identifier", "properties", "topic filter", "options"}},
        {"SUBACK", {"header flags", "packet identifier", "properties", "reason code"}},
        {"UNSUBSCRIBE", {"header flags", "packet identifier", "properties", "topic filter"}},
        {"UNSUBACK", {"header flags", "packet identifier", "properties", "reason code"}},
        {"PINGREQ", {"header flags", "end"}},
        {"PINGRESP", {"header flags", "end"}},
        {"DISCONNECT", {"header flags", "reason code", "properties", "end"}},
        {"AUTH", {"header flags", "reason code", "properties", "end"}}};
    std::map<std::string, std::set<std::string>> have;
    std::set<std::string> fine, names;
    for (const MalformedRow& row : malformed_rows()) {
        EXPECT_TRUE(row.fine() || names.insert(row.name()).second) << row.name() << " twice";
        if (row.fine()) fine.insert(row.packet);
        if (row.field != "all") have[row.packet].insert(row.field);
    }
    EXPECT_EQ(have, fields);
    EXPECT_EQ(fine.size() + 1, fields.size());  // each packet shows its shape
}

// ---- against a broker
const OpenAuthorizer anyone_goes;

struct Answer {
    PacketType type = PacketType::reserved;
    std::string reason;
    bool operator==(const Answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    return out << to_string(answer.type) << " " << answer.reason;
}

std::vector<Answer> answers_in(ByteView written, Version version) {
    std::vector<Answer> answers;
    Frame frame;
    while (next_frame(written, malformed_max, frame).ok() && frame.size > 0) {
        Answer answer{frame.type, ""};
        if (frame.type == PacketType::connack) {
            Connack packet;
            EXPECT_TRUE(decode(frame, version, packet).ok());
            answer.reason = to_string(packet.reason);
        } else if (frame.type == PacketType::disconnect) {
            Disconnect packet;
            EXPECT_TRUE(decode(frame, version, packet).ok());
            answer.reason = to_string(packet.reason);
        }
        answers.push_back(answer);
        written = written.subspan(frame.size);
    }
    EXPECT_TRUE(written.empty());
    return answers;
}

// What a broker has to say to these bytes, before it closes the connection.
std::vector<Answer> expected_answer(const MalformedRow& row) {
    const bool v5 = row.version == Version::v5;
    // What only a server sends, and AUTH from a client that named no method.
    static const std::set<std::string> servers{"CONNACK", "SUBACK", "UNSUBACK", "PINGRESP", "AUTH"};
    if (row.packet == "CONNECT") {
        if (v5 || row.reason == to_string(unsupported_protocol_version))
            return {{PacketType::connack, row.reason}};
        return {};  // MQTT-3.1.4-1 of 3.1.1
    }
    if (!v5) return {};
    const bool header = row.field == "header flags";  // is looked at before the packet's type
    const bool misplaced = servers.contains(row.packet) && !header;
    return {
        {PacketType::disconnect, misplaced ? std::string(to_string(protocol_error)) : row.reason}};
}

TEST(MqttMalformed, the_broker_ends_the_connection_for_each) {
    log::Capture quiet;
    Limits limits;
    limits.packet_bytes = malformed_max;
    int walked = 0;
    for (const MalformedRow& row : malformed_rows()) {
        if (row.fine()) continue;
        FakeWorld world(anyone_goes, limits);
        FakeClient& client = world.open("a");
        if (row.packet != "CONNECT") {
            Connect hello;
            hello.version = row.version;
            hello.client_id = "a";
            Bytes bytes;
            encode(bytes, hello);
            client.connection->receive(bytes);
            ASSERT_FALSE(client.wire.closed);
            client.wire.written.clear();
        }
        client.connection->receive(row.bytes);
        EXPECT_EQ(answers_in(client.wire.written, row.version), expected_answer(row)) << row.name();
        EXPECT_TRUE(client.wire.closed) << row.name();
        EXPECT_TRUE(world.uplink.got.empty()) << row.name();
        ++walked;
    }
    EXPECT_GT(walked, 190);
}

// What is wrong with AUTH shows where it is awaited; there any other packet is wrong.
TEST(MqttMalformed, the_broker_ends_an_authentication_for_each) {
    log::Capture quiet;
    int walked = 0;
    for (const MalformedRow& row : malformed_rows()) {
        const bool is_auth = row.packet == "AUTH";
        if (row.version != Version::v5 || row.packet == "DISCONNECT" || is_auth == row.fine())
            continue;
        if (!is_auth && !row.fine()) continue;
        FakeWorld world(anyone_goes);
        world.core.use(&world.methods);
        FakeClient& client = world.open("a");
        Connect hello;
        hello.client_id = "a";
        hello.properties.set(Property::authentication_method, "TEST");
        Bytes bytes;
        encode(bytes, hello);
        client.connection->receive(bytes);
        ASSERT_FALSE(client.wire.closed);
        client.wire.written.clear();
        client.connection->receive(row.bytes);
        const std::string reason = is_auth ? row.reason : std::string(to_string(protocol_error));
        EXPECT_EQ(answers_in(client.wire.written, row.version),
                  std::vector<Answer>{(Answer{PacketType::connack, reason})})
            << row.name();
        EXPECT_TRUE(client.wire.closed) << row.name();
        ++walked;
    }
    EXPECT_GT(walked, 15);
}

// Whatever prefix of a packet arrives, it is incomplete and not wrong.
TEST(MqttMalformed, a_cut_packet_is_incomplete) {
    for (const MalformedRow& row : malformed_rows()) {
        if (!row.fine()) continue;
        for (std::size_t n = 0; n < row.bytes.size(); ++n) {
            Frame frame;
            ASSERT_TRUE(next_frame(ByteView(row.bytes).first(n), malformed_max, frame).ok());
            ASSERT_EQ(frame.size, 0u) << row.name();
        }
    }
}

// ---- properties (MQTT 5 2.2.2.2) and reason codes (2.4)
struct Section {
    std::string packet;
    std::string before, after;  // its property section
};

const Section property_sections[]{
    {"CONNECT", "10 ?? 0004 4d515454 05 02 003c", "0001 61"},
    {"will", "10 ?? 0004 4d515454 05 06 003c 00 0001 61", "0001 74 0001 78"},
    {"CONNACK", "20 ?? 00 00", ""},
    {"PUBLISH", "30 ?? 0001 74", ""},
    {"PUBACK", "40 ?? 0001 00", ""},
    {"PUBREC", "50 ?? 0001 00", ""},
    {"PUBREL", "62 ?? 0001 00", ""},
    {"PUBCOMP", "70 ?? 0001 00", ""},
    {"SUBSCRIBE", "82 ?? 0001", "0001 74 00"},
    {"SUBACK", "90 ?? 0001", "00"},
    {"UNSUBSCRIBE", "a2 ?? 0001", "0001 74"},
    {"UNSUBACK", "b0 ?? 0001", "00"},
    {"DISCONNECT", "e0 ?? 00", ""},
    {"AUTH", "f0 ?? 18", ""},
};

struct Placed {
    const char* bytes;
    const char* packets;
};

constexpr const char* every_packet =
    "CONNECT will CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE "
    "UNSUBACK DISCONNECT AUTH";
constexpr Placed placed_properties[]{
    {"01 01", "PUBLISH will"},
    {"02 01000000", "PUBLISH will"},
    {"03 0001 78", "PUBLISH will"},
    {"08 0001 78", "PUBLISH will"},
    {"09 0001 78", "PUBLISH will"},
    {"0b 05", "PUBLISH SUBSCRIBE"},
    {"11 01000000", "CONNECT CONNACK DISCONNECT"},
    {"12 0001 78", "CONNACK"},
    {"13 0101", "CONNACK"},
    {"15 0001 78", "CONNECT CONNACK AUTH"},
    {"15 0001 78 16 0001 78", "CONNECT CONNACK AUTH"},  // the data wants its method
    {"17 01", "CONNECT"},
    {"18 01000000", "will"},
    {"19 01", "CONNECT"},
    {"1a 0001 78", "CONNACK"},
    {"1c 0001 78", "CONNACK DISCONNECT"},
    {"1f 0001 78", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"},
    {"21 0101", "CONNECT CONNACK"},
    {"22 0101", "CONNECT CONNACK"},
    {"23 0101", "PUBLISH"},
    {"24 01", "CONNACK"},
    {"25 01", "CONNACK"},
    {"26 0001 78 0001 79", every_packet},
    {"27 01000000", "CONNECT CONNACK"},
    {"28 01", "CONNACK"},
    {"29 01", "CONNACK"},
    {"2a 01", "CONNACK"},
};

bool has_word(std::string_view words, std::string_view word) {
    std::istringstream stream{std::string(words)};
    for (std::string one; stream >> one;)
        if (one == word) return true;
    return false;
}

Bytes packet_with(const Section& section, std::string hex) {
    std::erase(hex, ' ');
    const Bytes size{static_cast<std::uint8_t>(hex.size() / 2)};
    return packet_of(section.before + to_hex(size) + hex + section.after);
}

Fault with_properties(const Section& section, const std::string& hex) {
    return first_fault(packet_with(section, hex), Version::v5);
}

TEST(MqttMalformed, each_property_stands_only_where_it_may_and_only_once) {
    for (const Section& section : property_sections) {
        EXPECT_TRUE(with_properties(section, "").ok()) << section.packet;
        for (const Placed& property : placed_properties) {
            SCOPED_TRACE(section.packet + " " + property.bytes);
            const std::string once = property.bytes;
            const bool allowed = has_word(property.packets, section.packet);
            const auto fault = with_properties(section, once);
            EXPECT_EQ(fault.reason, allowed ? success : malformed_packet) << fault.describe();
            if (!allowed) continue;
            const Bytes packet = packet_with(section, once);
            EXPECT_EQ(to_hex(there_and_back(packet, Version::v5)), to_hex(packet));
            const bool repeats =
                once.starts_with("26") || (once.starts_with("0b") && section.packet == "PUBLISH");
            EXPECT_EQ(with_properties(section, once + once).reason,
                      repeats ? success : protocol_error);
            EXPECT_EQ(with_properties(section, once.substr(0, once.size() - 2)).reason,
                      malformed_packet);
        }
    }
}

TEST(MqttMalformed, no_other_number_is_a_property) {
    std::set<unsigned> known;
    for (const Placed& property : placed_properties)
        known.insert(static_cast<unsigned>(std::stoul(property.bytes, nullptr, 16)));
    known.insert(0x16);
    for (unsigned number = 0; number < 256; ++number) {
        if (known.contains(number)) continue;
        const Bytes bytes{static_cast<std::uint8_t>(number), 1, 1, 1, 1};
        for (const Section& section : property_sections)
            EXPECT_EQ(with_properties(section, to_hex(bytes)).reason, malformed_packet) << number;
    }
}

struct Codes {
    const char* packet;
    int version;
    const char* before;
    const char* after;
    const char* allowed;
};

constexpr Codes allowed_codes[]{
    {"CONNACK", 5, "20 ?? 00", "00",
     "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"},
    {"PUBACK", 5, "40 ?? 0001", "", "00 10 80 83 87 90 91 97 99"},
    {"PUBREC", 5, "50 ?? 0001", "", "00 10 80 83 87 90 91 97 99"},
    {"PUBREL", 5, "62 ?? 0001", "", "00 92"},
    {"PUBCOMP", 5, "70 ?? 0001", "", "00 92"},
    {"SUBACK", 5, "90 ?? 0001 00", "", "00 01 02 80 83 87 8f 91 97 9e a1 a2"},
    {"UNSUBACK", 5, "b0 ?? 0001 00", "", "00 11 80 83 87 8f 91"},
    {"DISCONNECT", 5, "e0 ??", "",
     "00 04 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"},
    {"AUTH", 5, "f0 ??", "", "00 18 19"},
    {"CONNACK", 4, "20 ?? 00", "", "00 01 02 03 04 05"},
    {"SUBACK", 4, "90 ?? 0001", "", "00 01 02 80"},
};

TEST(MqttMalformed, each_reason_code_stands_only_where_it_may) {
    for (const Codes& row : allowed_codes) {
        for (unsigned code = 0; code < 256; ++code) {
            const std::string text = to_hex(Bytes{static_cast<std::uint8_t>(code)});
            const Fault fault = first_fault(packet_of(row.before + text + row.after),
                                            row.version == 5 ? Version::v5 : Version::v3_1_1);
            EXPECT_EQ(fault.ok(), has_word(row.allowed, text)) << row.packet << " " << text;
        }
    }
}

}  // namespace
}  // namespace mw::mqtt
