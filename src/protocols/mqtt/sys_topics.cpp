#include "protocols/mqtt/sys_topics.h"

#include <cmath>
#include <cstdio>
#include <iterator>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr std::string_view root = "$SYS/broker/";

struct SysValue {
    const char* topic;  // below $SYS/broker/
    std::uint64_t (*value)(const Metrics& m);
};

constexpr SysValue values[]{
    {"clients/connected", [](const Metrics& m) { return m.connected; }},
    {"clients/disconnected", [](const Metrics& m) { return m.sessions - m.connected; }},
    {"clients/expired", [](const Metrics& m) { return m.sessions_expired; }},
    {"clients/total", [](const Metrics& m) { return m.sessions; }},
    {"messages/received", [](const Metrics& m) { return m.packets_received; }},
    {"messages/sent", [](const Metrics& m) { return m.packets_sent; }},
    {"publish/messages/received", [](const Metrics& m) { return m.publishes_received; }},
    {"publish/messages/sent", [](const Metrics& m) { return m.publishes_delivered; }},
    {"publish/messages/dropped",
     [](const Metrics& m) { return m.publishes_dropped + m.queue_overflows; }},
    {"bytes/received", [](const Metrics& m) { return m.bytes_received; }},
    {"bytes/sent", [](const Metrics& m) { return m.bytes_sent; }},
    {"subscriptions/count", [](const Metrics& m) { return m.subscriptions; }},
    {"shared_subscriptions/count", [](const Metrics& m) { return m.shared_groups; }},
    {"retained messages/count", [](const Metrics& m) { return m.retained_messages; }},
};

constexpr SysValue loads[]{
    {"load/messages/received", [](const Metrics& m) { return m.packets_received; }},
    {"load/messages/sent", [](const Metrics& m) { return m.packets_sent; }},
    {"load/publish/received", [](const Metrics& m) { return m.publishes_received; }},
    {"load/publish/sent", [](const Metrics& m) { return m.publishes_delivered; }},
    {"load/publish/dropped",
     [](const Metrics& m) { return m.publishes_dropped + m.queue_overflows; }},
    {"load/bytes/received", [](const Metrics& m) { return m.bytes_received; }},
    {"load/bytes/sent", [](const Metrics& m) { return m.bytes_sent; }},
    {"load/sockets", [](const Metrics& m) { return m.connections_accepted; }},
    {"load/connections", [](const Metrics& m) { return m.connects_accepted; }},
};

}  // namespace

void LoadAverage::update(std::uint64_t total, nanoseconds since_last) {
    const double elapsed_min = double(since_last.count()) / 6e10;
    if (elapsed_min <= 0) return;
    const double rate = double(total - last_) / elapsed_min;
    last_ = total;
    for (std::size_t i = 0; i < average_.size(); ++i)
        average_[i] += (1 - std::exp(-elapsed_min / minutes_of[i])) * (rate - average_[i]);
}

SysTopics::SysTopics(Core& core)
    : Due(core.agenda()),
      core_(core),
      began_(core.now()),
      updated_(began_),
      loads_(std::size(loads)) {
    if (core.limits().sys_every.count() > 0) arm(began_ + core.limits().sys_every);
}

void SysTopics::on_due(SteadyTime now) {
    arm(now + core_.limits().sys_every);
    const Metrics metrics = core_.totals();
    for (std::size_t i = 0; i < loads_.size(); ++i)
        loads_[i].update(loads[i].value(metrics), now - updated_);
    updated_ = now;
    if (!core_.has_subscription_below("$SYS")) return;
    each([this](std::string_view topic, std::string_view text) { core_.tell(topic, text); });
}

void SysTopics::send_current(Session& session, std::string_view filter, QoS granted,
                             std::uint32_t subscription_id) {
    if (core_.limits().sys_every.count() <= 0) return;
    std::vector<std::uint32_t> ids;
    if (subscription_id != 0) ids.push_back(subscription_id);
    Delivery delivery;
    each([&](std::string_view topic, std::string_view text) {
        if (!matches(filter, topic)) return;
        Publish publish;
        publish.topic = topic;
        publish.payload = bytes_of(text);
        delivery.begin(publish, core_.now());
        session.deliver(delivery, granted, true, ids);
    });
}

void SysTopics::each(const Visit& visit) const {
    const Metrics metrics = core_.totals();
    std::string topic(root);
    const auto tell = [&](std::string_view name, std::string_view text) {
        topic.resize(root.size());
        visit(topic.append(name), text);
    };
    tell("version", "millwright " MW_VERSION);
    tell("uptime", std::to_string((core_.now() - began_) / seconds{1}) + " seconds");
    for (const SysValue& row : values) tell(row.topic, std::to_string(row.value(metrics)));
    for (std::size_t i = 0; i < loads_.size(); ++i)
        for (std::size_t which = 0; which < LoadAverage::minutes_of.size(); ++which) {
            char text[32];
            std::snprintf(text, sizeof text, "%.2f", loads_[i].per_minute(which));
            tell(std::string(loads[i].topic) + "/" +
                     std::to_string(LoadAverage::minutes_of[which]) + "min",
                 text);
        }
}

}  // namespace mw::mqtt
