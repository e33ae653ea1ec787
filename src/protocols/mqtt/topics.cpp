#include "protocols/mqtt/topics.h"

#include <algorithm>

#include "protocols/mqtt/codec.h"

namespace mw::mqtt {
namespace {

// Takes the first level off rest; last says that nothing follows it.
std::string_view next_level(std::string_view& rest, bool& last) {
    const std::size_t slash = rest.find('/');
    const std::string_view level = rest.substr(0, slash);
    last = slash == std::string_view::npos;
    rest = last ? std::string_view{} : rest.substr(slash + 1);
    return level;
}

constexpr std::string_view share_prefix = "$share/";

std::string_view share_name(std::string_view shared_filter) {
    const std::string_view rest = shared_filter.substr(share_prefix.size());
    return rest.substr(0, rest.find('/'));
}

std::size_t levels(std::string_view topic) {
    return 1 + static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/'));
}

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

}  // namespace

std::string_view topic_name_fault(std::string_view topic, std::size_t max_levels) {
    if (topic.empty()) return "topic name is empty";
    if (topic.size() > max_topic_bytes) return "topic name is longer than 65,535 bytes";
    if (topic.find_first_of("+#") != std::string_view::npos)
        return "topic name holds a wildcard; want a name without + and #";
    if (!is_mqtt_text(topic)) return "topic name is not UTF-8, or holds U+0000";
    if (levels(topic) > max_levels) return "topic name has more levels than this server allows";
    return {};
}

std::string_view topic_filter_fault(std::string_view filter, std::size_t max_levels) {
    if (is_shared_filter(filter)) {
        const std::string_view name = share_name(filter);
        if (name.empty() || name.size() + share_prefix.size() == filter.size())
            return "want $share/NAME/FILTER";
        if (name.find_first_of("+#") != std::string_view::npos)
            return "a share name holds a wildcard (MQTT-4.8.2-2)";
        if (!is_mqtt_text(name)) return "share name is not UTF-8, or holds U+0000";
        filter = unshared(filter);
    }
    if (filter.empty()) return "topic filter is empty";
    if (filter.size() > max_topic_bytes) return "topic filter is longer than 65,535 bytes";
    if (!is_mqtt_text(filter)) return "topic filter is not UTF-8, or holds U+0000";
    if (levels(filter) > max_levels) return "topic filter has more levels than this server allows";
    std::string_view rest = filter;
    for (bool last = false; !last;) {
        const std::string_view level = next_level(rest, last);
        if (level.size() > 1 && level.find_first_of("+#") != std::string_view::npos)
            return "a wildcard shares its level; want + or # alone between slashes";
        if (level == "#" && !last) return "# stands before the end; want it as the last level";
    }
    return {};
}

bool is_shared_filter(std::string_view filter) { return filter.starts_with(share_prefix); }

std::string_view unshared(std::string_view filter) {
    if (!is_shared_filter(filter)) return filter;
    const std::size_t slash = share_prefix.size() + share_name(filter).size();
    return slash < filter.size() ? filter.substr(slash + 1) : std::string_view{};
}

bool matches(std::string_view filter, std::string_view topic) {
    const bool wild_first = filter.starts_with('+') || filter.starts_with('#');
    if (wild_first && topic.starts_with('$')) return false;
    bool filter_last = false;
    bool topic_last = false;
    while (true) {
        const std::string_view want = next_level(filter, filter_last);
        if (want == "#") return true;
        const std::string_view have = next_level(topic, topic_last);
        if (want != "+" && want != have) return false;
        if (filter_last) return topic_last;
        if (topic_last) return filter == "#";  // "a/#" matches "a"
    }
}

struct SubscriptionTree::Node {
    std::unordered_map<std::string, std::unique_ptr<Node>, TextHash, std::equal_to<>> children;
    std::unique_ptr<Node> plus;
    std::vector<Subscription> here;
    std::vector<Subscription> below;  // "#" at this place: this node and everything under it

