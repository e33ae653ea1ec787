#include "protocols/mqtt/recall.h"

#include <algorithm>

#include "base/log.h"
#include "protocols/mqtt/core.h"

namespace mw::mqtt {

void Recall::want(const Session& session) {
    if (std::find(waiting_.begin(), waiting_.end(), session.number()) == waiting_.end())
        waiting_.push_back(session.number());
    start();
}

void Recall::tick() {
    for (const SessionNumber number : std::exchange(later_, {}))
        if (Session* session = core_.find_session(number)) session->retry_recall();
}

void Recall::start() {
    if (reading_) return;
    Batch batch;
    std::size_t bytes = 0, taken = 0;
    while (taken < waiting_.size() && bytes < batch_bytes && batch.size() < batch_messages)
        if (Session* session = core_.find_session(waiting_[taken++]))
            session->collect(batch, bytes);
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (batch.empty()) return;
    reading_ = true;
    std::stable_sort(batch.begin(), batch.end(),
                     [](const auto& a, const auto& b) { return a.frame < b.frame; });
    std::vector<std::uint64_t> frames;
    for (const Session::Wanted& wanted : batch) frames.push_back(wanted.frame);
    journal_.read(std::move(frames),
                  [weak = weak_from_this(), batch = std::move(batch)](const Journal::Read& read) {
                      if (const auto self = weak.lock()) self->arrived(batch, read);
                  });
}

void Recall::arrived(const Batch& batch, const Journal::Read& read) {
    told_ = false;
    std::vector<SessionNumber> sessions, failed;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const SessionNumber number = batch[i].session;
        sessions.push_back(number);
        Session* session = core_.find_session(number);
        if (session == nullptr) continue;
        bool lost = false;
        const MessageRef message = message_in(read[i], lost);
        if (!message && !lost) failed.push_back(number);
        session->recalled(batch[i], message, lost);
    }
    std::sort(sessions.begin(), sessions.end());
    sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
    for (const SessionNumber number : sessions) {
        const bool later = std::find(failed.begin(), failed.end(), number) != failed.end();
        if (later) later_.push_back(number);
        Session* session = core_.find_session(number);
        if (session == nullptr) continue;
        session->recall_ended(later);
        session->pump();
    }
    core_.settle();
    reading_ = false;
    start();
}

// Null: it is lost, or the disk does not give it now.
MessageRef Recall::message_in(const Result<Bytes>& read, bool& lost) {
    JournalRecord record;
    if (!read) {
        lost = Journal::is_lost(read.error());
        tell(read.error());
        return nullptr;
    }
    if (auto decoded = decode(*read, record); !decoded) {
        lost = true;
        tell(decoded.error());
        return nullptr;
    }
    auto message =
        make_message(record.message.topic, record.message.payload, record.message.properties);
    message->qos = record.message.qos;
    message->expires = core_.steady_time(record.message.expires_at_ns);
    return message;
}

void Recall::tell(const Error& error) {
    if (std::exchange(told_, true)) return;
    log::error(
        "mqtt.message.unreadable",
        {{"reason", error}, {"lost", Journal::is_lost(error)}, {"remedy", "look after the disk"}});
}

}  // namespace mw::mqtt
