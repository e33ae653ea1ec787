// Sealing: the generator of the store research (1000 devices x 10 metrics, random walks in steps of
// 0.01, +-5 ms jitter shared by a device's metrics, one in a thousand not good), 160 points a
// series.
#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>

#include "base/random.h"
#include "data/history/history.h"
#include "data/segments/scaled.h"
#include "data/segments/segments.h"

namespace mw::segments {
namespace {

namespace fs = std::filesystem;

constexpr Timestamp start{1'767'225'600'000'000'000};
constexpr int devices = 1000;
constexpr int metrics_each = 10;
constexpr int points_each = 160;

struct Generated {
    std::string directory;
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 1}};
    files::RealFiles files;
    metrics::Registry metrics;
    std::optional<ParquetWriter> writer;
    std::unique_ptr<history::History> history;

    explicit Generated(bool decimal) {
        std::string name = (fs::temp_directory_path() / "mw_segments_bench_XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        directory = name;
        writer.emplace(WriterOptions{.directory = directory});
        history::HistoryOptions options;
        options.directory = directory;
        options.head_bytes_max = std::size_t{1} << 30;
        history =
            history::History::open(options, {files, *loop, workers, *writer, metrics}).value();
        SeededRandom random(42);
        for (int device = 0; device < devices; ++device) append(device, decimal, random);
        ignore(sync_wait(*loop, history->flush()), "not what is measured");
    }
    ~Generated() {
        ignore(sync_wait(*loop, history->stop()), "the bench is over");
        history.reset();
        fs::remove_all(directory);
    }

    void append(int device, bool decimal, SeededRandom& random) {
        constexpr double sigma[metrics_each] = {.3, 1, 1, 2, 3, 5, 5, 10, 20, 50};
        std::vector<Timestamp> times;
        for (int i = 0; i < points_each; ++i) {
            const int jitter = static_cast<int>(random.below(11)) - 5;
            times.push_back(start + seconds{10 * i} + milliseconds{jitter});
        }
        Batch batch;
        batch.device = {"device-" + std::to_string(device)};
        for (int m = 0; m < metrics_each; ++m) {
            const auto begin = static_cast<std::uint32_t>(batch.times.size());
            double level = static_cast<double>(random.below(20'000));
            for (const Timestamp time : times) {
                level +=
                    decimal ? std::round(random.normal() * sigma[m]) : random.normal() * sigma[m];
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

void seal(benchmark::State& state, bool decimal) {
    Generated generated(decimal);
    const auto snapshot = generated.history->snapshot_here({});
    const history::HeadSnapshot& head = *snapshot.heads.at(0);
    std::uint64_t rows = 0;
    double bytes = 0;
    for (auto _ : state) {
        const std::string path = generated.directory + "/bench.parquet";
        history::SortedPoints points(head, nullptr, history::time_lowest, history::time_highest);
        auto written = generated.writer->write_points(path, points);
        if (!written) std::abort();
        rows += *written;
        bytes = static_cast<double>(fs::file_size(path)) / static_cast<double>(*written);
        fs::remove(path);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(rows));
    state.counters["bytes_per_point"] = bytes;
}

void Segments_seal_decimal_jit1(benchmark::State& state) { seal(state, true); }
BENCHMARK(Segments_seal_decimal_jit1)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
void Segments_seal_full_mantissas(benchmark::State& state) { seal(state, false); }
BENCHMARK(Segments_seal_full_mantissas)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

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

BENCHMARK_MAIN();
