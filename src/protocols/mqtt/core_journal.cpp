// The part of Core that keeps sessions in the journal, and brings them back.
#include <algorithm>
#include <limits>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {

bool Core::is_durable(const Promise& promise) const {
    if (promise.journal > journal_durable() || !peers_reached(promise.peers)) return false;
    if (promise.log <= log_durable_) return true;
    return parts_.uplink == nullptr || promise.log <= parts_.uplink->durable();
}

Timestamp Core::wall_time(SteadyTime time) const {
    return time.ns == 0 ? Timestamp{} : parts_.clock.now() + (time - now());
}

SteadyTime Core::steady_time(std::int64_t wall_ns) const {
    return wall_ns == 0 ? SteadyTime{} : now() + (Timestamp{wall_ns} - parts_.clock.now());
}

Session* Core::find_session(SessionNumber number) const {
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
}

KeptMessage* Core::owe(Delivery& delivery, const MessageTarget& target) {
    if (owed_ == nullptr) {
        owed_ = new KeptMessage(*this, delivery.stored());
        owed_to_.clear();
    }
    owed_->add(target.session, target.sequence);
    owed_to_.add(target);
    return owed_;
}

// One record says both to whom the message is owed and, at QoS 2, that it was received: a power cut
// between the two would deliver it twice.
Ticket Core::record(const Publish* publish, Session* from) {
    KeptMessage* message = std::exchange(owed_, nullptr);
    SessionRecords* sender = from != nullptr ? from->records() : nullptr;
    const bool received =
        sender != nullptr && publish != nullptr && publish->qos == QoS::exactly_once;
    if (message == nullptr) return received ? sender->received(publish->id) : Ticket{};
    if (received) {
        message->write(*journal_, owed_to_, sender->number(), publish->id);
        sender->received(publish->id, *message);
    } else {
        message->write(*journal_, owed_to_, 0, 0);
    }
    const Ticket ticket = message->ticket();
    message->release();  // this delivery's own hold
    return ticket;
}

bool Core::record_moved(SessionNumber from, Sequence sequence) {
    KeptMessage* message = std::exchange(owed_, nullptr);
    if (message == nullptr) return false;
    message->write_moved(*journal_, owed_to_, from, sequence);
    message->release();
    return from != 0;
}

void Core::wait_for_journal(Session& session) {
    if (std::exchange(session.in_journal_list, true)) return;
    waiting_for_journal_.push_back(&session);
}

void Core::wait_to_record(Session& session) {
    if (session.records() == nullptr || std::exchange(session.in_done_list, true)) return;
    done_sessions_.push_back(&session);
}

void Core::record_done() {
    if (!journal_ready()) return;
    for (Session* session : std::exchange(done_sessions_, {})) {
        session->in_done_list = false;
        session->record_done();
    }
}

void Core::forget(Session& session) {
    if (session.records() == nullptr) return;
    by_number_.erase(session.number());
    if (session.in_journal_list) std::erase(waiting_for_journal_, &session);
    if (session.in_done_list) std::erase(done_sessions_, &session);
}

void Core::on_journal_durable() {
    for (Session* session : std::exchange(waiting_for_journal_, {})) {
        session->in_journal_list = false;
        session->pump();
        session->spill();
    }
    on_durable(log_durable_);
}

bool Core::forget_old_session(Connection& connection, const Connect& packet) {
    if (journal_ == nullptr || !packet.clean_start) return false;
    const std::string key = key_of(connection.identity(), packet.client_id);
    auto found = sessions_.find(key);
    if (found == sessions_.end() || found->second->records() == nullptr) return false;
    if (Connection* other = found->second->connection()) {
        ++metrics_.sessions_taken_over;
        other->close(ReasonCode::session_taken_over,
                     "another connection uses this client identifier");
        found = sessions_.find(key);
        if (found == sessions_.end()) return true;
    }
    if (auto will = found->second->take_due_will(now(), true))
        send_will(*std::move(will), connection.identity());
    end(*found->second);
    return true;
}

void Core::use(Journal& journal, JournalState state) {
    ASSERT(connections_.empty() && sessions_.empty());
    journal_ = &journal;
    recall_ = std::make_shared<Recall>(*this, journal);
    exchanges_.use(journal);
    retained_.use(&journal, [this](SteadyTime time) { return wall_time(time); });
    // Other shards remember sessions by number: none is ever used twice, also if a power cut takes
    // a session back.
    const auto now_ms = static_cast<SessionNumber>(parts_.clock.now().ns / 1'000'000);
    if (peers_ != nullptr) state.last_session = std::max(state.last_session, now_ms << 12);
    restore(std::move(state), nullptr);
}