    bool empty() const { return children.empty() && !plus && here.empty() && below.empty(); }
};

SubscriptionTree::SubscriptionTree() : root_(std::make_unique<Node>()) {}
SubscriptionTree::~SubscriptionTree() = default;

bool SubscriptionTree::add(std::string_view filter, const Subscription& subscription) {
    ++generation_;
    Node* node = root_.get();
    std::vector<Subscription>* list = nullptr;
    for (bool last = false; !last && list == nullptr;) {
        const std::string_view level = next_level(filter, last);
        if (level == "#") {
            list = &node->below;
            break;
        }
        auto& child = level == "+" ? node->plus : node->children[std::string(level)];
        if (!child) child = std::make_unique<Node>();
        node = child.get();
    }
    if (list == nullptr) list = &node->here;
    for (Subscription& old : *list) {
        if (!old.same_subscriber(subscription)) continue;
        old = subscription;
        return false;
    }
    list->push_back(subscription);
    ++size_;
    return true;
}

bool SubscriptionTree::has_first_level(std::string_view level) const {
    return root_->children.contains(level);
}

const Subscription* SubscriptionTree::find(std::string_view filter, const Session* session) const {
    const Node* node = root_.get();
    const std::vector<Subscription>* list = nullptr;
    for (bool last = false; !last && list == nullptr;) {
        const std::string_view level = next_level(filter, last);
        if (level == "#") {
            list = &node->below;
            break;
        }
        const auto child = node->children.find(level);
        if (level == "+")
            node = node->plus.get();
        else
            node = child == node->children.end() ? nullptr : child->second.get();
        if (node == nullptr) return nullptr;
    }
    if (list == nullptr) list = &node->here;
    for (const Subscription& one : *list)
        if (one.session == session) return &one;
    return nullptr;
}

bool SubscriptionTree::remove(std::string_view filter, const Subscription& subscription) {
    bool removed = false;
    prune(*root_, filter, subscription, removed);
    if (removed) --size_, ++generation_;
    return removed;
}

// Removes along the path and tells whether the node has become empty.
bool SubscriptionTree::prune(Node& node, std::string_view rest, const Subscription& subscription,
                             bool& removed) {
    auto erase = [&](std::vector<Subscription>& list) {
        removed = std::erase_if(list, [&](const Subscription& s) {
                      return s.same_subscriber(subscription);
                  }) > 0;
    };
    bool last = false;
    const std::string_view level = next_level(rest, last);
    if (level == "#") {
        erase(node.below);
        return node.empty();
    }
    auto descend = [&](Node& child) {
        if (!last) return prune(child, rest, subscription, removed);
        erase(child.here);
        return child.empty();
    };
    if (level == "+") {
        if (node.plus && descend(*node.plus)) node.plus.reset();
        return node.empty();
    }
    const auto found = node.children.find(level);
    if (found != node.children.end() && descend(*found->second)) node.children.erase(found);
    return node.empty();
}

void SubscriptionTree::match(std::string_view topic, std::vector<Subscription>& out) const {
    collect(*root_, topic, true, out);
}

void SubscriptionTree::collect(const Node& node, std::string_view rest, bool first,
                               std::vector<Subscription>& out) {
    auto append = [&out](const std::vector<Subscription>& list) {
        out.insert(out.end(), list.begin(), list.end());
    };
    const bool wild = !first || !rest.starts_with('$');  // MQTT-4.7.2-1
    if (wild) append(node.below);
    bool last = false;
    const std::string_view level = next_level(rest, last);
    auto descend = [&](const Node& child) {
        if (!last) return collect(child, rest, false, out);
        append(child.here);
        append(child.below);  // "a/#" matches "a"
    };
    if (const auto found = node.children.find(level); found != node.children.end())
        descend(*found->second);
    if (wild && node.plus) descend(*node.plus);
}

}  // namespace mw::mqtt
