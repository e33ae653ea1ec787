#include "protocols/mqtt/session.h"

#include <algorithm>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr std::uint32_t ids = 65'535;  // 1 to 65,535

std::uint32_t distance(PacketId from, PacketId to) {
    return to >= from ? std::uint32_t{to} - from : ids - from + to;
}

}  // namespace

Session::Session(Core& core, Identity owner, std::string client_id)
    : Due(core.agenda()), core_(core), owner_(std::move(owner)), client_id_(std::move(client_id)) {
    core_.session_began(owner_);
}

Session::~Session() {
    for (const std::string& filter : filters_) core_.unsubscribe(filter, *this);
    account(-static_cast<std::int64_t>(queued_bytes_));
    core_.session_ended(owner_);
}

void Session::account(std::int64_t bytes) {
    queued_bytes_ = static_cast<std::size_t>(static_cast<std::int64_t>(queued_bytes_) + bytes);
    core_.account(bytes);
}

PacketId Session::id_at(std::size_t index) const {
    return static_cast<PacketId>((first_id_ - 1u + index) % ids + 1);
}

void Session::attach(Connection& connection, std::uint16_t receive_maximum) {
    ASSERT(connection_ == nullptr);
    connection_ = &connection;
    receive_maximum_ = receive_maximum;
    sent_ = 0;
    unanswered_ = 0;
    will_due_ = {};
    disarm();
    pump();
}

bool Session::detach(SteadyTime now) {
    connection_ = nullptr;
    if (!persistent()) return false;
    expires_ = now + seconds{expiry_s_};
    if (will_) will_due_ = now + seconds{will_->delay_s};
    arm_for_absence(now);
    return true;
}

void Session::arm_for_absence(SteadyTime) { arm(will_ ? std::min(will_due_, expires_) : expires_); }

std::optional<Will> Session::take_due_will(SteadyTime now, bool session_ends) {
    if (!will_ || (!session_ends && will_due_ > now)) return std::nullopt;
    return std::exchange(will_, std::nullopt);
}

void Session::on_due(SteadyTime now) {
    if (connection_ != nullptr) return;
    const bool expired = expires_ <= now;
    if (auto will = take_due_will(now, expired)) core_.send_will(*std::move(will), owner_);
    if (expired) return core_.end_session(*this, true);  // *this is gone now
    arm_for_absence(now);
}

bool Session::may_send() const {
    return connection_ != nullptr && unanswered_ < receive_maximum_ && window_.size() < ids &&
           connection_->has_room(0);
}

void Session::deliver(Delivery& delivery, QoS granted, bool retain,
                      const std::vector<std::uint32_t>& subscription_ids) {
    if (std::min(granted, delivery.qos()) == QoS::at_most_once) {
        if (connection_ != nullptr) send_at_most_once(delivery, retain, subscription_ids);
        return;
    }
    Outgoing outgoing{.message = nullptr,
                      .qos = std::min(granted, delivery.qos()),
                      .retain = retain,
                      .subscription_ids = subscription_ids};
    if (queue_.empty() && sent_ == window_.size() && may_send())
        return send_acknowledged(delivery, std::move(outgoing));
    if (connection_ == nullptr && !persistent()) return;
    outgoing.message = delivery.stored();
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
        delivery.encode_for(to.begin_output(), to.version(), QoS::at_most_once, retain, false, 0,
                            subscription_ids);
        to.end_output();
    }
    ++core_.count().publishes_delivered;
}

// The window has room. What is too large for the client counts as sent (MQTT-3.1.2-25).
void Session::send_acknowledged(Delivery& delivery, Outgoing outgoing) {
    Connection& to = *connection_;
    const PacketId id = id_at(window_.size());
    const Bytes& image = delivery.image(to.version(), outgoing.qos, outgoing.retain, id);
    if (image.size() > to.packet_bytes_max()) {
        ++core_.count().publishes_dropped;
        return;
    }
    if (outgoing.subscription_ids.empty()) {
        to.write(image);
    } else {
        delivery.encode_for(to.begin_output(), to.version(), outgoing.qos, outgoing.retain, false,
                            id, outgoing.subscription_ids);
        to.end_output();
    }
    // Only a session that outlives its connection ever sends again (MQTT-4.4.0-1).
    outgoing.message = persistent() ? delivery.stored() : nullptr;
    window_.push_back(std::move(outgoing));
    ++sent_, ++unanswered_;
    ++core_.count().publishes_delivered;
}

void Session::enqueue(Outgoing outgoing) {
    const std::size_t cost = outgoing.message->cost();
    if (!make_room(cost)) {
        ++core_.count().queue_overflows;
        return;
    }
    account(static_cast<std::int64_t>(cost));
    queue_.push_back(std::move(outgoing));
}

