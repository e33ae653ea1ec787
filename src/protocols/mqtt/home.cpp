#include "protocols/mqtt/home.h"

#include <deque>
#include <unordered_map>
#include <utility>

namespace mw::mqtt {
namespace {

// FNV-1a (Fowler, Noll, Vo): the same in each build, as what is on the disk relies on it.
std::uint64_t fnv(std::uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ull;
    return hash;
}

// A message may be owed to sessions of several shards: each gets it for itself.
class MessageCopies {
 public:
    explicit MessageCopies(std::deque<FoundMessage>& to) : to_(to) {}
    void take_along(FoundSession& session) {
        for (FoundTarget& target : session.owed) {
            FoundMessage*& copy = copies_[target.message];
            if (copy == nullptr) copy = &to_.emplace_back(*target.message);
            target.message = copy;
        }
    }

 private:
    std::deque<FoundMessage>& to_;
    std::unordered_map<const FoundMessage*, FoundMessage*> copies_;
};

}  // namespace

ShardNumber home_of(const Identity& identity, std::string_view client_id, ShardNumber shards,
                    Spread spread) {
    if (identity.name.starts_with(bridge_prefix)) return 0;  // where bridges are
    std::uint64_t hash = 0xCBF29CE484222325ull ^ static_cast<std::uint64_t>(identity.kind);
    hash = fnv(fnv(fnv(hash, identity.name), std::string_view("\0", 1)), client_id);
    hash ^= hash >> 32;
    if (spread == Spread::even || shards == 1) return static_cast<ShardNumber>(hash % shards);
    // Sessions of each of the others, to one of the first.
    const std::uint64_t share = 4 * (shards - 1);
    return static_cast<ShardNumber>((hash % (1 + (shards - 1) * share) + share - 1) / share);
}

std::vector<Strays> take_strays(JournalState& found, ShardNumber self, ShardNumber shards,
                                Spread spread) {
    found.drop_old();
    std::vector<Strays> all(shards);
    std::vector<MessageCopies> copies;
    for (ShardNumber home = 0; home < shards; ++home) {
        all[home].home = home;
        copies.emplace_back(all[home].state.messages);
    }
    for (auto at = found.sessions.begin(); at != found.sessions.end();) {
        auto& [number, session] = *at;
        const ShardNumber home =
            session.declared ? home_of(session.owner, session.client_id, shards, spread) : self;
        if (home == self) {
            ++at;
            continue;
        }
        copies[home].take_along(session);
        all[home].numbers.push_back(number);
        all[home].state.sessions.emplace(number, std::move(session));
        at = found.sessions.erase(at);
    }
    std::erase_if(all, [](const Strays& strays) { return strays.numbers.empty(); });
    return all;
}

std::string journal_directory(const std::string& first, ShardNumber shard) {
    return shard == 0 ? first : first + "-" + std::to_string(shard);
}

}  // namespace mw::mqtt
