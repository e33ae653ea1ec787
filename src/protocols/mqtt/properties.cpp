#include "protocols/mqtt/properties.h"

#include <array>

#include "base/assert.h"
#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

enum class Kind : std::uint8_t { none, byte, two, four, varint, text, binary, pair };
enum class Range : std::uint8_t { any, flag, not_zero };

struct Rule {
    Kind kind = Kind::none;
    Range range = Range::any;
    std::uint8_t slot = 0;      // in numbers_ or texts_
    std::uint16_t packets = 0;  // one bit per PacketType; bit 0: will properties
};

constexpr std::uint16_t bit(PacketType type) {
    return static_cast<std::uint16_t>(1u << static_cast<unsigned>(type));
}
constexpr std::uint16_t connect = bit(PacketType::connect), connack = bit(PacketType::connack);
constexpr std::uint16_t message = bit(PacketType::publish) | bit(PacketType::reserved);
constexpr std::uint16_t publish = bit(PacketType::publish), will = bit(PacketType::reserved);
constexpr std::uint16_t disconnect = bit(PacketType::disconnect), auth = bit(PacketType::auth);
constexpr std::uint16_t answers = connack | bit(PacketType::puback) | bit(PacketType::pubrec) |
                                  bit(PacketType::pubrel) | bit(PacketType::pubcomp) |
                                  bit(PacketType::suback) | bit(PacketType::unsuback) | disconnect |
                                  auth;
constexpr std::uint16_t subscribe = bit(PacketType::subscribe);
constexpr std::uint16_t everywhere =
    answers | connect | message | subscribe | bit(PacketType::unsubscribe);

// MQTT 5 table 2-4.
constexpr std::array<Rule, 43> make_rules() {
    std::array<Rule, 43> rules{};
    std::uint8_t numbers = 0;
    std::uint8_t texts = 0;
    auto number = [&](Property id, Kind kind, std::uint16_t packets, Range range = Range::any) {
        rules[static_cast<std::size_t>(id)] = {kind, range, numbers++, packets};
    };
    auto text = [&](Property id, Kind kind, std::uint16_t packets) {
        rules[static_cast<std::size_t>(id)] = {kind, Range::any, texts++, packets};
    };
    number(Property::payload_format, Kind::byte, message, Range::flag);
    number(Property::message_expiry, Kind::four, message);
    text(Property::content_type, Kind::text, message);
    text(Property::response_topic, Kind::text, message);
    text(Property::correlation_data, Kind::binary, message);
    number(Property::session_expiry, Kind::four, connect | connack | disconnect);
    text(Property::assigned_client_id, Kind::text, connack);
    number(Property::server_keep_alive, Kind::two, connack);
    text(Property::authentication_method, Kind::text, connect | connack | auth);
    text(Property::authentication_data, Kind::binary, connect | connack | auth);
    number(Property::request_problem_information, Kind::byte, connect, Range::flag);
    number(Property::will_delay, Kind::four, will);
    number(Property::request_response_information, Kind::byte, connect, Range::flag);
    text(Property::response_information, Kind::text, connack);
    text(Property::server_reference, Kind::text, connack | disconnect);
    text(Property::reason_string, Kind::text, answers);
    number(Property::receive_maximum, Kind::two, connect | connack, Range::not_zero);
    number(Property::topic_alias_maximum, Kind::two, connect | connack);
    number(Property::topic_alias, Kind::two, publish);  // its zero has a reason code of its own
    number(Property::maximum_qos, Kind::byte, connack, Range::flag);
    number(Property::retain_available, Kind::byte, connack, Range::flag);
    number(Property::maximum_packet_size, Kind::four, connect | connack, Range::not_zero);
    number(Property::wildcard_available, Kind::byte, connack, Range::flag);
    number(Property::subscription_id_available, Kind::byte, connack, Range::flag);
    number(Property::shared_available, Kind::byte, connack, Range::flag);
    rules[static_cast<std::size_t>(Property::subscription_id)] = {Kind::varint, Range::not_zero, 0,
                                                                  publish | subscribe};
    rules[static_cast<std::size_t>(Property::user_property)] = {Kind::pair, Range::any, 0,
                                                                everywhere};
    return rules;
}
constexpr auto rules = make_rules();
constexpr std::size_t max_user_properties = 1'024;

