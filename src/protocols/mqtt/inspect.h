#pragma once
// What an operator asks a broker: who is connected, who subscribed to what, what is retained, and
// to end a connection. Lists come in pages, ordered by their keys, and are made in slices with the
// loop's other work between them. Plain values; limits: page_items_max a page, walk_slice items
// looked at before others go on.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/mqtt/presence.h"
#include "protocols/mqtt/redirect.h"

namespace mw::mqtt {

inline constexpr std::size_t page_items_max = 1'000;
inline constexpr std::size_t walk_slice = 256;

struct ListOrder {
    std::string identity = {};           // its name; empty: every one
    std::string client = {};             // a client identifier; empty: every one
    std::optional<bool> connected = {};  // or remembered only
    std::string topic = {};              // subscriptions: those that this topic reaches
    std::string filter = {};             // retained: those that match; empty: all
    std::string after = {};              // Page::next of the page before
    std::size_t limit = 100;             // at most page_items_max
    std::size_t payload_bytes = 0;       // retained: as many of each payload come along
};

template <class T>
struct Page {
    std::vector<T> items;
    std::string next;  // opaque bytes; empty: that was the last page
};

struct SubscriptionView {
    Identity identity;
    std::string client_id;
    bool connected = false;
    std::string filter;
    std::optional<SubscribeOptions> options;  // nothing: it went while we looked
};

struct RetainedView {
    std::string topic;
    QoS qos = QoS::at_most_once;
    std::size_t payload_bytes = 0;
    Bytes payload;             // as much as was asked for
    nanoseconds expires_in{};  // 0: never
};

struct KickOrder {  // who has all that is given; nobody when nothing is
    std::optional<std::string> identity = {};
    std::optional<std::string> client = {};  // a client identifier
    bool forget = false;                     // ends their sessions, too
    std::optional<Redirect> to = {};         // where they are to go
};
struct Kicked {
    std::size_t connections = 0;
    std::size_t sessions = 0;  // forgotten
};

// Inside the module: how far a walk over all sessions has come. It begins again when the table has
// grown, so what is gathered must not mind being offered twice.
struct SessionWalk {
    std::size_t bucket = 0;
    std::size_t buckets = 0;  // of the table when it began
};

// Inside the module: keeps what stands first behind a key, whatever the order in which it comes.
template <class T>
class PageBuilder {
 public:
    PageBuilder(std::string after, std::size_t limit) : after_(std::move(after)), limit_(limit) {}

    bool wants(const std::string& key) const {
        if (key <= after_ && !after_.empty()) return false;
        return first_.size() <= limit_ || key < first_.rbegin()->first;
    }
    void keep(const std::string& key, T item) {
        first_.insert_or_assign(key, std::move(item));
        if (first_.size() > limit_ + 1) first_.erase(std::prev(first_.end()));
    }
    Page<T> take() {
        Page<T> page;
        for (auto& [key, item] : first_) {
            if (page.items.size() == limit_) break;
            page.items.push_back(std::move(item));
            page.next = key;
        }
        if (first_.size() <= limit_) page.next.clear();
        first_.clear();
        return page;
    }

 private:
    std::string after_;
    std::size_t limit_;
    std::map<std::string, T> first_;  // one more than the limit: then another page follows
};

}  // namespace mw::mqtt
