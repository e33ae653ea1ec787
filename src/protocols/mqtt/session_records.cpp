#include "protocols/mqtt/session_records.h"

#include "protocols/mqtt/core.h"

namespace mw::mqtt {

using RecordKind = JournalRecord::Kind;

MessageFields fields_of(const StoredMessage& message, std::int64_t expires_at_ns) {
    return {message.topic, message.payload, message.properties, message.qos, expires_at_ns};
}

void KeptMessage::add(SessionNumber session, Sequence sequence) {
    if (first_.session == 0)
        first_ = {session, sequence};
    else
        others_.push_back({session, sequence});
    ++owed_;
}

void KeptMessage::release() {
    if (--owed_ == 0) delete this;
}

void KeptMessage::write(Journal& journal, const TargetList& targets, SessionNumber from,
                        PacketId id) {
    JournalRecord record;
    record.kind = RecordKind::message;
    record.session = from;
    record.packet_id = id;
    write(journal, targets, record);
}

void KeptMessage::write_moved(Journal& journal, const TargetList& targets, SessionNumber from,
                              Sequence sequence) {
    JournalRecord record;
    record.kind = from != 0 ? RecordKind::moved : RecordKind::message;
    record.session = from;
    record.sequence = sequence;
    write(journal, targets, record);
}

void KeptMessage::write(Journal& journal, const TargetList& targets, JournalRecord& record) {
    record.message = fields_of(*message_, core_.wall_time(message_->expires).ns);
    record.target_count = targets.count;
    record.targets = targets.bytes;
    journal.keep(record, *this);
}

// Of a session that has not let go of it.
MessageRef KeptMessage::copy() const {
    MessageRef found;
    each_owner([&](const Owner& owner) {
        if (found) return;
        if (const Session* session = core_.find_session(owner.session))
            found = session->message_of(owner.sequence);
    });
    return found;
}

void KeptMessage::rewrite(Journal& journal) {
    const MessageRef message = message_ ? message_ : copy();
    rewrite(journal, fields_of(*message, core_.wall_time(message->expires).ns));
}

void KeptMessage::rewrite_as(Journal& journal, const JournalRecord& old) {
    rewrite(journal, old.message);
}

void KeptMessage::rewrite(Journal& journal, const MessageFields& message) {
    TargetList targets;
    const auto add = [&](const Owner& owner) {
        const Session* session = core_.find_session(owner.session);
        return session != nullptr && session->add_target(owner.sequence, targets);
    };
    add(first_);
    std::erase_if(others_, [&](const Owner& owner) { return !add(owner); });
    JournalRecord record;
    record.kind = RecordKind::message;
    record.message = message;
    record.target_count = targets.count;
    record.targets = targets.bytes;
    journal.keep(record, *this);
}

void KeptMessage::lost() {
    ++owed_;  // so that it stays until all were told
    leave();
    each_owner([this](const Owner& owner) {
        if (Session* session = core_.find_session(owner.session)) session->lose(owner.sequence);
    });
    release();
}

struct SessionRecords::Self final : Journal::Item {
    explicit Self(SessionRecords& records) : records(records) {}
    void rewrite(Journal&) override { records.changed(); }
    SessionRecords& records;
};

struct SessionRecords::Filter final : Journal::Item {
    Filter(SessionRecords& records, std::string filter)
        : records(records), filter(std::move(filter)) {}
    void rewrite(Journal&) override { records.subscribed(filter, options, id); }
    SessionRecords& records;
    std::string filter;
    SubscribeOptions options;
    std::uint32_t id = 0;
};

struct SessionRecords::Taken final : Journal::Item {
    Taken(SessionRecords& records, Sequence sequence) : records(records), sequence(sequence) {}
    void rewrite(Journal&) override { records.taken(sequence); }
    SessionRecords& records;
    Sequence sequence;
};

struct SessionRecords::Received final : Journal::Item {
    Received(SessionRecords& records, PacketId id) : records(records), id(id) {}
    void rewrite(Journal&) override { records.received(id); }
    SessionRecords& records;
    PacketId id;
};

SessionRecords::SessionRecords(Journal& journal, const Session& session, SessionNumber number)
    : journal_(journal), session_(session), number_(number), self_(std::make_unique<Self>(*this)) {}

SessionRecords::~SessionRecords() = default;

JournalRecord SessionRecords::record(RecordKind kind) const {
    JournalRecord record;
    record.kind = kind;
    record.session = number_;
    return record;
}

Ticket SessionRecords::changed() {
    JournalRecord now = record(RecordKind::session);
    session_.describe(now);
    return journal_.keep(now, *self_);
}

Ticket SessionRecords::subscribed(std::string_view filter, const SubscribeOptions& options,
                                  std::uint32_t id) {
    auto found = filters_.find(filter);
    if (found == filters_.end())
        found =
            filters_
                .emplace(std::string(filter), std::make_unique<Filter>(*this, std::string(filter)))
                .first;
    Filter& item = *found->second;
    item.options = options;
    item.id = id;
    JournalRecord record = this->record(RecordKind::subscribed);
    record.filter = item.filter;
    record.options = options;
    record.subscription_id = id;
    return journal_.keep(record, item);
}

Ticket SessionRecords::unsubscribed(std::string_view filter) {
    JournalRecord record = this->record(RecordKind::unsubscribed);
    record.filter = filter;
    const Ticket ticket = journal_.note(record);
    if (const auto found = filters_.find(filter); found != filters_.end()) filters_.erase(found);
    return ticket;
}

template <class T, class Key>
T& SessionRecords::place_for(std::map<Key, std::unique_ptr<T>>& items, const Key& key) {
    auto& place = items[key];
    if (!place) place = std::make_unique<T>(*this, key);
    return *place;
}

Ticket SessionRecords::received(PacketId id) {
    JournalRecord record = this->record(RecordKind::received);
    record.packet_id = id;
    return journal_.keep(record, place_for(received_, id));
}

void SessionRecords::received(PacketId id, const Journal::Item& with) {
    journal_.keep_at(with.place(), place_for(received_, id));
}

Ticket SessionRecords::released(PacketId id) {
    if (received_.erase(id) == 0) return {};
    JournalRecord record = this->record(RecordKind::released);
    record.packet_id = id;
    return journal_.note(record);
}

Ticket SessionRecords::taken(Sequence sequence) {
    JournalRecord record = this->record(RecordKind::taken);
    record.sequence = sequence;
    return journal_.keep(record, place_for(taken_, sequence));
}

void SessionRecords::done(Sequence sequence) {
    taken_.erase(sequence);
    JournalRecord record = this->record(RecordKind::done);
    record.sequence = sequence;
    journal_.note(record);
}

void SessionRecords::done_through(Sequence sequence) {
    taken_.erase(taken_.begin(), taken_.upper_bound(sequence));
    JournalRecord record = this->record(RecordKind::done_through);
    record.sequence = sequence;
    journal_.note(record);
}

Ticket SessionRecords::ended() { return journal_.note(record(RecordKind::ended)); }

void SessionRecords::adopt(const FoundSession& found,
                           std::vector<std::pair<Journal::Place, Journal::Item*>>& all) {
    all.emplace_back(found.place, self_.get());
    for (const auto& [filter, there] : found.filters) {
        auto item = std::make_unique<Filter>(*this, filter);
        item->options = there.options;
        item->id = there.id;
        all.emplace_back(there.place, item.get());
        filters_.emplace(filter, std::move(item));
    }
    for (const auto& [sequence, place] : found.taken)
        all.emplace_back(place, &place_for(taken_, sequence));
    for (const auto& [id, place] : found.received)
        all.emplace_back(place, &place_for(received_, id));
}

}  // namespace mw::mqtt
