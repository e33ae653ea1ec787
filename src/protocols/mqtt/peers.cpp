#include "protocols/mqtt/peers.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "protocols/mqtt/codec.h"

namespace mw::mqtt {
namespace {

constexpr std::size_t interest_cost = 64;  // and its filter
constexpr std::size_t reserve_max = 65'536;

}  // namespace

Peers::Peers(Post& post, ShardNumber self, ShardNumber count, std::size_t bytes_max)
    : post_(post), self_(self), bytes_max_(bytes_max), all_(count) {
    ASSERT(count <= 31 && self < count);
}

void Peers::want(std::string_view filter) {
    if (++wanted_[std::string(filter)] == 1) tell({std::string(filter), true});
}

void Peers::unwant(std::string_view filter) {
    const auto found = wanted_.find(std::string(filter));
    ASSERT(found != wanted_.end());
    if (--found->second > 0) return;
    wanted_.erase(found);
    tell({std::string(filter), false});
}

void Peers::tell_group(std::string_view text, std::uint32_t connected, std::uint32_t members) {
    tell({std::string(text), members > 0, connected, members});
}

void Peers::tell(const Interest& interest) {
    ++number_;
    for (ShardNumber to = 0; to < count(); ++to) {
        if (to == self_) continue;
        all_[to].parcel.interests.push_back(interest);
        all_[to].parcel.urgent = true;
        account(all_[to], interest_cost + interest.filter.size());
    }
    post_.mark();
}

void Peers::finish(const FinishedExchange& exchange) {
    ++number_;
    for (ShardNumber to = 0; to < count(); ++to) {
        if (to == self_) continue;
        all_[to].parcel.finished.push_back(exchange);
        all_[to].parcel.urgent = true;
        account(all_[to], sizeof exchange);
    }
    post_.mark();
}

Ticket Peers::pass(std::uint32_t mask, Passed& message, bool urgent) {
    message.number = ++number_;
    ++messages_;
    for (ShardNumber to = 0; to < count(); ++to) {
        if ((mask >> to & 1) == 0) continue;
        Bytes& messages = all_[to].parcel.messages;
        const std::size_t before = messages.size();
        encode(messages, message);
        account(all_[to], messages.size() - before);
        all_[to].parcel.urgent |= urgent;
    }
    post_.mark();
    return {number_};
}

Ticket Peers::pass_up(Passed& message, std::unique_ptr<Prepared> prepared) {
    message.to_uplink = true;
    message.is_prepared = prepared != nullptr;
    if (prepared) {
        account(all_[0], prepared->bytes());
        all_[0].parcel.prepared.push_back(std::move(prepared));
    }
    return pass(1u, message, true);
}

void Peers::give_back(ShardNumber to, std::unique_ptr<Prepared> used) {
    all_[to].parcel.used.push_back(std::move(used));
}

void Peers::acknowledge(ShardNumber to, std::uint64_t number, std::size_t bytes, bool urgent) {
    Peer& peer = all_[to];
    peer.parcel.taken = std::max(peer.parcel.taken, number);
    peer.unsaid_bytes += bytes;
    if (!urgent && peer.unsaid_bytes < bytes_max_ / 4) return;
    peer.says_taken = true;
    post_.mark();
}

void Peers::refuse(ShardNumber to, std::uint64_t number, Error error) {
    all_[to].parcel.refusals.push_back({number, std::move(error)});
    post_.mark();
}

bool Peers::has_reached(Ticket ticket) const {
    return std::all_of(all_.begin(), all_.end(), [&](const Peer& peer) {
        return peer.safe >= ticket.value || peer.safe >= peer.told;
    });
}

Ticket Peers::reached(ShardNumber peer) const { return {all_[peer].safe}; }

bool Peers::ready() const {
    return std::all_of(all_.begin(), all_.end(),
                       [&](const Peer& peer) { return peer.bytes < bytes_max_; });
}

std::size_t Peers::bytes_under_way() const {
    std::size_t bytes = 0;
    for (const Peer& peer : all_) bytes += peer.bytes;
    return bytes;
}

void Peers::on_taken(ShardNumber from, std::uint64_t taken) {
    Peer& peer = all_[from];
    peer.safe = std::max(peer.safe, taken);
    while (!peer.under_way.empty() && peer.under_way.front().last <= taken) {
        peer.bytes -= peer.under_way.front().bytes;
        peer.under_way.pop_front();
    }
}

void Peers::flush() {
    for (ShardNumber to = 0; to < count(); ++to) {
        Peer& peer = all_[to];
        if (peer.parcel.empty() && !peer.says_taken) continue;
        const bool tells = peer.parcel.tells();
        const std::uint64_t taken = peer.parcel.taken;
        const std::size_t messages = peer.parcel.messages.size();
        const std::size_t prepared = peer.parcel.prepared.size(), used = peer.parcel.used.size();
        peer.parcel.last = tells ? peer.told : 0;
        if (!post_.send(to, peer.parcel)) continue;
        const std::size_t bytes = std::exchange(peer.in_parcel, 0);
        if (tells) peer.under_way.push_back({peer.told, bytes});
        peer.parcel = {};
        peer.parcel.messages.reserve(std::min(messages, reserve_max));  // the next is much like it
        peer.parcel.prepared.reserve(std::min(prepared, reserve_max / 64));
        peer.parcel.used.reserve(std::min(used, reserve_max / 64));
        peer.parcel.taken = peer.said_taken = taken;
        peer.says_taken = false;
        peer.unsaid_bytes = 0;
    }
}

void Peers::flush_all() {
    for (Peer& peer : all_) peer.says_taken |= peer.parcel.taken > peer.said_taken;
    flush();
}

Result<Ticket> PassedUplink::publish(const Identity& identity, std::string_view topic,
                                     ByteView payload, const PublishProperties& properties) {
    if (preparer_ && !preparer_->wants(topic)) return Ticket{};
    if (!peers_.ready()) return Error{Errc::overloaded, "the shard that stores has no room"};
    Passed message;
    message.qos = properties.qos;
    message.retain = properties.retain;
    message.dup = properties.dup;
    message.from_kind = identity.kind;
    message.from = identity.name;
    message.topic = topic;
    auto prepared = preparer_ ? preparer_->prepare(topic, payload) : nullptr;
    if (!prepared || !prepared->is_whole()) message.payload = payload;
    section_.clear();
    if (properties.all != nullptr && !properties.all->empty()) encode(section_, *properties.all);
    message.properties = section_;
    return peers_.pass_up(message, std::move(prepared));
}

const Error* PassedUplink::refusal(Ticket ticket) const {
    if (refused_.empty()) return nullptr;
    const auto found = refused_.find(ticket.value);
    return found == refused_.end() ? nullptr : &found->second;
}

void PassedUplink::refused(PassedRefusal refusal) {
    refused_.emplace(refusal.number, std::move(refusal.error));
}

void PassedUplink::forget_answered() {
    refused_.erase(refused_.begin(), refused_.upper_bound(durable().value));
}

}  // namespace mw::mqtt
