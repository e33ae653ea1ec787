#include "protocols/mqtt/retained.h"

#include "protocols/mqtt/session_records.h"
#include "protocols/mqtt/topics.h"

namespace mw::mqtt {

class RetainedStore::Record final : public Journal::Item {
 public:
    Record(const RetainedStore& store, MessageRef message)
        : store_(store), message_(std::move(message)) {}
    void rewrite(Journal& journal) override {
        JournalRecord record;
        record.kind = JournalRecord::Kind::retained;
        record.message = fields_of(*message_, store_.wall_time_(message_->expires).ns);
        journal.keep(record, *this);
    }

 private:
    const RetainedStore& store_;
    MessageRef message_;
};

RetainedStore::RetainedStore(std::size_t messages_max, std::size_t bytes_max)
    : messages_max_(messages_max), bytes_max_(bytes_max) {}

RetainedStore::~RetainedStore() = default;

void RetainedStore::use(Journal* journal, WallTime wall_time) {
    journal_ = journal;
    wall_time_ = std::move(wall_time);
}

// An expired one needs no record: the replay sees by itself that it has expired.
RetainedStore::Map::iterator RetainedStore::erase(Map::iterator at) {
    bytes_ -= at->second.message->cost();
    return by_topic_.erase(at);
}

void RetainedStore::forget(Map::iterator at, Ticket& ticket) {
    if (!at->second.record) return;
    JournalRecord record;
    record.kind = JournalRecord::Kind::forgotten;
    record.message.topic = at->first;
    ticket = journal_->note(record);
    at->second.record.reset();
}

bool RetainedStore::set(MessageRef message, Share share, Ticket& ticket) {
    const auto found = by_topic_.find(message->topic);
    const bool known = found != by_topic_.end();
    if (message->payload.empty()) {  // MQTT-3.3.1-6
        if (!known) return true;
        forget(found, ticket);
        erase(found);
        return true;
    }
    const std::size_t quarters = share == Share::clients ? 3 : 4;
    const std::size_t freed = known ? found->second.message->cost() : 0;
    if (!known && by_topic_.size() >= messages_max_ * quarters / 4) return false;
    if (bytes_ - freed + message->cost() > bytes_max_ * quarters / 4) return false;
    bytes_ += message->cost() - freed;
    Entry& entry = known ? found->second : by_topic_[std::string(message->topic)];
    entry.message = std::move(message);
    if (journal_ != nullptr && share == Share::clients) {
        auto record = std::make_unique<Record>(*this, entry.message);
        record->rewrite(*journal_);
        ticket = record->ticket();
        entry.record = std::move(record);
    } else if (known) {
        forget(found, ticket);
    }
    return true;
}

Journal::Item& RetainedStore::restore(MessageRef message) {
    bytes_ += message->cost();
    Entry& entry = by_topic_[std::string(message->topic)];
    entry.record = std::make_unique<Record>(*this, message);
    entry.message = std::move(message);
    return *entry.record;
}

void RetainedStore::each(std::string_view filter, SteadyTime now,
                         const std::function<void(const MessageRef&)>& visit) {
    const std::size_t wildcard = filter.find_first_of("+#");
    const bool exact = wildcard == std::string_view::npos;
    std::string_view prefix = filter.substr(0, wildcard);
    // "a/#" matches "a" as well, which stands before "a/".
    if (!exact && filter[wildcard] == '#' && prefix.ends_with('/')) prefix.remove_suffix(1);
    auto at = by_topic_.lower_bound(prefix);
    while (at != by_topic_.end() && at->first.starts_with(prefix)) {
        if (at->second.message->expired(now)) {
            at = erase(at);
            continue;
        }
        if (matches(filter, at->first)) visit(at->second.message);
        if (exact) return;
        ++at;
    }
}

bool RetainedStore::scan(std::string_view filter, std::string& after, std::size_t most,
                         SteadyTime now,
                         const std::function<bool(const MessageRef&)>& visit) const {
    std::string_view prefix = filter.substr(0, filter.find_first_of("+#"));
    if (prefix.ends_with('/')) prefix.remove_suffix(1);  // "a/#" matches "a"
    auto at = after < prefix ? by_topic_.lower_bound(prefix) : by_topic_.upper_bound(after);
    for (; at != by_topic_.end() && at->first.starts_with(prefix); ++at) {
        if (most-- == 0) return true;
        if (!at->second.message->expired(now) && matches(filter, at->first) &&
            !visit(at->second.message))
            return false;
        after = at->first;
    }
    return false;
}

}  // namespace mw::mqtt
