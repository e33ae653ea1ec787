// Requests over loopback, server and client on one thread.
#include <benchmark/benchmark.h>

#include "platform/http/http.h"

namespace mw::http {
namespace {

Router router() {
    Router r;
    for (int i = 0; i < 60; ++i)
        r.add(Method::get, "/v1/kind" + std::to_string(i) + "/{name}",
              [](Request q) -> Task<Response> { co_return Response::text(200, q.param("name")); });
    return r;
}

void Request_small(benchmark::State& state) {
    auto loop = *Loop::open();
    auto server = *Server::open(*loop, {}, router());
    ClientOptions options;
    options.server = {.host = "127.0.0.1", .port = server->address().port};
    Client client(*loop, options);
    for (auto _ : state) {
        Request request;
        request.path = "/v1/kind59/pump-7";
        benchmark::DoNotOptimize(sync_wait(*loop, client.request(std::move(request))));
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Request_small)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mw::http

BENCHMARK_MAIN();
