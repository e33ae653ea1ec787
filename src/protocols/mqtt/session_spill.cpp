// The part of Session that leaves queued messages to the journal alone, and takes them back.
#include <algorithm>

#include "protocols/mqtt/core.h"
#include "protocols/mqtt/session.h"

namespace mw::mqtt {

bool Session::can_spill(std::size_t cost) const {
    const Limits& limits = core_.limits();
    return spilled_messages() < limits.spilled_messages &&
           spilled_bytes() + cost <= limits.spilled_bytes && core_.has_room_to_spill(cost, 1);
}

// Another message, and all that is in memory beyond its limits and waits to be durable.
bool Session::can_spill_after(std::size_t cost) const {
    const Limits& limits = core_.limits();
    const auto beyond = [](std::size_t all, std::size_t limit) {
        return all - std::min(all, limit);
    };
    const std::size_t messages =
        beyond(queue_.size() - spilled_messages() + 1, limits.queued_messages);
    const std::size_t own = queued_bytes_ + cost;
    const std::size_t in_all =
        beyond(core_.count().queued_bytes + cost, limits.queued_bytes_in_all);
    const std::size_t bytes = std::max(beyond(own, limits.queued_bytes), std::min(in_all, own));
    return spilled_messages() + std::max<std::size_t>(messages, 1) <= limits.spilled_messages &&
           spilled_bytes() + bytes <= limits.spilled_bytes &&
           core_.has_room_to_spill(bytes, messages);
}

// Nothing is written: the journal has the records of all that is durable. Of a client that is
// connected what comes next stays in memory.
void Session::spill() {
    if (!spill_ && core_.limits().slow_consumers != SlowConsumers::spill) return;
    if (has_room(1) && (connection_ != nullptr || !spill_)) return;
    if (!spill_) spill_ = std::make_unique<Spill>();
    std::size_t& at = spill_->looked_at;
    if (connection_ != nullptr)
        at = std::max({at, spill_->ready, core_.limits().read_ahead_messages});
    for (; at < queue_.size(); ++at) {
        Outgoing& outgoing = queue_[at];
        if (!outgoing.message || outgoing.group != 0) continue;
        if (outgoing.kept == nullptr || !outgoing.kept->kept()) continue;
        if (outgoing.kept->ticket() > core_.journal_durable()) return core_.wait_for_journal(*this);
        if (!can_spill(outgoing.cost)) return;
        uncount(outgoing);
        outgoing.message.reset();
        outgoing.read_back = false;
        outgoing.kept->let_go();
        count_spilled(outgoing, 1);
        ++core_.count().spills;
    }
}

Session::Outgoing Session::take_front() {
    Outgoing front = std::move(queue_.front());
    queue_.pop_front();
    uncount(front);
    if (!spill_) return front;
    if (spill_->looked_at > 0) --spill_->looked_at;
    if (spill_->ready > 0) --spill_->ready;
    return front;
}

// It leaves the queue, or its message does.
void Session::uncount(const Outgoing& outgoing) {
    if (is_only_in_journal(outgoing)) return count_spilled(outgoing, -1);
    if (!outgoing.message) return;
    const auto cost = static_cast<std::int64_t>(outgoing.cost);
    outgoing.read_back ? count_ahead(-cost) : account(-cost);
}

void Session::count_spilled(const Outgoing& outgoing, int sign) {
    if (!spill_) spill_ = std::make_unique<Spill>();
    const auto add = [sign](auto& sum, std::size_t n) { sign > 0 ? sum += n : sum -= n; };
    add(spill_->messages, 1);
    add(spill_->bytes, outgoing.cost);
    add(core_.count().spilled_messages, 1);
    add(core_.count().spilled_bytes, outgoing.cost);
}

void Session::count_ahead(std::int64_t bytes) {
    const auto add = [bytes](auto& sum) { sum += static_cast<std::size_t>(bytes); };
    if (spill_) add(spill_->ahead_bytes);
    add(core_.count().read_ahead_bytes);
}

// So that what comes next is in memory when the client takes more.
void Session::read_ahead() {
    if (!spill_) spill_ = std::make_unique<Spill>();
    Spill& spill = *spill_;
    const bool resends = sent_ < window_.size() && is_only_in_journal(window_[sent_]);
    if (spill.messages + spill.ahead_bytes == 0 && !spill.reading && !resends)
        return spill_.reset();
    if (connection_ == nullptr || spill.reading || spill.waiting) return;
    const std::size_t wanted = core_.limits().read_ahead_messages;
    while (spill.ready < std::min(wanted, queue_.size()) &&
           !is_only_in_journal(queue_[spill.ready]))
        ++spill.ready;
    const bool low = spill.ready < std::min((wanted + 1) / 2, queue_.size()) &&
                     spill.ahead_bytes * 2 <= core_.limits().read_ahead_bytes;
    if (resends || low) core_.recall(*this);
}

void Session::collect(std::vector<Wanted>& out, std::size_t& bytes) {
    if (!spill_ || connection_ == nullptr || spill_->reading || spill_->waiting) return;
    const Limits& limits = core_.limits();
    const std::size_t in_all = core_.count().read_ahead_bytes + bytes;
    const std::size_t most =
        std::min(limits.read_ahead_bytes - std::min(limits.read_ahead_bytes, spill_->ahead_bytes),
                 limits.read_ahead_bytes_in_all - std::min(limits.read_ahead_bytes_in_all, in_all));
    const std::size_t first = out.size();
    std::size_t own = 0;
    const auto want = [&](const Outgoing& outgoing) {
        if (!is_only_in_journal(outgoing)) return true;
        if (outgoing.kept->ticket() > core_.journal_durable()) {
            core_.wait_for_journal(*this);
            return false;
        }
        const bool at_least_one = out.size() == first && spill_->ahead_bytes == 0;
        if (own + outgoing.cost > most && !at_least_one) return false;
        out.push_back({number(), outgoing.sequence, outgoing.kept->place().frame});
        own += outgoing.cost;
        return out.size() - first < limits.read_ahead_messages;
    };
    bool more = true;
    for (std::size_t i = sent_; more && i < window_.size(); ++i) more = want(window_[i]);
    for (std::size_t i = spill_->ready; more && i < queue_.size(); ++i) more = want(queue_[i]);
    spill_->reading = out.size() > first;
    bytes += own;
}

// Between the order and now it may have been dropped, or moved to another frame.
void Session::recalled(const Wanted& wanted, MessageRef message, bool lost) {
    Outgoing* outgoing = find(wanted.sequence);
    if (outgoing == nullptr || !is_only_in_journal(*outgoing)) return;
    if (outgoing->kept->place().frame != wanted.frame) return;
    if (lost) return lose(*outgoing);
    if (!message || connection_ == nullptr) return;
    if (!queue_.empty() && outgoing->sequence >= queue_[0].sequence) {
        count_spilled(*outgoing, -1);
        outgoing->read_back = true;
        count_ahead(outgoing->cost);
    }
    outgoing->message = std::move(message);
    ++core_.count().recalls;
}

void Session::recall_ended(bool failed) {
    if (!spill_) return;
    spill_->reading = false;
    spill_->waiting = failed;
}

void Session::retry_recall() {
    if (!spill_ || !spill_->waiting) return;
    spill_->waiting = false;
    pump();
}

MessageRef Session::message_of(Sequence sequence) const {
    const Outgoing* outgoing = find(sequence);
    return outgoing != nullptr && outgoing->kept != nullptr ? outgoing->message : nullptr;
}

void Session::lose(Sequence sequence) {
    Outgoing* outgoing = find(sequence);
    if (outgoing != nullptr && is_only_in_journal(*outgoing)) lose(*outgoing);
}

// It keeps its place until its turn comes.
void Session::lose(Outgoing& outgoing) {
    ++core_.count().spilled_lost;
    if (!queue_.empty() && outgoing.sequence >= queue_[0].sequence) count_spilled(outgoing, -1);
    outgoing.done = true;
    release(outgoing);
    records_->done(outgoing.sequence);
}

}  // namespace mw::mqtt
