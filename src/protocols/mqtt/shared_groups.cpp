#include "protocols/mqtt/shared_groups.h"

#include <algorithm>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {

SharedGroup& SharedGroups::open(std::string_view text, bool& is_new) {
    SharedGroup* group = find(text);
    is_new = group == nullptr;
    if (!is_new) return *group;
    do ++last_number_;
    while (last_number_ == 0 || groups_.contains(last_number_));
    auto made = std::make_unique<SharedGroup>(last_number_, text, strategy_);
    group = made.get();
    by_text_.emplace(group->text(), group);
    groups_.emplace(last_number_, std::move(made));
    return *group;
}

SharedGroup* SharedGroups::find(std::uint32_t number) const {
    const auto found = groups_.find(number);
    return found == groups_.end() ? nullptr : found->second.get();
}

std::string_view SharedGroups::text_of(std::uint32_t number) const {
    const SharedGroup* group = find(number);
    return group == nullptr ? std::string_view{} : group->text();
}

SharedGroup* SharedGroups::find(std::string_view text) const {
    const auto found = by_text_.find(text);
    return found == by_text_.end() ? nullptr : found->second;
}

bool SharedGroups::join(SharedGroup& group, const SharedGroup::Member& member) {
    if (!group.join(member)) return false;
    ++members_;
    roomy_.push_back(group.number());
    tell(group);
    return true;
}

std::uint32_t SharedGroups::leave(SharedGroup& group, Session& session) {
    if (!group.leave(session)) return 0;
    --members_;
    tell(group);
    const std::uint32_t number = group.number();
    if (group.members() > 0 || group.is_elsewhere()) {
        // What it was sent it still has to answer (MQTT-3.10.4-3); what only waits goes elsewhere.
        if (session.connection() != nullptr) hand_over(session, false, number);
        return 0;
    }
    erase(group);
    return number;
}

void SharedGroups::erase(SharedGroup& group) {
    const std::uint32_t number = group.number();
    std::erase(parked_, number);
    by_text_.erase(group.text());
    groups_.erase(number);
}

void SharedGroups::tell(const SharedGroup& group) {
    if (core_.peers() != nullptr)
        core_.peers()->tell_group(group.text(), static_cast<std::uint32_t>(group.connected()),
                                  static_cast<std::uint32_t>(group.members()));
}

bool SharedGroups::set_elsewhere(const Interest& interest, ShardNumber shard, std::uint32_t& gone) {
    bool is_new = false;
    SharedGroup& group = open(interest.filter, is_new);
    group.set_elsewhere(shard, interest.connected, interest.members);
    if (interest.connected > 0) roomy_.push_back(group.number());
    if (group.members() > 0 || group.is_elsewhere()) return is_new;
    if (!is_new) gone = group.number();
    erase(group);
    return false;
}

void SharedGroups::hold(KeptMessage& kept, SessionNumber session, Sequence sequence) {
    held_.push_back({core_.peers_end(), &kept, session, sequence});
}

bool SharedGroups::holds(SessionNumber session, Sequence sequence) const {
    return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
        return held.session == session && held.sequence == sequence;
    });
}

void SharedGroups::release_safe() {
    while (!held_.empty() && core_.peers_reached(held_.front().until)) {
        const Held held = held_.front();
        held_.pop_front();
        held.kept->release();
        if (Session* session = core_.find_session(held.session))
            session->records()->done(held.sequence);
    }
}

SharedGroups::~SharedGroups() {
    for (const Held& held : held_) held.kept->release();
}

void SharedGroups::deliver(SharedGroup& group, Delivery& delivery) {
    const SharedGroup::Member* member = group.choose(delivery, false);
    if (member == nullptr) {
        if (delivery.qos() != QoS::at_most_once) ++core_.count().queue_overflows;
        return;
    }
    give(group, *member, delivery, delivery.published_retained());
}

void SharedGroups::give(SharedGroup& group, const SharedGroup::Member& member, Delivery& delivery,
                        bool retain) {
    if (member.session->connection() == nullptr && group.connected() > 0) park(group.number());
    subscription_ids_.clear();
    if (member.id != 0) subscription_ids_.push_back(member.id);
    member.session->deliver(delivery, member.options.qos,
                            retain && member.options.retain_as_published, subscription_ids_,
                            group.number());
}

