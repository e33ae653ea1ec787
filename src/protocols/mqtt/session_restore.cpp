// The part of Session that the journal begins and brings back.
#include <algorithm>

#include "protocols/mqtt/core.h"
#include "protocols/mqtt/session.h"

namespace mw::mqtt {

void Session::begin_records(Journal& journal, SessionNumber number) {
    records_ = std::make_unique<SessionRecords>(journal, *this, number);
}

void Session::describe(JournalRecord& record) const {
    record.owner_kind = owner_.kind;
    record.owner = owner_.name;
    record.client_id = client_id_;
    record.expiry_s = expiry_s_;
    record.ends_at_ns = connection_ == nullptr ? core_.wall_time(expires_).ns : 0;
    record.has_will = will_ != nullptr;
    if (!will_) return;
    record.will_retain = will_->retain;
    record.will_delay_s = will_->delay_s;
    record.message = fields_of(*will_->message, core_.wall_time(will_->message->expires).ns);
}

// The end of the broker was the end of the connection: from there the delays count.
void Session::restore(const FoundSession& found, std::vector<Owed> owed, SteadyTime now,
                      Timestamp wall) {
    expiry_s_ = found.expiry_s;
    const nanoseconds longest = seconds{found.expiry_s};
    const nanoseconds left = found.ends_at_ns == 0 ? longest : Timestamp{found.ends_at_ns} - wall;
    expires_ = now + std::clamp(left, nanoseconds{1}, longest);
    if (found.will) {
        set_will(Will{found.will, found.will_retain, found.will_delay_s});
        will_due_ = now + seconds{found.will_delay_s};
    }
    for (const auto& [filter, there] : found.filters) {
        filters_.push_back(filter);
        shared_ |= is_shared_filter(filter);
        core_.subscribe({filters_.back(), there.options}, there.id, *this);
    }
    for (const auto& [id, place] : found.received) keep_unreleased(id, {});
    next_sequence_ = found.last + 1;
    done_told_ = found.done_through;
    restore_owed(std::move(owed));
    arm_for_absence(now);
}

// What stands before a message that was taken was sent; of the rest nobody knows.
void Session::restore_owed(std::vector<Owed> owed) {
    auto by_sequence = [](const Owed& a, const Owed& b) {
        return a.target.sequence < b.target.sequence;
    };
    if (!std::is_sorted(owed.begin(), owed.end(), by_sequence))
        std::sort(owed.begin(), owed.end(), by_sequence);
    std::size_t sent = owed.size();
    while (sent > 0 && owed[sent - 1].message) --sent;
    for (std::size_t i = 0; i < owed.size(); ++i) {
        auto& [target, message, kept, share] = owed[i];
        const SharedGroup* group = share.empty() ? nullptr : core_.shared().find(share);
        Outgoing outgoing{.message = std::move(message),
                          .sequence = target.sequence,
                          .kept = kept,
                          .qos = target.qos,
                          .retain = target.retain,
                          .again = true,
                          .taken = kept == nullptr,
                          .group = group == nullptr ? 0 : group->number(),
                          .subscription_ids = std::move(target.subscription_ids)};
        if (i >= sent) {
            enqueue(std::move(outgoing));
            continue;
        }
        window_.push_back(std::move(outgoing));
        ++core_.count().inflight;
    }
}

}  // namespace mw::mqtt
