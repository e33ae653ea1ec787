// MQTT sessions in the journal, without sockets: what a message costs with a lasting subscriber,
// and how long a broker takes to come back with many queued ones. Prints one JSON object.
//     mqtt_sessions_load DIRECTORY MESSAGES
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "platform/files/files.h"
#include "protocols/mqtt/fake_world.h"

namespace {

using namespace mw;

constexpr std::size_t absent_sessions = 200;  // each may queue 10,000 messages
constexpr std::size_t flush_every = 1'000;

const mqtt::OpenAuthorizer everybody;

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds_of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

std::uint64_t peak_bytes() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
}

// A broker between two starts.
class Life {
 public:
    static Result<std::unique_ptr<Life>> open(const std::string& directory) {
        auto life = std::make_unique<Life>();
        TRY(life->loop, Loop::open());
        life->core = std::make_unique<mqtt::Core>(
            mqtt::Core::Parts{life->clock, life->random, everybody, nullptr, limits()});
        if (directory.empty()) return life;
        mqtt::JournalState state;
        auto replay = [&state](const mqtt::JournalRecord& record,
                               const mqtt::Journal::Place& place) { state.apply(record, place); };
        mqtt::JournalOptions options;
        options.directory = directory;
        TRY(life->journal, mqtt::Journal::open(life->files, *life->loop, life->workers,
                                               std::move(options), replay));
        life->core->use(*life->journal, std::move(state));
        life->journal->on_durable(
            [core = life->core.get()](Ticket) { core->on_journal_durable(); });
        return life;
    }
    ~Life() {
        clients.clear();
        if (journal) journal->on_durable({});
        core.reset();
        if (journal) ignore(sync_wait(*loop, journal->stop()), "all was flushed before");
    }
    static mqtt::Limits limits() {
        mqtt::Limits limits;
        limits.queued_bytes_in_all = std::size_t{1} << 30;
        return limits;
    }
    mqtt::FakeClient& connect(const std::string& name, std::uint32_t expiry_s) {
        auto& client = clients[name];
        client = std::make_unique<mqtt::FakeClient>();
        client->connection =
            std::make_unique<mqtt::Connection>(*core, client->wire, mqtt::Identity{});
        mqtt::Connect packet;
        packet.client_id = name;
        packet.clean_start = false;
        packet.properties.set(mqtt::Property::session_expiry, expiry_s);
        Bytes bytes;
        encode(bytes, packet);
        client->connection->receive(bytes);
        return *client;
    }
    Result<> flush() { return journal ? sync_wait(*loop, journal->flush()) : Result<>{}; }

    files::RealFiles files;
    std::unique_ptr<Loop> loop;
    Workers workers{{1, 16, 0, "log"}};
    RealClock clock;
    SystemRandom random;
    std::unique_ptr<mqtt::Journal> journal;
    std::unique_ptr<mqtt::Core> core;
    std::map<std::string, std::unique_ptr<mqtt::FakeClient>> clients;
};

Bytes publish(const std::string& topic, mqtt::PacketId id) {
    static const Bytes payload(64, 'x');
    mqtt::Publish packet;
    packet.qos = mqtt::QoS::at_least_once;
    packet.id = id;
    packet.topic = topic;
    packet.payload = payload;
    Bytes bytes;
    encode(bytes, mqtt::Version::v5, packet);
    return bytes;
}

