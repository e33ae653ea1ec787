#include "protocols/mqtt/session.h"

#include <algorithm>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr std::uint32_t ids = 65'535;  // 1 to 65,535

PacketId id_of(Sequence sequence) { return static_cast<PacketId>((sequence - 1) % ids + 1); }

std::uint32_t distance(PacketId from, PacketId to) {
    return to >= from ? std::uint32_t{to} - from : ids - from + to;
}

std::uint32_t hash_of(const Identity& owner, const std::string& client_id) {
    const std::hash<std::string> hash;
    const std::size_t both = hash(owner.name) * 31 + hash(client_id);
    return static_cast<std::uint32_t>(both ^ both >> 32);
}

using Ids = std::vector<std::uint32_t>;

const Ids& all_of(const std::unique_ptr<const Ids>& ids_or_null) {
    static const Ids none;
    return ids_or_null ? *ids_or_null : none;
}

}  // namespace

Session::Session(Core& core, const Identity& owner, std::string client_id)
    : Due(core.agenda()),
      core_(core),
      owner_(core.keep(owner)),
      client_id_(std::move(client_id)),
      hash_(hash_of(owner_, client_id_)) {
    core_.session_began(owner_);
}

Session::~Session() {
    if (shared_) core_.shared().forget(*this);
    for (const std::string& filter : filters_) core_.unsubscribe(filter, *this);
    for (std::size_t i = 0; i < window_.size(); ++i) release(window_[i]);
    for (std::size_t i = 0; i < queue_.size(); ++i) uncount(queue_[i]), release(queue_[i]);
    core_.forget(*this);
    core_.count().inflight -= window_.size();
    core_.count().unreleased -= unreleased_.size();
    core_.session_ended(owner_);
    core_.drop(owner_);
}

void Session::account(std::int64_t bytes) {
    queued_bytes_ = static_cast<std::size_t>(static_cast<std::int64_t>(queued_bytes_) + bytes);
    core_.account(bytes);
}

void Session::attach(Connection& connection, std::uint16_t receive_maximum) {
    ASSERT(connection_ == nullptr);
    connection_ = &connection;
    receive_maximum_ = receive_maximum;
    sent_ = 0;
    unanswered_ = 0;
    will_due_ = {};
    disarm();
    if (records_) records_->changed();
    pump();
    if (shared_) core_.shared().arrived(*this);
}

bool Session::detach(SteadyTime now) {
    connection_ = nullptr;
    if (shared_) core_.shared().departed(*this);
    if (!persistent()) return false;
    if (spill_) {
        spill_->looked_at = spill_->ready = 0;
        spill();
    }
    expires_ = now + seconds{expiry_s_};
    if (will_) will_due_ = now + seconds{will_->delay_s};
    arm_for_absence(now);
    if (records_) records_->changed();
    return true;
}

void Session::arm_for_absence(SteadyTime) { arm(will_ ? std::min(will_due_, expires_) : expires_); }

std::optional<Will> Session::take_due_will(SteadyTime now, bool session_ends) {
    if (!will_ || (!session_ends && will_due_ > now)) return std::nullopt;
    const auto will = std::move(will_);
    return std::move(*will);
}

void Session::set_will(std::optional<Will> will) {
    will_ = will ? std::make_unique<Will>(*std::move(will)) : nullptr;
}

void Session::on_due(SteadyTime now) {
    if (connection_ != nullptr) return;
    const bool expired = expires_ <= now;
    if (auto will = take_due_will(now, expired)) {
        core_.send_will(*std::move(will), owner_);
        if (records_ && !expired) records_->changed();
    }
    if (expired) return core_.end_session(*this, true);  // *this is gone now
    arm_for_absence(now);
}

bool Session::may_send(Sequence sequence) const {
    const bool id_is_free = window_.empty() || sequence - window_[0].sequence < ids;
    return connection_ != nullptr && unanswered_ < receive_maximum_ && id_is_free &&
           connection_->has_room(0);
}