const Rule& rule_of(Property id) { return rules[static_cast<std::size_t>(id)]; }
bool is_text(const Rule& rule) { return rule.kind == Kind::text || rule.kind == Kind::binary; }

}  // namespace

std::uint32_t Properties::number(Property id, std::uint32_t otherwise) const {
    return has(id) ? numbers_[rule_of(id).slot] : otherwise;
}

std::string_view Properties::text(Property id) const {
    return has(id) ? texts_[rule_of(id).slot] : std::string_view{};
}

void Properties::set(Property id, std::uint32_t value) {
    ASSERT(!is_text(rule_of(id)) && id != Property::subscription_id &&
           id != Property::user_property);
    present_ |= std::uint64_t{1} << static_cast<unsigned>(id);
    numbers_[rule_of(id).slot] = value;
}

void Properties::set(Property id, std::string_view value) {
    ASSERT(is_text(rule_of(id)));
    present_ |= std::uint64_t{1} << static_cast<unsigned>(id);
    texts_[rule_of(id).slot] = value;
}

void Properties::add_user(std::string_view name, std::string_view value) {
    present_ |= std::uint64_t{1} << static_cast<unsigned>(Property::user_property);
    user_.push_back({name, value});
}

void Properties::add_subscription_id(std::uint32_t id) {
    present_ |= std::uint64_t{1} << static_cast<unsigned>(Property::subscription_id);
    subscription_ids_.push_back(id);
}

void Properties::remove(Property id) {
    present_ &= ~(std::uint64_t{1} << static_cast<unsigned>(id));
    if (id == Property::user_property) user_.clear();
    if (id == Property::subscription_id) subscription_ids_.clear();
}

void Properties::clear() {
    if (present_ == 0) return;
    present_ = 0;
    user_.clear();
    subscription_ids_.clear();
}

class PropertyReader {
 public:
    static void read(Reader& reader, PacketType owner, Properties& out) {
        out.clear();
        const std::uint32_t size = reader.varint("property length is missing or too long");
        if (!reader.ok() || size == 0) return;
        if (size > reader.left()) {
            reader.fail(ReasonCode::malformed_packet, "properties are longer than the packet");
            return;
        }
        reader.narrow(size);
        while (reader.ok() && reader.left() > 0) read_one(reader, owner, out);
        reader.widen();
    }

 private:
    static void read_one(Reader& reader, PacketType owner, Properties& out) {
        const std::uint8_t number = reader.u8("property identifier is missing");
        const Rule rule = number < rules.size() ? rules[number] : Rule{};
        if (rule.kind == Kind::none)
            return reader.fail(ReasonCode::malformed_packet, "no property has this identifier");
        if ((rule.packets & bit(owner)) == 0)
            return reader.fail(ReasonCode::malformed_packet,
                               "this property does not belong in this packet");
        const auto id = static_cast<Property>(number);
        const bool repeatable = id == Property::user_property ||
                                (id == Property::subscription_id && owner == PacketType::publish);
        if (out.has(id) && !repeatable)
            return reader.fail(ReasonCode::protocol_error, "this property may stand only once");
        read_value(reader, id, rule, out);
    }

    static void read_value(Reader& reader, Property id, const Rule& rule, Properties& out) {
        constexpr std::string_view cut = "property value is cut off";
        switch (rule.kind) {
            case Kind::none:
                return;
            case Kind::byte:
                return put_number(reader, id, rule, reader.u8(cut), out);
            case Kind::two:
                return put_number(reader, id, rule, reader.u16(cut), out);
            case Kind::four:
                return put_number(reader, id, rule, reader.u32(cut), out);
            case Kind::varint:
                return put_number(reader, id, rule, reader.varint(cut), out);
            case Kind::binary:
                return out.set(id, text_of(reader.binary(cut)));
            case Kind::text:
                return put_text(reader, id, reader.text(cut), out);
            case Kind::pair:
                break;
        }
        const std::string_view name = reader.text(cut);
        const std::string_view value = reader.text(cut);
        if (out.user().size() >= max_user_properties)
            return reader.fail(ReasonCode::packet_too_large, "more than 1,024 user properties");
        out.add_user(name, value);
    }

