// A dataset names its rows, not the files that they lay in: two hubs that got the same points in
// another order and sealed them at other moments freeze the same bytes.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "data/datasets/datasets.h"
#include "data/query/query.h"
#include "data/registry/registry.h"
#include "data/segments/segments.h"
#include "domain/story.h"

namespace mw::datasets {
namespace {

constexpr Timestamp first_point{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z

struct Sample {
    std::string device, signal;
    Timestamp time;
    double value = 0;
    Quality quality;
};

// Three devices of two signals and a truth, over a midnight.
std::vector<Sample> samples() {
    std::vector<Sample> all;
    for (int device = 1; device <= 3; ++device)
        for (int i = 0; i < 200; ++i) {
            const std::string name = "gw-" + std::to_string(device);
            const Timestamp time = first_point + minutes{10 * i} + seconds{device};
            const bool bad = i % 50 == 7;
            all.push_back({name, "flow", time, device + i * .1,
                           bad ? Quality::bad(Reason::range) : Quality::good()});
            all.push_back({name, "level", time, i % 7 * .25, Quality::good()});
            all.push_back({name, "fault", time, i % 40 > 30 ? 1. : 0., Quality::good()});
        }
    return all;
}

class AllProducts final : public query::ProductSource {
 public:
    std::shared_ptr<const query::Products> products() override {
        return std::make_shared<const query::Products>(
            query::Products{{"pumps", std::nullopt, std::nullopt}});
    }
};
class NoScorecard final : public query::ScorecardSource {
 public:
    Task<quality::Scorecard> scorecard() override { co_return quality::Scorecard{}; }
};

// A hub's data: history, SQL, quarantine, registry and datasets over it.
struct Plant final : query::HistorySource, query::QuarantineSource {
    files::TemporaryDirectory folder = files::TemporaryDirectory::make().value();
    files::RealFiles files;
    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 2}};
    segments::ParquetWriter writer{{.directory = folder.path() + "/history"}};
    std::unique_ptr<history::History> history;
    AllProducts products;
    NoScorecard scorecard;
    std::optional<query::Engine> engine;
    std::unique_ptr<quarantine::QuarantineLog> decisions =
        quarantine::QuarantineLog::open(files, *loop, workers, folder.path() + "/quarantine")
            .value();
    std::unique_ptr<registry::Registry> registry =
        registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"}).value();
    std::unique_ptr<blobs::Blobs> blobs =
        blobs::Blobs::open(files, workers, {.directory = folder.path() + "/blobs"}).value();
    std::unique_ptr<labels::LabelLog> labels =
        labels::LabelLog::open(files, *loop, workers, folder.path() + "/labels").value();
    std::unique_ptr<Datasets> datasets;