// A QoS 2 message keeps its id for good once it was sent, so its record comes first; and before
// PUBREL, after which the client forgets the id, the record that the client has it.
bool Session::waits_for_journal(const Outgoing& outgoing) {
    if (outgoing.qos != QoS::exactly_once || outgoing.done) return false;
    const Ticket record = outgoing.taken             ? outgoing.taken_at
                          : outgoing.kept != nullptr ? outgoing.kept->ticket()
                                                     : Ticket{};
    if (record <= core_.journal_durable()) return false;
    core_.wait_for_journal(*this);
    return true;
}

void Session::owe(Outgoing& outgoing, Delivery& delivery) {
    if (!records_) return;
    outgoing.kept = core_.owe(delivery, target_of(outgoing));
}

MessageTarget Session::target_of(const Outgoing& outgoing) const {
    MessageTarget target{number(),
                         outgoing.sequence,
                         outgoing.qos,
                         outgoing.retain,
                         all_of(outgoing.subscription_ids),
                         {}};
    if (outgoing.group != 0) target.share = core_.shared().text_of(outgoing.group);
    return target;
}

void Session::release(Outgoing& outgoing) {
    if (KeptMessage* kept = std::exchange(outgoing.kept, nullptr)) kept->release();
}

// It is owed no more, though nobody acknowledged it: expired, too large, or too many.
void Session::forget(Outgoing& outgoing) {
    const bool told = outgoing.kept != nullptr;
    release(outgoing);
    if (!told) return;
    if (window_.empty())
        core_.wait_to_record(*this);
    else
        records_->done(outgoing.sequence);
}

bool Session::is_ready() const {
    return queue_.empty() && sent_ == window_.size() && may_send(next_sequence_);
}

void Session::deliver(Delivery& delivery, QoS granted, bool retain,
                      const std::vector<std::uint32_t>& subscription_ids, std::uint32_t group) {
    if (std::min(granted, delivery.qos()) == QoS::at_most_once) {
        if (connection_ != nullptr) send_at_most_once(delivery, retain, subscription_ids);
        return;
    }
    if (connection_ == nullptr && !persistent()) return;
    Outgoing outgoing{.message = nullptr,
                      .sequence = next_sequence_++,
                      .qos = std::min(granted, delivery.qos()),
                      .retain = retain,
                      .group = group,
                      .subscription_ids = subscription_ids.empty()
                                              ? nullptr
                                              : std::make_unique<const Ids>(subscription_ids)};
    const bool record_first = records_ != nullptr && outgoing.qos == QoS::exactly_once;
    if (!record_first && queue_.empty() && sent_ == window_.size() && may_send(outgoing.sequence)) {
        owe(outgoing, delivery);
        return send_acknowledged(delivery, std::move(outgoing));
    }
    outgoing.message = delivery.stored();
    if (!make_room(outgoing.message->cost(), records_ != nullptr && group == 0)) {
        ++core_.count().queue_overflows;
        return;
    }
    owe(outgoing, delivery);
    if (record_first) core_.wait_for_journal(*this);
    enqueue(std::move(outgoing));
}

void Session::send_at_most_once(Delivery& delivery, bool retain,
                                const std::vector<std::uint32_t>& subscription_ids) {
    Connection& to = *connection_;
    const Bytes& image = delivery.image(to.version(), QoS::at_most_once, retain, 0);
    if (image.size() > to.packet_bytes_max() || !to.has_room(image.size())) {
        ++core_.count().publishes_dropped;
        return;
    }
    if (subscription_ids.empty()) {
        to.write(image);
    } else {
        Bytes& own = to.begin_output();
        delivery.encode_for(own, to.version(), QoS::at_most_once, retain, false, 0,
                            subscription_ids);
        if (own.size() > to.packet_bytes_max()) {
            ++core_.count().publishes_dropped;
            return;
        }
        to.end_output();
    }
    ++core_.count().publishes_delivered;
}

