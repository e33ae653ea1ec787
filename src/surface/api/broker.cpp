// The broker's operators: who is connected, who subscribed to what, what is retained, ending a
// connection, and a trace of packets as they pass.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::size_t page_default = 100;
constexpr std::size_t page_max = 1'000;
constexpr std::uint64_t trace_packets_default = 10'000, trace_packets_max = 1'000'000;
constexpr std::uint64_t trace_seconds_default = 300, trace_seconds_max = 3'600;

constexpr std::size_t server_reference_bytes_max = 1'024;

constexpr std::string_view clients_kind = "MqttClient";    // list, delete
constexpr std::string_view messages_kind = "MqttMessage";  // list, watch; get: payloads

const Error no_broker{Errc::not_found, "this hub shows no broker"};

Result<BrokerDesk::Order> order_from(const Request& request) {
    BrokerDesk::Order order;
    for (auto [key, text] :
         {std::pair{"identity", &order.identity}, std::pair{"client", &order.client},
          std::pair{"topic", &order.topic}, std::pair{"filter", &order.filter},
          std::pair{"continue", &order.from}})
        *text = request.query_value(key).value_or("");
    if (request.query_value("connected")) order.connected = flag(request, "connected");
    TRY(order.limit, number(request, "limit", page_default, page_max));
    if (order.limit == 0)
        return Error{Errc::invalid_input,
                     "limit: want a whole number from 1 to " + std::to_string(page_max)};
    order.payloads = flag(request, "payload");
    return order;
}

Task<Response> list_response(State& state, std::string kind, Json page) {
    set(page, "kind", Json(kind));
    auto writing = json_response(state, 200, std::move(page));
    co_return co_await std::move(writing);
}

Result<BrokerDesk::Kick> kick_from(const Json& body) {
    if (!body.is_object()) return Error{Errc::invalid_input, "the body must be a JSON object"};
    BrokerDesk::Kick kick;
    for (const auto& [key, value] : body.get_object()) {
        const std::string name(key);
        if (name == "forget" && value.is_bool())
            kick.forget = value.get_bool();
        else if (name == "identity" && value.is_string())
            kick.identity = std::string(value.get_string());
        else if (name == "client" && value.is_string())
            kick.client = std::string(value.get_string());
        else if (name == "use_server" && value.is_string())
            kick.use_server = std::string(value.get_string());
        else if (name == "moved" && value.is_bool())
            kick.moved = value.get_bool();
        else
            return Error{Errc::invalid_input,
                         name.substr(0, 60) +
                             ": want {\"identity\":\"gw-1\"}, {\"client\":\"c1\"} or both, "
                             "\"forget\":true, \"use_server\":\"hub-2:8883\", \"moved\":true"};
    }
    if (!kick.identity && !kick.client)
        return Error{Errc::invalid_input, "identity: want an identity, a client, or both"};
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
    if (std::any_of(kick.use_server.begin(), kick.use_server.end(), is_control) ||
        kick.use_server.size() > server_reference_bytes_max)
        return Error{Errc::invalid_input, "use_server: want at most 1024 bytes of plain text"};
    if (kick.moved && kick.use_server.empty())
        return Error{Errc::invalid_input, "moved: where to? want use_server as well"};
    return kick;
}

std::string words_of(const BrokerDesk::Kick& kick) {
    std::string words;
    if (kick.identity) words += "identity " + *kick.identity;
    if (kick.client) words += (words.empty() ? "client " : ", client ") + *kick.client;
    if (!kick.use_server.empty())
        words += (kick.moved ? ", moved to " : ", sent to ") + kick.use_server;
    return words + (kick.forget ? ", sessions forgotten" : "");
}

// One open stream of packets, within its limits.
class PacketStream {
 public:
    PacketStream(State& state, Caller caller, std::shared_ptr<BrokerDesk::Trace> trace,
                 bool payloads)
        : state_(state), caller_(std::move(caller)), trace_(std::move(trace)), payloads_(payloads) {
        open_ = std::make_shared<OpenWatch>(
            OpenWatch{[this] { trace_->close(); }, [this] { return still_allowed(); }});
        state_.metrics.watches.set(double(++state_.watches));
        std::erase_if(state_.open_watches, [](const auto& open) { return open.expired(); });
        state_.open_watches.push_back(open_);
    }
    ~PacketStream() { state_.metrics.watches.set(double(--state_.watches)); }
    PacketStream(const PacketStream&) = delete;

    std::uint64_t packets_max = trace_packets_default;
    nanoseconds time_max = seconds(trace_seconds_default);

    Task<> run(http::EventWriter& writer);

 private:
    Task<> send(http::EventWriter& writer, BrokerDesk::Trace::Batch batch);
    // The token may have been revoked, or a role changed, since the stream was opened.
    bool still_allowed() const {
        const auto& registry = state_.parts.registry;
        const auto who = state_.holder_of(caller_.shown);
        return who && registry.policy()->allowed(*who, {Verb::watch, messages_kind, "default"}) &&
               (!payloads_ ||
                registry.policy()->allowed(*who, {Verb::get, messages_kind, "default"}));
    }

    State& state_;
    Caller caller_;
    std::shared_ptr<BrokerDesk::Trace> trace_;
    bool payloads_;
    std::shared_ptr<OpenWatch> open_;
    std::uint64_t sent_ = 0;
    std::uint64_t dropped_ = 0;
};

