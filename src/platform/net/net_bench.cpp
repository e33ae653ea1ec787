// Echo over loopback on one thread, both ends: CPU per round trip of the loop, coroutines and
// kernel.
#include <benchmark/benchmark.h>
#include <time.h>

#include "platform/net/net.h"
#include "platform/net/throwaway_pki.h"

namespace mw::net {
namespace {

double thread_cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Task<> echo(std::unique_ptr<Stream> stream) {
    for (;;) {
        CO_TRY(auto bytes, co_await stream->read());
        if (bytes.empty()) co_return Result<>{};
        CO_TRY_VOID(stream->write(bytes));
    }
}

struct Echo {
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<Listener> listener;
    Scope scope{*loop};
    std::vector<std::unique_ptr<Stream>> clients;
    ConnectOptions to;

    Echo(bool tls, std::size_t connections) {
        ListenOptions options;
        ThrowawayPki pki;
        if (tls) {
            Pem own = pki.issue("server", "IP:127.0.0.1");
            options.tls = *TlsContext::server({.certificate_chain = own.certificate,
                                               .private_key = own.key,
                                               .trusted = pki.ca(),
                                               .client_certificate = ClientCertificate::required});
        }
        listener = *Listener::open(*loop, options);
        to = {.host = "127.0.0.1", .port = listener->address().port};
        if (tls) {
            Pem own = pki.issue("client");
            to.tls = *TlsContext::client({.certificate_chain = own.certificate,
                                          .private_key = own.key,
                                          .trusted = pki.ca()});
        }
        scope.spawn(accept_all());
        for (std::size_t i = 0; i < connections; ++i)
            clients.push_back(*sync_wait(*loop, connect(to)));
    }
    Task<> accept_all() {
        for (;;) {
            CO_TRY(auto stream, co_await listener->accept());
            scope.spawn(echo(std::move(stream)));
        }
    }
    Task<> ping(Stream& stream, int rounds, std::size_t size) {
        std::string message(size, 'x');
        for (int i = 0; i < rounds; ++i) {
            CO_TRY_VOID(stream.write(message));
            for (std::size_t got = 0; got < size;) {
                CO_TRY(auto bytes, co_await stream.read());
                got += bytes.size();
            }
        }
        co_return Result<>{};
    }
};

// Args: TLS, connections at once, bytes per message.
void Stream_echo(benchmark::State& state) {
    Echo world(state.range(0) != 0, static_cast<std::size_t>(state.range(1)));
    const auto size = static_cast<std::size_t>(state.range(2));
    constexpr int rounds = 200;
    double cpu = 0, trips = 0;
    for (auto _ : state) {
        double before = thread_cpu_seconds();
        Scope pings(*world.loop);
        for (auto& client : world.clients) pings.spawn(world.ping(*client, rounds, size));
        ignore(sync_wait(*world.loop, pings.join()), "measured by its time");
        cpu += thread_cpu_seconds() - before;
        trips += rounds * static_cast<double>(world.clients.size());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(trips));
    state.SetBytesProcessed(static_cast<std::int64_t>(trips * 2 * static_cast<double>(size)));
    state.counters["round_trips_per_cpu_s"] = trips / cpu;
    state.counters["cpu_us_per_trip"] = cpu / trips * 1e6;
}
BENCHMARK(Stream_echo)
    ->ArgNames({"tls", "connections", "bytes"})
    ->ArgsProduct({{0, 1}, {1, 64}, {80, 16384}})
    ->Unit(benchmark::kMillisecond);

// The whole way to a connection with both certificates verified, both ends.
void Tls_connect(benchmark::State& state) {
    Echo world(state.range(0) != 0, 0);
    double before = thread_cpu_seconds();
    for (auto _ : state) benchmark::DoNotOptimize(sync_wait(*world.loop, connect(world.to)));
    state.counters["cpu_us_per_connect"] = benchmark::Counter((thread_cpu_seconds() - before) * 1e6,
                                                              benchmark::Counter::kAvgIterations);
}
BENCHMARK(Tls_connect)->ArgName("tls")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mw::net

BENCHMARK_MAIN();
