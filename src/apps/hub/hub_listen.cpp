// The hub's doors to the network, and the file that says where they are.
#include "apps/hub/hub.h"
#include "base/log.h"
#include "protocols/est/est.h"

namespace mw::hub {
namespace {

http::ServerOptions server_options(net::ListenOptions listen) {
    http::ServerOptions options;
    options.listen = std::move(listen);
    return options;
}

// MQTT 5 section 6.
http::WebSocketOptions mqtt_websocket(const HubOptions& hub) {
    http::WebSocketOptions options;
    options.paths = {"/mqtt", "/"};
    options.protocol = "mqtt";
    options.origins = hub.websocket_origins;
    return options;
}

// Where a device finds the broker, and what our clock says. Public: no more than a port scan tells.
http::Handler bootstrap_handler(const Ports& ports, const Clock& clock) {
    return [&ports, &clock](http::Request) -> Task<http::Response> {
        const Json body = {{"mqtt", {{"port", ports.mqtt}}}, {"now_ns", clock.now().ns}};
        co_return http::Response::json(200, body);
    };
}

}  // namespace

Result<std::shared_ptr<const net::TlsContext>> Hub::tls_context(
    net::ClientCertificate certificate) {
    net::TlsOptions tls;
    tls.certificate_chain = authority_->server_chain_pem();
    tls.private_key = authority_->server_key_pem();
    tls.trusted = authority_->client_anchors_pem();
    tls.client_certificate = certificate;
    tls.status_response = [desk = revocation_.get()] { return desk->staple(); };
    // By ourselves and not by OpenSSL, which would verify a whole list for each connection.
    const auto admission = onboarding_->admission();
    tls.vouch = [admission](ByteView peer) { return admission->vouch_for(peer); };
    tls.revoked = [admission](ByteView peer) { return admission->is_revoked(peer); };
    tls.admit = [admission](ByteView peer) { return admission->can_tell(peer); };
    return net::TlsContext::server(std::move(tls));
}

Result<net::ListenOptions> Hub::tls_listener(std::uint16_t port,
                                             net::ClientCertificate certificate) {
    net::ListenOptions listen;
    listen.host = options_.listen;
    listen.port = port;
    TRY(listen.tls, tls_context(certificate));
    return listen;
}

http::Router Hub::api_routes() { return api_->routes(); }

http::Router Hub::device_routes() {
    http::Router router;
    api_->add_device_routes(router);
    est::add_routes(router, *onboarding_, metrics_);
    ocsp::add_routes(router, *revocation_, metrics_);
    router.add(http::Method::get, "/v1/bootstrap", bootstrap_handler(ports_, world_.clock));
    return router;
}

Result<> Hub::listen() {
    TRY_VOID(listen_for_people_and_devices());
    TRY_VOID(listen_for_status());
    TRY_VOID(listen_for_mqtt());
    return start_bridges();
}

Result<> Hub::start_bridges() {
    if (options_.bridges.empty()) return {};
    bridges_ = std::make_unique<Workers>(WorkersOptions{.threads = 1, .name = "bridge"});
    tell_risks(options_.bridges);
    for (const BridgeConfig& config : options_.bridges) {
        TRY(auto bridge, bridge_options(config, world_.files, options_.directory,
                                        authority_->root_pin().substr(0, 16)));
        bridge.workers = bridges_.get();
        TRY_VOID(sync_wait(*control_, data_->bridge(std::move(bridge))));
    }
    return {};
}

Result<> Hub::listen_for_people_and_devices() {
    TRY(auto devices, tls_listener(options_.devices_port, net::ClientCertificate::unjudged));
    TRY(device_server_,
        http::Server::open(*control_, server_options(std::move(devices)), device_routes()));
    device_server_->on_served(api_->request_counter("devices"));
    ports_.devices = device_server_->address().port;

    TRY(auto people, tls_listener(options_.api_port, net::ClientCertificate::optional));
    TRY(api_server_,
        http::Server::open(*control_, server_options(std::move(people)), api_routes()));
    api_server_->on_served(api_->request_counter("api"));
    ports_.api = api_server_->address().port;

    if (options_.plain_api_port == 0) return {};
    net::ListenOptions plain;
    plain.port = options_.plain_api_port;
    TRY(plain_api_server_,
        http::Server::open(*control_, server_options(std::move(plain)), api_routes()));
    ports_.plain_api = plain_api_server_->address().port;
    log::warn("hub.listener.plain", {{"what", "HTTP without TLS, loopback only"}});
    return {};
}

crypto::StatusUrls Hub::told_urls() const {
    if (!options_.status_url.empty()) return status_urls(options_.status_url);
    if (options_.status_port == 0) return {};
    const std::string host = options_.names.empty() ? options_.listen : options_.names.front();
    return status_urls("http://" + host + ":" + std::to_string(options_.status_port));
}

Result<> Hub::listen_for_status() {
    if (options_.status_port == 0) return {};
    net::ListenOptions plain;
    plain.host = options_.listen;
    plain.port = options_.status_port;
    http::Router router;
    ocsp::add_routes(router, *revocation_, metrics_);
    TRY(status_server_,
        http::Server::open(*control_, server_options(std::move(plain)), std::move(router)));
    status_server_->on_served(api_->request_counter("status"));
    ports_.status = status_server_->address().port;
    return {};
}

Result<> Hub::listen_for_mqtt() {
    const auto serve = [&](const char* name, net::ListenOptions options) -> Result<std::uint16_t> {
        TRY(const auto address, sync_wait(*control_, data_->listen(name, std::move(options))));
        return address.port;
    };
    TRY(auto mqtt, tls_listener(options_.mqtt_port, net::ClientCertificate::required));
    TRY(ports_.mqtt, serve("mqtt", std::move(mqtt)));
    TRY(auto websocket, tls_listener(options_.websocket_port, net::ClientCertificate::required));
    websocket.upgrade = http::websocket_upgrade(mqtt_websocket(options_));
    TRY(ports_.websocket, serve("websocket", std::move(websocket)));

    net::ListenOptions plain;  // on loopback
    if (options_.plain_mqtt_port != 0) {
        plain.port = options_.plain_mqtt_port;
        TRY(ports_.plain_mqtt, serve("plain_mqtt", plain));
        log::warn("hub.listener.plain", {{"what", "MQTT without TLS, loopback only"}});
    }
    if (options_.plain_websocket_port != 0) {
        plain.port = options_.plain_websocket_port;
        http::WebSocketOptions upgrade = mqtt_websocket(options_);
        // Without TLS nothing else shows that a page means this host (DNS rebinding).
        upgrade.hosts = {"localhost", "127.0.0.1"};
        plain.upgrade = http::websocket_upgrade(std::move(upgrade));
        TRY(ports_.plain_websocket, serve("plain_websocket", plain));
        log::warn("hub.listener.plain", {{"what", "WebSocket without TLS, loopback only"}});
    }
    return {};
}

Result<> Hub::write_hub_file() {
    const std::string host = options_.names.empty() ? "localhost" : options_.names.front();
    const auto url = [&](std::uint16_t port) {
        return "https://" + host + ":" + std::to_string(port);
    };
    const Json value = {{"api", url(ports_.api)},
                        {"devices", url(ports_.devices)},
                        {"mqtt_host", host},
                        {"mqtt_port", ports_.mqtt},
                        {"websocket_port", ports_.websocket},
                        {"plain_mqtt_port", ports_.plain_mqtt},
                        {"plain_websocket_port", ports_.plain_websocket},
                        {"plain_api_port", ports_.plain_api},
                        {"status_port", ports_.status},
                        {"root_pin", root_pin()}};
    return files::atomic_replace(world_.files, path("hub.json"),
                                 bytes_of(to_pretty_json(value) + "\n"));
}

}  // namespace mw::hub
