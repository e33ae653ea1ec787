// frames_load GATEWAY_DIR HOST PORT SECONDS FRAMES_PER_SECOND [FRAMES IN_FLIGHT SESSIONS]:
// publishes JSON frames of 100 samples at QoS 1 over mutual TLS, with the certificate of an
// enrolled gateway, for so long or until there were FRAMES. A rate of 0 is as fast as the hub
// acknowledges. Of several sessions each has a stream and a signal of its own, load-1 and so on.
// Prints one JSON line: frames, points, seconds, own CPU seconds.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "device/agent/identity_files.h"
#include "device/agent/topics.h"
#include "platform/net/net.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/payload/payload.h"

namespace mw {
namespace {

constexpr std::size_t samples_per_frame = 100;
constexpr std::int64_t sample_ns = 1'000'000;

struct Order {
    std::string directory, host;
    std::uint16_t port = 0;
    double seconds_long = 5;
    double frames_per_second = 0;
    std::uint64_t frames = UINT64_MAX;
    std::size_t in_flight = 1000;
    int sessions = 1;
};

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds_of = [](const timeval& t) {
        return double(t.tv_sec) + double(t.tv_usec) / 1e6;
    };
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// Random-walk values with two decimals, as sensors give them; the last sample's time is now.
class Frames {
 public:
    Frames(std::uint64_t seed, std::string signal)
        : random_(seed), signal_(std::move(signal)), values_(samples_per_frame) {}

    const std::string& next(Timestamp now) {
        for (double& value : values_)
            value = double(level_ += std::int64_t(random_.below(7)) - 3) / 100;
        const payload::Column column{signal_, values_};
        const Timestamp start = now - nanoseconds{sample_ns * std::int64_t(samples_per_frame - 1)};
        text_.clear();
        payload::encode_frame({.sequence = ++sequence_}, start, nanoseconds{sample_ns},
                              {&column, 1}, text_);
        return text_;
    }
    void continue_after(std::uint64_t sequence) { sequence_ = sequence; }

 private:
    SeededRandom random_;
    std::string signal_;
    std::vector<double> values_;
    std::int64_t level_ = 5000;
    std::uint64_t sequence_ = 0;
    std::string text_;
};

// At full speed frames must not overlap: a tenth of a second of event time each, in a past that no
// other run of this day uses (a second of ours takes less than 10,000 of theirs).
Timestamp full_speed_time(Timestamp began_at, std::uint64_t frame) {
    constexpr std::int64_t second = 1'000'000'000, year_1980 = 315'532'800 * second;
    const std::int64_t of_day = began_at.ns / second % 86'400;
    return {year_1980 + of_day * 10'000 * second + static_cast<std::int64_t>(frame) * second / 10};
}

struct Session {
    const Order& order;
    const net::ConnectOptions& where;
    const DeviceId& device;
    std::string name;  // of its stream and signal
    std::string client_id;
    std::uint64_t sent = 0;
};

Task<> run(Session& session, Clock& clock) {
    const Order& order = session.order;
    CO_TRY(auto stream, co_await net::connect(session.where));
    mqtt::ClientOptions options;
    options.client_id = session.client_id;
    options.in_flight_max = static_cast<std::uint16_t>(order.in_flight);
    CO_TRY(auto client, co_await mqtt::Client::connect(std::move(stream), std::move(options)));

    const std::string topic = agent::topic_of(session.device, "data/" + session.name);
    Frames frames(1, session.name);
    frames.continue_after(static_cast<std::uint64_t>(clock.now().ns));
    const SteadyTime began = clock.steady();
    const Timestamp began_at = clock.now();
    const nanoseconds limit{static_cast<std::int64_t>(order.seconds_long * 1e9)};
    std::uint64_t& sent = session.sent;
    while (clock.steady() - began < limit && sent < order.frames) {
        if (order.frames_per_second > 0) {
            const nanoseconds due{
                static_cast<std::int64_t>(double(sent) / order.frames_per_second * 1e9)};
            const nanoseconds wait = began + due - clock.steady();
            if (wait > nanoseconds{0}) CO_TRY_VOID(co_await sleep_for(wait));
        }
        const std::string& text = frames.next(
            order.frames_per_second > 0 ? clock.now() : full_speed_time(began_at, sent));
        auto published = client->publish(topic, bytes_of(text), mqtt::QoS::at_least_once);
        while (!published && published.error().code == Errc::overloaded) {
            CO_TRY_VOID(co_await client->room());
            published = client->publish(topic, bytes_of(text), mqtt::QoS::at_least_once);
        }
        if (!published) co_return std::move(published).error();
        ++sent;
    }
    co_return co_await client->acknowledged(static_cast<mqtt::Sequence>(sent));
}

Task<> load(Order order, Loop& loop, Clock& clock) {
    files::RealFiles files;
    CO_TRY(const auto identity, agent::load_identity(files, order.directory));
    net::TlsOptions tls;
    tls.certificate_chain = identity.current.chain_pem;
    tls.private_key = identity.current.key_pem;
    tls.trusted = identity.anchors_pem;
    net::ConnectOptions where;
    where.host = order.host;
    where.port = order.port;
    where.server_name = "localhost";
    CO_TRY(where.tls, net::TlsContext::client(std::move(tls)));
    const std::string& device = identity.device.text;
    std::deque<Session> sessions;
    Scope scope(loop);
    const SteadyTime began = clock.steady();
    for (int i = 1; i <= order.sessions; ++i) {
        const std::string end = order.sessions == 1 ? "" : "-" + std::to_string(i);
        sessions.push_back({order, where, identity.device, "load" + end, device + end});
        scope.spawn(run(sessions.back(), clock));
    }
    CO_TRY_VOID(co_await scope.join());
    if (scope.failures() > 0) co_return Error{Errc::io_failed, "a session ended early"};
    std::uint64_t sent = 0;
    for (const Session& session : sessions) sent += session.sent;
    const double took = double((clock.steady() - began).count()) / 1e9;
    std::printf("{\"frames\":%llu,\"points\":%llu,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
                static_cast<unsigned long long>(sent),
                static_cast<unsigned long long>(sent * samples_per_frame), took, cpu_seconds());
    co_return Result<>{};
}

}  // namespace
}  // namespace mw

int main(int argc, char** argv) {
    if (argc != 6 && argc != 9) {
        std::fprintf(stderr,
                     "usage: frames_load GATEWAY_DIR HOST PORT SECONDS FRAMES_PER_SECOND "
                     "[FRAMES IN_FLIGHT SESSIONS]\n");
        return 2;
    }
    mw::Order order{argv[1], argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])),
                    std::atof(argv[4]), std::atof(argv[5])};
    if (argc == 9) {
        order.frames = std::strtoull(argv[6], nullptr, 10);
        order.in_flight = std::strtoull(argv[7], nullptr, 10);
        order.sessions = std::atoi(argv[8]);
    }
    mw::RealClock clock;
    auto loop = mw::Loop::open();
    if (!loop) return 1;
    const auto outcome = mw::sync_wait(**loop, mw::load(std::move(order), **loop, clock));
    if (!outcome) std::fprintf(stderr, "frames_load: %s\n", outcome.error().message.c_str());
    return outcome ? 0 : 1;
}
