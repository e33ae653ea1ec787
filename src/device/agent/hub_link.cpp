#include "device/agent/hub_link.h"

#include "base/log.h"

namespace mw::agent {
namespace {
constexpr nanoseconds small_call = seconds{10};
constexpr nanoseconds silence = seconds{30};
}  // namespace

HubLink::HubLink(Loop& loop, Workers& workers, http::Url url, const AgentIdentity& identity,
                 HubClock& clock)
    : loop_(loop), workers_(workers), url_(std::move(url)), identity_(identity), clock_(clock) {}

Result<std::unique_ptr<HubLink>> HubLink::open(Loop& loop, Workers& workers,
                                               const AgentIdentity& identity, HubClock& clock) {
    TRY(http::Url url, http::parse_url(identity.hub).context("the hub's address"));
    if (!url.tls) return Error{Errc::denied, "the hub's address must begin with https://"};
    std::unique_ptr<HubLink> self(new HubLink(loop, workers, std::move(url), identity, clock));
    TRY_VOID(self->use(identity.current));
    return self;
}

net::TlsOptions HubLink::tls_options() const {
    net::TlsOptions tls;
    tls.certificate_chain = certificate_.chain_pem;
    tls.private_key = certificate_.key_pem;
    tls.trusted = identity_.anchors_pem;
    tls.now = [&clock = clock_] { return clock.now(); };
    tls.admit = [seen = server_](ByteView der) -> Result<> {
        seen->assign(der.begin(), der.end());
        return {};
    };
    return tls;
}

Result<> HubLink::use(const KeyAndChain& certificate) {
    certificate_ = certificate;
    TRY(tls_, net::TlsContext::client(tls_options()));
    client_ = client_with(tls_);
    return {};
}

std::shared_ptr<http::Client> HubLink::client_with(
    std::shared_ptr<const net::TlsContext> tls) const {
    http::ClientOptions options;
    options.server.host = url_.host;
    options.server.port = url_.port;
    options.server.tls = std::move(tls);
    options.server.resolver = &workers_;
    options.limit = small_call;
    options.keep_alive = false;
    return std::make_shared<http::Client>(loop_, std::move(options));
}

Task<Json> HubLink::bootstrap(std::shared_ptr<http::Client> client) {
    http::Request request;
    request.path = "/v1/bootstrap";
    const Timestamp asked = clock_.now();
    CO_TRY(auto response, co_await client->request(std::move(request)));
    const nanoseconds took = clock_.now() - asked;
    CO_TRY(response, http::expect_success(std::move(response)));
    CO_TRY(Json body, parse_json(response.body));
    // The hub's clock as it stands now, to within half the round trip.
    if (const auto now = find_integer(body, "now_ns"))
        body.as_object()["now_ns"] = *now + took.count() / 2;
    co_return body;
}

// The certificate must have been good when the hub says it is now, and that can't be before our own
// was made: somebody with an old key of the hub's can't turn our clock back.
Result<> HubLink::believe(Timestamp said) const {
    TRY(const auto certificate, crypto::certificate_from_der(*server_));
    if (said >= certificate.not_before && said <= certificate.not_after &&
        said >= identity_.current.certificate.not_before)
        return {};
    return Error{Errc::denied, "the hub says that it is " + to_iso8601(said) +
                                   ", and its certificate or ours is not good then"};
}

Task<Json> HubLink::bootstrap_at_any_time() {
    net::TlsOptions tls = tls_options();
    tls.now = {};
    tls.at_any_time = true;
    CO_TRY(auto context, net::TlsContext::client(std::move(tls)));
    auto asking = bootstrap(client_with(std::move(context)));
    CO_TRY(Json body, co_await std::move(asking));
    const Timestamp said{find_integer(body, "now_ns").value_or(0)};
    CO_TRY_VOID(believe(said));
    log::warn("edge.clock.wrong",
              {{"ours", to_iso8601(loop_.clock().now())}, {"the_hubs", to_iso8601(said)}});
    co_return body;
}

Task<HubAddress> HubLink::find_broker() {
    auto asking = bootstrap(client_);
    auto body = co_await std::move(asking);
    if (!body && body.error().code != Errc::cancelled) {
        auto again = bootstrap_at_any_time();
        auto late = co_await std::move(again);
        if (!late) co_return std::move(body).error();
        body = std::move(late);
    }
    if (!body) co_return std::move(body).error();
    const auto port = find_integer(*body, "mqtt.port");
    if (!port || *port < 1 || *port > 65535)
        co_return Error{Errc::io_failed, "the hub's answer names no MQTT port"};
    HubAddress address;
    address.mqtt_host = find_string(*body, "mqtt.host").value_or(url_.host);
    address.mqtt_port = static_cast<std::uint16_t>(*port);
    if (const auto now = find_integer(*body, "now_ns")) {
        // A hub whose own clock jumps does not take ours along.
        if (believe(Timestamp{*now})) clock_.hear(Timestamp{*now});
        address.clock_offset = Timestamp{*now} - loop_.clock().now();
    }
    co_return address;
}

Task<std::unique_ptr<http::Incoming>> HubLink::open_blob(std::string sha256, std::uint64_t offset) {
    http::Request request;
    request.path = "/v1/blobs/" + sha256;
    if (offset > 0) request.headers.set("Range", "bytes=" + std::to_string(offset) + "-");
    const auto client = client_;
    co_return co_await client->open(std::move(request), silence);
}

Task<Bytes> HubLink::download(std::string sha256, std::uint64_t bytes_max) {
    CO_TRY(auto incoming, co_await open_blob(sha256, 0));
    if (incoming->head().status != 200)
        co_return Error{http::errc_of(incoming->head().status),
                        "downloading " + sha256 + ": the hub answered " +
                            std::to_string(incoming->head().status)};
    Bytes bytes;
    crypto::Sha256 hash;
    for (;;) {
        CO_TRY(const std::string piece, co_await incoming->read());
        if (piece.empty()) break;
        if (bytes.size() + piece.size() > bytes_max)
            co_return Error{Errc::invalid_input, "downloading " + sha256 + ": larger than " +
                                                     std::to_string(bytes_max) + " bytes"};
        hash.update(bytes_of(piece));
        bytes.insert(bytes.end(), piece.begin(), piece.end());
    }
    const std::string got = to_hex(hash.finish());
    if (got != sha256)
        co_return Error{Errc::corrupt, "downloading " + sha256 + ": the bytes have SHA-256 " + got};
    co_return bytes;
}

}  // namespace mw::agent
