#include "protocols/mqtt/home.h"

#include <unordered_map>
#include <utility>

namespace mw::mqtt {
namespace {

// FNV-1a (Fowler, Noll, Vo): the same in each build, as what is on the disk relies on it.
std::uint64_t fnv(std::uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ull;
    return hash;
}

void move_targets(FoundMessage& message,
                  const std::unordered_map<SessionNumber, ShardNumber>& moved,
                  std::vector<Strays>& to) {
    std::vector<FoundMessage*> copies(to.size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < message.targets.size(); ++i) {
        const auto home = moved.find(message.targets[i].session);
        if (home == moved.end()) {
            std::swap(message.targets[kept], message.targets[i]);
            std::swap(message.shares[kept++], message.shares[i]);
            continue;
        }
        FoundMessage*& copy = copies[home->second];
        if (copy == nullptr) {
            auto& messages = to[home->second].state.messages;
            messages.push_back({message.message, message.expires_at_ns, {}, {}, {}});
            copy = &messages.back();
        }
        copy->targets.push_back(std::move(message.targets[i]));
        copy->shares.push_back(std::move(message.shares[i]));
    }
    message.targets.resize(kept);
    message.shares.resize(kept);
}

}  // namespace

ShardNumber home_of(const Identity& identity, std::string_view client_id, ShardNumber shards) {
    std::uint64_t hash = 0xCBF29CE484222325ull ^ static_cast<std::uint64_t>(identity.kind);
    hash = fnv(fnv(fnv(hash, identity.name), std::string_view("\0", 1)), client_id);
    return static_cast<ShardNumber>((hash ^ hash >> 32) % shards);
}

std::vector<Strays> take_strays(JournalState& found, ShardNumber self, ShardNumber shards) {
    std::vector<Strays> all(shards);
    std::unordered_map<SessionNumber, ShardNumber> moved;
    for (auto at = found.sessions.begin(); at != found.sessions.end();) {
        auto& [number, session] = *at;
        const ShardNumber home =
            session.declared ? home_of(session.owner, session.client_id, shards) : self;
        if (home == self || !session.declared) {
            ++at;
            continue;
        }
        moved.emplace(number, home);
        all[home].numbers.push_back(number);
        all[home].state.sessions.emplace(number, std::move(session));
        at = found.sessions.erase(at);
    }
    if (!moved.empty())
        for (FoundMessage& message : found.messages) move_targets(message, moved, all);
    for (ShardNumber home = 0; home < shards; ++home) all[home].home = home;
    std::erase_if(all, [](const Strays& strays) { return strays.numbers.empty(); });
    return all;
}

std::string journal_directory(const std::string& first, ShardNumber shard) {
    return shard == 0 ? first : first + "-" + std::to_string(shard);
}

}  // namespace mw::mqtt
