// Sealing: the generator of the store research (1000 devices x 10 metrics, random walks in steps of
// 0.01, +-5 ms jitter shared by a device's metrics, one in a thousand not good), by our own writer
// and by its peer, DuckDB's COPY. The argument is the number of points a series.
#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>

#include "base/random.h"
#include "data/history/history.h"
#include "data/segments/duckdb_peer.h"
#include "data/segments/scaled.h"
#include "data/segments/segments.h"

namespace mw::segments {
namespace {

namespace fs = std::filesystem;

constexpr Timestamp start{1'767'225'600'000'000'000};
constexpr int devices = 1000;
constexpr int metrics_each = 10;

enum class Shape { decimal, full_mantissas, regular, own_times };

struct Generated {
    std::string directory;
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 1}};
    files::RealFiles files;
    metrics::Registry metrics;
    std::optional<ParquetWriter> writer;  // that history asks for
    std::unique_ptr<history::History> history;

    Generated(Shape shape, int points_each) {
        std::string name = (fs::temp_directory_path() / "mw_segments_bench_XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        directory = name;
        writer.emplace(WriterOptions{.directory = directory});
        history::HistoryOptions options;
        options.directory = directory;
        options.head_bytes_max = std::size_t{2} << 30;
        options.seal_points = std::size_t{1} << 40;
        history =
            history::History::open(options, {files, *loop, workers, *writer, metrics}).value();
        SeededRandom random(42);
        for (int device = 0; device < devices; ++device) {
            append(device, shape, points_each, random);
            ignore(sync_wait(*loop, history->flush()), "not what is measured");
        }
    }
    ~Generated() {
        ignore(sync_wait(*loop, history->stop()), "the bench is over");
        history.reset();
        fs::remove_all(directory);
    }

    std::vector<Timestamp> times(Shape shape, int count, SeededRandom& random) {
        std::vector<Timestamp> times;
        for (int i = 0; i < count; ++i) {
            const int jitter = static_cast<int>(random.below(11)) - 5;
            times.push_back(start + seconds{10 * i} +
                            milliseconds{shape == Shape::regular ? 0 : jitter});
        }
        return times;
    }

    void append(int device, Shape shape, int points_each, SeededRandom& random) {
        constexpr double sigma[metrics_each] = {.3, 1, 1, 2, 3, 5, 5, 10, 20, 50};
        auto shared = times(shape, points_each, random);
        Batch batch;
        batch.device = {"device-" + std::to_string(device)};
        for (int m = 0; m < metrics_each; ++m) {
            const auto begin = static_cast<std::uint32_t>(batch.times.size());
            double level = static_cast<double>(random.below(20'000));
            if (shape == Shape::own_times) shared = times(shape, points_each, random);
            for (const Timestamp time : shared) {
                const double step = random.normal() * sigma[m];
                level += shape == Shape::full_mantissas ? step : std::round(step);
                batch.times.push_back(time);
                batch.values.push_back(level / 100);
                batch.quality.push_back(random.below(1000) == 0 ? Quality::uncertain(Reason::spike)
                                                                : Quality::good());
            }
            batch.runs.push_back({"metric-" + std::to_string(m), "bar", begin,
                                  static_cast<std::uint32_t>(batch.times.size())});
        }
        if (!history->append(batch)) std::abort();
    }
};

void count(benchmark::State& state, std::uint64_t rows) {
    state.SetItemsProcessed(static_cast<std::int64_t>(rows));
    state.counters["ns_per_point"] = benchmark::Counter(
        static_cast<double>(rows), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

struct Own {
    explicit Own(const std::string& directory) : writer({.directory = directory}) {}
    Result<std::uint64_t> write_points(const std::string& path, history::SortedPoints& points) {
        const history::PointPaths paths{path, path + ".rollups"};
        TRY(const auto written, writer.write_points(paths, points));
        rollup_bytes = static_cast<double>(fs::file_size(paths.rollups));
        fs::remove(paths.rollups);
        return written.points;
    }
    ParquetWriter writer;
    double rollup_bytes = 0;
};

template <class Writer>
void seal(benchmark::State& state, Shape shape) {
    Generated generated(shape, static_cast<int>(state.range(0)));
    const auto snapshot = generated.history->snapshot_here({});
    const history::HeadSnapshot& head = *snapshot.heads.at(0);
    Writer writer(generated.directory);
    std::uint64_t rows = 0;
    double bytes = 0;
    for (auto _ : state) {
        const std::string path = generated.directory + "/bench.parquet";
        history::SortedPoints points(head, nullptr, history::time_lowest, history::time_highest);
        auto written = writer.write_points(path, points);
        if (!written) std::abort();
        rows += *written;
        bytes = static_cast<double>(fs::file_size(path)) / static_cast<double>(*written);
        fs::remove(path);
    }
    count(state, rows);
    state.counters["bytes_per_point"] = bytes;
    if constexpr (std::is_same_v<Writer, Own>)
        state.counters["rollup_bytes_per_point"] = writer.rollup_bytes *
                                                   static_cast<double>(state.iterations()) /
                                                   static_cast<double>(rows);
}

// All of a seal as history does it, with the worker's part: days, rows in order, file, sync,
// catalog, and freeing the head.
void seal_whole(benchmark::State& state) {
    std::optional<Generated> generated;
    std::uint64_t rows = 0;
    for (auto _ : state) {
        state.PauseTiming();
        generated.reset();
        generated.emplace(Shape::decimal, static_cast<int>(state.range(0)));
        rows += generated->history->figures().head_points;
        state.ResumeTiming();
        if (!sync_wait(*generated->loop, generated->history->seal_now())) std::abort();
    }
    count(state, rows);
}

void measure(const char* name, Shape shape) {
    const std::string text = name;
    for (auto* bench :
         {benchmark::RegisterBenchmark(("Segments_seal_" + text).c_str(), &seal<Own>, shape),
          benchmark::RegisterBenchmark(("Segments_seal_" + text + "_duckdb").c_str(),
                                       &seal<DuckdbPeer>, shape)})
        bench->Arg(160)->Arg(400)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
}

void Scaled_choose_exponent(benchmark::State& state) {
    SeededRandom random(1);
    std::vector<double> values(4096);
    for (double& value : values) value = double(random.below(100'000)) / 100;
    for (auto _ : state) benchmark::DoNotOptimize(choose_exponent(values));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
}
BENCHMARK(Scaled_choose_exponent);

}  // namespace
}  // namespace mw::segments

int main(int count, char** arguments) {
    using mw::segments::Shape;
    mw::segments::measure("decimal_jit1", Shape::decimal);
    benchmark::RegisterBenchmark("History_seal_now", &mw::segments::seal_whole)
        ->Arg(400)
        ->Iterations(3)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
    mw::segments::measure("decimal_regular", Shape::regular);
    mw::segments::measure("decimal_own_times", Shape::own_times);
    mw::segments::measure("full_mantissas", Shape::full_mantissas);
    benchmark::Initialize(&count, arguments);
    benchmark::RunSpecifiedBenchmarks();
}
