#include "device/sources/mqtt_inbox.h"

#include <algorithm>
#include <bit>

#include "base/log.h"

namespace mw::sources {
namespace {

constexpr std::size_t waiting_points_max = 50'000;
constexpr std::size_t waiting_bytes_max = std::size_t{8} << 20;
// A portion becomes one message to the hub, which takes 1 MB and 1,000 signals: at their longest,
// a point is about 300 bytes there.
constexpr std::size_t portion_points = 2'048;
constexpr std::size_t portion_bytes = std::size_t{256} << 10;
constexpr std::size_t portion_signals = 1'000;
constexpr std::size_t topics_remembered = 256;
constexpr std::uint32_t inbox_checkpoint = 1;

// The portion's points by signal and unit, in the order in which they came.
class Gathering {
 public:
    bool has_room(const Batch& more) const {
        return columns_.empty() || (points_ + more.size() <= portion_points &&
                                    columns_.size() + more.runs.size() <= portion_signals &&
                                    boxes_.bytes() + more.boxes.bytes() <= portion_bytes);
    }
    void add(const Batch& batch) {
        points_ += batch.size();
        for (const Run& run : batch.runs) {
            Column& column = columns_[{run.signal, run.unit}];
            for (auto i = run.begin; i < run.end; ++i) {
                column.times.push_back(batch.times[i]);
                column.values.push_back(run.boxed ? boxes_.adopt(batch.values[i], batch.boxes)
                                                  : batch.values[i]);
                column.quality.push_back(batch.quality[i]);
            }
            column.boxed |= run.boxed;
            column.type = widest(column.type, run.type);
        }
    }
    void finish(Batch& batch) const {
        for (const auto& [name, column] : columns_) {
            const auto begin = static_cast<std::uint32_t>(batch.times.size());
            const auto count = static_cast<std::uint32_t>(column.times.size());
            batch.runs.push_back(
                {name.first, name.second, begin, begin + count, column.type, column.boxed});
            batch.times.insert(batch.times.end(), column.times.begin(), column.times.end());
            batch.values.insert(batch.values.end(), column.values.begin(), column.values.end());
            batch.quality.insert(batch.quality.end(), column.quality.begin(), column.quality.end());
        }
        batch.boxes = boxes_;
    }

 private:
    struct Column {
        std::vector<Timestamp> times;
        std::vector<double> values;
        std::vector<Quality> quality;
        ValueType type = ValueType::none;
        bool boxed = false;
    };
    BoxList boxes_;
    std::map<std::pair<std::string, std::string>, Column> columns_;
    std::size_t points_ = 0;
};

// Said once, twice, four times, ...: a client that goes on does not fill the log.
bool worth_saying(std::uint64_t count) { return std::has_single_bit(count); }

}  // namespace

MqttInbox::MqttInbox(MqttMapping mapping, std::string source, const Clock& clock)
    : mapping_(std::move(mapping)), source_(std::move(source)), clock_(clock) {}

Result<Ticket> MqttInbox::publish(const mqtt::Identity&, std::string_view topic, ByteView payload,
                                  const mqtt::PublishProperties& properties) {
    if (points_ >= waiting_points_max || bytes_ >= waiting_bytes_max)
        return Error{Errc::overloaded, "the gateway's outbox has no room"};
    Item item;
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
    item.bytes = payload.size();
    item.ticket = Ticket{++issued_.value};
    points_ += item.batch.size();
    bytes_ += item.bytes;
    figures_.points += item.batch.size();
    items_.push_back(std::move(item));
    arrived_.set();
    return issued_;
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

Task<> MqttInbox::wait() {
    while (items_.empty()) {
        arrived_.reset();
        CO_TRY_VOID(co_await arrived_.wait());
    }
    co_return Result<>{};
}

MqttInbox::Portion MqttInbox::take() {
    ASSERT(!items_.empty());
    Portion portion;
    Gathering gathering;
    portion.batch.replayed = items_.front().batch.replayed;
    std::size_t bytes = 0;
    while (!items_.empty()) {
        const Item& item = items_.front();
        const bool fits = bytes == 0 || (bytes + item.bytes <= portion_bytes &&
                                         item.batch.replayed == portion.batch.replayed &&
                                         gathering.has_room(item.batch));
        if (!fits) break;
        gathering.add(item.batch);
        if (!item.topic.empty()) remember(given_, item.topic, item.batch.position.sequence);
        bytes += item.bytes;
        points_ -= item.batch.size();
        bytes_ -= item.bytes;
        portion.through = item.ticket;
        items_.pop_front();
    }
    gathering.finish(portion.batch);
    portion.checkpoint = encode();
    return portion;
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