    Plant() {
        clock.set_wall(first_point + hours{1000});
        history::HistoryOptions options;
        options.directory = folder.path() + "/history";
        EXPECT_TRUE(files.make_directories(options.directory, 0750));
        EXPECT_TRUE(files.make_directories(folder.path() + "/tmp", 0750));
        history = history::History::open(options, {files, *loop, workers, writer, metrics}).value();
        query::EngineOptions engine_options;
        engine_options.history_directory = options.directory;
        engine_options.temporary_directory = folder.path() + "/tmp";
        query::Engine::Parts parts{workers, *this, products, scorecard, metrics};
        parts.quarantine = this;
        engine.emplace(engine_options, std::move(parts));
        Resource product;
        product.kind = "DataProduct";
        product.name = "pumps";
        product.spec = *parse_json(R"({"version":"1.2.3","status":"draft"})");
        make(product);
        datasets = std::make_unique<Datasets>(
            Datasets::Parts{*loop, *registry, *engine, *blobs, *labels, workers, clock});
        EXPECT_TRUE(wait(datasets->start()));
    }
    ~Plant() {
        ignore(wait(datasets->stop()), "the test is over");
        ignore(wait(labels->stop()), "the test is over");
        ignore(wait(decisions->stop()), "the test is over");
        ignore(wait(history->stop()), "the test is over");
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override {
        return history->snapshot(std::move(bounds));
    }
    std::shared_ptr<const quarantine::Records> quarantine() override {
        return decisions->records();
    }
    void decide(quarantine::Verb verb, const std::string& signal, int from_minute, int to_minute,
                const std::string& why) {
        const auto kept = wait(
            decisions->append({0, verb, "gw-1", signal, first_point + minutes{from_minute},
                               first_point + minutes{to_minute}, why, "user:ann", clock.now()}));
        ASSERT_TRUE(kept) << kept.error().message;
    }
    // The rows alone, as text; or the error.
    std::string rows(const std::string& sql) {
        QueryRequest request;
        request.sql = sql;
        auto reply = wait(engine->query(std::move(request)));
        if (!reply) return reply.error().message;
        const std::size_t begin = reply->body.find("\"rows\":") + 7;
        return reply->body.substr(begin, reply->body.rfind(",\"truncated\"") - begin);
    }
    void make(Resource resource) {
        auto made = wait(registry->create(std::move(resource), {"user:ann", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
    // In batches of one device each, sealed after so many batches.
    void store(const std::vector<Sample>& all, int seal_every) {
        int batches = 0;
        for (const Sample& one : all) {
            Batch batch;
            batch.device = {one.device};
            batch.arrival = one.time;
            batch.runs.push_back({one.signal, "", 0, 1});
            batch.times.push_back(one.time);
            batch.values.push_back(one.value);
            batch.quality.push_back(one.quality);
            ASSERT_TRUE(history->append(batch));
            if (seal_every > 0 && ++batches % seal_every == 0) {
                ASSERT_TRUE(wait(history->seal_now()));
            }
        }
    }
    Resource frozen(const std::string& name, const std::string& more = "") {
        Resource dataset;
        dataset.kind = "Dataset";
        dataset.name = name;
        dataset.spec = *parse_json(
            R"({"product":"pumps","purpose":"training","from":"2026-01-01T00:00:00Z",)"
            R"("to":"2026-02-01T00:00:00Z","signals":["flow","level"],"labels":{"signal":"fault"})" +
            more + "}");
        make(dataset);
        for (int turns = 0; turns < 100'000; ++turns) {
            auto found = wait(registry->get("Dataset", name));
            EXPECT_TRUE(found);
            if (!found || state_of(*found, dataset_table()) != "waiting") return *found;
            loop->turn(false);
        }
        ADD_FAILURE() << name << " was never settled";
        return {};
    }
};

constexpr const char* parted_spec =
    R"(,"splits":{"by_time":[{"name":"train","to":"2026-01-01T20:00:00Z"},{"name":"test"}],)"
    R"("gap":"30m","window":"30m"})";

TEST(SealedDatasets, have_the_same_hash_however_their_points_came_and_were_sealed) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    std::vector<Sample> all = samples();
    Plant first;
    first.store(all, 700);
    const Resource one = first.frozen("d", parted_spec);
    ASSERT_EQ(find_string(one.status, "state"), "frozen")
        << find_string(one.status, "reason").value_or("");
    const std::string hash = find_string(one.status, "sha256").value_or("");
    EXPECT_EQ(hash.size(), 64u);
    for (const int seal_every : {0, 311, 1000}) {
        for (std::size_t i = all.size() - 1; i > 0; --i)
            std::swap(all[i], all[random.below(i + 1)]);
        Plant other;
        other.store(all, seal_every);
        const Resource again = other.frozen("d", parted_spec);
        EXPECT_EQ(find_string(again.status, "sha256"), hash) << "sealed every " << seal_every;
        EXPECT_NE(*find(again.status, "read"), *find(one.status, "read"));
    }
}

TEST(SealedDatasets, name_the_contract_and_the_files_that_they_were_read_from) {
    Plant plant;
    plant.store(samples(), 700);
    const Resource dataset = plant.frozen("d", parted_spec);
    const Json& status = dataset.status;
    EXPECT_EQ(find_string(status, "contract.version"), "1.2.3");
    EXPECT_EQ(find_integer(status, "contract.generation"), 1);
    const auto& files = find(status, "read.files")->get_array();
    ASSERT_GE(files.size(), 3u);  // two seals, and two days
    for (const Json& file : files) {
        EXPECT_TRUE(find_string(file, "file")->starts_with("day=2026-01-0"));
        EXPECT_GT(find_integer(file, "rows").value_or(0), 0);
        EXPECT_GT(find_integer(file, "generation").value_or(0), 0);
    }
    EXPECT_GT(find_integer(status, "read.unsealed_points").value_or(0), 0);
    EXPECT_EQ(find_integer(status, "quarantined_points"), 12);
    const auto& splits = find(status, "splits")->get_array();
    ASSERT_EQ(splits.size(), 2u);
    EXPECT_EQ(find_string(splits[0], "name"), "train");
    EXPECT_EQ(find_integer(splits[0], "rows"), 3 * 120);
    EXPECT_GT(find_integer(status, "rows_in_no_split").value_or(0), 0);
    EXPECT_EQ(find(status, "leaks"), nullptr);
}

TEST(SealedDatasets, with_a_planted_leak_are_refused_unless_the_spec_allows_it) {
    Plant plant;
    plant.store(samples(), 0);
    const std::string leaky =
        R"(,"splits":{"by_group":{"parts":[{"name":"train","groups":["gw-1","gw-2"]},)"
        R"({"name":"test","groups":["gw-2","gw-3"]}]}})";
    const Resource refused = plant.frozen("refused", leaky);
    EXPECT_EQ(find_string(refused.status, "state"), "failed");
    EXPECT_NE(find_string(refused.status, "reason")->find("group 'gw-2' is in train and test"),
              std::string::npos)
        << *find_string(refused.status, "reason");
    EXPECT_EQ(find(refused.status, "sha256"), nullptr);
    EXPECT_EQ(find_integer(refused.status, "leaks.number"), 1);
    EXPECT_EQ(find_string(find(refused.status, "leaks.told")->get_array()[0], "device"), "gw-2");
    const Resource allowed = plant.frozen("allowed", leaky + R"(,"allow_leaks":true)");
    EXPECT_EQ(find_string(allowed.status, "state"), "frozen");
    EXPECT_EQ(find_bool(allowed.status, "leaks.allowed"), true);
    EXPECT_EQ(find_integer(allowed.status, "leaks.number"), 1);
}

// Points 7, 57, 107 and 157 of each device's flow are bad, every 10 minutes one.
TEST(Quarantined, points_are_seen_with_their_reason_and_released_for_all_readers) {
    for (const int seal_every : {0, 700}) {
        Plant plant;
        plant.store(samples(), seal_every);
        EXPECT_EQ(plant.rows("SELECT device, signal, reason, state, count(*), count(why) FROM "
                             "quarantine GROUP BY ALL ORDER BY device"),
                  R"([["gw-1","flow","range","quarantined",4,0],)"
                  R"(["gw-2","flow","range","quarantined",4,0],)"
                  R"(["gw-3","flow","range","quarantined",4,0]])");
        const std::string good = "SELECT count(*) FROM pumps WHERE quality >= 192";
        EXPECT_EQ(plant.rows(good), "[[1788]]");
        const Resource before = plant.frozen("before");
        EXPECT_EQ(find_integer(before.status, "quarantined_points"), 12);
        plant.decide(quarantine::Verb::release, "flow", 0, 600, "the valve was open");
        EXPECT_EQ(plant.rows(good), "[[1790]]");
        EXPECT_EQ(plant.rows("SELECT min(quality), count(*) FROM points WHERE device = 'gw-1' AND "
                             "signal = 'flow' AND (quality & 63) = 18"),
                  "[[210,2]]");
        EXPECT_EQ(plant.rows("SELECT reason, state, decided_by, why, quality, count(*) FROM "
                             "quarantine WHERE device = 'gw-1' GROUP BY ALL ORDER BY state"),
                  R"([["range","quarantined",null,null,1,2],)"
                  R"(["range","released","user:ann","the valve was open",1,2]])");
        const Resource after = plant.frozen("after");
        EXPECT_EQ(find_integer(after.status, "quarantined_points"), 10);
        EXPECT_NE(find_string(after.status, "sha256"), find_string(before.status, "sha256"));
        // A newer record takes it back, of one point; then of all.
        plant.decide(quarantine::Verb::confirm, "", 70, 71, "it was not");
        EXPECT_EQ(plant.rows(good), "[[1789]]");
        plant.decide(quarantine::Verb::confirm, "flow", 0, 600, "nothing of it");
        EXPECT_EQ(plant.rows(good), "[[1788]]");
        const Resource again = plant.frozen("again");
        EXPECT_EQ(find_string(again.status, "sha256"), find_string(before.status, "sha256"));
    }
}

TEST(Quarantined, points_that_are_held_are_bad_for_all_readers) {
    Plant plant;
    plant.store(samples(), 700);
    plant.decide(quarantine::Verb::hold, "level", 0, 100, "the sensor was out");
    EXPECT_EQ(plant.rows("SELECT reason, state, quality, count(*) FROM quarantine WHERE signal = "
                         "'level' GROUP BY ALL"),
              R"([["held","held",192,10]])");
    EXPECT_EQ(plant.rows("SELECT quality, count(*) FROM pumps WHERE device = 'gw-1' AND signal = "
                         "'level' GROUP BY ALL ORDER BY quality"),
              "[[19,10],[192,190]]");
    EXPECT_EQ(find_integer(plant.frozen("d").status, "quarantined_points"), 22);
    // Neither a window nor a product without points has anything in quarantine.
    EXPECT_EQ(plant.rows("SELECT count(*) FROM quarantine WHERE time < '2020-01-01'"), "[[0]]");
    EXPECT_EQ(plant.rows("SELECT count(*) FROM quarantine WHERE device = 'none'"), "[[0]]");
}

TEST(Quarantined, statements_that_meet_too_many_decisions_are_told_to_be_narrower) {
    Plant plant;
    plant.store(samples(), 0);
    for (int i = 0; i <= 1000; ++i)
        plant.decide(quarantine::Verb::confirm, "flow", 2 * i, 2 * i + 1, "one by one");
    EXPECT_NE(plant.rows("SELECT count(*) FROM points").find("more than 1000 decisions"),
              std::string::npos);
    EXPECT_EQ(plant.rows("SELECT count(*) FROM points WHERE device = 'gw-2'"), "[[600]]");
    EXPECT_EQ(plant.rows("SELECT count(*) FROM points WHERE device = 'gw-1' AND time < "
                         "'2026-01-01T12:00:00'"),
              "[[216]]");
}

}  // namespace
}  // namespace mw::datasets
