// The order of an edge node's messages: what comes too early waits, within limits and not for ever.
#include <algorithm>

#include "protocols/sparkplug/machine.h"

namespace mw::sparkplug {

Result<Ticket> Host::Machine::take_in_order(Node& node, const Message& message, mqtt::QoS qos) {
    if (node.state != Node::State::born) {
        want_rebirth(node, "it sends and was not born");
        return reject(node, message, "no birth of this edge node was seen; it was asked for one");
    }
    if (!payload_.seq) return apply(node, message);
    if (*payload_.seq >= Sequence::numbers)
        return reject(node, message, "seq " + std::to_string(*payload_.seq) + ": want 0 to 255");
    const auto seq = static_cast<std::uint8_t>(*payload_.seq);
    const Sequence::Place place = node.sequence.place_of(seq);
    if (place == Sequence::Place::next) return take_now(node, message, seq);
    if (place == Sequence::Place::late) return take_late(node, message, seq);
    if (place == Sequence::Place::stray && message.type != MessageType::device_birth) {
        count_.stray.add();
        want_rebirth(node, "its numbering does not go on");
        return reject(node, message,
                      "seq " + std::to_string(seq) +
                          " was seen before, or is of another birth; a new one was asked for");
    }
    if (qos == mqtt::QoS::at_most_once && hold(node, message, seq)) return Ticket{0};
    // It cannot wait, so what lies before it is waited for no longer.
    count_.gaps.add();
    want_rebirth(node, "messages were lost on the way");
    if (!give_up_gap(node)) return Error{Errc::overloaded, "storage has no room"};
    // What was held has used payload_.
    TRY_VOID(decode(message.body, payload_, options_.decode));
    if (node.sequence.place_of(seq) == Sequence::Place::ahead) node.sequence.skip_to(seq);
    return take_now(node, message, seq);
}

Result<Ticket> Host::Machine::take_now(Node& node, const Message& message, std::uint8_t seq) {
    auto ticket = apply(node, message);
    if (!ticket) return ticket;
    node.sequence.take(seq);
    drain(node);
    return ticket;
}

Result<Ticket> Host::Machine::take_late(Node& node, const Message& message, std::uint8_t seq) {
    count_.late.add();
    auto ticket = apply(node, message);
    if (ticket) node.sequence.take(seq);
    return ticket;
}

bool Host::Machine::hold(Node& node, const Message& message, std::uint8_t seq) {
    const std::size_t size = message.body.size();
    if (node.held.size() >= options_.held_messages ||
        node.held_bytes + size > options_.held_bytes ||
        held_bytes_ + size > options_.held_bytes_in_all)
        return false;
    node.held.push_back({message.type, seq, std::string(message.device),
                         Bytes(message.body.begin(), message.body.end())});
    node.held_bytes += size;
    held_bytes_ += size;
    count_.held.add();
    count_.held_bytes.set(static_cast<double>(held_bytes_));
    if (!node.gap_until) node.gap_until = clock_.steady() + options_.reorder_timeout;
    wake_at(*node.gap_until);
    return true;
}

void Host::Machine::let_go(Node& node, std::size_t index) {
    const std::size_t size = node.held[index].body.size();
    node.held_bytes -= size;
    held_bytes_ -= size;
    count_.held_bytes.set(static_cast<double>(held_bytes_));
    node.held.erase(node.held.begin() + static_cast<std::ptrdiff_t>(index));
}

// False: storage has no room for it now.
bool Host::Machine::apply_held(Node& node, std::size_t index) {
    const HeldMessage& held = node.held[index];
    const Message message{held.type, held.device, held.body};
    ignore(decode(held.body, payload_, options_.decode), "it was readable when it came");
    const auto applied = apply(node, message);
    if (!applied && applied.error().code == Errc::overloaded) return false;
    return true;  // nobody waits for an answer; the outlet counts what it refuses
}

// Takes what is its turn now. After progress what still waits has its time anew.
void Host::Machine::drain(Node& node) {
    bool progress = false;
    for (std::size_t i = 0; i < node.held.size();) {
        const std::uint8_t seq = node.held[i].seq;
        if (node.sequence.place_of(seq) != Sequence::Place::next) {
            ++i;
            continue;
        }
        if (!apply_held(node, i)) return retry_soon();
        node.sequence.take(seq);
        let_go(node, i);
        progress = true;
        i = 0;
    }
    if (node.held.empty()) return node.gap_until.reset();
    if (progress) node.gap_until = clock_.steady() + options_.reorder_timeout;
    wake_at(*node.gap_until);
}

// Takes all that is held, in order. False: storage has no room; the rest stays.
bool Host::Machine::give_up_gap(Node& node) {
    while (!node.held.empty()) {
        const auto nearest =
            std::min_element(node.held.begin(), node.held.end(), [&](const auto& a, const auto& b) {
                return node.sequence.distance_to(a.seq) < node.sequence.distance_to(b.seq);
            });
        const auto index = static_cast<std::size_t>(nearest - node.held.begin());
        const std::uint8_t seq = nearest->seq;
        const bool in_session = node.sequence.place_of(seq) != Sequence::Place::stray;
        const bool useful = in_session || nearest->type == MessageType::device_birth;
        if (useful && !apply_held(node, index)) return false;
        if (!useful) {
            count_.stray.add();
            const Message message{nearest->type, nearest->device, nearest->body};
            ignore(reject(node, message, "its seq was there twice"), "only its words are lost");
        }
        if (in_session) {
            node.sequence.skip_to(seq);
            node.sequence.take(seq);
        }
        let_go(node, index);
    }
    node.gap_until.reset();
    return true;
}

// At a node's birth: what was held told its metrics by aliases of the session before, or of this
// one; nobody can say. Births speak for themselves.
void Host::Machine::let_go_for_birth(Node& node) {
    for (std::size_t i = node.held.size(); i-- > 0;) {
        const HeldMessage& held = node.held[i];
        if (held.type == MessageType::device_birth) continue;
        const Message message{held.type, held.device, held.body};
        ignore(reject(node, message, "a gap before it, and then the node was born again"),
               "only its words are lost");
        let_go(node, i);
    }
}

}  // namespace mw::sparkplug
