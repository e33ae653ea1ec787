// One series of one hour, warm, in process: the interactive query. 100 devices x 10 signals.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "data/query/query.h"
#include "data/segments/segments.h"

namespace mw::query {
namespace {

namespace fs = std::filesystem;
constexpr Timestamp start{1'767'225'600'000'000'000};

struct NoProducts final : ProductSource {
    std::shared_ptr<const Products> products() override {
        return std::make_shared<const Products>();
    }
};
struct NoScorecard final : ScorecardSource {
    Task<quality::Scorecard> scorecard() override { co_return quality::Scorecard{}; }
};
struct OneHistory final : HistorySource {
    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override {
        co_return co_await history->snapshot(std::move(bounds));
    }
    history::History* history = nullptr;
};

// Hours of 1 Hz data in 25 minute segments, the last minutes in the head.
struct Plant {
    std::string directory;
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 2}};
    files::RealFiles files;
    metrics::Registry metrics;
    std::optional<segments::ParquetWriter> writer;
    std::unique_ptr<history::History> history;
    NoProducts products;
    NoScorecard scorecard;
    OneHistory source;
    std::optional<Engine> engine;

    static Plant& here() {
        static Plant plant;
        return plant;
    }

    Plant() {
        std::string name = (fs::temp_directory_path() / "mw_query_bench_XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        directory = name;
        writer.emplace(segments::WriterOptions{.directory = directory});
        history::HistoryOptions options;
        options.directory = directory;
        options.head_bytes_max = std::size_t{1} << 30;
        history =
            history::History::open(options, {files, *loop, workers, *writer, metrics}).value();
        source.history = history.get();
        engine.emplace(EngineOptions{.history_directory = directory},
                       Engine::Parts{workers, source, products, scorecard, metrics});
        constexpr int minutes_total = 110;
        for (int minute = 0; minute < minutes_total; ++minute) {
            fill(minute);
            if (minute % 25 == 24) ignore(sync_wait(*loop, history->seal_now()), "seen below");
        }
        if (history->figures().files != 4) std::abort();
    }
    ~Plant() {
        ignore(sync_wait(*loop, history->stop()), "the bench is over");
        history.reset();
        fs::remove_all(directory);
    }

    void fill(int minute) {
        for (int device = 0; device < 100; ++device) {
            Batch batch;
            batch.device = {"device-" + std::to_string(device)};
            for (int signal = 0; signal < 10; ++signal) {
                batch.runs.push_back({"signal-" + std::to_string(signal), "bar",
                                      static_cast<std::uint32_t>(signal * 60),
                                      static_cast<std::uint32_t>(signal * 60 + 60)});
                for (int second = 0; second < 60; ++second) {
                    batch.times.push_back(start + seconds{minute * 60 + second});
                    batch.values.push_back((device * 7 + signal * 3 + second * second % 50) /
                                           100.0);
                    batch.quality.push_back(Quality::good());
                }
            }
            if (!history->append(batch)) std::abort();
        }
        ignore(sync_wait(*loop, history->flush()), "not what is measured");
    }

    std::size_t run(const std::string& sql) {
        auto reply = sync_wait(*loop, engine->query({sql, ResultFormat::json, {}, ""}));
        if (!reply) {
            std::fprintf(stderr, "%s\n", reply.error().message.c_str());
            std::abort();
        }
        return reply->rows;
    }
};

void run(benchmark::State& state, const std::string& sql) {
    Plant& plant = Plant::here();
    std::size_t rows = 0;
    for (auto _ : state) rows += plant.run(sql);
    state.SetItemsProcessed(static_cast<std::int64_t>(rows));
}

constexpr const char* one_hour = "time BETWEEN '2026-01-01T00:30:00' AND '2026-01-01T01:30:00'";

void Query_constant(benchmark::State& state) { run(state, "SELECT 1"); }
BENCHMARK(Query_constant)->Unit(benchmark::kMillisecond)->UseRealTime();

void Query_one_series_one_hour(benchmark::State& state) {
    run(state, std::string("SELECT time, value FROM points WHERE device = 'device-42' AND signal = "
                           "'signal-7' AND ") +
                   one_hour);
}
BENCHMARK(Query_one_series_one_hour)->Unit(benchmark::kMillisecond)->UseRealTime();

void Query_one_device_by_minute(benchmark::State& state) {
    run(state, std::string("SELECT signal, time_bucket(INTERVAL 1 MINUTE, time) t, avg(value) FROM "
                           "points WHERE device = 'device-42' AND ") +
                   one_hour + " GROUP BY ALL");
}
BENCHMARK(Query_one_device_by_minute)->Unit(benchmark::kMillisecond)->UseRealTime();

void Query_all_series_by_signal(benchmark::State& state) {
    run(state, std::string("SELECT signal, avg(value) FROM points WHERE ") + one_hour +
                   " GROUP BY signal");
}
BENCHMARK(Query_all_series_by_signal)->Unit(benchmark::kMillisecond)->UseRealTime();

void Query_head_only_last_minutes(benchmark::State& state) {
    run(state,
        "SELECT device, signal, last(value ORDER BY time) FROM points WHERE time >= "
        "'2026-01-01T01:45:00' GROUP BY ALL");
}
BENCHMARK(Query_head_only_last_minutes)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace mw::query

BENCHMARK_MAIN();
