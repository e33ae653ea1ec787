#include "protocols/mqtt/journal_state.h"

#include <algorithm>

#include "protocols/mqtt/passed_exchanges.h"

namespace mw::mqtt {
namespace {

using RecordKind = JournalRecord::Kind;

std::shared_ptr<StoredMessage> stored(const MessageFields& fields) {
    auto message = make_message(fields.topic, fields.payload, fields.properties);
    message->qos = fields.qos;
    return message;
}

}  // namespace

FoundSession* JournalState::session(SessionNumber number) {
    if (number < first_elsewhere) last_session = std::max(last_session, number);
    if (number == 0 || ended_.contains(number)) return nullptr;
    return &sessions[number];
}

void JournalState::apply(const JournalRecord& record, const Journal::Place& place) {
    switch (record.kind) {
        case RecordKind::moved:
            if (FoundSession* from = session(record.session)) apply_session(*from, record, place);
            return add_message(record, place);
        case RecordKind::message:
            return add_message(record, place);
        case RecordKind::retained:
            retained[std::string(record.message.topic)] = {
                stored(record.message), record.message.expires_at_ns, place, nullptr, 1};
            return;
        case RecordKind::dropped:
            dropped_through_ = std::max(dropped_through_, record.sequence);
            return;
        case RecordKind::forgotten:
            retained.erase(std::string(record.message.topic));
            return;
        case RecordKind::ended:
            if (record.session < first_elsewhere)
                last_session = std::max(last_session, record.session);
            ended_.insert(record.session);
            sessions.erase(record.session);
            return;
        default:
            if (FoundSession* found = session(record.session)) apply_session(*found, record, place);
    }
}

void JournalState::drop_old() {
    const auto dropped = [this](const Journal::Place& place) {
        return place.frame <= dropped_through_;
    };
    const auto at = [&](const auto& entry) { return dropped(entry.second); };
    const auto of = [&](const auto& entry) { return dropped(entry.second.place); };
    for (FoundMessage& found : messages) {
        if (!dropped(found.place)) break;
        found.forget();
    }
    std::erase_if(retained, of);
    for (auto& [number, session] : sessions) {
        if (dropped(session.place)) session.declared = false;
        std::erase_if(session.filters, of);
        std::erase_if(session.taken, at);
        std::erase_if(session.received, at);
    }
}

void JournalState::finish() {
    drop_old();
    for (auto& [number, session] : sessions) finish(session);
}

// A message that was moved stands in the log twice, for a while: the later record counts.
void JournalState::finish(FoundSession& session) {
    auto& owed = session.owed;
    std::erase_if(owed, [&](const FoundTarget& target) {
        return !target.message->counts() || !session.owes(target.sequence);
    });
    for (const auto& [sequence, place] : session.taken) owed.emplace_back().sequence = sequence;
    const auto by_sequence = [](const FoundTarget& a, const FoundTarget& b) {
        return a.sequence < b.sequence;
    };
    if (!std::is_sorted(owed.begin(), owed.end(), by_sequence))
        std::stable_sort(owed.begin(), owed.end(), by_sequence);
    const auto same = [](const FoundTarget& a, const FoundTarget& b) {
        return a.sequence == b.sequence;
    };
    owed.erase(owed.begin(), std::unique(owed.rbegin(), owed.rend(), same).base());
}

void JournalState::apply_session(FoundSession& session, const JournalRecord& record,
                                 const Journal::Place& place) {
    session.last = std::max(session.last, record.sequence);
    switch (record.kind) {
        case RecordKind::session:
            session.declared = true;
            session.owner = {record.owner_kind, std::string(record.owner)};
            session.client_id = record.client_id;
            session.expiry_s = record.expiry_s;
            session.ends_at_ns = record.ends_at_ns;
            session.will = record.has_will ? stored(record.message) : nullptr;
            session.will_retain = record.will_retain;
            session.will_delay_s = record.will_delay_s;
            session.place = place;
            break;
        case RecordKind::subscribed:
            session.filters.insert_or_assign(
                std::string(record.filter),
                FoundSession::Filter{record.options, record.subscription_id, place});
            break;
        case RecordKind::unsubscribed:
            if (const auto found = session.filters.find(record.filter);
                found != session.filters.end())
                session.filters.erase(found);
            break;
        case RecordKind::done:
        case RecordKind::moved:
            session.done.insert(record.sequence);
            session.taken.erase(record.sequence);
            break;
        case RecordKind::done_through:
            session.done_through = std::max(session.done_through, record.sequence);
            session.taken.erase(session.taken.begin(),
                                session.taken.upper_bound(session.done_through));
            break;
        case RecordKind::taken:
            session.taken[record.sequence] = place;
            break;
        case RecordKind::received:
            session.received[record.packet_id] = place;
            break;
        case RecordKind::released:
            session.received.erase(record.packet_id);
            break;
        default:
            break;
    }
}

FoundMessage& JournalState::add_found(const JournalRecord& record, const Journal::Place& place) {
    const MessageFields& message = record.message;
    FoundMessage& found =
        messages.emplace_back(FoundMessage{nullptr, message.expires_at_ns, place, nullptr});
    found.cost = sizeof(StoredMessage) + message.topic.size() + message.payload.size() +
                 message.properties.size();
    if (found.cost > resident_bytes_left_) {
        resident_bytes_left_ = 0;  // nor is any later one: those are wanted later
        return found;
    }
    resident_bytes_left_ -= found.cost;
    found.message = stored(message);
    return found;
}

void JournalState::add_message(const JournalRecord& record, const Journal::Place& place) {
    if (record.packet_id != 0)
        if (FoundSession* from = session(record.session)) from->received[record.packet_id] = place;
    FoundMessage* found = nullptr;
    ByteView targets = record.targets;
    for (std::uint64_t i = 0; i < record.target_count; ++i) {
        next_target(targets, target_);
        FoundSession* to = session(target_.session);
        if (to == nullptr) continue;
        to->last = std::max(to->last, target_.sequence);
        if (!to->owes(target_.sequence)) continue;
        if (found == nullptr) found = &add_found(record, place);
        if (!found->message && !target_.share.empty()) found->message = stored(record.message);
        FoundTarget& owed = to->owed.emplace_back(
            FoundTarget{target_.sequence, found, target_.qos, target_.retain, nullptr});
        if (target_.subscription_ids.empty() && target_.share.empty()) continue;
        owed.rare = std::make_unique<FoundTarget::Rare>(
            FoundTarget::Rare{target_.subscription_ids, std::string(target_.share)});
    }
}

}  // namespace mw::mqtt
