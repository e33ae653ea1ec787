// What an edge node's messages mean: births, data, deaths, and what follows from them.
#include "base/log.h"
#include "protocols/sparkplug/machine.h"

namespace mw::sparkplug {
namespace {

// The number of the session whose end a death tells.
std::optional<std::uint64_t> bd_seq_of(const Payload& payload) {
    const Metric* metric = payload.find("bdSeq");
    const bool told = metric != nullptr &&
                      (metric->held == Metric::Held::int32 || metric->held == Metric::Held::int64);
    return told ? std::optional(metric->bits) : std::nullopt;
}

}  // namespace

Result<Ticket> Host::Machine::apply(Node& node, const Message& message) {
    switch (message.type) {
        case MessageType::device_birth:
            return on_device_birth(node, message);
        case MessageType::device_death:
            return on_device_death(node, message);
        default:
            return on_data(node, message);
    }
}

// Any seq is taken: edge nodes of 2.2 go on counting. All aliases are new.
Result<Ticket> Host::Machine::on_node_birth(Node& node, const Message& message) {
    if (payload_.seq && *payload_.seq >= Sequence::numbers)
        return reject(node, message, "seq " + std::to_string(*payload_.seq) + ": want 0 to 255");
    MetricTable table = new_table(node, {});
    forget_samples();
    read_birth(table, options_.metrics_per_node);
    auto ticket = store(node, table, message.body);
    if (!ticket) return ticket;
    remember(table);
    let_go_for_birth(node);
    if (node.state != Node::State::born) {
        count_.nodes_born.add(1);
        log::info("sparkplug.node.born", {{"group", node.group}, {"node", node.node}});
    }
    node.state = Node::State::born;
    node.table = std::move(table);
    node.bd_seq = bd_seq_of(payload_);
    node.sequence.start(static_cast<std::uint8_t>(payload_.seq.value_or(0)));
    node.rebirth.born();
    for (auto& [name, device] : node.devices) device.awaited = true;
    node.births_until.reset();
    if (!node.devices.empty()) {
        node.births_until = clock_.steady() + options_.birth_timeout;
        wake_at(*node.births_until);
    }
    return ticket;
}

Result<Ticket> Host::Machine::on_device_birth(Node& node, const Message& message) {
    const auto known = node.devices.find(message.device);
    const bool is_new = known == node.devices.end();
    if (is_new && node.devices.size() >= options_.devices_per_node)
        return reject(node, message,
                      "more than " + std::to_string(options_.devices_per_node) +
                          " devices behind one edge node");
    MetricTable table = new_table(node, message.device);
    forget_samples();
    read_birth(table, room_beside(node, is_new ? nullptr : &known->second.table));
    auto ticket = store(node, table, message.body);
    if (!ticket) return ticket;
    remember(table);
    node.devices[std::string(message.device)] = {std::move(table), false};
    return ticket;
}

Result<Ticket> Host::Machine::on_data(Node& node, const Message& message) {
    MetricTable* table = table_of(node, message.device);
    if (table == nullptr) {
        want_rebirth(node, "a device sends and was not born");
        return reject(node, message,
                      "no birth of this device was seen; its node was asked for one");
    }
    forget_samples();
    const Reading reading = read_data(*table, room_beside(node, nullptr));
    auto ticket = store(node, *table, message.body);
    if (!ticket) return ticket;
    remember(*table);
    if (!reading.told) want_rebirth(node, "metrics that no birth told");
    if (reading.understood) return ticket;
    const auto buried = reject(node, message,
                               "aliases or names that no birth told; the other metrics are stored, "
                               "and a new birth was asked for");
    return buried ? buried : ticket;
}

// A death may come late, when the node has long been born again: the bdSeq of its will tells.
Result<Ticket> Host::Machine::on_node_death(Node& node) {
    if (node.state == Node::State::unborn) return Ticket{0};
    const auto bd_seq = bd_seq_of(payload_);
    if (bd_seq && node.bd_seq && *bd_seq != *node.bd_seq) {
        count_.old_deaths.add();
        return Ticket{0};
    }
    if (node.state == Node::State::born) {
        node.state = Node::State::dying;
        node.died = clock_.now();  // the will's own time is that of the connection
        count_.nodes_born.add(-1);
        log::info("sparkplug.node.died", {{"group", node.group}, {"node", node.node}});
    }
    return finish_death(node);
}

// Storage may have no room half way. A will is not offered again, so tick() goes on where it stood.
Result<Ticket> Host::Machine::finish_death(Node& node) {
    Ticket last;
    const auto no_room = [this](Error error) {
        retry_soon();
        return error;
    };
    if (!give_up_gap(node)) return no_room({Errc::overloaded, "storage has no room"});
    auto told = tell_stale(node, node.table, node.died);
    if (!told) return no_room(std::move(told).error());
    last = *told;
    for (auto& [name, device] : node.devices) {
        told = tell_stale(node, device.table, node.died);
        if (!told) return no_room(std::move(told).error());
        last = std::max(last, *told);
    }
    forget_births(node);
    return last;
}

Result<Ticket> Host::Machine::on_device_death(Node& node, const Message& message) {
    const auto found = node.devices.find(message.device);
    if (found == node.devices.end()) return Ticket{0};
    const std::uint64_t now_ms = static_cast<std::uint64_t>(clock_.now().ns / 1'000'000);
    const std::uint64_t at_ms = std::min(payload_.timestamp_ms.value_or(now_ms), now_ms);
    const Timestamp at{static_cast<std::int64_t>(at_ms) * 1'000'000};
    auto ticket = tell_stale(node, found->second.table, at);
    if (ticket) node.devices.erase(found);
    return ticket;
}

Result<Ticket> Host::Machine::tell_stale(Node& node, MetricTable& table, Timestamp at) {
    forget_samples();
    sample_stale(table, at);
    auto ticket = store(node, table, {});
    if (!ticket) return ticket;
    count_.stale_points.add(samples_.size());
    remember(table);
    return ticket;
}

// Devices whose node was born again, and they were not.
void Host::Machine::check_awaited(Node& node) {
    node.births_until.reset();
    for (auto at = node.devices.begin(); at != node.devices.end();) {
        if (!at->second.awaited) {
            ++at;
            continue;
        }
        if (!tell_stale(node, at->second.table, clock_.now())) {
            node.births_until = clock_.steady() + options_.retry_after;
            return;
        }
        at = node.devices.erase(at);
    }
}

Result<Ticket> Host::Machine::reject(const Node& node, const Message& message,
                                     std::string_view reason) {
    auto ticket = outlet_.bury(node.resource, topic_of(node, message.type, message.device), reason,
                               message.body);
    if (ticket) count_.rejected.add();
    return ticket;
}

// Null: it is not known since the node's birth.
MetricTable* Host::Machine::table_of(Node& node, std::string_view device) {
    if (device.empty()) return &node.table;
    const auto found = node.devices.find(device);
    return found == node.devices.end() || found->second.awaited ? nullptr : &found->second.table;
}

std::size_t Host::Machine::room_beside(const Node& node, const MetricTable* replaced) const {
    std::size_t taken = node.table.metrics.size();
    for (const auto& [name, device] : node.devices) taken += device.table.metrics.size();
    if (replaced != nullptr) taken -= replaced->metrics.size();
    return options_.metrics_per_node - std::min(options_.metrics_per_node, taken);
}

}  // namespace mw::sparkplug
