#include "protocols/mqtt/journal_record.h"

#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

using RecordKind = JournalRecord::Kind;

void put_number(Bytes& out, std::uint64_t value) {
    for (; value >= 128; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 128));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put_block(Bytes& out, ByteView bytes) {
    put_number(out, bytes.size());
    put_raw(out, bytes);
}

void put_block(Bytes& out, std::string_view text) { put_block(out, bytes_of(text)); }

std::uint8_t flags_of(const MessageTarget& target) {
    const bool any_ids = !target.subscription_ids.empty();
    return static_cast<std::uint8_t>(static_cast<unsigned>(target.qos) | (target.retain ? 4u : 0u) |
                                     (any_ids ? 8u : 0u) | (target.share.empty() ? 0u : 16u));
}

std::uint8_t bits_of(const SubscribeOptions& options) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(options.qos) |
                                     (options.no_local ? 4u : 0u) |
                                     (options.retain_as_published ? 8u : 0u) |
                                     static_cast<unsigned>(options.retain_handling) << 4);
}

void put_message(Bytes& out, const MessageFields& message) {
    put_u8(out, static_cast<std::uint8_t>(message.qos));
    put_number(out, static_cast<std::uint64_t>(message.expires_at_ns));
    put_block(out, message.topic);
    put_block(out, message.properties);
    put_block(out, message.payload);
}

void put_session(Bytes& out, const JournalRecord& record) {
    put_u8(out, static_cast<std::uint8_t>(record.owner_kind));
    put_block(out, record.owner);
    put_block(out, record.client_id);
    put_number(out, record.expiry_s);
    put_number(out, static_cast<std::uint64_t>(record.ends_at_ns));
    put_u8(out,
           static_cast<std::uint8_t>((record.has_will ? 1 : 0) | (record.will_retain ? 2 : 0)));
    if (!record.has_will) return;
    put_number(out, record.will_delay_s);
    put_message(out, record.message);
}

void put_targets(Bytes& out, const JournalRecord& record) {
    put_number(out, record.target_count);
    put_raw(out, record.targets);
}

// Reads in order; the first field that fails sticks.
class Fields {
 public:
    explicit Fields(ByteView bytes) : all_(bytes.size()), left_(bytes) {}

    std::uint64_t number(std::string_view what) {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
            const std::uint8_t byte = left_.front();
            left_ = left_.subspan(1);
            value |= std::uint64_t{byte & 127u} << shift;
            if ((byte & 128) == 0) return value;
        }
        fail(what);
        return 0;
    }
    std::uint8_t byte(std::string_view what, unsigned most) {
        const std::uint8_t value = left_.empty() ? std::uint8_t{255} : left_.front();
        if (left_.empty() || value > most) return fail(what), std::uint8_t{0};
        left_ = left_.subspan(1);
        return value;
    }
    ByteView block(std::string_view what) {
        const std::uint64_t size = number(what);
        if (size > left_.size()) return fail(what), ByteView{};
        const ByteView taken = left_.first(size);
        left_ = left_.subspan(size);
        return taken;
    }
    std::string_view text(std::string_view what) {
        const ByteView taken = block(what);
        if (taken.size() > max_topic_bytes) fail(what);
        return text_of(taken);
    }
    std::int64_t wall_time(std::string_view what) {
        return static_cast<std::int64_t>(number(what));
    }
    ByteView left() const { return left_; }
    void fail(std::string_view what) {
        if (fault_.empty()) fault_ = what;
        left_ = {};
    }
    bool ok() const { return fault_.empty(); }
    Result<> finish() {
        if (ok() && left_.empty()) return {};
        const std::string_view what = ok() ? "nothing behind its end" : fault_;
        return Error{Errc::corrupt, "journal record of " + std::to_string(all_) + " bytes: want " +
                                        std::string(what)};
    }

 private:
    std::size_t all_;
    ByteView left_;
    std::string_view fault_;
};

void read_message(Fields& fields, MessageFields& out) {
    out.qos = static_cast<QoS>(fields.byte("a QoS of 0 to 2", 2));
    out.expires_at_ns = fields.wall_time("a time of expiry");
    out.topic = fields.text("a topic");
    out.properties = fields.block("properties");
    out.payload = fields.block("a payload");
}

void read_session(Fields& fields, JournalRecord& out) {
    out.owner_kind = static_cast<Identity::Kind>(fields.byte("a kind of owner", 3));
    out.owner = fields.text("an owner");
    out.client_id = fields.text("a client identifier");
    out.expiry_s = static_cast<std::uint32_t>(fields.number("an expiry"));
    out.ends_at_ns = fields.wall_time("a time when it ends");
    const std::uint8_t will = fields.byte("flags of a will", 3);
    out.has_will = (will & 1) != 0;
    out.will_retain = (will & 2) != 0;
    if (!out.has_will) return;
    out.will_delay_s = static_cast<std::uint32_t>(fields.number("a will delay"));
    read_message(fields, out.message);
}

