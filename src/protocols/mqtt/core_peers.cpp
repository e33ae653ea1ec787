// The part of Core, and of Connection, that makes it one shard of several (docs/decisions/0008).
#include <algorithm>

#include "base/log.h"
#include "protocols/mqtt/core.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

void read_section(ByteView section, Properties& out) {
    out.clear();
    if (section.empty()) return;
    Reader reader(PacketType::publish, section);
    read_properties(reader, PacketType::publish, out);
}

// They lie in the cache of another core.
void expect(const std::vector<std::unique_ptr<Prepared>>& all, std::size_t next) {
    if (next + 1 < all.size()) __builtin_prefetch(all[next + 1].get());
    if (next < all.size()) all[next]->expect();
}

}  // namespace

void Core::use(Peers& peers, PassedUplink* uplink) {
    ASSERT(connections_.empty() && sessions_.empty());
    peers_ = &peers;
    passed_uplink_ = uplink;
    inboxes_ = std::vector<Inbox>(peers.count());
}

Ticket Core::pass(Delivery& delivery, const Targets& targets, const PassOptions& options) {
    std::uint32_t to = targets.peers | (options.retain ? peers_->everybody() : 0);
    for (const GroupElsewhere& group : groups_elsewhere_) to |= 1u << group.shard;
    if (to == 0) return {};
    section_.clear();
    if (!delivery.properties().empty()) encode(section_, delivery.properties());
    Passed& message = passing_;
    message.retain = options.retain;
    message.by_hub = options.by_hub;
    message.exchange = options.exchange;
    message.exchange_id = options.exchange_id;
    message.qos = delivery.qos();
    message.publisher = delivery.publisher();
    message.topic = delivery.topic();
    message.payload = delivery.payload();
    message.properties = section_;
    Ticket last;
    for (ShardNumber shard = 0; shard < peers_->count(); ++shard) {
        if ((to >> shard & 1) == 0) continue;
        message.to_subscribers = (targets.peers >> shard & 1) != 0;
        message.groups.clear();
        for (const GroupElsewhere& group : groups_elsewhere_)
            if (group.shard == shard) message.groups.push_back(group.text);
        last = peers_->pass(1u << shard, message, journal_ != nullptr || options.retain);
    }
    return last;
}

Ticket Core::pass_to_group(Delivery& delivery, ShardNumber shard, std::string_view group,
                           const Passed* with_exchange) {
    groups_elsewhere_.assign(1, {shard, group});
    PassOptions options;
    if (with_exchange != nullptr) {
        options.exchange = with_exchange->exchange;
        options.exchange_id = with_exchange->exchange_id;
    }
    return pass(delivery, {}, options);
}

void Core::finish_exchange(const Session& session, PacketId id) {
    if (peers_ == nullptr || session.number() == 0) return;
    const FinishedExchange exchange{seen_from_elsewhere(peers_->self(), session.number()), id};
    exchanges_.finish(exchange);
    peers_->finish(exchange);
}

// The journals of the shards have no common commit. Had this one alone kept that a QoS 2 message
// was received, its publisher would be told so after a power cut, and the others would lack it. So
// of a message that crosses each shard keeps, beside whom it owes it to, that it came; all are
// asked again when the publisher sends it again, and PUBREC waits for all.
Core::Routed Core::route_among_shards(const Publish& publish, Session* from, const Targets& targets,
                                      Routed routed) {
    PassOptions options{publish.retain, from == nullptr, 0, publish.id};
    if (publish.qos == QoS::exactly_once && from != nullptr && from->records() != nullptr)
        options.exchange = seen_from_elsewhere(peers_->self(), from->number());
    if (options.exchange == 0 || !exchanges_.knows(options.exchange, publish.id))
        deliver(delivery_, from, targets);
    deliver_to_groups(delivery_, targets);
    const Ticket passed = pass(delivery_, targets, options);
    if (journal_ != nullptr || publish.retain) routed.peers = passed;
    if (journal_ == nullptr) return routed;
    const bool crosses = passed.value != 0 && options.exchange != 0;
    const Ticket recorded =
        crosses ? record_exchange(options.exchange, publish.id) : record(&publish, from);
    routed.journal = std::max(routed.journal, recorded);
    return routed;
}

void Core::receive(ShardNumber from, Parcel parcel) {
    peers_->on_taken(from, parcel.taken);
    for (PassedRefusal& refusal : parcel.refusals) passed_uplink_->refused(std::move(refusal));
    for (auto& used : std::exchange(parcel.used, {})) passed_uplink_->take_back(std::move(used));
    for (const Interest& interest : parcel.interests) heed(from, interest);
    inboxes_[from].parcels.push_back(std::move(parcel));
    take_in(from);
    on_durable(passed_uplink_ != nullptr ? passed_uplink_->durable() : log_durable_);
    if (passed_uplink_ != nullptr) passed_uplink_->forget_answered();
}

void Core::heed(ShardNumber from, const Interest& interest) {
    if (is_shared_filter(interest.filter)) return heed_group(from, interest);
    const Subscription shard{nullptr, {}, peer_mark + from};
    if (interest.wanted)
        peer_filters_ += tree_.add(interest.filter, shard) ? 1 : 0;
    else
        peer_filters_ -= tree_.remove(interest.filter, shard) ? 1 : 0;
}

void Core::heed_group(ShardNumber from, const Interest& interest) {
    std::uint32_t gone = 0;
    if (shared_.set_elsewhere(interest, from, gone))
        tree_.add(unshared(interest.filter),
                  {nullptr, {}, shared_.find(interest.filter)->number()});
    if (gone != 0) tree_.remove(unshared(interest.filter), {nullptr, {}, gone});
}

