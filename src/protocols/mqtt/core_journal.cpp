// The part of Core that keeps sessions in the journal, and brings them back.
#include <algorithm>

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

Session* Core::find_session(SessionNumber number) const {
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
}

KeptMessage* Core::owe(Delivery& delivery, MessageTarget target) {
    if (owed_ == nullptr) owed_ = new KeptMessage(*this, delivery.stored());
    owed_->add(std::move(target));
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
        message->write(*journal_, sender->number(), publish->id);
        sender->received(publish->id, *message);
    } else {
        message->write(*journal_, 0, 0);
    }
    const Ticket ticket = message->ticket();
    message->release();  // this delivery's own hold
    return ticket;
}

bool Core::record_moved(SessionNumber from, Sequence sequence) {
    KeptMessage* message = std::exchange(owed_, nullptr);
    if (message == nullptr) return false;
    message->write_moved(*journal_, from, sequence);
    message->release();
    return from != 0;
}

std::string_view Core::share_of(const MessageTarget& target) const {
    const Session* session = find_session(target.session);
    return session == nullptr ? std::string_view{}
                              : shared_.text_of(session->group_of(target.sequence));
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
    retained_.use(&journal, [this](SteadyTime time) { return wall_time(time); });
    state.finish();
    restore(std::move(state), false);
}

void Core::adopt(JournalState strays) {
    JournalState state;
    std::unordered_map<SessionNumber, SessionNumber> numbers;
    for (auto& [number, found] : strays.sessions) {
        if (sessions_.contains(key_of(found.owner, found.client_id)))
            continue;  // it came before, and a power cut brought back where it was
        numbers.emplace(number, ++last_session_number_);
        state.sessions.emplace(last_session_number_, std::move(found));
    }
    for (FoundMessage& message : strays.messages) {
        for (MessageTarget& target : message.targets) {
            const auto number = numbers.find(target.session);
            target.session = number == numbers.end() ? 0 : number->second;
        }
        state.messages.push_back(std::move(message));
    }
    state.retained = std::move(strays.retained);
    state.last_session = last_session_number_;
    restore(std::move(state), true);
}

void Core::restore(JournalState state, bool from_elsewhere) {
    std::vector<std::pair<Journal::Place, Journal::Item*>> places;
    std::unordered_map<SessionNumber, std::vector<Session::Owed>> owed;
    std::vector<KeptMessage*> held;
    const Timestamp wall = parts_.clock.now();
    const auto steady = [&](std::int64_t wall_ns) {
        return wall_ns == 0 ? SteadyTime{} : now() + (Timestamp{wall_ns} - wall);
    };
    const auto expired = [&](std::int64_t at_ns) { return at_ns != 0 && at_ns <= wall.ns; };
    for (FoundMessage& found : state.messages) {
        if (expired(found.expires_at_ns)) continue;
        found.message->expires = steady(found.expires_at_ns);
        auto* kept = new KeptMessage(*this, found.message);
        held.push_back(kept);
        for (std::size_t i = 0; i < found.targets.size(); ++i) {
            MessageTarget& target = found.targets[i];
            const auto session = state.sessions.find(target.session);
            if (session == state.sessions.end() || !session->second.declared ||
                !session->second.owes(target.sequence))
                continue;
            kept->add(target);
            owed[target.session].push_back(
                {std::move(target), found.message, kept, std::move(found.shares[i])});
        }
        places.emplace_back(found.place, kept);
    }
    const auto messages = static_cast<std::ptrdiff_t>(places.size());
    last_session_number_ = state.last_session;
    for (auto& [number, found] : state.sessions) {
        if (!found.declared) continue;
        restore_session(number, found, std::move(owed[number]), places);
    }
    for (auto& [topic, found] : state.retained) {
        if (expired(found.expires_at_ns)) continue;
        found.message->expires = steady(found.expires_at_ns);
        places.emplace_back(found.place, &retained_.restore(found.message));
    }
    // Messages, by far the most, are in order: they stand as they were read.
    const auto by_frame = [](const auto& a, const auto& b) {
        return a.first.frame < b.first.frame;
    };
    std::sort(places.begin() + messages, places.end(), by_frame);
    std::inplace_merge(places.begin(), places.begin() + messages, places.end(), by_frame);
    for (const auto& [place, item] : places) {
        if (from_elsewhere)
            item->rewrite(*journal_);
        else
            journal_->keep_at(place, *item);
    }
    for (KeptMessage* kept : held) kept->release();
}

void Core::restore_session(SessionNumber number, const FoundSession& found,
                           std::vector<Session::Owed> owed,
                           std::vector<std::pair<Journal::Place, Journal::Item*>>& places) {
    auto session = std::make_unique<Session>(*this, found.owner, found.client_id);
    session->begin_records(*journal_, number);
    session->records()->adopt(found, places);
    by_number_.emplace(number, session.get());
    for (const auto& [sequence, place] : found.taken)
        owed.push_back({{number, sequence, QoS::exactly_once, false, {}}, nullptr, nullptr, {}});
    session->restore(found, std::move(owed), now(), parts_.clock.now());
    sessions_.insert_or_assign(key_of(found.owner, found.client_id), std::move(session));
}

}  // namespace mw::mqtt
