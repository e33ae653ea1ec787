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

// Where a device finds the broker, and what our clock says. Public: no more than a port scan tells.
http::Handler bootstrap_handler(const Ports& ports, const Clock& clock) {
    return [&ports, &clock](http::Request) -> Task<http::Response> {
        const Json body = {{"mqtt", {{"port", ports.mqtt}}}, {"now_ns", clock.now().ns}};
        co_return http::Response::json(200, body);
    };
}

}  // namespace

Result<net::ListenOptions> Hub::tls_listener(std::uint16_t port,
                                             net::ClientCertificate certificate) {
    net::TlsOptions tls;
    tls.certificate_chain = authority_->server_chain_pem();
    tls.private_key = authority_->server_key_pem();
    tls.trusted = authority_->trust_anchors_pem();
    tls.client_certificate = certificate;
    net::ListenOptions listen;
    listen.host = options_.listen;
    listen.port = port;
    TRY(listen.tls, net::TlsContext::server(std::move(tls)));
    return listen;
}

http::Router Hub::api_routes() { return api_->routes(); }

http::Router Hub::device_routes() {
    http::Router router;
    api_->add_device_routes(router);
    est::add_routes(router, *onboarding_, metrics_);
    router.add(http::Method::get, "/v1/bootstrap", bootstrap_handler(ports_, world_.clock));
    return router;
}

Result<> Hub::listen() {
    TRY(auto devices, tls_listener(options_.devices_port, net::ClientCertificate::optional));
    TRY(device_server_,
        http::Server::open(*control_, server_options(std::move(devices)), device_routes()));
    device_server_->on_served(api_->request_counter("devices"));
    ports_.devices = device_server_->address().port;

    TRY(auto people, tls_listener(options_.api_port, net::ClientCertificate::none));
    TRY(api_server_,
        http::Server::open(*control_, server_options(std::move(people)), api_routes()));
    api_server_->on_served(api_->request_counter("api"));
    ports_.api = api_server_->address().port;

    TRY(auto mqtt, tls_listener(options_.mqtt_port, net::ClientCertificate::required));
    TRY(const auto address, sync_wait(*control_, data_->listen(std::move(mqtt))));
    ports_.mqtt = address.port;

    if (options_.plain_api_port != 0) {
        net::ListenOptions plain;
        plain.port = options_.plain_api_port;
        TRY(plain_api_server_,
            http::Server::open(*control_, server_options(std::move(plain)), api_routes()));
        ports_.plain_api = plain_api_server_->address().port;
        log::warn("hub.listener.plain", {{"what", "HTTP without TLS, loopback only"}});
    }
    if (options_.plain_mqtt_port != 0) {
        net::ListenOptions plain;
        plain.port = options_.plain_mqtt_port;
        TRY(const auto at, sync_wait(*control_, data_->listen(std::move(plain))));
        ports_.plain_mqtt = at.port;
        log::warn("hub.listener.plain", {{"what", "MQTT without TLS, loopback only"}});
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
                        {"plain_mqtt_port", ports_.plain_mqtt},
                        {"plain_api_port", ports_.plain_api},
                        {"root_pin", root_pin()}};
    return files::atomic_replace(world_.files, path("hub.json"),
                                 bytes_of(to_pretty_json(value) + "\n"));
}

}  // namespace mw::hub