void SharedGroups::arrived(Session& session) {
    for (const std::string& filter : session.filters()) {
        if (!is_shared_filter(filter)) continue;
        SharedGroup& group = *find(filter);
        group.arrived(session);
        tell(group);
        roomy_.push_back(group.number());
    }
}

void SharedGroups::departed(Session& session) {
    for (const std::string& filter : session.filters()) {
        if (!is_shared_filter(filter)) continue;
        find(filter)->departed(session);
        tell(*find(filter));
    }
    departed_.push_back(&session);
}

void SharedGroups::drained(const Session& session) {
    if (parked_.empty()) return;
    for (const std::string& filter : session.filters()) {
        if (!is_shared_filter(filter)) continue;
        const std::uint32_t number = find(filter)->number();
        if (std::erase(parked_, number) > 0) roomy_.push_back(number);
    }
}

void SharedGroups::forget(const Session& session) { std::erase(departed_, &session); }

// To whoever is left, connected or not.
void SharedGroups::end(Session& session) {
    session.give_back(true, [&](const Returned& returned) {
        SharedGroup* group = find(returned.group);
        if (group == nullptr || returned.message->expired(core_.now())) return Given::no;
        const Given given = pass_on(*group, returned, &session);
        if (given == Given::no && group->members() > 1) ++core_.count().queue_overflows;
        return given;
    });
}

bool SharedGroups::has_work() const {
    return (!departed_.empty() || !roomy_.empty()) && core_.journal_ready();
}

void SharedGroups::settle() {
    if (!has_work()) return;
    for (Session* session : std::exchange(departed_, {}))
        if (session->connection() == nullptr) hand_over(*session, true, 0);
    for (std::uint32_t number : std::exchange(roomy_, {}))
        if (SharedGroup* group = find(number)) fetch_parked(*group);
}

// Offers what came by one group, or by any (0), to its members that are connected. What finds no
// room stays, and so does all of its group behind it: the order is kept. False: something stayed.
bool SharedGroups::hand_over(Session& session, bool sent_too, std::uint32_t only_group) {
    std::vector<std::uint32_t> stuck;
    session.give_back(sent_too, [&](const Returned& returned) {
        if (only_group != 0 && returned.group != only_group) return Given::no;
        if (returned.message->expired(core_.now())) return Given::no;
        if (std::find(stuck.begin(), stuck.end(), returned.group) != stuck.end()) return Given::no;
        SharedGroup* group = find(returned.group);
        const Given given = group == nullptr ? Given::no : pass_on(*group, returned);
        if (given == Given::no) stuck.push_back(returned.group);
        return given;
    });
    for (std::uint32_t number : stuck)
        if (find(number) != nullptr) park(number);
    return stuck.empty();
}

void SharedGroups::park(std::uint32_t number) {
    if (std::find(parked_.begin(), parked_.end(), number) == parked_.end())
        parked_.push_back(number);
}

void SharedGroups::fetch_parked(SharedGroup& group) {
    if (group.connected() == 0 && !group.connected_elsewhere()) return;
    std::erase(parked_, group.number());
    for (Session* session : group.absent())
        if (!hand_over(*session, true, group.number())) return;
}

// To one that is connected, or, as its session ends, to anyone else.
Given SharedGroups::pass_on(SharedGroup& group, const Returned& returned, const Session* ending) {
    delivery_.begin(returned.message, core_.now());
    const SharedGroup::Member* member = group.choose(delivery_, ending == nullptr, ending);
    if (member == nullptr) return pass_elsewhere(group, returned);
    ++core_.count().shared_passed_on;
    give(group, *member, delivery_, returned.retain);
    return core_.record_moved(returned.from, returned.sequence) ? Given::recorded : Given::yes;
}

// What the journal has stays there until it is safe on the other shard: a power cut may deliver it
// twice, which QoS 2 does not allow.
Given SharedGroups::pass_elsewhere(SharedGroup& group, const Returned& returned) {
    const auto shard = group.connected_elsewhere();
    if (!shard || (returned.from != 0 && returned.message->qos == QoS::exactly_once))
        return Given::no;
    ++core_.count().shared_passed_on;
    core_.pass_to_group(delivery_, *shard, group.text());
    return returned.from != 0 ? Given::passed : Given::yes;
}

}  // namespace mw::mqtt