// The window has room. What is too large for the client counts as sent (MQTT-3.1.2-25).
void Session::send_acknowledged(Delivery& delivery, Outgoing outgoing) {
    Connection& to = *connection_;
    const PacketId id = id_of(outgoing.sequence);
    const Bytes& image = delivery.image(to.version(), outgoing.qos, outgoing.retain, id);
    if (image.size() > to.packet_bytes_max()) {
        ++core_.count().publishes_dropped;
        return forget(outgoing);
    }
    if (!outgoing.subscription_ids && !outgoing.again) {
        to.write(image);
    } else {
        Bytes& own = to.begin_output();
        delivery.encode_for(own, to.version(), outgoing.qos, outgoing.retain, outgoing.again, id,
                            all_of(outgoing.subscription_ids));
        if (own.size() > to.packet_bytes_max()) {
            ++core_.count().publishes_dropped;
            return forget(outgoing);
        }
        to.end_output();
    }
    // Only a session that outlives its connection ever sends again (MQTT-4.4.0-1), and only what
    // came by a group may go to somebody else.
    outgoing.message = persistent() || outgoing.group != 0 ? delivery.stored() : nullptr;
    window_.push_back(std::move(outgoing));
    ++sent_, ++unanswered_;
    ++core_.count().inflight;
    ++core_.count().publishes_delivered;
}

void Session::enqueue(Outgoing outgoing) {
    if (outgoing.message) {
        outgoing.cost = static_cast<std::uint32_t>(outgoing.message->cost());
        account(outgoing.cost);
    } else {
        count_spilled(outgoing, 1);
    }
    queue_.push_back(std::move(outgoing));
}

bool Session::has_room(std::size_t cost) const {
    return queue_.size() - spilled_messages() < core_.limits().queued_messages &&
           queued_bytes_ + cost <= core_.limits().queued_bytes && core_.has_room_to_queue(cost);
}

bool Session::can_queue(std::size_t cost) const {
    return (connection_ != nullptr || persistent()) && has_room(cost);
}

// A connected client that does not keep up is dropped and keeps what it has; for an absent one the
// newest messages matter most.
bool Session::make_room(std::size_t cost, bool may_spill) {
    if (has_room(cost)) return true;
    may_spill = may_spill && core_.limits().slow_consumers == SlowConsumers::spill &&
                core_.journal_takes(cost);
    const auto is_room = [&] { return has_room(cost) || (may_spill && can_spill_after(cost)); };
    if (is_room()) {
        spill();
        core_.wait_for_journal(*this);  // this message follows when it is durable
        return true;
    }
    if (connection_ != nullptr) {
        core_.doom(*connection_);
        return false;
    }
    // The oldest are in the journal only: without them there is no more room in memory.
    if (spilled_messages() > 0 && !may_spill) return false;
    while (!queue_.empty() && !is_room()) {
        Outgoing dropped = take_front();
        if (dropped.done) continue;
        forget(dropped);
        ++core_.count().queue_overflows;
    }
    if (may_spill) core_.wait_for_journal(*this);
    return is_room();
}

void Session::resend() {
    while (sent_ < window_.size() && may_send(window_[sent_].sequence) &&
           !waits_for_journal(window_[sent_])) {
        Outgoing& outgoing = window_[sent_];
        if (is_only_in_journal(outgoing)) return read_ahead();
        if (!outgoing.done) {
            if (resend(outgoing, id_of(outgoing.sequence))) {
                ++unanswered_;
            } else {
                outgoing.done = true;
                outgoing.message.reset();
                forget(outgoing);
            }
        }
        ++sent_;
    }
    drop_done();
}

// MQTT-4.4.0-1: PUBLISH with its own id and DUP, or, once it was taken, PUBREL. False: the client
// takes less than it did on its last connection, and the message counts as sent (MQTT-3.1.2-25).
bool Session::resend(const Outgoing& outgoing, PacketId id) {
    if (outgoing.taken) {
        connection_->send_ack(PacketType::pubrel, id, ReasonCode::success);
        return true;
    }
    Delivery again;
    again.begin(outgoing.message, core_.now());
    Bytes& out = connection_->begin_output();
    again.encode_for(out, connection_->version(), outgoing.qos, outgoing.retain, true, id,
                     all_of(outgoing.subscription_ids));
    if (out.size() > connection_->packet_bytes_max()) {
        ++core_.count().publishes_dropped;
        return false;
    }
    connection_->end_output();
    return true;
}

