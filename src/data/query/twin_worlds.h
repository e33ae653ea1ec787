#pragma once
// For tests and fuzzing of what an actor may see: two engines over histories that are alike for
// that actor and different in all that they may not see. In the first there are hidden devices,
// hidden signals and the true values of masked ones; in the second there are none, or others. Any
// statement must give both the same answer. Real files, one thread and a worker.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "data/query/query.h"
#include "data/segments/segments.h"
#include "platform/files/files.h"

namespace mw::query::twins {

namespace fs = std::filesystem;

inline constexpr const char* planted = "PLANTED-SECRET";      // in names and in a file
inline constexpr Timestamp start{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z
inline constexpr int points_each = 60;                        // ten minutes
inline constexpr nanoseconds every = seconds{10};

// gw-1 and gw-2 but for gw-1's vault; no value of flow, and of power averages over a minute.
inline SightPtr narrow_sight() {
    Sight sight;
    sight.only = {{Names{"gw-1", "gw-2"}, std::nullopt, false}};
    sight.never = {{Names{"gw-1"}, Names{"vault"}, false}};
    sight.masks = {{{std::nullopt, Names{"flow"}, false}, nanoseconds{0}},
                   {{Names{"gw-1", "gw-2"}, Names{"power"}, false}, minutes{1}}};
    sight.unknown_products = {"ghost"};
    sight.closed_products = {{"vaults", "data product vaults is not for user:eve"}};
    return std::make_shared<const Sight>(std::move(sight));
}

class Plant final : public HistorySource,
                    public ProductSource,
                    public ScorecardSource,
                    public LabelSource,
                    public ReadPolicy {
 public:
    // repeating: the head has some rows of the file again, so that plans are of more parts.
    explicit Plant(bool secrets, bool repeating = true) : secrets_(secrets), repeating_(repeating) {
        fs::create_directories(folder_ / "tmp");
        fs::create_directories(folder_ / "history");
        std::ofstream(folder_ / "secret.csv") << "a,b\n" << planted << ",1\n";
        std::ofstream(folder_ / "history" / "secret.csv") << "a,b\n" << planted << ",1\n";
        history::HistoryOptions options;
        options.directory = (folder_ / "history").string();
        history_ = std::move(
            *history::History::open(options, {files_, *loop_, workers_, writer_, metrics_}));
        EngineOptions engine;
        engine.history_directory = options.directory;
        engine.temporary_directory = (folder_ / "tmp").string();
        engine.slots = 1;
        engine_.emplace(engine, Engine::Parts{workers_, *this, *this, *this, metrics_, this, this});
        fill();
    }
    ~Plant() override {
        ignore(sync_wait(*loop_, history_->stop()), "the test is over");
        engine_.reset();
        history_.reset();
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    // Rows as sorted lines of JSON, or what was wrong.
    struct Answer {
        std::optional<Error> error;
        std::string text;
        bool operator==(const Answer& other) const {
            return text == other.text && error.has_value() == other.error.has_value();
        }
    };
    Answer answer(const std::string& sql, const std::string& actor,
                  const QueryParameters& parameters = {}) {
        QueryRequest request;
        request.sql = sql;
        request.format = ResultFormat::ndjson;
        request.limits = {.time = minutes{1}, .rows = 100'000, .memory_bytes = 256 << 20};
        request.actor = actor;
        request.parameters = parameters;
        auto reply = sync_wait(*loop_, engine_->query(std::move(request)));
        if (!reply) return {reply.error(), reply.error().message};
        std::vector<std::string> lines;
        std::istringstream text(reply->body);
        for (std::string line; std::getline(text, line);) lines.push_back(line);
        std::sort(lines.begin(), lines.end());
        Answer answer;
        for (const auto& line : lines) answer.text += line + "\n";
        return answer;
    }
    std::string folder() const { return folder_.string(); }

    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override {
        return history_->snapshot(std::move(bounds));
    }
    std::shared_ptr<const Products> products() override {
        return std::make_shared<const Products>(
            Products{{"pumps", Names{"gw-1", "gw-2"}, std::nullopt},
                     {"all-of-it", std::nullopt, std::nullopt},
                     {"vaults", std::nullopt, Names{"vault"}},
                     {"ghost", Names{std::string(planted) + "-1"}, std::nullopt}});
    }
    Task<quality::Scorecard> scorecard() override {
        quality::Scorecard rows{score("gw-1", "pressure", 60), score("gw-2", "flow", 50)};
        if (secrets_) {
            rows.insert(rows.begin() + 1, score(std::string(planted) + "-1", "pressure", 7777));
            rows.push_back(score("gw-1", "vault", 8888));
        }
        co_return std::move(rows);
    }
    std::shared_ptr<const labels::Labels> labels() override {
        labels::Labels all{label("gw-1", "ann")};
        if (secrets_) all.insert(all.begin(), label(std::string(planted) + "-1", planted));
        return std::make_shared<const labels::Labels>(std::move(all));
    }
    Result<SightPtr> sight_of(const std::string& actor) override {
        if (actor == "user:eve") return narrow_sight();
        if (actor == "user:nobody") return Error{Errc::denied, "user:nobody may read nothing"};
        return SightPtr(std::make_shared<const Sight>());
    }

 private:
    static fs::path make_folder() {
        std::string name = (fs::temp_directory_path() / "mw_twins_XXXXXX").string();
        ASSERT(mkdtemp(name.data()) != nullptr);
        return name;
    }
    static quality::ScorecardRow score(std::string device, std::string signal,
                                       std::uint64_t points) {
        quality::ScorecardRow row;
        row.device = std::move(device);
        row.signal = std::move(signal);
        row.counters.points = points;
        row.completeness = .5;
        return row;
    }
    static labels::Label label(std::string device, std::string author) {
        labels::Label label;
        label.device = std::move(device);
        label.author = std::move(author);
        label.model = "valve";
        label.task = "label-1";
        label.window_from = start;
        label.window_to = start + seconds{10};
        label.score = .5;
        label.propensity = .25;
        return label;
    }

    void append(const std::string& device, const std::string& signal, Timestamp from,
                const std::vector<double>& values) {
        Batch batch;
        batch.device = {device};
        batch.arrival = from;
        batch.runs.push_back({signal, "bar", 0, static_cast<std::uint32_t>(values.size())});
        for (std::size_t i = 0; i < values.size(); ++i) {
            batch.times.push_back(from + every * static_cast<int>(i));
            batch.values.push_back(values[i]);
            batch.quality.push_back(Quality::good());
        }
        ASSERT(history_->append(batch).ok());
    }
    void decide(const std::string& device, double score) {
        Decision decision;
        decision.device = {device};
        decision.model = "valve";
        decision.window_from = start;
        decision.window_to = start + seconds{10};
        decision.samples = 10;
        decision.score = score;
        ASSERT(history_->append(decision).ok());
    }

    // Quarters add up exactly in any order.
    static std::vector<double> quarters(int seed) {
        std::vector<double> values;
        for (int i = 0; i < points_each; ++i) values.push_back((i * 7 + seed * 13) % 40 * .25);
        return values;
    }
    // Two points after each other have the same sum in both worlds.
    std::vector<double> swinging(int seed) const {
        auto values = quarters(seed);
        for (int i = 0; i + 1 < points_each; i += 2) {
            const double swing = secrets_ ? 1000 + i : 3;
            values[static_cast<std::size_t>(i)] += swing;
            values[static_cast<std::size_t>(i) + 1] -= swing;
        }
        return values;
    }

    void fill_once(Timestamp from, int seed) {
        const std::string hidden = std::string(planted) + "-1";
        for (const char* device : {"gw-1", "gw-2"}) {
            append(device, "pressure", from, quarters(seed));
            append(device, "flow", from,
                   secrets_ ? std::vector<double>(points_each, 5555.25) : quarters(seed + 9));
            append(device, "power", from, swinging(seed));
            if (!secrets_) continue;
            append(hidden, "pressure", from, std::vector<double>(points_each, 7777.25));
            append(hidden, "flow", from, std::vector<double>(points_each, 7777.5));
        }
        if (secrets_) append("gw-1", "vault", from, std::vector<double>(points_each, 8888.25));
        append("gw-2", "vault", from, quarters(seed + 3));
        decide("gw-1", .5);
        if (secrets_) decide(hidden, 7777.75);
    }

    // A sealed file and a head.
    void fill() {
        fill_once(start, 1);
        ASSERT(sync_wait(*loop_, history_->seal_now()).ok());
        fill_once(start + minutes{repeating_ ? 8 : 10}, 2);
    }

    const bool secrets_, repeating_;
    fs::path folder_ = make_folder();
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 2}};
    files::RealFiles files_;
    metrics::Registry metrics_;
    segments::ParquetWriter writer_{{.directory = (folder_ / "history").string()}};
    std::unique_ptr<history::History> history_;
    std::optional<Engine> engine_;
};

struct Twins {
    explicit Twins(bool repeating = true) : with(true, repeating), without(false, repeating) {}
    Plant with, without;

    // Empty: nothing shows that may not. Else what does. `answer` is the one with secrets around.
    std::string leak(const std::string& sql, Plant::Answer* answer = nullptr) {
        const auto a = with.answer(sql, "user:eve");
        const auto b = without.answer(sql, "user:eve");
        if (answer != nullptr) *answer = a;
        if (a.text.find(planted) != std::string::npos && sql.find(planted) == std::string::npos)
            return "a secret shows: " + a.text;
        const auto cut = [](const Plant::Answer& one) {
            return one.error && one.error->code == Errc::timed_out;
        };
        if (a == b || cut(a) || cut(b)) return "";  // how long it takes is another question
        return "with what is hidden:\n" + a.text + "without it:\n" + b.text;
    }
};

}  // namespace mw::query::twins
