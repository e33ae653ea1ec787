#pragma once
// Topic names and filters (MQTT 4.7), and the tree that finds a topic's subscribers.
// The tree belongs to its broker's loop. Limits: levels per topic, subscriptions in all (the caller
// counts).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

inline constexpr std::size_t max_topic_bytes = 65'535;

// Empty when fine, else what is wrong and what is wanted (static text).
std::string_view topic_name_fault(std::string_view topic, std::size_t max_levels);
std::string_view topic_filter_fault(std::string_view filter, std::size_t max_levels);
bool is_shared_filter(std::string_view filter);      // "$share/GROUP/FILTER" (4.8.2)
std::string_view unshared(std::string_view filter);  // FILTER; any other filter as it is

// 4.7: '+' is one level, '#' the rest and the parent; neither matches a first level that begins
// with '$'.
bool matches(std::string_view filter, std::string_view topic);

class Session;

struct Subscription {
    Session* session = nullptr;  // null: a group of sessions, whose number is id
    SubscribeOptions options;
    std::uint32_t id = 0;  // subscription identifier; 0: none

    bool same_subscriber(const Subscription& other) const {
        return session == other.session && (session != nullptr || id == other.id);
    }
};

class SubscriptionTree {
 public:
    SubscriptionTree();
    ~SubscriptionTree();

    // True when the filter is new for that session; else it was replaced.
    bool add(std::string_view filter, const Subscription& subscription);
    bool remove(std::string_view filter, const Subscription& subscription);
    bool remove(std::string_view filter, Session* session) {
        return remove(filter, Subscription{.session = session, .options = {}});
    }
    // What a session subscribed with this filter; null: nothing. Until the next change.
    const Subscription* find(std::string_view filter, const Session* session) const;
    // Appends every matching subscription; a session may appear more than once.
    void match(std::string_view topic, std::vector<Subscription>& out) const;

    // Whether any filter begins with this level; wildcards don't count.
    bool has_first_level(std::string_view level) const;
    std::size_t size() const { return size_; }
    std::uint64_t generation() const { return generation_; }  // grows with every change

 private:
    struct Node;
    static void collect(const Node& node, std::string_view rest, bool first,
                        std::vector<Subscription>& out);
    static bool prune(Node& node, std::string_view rest, const Subscription& subscription,
                      bool& removed);
    std::unique_ptr<Node> root_;
    std::size_t size_ = 0;
    std::uint64_t generation_ = 1;
};

}  // namespace mw::mqtt
