#include "protocols/mqtt/shared_group.h"

#include <algorithm>

#include "base/assert.h"
#include "protocols/mqtt/session.h"

namespace mw::mqtt {
namespace {

// Rendezvous hashing: when a member comes or goes, only the publishers that it wins or had won
// change their member. The mixing is splitmix64's.
std::uint64_t affinity(std::uint32_t publisher, std::uint32_t member) {
    std::uint64_t x = std::uint64_t{publisher} << 32 | member;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

}  // namespace

std::size_t SharedGroup::place_of(const Session& session) const {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const Member& m) { return m.session == &session; });
    return static_cast<std::size_t>(found - members_.begin());
}

const SharedGroup::Member* SharedGroup::find(const Session& session) const {
    const std::size_t at = place_of(session);
    return at < members_.size() ? &members_[at] : nullptr;
}

bool SharedGroup::join(const Member& member) {
    const std::size_t at = place_of(*member.session);
    if (at < members_.size()) {
        members_[at] = member;
        return false;
    }
    members_.push_back(member);
    if (member.session->connection() != nullptr) arrived(*member.session);
    return true;
}

bool SharedGroup::leave(const Session& session) {
    if (place_of(session) == members_.size()) return false;
    departed(session);
    swap(place_of(session), members_.size() - 1);
    members_.pop_back();
    return true;
}

void SharedGroup::arrived(const Session& session) {
    const std::size_t at = place_of(session);
    if (at < connected_) return;
    ASSERT(at < members_.size());
    swap(at, connected_++);
}

void SharedGroup::departed(const Session& session) {
    const std::size_t at = place_of(session);
    if (at < connected_) swap(at, --connected_);
}

std::vector<Session*> SharedGroup::absent() const {
    std::vector<Session*> sessions;
    for (std::size_t i = connected_; i < members_.size(); ++i)
        sessions.push_back(members_[i].session);
    return sessions;
}

void SharedGroup::set_elsewhere(unsigned shard, std::uint32_t connected, std::uint32_t members) {
    std::erase_if(elsewhere_, [&](const Elsewhere& e) { return e.shard == shard; });
    if (members > 0) elsewhere_.push_back({shard, connected, members});
}

std::optional<unsigned> SharedGroup::connected_elsewhere() const {
    for (const Elsewhere& e : elsewhere_)
        if (e.connected > 0) return e.shard;
    return std::nullopt;
}

unsigned SharedGroup::choose_shard(unsigned here, std::uint32_t publisher) {
    if (elsewhere_.empty()) return here;
    const bool anybody = connected_ > 0 || connected_elsewhere();
    const std::uint64_t own = anybody ? connected_ : members_.size();
    std::uint64_t all = own;
    for (const Elsewhere& e : elsewhere_) all += anybody ? e.connected : e.members;
    if (all == 0) return here;
    const bool by_hash = strategy_ == ShareStrategy::hash_of_publisher;
    std::uint64_t place = (by_hash ? affinity(publisher, 0) : next_shard_++) % all;
    if (place < own) return here;
    place -= own;
    for (const Elsewhere& e : elsewhere_) {
        const std::uint64_t weight = anybody ? e.connected : e.members;
        if (place < weight) return e.shard;
        place -= weight;
    }
    return here;
}

const SharedGroup::Member* SharedGroup::choose(Delivery& delivery, bool connected_only,
                                               const Session* except) {
    const std::uint32_t publisher = delivery.publisher();
    auto ready = [](const Member& m) { return m.session->is_ready(); };
    if (strategy_ != ShareStrategy::hash_of_publisher)
        if (const Member* member = best(0, connected_, publisher, ready)) return member;
    if (delivery.qos() == QoS::at_most_once)
        return best(0, connected_, publisher, [](const Member&) { return true; });
    auto has_room = [&](const Member& m) {
        return m.session != except &&
               (m.session->is_ready() || m.session->can_queue(delivery.stored()->cost()));
    };
    if (const Member* member = best(0, connected_, publisher, has_room)) return member;
    if (connected_only) return nullptr;
    return best(connected_, members_.size(), publisher,
                [&](const Member& m) { return m.options.qos != QoS::at_most_once && has_room(m); });
}

template <class Fits>
const SharedGroup::Member* SharedGroup::best(std::size_t from, std::size_t to,
                                             std::uint32_t publisher, Fits fits) {
    const std::size_t count = to - from;
    std::size_t chosen = count;  // none
    std::uint64_t most = 0;      // of what the strategy wants
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t turn = (next_ + i) % count;
        const Member& member = members_[from + turn];
        std::uint64_t merit = 0;
        if (strategy_ == ShareStrategy::least_inflight)
            merit = ~std::uint64_t{member.session->load()};
        if (strategy_ == ShareStrategy::hash_of_publisher)
            merit = affinity(publisher, member.session->hash());
        if ((chosen != count && merit <= most) || !fits(member)) continue;
        chosen = turn;
        most = merit;
        if (strategy_ == ShareStrategy::round_robin) break;
    }
    if (chosen == count) return nullptr;
    next_ = (chosen + 1) % count;
    return &members_[from + chosen];
}

}  // namespace mw::mqtt
