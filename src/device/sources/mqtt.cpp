#include "device/sources/mqtt.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/log.h"

namespace mw::sources {
namespace {

constexpr std::size_t connections_max = 256;
constexpr std::size_t message_bytes_max = std::size_t{256} << 10;
constexpr std::size_t portion_points_min = 64;  // the processor sends so many as columns
constexpr std::size_t retained_max = 1'000;  // nobody may subscribe: only so that retain is no news

class PublishOnly final : public mqtt::Authorizer {
 public:
    bool may_publish(const mqtt::Identity&, std::string_view) const override { return true; }
    bool may_subscribe(const mqtt::Identity&, std::string_view) const override { return false; }
};
const PublishOnly publish_only;

mqtt::Limits limits() {
    mqtt::Limits limits;
    limits.connections = connections_max;
    limits.sessions = 4 * connections_max;
    limits.packet_bytes = message_bytes_max;
    limits.retained_messages = retained_max;
    limits.retained_bytes = std::size_t{1} << 20;
    limits.session_expiry = hours{1};
    return limits;
}

Result<net::Address> parse_listen(const std::string& text) {
    const Error wrong{Errc::invalid_input,
                      "listen: want ADDRESS:PORT like 127.0.0.1:1883, got '" + text + "'"};
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return wrong;
    net::Address address;
    address.host = text.substr(0, colon);
    if (address.host.front() == '[' && address.host.back() == ']')
        address.host = address.host.substr(1, address.host.size() - 2);
    if (address.host == "localhost") address.host = "127.0.0.1";
    const char* end = text.data() + text.size();
    const auto [at, code] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (code != std::errc() || at != end) return wrong;
    return address;
}

bool is_loopback(const net::Address& address) {
    return address.host.starts_with("127.") || address.host == "::1";
}

Result<Json> read_tls(const Json& description) {
    const Json* tls = find(description, "tls");
    if (!tls) return Json();
    constexpr std::array<std::string_view, 3> wanted = {"certificate", "key", "trusted"};
    const Error wrong{Errc::invalid_input,
                      "tls: want {certificate, key, trusted}, each the path of a PEM file"};
    if (!tls->is_object() || tls->get_object().size() != wanted.size()) return wrong;
    for (const auto key : wanted)
        if (!find_string(*tls, key)) return wrong;
    return *tls;
}

}  // namespace

Result<MqttSourceOptions> mqtt_source_options(const Json& description) {
    constexpr std::array<std::string_view, 4> known = {"type", "listen", "tls", "topics"};
    for (const auto& [key, part] : description.as_object())
        if (std::find(known.begin(), known.end(), key) == known.end())
            return Error{Errc::invalid_input,
                         "unknown key '" + std::string(key) + "' (want listen, topics, tls)"};
    TRY(const std::string text, want_string(description, "listen"));
    TRY(auto listen, parse_listen(text));
    TRY(auto tls, read_tls(description));
    if (tls.is_null() && !is_loopback(listen))
        return Error{
            Errc::invalid_input,
            "listen: '" + text + "' is not loopback, so it needs tls: {certificate, key, trusted}"};
    const Json* topics = find(description, "topics");
    TRY(auto mapping, MqttMapping::read(topics ? *topics : Json()));
    return MqttSourceOptions{std::move(listen), std::move(tls), std::move(mapping)};
}

Result<std::unique_ptr<MqttSource>> MqttSource::open(MqttSourceOptions options,
                                                     SourceContext context) {
    std::shared_ptr<const net::TlsContext> tls;
    if (!options.tls.is_null()) {
        TRY(auto files, net::read_tls_files({find_string(options.tls, "certificate").value(),
                                             find_string(options.tls, "key").value(),
                                             find_string(options.tls, "trusted").value()}));
        files.client_certificate = net::ClientCertificate::required;
        TRY(tls, net::TlsContext::server(std::move(files)));
    }
    return std::unique_ptr<MqttSource>(
        new MqttSource(std::move(options), std::move(tls), std::move(context)));
}

MqttSource::MqttSource(MqttSourceOptions options, std::shared_ptr<const net::TlsContext> tls,
                       SourceContext context)
    : context_(std::move(context)),
      wanted_(std::move(options.listen)),
      listen_(wanted_),
      tls_files_(std::move(options.tls)),
      tls_(std::move(tls)),
      inbox_(std::move(options.mapping), context_.name, *context_.clock) {
    inbox_.speak_for(context_.device);
}

Task<> MqttSource::run(SourceSink& sink, Bytes checkpoint) {
    inbox_.restore(checkpoint);
    net::ListenOptions options;
    options.host = wanted_.host;
    options.port = wanted_.port;
    options.tls = tls_;
    options.connections = connections_max;
    auto listener = net::Listener::open(Loop::here(), std::move(options));
    if (!listener) {
        state_ = "failed";
        co_return std::move(listener).error().context("listening for local MQTT clients");
    }
    listen_ = (*listener)->address();
    mqtt::Broker broker(Loop::here(), random_, limits(), publish_only, &inbox_);
    broker.serve(std::move(*listener), [](ByteView) { return mqtt::Identity{}; });
    state_ = "running";
    log::info(
        "edge.source.listening",
        {{"source", context_.name}, {"address", net::to_text(listen_)}, {"tls", tls_ != nullptr}});
    trouble_.reset();
    Scope confirming(Loop::here());
    confirming.spawn(confirm(sink, broker));
    auto outcome = co_await forward(sink);
    state_ = "failed";
    confirming.cancel();
    ignore(co_await confirming.join(), "the outcome of forwarding is what counts");
    // When cancelled, this says goodbye to the clients and does not wait for them.
    ignore(co_await broker.stop(), "the outcome of forwarding is what counts");
    co_return std::move(outcome);
}

// One portion at a time. What is a message by itself is decided upon at once; a few points join
// those that arrive while the disk works.
Task<> MqttSource::forward(SourceSink& sink) {
    for (;;) {
        while (inbox_.empty() && !trouble_) CO_TRY_VOID(co_await inbox_.change());
        while (busy_ && !trouble_ && inbox_.waiting_points() < portion_points_min)
            CO_TRY_VOID(co_await inbox_.change());
        if (trouble_) co_return *trouble_;
        MqttInbox::Portion portion = inbox_.take();
        portion.batch.device = context_.device;
        portion.batch.position.stream = context_.name;
        CO_TRY_VOID(co_await sink.accept(portion.batch, std::move(portion.checkpoint)));
        accepted_ = portion.through;
        inbox_.give_back(std::move(portion.batch));
        busy_ = true;
        work_.set();
    }
}

// Says to clients what the disk has.
Task<> MqttSource::confirm(SourceSink& sink, mqtt::Broker& broker) {
    for (;;) {
        while (accepted_ == inbox_.durable()) {
            work_.reset();
            CO_TRY_VOID(co_await work_.wait());
        }
        const Ticket through = accepted_;
        if (auto kept = co_await sink.durable(); !kept) {
            trouble_ = kept.error();
            inbox_.note_change();
            co_return std::move(kept);
        }
        busy_ = accepted_ != through;
        inbox_.made_durable(through);
        broker.on_durable(through);
    }
}

SourceStatus MqttSource::status() const {
    const MqttInbox::Figures& figures = inbox_.figures();
    SourceStatus status;
    status.state = state_;
    status.points = figures.points;
    status.refused = figures.refused;
    status.refusal = figures.refusal;
    return status;
}

bool MqttSource::reconfigure(const Json& description) {
    auto options = mqtt_source_options(description);
    if (!options || options->listen != wanted_ || options->tls != tls_files_) return false;
    inbox_.remap(std::move(options->mapping));
    return true;
}

}  // namespace mw::sources
