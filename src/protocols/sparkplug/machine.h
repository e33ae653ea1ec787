#pragma once
// Inside the module: the host's machine. host.cpp is the door and time, order.cpp the order of
// messages, births.cpp what they mean, points.cpp how metrics become batches.

#include <array>
#include <limits>
#include <unordered_map>
#include <vector>

#include "protocols/sparkplug/host.h"
#include "protocols/sparkplug/node.h"

namespace mw::sparkplug {

struct Instruments {
    explicit Instruments(metrics::Registry& registry);
    std::array<metrics::Counter*, message_types> messages{};
    std::array<metrics::Counter*, skip_reasons> skipped{};
    metrics::Counter& undeclared;  // messages of nodes that no Device stands for
    metrics::Counter& rejected;    // messages that became dead letters
    metrics::Counter& held;
    metrics::Counter& late;
    metrics::Counter& stray;
    metrics::Counter& gaps;
    metrics::Counter& rebirths;
    metrics::Counter& old_deaths;
    metrics::Counter& stale_points;
    metrics::Gauge& nodes_born;
    metrics::Gauge& held_bytes;
};

class Host::Machine {
 public:
    Machine(HostOptions options, const Clock& clock, Outlet& outlet, metrics::Registry& registry);
    void declare(AddressSnapshot addresses);
    void stop();
    Result<Ticket> receive(std::string_view topic, ByteView body, mqtt::QoS qos);
    void tick();

 private:
    struct Sample {
        std::uint32_t metric = 0;
        Timestamp time;
        double value = 0;  // may be a box of boxes_
        Quality quality;
        bool historical = false;
    };
    // A message whose payload_ is decoded.
    struct Message {
        MessageType type;
        std::string_view device;
        ByteView body;
    };
    using Nodes = std::unordered_map<std::string, std::unique_ptr<Node>, TextHash, std::equal_to<>>;

    Node* find(std::string_view group, std::string_view node);
    void forget_births(Node& node);
    void tell_state(bool online);
    void tick(Node& node);
    void wake_at(SteadyTime time);
    void retry_soon() { wake_at(clock_.steady() + options_.retry_after); }
    void want_rebirth(Node& node, std::string_view reason);
    void ask_rebirth(Node& node);
    bool may_ask();

    Result<Ticket> take_in_order(Node& node, const Message& message, mqtt::QoS qos);
    Result<Ticket> take_now(Node& node, const Message& message, std::uint8_t seq);
    Result<Ticket> take_late(Node& node, const Message& message, std::uint8_t seq);
    bool hold(Node& node, const Message& message, std::uint8_t seq);
    void drain(Node& node);
    bool give_up_gap(Node& node);
    bool apply_held(Node& node, std::size_t index);
    void let_go(Node& node, std::size_t index);
    void let_go_for_birth(Node& node);

    Result<Ticket> apply(Node& node, const Message& message);
    Result<Ticket> on_node_birth(Node& node, const Message& message);
    Result<Ticket> on_device_birth(Node& node, const Message& message);
    Result<Ticket> on_data(Node& node, const Message& message);
    Result<Ticket> on_node_death(Node& node);
    Result<Ticket> on_device_death(Node& node, const Message& message);
    Result<Ticket> finish_death(Node& node);
    Result<Ticket> tell_stale(Node& node, MetricTable& table, Timestamp at);
    void check_awaited(Node& node);
    Result<Ticket> reject(const Node& node, const Message& message, std::string_view reason);
    MetricTable* table_of(Node& node, std::string_view device);
    std::size_t room_beside(const Node& node, const MetricTable* replaced) const;

    struct Reading {
        bool told = true;        // by a birth, every metric
        bool understood = true;  // every metric
    };
    MetricTable new_table(const Node& node, std::string_view device) const;
    void read_birth(MetricTable& table, std::size_t room);
    Reading read_data(MetricTable& table, std::size_t room);
    std::uint32_t add_metric(MetricTable& table, const Metric& metric, std::size_t room);
    void sample(const MetricTable& table, const Metric& metric, std::uint32_t index);
    Number value_of(const Metric& metric, DataType type);
    void forget_samples() {
        samples_.clear();
        boxes_.clear();
    }
    void sample_stale(const MetricTable& table, Timestamp at);
    Result<Ticket> store(Node& node, const MetricTable& table, ByteView body);
    void fill_batch(const MetricTable& table, bool historical);
    void remember(MetricTable& table) const;
    void skip(Skip why) { count_.skipped[static_cast<std::size_t>(why)]->add(); }

    static constexpr SteadyTime never{std::numeric_limits<std::int64_t>::max()};

    HostOptions options_;
    const Clock& clock_;
    Outlet& outlet_;
    Instruments count_;
    Nodes nodes_;
    std::string key_;  // of find(), kept for its memory
    bool announced_ = false;
    SteadyTime next_tick_ = never;
    std::size_t held_bytes_ = 0;
    SteadyTime asked_from_{};  // the second of which asked_ is the count
    std::size_t asked_ = 0;

    // Of the message at hand.
    Payload payload_;
    std::vector<Sample> samples_;
    BoxList boxes_;  // of them
    Batch batch_;
};

// "spBv1.0/GROUP/TYPE/NODE[/DEVICE]", for people.
std::string topic_of(const Node& node, MessageType type, std::string_view device);

}  // namespace mw::sparkplug
