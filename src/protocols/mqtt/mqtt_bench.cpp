#include <benchmark/benchmark.h>

#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::mqtt {
namespace {

// A wire that takes everything and keeps nothing.
class Sink final : public Wire {
 public:
    void write(ByteView bytes) override { total += bytes.size(); }
    std::size_t unsent() const override { return 0; }
    std::string peer() const override { return {}; }
    void time_flush(SteadyTime) override {}
    void on_full() override {}
    void on_readable() override {}
    void on_close(bool) override {}
    std::size_t total = 0;
};

struct Clients {
    explicit Clients(const Authorizer& authorizer)
        : core({clock, random, authorizer, nullptr, {}}) {}
    Connection& connect(Wire& wire, const char* id, Identity identity = {}) {
        auto connection = std::make_unique<Connection>(core, wire, std::move(identity));
        Connect hello;
        hello.client_id = id;
        Bytes bytes;
        encode(bytes, hello);
        connection->receive(bytes);
        connections.push_back(std::move(connection));
        return *connections.back();
    }
    RealClock clock;
    SeededRandom random{1};
    Core core;
    std::vector<std::unique_ptr<Connection>> connections;
};

Bytes publishes(int count, QoS qos, std::string_view topic) {
    const std::string payload(64, 'x');
    Bytes bytes;
    for (int n = 1; n <= count; ++n) {
        Publish packet;
        packet.topic = topic;
        packet.payload = bytes_of(payload);
        packet.qos = qos;
        packet.id = qos == QoS::at_most_once ? PacketId{0} : static_cast<PacketId>(n);
        encode(bytes, Version::v5, packet);
    }
    return bytes;
}

void Codec_decode_publish(benchmark::State& state) {
    const Bytes bytes = publishes(1, QoS::at_least_once, "mw/v1/gateway-1/data/main");
    Frame frame;
    Publish packet;
    for (auto _ : state) {
        benchmark::DoNotOptimize(next_frame(bytes, 1 << 20, frame).ok());
        benchmark::DoNotOptimize(decode(frame, Version::v5, packet).ok());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Codec_decode_publish);

// Decode, authorize, route to one subscriber, acknowledge: 16 publishes a read.
void Session_receive_publishes(benchmark::State& state) {
    const auto qos = static_cast<QoS>(state.range(0));
    const OpenAuthorizer everybody;
    Clients clients(everybody);
    Sink in;
    Sink out;
    Connection& publisher = clients.connect(in, "p");
    Connection& subscriber = clients.connect(out, "s");
    Subscribe subscribe;
    subscribe.id = 1;
    subscribe.filters.push_back({"mw/#", {.qos = qos}});
    Bytes bytes;
    encode(bytes, Version::v5, subscribe);
    subscriber.receive(bytes);
    const Bytes batch = publishes(16, qos, "mw/v1/gateway-1/data/main");
    PacketId next = 1;
    for (auto _ : state) {
        publisher.receive(batch);
        if (qos == QoS::at_most_once) continue;
        bytes.clear();
        for (int n = 0; n < 16; ++n) {
            encode_puback(bytes, next);
            next = next == 65'535 ? PacketId{1} : static_cast<PacketId>(next + 1);
        }
        subscriber.receive(bytes);
    }
    state.SetItemsProcessed(state.iterations() * 16);
}
BENCHMARK(Session_receive_publishes)->Arg(0)->Arg(1);

void DeviceTopics_may_publish(benchmark::State& state) {
    auto parents = std::make_shared<ParentOf>();
    for (int n = 0; n < 1'000; ++n) parents->emplace("pump-" + std::to_string(n), "gw-1");
    const std::shared_ptr<const ParentOf> snapshot = parents;
    const DeviceTopics topics([&] { return snapshot; });
    const Identity gateway{Identity::Kind::device, "gw-1"};
    const char* topic = state.range(0) == 0 ? "mw/v1/gw-1/data/main" : "mw/v1/pump-777/data/main";
    for (auto _ : state) benchmark::DoNotOptimize(topics.may_publish(gateway, topic));
}
BENCHMARK(DeviceTopics_may_publish)->Arg(0)->Arg(1);

void TopicTree_match(benchmark::State& state) {
    SubscriptionTree tree;
    for (std::uintptr_t n = 0; n < static_cast<std::uintptr_t>(state.range(0)); ++n) {
        auto* session = reinterpret_cast<Session*>((n + 1) * 64);
        tree.add("mw/v1/device-" + std::to_string(n) + "/command/+", {session, {}, 0});
    }
    std::vector<Subscription> out;
    for (auto _ : state) {
        out.clear();
        tree.match("mw/v1/device-77/command/9", out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(TopicTree_match)->Arg(1'000)->Arg(100'000);

// Client and broker on one loop, over TCP: publish, uplink-less broker, PUBACK.
void Tcp_publish_acknowledged(benchmark::State& state) {
    auto loop = Loop::open().value();
    SystemRandom random;
    const OpenAuthorizer everybody;
    Broker broker(*loop, random, {}, everybody, nullptr);
    auto listener = net::Listener::open(*loop, {}).value();
    const net::Address address = listener->address();
    broker.serve(std::move(listener), [](ByteView) -> Result<Identity> { return Identity{}; });
    auto stream =
        sync_wait(*loop, net::connect({.host = address.host, .port = address.port})).value();
    auto client = sync_wait(*loop, Client::connect(std::move(stream), {})).value();
    const std::string payload(64, 'x');
    const auto batch = static_cast<Sequence>(state.range(0));
    Sequence last = 0;
    for (auto _ : state) {
        for (Sequence n = 0; n < batch; ++n)
            last =
                client->publish("mw/v1/gateway-1/data/main", bytes_of(payload), QoS::at_least_once)
                    .value();
        ASSERT(sync_wait(*loop, client->acknowledged(last)).ok());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    client.reset();
    ASSERT(sync_wait(*loop, broker.stop()).ok());
}
BENCHMARK(Tcp_publish_acknowledged)->Arg(1)->Arg(100);

}  // namespace
}  // namespace mw::mqtt

BENCHMARK_MAIN();