// A connected client that does not keep up is dropped and keeps what it has; for an absent one the
// newest messages matter most.
bool Session::make_room(std::size_t cost) {
    auto fits = [&] {
        return queue_.size() < core_.limits().queued_messages &&
               queued_bytes_ + cost <= core_.limits().queued_bytes && core_.has_room_to_queue(cost);
    };
    if (fits()) return true;
    if (connection_ != nullptr) {
        core_.doom(*connection_);
        return false;
    }
    while (!queue_.empty() && !fits()) {
        account(-static_cast<std::int64_t>(queue_.front().message->cost()));
        queue_.pop_front();
        ++core_.count().queue_overflows;
    }
    return fits();
}

void Session::resend() {
    while (sent_ < window_.size() && may_send()) {
        if (!window_[sent_].done) {
            resend(window_[sent_], id_at(sent_));
            ++unanswered_;
        }
        ++sent_;
    }
}

// MQTT-4.4.0-1: PUBLISH with its own id and DUP, or, once it was taken, PUBREL.
void Session::resend(const Outgoing& outgoing, PacketId id) {
    if (outgoing.taken) return connection_->send_ack(PacketType::pubrel, id, ReasonCode::success);
    Delivery again;
    again.begin(outgoing.message, core_.now());
    again.encode_for(connection_->begin_output(), connection_->version(), outgoing.qos,
                     outgoing.retain, true, id, outgoing.subscription_ids);
    connection_->end_output();
}

void Session::pump() {
    resend();
    Delivery delivery;
    while (sent_ == window_.size() && !queue_.empty() && may_send()) {
        Outgoing outgoing = std::move(queue_.front());
        queue_.pop_front();
        account(-static_cast<std::int64_t>(outgoing.message->cost()));
        if (outgoing.message->expired(core_.now())) {
            ++core_.count().publishes_dropped;
            continue;
        }
        delivery.begin(outgoing.message, core_.now());
        send_acknowledged(delivery, std::move(outgoing));
    }
}

Session::Outgoing* Session::in_flight(PacketId id, QoS qos) {
    if (id == 0 || window_.empty()) return nullptr;
    const std::uint32_t at = distance(first_id_, id);
    if (at >= window_.size() || window_[at].done || window_[at].qos != qos) return nullptr;
    return &window_[at];
}

bool Session::acknowledged(PacketId id) {
    if (in_flight(id, QoS::at_least_once) == nullptr) return false;
    close_in_flight(id);
    return true;
}

bool Session::taken(PacketId id, bool refused) {
    Outgoing* outgoing = in_flight(id, QoS::exactly_once);
    if (outgoing == nullptr) return false;
    if (refused && !outgoing->taken) {
        close_in_flight(id);
    } else {
        outgoing->taken = true;  // sent no more (MQTT-4.3.3-6), and so not kept
        outgoing->message.reset();
    }
    return true;
}

bool Session::completed(PacketId id) {
    const Outgoing* outgoing = in_flight(id, QoS::exactly_once);
    if (outgoing == nullptr || !outgoing->taken) return false;
    close_in_flight(id);
    return true;
}

void Session::close_in_flight(PacketId id) {
    const std::uint32_t at = distance(first_id_, id);
    window_[at].done = true;
    window_[at].message.reset();
    if (at < sent_) --unanswered_;
    while (!window_.empty() && window_.front().done) {
        window_.pop_front();
        first_id_ = id_at(1);
        if (sent_ > 0) --sent_;
    }
    if (!queue_.empty() || sent_ < window_.size()) pump();
}

const Ticket* Session::unreleased(PacketId id) const {
    const auto found = unreleased_.find(id);
    return found == unreleased_.end() ? nullptr : &found->second;
}

ReasonCode Session::subscribe(const FilterRequest& request, std::uint32_t subscription_id,
                              bool& is_new) {
    is_new = std::find(filters_.begin(), filters_.end(), request.filter) == filters_.end();
    if (is_new && (filters_.size() >= core_.limits().subscriptions_per_session ||
                   !core_.has_room_for_subscription()))
        return ReasonCode::quota_exceeded;
    if (is_new) filters_.emplace_back(request.filter);
    core_.subscribe(request, subscription_id, *this);
    return static_cast<ReasonCode>(request.options.qos);
}

bool Session::unsubscribe(std::string_view filter) {
    const auto found = std::find(filters_.begin(), filters_.end(), filter);
    if (found == filters_.end()) return false;
    core_.unsubscribe(filter, *this);
    *found = std::move(filters_.back());
    filters_.pop_back();
    return true;
}

}  // namespace mw::mqtt
