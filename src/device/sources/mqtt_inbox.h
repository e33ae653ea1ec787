#pragma once
// What local clients published and the processor has not taken yet: read under the mapping, counted
// by tickets, given out in portions that fit one message to the hub. No I/O; belongs to its
// source's loop. Limits: 50,000 points or 8 MiB of bodies wait, then clients do; 256 topics whose
// sequence is remembered, the longest silent goes first.

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "device/sources/mqtt_mapping.h"
#include "platform/loop/loop.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::sources {

class MqttInbox final : public mqtt::Uplink {
 public:
    struct Portion {
        Batch batch;
        Ticket through;  // the last message in it
        Bytes checkpoint;
    };
    struct Figures {
        std::uint64_t points = 0;    // taken in
        std::uint64_t repeated = 0;  // messages whose sequence was there before
        std::uint64_t unmapped = 0;  // messages that no filter takes
        std::uint64_t refused = 0;   // messages that could not be read
        std::string refusal;         // why the last of them
    };

    // `checkpoint` is of an earlier portion; one that cannot be read counts as none.
    MqttInbox(MqttMapping mapping, std::string source, const Clock& clock);
    void restore(const Bytes& checkpoint);
    void remap(MqttMapping mapping);
    // The gateway that clients speak for.
    void speak_for(DeviceId device);

    // A body that cannot be read is refused in MQTT 5 at QoS 1, where a client can be told so for
    // one message; else it is acknowledged, counted and logged, as no resending would mend it.
    Result<Ticket> publish(const mqtt::Identity& identity, std::string_view topic, ByteView payload,
                           const mqtt::PublishProperties& properties) override;
    Ticket durable() const override { return durable_; }
    std::size_t waiting_points() const { return points_; }

    Task<> change();  // until something comes, or note_change()
    void note_change() { arrived_.set(); }
    bool empty() const { return items_.empty(); }
    Portion take();  // not when empty
    // What a portion was made of, for the next frame: one of the same form needs
    // no new names.
    void give_back(Batch batch) { spare_ = std::move(batch); }
    void made_durable(Ticket through) {
        durable_ = through;
        note_change();
    }
    // Reads the last frame of columns again, where the next one will lie. Nothing else changes.
    void rehearse();
    const Figures& figures() const { return figures_; }

 private:
    struct Item {
        Batch batch;
        std::size_t bytes = 0;
        std::string topic;  // only with a sequence
        Ticket ticket;
    };
    struct Seen {
        std::uint64_t sequence = 0;
        std::uint64_t stamp = 0;  // grows with each use
    };
    using Sequences = std::map<std::string, Seen, std::less<>>;

    Result<Ticket> refuse(std::string_view topic, Error error,
                          const mqtt::PublishProperties& properties);
    Portion take_frame();
    void let_go(Portion& portion);
    void remember(Sequences& sequences, const std::string& topic, std::uint64_t sequence);
    Bytes encode() const;

    MqttMapping mapping_;
    std::string source_;
    const Clock& clock_;
    std::deque<Item> items_;
    std::size_t points_ = 0;  // of items_
    std::size_t bytes_ = 0;   // of items_
    Sequences seen_;          // taken in
    Sequences given_;         // given out in portions: what a checkpoint says
    std::uint64_t stamp_ = 0;
    Batch spare_;
    std::string frame_topic_;  // of the last message that was a frame of columns
    Bytes frame_;
    DeviceId device_{"gateway"};
    Ticket issued_;
    Ticket durable_;
    Figures figures_;
    Event arrived_;
};

}  // namespace mw::sources
