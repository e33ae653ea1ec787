#include "device/agent/hub_link.h"

namespace mw::agent {
namespace {
constexpr nanoseconds small_call = seconds{10};
constexpr nanoseconds silence = seconds{30};
}  // namespace

HubLink::HubLink(Loop& loop, http::Url url, std::shared_ptr<const net::TlsContext> tls)
    : loop_(loop), url_(std::move(url)), tls_(std::move(tls)) {}

Result<std::unique_ptr<HubLink>> HubLink::open(Loop& loop, Workers& workers,
                                               const AgentIdentity& identity) {
    TRY(http::Url url, http::parse_url(identity.hub).context("the hub's address"));
    if (!url.tls) return Error{Errc::denied, "the hub's address must begin with https://"};
    net::TlsOptions tls;
    tls.certificate_chain = identity.chain_pem;
    tls.private_key = identity.key_pem;
    tls.trusted = identity.anchors_pem;
    TRY(auto context, net::TlsContext::client(std::move(tls)));
    std::unique_ptr<HubLink> self(new HubLink(loop, std::move(url), std::move(context)));
    http::ClientOptions options;
    options.server.host = self->url_.host;
    options.server.port = self->url_.port;
    options.server.tls = self->tls_;
    options.server.resolver = &workers;
    options.limit = small_call;
    options.keep_alive = false;
    self->client_ = std::make_unique<http::Client>(loop, std::move(options));
    return self;
}

Task<HubAddress> HubLink::find_broker() {
    http::Request request;
    request.path = "/v1/bootstrap";
    const Timestamp asked = loop_.clock().now();
    CO_TRY(auto response, co_await client_->request(std::move(request)));
    const Timestamp answered = loop_.clock().now();
    CO_TRY(response, http::expect_success(std::move(response)));
    CO_TRY(const Json body, parse_json(response.body));
    const auto port = find_integer(body, "mqtt.port");
    if (!port || *port < 1 || *port > 65535)
        co_return Error{Errc::io_failed, "the hub's answer names no MQTT port"};
    HubAddress address;
    address.mqtt_host = find_string(body, "mqtt.host").value_or(url_.host);
    address.mqtt_port = static_cast<std::uint16_t>(*port);
    if (const auto now = find_integer(body, "now_ns"))
        address.clock_offset = Timestamp{*now} - (asked + (answered - asked) / 2);
    co_return address;
}

Task<std::unique_ptr<http::Incoming>> HubLink::open_blob(std::string sha256, std::uint64_t offset) {
    http::Request request;
    request.path = "/v1/blobs/" + sha256;
    if (offset > 0) request.headers.set("Range", "bytes=" + std::to_string(offset) + "-");
    co_return co_await client_->open(std::move(request), silence);
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