void read_options(Fields& fields, JournalRecord& out) {
    const std::uint8_t bits = fields.byte("subscription options", 0x2F);
    if ((bits & 3) == 3) return fields.fail("a QoS of 0 to 2");
    out.options.qos = static_cast<QoS>(bits & 3);
    out.options.no_local = (bits & 4) != 0;
    out.options.retain_as_published = (bits & 8) != 0;
    out.options.retain_handling = static_cast<RetainHandling>(bits >> 4);
    out.subscription_id = static_cast<std::uint32_t>(fields.number("a subscription id"));
}

void read_target(Fields& fields, MessageTarget& out) {
    out.session = fields.number("a session");
    out.sequence = fields.number("a sequence");
    const std::uint8_t flags = fields.byte("flags of a target", 31);
    if ((flags & 3) == 3) return fields.fail("a QoS of 0 to 2");
    out.qos = static_cast<QoS>(flags & 3);
    out.retain = (flags & 4) != 0;
    const std::uint64_t ids = (flags & 8) != 0 ? fields.number("how many subscription ids") : 0;
    if (ids > fields.left().size()) return fields.fail("as many subscription ids as it says");
    out.subscription_ids.clear();
    for (std::uint64_t i = 0; i < ids; ++i)
        out.subscription_ids.push_back(
            static_cast<std::uint32_t>(fields.number("a subscription id")));
    out.share = (flags & 16) != 0 ? fields.text("a shared subscription") : std::string_view{};
}

void read_targets(Fields& fields, JournalRecord& out) {
    out.target_count = fields.number("how many targets");
    out.targets = fields.left();
    if (out.target_count > out.targets.size()) return fields.fail("as many targets as it says");
    MessageTarget target;
    for (std::uint64_t i = 0; i < out.target_count; ++i) read_target(fields, target);
}

}  // namespace

void TargetList::add(const MessageTarget& target) {
    ++count;
    put_number(bytes, target.session);
    put_number(bytes, target.sequence);
    put_u8(bytes, flags_of(target));
    if (!target.subscription_ids.empty()) {
        put_number(bytes, target.subscription_ids.size());
        for (const std::uint32_t id : target.subscription_ids) put_number(bytes, id);
    }
    if (!target.share.empty()) put_block(bytes, target.share);
}

void next_target(ByteView& targets, MessageTarget& out) {
    Fields fields(targets);
    read_target(fields, out);
    targets = fields.left();
}

void encode(Bytes& out, const JournalRecord& record) {
    put_u8(out, static_cast<std::uint8_t>(record.kind));
    put_number(out, record.session);
    switch (record.kind) {
        case RecordKind::session:
            return put_session(out, record);
        case RecordKind::ended:
            return;
        case RecordKind::subscribed:
            put_block(out, record.filter);
            put_u8(out, bits_of(record.options));
            return put_number(out, record.subscription_id);
        case RecordKind::unsubscribed:
            return put_block(out, record.filter);
        case RecordKind::message:
            put_number(out, record.packet_id);
            put_message(out, record.message);
            return put_targets(out, record);
        case RecordKind::moved:
            put_number(out, record.sequence);
            put_message(out, record.message);
            return put_targets(out, record);
        case RecordKind::done:
        case RecordKind::done_through:
        case RecordKind::taken:
        case RecordKind::dropped:
            return put_number(out, record.sequence);
        case RecordKind::received:
        case RecordKind::released:
            return put_number(out, record.packet_id);
        case RecordKind::retained:
            return put_message(out, record.message);
        case RecordKind::forgotten:
            return put_block(out, record.message.topic);
    }
}

Result<> decode(ByteView bytes, JournalRecord& out) {
    out = {};
    Fields fields(bytes);
    out.kind = static_cast<RecordKind>(fields.byte("a kind of 1 to 14", 14));
    if (fields.ok() && out.kind == RecordKind{}) fields.fail("a kind of 1 to 14");
    out.session = fields.number("a session");
    switch (out.kind) {
        case RecordKind::session:
            read_session(fields, out);
            break;
        case RecordKind::ended:
            break;
        case RecordKind::subscribed:
            out.filter = fields.text("a filter");
            read_options(fields, out);
            break;
        case RecordKind::unsubscribed:
            out.filter = fields.text("a filter");
            break;
        case RecordKind::message:
            out.packet_id = static_cast<PacketId>(fields.number("a packet id"));
            read_message(fields, out.message);
            read_targets(fields, out);
            break;
        case RecordKind::moved:
            out.sequence = fields.number("a sequence");
            read_message(fields, out.message);
            read_targets(fields, out);
            break;
        case RecordKind::done:
        case RecordKind::done_through:
        case RecordKind::taken:
        case RecordKind::dropped:
            out.sequence = fields.number("a sequence");
            break;
        case RecordKind::received:
        case RecordKind::released:
            out.packet_id = static_cast<PacketId>(fields.number("a packet id"));
            break;
        case RecordKind::retained:
            read_message(fields, out.message);
            break;
        case RecordKind::forgotten:
            out.message.topic = fields.text("a topic");
            break;
    }
    return fields.finish();
}

}  // namespace mw::mqtt