Task<> PacketStream::run(http::EventWriter& writer) {
    const SteadyTime ends = state_.parts.clock.steady() + time_max;
    std::string because = "count";
    while (sent_ < packets_max) {
        const nanoseconds left = ends - state_.parts.clock.steady();
        if (left.count() <= 0) {
            because = "time";
            break;
        }
        auto batch = co_await trace_->next(std::min(left, state_.options.watch_heartbeat));
        if (!batch && batch.error().code == Errc::cancelled && state_.stopping) break;
        if (!still_allowed()) co_return Result<>{};  // the stream just ends
        if (!batch) co_return std::move(batch).error();
        if (batch->packets.empty()) {
            CO_TRY_VOID(co_await writer.keep_alive());
            continue;
        }
        auto sending = send(writer, std::move(*batch));
        CO_TRY_VOID(co_await std::move(sending));
    }
    if (state_.stopping) because = "stop";
    const Json end = JsonObject{{"because", because}, {"packets", sent_}, {"dropped", dropped_}};
    http::ServerEvent text{to_json(end), "end", ""};
    CO_TRY_VOID(co_await writer.send(std::move(text)));
    co_return Result<>{};
}

Task<> PacketStream::send(http::EventWriter& writer, BrokerDesk::Trace::Batch batch) {
    if (batch.dropped > dropped_) {
        dropped_ = batch.dropped;
        const Json news = JsonObject{{"dropped", dropped_}};
        http::ServerEvent text{to_json(news), "dropped", ""};
        CO_TRY_VOID(co_await writer.send(std::move(text)));
    }
    for (const Json& packet : batch.packets) {
        if (sent_ == packets_max) break;
        ++sent_;
        http::ServerEvent text{to_json(packet), "packet", ""};
        CO_TRY_VOID(co_await writer.send(std::move(text)));
    }
    co_return Result<>{};
}

}  // namespace

Task<Response> list_mqtt_clients(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"identity", "client", "connected", "limit", "continue"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, clients_kind, "default"}));
    if (!state.parts.broker) co_return no_broker;
    CO_TRY(auto order, order_from(request));
    CO_TRY(auto page, co_await state.parts.broker->clients(std::move(order)));
    auto answer = list_response(state, "MqttClientList", std::move(page));
    co_return co_await std::move(answer);
}

Task<Response> list_mqtt_subscriptions(State& state, Caller caller, Request request) {
    CO_TRY_VOID(
        check_query(request, {"identity", "client", "connected", "topic", "limit", "continue"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, clients_kind, "default"}));
    if (!state.parts.broker) co_return no_broker;
    CO_TRY(auto order, order_from(request));
    CO_TRY(auto page, co_await state.parts.broker->subscriptions(std::move(order)));
    auto answer = list_response(state, "MqttSubscriptionList", std::move(page));
    co_return co_await std::move(answer);
}

Task<Response> list_mqtt_retained(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"filter", "payload", "limit", "continue"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, messages_kind, "default"}));
    if (!state.parts.broker) co_return no_broker;
    CO_TRY(auto order, order_from(request));
    if (order.payloads) CO_TRY_VOID(state.authorize(caller, {Verb::get, messages_kind, "default"}));
    CO_TRY(auto page, co_await state.parts.broker->retained(std::move(order)));
    auto answer = list_response(state, "MqttRetainedList", std::move(page));
    co_return co_await std::move(answer);
}

Task<Response> list_mqtt_bridges(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, clients_kind, "default"}));
    if (!state.parts.broker) co_return no_broker;
    CO_TRY(auto list, co_await state.parts.broker->bridges());
    auto answer = list_response(state, "MqttBridgeList", std::move(list));
    co_return co_await std::move(answer);
}

// The fact comes first: nobody is cut off without one.
Task<Response> kick_mqtt_clients(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::remove, clients_kind, "default"}));
    if (!state.parts.broker) co_return no_broker;
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto kick, kick_from(body));
    AuditNote note{caller.who.name, std::string(audit::action::mqtt_kick), words_of(kick)};
    CO_TRY_VOID(co_await state.parts.registry.note(std::move(note)));
    CO_TRY(auto done, co_await state.parts.broker->kick(std::move(kick)));
    co_return Response::json(200, done);
}

Task<Response> trace_mqtt(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"topic", "client", "payload", "count", "seconds"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::watch, messages_kind, "default"}));
    BrokerDesk::TraceOrder order;
    order.topic = request.query_value("topic").value_or("");
    order.client = request.query_value("client").value_or("");
    order.payloads = flag(request, "payload");
    if (order.payloads) CO_TRY_VOID(state.authorize(caller, {Verb::get, messages_kind, "default"}));
    if (!state.parts.broker) co_return no_broker;
    if (order.topic.empty() && order.client.empty())
        co_return Error{Errc::invalid_input,
                        "topic: want a topic filter, as topic=mw/v1/gw-1/%23, or a client"};
    CO_TRY(const auto count, number(request, "count", trace_packets_default, trace_packets_max));
    CO_TRY(const auto time, number(request, "seconds", trace_seconds_default, trace_seconds_max));
    CO_TRY_VOID(admit_stream(state));
    if (order.payloads) {
        AuditNote note{caller.who.name, std::string(audit::action::mqtt_trace),
                       "with payloads, topic '" + order.topic + "', client '" + order.client + "'"};
        CO_TRY_VOID(co_await state.parts.registry.note(std::move(note)));
    }
    const bool payloads = order.payloads;
    CO_TRY(auto trace, co_await state.parts.broker->trace(std::move(order)));
    auto open =
        std::make_shared<PacketStream>(state, std::move(caller), std::move(trace), payloads);
    open->packets_max = count;
    open->time_max = seconds(static_cast<std::int64_t>(time));
    co_return http::event_stream(
        [open](http::EventWriter& writer) -> Task<> { return open->run(writer); });
}

}  // namespace mw::api