void Core::take_in(ShardNumber from) {
    Inbox& inbox = inboxes_[from];
    passed_at_ = now();
    for (; !inbox.parcels.empty(); inbox.parcels.pop_front()) {
        Parcel& parcel = inbox.parcels.front();
        for (const FinishedExchange& exchange : std::exchange(parcel.finished, {}))
            if (journal_ != nullptr)
                inbox.promise.journal =
                    std::max(inbox.promise.journal, exchanges_.finish(exchange));
        while (inbox.at < parcel.messages.size()) {
            ByteView left = ByteView(parcel.messages).subspan(inbox.at);
            take(left, passed_);
            if (!passed_.to_uplink)
                take_message(passed_, inbox.promise);
            else if (!take_for_uplink(from, passed_))
                return;  // storage has no room: later
            inbox.at = parcel.messages.size() - left.size();
        }
        if (parcel.last != 0)
            inbox.received.push_back(
                {parcel.last, parcel.messages.size(), parcel.urgent, inbox.promise});
        inbox.at = inbox.prepared = 0;
        inbox.promise = {};
    }
}

// As route(), but whoever passed it here has asked for permission and told the other shards.
void Core::take_message(const Passed& message, Promise& promise) {
    if (message.exchange != 0 && exchanges_.knows(message.exchange, message.exchange_id))
        return;  // before a power cut, after which its publisher sent it again
    Publish& publish = passed_publish_;
    publish.topic = message.topic;
    publish.payload = message.payload;
    publish.qos = message.qos;
    publish.retain = message.retain;
    read_section(message.properties, publish.properties);
    delivery_.begin(publish, passed_at_, message.publisher);
    Ticket journal;
    if (message.retain)
        retain(delivery_.stored(),
               message.by_hub ? RetainedStore::Share::everything : RetainedStore::Share::clients,
               journal);
    if (message.to_subscribers) deliver(delivery_, nullptr, targets_of(message.topic));
    for (const std::string_view text : message.groups) {
        SharedGroup* group = shared_.find(text);
        const auto elsewhere = group != nullptr ? group->connected_elsewhere() : std::nullopt;
        if (group != nullptr && (group->members() > 0 || !elsewhere))
            shared_.deliver(*group, delivery_);
        else if (elsewhere)  // its members have left this shard meanwhile
            promise.peers = pass_to_group(delivery_, *elsewhere, group->text(), &message);
        else if (message.qos != QoS::at_most_once)
            ++metrics_.queue_overflows;
    }
    if (journal_ != nullptr)
        journal = std::max(journal, record_exchange(message.exchange, message.exchange_id));
    promise.journal = std::max(promise.journal, journal);
}

// As record(): one record says to whom the message is owed, and that it came.
Ticket Core::record_exchange(SessionNumber session, PacketId id) {
    if (session == 0) return record(nullptr, nullptr);
    KeptMessage* kept = std::exchange(owed_, nullptr);
    if (kept == nullptr) return {};
    kept->write(*journal_, owed_to_, session, id);
    exchanges_.keep(session, id, *kept);
    const Ticket ticket = kept->ticket();
    kept->release();  // this delivery's own hold
    return ticket;
}

bool Core::take_for_uplink(ShardNumber from, const Passed& message) {
    if (parts_.uplink == nullptr) return true;
    Inbox& inbox = inboxes_[from];
    if (message.is_prepared) expect(inbox.parcels.front().prepared, inbox.prepared + 1);
    std::unique_ptr<Prepared> none;
    auto& prepared = message.is_prepared ? inbox.parcels.front().prepared[inbox.prepared] : none;
    Properties& all = passed_publish_.properties;
    read_section(message.properties, all);
    PublishProperties properties;
    properties.qos = message.qos;
    properties.retain = message.retain;
    properties.dup = message.dup;
    properties.prepared = prepared.get();
    if (!all.empty()) {
        properties.content_type = all.text(Property::content_type);
        properties.all = &all;
    }
    const Identity identity{message.from_kind, std::string(message.from)};
    auto ticket = parts_.uplink->publish(identity, message.topic, message.payload, properties);
    if (!ticket && ticket.error().code == Errc::overloaded) return false;
    if (prepared) {
        peers_->give_back(from, std::move(prepared));
        ++inbox.prepared;
    }
    if (ticket) {
        inbox.promise.log = std::max(inbox.promise.log, *ticket);
        return true;
    }
    if (message.qos == QoS::at_most_once)
        ++metrics_.publishes_refused;  // nobody waits for an answer
    else
        peers_->refuse(from, message.number, std::move(ticket).error());
    return true;
}

// Storage has room, or the disk has come further.
void Core::on_peers_progress() {
    shared_.release_safe();
    for (ShardNumber from = 0; from < peers_->count(); ++from) {
        Inbox& inbox = inboxes_[from];
        if (!inbox.parcels.empty()) take_in(from);
        for (; !inbox.received.empty() && is_durable(inbox.received.front().promise);
             inbox.received.pop_front()) {
            const Inbox::Received& safe = inbox.received.front();
            peers_->acknowledge(from, safe.last, safe.bytes, safe.urgent);
        }
    }
}

// The layers above, on another shard, have not taken it.
void Connection::refuse_late(const Unacknowledged& late, const Error& why) {
    ++core_.count().publishes_refused;
    if (first_refusal()) log::info("mqtt.publish.refused", {{"client", client()}, {"reason", why}});
    if (late.type == PacketType::pubrec) session_->release(late.id);
    if (version_ != Version::v5 || why.code == Errc::io_failed)
        return close(ReasonCode::implementation_specific_error, why.message);
    send_ack(
        late.type, late.id,
        why.code == Errc::denied ? ReasonCode::not_authorized : ReasonCode::payload_format_invalid);
}

}  // namespace mw::mqtt
