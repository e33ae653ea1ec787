#include "platform/http/server.h"

#include "platform/http/connection.h"

namespace mw::http {

struct Server::Parts {
    ServerShared shared;
    std::unique_ptr<net::Listener> listener;
    List<Connection> connections;
    Scope scope;

    Parts(Loop& loop, ServerOptions options, Router router)
        : shared{loop, std::move(options), std::move(router)}, scope(loop) {}

    Task<> accept_all() {
        for (;;) {
            CO_TRY(auto stream, co_await listener->accept());
            scope.spawn(serve(std::move(stream)));
        }
    }
    Task<> serve(std::unique_ptr<net::Stream> stream) {
        Connection connection(shared, std::move(stream));
        connections.push_back(connection);
        co_return co_await connection.serve();
    }
};

Result<std::unique_ptr<Server>> Server::open(Loop& loop, ServerOptions options, Router router) {
    TRY(auto listener, net::Listener::open(loop, options.listen));
    auto parts = std::make_unique<Parts>(loop, std::move(options), std::move(router));
    parts->listener = std::move(listener);
    parts->scope.spawn(parts->accept_all());
    return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

const net::Address& Server::address() const { return parts_->listener->address(); }
void Server::set_tls(std::shared_ptr<const net::TlsContext> tls) {
    parts_->listener->set_tls(std::move(tls));
}
void Server::on_served(std::function<void(const Served&)> listener) {
    parts_->shared.on_served = std::move(listener);
}
ServerCounters Server::counters() const { return parts_->shared.counters; }
net::ListenerCounters Server::listener_counters() const { return parts_->listener->counters(); }

std::size_t Server::drop_connections(const std::function<bool(ByteView certificate)>& unwanted) {
    std::size_t dropped = 0;
    for (Connection* c = parts_->connections.front(); c; c = parts_->connections.after(*c)) {
        if (c->certificate().empty() || !unwanted(c->certificate())) continue;
        c->cut();
        ++dropped;
    }
    return dropped;
}

void Server::serve(std::unique_ptr<net::Stream> stream) {
    parts_->scope.spawn(parts_->serve(std::move(stream)));
}

Task<> Server::stop(nanoseconds grace) {
    parts_->shared.stopping = true;
    parts_->listener->close();
    for (Connection* c = parts_->connections.front(); c; c = parts_->connections.after(*c))
        c->wind_down();
    auto ended = co_await within(grace, parts_->scope.join());
    parts_->scope.cancel();
    if (!ended) CO_TRY_VOID(co_await parts_->scope.join());
    co_return Result<>{};
}

}  // namespace mw::http
