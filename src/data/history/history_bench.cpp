// Claims in README and bench/results come from here: append with and without a real disk behind it,
// head insert alone, snapshots.
#include <benchmark/benchmark.h>

#include "data/history/generation.h"
#include "data/history/history.h"

namespace mw::history {
namespace {

// Writes nothing: the benchmark is about what comes before.
class NoSegments final : public SegmentWriter {
    Result<PointRows> write_points(const PointPaths& paths, SortedPoints& points) override {
        files::RealFiles real;
        TRY(auto file, real.open(paths.points, files::Mode::create_new));
        return PointRows{.points = points.rows()};
    }
    Result<std::uint64_t> write_decisions(const std::string& path,
                                          const std::vector<DecisionRow>& rows) override {
        files::RealFiles real;
        TRY(auto file, real.open(path, files::Mode::create_new));
        return rows.size();
    }
};

Batch batch_of(int device, int signals, int samples) {
    Batch batch;
    batch.device.text = "device-" + std::to_string(device);
    for (int s = 0; s < signals; ++s) {
        auto begin = static_cast<std::uint32_t>(s * samples);
        batch.runs.push_back({"signal-" + std::to_string(s), "bar", begin,
                              begin + static_cast<std::uint32_t>(samples)});
        for (int i = 0; i < samples; ++i) {
            batch.times.push_back({});
            batch.values.push_back(i * 0.01);
            batch.quality.push_back(Quality::good());
        }
    }
    return batch;
}

void set_times(Batch& batch, int samples, std::int64_t round) {
    for (std::size_t i = 0; i < batch.times.size(); ++i)
        batch.times[i].ns = (round * samples + static_cast<std::int64_t>(i) % samples) * 1'000'000;
}

struct Bench {
    Bench() {
        HistoryOptions options;
        options.directory = files::join(folder.path(), "history");
        options.head_bytes_max = std::size_t{2} << 30;
        history =
            std::move(History::open(options, {files, *loop, workers, writer, metrics})).value();
    }
    ~Bench() { ignore(sync_wait(*loop, history->stop()), "done"); }
    files::TemporaryDirectory folder =
        std::move(files::TemporaryDirectory::make("millwright-bench-")).value();
    files::RealFiles files;
    std::unique_ptr<Loop> loop = std::move(Loop::open()).value();
    Workers workers;
    NoSegments writer;
    metrics::Registry metrics;
    std::unique_ptr<History> history;
};

// Arg: samples of each of 10 signals in a batch. Acknowledged: every turn ends with what was
// synced.
void History_append_durable(benchmark::State& state) {
    Bench bench;
    int samples = static_cast<int>(state.range(0));
    std::vector<Batch> batches;
    for (int d = 0; d < 100; ++d) batches.push_back(batch_of(d, 10, samples));
    std::int64_t round = 0, points = 0;
    auto run = [&]() -> Task<> {
        for (auto _ : state) {
            for (auto& batch : batches) {
                set_times(batch, samples, round);
                while (!bench.history->append(batch)) {
                    auto flushed = bench.history->flush();
                    ignore(co_await std::move(flushed), "room again");
                }
                points += static_cast<std::int64_t>(batch.size());
            }
            ++round;
            CO_TRY_VOID(co_await yield());
        }
        auto flushed = bench.history->flush();
        co_return co_await std::move(flushed);
    };
    if (!sync_wait(*bench.loop, run())) state.SkipWithError("the disk failed");
    state.SetItemsProcessed(points);
}
BENCHMARK(History_append_durable)
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void Generation_add(benchmark::State& state) {
    constexpr int series = 10'000;
    auto samples = static_cast<std::size_t>(state.range(0));
    std::vector<Timestamp> times(samples);
    std::vector<double> values(samples, 1.5);
    std::vector<Quality> quality(samples);
    std::int64_t points = 0, round = 0;
    auto generation = std::make_shared<Generation>();
    for (auto _ : state) {
        for (std::size_t i = 0; i < samples; ++i)
            times[i].ns = round * static_cast<std::int64_t>(samples) + static_cast<std::int64_t>(i);
        for (std::uint32_t s = 0; s < series; ++s)
            generation->add({s}, {times, values, quality}, time_lowest);
        points += static_cast<std::int64_t>(series * samples);
        ++round;
        if (generation->points() > 20'000'000) {
            state.PauseTiming();
            generation = std::make_shared<Generation>();
            state.ResumeTiming();
        }
    }
    state.SetItemsProcessed(points);
}
BENCHMARK(Generation_add)->Arg(1)->Arg(10)->Arg(100);

// Arg 0: all of 10 000 series with 400 points each; 1: one device's 10 series.
void Generation_snapshot(benchmark::State& state) {
    SeriesTable table;
    auto generation = std::make_shared<Generation>();
    std::vector<Timestamp> times(400);
    for (int i = 0; i < 400; ++i) times[i].ns = i;
    std::vector<double> values(400);
    std::vector<Quality> quality(400);
    for (std::uint32_t s = 0; s < 10'000; ++s) {
        table.declare({s}, "device-" + std::to_string(s / 10), "signal-" + std::to_string(s % 10),
                      "bar");
        generation->add({s}, {times, values, quality}, time_lowest);
    }
    Bounds bounds;
    if (state.range(0) == 1) bounds.devices = {"device-77"};
    for (auto _ : state) benchmark::DoNotOptimize(generation->snapshot(bounds, table));
}
BENCHMARK(Generation_snapshot)->Arg(0)->Arg(1);

}  // namespace
}  // namespace mw::history

BENCHMARK_MAIN();
