#include "protocols/mqtt/inspect.h"

#include <algorithm>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

bool is_asked_for(const ListOrder& order, const Session& session) {
    if (!order.identity.empty() && session.owner().name != order.identity) return false;
    if (!order.client.empty() && session.client_id() != order.client) return false;
    return !order.connected || *order.connected == (session.connection() != nullptr);
}

bool is_meant(const KickOrder& order, const Identity& identity, const Session* session) {
    if (!order.identity && !order.client) return false;
    if (order.identity && *order.identity != identity.name) return false;
    return !order.client || (session != nullptr && *order.client == session->client_id());
}

}  // namespace

SessionView Core::view_of(const Session& session) const {
    SessionView view;
    view.identity = session.owner();
    view.client_id = session.client_id();
    view.subscriptions = session.subscriptions();
    view.inflight = session.inflight();
    view.unreleased = session.unreleased();
    view.queued_messages = session.queued();
    view.queued_bytes = session.queued_bytes();
    view.spilled_messages = session.spilled_messages();
    view.spilled_bytes = session.spilled_bytes();
    const Connection* connection = session.connection();
    if (connection == nullptr) return view;
    view.connected = true;
    view.version = connection->version();
    view.peer = connection->peer();
    view.keep_alive_s = connection->keep_alive_s();
    view.connected_for = now() - connection->opened();
    view.silent_for = now() - connection->heard();
    view.acknowledgements_waiting = connection->acknowledgements_waiting();
    return view;
}

std::vector<SessionView> Core::sessions() const {
    std::vector<SessionView> views;
    views.reserve(sessions_.size());
    for (const auto& [key, session] : sessions_) views.push_back(view_of(*session));
    return views;
}

bool Core::walk(SessionWalk& walk, const SessionVisit& visit) const {
    if (walk.buckets != sessions_.bucket_count()) walk = {0, sessions_.bucket_count()};
    for (std::size_t cost = 0; walk.bucket < walk.buckets && cost < walk_slice; ++walk.bucket) {
        ++cost;  // an empty bucket is looked at, too
        for (auto at = sessions_.begin(walk.bucket); at != sessions_.end(walk.bucket); ++at)
            cost += visit(at->first, *at->second);
    }
    return walk.bucket < walk.buckets;
}

bool Core::gather(const ListOrder& order, SessionWalk& at, PageBuilder<SessionView>& page) const {
    return walk(at, [&](const std::string& key, const Session& session) -> std::size_t {
        if (is_asked_for(order, session) && page.wants(key)) page.keep(key, view_of(session));
        return 1;
    });
}

bool Core::gather(const ListOrder& order, SessionWalk& at,
                  PageBuilder<SubscriptionView>& page) const {
    return walk(at, [&](const std::string& owner, const Session& session) -> std::size_t {
        if (!is_asked_for(order, session)) return 1;
        for (const std::string& filter : session.filters()) {
            if (!order.topic.empty() && !matches(unshared(filter), order.topic)) continue;
            std::string key = owner;
            key.append(1, '\0').append(filter);
            if (!page.wants(key)) continue;
            const Subscription* found = subscription_of(session, filter);
            SubscriptionView view{session.owner(), session.client_id(),
                                  session.connection() != nullptr, filter, std::nullopt};
            if (found != nullptr) view.options = found->options;
            page.keep(key, std::move(view));
        }
        return 1 + session.filters().size();
    });
}

const Subscription* Core::subscription_of(const Session& session, std::string_view filter) const {
    if (!is_shared_filter(filter)) return tree_.find(filter, &session);
    const SharedGroup* group = shared_.find(filter);
    return group == nullptr ? nullptr : group->find(session);
}

bool Core::gather(const ListOrder& order, std::string& after, Page<RetainedView>& page) {
    const std::string_view filter = order.filter.empty() ? std::string_view("#") : order.filter;
    return retained_.scan(filter, after, walk_slice, now(), [&](const MessageRef& message) {
        if (page.items.size() == order.limit) {
            page.next = page.items.back().topic;
            return false;
        }
        RetainedView view{
            std::string(message->topic), message->qos, message->payload.size(), {}, {}};
        const std::size_t shown = std::min(order.payload_bytes, message->payload.size());
        view.payload.assign(message->payload.begin(),
                            message->payload.begin() + static_cast<std::ptrdiff_t>(shown));
        if (message->expires.ns != 0) view.expires_in = message->expires - now();
        page.items.push_back(std::move(view));
        return true;
    });
}

Kicked Core::kick(const KickOrder& order) {
    Kicked done;
    auto theirs = [&](const auto& entry) {
        return is_meant(order, entry.second->owner(), entry.second.get());
    };
    // Before anything is closed: a session may end with its connection.
    if (order.forget)
        done.sessions =
            static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), theirs));
    for (Connection* connection : connections_) {
        if (connection->closing() ||
            !is_meant(order, connection->identity(), connection->session()))
            continue;
        connection->close(order.to ? order.to->reason() : ReasonCode::administrative_action,
                          "ended by the operator", order.to ? order.to->server : "");
        ++done.connections;
    }
    std::vector<Session*> forgotten;
    if (order.forget)
        for (const auto& entry : sessions_)
            if (theirs(entry)) forgotten.push_back(entry.second.get());
    for (Session* session : forgotten) end(*session);
    settle();
    return done;
}

}  // namespace mw::mqtt