void Core::adopt(JournalState strays, const StraySource& source) {
    JournalState state;
    for (auto& [number, found] : strays.sessions) {
        if (sessions_.contains(key_of(found.owner, found.client_id)))
            continue;  // it came before, and a power cut brought back where it was
        state.sessions.emplace(++last_session_number_, std::move(found));
    }
    state.messages = std::move(strays.messages);  // sessions point into it
    state.retained = std::move(strays.retained);
    state.last_session = last_session_number_;
    restore(std::move(state), &source);
}

void Core::restore(JournalState state, const StraySource* from_elsewhere) {
    const Timestamp wall = parts_.clock.now();
    const auto set_expiry = [&](FoundMessage& found) {
        if (found.expires_at_ns == 0) return;
        if (found.expires_at_ns <= wall.ns) return found.forget();
        if (found.message) found.message->expires = steady_time(found.expires_at_ns);
    };
    for (FoundMessage& found : state.messages) set_expiry(found);
    state.finish();
    last_session_number_ = state.last_session;
    Places places;
    for (auto& [number, found] : state.sessions)
        if (found.declared)
            restore_session(number, std::move(found), places);
        else if (number >= first_elsewhere)
            for (const auto& [id, place] : found.received)
                places.emplace_back(place, &exchanges_.restore(number, id));
    for (auto& [topic, found] : state.retained) {
        set_expiry(found);
        if (found.message) places.emplace_back(found.place, &retained_.restore(found.message));
    }
    if (from_elsewhere)
        rewrite(state, places, *from_elsewhere);
    else
        restore_order(state, std::move(places));
    for (const auto& [number, session] : by_number_) session->spill();
}

void Core::restore_session(SessionNumber number, FoundSession found, Places& places) {
    auto session = std::make_unique<Session>(*this, found.owner, found.client_id);
    session->begin_records(*journal_, number);
    session->records()->adopt(found, places);
    by_number_.emplace(number, session.get());
    const std::string key = key_of(found.owner, found.client_id);
    session->restore(std::move(found), now(), parts_.clock.now());
    sessions_.insert_or_assign(key, std::move(session));
}

// What comes from another journal has no place in this one yet. Messages that were left there are
// read some at a time.
void Core::rewrite(const JournalState& state, const Places& places, const StraySource& source) {
    constexpr std::size_t at_once = 256;
    for (const auto& [place, item] : places) item->rewrite(*journal_);
    std::vector<KeptMessage*> messages;
    std::vector<std::uint64_t> frames;
    for (const FoundMessage& found : state.messages) {
        if (found.kept == nullptr) continue;
        messages.push_back(found.kept);
        frames.push_back(found.place.frame);
        if (messages.size() < at_once) continue;
        rewrite(messages, frames, source);
        messages.clear(), frames.clear();
    }
    rewrite(messages, frames, source);
}

void Core::rewrite(std::span<KeptMessage* const> messages, std::span<const std::uint64_t> frames,
                   const StraySource& source) {
    std::vector<std::uint64_t> wanted;
    for (std::size_t i = 0; i < messages.size(); ++i)
        if (messages[i]->needs_record()) wanted.push_back(frames[i]);
    const Journal::Read read = wanted.empty() ? Journal::Read{} : source.read(wanted);
    std::size_t next = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (!journal_->ready() && source.flush) source.flush();
        KeptMessage& message = *messages[i];
        JournalRecord record;
        if (next == wanted.size() || wanted[next] != frames[i])
            message.rewrite(*journal_);
        else if (read[next].ok() && decode(*read[next], record))
            message.rewrite_as(*journal_, record);
        else
            message.lost();
        if (next < wanted.size() && wanted[next] == frames[i]) ++next;
        message.release();  // what made it held it
    }
}

// The journal wants its items in the order of their records. Messages, by far the most, are.
void Core::restore_order(const JournalState& state, Places places) {
    const auto by_frame = [](const auto& a, const auto& b) {
        return a.first.frame < b.first.frame;
    };
    std::sort(places.begin(), places.end(), by_frame);
    auto at = places.begin();
    const auto keep_before = [&](std::uint64_t frame) {
        for (; at != places.end() && at->first.frame < frame; ++at)
            journal_->keep_at(at->first, *at->second);
    };
    for (const FoundMessage& found : state.messages) {
        if (found.kept == nullptr) continue;
        keep_before(found.place.frame);
        journal_->keep_at(found.place, *found.kept);
        found.kept->release();  // what made it held it
    }
    keep_before(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace mw::mqtt