// Many publishers' messages to one subscriber who acknowledges each batch; CPU seconds a million.
Result<double> fan_in(const std::string& directory, std::size_t messages) {
    TRY(auto life, Life::open(directory));
    mqtt::FakeClient& subscriber = life->connect("s", directory.empty() ? 0 : 3'600);
    TRY_VOID(life->flush());
    subscribe(subscriber, "t/#");
    mqtt::FakeClient& publisher = life->connect("p", 0);
    constexpr std::size_t batch = 100;
    Bytes packets, answers;
    for (std::size_t i = 0; i < batch; ++i) {
        const Bytes one = publish("t/" + std::to_string(i), static_cast<mqtt::PacketId>(i + 1));
        packets.insert(packets.end(), one.begin(), one.end());
    }
    TRY_VOID(life->flush());
    const double before = cpu_seconds();
    std::size_t delivered = 0;
    for (std::size_t sent = 0; sent < messages; sent += batch) {
        publisher.connection->receive(packets);
        for (std::size_t i = 0; i < batch; ++i)
            mqtt::encode_puback(answers, static_cast<mqtt::PacketId>((sent + i) % 65'535 + 1));
        subscriber.connection->receive(answers);
        answers.clear();
        delivered += subscriber.wire.written.size();
        subscriber.wire.written.clear(), publisher.wire.written.clear();
        if (sent % flush_every == 0) TRY_VOID(life->flush());
    }
    TRY_VOID(life->flush());
    if (delivered < messages * 64) return Error{Errc::io_failed, "not all messages were delivered"};
    return (cpu_seconds() - before) / static_cast<double>(messages) * 1e6;
}

Result<> fill(const std::string& directory, std::size_t messages) {
    TRY(auto life, Life::open(directory));
    for (std::size_t i = 0; i < absent_sessions; ++i) {
        const std::string name = "absent-" + std::to_string(i);
        subscribe(life->connect(name, 3'600), "q/" + std::to_string(i));
        TRY_VOID(life->flush());
        life->clients.erase(name);
    }
    mqtt::FakeClient& publisher = life->connect("p", 0);
    for (std::size_t sent = 0; sent < messages; ++sent) {
        const std::string topic = "q/" + std::to_string(sent % absent_sessions);
        publisher.connection->receive(publish(topic, static_cast<mqtt::PacketId>(sent % 999 + 1)));
        publisher.wire.written.clear();
        if (sent % flush_every == flush_every - 1 || sent % 999 == 998) TRY_VOID(life->flush());
    }
    return life->flush();
}

Result<> run(const std::string& directory, std::size_t messages) {
    TRY(const double memory, fan_in("", messages));
    TRY(const double durable, fan_in(directory + "/fan-in", messages));
    TRY_VOID(fill(directory + "/queued", messages));
    const std::uint64_t before = peak_bytes();
    RealClock clock;
    const SteadyTime start = clock.steady();
    const double cpu = cpu_seconds();
    TRY(auto life, Life::open(directory + "/queued"));
    const double seconds = static_cast<double>((clock.steady() - start).count()) * 1e-9;
    const double cpu_used = cpu_seconds() - cpu;
    std::size_t queued = 0;
    for (const mqtt::SessionView& session : life->core->sessions())
        queued += session.queued_messages + session.inflight;
    std::printf(
        "{\"messages\": %zu, \"fan_in_cpu_s_per_M_memory\": %.3f, "
        "\"fan_in_cpu_s_per_M_durable\": %.3f, \"fan_in_ratio\": %.2f, "
        "\"queued_after_restart\": %zu, \"restart_s\": %.3f, \"restart_cpu_s\": %.3f, "
        "\"journal_bytes_per_message\": %.1f, \"peak_rss_mb_before\": %.0f, "
        "\"peak_rss_mb\": %.0f}\n",
        messages, memory, durable, durable / memory, queued, seconds, cpu_used,
        static_cast<double>(life->journal->bytes()) / static_cast<double>(messages),
        static_cast<double>(before) / 1e6, static_cast<double>(peak_bytes()) / 1e6);
    if (queued != messages) return Error{Errc::io_failed, "queued messages were lost"};
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "mqtt_sessions_load DIRECTORY MESSAGES\n");
        return 2;
    }
    const auto done = run(argv[1], static_cast<std::size_t>(std::atol(argv[2])));
    if (done) return 0;
    mw::log::error("mqtt.sessions.failed", {{"reason", done.error()}});
    return 1;
}
