// Durable creates per second and pages of a large list, on the file system of the temporary folder
// (set TMPDIR to choose the disk).
#include <benchmark/benchmark.h>

#include "data/registry/registry.h"

namespace mw::registry {
namespace {

struct World {
    explicit World(const std::string& name = "registry.db")
        : registry(*Registry::open(*loop, clock, metrics, {.path = folder.path() + "/" + name})) {}
    Resource device(int i) {
        Resource r;
        r.kind = "Device";
        r.name = "gw-" + std::to_string(1'000'000 + i);
        r.labels = {{"site", i % 10 ? "north" : "south"}, {"line", std::to_string(i % 100)}};
        r.spec = JsonObject{{"profile", "pump"},
                            {"models", JsonObject{{"pump", JsonObject{{"version", "1"}}}}}};
        return r;
    }
    Task<> create(Resource resource) {
        AuditNote note{"user:ada", "create", "a benchmark"};
        CO_TRY_VOID(co_await registry->create(std::move(resource), std::move(note)));
        co_return Result<>{};
    }
    void profile() {
        Resource r;
        r.kind = "DeviceProfile";
        r.name = "pump";
        ASSERT(sync_wait(*loop, create(std::move(r))).ok());
    }
    void devices(int from, int to, int at_once) {
        while (from < to) {
            Scope scope(*loop);
            for (int i = 0; i < at_once && from < to; ++i) scope.spawn(create(device(from++)));
            ASSERT(sync_wait(*loop, scope.join()).ok() && scope.failures() == 0);
        }
    }

    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    metrics::Registry metrics;
    RealClock clock;
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<Registry> registry;
};

// state.range(0) writers that each wait for durability before their next write.
void Registry_create(benchmark::State& state) {
    World world;
    world.profile();
    int next = 0;
    const int writers = int(state.range(0));
    for (auto _ : state) {
        world.devices(next, next + writers, writers);
        next += writers;
    }
    state.SetItemsProcessed(next);
}
BENCHMARK(Registry_create)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

World& hundred_thousand() {
    static World world;
    static const bool filled = [] {
        world.profile();
        world.devices(0, 100'000, 256);
        return true;
    }();
    ASSERT(filled);
    return world;
}

void list(benchmark::State& state, ListQuery query) {
    auto& world = hundred_thousand();
    query.kind = "Device";
    std::size_t items = 0;
    for (auto _ : state) {
        auto page = sync_wait(*world.loop, world.registry->list(query));
        ASSERT(page.ok());
        items += page->items.size();
    }
    state.SetItemsProcessed(std::int64_t(items));
}
void Registry_list_page_of_100k(benchmark::State& state) {
    ListQuery query;
    query.limit = std::size_t(state.range(0));
    list(state, query);
}
BENCHMARK(Registry_list_page_of_100k)
    ->Arg(100)
    ->Arg(500)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
void Registry_list_rare_label(benchmark::State& state) {
    ListQuery query;
    query.label_selector = "line=7,site!=south";
    list(state, query);
}
BENCHMARK(Registry_list_rare_label)->UseRealTime()->Unit(benchmark::kMillisecond);
void Registry_list_by_reference(benchmark::State& state) {
    ListQuery query;
    query.field_selector = "spec.profile=pump";
    list(state, query);
}
BENCHMARK(Registry_list_by_reference)->UseRealTime()->Unit(benchmark::kMillisecond);
void Registry_list_unindexed_field(benchmark::State& state) {
    ListQuery query;
    query.field_selector = "spec.models.pump.version=2";  // nothing: the whole kind is read
    list(state, query);
}
BENCHMARK(Registry_list_unindexed_field)->UseRealTime()->Unit(benchmark::kMillisecond);
// Somebody whose roles go by label: one line, two lines of a hundred, or two that nothing has.
void Registry_list_by_reach(benchmark::State& state) {
    const std::vector<std::vector<std::string>> lines = {{"7"}, {"7", "8"}, {"gone", "gone-too"}};
    ListQuery query;
    query.reach = {{std::nullopt, {{"line", lines[std::size_t(state.range(0))]}}}};
    list(state, query);
}
BENCHMARK(Registry_list_by_reach)->DenseRange(0, 2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mw::registry

BENCHMARK_MAIN();
