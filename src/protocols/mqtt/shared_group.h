#pragma once
// Inside the module: one shared subscription, a share name with a filter (MQTT 5 4.8.2), and who of
// its members gets the next message. Belongs to its broker's loop, owned by SharedGroups. Limit:
// each member counts as a subscription.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/mqtt/delivery.h"
#include "protocols/mqtt/options.h"
#include "protocols/mqtt/topics.h"

namespace mw::mqtt {

class SharedGroup {
 public:
    using Member = Subscription;  // with its own options and subscription id

    SharedGroup(std::uint32_t number, std::string_view text, ShareStrategy strategy)
        : number_(number), text_(text), strategy_(strategy) {}

    std::uint32_t number() const { return number_; }  // never 0
    std::string_view text() const { return text_; }   // "$share/NAME/FILTER"
    std::size_t members() const { return members_.size(); }
    std::size_t connected() const { return connected_; }

    const Member* find(const Session& session) const;
    bool join(const Member& member);  // false: it was one; its options are replaced
    bool leave(const Session& session);
    void arrived(const Session& session);   // it is connected now ...
    void departed(const Session& session);  // ... and no more
    // Of those connected one that can send it at once, else one with room in its queue; else one
    // that is absent, unless connected_only. Null: nobody has room, but perhaps `except`.
    const Member* choose(Delivery& delivery, bool connected_only, const Session* except = nullptr);
    std::vector<Session*> absent() const;

    // Members on another shard, as it says.
    void set_elsewhere(unsigned shard, std::uint32_t connected, std::uint32_t members);
    bool is_elsewhere() const { return !elsewhere_.empty(); }
    std::optional<unsigned> connected_elsewhere() const;
    // Where the next message goes: to each shard as often as it has members that are connected, or,
    // with nobody connected anywhere, that are away.
    unsigned choose_shard(unsigned here, std::uint32_t publisher);

 private:
    template <class Fits>
    const Member* best(std::size_t from, std::size_t to, std::uint32_t publisher, Fits fits);
    std::size_t place_of(const Session& session) const;
    struct Elsewhere {
        unsigned shard = 0;
        std::uint32_t connected = 0;
        std::uint32_t members = 0;
    };
    void swap(std::size_t a, std::size_t b) { std::swap(members_[a], members_[b]); }

    std::uint32_t number_;
    std::string text_;
    ShareStrategy strategy_;
    std::vector<Member> members_;  // those connected stand first
    std::size_t connected_ = 0;
    std::size_t next_ = 0;  // whose turn it is, modulo the number of candidates
    std::vector<Elsewhere> elsewhere_;
    std::uint64_t next_shard_ = 0;
};

}  // namespace mw::mqtt
