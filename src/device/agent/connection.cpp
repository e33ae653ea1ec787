#include "device/agent/connection.h"

#include "base/log.h"
#include "device/agent/topics.h"

namespace mw::agent {

Connection::Connection(Loop& loop, Workers& workers, Random& random, const AgentIdentity& identity,
                       HubLink& hub, outbox::Outbox& outbox, ConnectionOptions options)
    : loop_(loop),
      workers_(workers),
      random_(random),
      identity_(identity),
      hub_(hub),
      outbox_(outbox),
      options_(options) {}

Task<> Connection::run(Listener listener) {
    for (;;) {
        auto outcome = co_await serve_once(listener);
        const bool was_connected = figures_.connected;
        client_.reset();
        figures_.connected = false;
        in_flight_.clear();
        outbox_.rewind();
        if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome);
        figures_.last_error = outcome ? "closed" : outcome.error().message;
        log::warn("edge.connection.lost", {{"reason", figures_.last_error}});
        if (was_connected) backoff_ = nanoseconds{0};
        if (!was_connected) listener.failed();
        CO_TRY_VOID(co_await sleep_for(next_backoff()));
    }
}

// Doubles up to the limit; half of it is chance, so that a fleet does not come back in one moment.
nanoseconds Connection::next_backoff() {
    backoff_ = std::clamp(backoff_ * 2, options_.backoff_min, options_.backoff_max);
    const auto half = static_cast<std::uint64_t>(backoff_.count() / 2);
    return nanoseconds{static_cast<std::int64_t>(half + random_.below(half + 1))};
}

Task<std::unique_ptr<mqtt::Client>> Connection::connect() {
    CO_TRY(const HubAddress address, co_await hub_.find_broker());
    figures_.clock_offset = address.clock_offset;
    net::ConnectOptions where;
    where.host = address.mqtt_host;
    where.port = address.mqtt_port;
    where.tls = hub_.session_tls();
    where.resolver = &workers_;
    CO_TRY(auto stream, co_await net::connect(std::move(where)));
    mqtt::ClientOptions options;
    options.client_id = identity_.device.text;
    options.in_flight_max = options_.in_flight;
    co_return co_await mqtt::Client::connect(std::move(stream), std::move(options));
}

Task<> Connection::serve_once(const Listener& listener) {
    CO_TRY(client_, co_await connect());
    acknowledged_ = 0;
    client_->on_acknowledged([this](mqtt::Sequence sequence) { on_acknowledged(sequence); });
    client_->on_refused([this](mqtt::Sequence, mqtt::ReasonCode) { ++figures_.refused_messages; });
    CO_TRY_VOID(co_await client_->subscribe(topic_of(identity_.device, "desired"),
                                            mqtt::QoS::at_least_once));
    CO_TRY_VOID(co_await client_->subscribe(topic_of(identity_.device, "command/+"),
                                            mqtt::QoS::at_least_once));
    figures_.connected = true;
    ++figures_.connects;
    log::info("edge.connection.opened", {{"device", identity_.device.text}});
    listener.connected();
    // Both end with the connection; whichever notices first ends the other.
    Scope scope(loop_);
    Event over;
    Result<> why;
    const auto until_over = [&](Task<> task) -> Task<> {
        auto outcome = co_await std::move(task);
        if (!over.is_set()) why = std::move(outcome);
        over.set();
        co_return Result<>{};
    };
    scope.spawn(until_over(send(*client_)));
    scope.spawn(until_over(receive(*client_, listener)));
    over_ = &over;
    auto waited = co_await over.wait();
    over_ = nullptr;
    scope.cancel();
    co_await scope.join();
    if (!waited) co_return std::move(waited);
    co_return std::move(why);
}

Task<> Connection::send(mqtt::Client& client) {
    for (;;) {
        const bool held = bucket_.wait(loop_.clock().steady()) > nanoseconds{0};
        auto queued = outbox_.try_next(held ? outbox::Rank::decisions : outbox::Rank::points);
        if (queued)
            CO_TRY_VOID(co_await publish(client, std::move(*queued)));
        else
            CO_TRY_VOID(co_await wait_for_more());
    }
}

Task<> Connection::publish(mqtt::Client& client, outbox::Queued queued) {
    for (;;) {
        auto sent = client.publish(queued.topic, queued.payload, mqtt::QoS::at_least_once);
        if (sent) break;
        if (sent.error().code != Errc::overloaded) co_return std::move(sent).error();
        CO_TRY_VOID(co_await client.room());
    }
    in_flight_.push_back(true);
    bucket_.spend(queued.payload.size() + queued.topic.size(), loop_.clock().steady());
    co_return Result<>{};
}

// Of any rank, or, while the uplink's limit holds the others back, of decisions.
Task<> Connection::wait_for_more() {
    const nanoseconds held = bucket_.wait(loop_.clock().steady());
    if (held == nanoseconds{0}) co_return co_await outbox_.more();
    auto decisions = outbox_.more(outbox::Rank::decisions);
    const SteadyTime began = loop_.clock().steady();
    auto waited = co_await within(held, std::move(decisions));
    figures_.held_back += loop_.clock().steady() - began;
    if (!waited && waited.error().code != Errc::timed_out) co_return std::move(waited);
    co_return Result<>{};
}

void Connection::limit(std::uint64_t bytes_per_second, std::uint64_t burst_bytes) {
    bucket_.set(bytes_per_second, burst_bytes, loop_.clock().steady());
}

Task<> Connection::receive(mqtt::Client& client, const Listener& listener) {
    const std::string commands = topic_of(identity_.device, "command/");
    for (;;) {
        CO_TRY(auto message, co_await client.receive());
        if (message.topic == topic_of(identity_.device, "desired"))
            listener.desired(std::string(text_of(message.payload)));
        else if (message.topic.starts_with(commands))
            listener.command(message.topic.substr(commands.size()),
                             std::string(text_of(message.payload)));
    }
}

void Connection::on_acknowledged(mqtt::Sequence sequence) {
    for (; acknowledged_ < sequence && !in_flight_.empty(); ++acknowledged_) {
        if (in_flight_.front()) outbox_.acknowledge_one();
        in_flight_.pop_front();
    }
}

void Connection::reconnect() {
    if (over_) over_->set();
}

bool Connection::publish_now(const std::string& rest_of_topic, std::string_view text) {
    if (!client_ || !figures_.connected) return false;
    const auto sent = client_->publish(topic_of(identity_.device, rest_of_topic), bytes_of(text),
                                       mqtt::QoS::at_least_once);
    if (!sent) return false;
    in_flight_.push_back(false);
    return true;
}

}  // namespace mw::agent
