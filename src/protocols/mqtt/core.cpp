#include "protocols/mqtt/core.h"

#include <algorithm>

#include "base/id.h"
#include "base/log.h"

namespace mw::mqtt {

Core::Core(Parts parts)
    : parts_(std::move(parts)),
      shared_(*this, parts_.limits.share_strategy),
      retained_(parts_.limits.retained_messages, parts_.limits.retained_bytes),
      sys_(std::make_unique<SysTopics>(*this)) {}

Core::~Core() {
    ASSERT(connections_.empty());
    sessions_.clear();  // while the lists that know them are there
}

std::string Core::key_of(const Identity& identity, std::string_view client_id) {
    // Client identifiers are scoped by identity, so nobody can take over another's session.
    std::string key(1, static_cast<char>('0' + static_cast<int>(identity.kind)));
    return key.append(identity.name).append(1, '\0').append(client_id);
}

std::string Core::make_client_id() {
    const std::int64_t unix_ms = parts_.clock.now().ns / 1'000'000;
    return "mw-" + make_ulid(unix_ms, parts_.random);
}

void Core::enroll(Connection& connection) {
    connection.index = static_cast<std::uint32_t>(connections_.size());
    connections_.push_back(&connection);
    ++metrics_.connections_accepted;
}

void Core::expel(Connection& connection) {
    connections_[connection.index] = connections_.back();
    connections_[connection.index]->index = connection.index;
    connections_.pop_back();
    if (connection.in_log_list) std::erase(waiting_for_log_, &connection);
    if (connection.in_room_list) std::erase(waiting_for_room_, &connection);
    if (connection.doomed) std::erase(doomed_, &connection);
    metrics_.acknowledgements_waiting -= connection.acknowledgements_waiting();
    latencies_.forget(connection);
}

ReasonCode Core::open_session(Connection& connection, const Connect& packet, std::uint32_t expiry_s,
                              bool& present, Session*& out) {
    const std::string key = key_of(connection.identity(), packet.client_id);
    auto found = sessions_.find(key);
    if (found != sessions_.end() && found->second->connection() != nullptr) {
        ++metrics_.sessions_taken_over;
        found->second->connection()->close(ReasonCode::session_taken_over,
                                           "another connection uses this client identifier");
        found = sessions_.find(key);
    }
    if (found != sessions_.end() && packet.clean_start) {
        if (auto will = found->second->take_due_will(now(), true))
            send_will(*std::move(will), connection.identity());
        end(*found->second);
        found = sessions_.end();
    }
    present = found != sessions_.end();
    if (present) {
        // Due since the broker began, and no tick came in between.
        if (auto will = found->second->take_due_will(now(), false))
            send_will(*std::move(will), connection.identity());
        ++metrics_.sessions_resumed;
    } else {
        if (!has_room_for_session(connection.identity())) return ReasonCode::quota_exceeded;
        auto session =
            std::make_unique<Session>(*this, connection.identity(), std::string(packet.client_id));
        found = sessions_.emplace(key, std::move(session)).first;
    }
    out = found->second.get();
    out->set_expiry(expiry_s);
    if (!present && journal_ != nullptr && out->persistent()) {
        out->begin_records(*journal_, ++last_session_number_);
        by_number_.emplace(out->number(), out);
    }
    std::optional<Will> will;
    if (packet.will)
        will = Will{store(*packet.will, now(), out->hash()), packet.will->retain,
                    packet.will->properties.number(Property::will_delay, 0)};
    out->set_will(std::move(will));
    ++metrics_.connected;
    notify(Presence::What::connected, *out, {});
    return ReasonCode::success;
}

bool Core::has_room_for_session(const Identity& identity) const {
    if (sessions_.size() >= limits().sessions) return false;
    if (identity.kind == Identity::Kind::anonymous) return true;
    return known_.at(key_of(identity, {})).sessions < limits().sessions_per_identity;
}

const Identity& Core::keep(const Identity& identity) {
    Known& known = known_[key_of(identity, {})];
    if (known.uses++ == 0) known.identity = identity;
    return known.identity;
}

void Core::drop(const Identity& identity) {
    const auto found = known_.find(key_of(identity, {}));
    if (--found->second.uses == 0) known_.erase(found);
}

void Core::session_began(const Identity& identity) { ++known_.at(key_of(identity, {})).sessions; }

void Core::session_ended(const Identity& identity) { --known_.at(key_of(identity, {})).sessions; }

void Core::close_session(Connection& connection, std::string_view reason) {
    Session& session = *connection.session();
    connection.forget_session();
    --metrics_.connected;
    const bool lives_on = session.detach(now());
    notify(Presence::What::disconnected, session, reason);
    if (!is_kept_for_next_start(session))
        if (auto will = session.take_due_will(now(), !lives_on))
            send_will(*std::move(will), session.owner());
    if (!lives_on) end_session(session, false);
}

void Core::end_session(Session& session, bool expired) {
    if (expired) ++metrics_.sessions_expired;
    end(session);
}

void Core::end(Session& session) {
    if (session.shared()) shared_.end(session);  // before the journal forgets it
    if (SessionRecords* records = session.records()) records->ended();
    finish_exchange(session, 0);
    sessions_.erase(key_of(session.owner(), session.client_id()));
}

void Core::notify(Presence::What what, const Session& session, std::string_view reason) {
    if (presence_) presence_({what, session.owner(), session.client_id(), std::string(reason)});
}

bool Core::subscribe(const FilterRequest& request, std::uint32_t id, Session& session) {
    if (!is_shared_filter(request.filter)) {
        const bool is_new = tree_.add(request.filter, {&session, request.options, id});
        if (is_new && peers_ != nullptr) peers_->want(request.filter);
        return is_new;
    }
    bool is_new = false;
    SharedGroup& group = shared_.open(request.filter, is_new);
    if (is_new) tree_.add(unshared(request.filter), {nullptr, {}, group.number()});
    return shared_.join(group, {&session, request.options, id});
}

void Core::unsubscribe(std::string_view filter, Session& session) {
    if (!is_shared_filter(filter)) {
        if (tree_.remove(filter, &session) && peers_ != nullptr) peers_->unwant(filter);
    } else if (const std::uint32_t gone = shared_.leave(*shared_.find(filter), session)) {
        tree_.remove(unshared(filter), {nullptr, {}, gone});
    }
}

void Core::send_retained(Session& session, std::string_view filter, QoS granted,
                         std::uint32_t subscription_id) {
    if (filter.starts_with("$SYS/"))
        return sys_->send_current(session, filter, granted, subscription_id);
    Delivery delivery;
    std::vector<std::uint32_t> ids;
    if (subscription_id != 0) ids.push_back(subscription_id);
    retained_.each(filter, now(), [&](const MessageRef& message) {
        delivery.begin(message, now());
        session.deliver(delivery, granted, true, ids);
    });
}

const Core::Targets& Core::targets_of(std::string_view topic) {
    if (last_ != nullptr && last_->second.generation == tree_.generation() && last_->first == topic)
        return last_->second;  // packets of one read go mostly to one topic
    const auto found = cached_.find(topic);
    if (found != cached_.end() && found->second.generation == tree_.generation()) {
        last_ = &*found;
        return found->second;
    }
    const bool cacheable = topic.size() <= cached_topic_bytes_max;
    const bool full = cached_.size() >= cached_topics_max || cached_targets_ >= cached_targets_max;
    if (cacheable && full) cached_.clear(), cached_targets_ = 0, last_ = nullptr;
    Targets& targets =
        cacheable ? cached_.try_emplace(std::string(topic)).first->second : uncached_;
    targets.generation = tree_.generation();
    auto& all = targets.subscriptions;
    all.clear();
    targets.groups.clear();
    targets.peers = 0;
    tree_.match(topic, all);
    std::stable_sort(all.begin(), all.end(), [](const Subscription& a, const Subscription& b) {
        return a.session < b.session;
    });
    if (cacheable) cached_targets_ += all.size();
    // Groups and other shards have no session and stand in front.
    const auto first = std::find_if(all.begin(), all.end(),
                                    [](const Subscription& s) { return s.session != nullptr; });
    for (auto at = all.begin(); at != first; ++at) {
        if (at->id >= peer_mark)
            targets.peers |= 1u << (at->id - peer_mark);
        else
            targets.groups.push_back(shared_.find(at->id));
    }
    all.erase(all.begin(), first);
    return targets;
}

bool Core::retain(const MessageRef& message, RetainedStore::Share share, Ticket& ticket) {
    const bool kept = retained_.set(message, share, ticket);
    if (!kept && !retained_full_)
        log::warn("mqtt.retained.refused", {{"topic", message->topic},
                                            {"messages", retained_.size()},
                                            {"bytes", retained_.bytes()},
                                            {"remedy", "raise the limit or retain less"}});
    retained_full_ = !kept;
    return kept;
}

// A message counts from when it was read: one look at the clock for all packets of a read.
Core::Routed Core::route(const Publish& publish, Session* from) {
    delivery_.begin(publish, from == nullptr ? now() : from->connection()->heard(),
                    from == nullptr ? 0 : from->hash());
    const auto share =
        from == nullptr ? RetainedStore::Share::everything : RetainedStore::Share::clients;
    Routed routed;
    routed.retained = !publish.retain || retain(delivery_.stored(), share, routed.journal);
    const Targets& targets = targets_of(publish.topic);
    if (peers_ != nullptr) return route_among_shards(publish, from, targets, routed);
    deliver(delivery_, from, targets);
    deliver_to_groups(delivery_, targets);
    if (journal_ != nullptr) routed.journal = std::max(routed.journal, record(&publish, from));
    return routed;
}

// Overlapping subscriptions of one session give one message, at the highest of their QoS
// (MQTT-3.3.4-2), with all their identifiers.
void Core::deliver(Delivery& delivery, const Session* from, const Targets& targets) {
    const auto& all = targets.subscriptions;
    for (std::size_t i = 0; i < all.size();) {
        Session& session = *all[i].session;
        QoS granted = QoS::at_most_once;
        bool any = false;
        bool as_published = false;
        subscription_ids_.clear();
        for (; i < all.size() && all[i].session == &session; ++i) {
            const Subscription& subscription = all[i];
            if (subscription.options.no_local && from == &session) continue;  // MQTT-3.8.3-3
            any = true;
            granted = std::max(granted, subscription.options.qos);
            as_published |= subscription.options.retain_as_published;
            if (subscription.id != 0) subscription_ids_.push_back(subscription.id);
        }
        if (!any) continue;
        session.deliver(delivery, granted, as_published && delivery.published_retained(),
                        subscription_ids_);
    }
}

// One member of each group gets it, here or on another shard.
void Core::deliver_to_groups(Delivery& delivery, const Targets& targets) {
    groups_elsewhere_.clear();
    for (SharedGroup* group : targets.groups) {
        const ShardNumber here = peers_ != nullptr ? peers_->self() : 0;
        const ShardNumber shard = group->choose_shard(here, delivery.publisher());
        if (shard == here)
            shared_.deliver(*group, delivery);
        else
            groups_elsewhere_.push_back({shard, group->text()});
    }
}

Result<> Core::publish_local(std::string_view topic, ByteView payload, bool retain, QoS qos) {
    const std::string_view fault = topic_name_fault(topic, limits().topic_levels);
    if (!fault.empty()) return Error{Errc::invalid_input, std::string(fault)};
    if (qos == QoS::exactly_once) return Error{Errc::invalid_input, "want QoS 0 or 1"};
    Publish publish;
    publish.topic = topic;
    publish.payload = payload;
    publish.retain = retain;
    publish.qos = qos;
    const Routed routed = route(publish, nullptr);
    settle();
    if (!routed.retained) return Error{Errc::overloaded, "the store of retained messages is full"};
    return {};
}

// QoS 0: the next figure is worth more than an old one.
void Core::tell(std::string_view topic, std::string_view text) {
    const Targets& targets = targets_of(topic);
    if (targets.subscriptions.empty() && targets.groups.empty()) return;
    Publish publish;
    publish.topic = topic;
    publish.payload = bytes_of(text);
    delivery_.begin(publish, now());
    deliver(delivery_, nullptr, targets);
    for (SharedGroup* group : targets.groups) shared_.deliver(*group, delivery_);
}

void Core::doom(Connection& connection) {
    if (std::exchange(connection.doomed, true)) return;
    doomed_.push_back(&connection);
}

void Core::send_will(Will will, const Identity& identity) {
    due_wills_.emplace_back(std::move(will), identity);
}

void Core::settle() {
    if (settling_) return;
    settling_ = true;
    while (!doomed_.empty() || !due_wills_.empty() || shared_.has_work()) {
        for (Connection* slow : std::exchange(doomed_, {})) {
            slow->doomed = false;
            ++metrics_.slow_consumers_dropped;
            slow->abort("slow consumer: its queue is full");
        }
        for (auto& [will, identity] : std::exchange(due_wills_, {})) {
            const StoredMessage& message = *will.message;
            if (parts_.uplink != nullptr) {
                PublishProperties properties;
                properties.qos = message.qos;
                properties.retain = will.retain;
                auto ticket =
                    parts_.uplink->publish(identity, message.topic, message.payload, properties);
                if (!ticket)
                    log::warn("mqtt.will.refused",
                              {{"topic", message.topic}, {"reason", ticket.error()}});
            }
            ++metrics_.wills_published;
            delivery_.begin(will.message, now());
            Ticket ticket;  // nobody waits for it
            if (will.retain) retain(will.message, RetainedStore::Share::clients, ticket);
            const Targets& targets = targets_of(message.topic);
            deliver(delivery_, nullptr, targets);
            deliver_to_groups(delivery_, targets);
            if (peers_ != nullptr) pass(delivery_, targets, {.retain = will.retain});
            if (journal_ != nullptr) record(nullptr, nullptr);
        }
        shared_.settle();
    }
    record_done();
    settling_ = false;
}

void Core::wait_for_log(Connection& connection) {
    if (std::exchange(connection.in_log_list, true)) return;
    waiting_for_log_.push_back(&connection);
}

void Core::wait_for_room(Connection& connection) {
    if (std::exchange(connection.in_room_list, true)) return;
    waiting_for_room_.push_back(&connection);
}

void Core::on_durable(Ticket durable) {
    log_durable_ = std::max(log_durable_, durable);
    for (Connection* connection : std::exchange(waiting_for_log_, {})) {
        connection->in_log_list = false;
        connection->answer_what_is_durable();
    }
    for (Connection* connection : std::exchange(waiting_for_room_, {})) {
        connection->in_room_list = false;
        connection->retry();
    }
    if (peers_ != nullptr) on_peers_progress();
    settle();
}

void Core::account(std::int64_t queued_bytes) {
    metrics_.queued_bytes =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(metrics_.queued_bytes) + queued_bytes);
}

