// From the bytes of a PUBLISH to the durable log: decode, judge, append, sync. CPU time of all
// threads is what counts, as the log syncs on a worker.
#include <benchmark/benchmark.h>

#include "base/random.h"
#include "data/ingest/ingest.h"

namespace mw::ingest {
namespace {

class NoSegments final : public history::SegmentWriter {
 public:
    Result<history::PointRows> write_points(const history::PointPaths&,
                                            history::SortedPoints& points) override {
        return history::PointRows{.points = points.rows()};
    }
    Result<std::uint64_t> write_decisions(const std::string&,
                                          const std::vector<history::DecisionRow>& rows) override {
        return rows.size();
    }
};

class Nobody final : public DecisionTap, public DeviceReports {
 public:
    void offer(const Decision&) override {}
    Result<> take(DeviceReport) override { return {}; }
};

struct World {
    World() {
        history::HistoryOptions options;
        options.directory = files::join(folder.path(), "history");
        options.head_bytes_max = std::size_t{2} << 30;
        options.seal_points = 100'000'000;
        history =
            std::move(history::History::open(options, {real, *loop, workers, writer, registry}))
                .value();
        letters =
            std::move(DeadLetters::open(real, *loop, workers,
                                        {.directory = files::join(folder.path(), "dead-letters")}))
                .value();
        ingest = std::make_unique<Ingest>(
            IngestOptions{}, Ingest::Parts{*history, *letters, nobody, nobody, clock, registry});
        auto rules = std::make_shared<quality::RuleSet>();
        rules->profile = "pump";
        for (int s = 0; s < 8; ++s)
            rules->signals["signal-" + std::to_string(s)] = {
                .min = -1e6, .max = 1e6, .every = milliseconds{1}, .late_after = hours{1}};
        ingest->put_device("gw-1", {rules, "pump-1", "north"});
    }
    ~World() {
        ingest.reset();
        ignore(sync_wait(*loop, letters->stop()), "the end");
        ignore(sync_wait(*loop, history->stop()), "the end");
    }

    files::TemporaryDirectory folder = std::move(files::TemporaryDirectory::make()).value();
    files::RealFiles real;
    RealClock clock;
    std::unique_ptr<Loop> loop = std::move(Loop::open()).value();
    Workers workers{{1, 256, 0, "bench"}};
    metrics::Registry registry;
    NoSegments writer;
    Nobody nobody;
    std::unique_ptr<history::History> history;
    std::unique_ptr<DeadLetters> letters;
    std::unique_ptr<Ingest> ingest;
};

// One message an iteration: `signals` frames of `samples`; the last one waits until all are
// durable.
void Ingest_publish_frames(benchmark::State& state) {
    const auto signals = static_cast<std::size_t>(state.range(0));
    const auto samples = static_cast<std::size_t>(state.range(1));
    World world;
    SeededRandom random(5);
    std::vector<std::vector<double>> values(signals, std::vector<double>(samples));
    std::vector<std::string> names;
    for (std::size_t s = 0; s < signals; ++s) {
        names.push_back("signal-" + std::to_string(s));
        for (auto& value : values[s]) value = static_cast<double>(random.below(1'000'000)) / 1000;
    }
    std::vector<payload::Column> columns;
    for (std::size_t s = 0; s < signals; ++s)
        columns.push_back({.signal = names[s], .values = values[s]});
    std::int64_t at = world.clock.now().ns - std::int64_t{3'600'000'000'000};
    std::uint64_t sequence = 0;
    const mqtt::Identity identity{mqtt::Identity::Kind::device, "gw-1"};
    std::vector<std::string> texts(static_cast<std::size_t>(state.max_iterations));
    for (auto& text : texts) {
        payload::encode_frame({.sequence = ++sequence}, {at}, milliseconds{1}, columns, text);
        at += static_cast<std::int64_t>(samples) * 1'000'000;
    }
    std::size_t next = 0;
    Ticket last;
    for (auto _ : state) {
        const ByteView body = bytes_of(texts[next++]);
        auto ticket = world.ingest->publish(identity, "mw/v1/gw-1/data/main", body, {});
        while (!ticket.ok()) {
            if (ticket.error().code != Errc::overloaded)
                return state.SkipWithError(ticket.error().message.c_str());
            world.loop->turn(true);
            ticket = world.ingest->publish(identity, "mw/v1/gw-1/data/main", body, {});
        }
        last = *ticket;
        if (next % 64 == 0) world.loop->turn(false);
        if (next == texts.size())
            while (world.ingest->durable() < last) world.loop->turn(true);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(signals * samples));
}
BENCHMARK(Ingest_publish_frames)
    ->Args({1, 100})
    ->Args({8, 100})
    ->Args({8, 1})
    ->Iterations(20'000)
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace mw::ingest

BENCHMARK_MAIN();