    static void put_number(Reader& reader, Property id, const Rule& rule, std::uint32_t value,
                           Properties& out) {
        if (!reader.ok()) return;
        if (rule.range == Range::flag && value > 1)
            return reader.fail(ReasonCode::protocol_error, "this property is 0 or 1");
        if (rule.range == Range::not_zero && value == 0)
            return reader.fail(ReasonCode::protocol_error, "this property may not be 0");
        if (id == Property::topic_alias && value == 0)
            return reader.fail(ReasonCode::topic_alias_invalid, "topic alias 0 is not allowed");
        if (id == Property::subscription_id) return out.add_subscription_id(value);
        out.set(id, value);
    }

    static void put_text(Reader& reader, Property id, std::string_view value, Properties& out) {
        if (!reader.ok()) return;
        if (id == Property::response_topic && !topic_name_fault(value, max_topic_bytes).empty())
            return reader.fail(ReasonCode::protocol_error,
                               "response topic is empty or holds a wildcard");
        out.set(id, value);
    }
};

class PropertyWriter {
 public:
    template <class Visit>  // visit(id, rule) for each property, in the order of identifiers
    static void each(const Properties& properties, Visit visit) {
        for (std::uint64_t left = properties.present_; left != 0; left &= left - 1) {
            const auto id = static_cast<Property>(std::countr_zero(left));
            visit(id, rule_of(id));
        }
    }
};

void read_properties(Reader& reader, PacketType owner, Properties& out) {
    PropertyReader::read(reader, owner, out);
}

std::size_t encoded_size(const Properties& properties) {
    std::size_t size = 0;
    PropertyWriter::each(properties, [&](Property id, const Rule& rule) {
        switch (rule.kind) {
            case Kind::none:
                break;
            case Kind::byte:
                size += 2;
                break;
            case Kind::two:
                size += 3;
                break;
            case Kind::four:
                size += 5;
                break;
            case Kind::varint:
                for (std::uint32_t value : properties.subscription_ids())
                    size += 1 + varint_size(value);
                break;
            case Kind::text:
            case Kind::binary:
                size += 3 + properties.text(id).size();
                break;
            case Kind::pair:
                for (const UserProperty& user : properties.user())
                    size += 5 + user.name.size() + user.value.size();
        }
    });
    return size;
}

void put_properties(Bytes& out, const Properties& properties) {
    PropertyWriter::each(properties, [&](Property id, const Rule& rule) {
        const auto number = static_cast<std::uint8_t>(id);
        if (rule.kind != Kind::pair && rule.kind != Kind::varint) put_u8(out, number);
        switch (rule.kind) {
            case Kind::none:
                break;
            case Kind::byte:
                put_u8(out, static_cast<std::uint8_t>(properties.number(id, 0)));
                break;
            case Kind::two:
                put_u16(out, static_cast<std::uint16_t>(properties.number(id, 0)));
                break;
            case Kind::four:
                put_u32(out, properties.number(id, 0));
                break;
            case Kind::varint:
                for (std::uint32_t value : properties.subscription_ids())
                    put_u8(out, number), put_varint(out, value);
                break;
            case Kind::text:
            case Kind::binary:
                put_text(out, properties.text(id));
                break;
            case Kind::pair:
                for (const UserProperty& user : properties.user())
                    put_u8(out, number), put_text(out, user.name), put_text(out, user.value);
        }
    });
}

void encode(Bytes& out, const Properties& properties) {
    put_varint(out, static_cast<std::uint32_t>(encoded_size(properties)));
    put_properties(out, properties);
}

}  // namespace mw::mqtt
