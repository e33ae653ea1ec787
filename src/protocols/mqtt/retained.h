#pragma once
// Inside the module: the last retained message of each topic, bounded in number and bytes.
// A filter without a wildcard costs one look-up, another the topics that share its literal prefix.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "protocols/mqtt/delivery.h"
#include "protocols/mqtt/journal.h"

namespace mw::mqtt {

class RetainedStore {
 public:
    using WallTime = std::function<Timestamp(SteadyTime)>;

    RetainedStore(std::size_t messages_max, std::size_t bytes_max);
    ~RetainedStore();
    // What clients retain is kept there, too. Before the first set().
    void use(Journal* journal, WallTime wall_time);

    // Clients may fill three quarters, so that the hub's own messages always find room. Those are
    // not in the journal: the hub says them again when it starts.
    enum class Share { clients, everything };
    // Keeps the message, or removes the topic's one if the payload is empty. False: no room.
    // It survives a power cut from `ticket` on.
    bool set(MessageRef message, Share share, Ticket& ticket);
    // As the journal has it; the item that stands for it.
    Journal::Item& restore(MessageRef message);
    // Visits in topic order; expired ones are dropped instead.
    void each(std::string_view filter, SteadyTime now,
              const std::function<void(const MessageRef&)>& visit);

    // Goes on behind the topic `after` and moves it, over at most `most` messages; false when there
    // are no more, or when visit says so.
    bool scan(std::string_view filter, std::string& after, std::size_t most, SteadyTime now,
              const std::function<bool(const MessageRef&)>& visit) const;

    std::size_t size() const { return by_topic_.size(); }
    std::size_t bytes() const { return bytes_; }

 private:
    class Record;
    struct Entry {
        MessageRef message;
        std::unique_ptr<Record> record;  // null: not in the journal
    };
    using Map = std::map<std::string, Entry, std::less<>>;
    Map::iterator erase(Map::iterator at);
    void forget(Map::iterator at, Ticket& ticket);

    std::size_t messages_max_;
    std::size_t bytes_max_;
    Journal* journal_ = nullptr;
    WallTime wall_time_;
    Map by_topic_;
    std::size_t bytes_ = 0;
};

}  // namespace mw::mqtt
