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
void Session::restore(FoundSession found, SteadyTime now, Timestamp wall) {
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
    restore_owed(std::move(found.owed));
    arm_for_absence(now);
}

// What stands before a message that was taken was sent; of the rest nobody knows.
void Session::restore_owed(std::vector<FoundTarget> owed) {
    std::size_t sent = owed.size();
    while (sent > 0 && owed[sent - 1].message != nullptr) --sent;
    for (std::size_t i = 0; i < owed.size(); ++i) {
        if (i + 8 < owed.size()) __builtin_prefetch(owed[i + 8].message);  // they stand far apart
        FoundTarget& target = owed[i];
        Outgoing outgoing{.message = nullptr,
                          .sequence = target.sequence,
                          .qos = target.qos,
                          .retain = target.retain,
                          .again = true,
                          .taken = target.message == nullptr,
                          .subscription_ids = nullptr};
        if (FoundMessage* found = target.message) {
            if (found->kept == nullptr)
                found->kept = new KeptMessage(core_, std::move(found->message));
            found->kept->add(number(), target.sequence);
            outgoing.kept = found->kept;
            outgoing.message = found->kept->message();
            outgoing.cost = static_cast<std::uint32_t>(found->cost);
        }
        if (target.rare) {
            const SharedGroup* group = core_.shared().find(target.rare->share);
            outgoing.group = group == nullptr ? 0 : group->number();
            if (!target.rare->subscription_ids.empty())
                outgoing.subscription_ids = std::make_unique<const std::vector<std::uint32_t>>(
                    std::move(target.rare->subscription_ids));
        }
        if (i >= sent) {
            enqueue(std::move(outgoing));
            continue;
        }
        window_.push_back(std::move(outgoing));
        ++core_.count().inflight;
    }
}

}  // namespace mw::mqtt
