// Messages of metrics by alias, to batches that nobody stores: what Sparkplug adds to a point.
#include <benchmark/benchmark.h>

#include "protocols/sparkplug/sparkplug.h"
#include "protocols/sparkplug/test_payload.h"

namespace mw::sparkplug {
namespace {

class Nowhere final : public Outlet {
 public:
    Result<Ticket> store(Batch& batch) override {
        points += batch.size();
        return Ticket{1};
    }
    Result<Ticket> bury(std::string_view, std::string_view, std::string_view, ByteView) override {
        return Ticket{1};
    }
    void send(std::string, Bytes, bool, mqtt::QoS) override {}
    std::size_t points = 0;
};

void Sparkplug_receive(benchmark::State& state) {
    SimulatedClock clock;
    metrics::Registry registry;
    Nowhere outlet;
    Host host({}, clock, outlet, registry);
    host.declare(std::make_shared<const Addresses>(Addresses{{"gw", {"plant", "line", ""}}}));
    std::string birth = "seq=255 t=1700000000000", data = " t=1700000000001";
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        const std::string alias = " a=" + std::to_string(i);
        birth += " | metric-" + std::to_string(i) + alias + " y=10 v=1.5";
        data += " | -" + alias + " v=2.5 t=1700000000001";
    }
    const auto ticket = host.receive("spBv1.0/plant/NBIRTH/line", TestPayload::from(birth), {});
    if (!ticket) return state.SkipWithError("the birth was refused");
    std::vector<Bytes> messages;
    for (int seq = 0; seq < 256; ++seq)
        messages.push_back(TestPayload::from("seq=" + std::to_string(seq) + data));
    outlet.points = 0;
    std::size_t at = 0, bytes = 0;
    for (auto _ : state) {
        const Bytes& message = messages[at++ % messages.size()];
        bytes += message.size();
        benchmark::DoNotOptimize(host.receive("spBv1.0/plant/NDATA/line", message, {}));
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(outlet.points));
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(Sparkplug_receive)->Arg(1)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace mw::sparkplug

BENCHMARK_MAIN();
