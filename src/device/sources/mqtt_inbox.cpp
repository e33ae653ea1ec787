#include "device/sources/mqtt_inbox.h"

#include <algorithm>
#include <bit>

#include "base/log.h"
#include "device/sources/gathering.h"

namespace mw::sources {
namespace {

constexpr std::size_t waiting_points_max = 50'000;
constexpr std::size_t waiting_bytes_max = std::size_t{8} << 20;
constexpr std::uint32_t inbox_checkpoint = 1;

// Said once, twice, four times, ...: a client that goes on does not fill the log.
bool worth_saying(std::uint64_t count) { return std::has_single_bit(count); }

}  // namespace

MqttInbox::MqttInbox(MqttMapping mapping, std::string source, const Clock& clock)
    : mapping_(std::move(mapping)), source_(std::move(source)), clock_(clock) {}

void MqttInbox::remap(MqttMapping mapping) {
    mapping_ = std::move(mapping);
    mapping_.speak_for(device_);
    frame_.clear();
}

void MqttInbox::speak_for(DeviceId device) {
    device_ = std::move(device);
    mapping_.speak_for(device_);
}

Result<Ticket> MqttInbox::publish(const mqtt::Identity&, std::string_view topic, ByteView payload,
                                  const mqtt::PublishProperties& properties) {
    if (points_ >= waiting_points_max || bytes_ >= waiting_bytes_max)
        return Error{Errc::overloaded, "the gateway's outbox has no room"};
    Item item;
    item.batch = std::exchange(spare_, {});
    auto taken = mapping_.decode(topic, payload, clock_.now(), item.batch);
    if (!taken) return refuse(topic, std::move(taken).error(), properties);
    if (!*taken) {
        if (worth_saying(++figures_.unmapped))
            log::info("edge.source.topic_unmapped",
                      {{"source", source_}, {"topic", topic}, {"messages", figures_.unmapped}});
        return Ticket{};
    }
    if (const std::uint64_t sequence = item.batch.position.sequence; sequence > 0) {
        const auto found = seen_.find(topic);
        if (found != seen_.end() && sequence <= found->second.sequence) {
            ++figures_.repeated;
            return issued_;  // the first of its kind may still wait for the disk
        }
        item.topic = topic;
        remember(seen_, item.topic, sequence);
    }
    if (item.batch.size() == 0) return Ticket{};
    if (item.batch.form != 0) {
        frame_topic_.assign(topic);
        frame_.assign(payload.begin(), payload.end());
    }
    item.bytes = payload.size();
    item.ticket = Ticket{++issued_.value};
    points_ += item.batch.size();
    bytes_ += item.bytes;
    figures_.points += item.batch.size();
    items_.push_back(std::move(item));
    arrived_.set();
    return issued_;
}

void MqttInbox::rehearse() {
    if (frame_.empty() || !items_.empty()) return;
    ignore(mapping_.decode(frame_topic_, frame_, clock_.now(), spare_), "it was read before");
}

Result<Ticket> MqttInbox::refuse(std::string_view topic, Error error,
                                 const mqtt::PublishProperties& properties) {
    figures_.refusal = error.message;
    if (worth_saying(++figures_.refused))
        log::warn("edge.source.message_refused", {{"source", source_},
                                                  {"topic", topic},
                                                  {"reason", error},
                                                  {"messages", figures_.refused}});
    if (properties.all != nullptr && properties.qos == mqtt::QoS::at_least_once) return error;
    return Ticket{};
}

Task<> MqttInbox::change() {
    arrived_.reset();
    co_return co_await arrived_.wait();
}

MqttInbox::Portion MqttInbox::take() {
    ASSERT(!items_.empty());
    // A frame of columns is a message as it is; its form is worth keeping.
    if (items_.front().batch.form != 0) return take_frame();
    Portion portion;
    Gathering gathering;
    portion.batch.replayed = items_.front().batch.replayed;
    std::size_t bytes = 0;
    while (!items_.empty()) {
        const Item& item = items_.front();
        const bool fits =
            bytes == 0 ||
            (bytes + item.bytes <= portion_bytes && item.batch.form == 0 &&
             item.batch.replayed == portion.batch.replayed && gathering.has_room(item.batch));
        if (!fits) break;
        gathering.add(item.batch);
        bytes += item.bytes;
        let_go(portion);
    }
    gathering.finish(portion.batch);
    portion.checkpoint = encode();
    return portion;
}

MqttInbox::Portion MqttInbox::take_frame() {
    Portion portion;
    Batch batch = std::move(items_.front().batch);
    items_.front().batch.position.sequence = batch.position.sequence;
    points_ -= batch.size();
    let_go(portion);
    portion.batch = std::move(batch);
    portion.checkpoint = encode();
    return portion;
}

// The oldest goes into the portion.
void MqttInbox::let_go(Portion& portion) {
    const Item& item = items_.front();
    if (!item.topic.empty()) remember(given_, item.topic, item.batch.position.sequence);
    points_ -= item.batch.size();
    bytes_ -= item.bytes;
    portion.through = item.ticket;
    items_.pop_front();
}

void MqttInbox::remember(Sequences& sequences, const std::string& topic, std::uint64_t sequence) {
    sequences[topic] = {sequence, ++stamp_};
    if (sequences.size() <= topics_remembered) return;
    sequences.erase(std::min_element(sequences.begin(), sequences.end(), [](auto& a, auto& b) {
        return a.second.stamp < b.second.stamp;
    }));
}

// u32 version, then per topic: u16 length, its bytes, u64 sequence.
Bytes MqttInbox::encode() const {
    Bytes bytes;
    if (given_.empty()) return bytes;
    bytes.resize(4);
    store_le(bytes.data(), inbox_checkpoint);
    for (const auto& [topic, seen] : given_) {
        const std::size_t at = bytes.size();
        bytes.resize(at + 2 + topic.size() + 8);
        store_le(bytes.data() + at, static_cast<std::uint16_t>(topic.size()));
        std::copy(topic.begin(), topic.end(), bytes.begin() + std::ptrdiff_t(at + 2));
        store_le(bytes.data() + at + 2 + topic.size(), seen.sequence);
    }
    return bytes;
}

void MqttInbox::restore(const Bytes& checkpoint) {
    seen_.clear();
    if (checkpoint.size() >= 4 && load_le<std::uint32_t>(checkpoint.data()) == inbox_checkpoint) {
        for (std::size_t at = 4; at + 2 <= checkpoint.size();) {
            const std::size_t length = load_le<std::uint16_t>(checkpoint.data() + at);
            if (at + 2 + length + 8 > checkpoint.size()) break;
            const auto topic = text_of(ByteView(checkpoint).subspan(at + 2, length));
            remember(seen_, std::string(topic),
                     load_le<std::uint64_t>(checkpoint.data() + at + 2 + length));
            at += 2 + length + 8;
        }
    }
    given_ = seen_;
}

}  // namespace mw::sources
