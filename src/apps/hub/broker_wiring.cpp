#include "apps/hub/broker_wiring.h"

#include "base/log.h"

namespace mw::hub {
namespace {

constexpr std::size_t retained_payload_max = 4'096;

std::string_view name_of(mqtt::Identity::Kind kind) {
    constexpr std::string_view names[] = {"anonymous", "device", "user", "service"};
    return names[static_cast<std::size_t>(kind)];
}

JsonObject owner_of(const mqtt::Identity& identity, const std::string& client_id) {
    return {{"identity", identity.name}, {"kind", name_of(identity.kind)}, {"client", client_id}};
}

double seconds_of(nanoseconds duration) { return double(duration.count() / 1'000'000) / 1'000; }

// As text when it is text; a person reads it then.
void add_payload(JsonObject& to, const Bytes& payload) {
    const std::string_view text = text_of(payload);
    if (mqtt::is_mqtt_text(text))
        to["payload"] = text;
    else
        to["payload_base64"] = to_base64(payload);
}

Result<mqtt::ListOrder> list_order(api::BrokerDesk::Order asked) {
    mqtt::ListOrder order;
    TRY(const Bytes after, from_hex(asked.from).context("continue"));
    order.after = text_of(after);
    if (!asked.topic.empty())
        if (const auto fault = mqtt::topic_name_fault(asked.topic, mqtt::max_topic_bytes);
            !fault.empty())
            return Error{Errc::invalid_input, "topic: " + std::string(fault)};
    if (!asked.filter.empty())
        if (const auto fault = mqtt::topic_filter_fault(asked.filter, mqtt::max_topic_bytes);
            !fault.empty())
            return Error{Errc::invalid_input, "filter: " + std::string(fault)};
    order.identity = std::move(asked.identity);
    order.client = std::move(asked.client);
    order.connected = asked.connected;
    order.topic = std::move(asked.topic);
    order.filter = std::move(asked.filter);
    order.limit = asked.limit;
    order.payload_bytes = asked.payloads ? retained_payload_max : 0;
    return order;
}

template <class T, class F>
Json page_json(const mqtt::Page<T>& page, F write) {
    JsonArray items;
    items.reserve(page.items.size());
    for (const T& item : page.items) items.push_back(write(item));
    return JsonObject{{"items", std::move(items)}, {"continue", to_hex(bytes_of(page.next))}};
}

// Lives on the data loop; only its packets come here.
class PacketTrace final : public api::BrokerDesk::Trace {
 public:
    PacketTrace(Loop& there, std::shared_ptr<mqtt::Trace> trace)
        : there_(there), trace_(std::move(trace)) {}
    // The data loop lets go of it, unless it has no room to be told so.
    ~PacketTrace() override {
        auto let_go = [trace = std::move(trace_)] {};
        ignore_post(there_.post(std::move(let_go)));
    }

    Task<Batch> next(nanoseconds wait) override {
        auto take = [trace = trace_, wait] { return trace->next(wait); };
        CO_TRY(const mqtt::TraceBatch got, co_await run_on(there_, std::move(take)));
        Batch batch;
        batch.dropped = got.dropped;
        for (const mqtt::TraceEvent& event : got.events)
            batch.packets.push_back(to_json(event, trace_->order().payload_bytes > 0));
        co_return std::move(batch);
    }
    void close() override {
        auto closing = [trace = trace_] { trace->close(); };
        ignore_post(there_.post(std::move(closing)));
    }

 private:
    static void ignore_post(bool posted) {
        if (!posted)
            log::warn("hub.trace.not_told", {{"reason", "the data loop's mailbox is full"}});
    }
    Loop& there_;
    std::shared_ptr<mqtt::Trace> trace_;
};

}  // namespace

Json to_json(const mqtt::SessionView& view) {
    JsonObject json = owner_of(view.identity, view.client_id);
    json["connected"] = view.connected;
    if (view.connected) {
        json["peer"] = view.peer;
        json["version"] = view.version == mqtt::Version::v5 ? "5" : "3.1.1";
        json["keep_alive_s"] = view.keep_alive_s;
        json["connected_s"] = seconds_of(view.connected_for);
        json["silent_s"] = seconds_of(view.silent_for);
    }
    json["subscriptions"] = view.subscriptions;
    json["inflight"] = view.inflight;
    json["unreleased"] = view.unreleased;
    json["queued"] = view.queued_messages;
    json["queued_bytes"] = view.queued_bytes;
    json["spilled"] = view.spilled_messages;
    json["spilled_bytes"] = view.spilled_bytes;
    json["acknowledgements_waiting"] = view.acknowledgements_waiting;
    return json;
}

Json to_json(const mqtt::SubscriptionView& view) {
    JsonObject json = owner_of(view.identity, view.client_id);
    json["connected"] = view.connected;
    json["filter"] = view.filter;
    if (!view.options) return json;
    json["qos"] = static_cast<int>(view.options->qos);
    json["no_local"] = view.options->no_local;
    json["retain_as_published"] = view.options->retain_as_published;
    return json;
}

Json to_json(const mqtt::RetainedView& view, bool payload) {
    JsonObject json{{"topic", view.topic},
                    {"qos", static_cast<int>(view.qos)},
                    {"payload_bytes", view.payload_bytes}};
    if (view.expires_in.count() > 0) json["expires_s"] = seconds_of(view.expires_in);
    if (payload) add_payload(json, view.payload);
    return json;
}

Json to_json(const mqtt::BridgeView& view) {
    const mqtt::BridgeCounters& count = view.counters;
    JsonObject json{{"name", view.name},
                    {"remote", view.remote},
                    {"tls", view.tls},
                    {"version", view.version == mqtt::Version::v5 ? "5" : "3.1.1"},
                    {"connected", view.connected},
                    {"since_s", seconds_of(view.since)},
                    {"connects", view.connects},
                    {"failures", view.failures},
                    {"topics", view.topics},
                    {"sent", count.sent},
                    {"received", count.received},
                    {"filters_refused", count.filters_refused}};
    json["dropped"] = JsonObject{{"loop", count.looped},
                                 {"no_topic", count.unmapped},
                                 {"too_large", count.oversized},
                                 {"refused_by_remote", count.refused},
                                 {"refused_here", count.refused_in}};
    if (view.connected) json["waiting"] = view.waiting;
    if (!view.last_error.empty()) json["last_error"] = view.last_error;
    return json;
}

Json to_json(const mqtt::TraceEvent& event, bool payload) {
    JsonObject json{
        {"at", to_iso8601(event.at)},
        {"direction", event.direction == mqtt::TraceEvent::Direction::in ? "in" : "out"}};
    json["identity"] = event.identity.name;
    json["client"] = event.client_id;
    json["packet"] = mqtt::to_string(event.packet);
    json["bytes"] = event.bytes;
    if (event.id != 0) json["id"] = event.id;
    if (!event.detail.empty()) json["detail"] = event.detail;
    if (event.packet != mqtt::PacketType::publish) return json;
    json["topic"] = event.topic;
    json["qos"] = static_cast<int>(event.qos);
    json["retain"] = event.retain;
    json["dup"] = event.dup;
    json["payload_bytes"] = event.payload_bytes;
    if (payload) add_payload(json, event.payload);
    return json;
}

Task<Json> BrokerWiring::clients(Order asked) {
    CO_TRY(auto order, list_order(std::move(asked)));
    auto there = [this, order = std::move(order)] { return data_.broker().clients(order); };
    CO_TRY(const auto page, co_await run_on(data_.loop(), std::move(there)));
    co_return page_json(page, [](const mqtt::SessionView& view) { return to_json(view); });
}

Task<Json> BrokerWiring::subscriptions(Order asked) {
    CO_TRY(auto order, list_order(std::move(asked)));
    auto there = [this, order = std::move(order)] { return data_.broker().subscriptions(order); };
    CO_TRY(const auto page, co_await run_on(data_.loop(), std::move(there)));
    co_return page_json(page, [](const mqtt::SubscriptionView& view) { return to_json(view); });
}

Task<Json> BrokerWiring::retained(Order asked) {
    const bool payloads = asked.payloads;
    CO_TRY(auto order, list_order(std::move(asked)));
    auto there = [this, order = std::move(order)] { return data_.broker().retained(order); };
    CO_TRY(const auto page, co_await run_on(data_.loop(), std::move(there)));
    co_return page_json(
        page, [payloads](const mqtt::RetainedView& view) { return to_json(view, payloads); });
}

Task<Json> BrokerWiring::bridges() {
    auto there = [this] { return data_.broker().bridges(); };
    CO_TRY(const auto bridges, co_await run_on(data_.loop(), std::move(there)));
    JsonArray items;
    for (const mqtt::BridgeView& bridge : bridges) items.push_back(to_json(bridge));
    co_return Json(JsonObject{{"items", std::move(items)}});
}

Task<Json> BrokerWiring::kick(Kick kick) {
    mqtt::KickOrder order{std::move(kick.identity), std::move(kick.client), kick.forget, {}};
    if (!kick.use_server.empty()) {
        order.to = mqtt::Redirect{std::move(kick.use_server), kick.moved};
        CO_TRY_VOID(mqtt::check(*order.to).context("use_server"));
    }
    auto there = [this, order = std::move(order)] { return data_.broker().kick(order); };
    CO_TRY(const auto kicked, co_await run_on(data_.loop(), std::move(there)));
    co_return Json(JsonObject{{"connections", kicked.connections}, {"sessions", kicked.sessions}});
}

Task<std::shared_ptr<api::BrokerDesk::Trace>> BrokerWiring::trace(TraceOrder asked) {
    mqtt::TraceOrder order{std::move(asked.topic), std::move(asked.client),
                           asked.payloads ? mqtt::trace_payload_max : 0};
    auto there = [this, order = std::move(order)] { return data_.broker().trace(order); };
    CO_TRY(auto trace, co_await run_on(data_.loop(), std::move(there)));
    std::shared_ptr<Trace> here = std::make_shared<PacketTrace>(data_.loop(), std::move(trace));
    co_return std::move(here);
}

}  // namespace mw::hub