void Core::tick() {
    const SteadyTime time = now();
    while (!stopping_ && !agenda_.empty() && agenda_.first().due_at() <= time) {
        Due& due = agenda_.first();
        due.disarm();
        due.on_due(time);
    }
    if (parts_.uplink != nullptr) on_durable(parts_.uplink->durable());
    if (recall_) recall_->tick();
    settle();
    if (peers_ != nullptr) peers_->flush_all();
}

// A will follows the end of its connection (MQTT-3.1.2-8), so who has one goes first; the others
// hear it before they go.
void Core::shut_down() {
    stopping_ = true;
    const auto close = [](Connection& connection) {
        connection.close(ReasonCode::server_shutting_down, "the server stops");
    };
    for (Connection* connection : connections_)
        if (const Session* session = connection->session())
            if (session->has_will() && !is_kept_for_next_start(*session)) close(*connection);
    for (auto& [key, session] : sessions_)
        if (!is_kept_for_next_start(*session))
            if (auto will = session->take_due_will(now(), true))
                send_will(*std::move(will), session->owner());
    settle();
    for (Connection* connection : connections_) close(*connection);
    settle();
}

bool Core::is_kept_for_next_start(const Session& session) const {
    return stopping_ && session.number() != 0 && session.persistent();
}

const Metrics& Core::metrics() {
    if (peers_ != nullptr) {
        metrics_.shard_messages = peers_->messages_passed();
        metrics_.shard_bytes = peers_->bytes_under_way();
    }
    metrics_.sessions = sessions_.size();
    metrics_.subscriptions = subscriptions();
    metrics_.shared_groups = shared_.size();
    metrics_.retained_messages = retained_.size();
    metrics_.retained_bytes = retained_.bytes();
    if (journal_ != nullptr) {
        metrics_.journal_commits = journal_->figures().commits;
        metrics_.journal_failures = journal_->figures().failures;
        metrics_.journal_moved_records = journal_->moved_records();
        metrics_.journal_refused_records = journal_->refused();
        metrics_.journal_bytes = journal_->bytes();
        metrics_.journal_living_bytes = journal_->living_bytes();
        metrics_.journal_waiting_bytes = journal_->figures().waiting_bytes;
    }
    return metrics_;
}

}  // namespace mw::mqtt
