#include "protocols/sparkplug/host.h"

#include "base/log.h"
#include "protocols/sparkplug/encode.h"
#include "protocols/sparkplug/machine.h"

namespace mw::sparkplug {
namespace {

constexpr std::string_view no_decompression =
    "the payload is compressed, which this host does not read; turn compression off";

// Nodes by "GROUP/NODE", as the registry declares them.
std::map<std::string, Node, std::less<>> declared_nodes(const Addresses& addresses,
                                                        RebirthLimit limit) {
    std::map<std::string, Node, std::less<>> nodes;
    for (const auto& [resource, address] : addresses) {
        if (!address.device.empty()) continue;
        Node node(address.group, address.node, limit);
        node.resource = resource;
        nodes.emplace(address.group + '/' + address.node, std::move(node));
    }
    for (const auto& [resource, address] : addresses) {
        if (address.device.empty()) continue;
        const auto node = nodes.find(address.group + '/' + address.node);
        if (node != nodes.end()) node->second.devices_to.emplace(address.device, resource);
    }
    return nodes;
}

}  // namespace

Host::Host(HostOptions options, const Clock& clock, Outlet& outlet, metrics::Registry& registry)
    : machine_(std::make_unique<Machine>(std::move(options), clock, outlet, registry)) {}
Host::~Host() = default;
void Host::declare(AddressSnapshot addresses) { machine_->declare(std::move(addresses)); }
void Host::stop() { machine_->stop(); }
Result<Ticket> Host::receive(std::string_view topic, ByteView body, mqtt::QoS qos) {
    return machine_->receive(topic, body, qos);
}
void Host::tick() { machine_->tick(); }

Host::Machine::Machine(HostOptions options, const Clock& clock, Outlet& outlet,
                       metrics::Registry& registry)
    : options_(std::move(options)), clock_(clock), outlet_(outlet), count_(registry) {}

void Host::Machine::declare(AddressSnapshot addresses) {
    auto wanted =
        declared_nodes(*addresses, RebirthLimit(options_.rebirth_every, options_.rebirth_rarest));
    for (auto at = nodes_.begin(); at != nodes_.end();) {
        if (wanted.contains(at->first)) {
            ++at;
            continue;
        }
        forget_births(*at->second);
        at = nodes_.erase(at);
    }
    for (auto& [key, node] : wanted) {
        auto& known = nodes_[key];
        if (!known) {
            known = std::make_unique<Node>(std::move(node));
            continue;
        }
        if (known->resource == node.resource && known->devices_to == node.devices_to) continue;
        // Its points go elsewhere from now on, under other names.
        const bool was_born = known->state == Node::State::born;
        forget_births(*known);
        known->resource = std::move(node.resource);
        known->devices_to = std::move(node.devices_to);
        if (was_born) want_rebirth(*known, "its Device resources have changed");
    }
    if (!announced_ && !nodes_.empty()) tell_state(true);
}

void Host::Machine::stop() {
    if (announced_) tell_state(false);
}

void Host::Machine::tell_state(bool online) {
    announced_ = online;
    if (options_.host_id.empty()) return;
    const std::string text = encode_state(online, clock_.now());
    const ByteView bytes = bytes_of(text);
    outlet_.send(state_topic(options_.host_id), Bytes(bytes.begin(), bytes.end()), true,
                 mqtt::QoS::at_least_once);
}

Node* Host::Machine::find(std::string_view group, std::string_view node) {
    key_.assign(group).append(1, '/').append(node);
    const auto found = nodes_.find(key_);
    return found == nodes_.end() ? nullptr : found->second.get();
}

// As if it had never been born.
void Host::Machine::forget_births(Node& node) {
    if (node.state == Node::State::born) count_.nodes_born.add(-1);
    node.state = Node::State::unborn;
    while (!node.held.empty()) let_go(node, node.held.size() - 1);
    node.gap_until.reset();
    node.births_until.reset();
    node.table = {};
    node.devices.clear();
    node.bd_seq.reset();
    node.half_done = 0;
    node.rebirth.calm();
}

Result<Ticket> Host::Machine::receive(std::string_view topic, ByteView body, mqtt::QoS qos) {
    const auto parsed = parse_topic(topic);
    if (!parsed || is_command(parsed->type)) return Ticket{0};
    Node* node = find(parsed->group, parsed->node);
    if (node == nullptr) {
        count_.undeclared.add();
        return Ticket{0};
    }
    count_.messages[static_cast<std::size_t>(parsed->type)]->add();
    const Message message{parsed->type, parsed->device, body};
    if (auto decoded = decode(body, payload_, options_.decode); !decoded)
        return reject(*node, message, decoded.error().message);
    if (payload_.uuid == compressed_uuid) return reject(*node, message, no_decompression);
    if (message.type == MessageType::node_birth) {
        auto ticket = on_node_birth(*node, message);
        if (ticket) drain(*node);
        return ticket;
    }
    if (message.type == MessageType::node_death) return on_node_death(*node);
    return take_in_order(*node, message, qos);
}

void Host::Machine::tick() {
    if (clock_.steady() < next_tick_) return;
    next_tick_ = never;
    for (auto& [key, node] : nodes_) tick(*node);
}

void Host::Machine::tick(Node& node) {
    const SteadyTime now = clock_.steady();
    if (node.state == Node::State::dying) ignore(finish_death(node), "it is tried again soon");
    drain(node);  // what storage had no room for
    if (node.gap_until && *node.gap_until <= now) {
        count_.gaps.add();
        want_rebirth(node, "messages were lost on the way");
        if (!give_up_gap(node)) node.gap_until = now + options_.retry_after;
    }
    if (node.births_until && *node.births_until <= now) check_awaited(node);
    ask_rebirth(node);
    if (node.gap_until) wake_at(*node.gap_until);
    if (node.births_until) wake_at(*node.births_until);
}

void Host::Machine::wake_at(SteadyTime time) { next_tick_ = std::min(next_tick_, time); }

void Host::Machine::want_rebirth(Node& node, std::string_view reason) {
    if (node.state == Node::State::dying) return;
    node.rebirth.want();
    node.rebirth_reason = reason;
    ask_rebirth(node);
}

void Host::Machine::ask_rebirth(Node& node) {
    const auto due = node.rebirth.due();
    if (!due) return;
    const SteadyTime now = clock_.steady();
    if (now < *due) return wake_at(*due);
    if (!may_ask()) return wake_at(asked_from_ + seconds{1});
    node.rebirth.asked(now);
    count_.rebirths.add();
    log::info("sparkplug.rebirth.asked",
              {{"group", node.group}, {"node", node.node}, {"reason", node.rebirth_reason}});
    outlet_.send(command_topic(node.group, node.node), encode_rebirth(clock_.now()), false,
                 mqtt::QoS::at_most_once);
}

// After a restart a whole plant may be asked: not all of it at once.
bool Host::Machine::may_ask() {
    const SteadyTime now = clock_.steady();
    if (now - asked_from_ >= seconds{1}) {
        asked_from_ = now;
        asked_ = 0;
    }
    return asked_++ < options_.rebirths_per_second;
}

std::string topic_of(const Node& node, MessageType type, std::string_view device) {
    std::string topic = std::string(topic_root).append(node.group).append(1, '/');
    topic.append(to_string(type)).append(1, '/').append(node.node);
    if (!device.empty()) topic.append(1, '/').append(device);
    return topic;
}

}  // namespace mw::sparkplug