void Session::pump() {
    resend();
    Delivery delivery;
    while (sent_ == window_.size() && !queue_.empty() && may_send(queue_.front().sequence) &&
           !waits_for_journal(queue_.front())) {
        if (is_only_in_journal(queue_.front())) break;
        Outgoing outgoing = take_front();
        if (outgoing.done) continue;
        if (outgoing.message->expired(core_.now())) {
            ++core_.count().publishes_dropped;
            forget(outgoing);
            continue;
        }
        delivery.begin(outgoing.message, core_.now());
        send_acknowledged(delivery, std::move(outgoing));
    }
    if (spill_) read_ahead();
}

// Where the window has it, or would: what was dropped unsent leaves gaps.
std::size_t Session::place_of(Sequence sequence) const {
    std::size_t low = 0, high = window_.size();
    if (high > 0) {
        const std::size_t straight = sequence - window_[0].sequence;
        if (straight < high && window_[straight].sequence == sequence) return straight;
    }
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (window_[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Session::Outgoing* Session::in_flight(PacketId id, QoS qos) {
    if (id == 0 || window_.empty()) return nullptr;
    const Sequence first = window_.front().sequence;
    const Sequence sequence = first + distance(id_of(first), id);
    const std::size_t at = place_of(sequence);
    if (at >= window_.size() || window_[at].sequence != sequence) return nullptr;
    return window_[at].done || window_[at].qos != qos ? nullptr : &window_[at];
}

bool Session::acknowledged(PacketId id) {
    Outgoing* outgoing = in_flight(id, QoS::at_least_once);
    if (outgoing == nullptr) return false;
    close_in_flight(*outgoing);
    return true;
}

bool Session::taken(PacketId id, bool refused) {
    Outgoing* outgoing = in_flight(id, QoS::exactly_once);
    if (outgoing == nullptr) return false;
    if (refused && !outgoing->taken) {
        close_in_flight(*outgoing);
        return true;
    }
    outgoing->message.reset();  // sent no more (MQTT-4.3.3-6), and so not kept
    if (!std::exchange(outgoing->taken, true) && records_)
        outgoing->taken_at = records_->taken(outgoing->sequence);
    release(*outgoing);
    return true;
}

bool Session::completed(PacketId id) {
    Outgoing* outgoing = in_flight(id, QoS::exactly_once);
    if (outgoing == nullptr || !outgoing->taken) return false;
    close_in_flight(*outgoing);
    return true;
}

void Session::close_in_flight(Outgoing& outgoing) {
    const std::size_t at = place_of(outgoing.sequence);
    outgoing.done = true;
    outgoing.message.reset();
    release(outgoing);
    if (at < sent_) --unanswered_;
    if (records_ && at > 0) records_->done(outgoing.sequence);
    if (at == 0) core_.wait_to_record(*this);
    drop_done();
    if (!queue_.empty() || sent_ < window_.size()) pump();
    if (shared_ && queue_.empty()) core_.shared().drained(*this);
}

void Session::drop_done() {
    while (!window_.empty() && window_.front().done) {
        window_.pop_front();
        --core_.count().inflight;
        if (sent_ > 0) --sent_;
    }
}

void Session::give_back(bool sent_too, const Offer& offer) {
    for (std::size_t i = 0; sent_too && i < window_.size(); ++i) {
        Outgoing& sent = window_[i];
        if (sent.group == 0 || sent.done || sent.qos != QoS::at_least_once) continue;
        sent.done = give(sent, offer);
    }
    drop_done();
    // They stay in their places until all was offered: the journal may look for them.
    for (std::size_t i = 0; i < queue_.size(); ++i) {
        Outgoing& waiting = queue_[i];
        // At QoS 2 it may have been sent by an earlier life of the broker.
        if (waiting.group == 0 || (waiting.again && waiting.qos == QoS::exactly_once)) continue;
        if (give(waiting, offer)) account(-static_cast<std::int64_t>(waiting.cost));
    }
    for (std::size_t left = queue_.size(); left > 0; --left) {
        Outgoing waiting = std::move(queue_.front());
        queue_.pop_front();
        if (waiting.message || is_only_in_journal(waiting)) queue_.push_back(std::move(waiting));
    }
    if (spill_) spill_->looked_at = spill_->ready = 0;
    core_.wait_to_record(*this);
}

// True: it is this session's no more. While it is offered it counts as owed no more: else its
// record might move behind the one that ends it.
bool Session::give(Outgoing& outgoing, const Offer& offer) {
    KeptMessage* kept = std::exchange(outgoing.kept, nullptr);
    const Given given = offer({outgoing.group, outgoing.message, outgoing.retain,
                               kept != nullptr ? number() : 0, outgoing.sequence});
    if (given == Given::no) {
        outgoing.kept = kept;
        return false;
    }
    outgoing.message.reset();
    if (kept == nullptr) return true;
    if (given == Given::passed) {
        core_.shared().hold(*kept, number(), outgoing.sequence);
        return true;
    }
    kept->release();
    if (given != Given::recorded) records_->done(outgoing.sequence);
    return true;
}

Sequence Session::first_sequence() const {
    if (!window_.empty()) return window_[0].sequence;
    return queue_.empty() ? next_sequence_ : queue_[0].sequence;
}

void Session::record_done() {
    const Sequence through = first_sequence() - 1;
    if (!records_ || through <= done_told_) return;
    done_told_ = through;
    records_->done_through(through);
}

const Session::Outgoing* Session::find(Sequence sequence) const {
    const std::size_t at = place_of(sequence);
    if (at < window_.size() && window_[at].sequence == sequence) return &window_[at];
    std::size_t low = 0, high = queue_.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        (queue_[middle].sequence < sequence ? low : high) =
            middle + (queue_[middle].sequence < sequence);
    }
    return low < queue_.size() && queue_[low].sequence == sequence ? &queue_[low] : nullptr;
}

bool Session::add_target(Sequence sequence, TargetList& targets) const {
    const Outgoing* outgoing = find(sequence);
    if (outgoing == nullptr && shared_ && core_.shared().holds(number(), sequence)) {
        targets.add(
            {.session = number(), .sequence = sequence, .subscription_ids = {}, .share = {}});
        return true;
    }
    if (outgoing == nullptr || outgoing->kept == nullptr) return false;
    targets.add(target_of(*outgoing));
    return true;
}

const Promise* Session::unreleased(PacketId id) const {
    const auto found = unreleased_.find(id);
    return found == unreleased_.end() ? nullptr : &found->second;
}

void Session::keep_unreleased(PacketId id, Promise promise) {
    if (unreleased_.insert_or_assign(id, promise).second) ++core_.count().unreleased;
}

bool Session::release(PacketId id) {
    if (unreleased_.erase(id) == 0) return false;
    --core_.count().unreleased;
    if (records_) records_->released(id);
    core_.finish_exchange(*this, id);
    return true;
}

ReasonCode Session::subscribe(const FilterRequest& request, std::uint32_t subscription_id,
                              bool& is_new) {
    is_new = std::find(filters_.begin(), filters_.end(), request.filter) == filters_.end();
    if (is_new && (filters_.size() >= core_.limits().subscriptions_per_session ||
                   !core_.has_room_for_subscription()))
        return ReasonCode::quota_exceeded;
    if (is_new) filters_.emplace_back(request.filter);
    shared_ |= is_shared_filter(request.filter);
    core_.subscribe(request, subscription_id, *this);
    if (records_) records_->subscribed(request.filter, request.options, subscription_id);
    return static_cast<ReasonCode>(request.options.qos);
}

bool Session::unsubscribe(std::string_view filter) {
    const auto found = std::find(filters_.begin(), filters_.end(), filter);
    if (found == filters_.end()) return false;
    core_.unsubscribe(filter, *this);
    *found = std::move(filters_.back());
    filters_.pop_back();
    if (records_) records_->unsubscribed(filter);
    return true;
}

}  // namespace mw::mqtt
