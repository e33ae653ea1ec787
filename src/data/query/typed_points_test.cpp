// Points that are no doubles, as SQL shows them: in the head, in files, through masks, releases and
// rollups.
#include <gtest/gtest.h>

#include "data/query/query.h"
#include "data/segments/segments.h"

namespace mw::query {
namespace {

constexpr std::int64_t beyond = 9'007'199'254'740'993;  // 2^53 + 1: no double says it
constexpr Timestamp shift_begin{1'767'225'600'000'000'000};

struct TypedProducts final : ProductSource {
    std::shared_ptr<const Products> products() override {
        return std::make_shared<const Products>();
    }
};
struct TypedScorecard final : ScorecardSource {
    Task<quality::Scorecard> scorecard() override { co_return quality::Scorecard{}; }
};
struct TypedHistory final : HistorySource {
    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override {
        co_return co_await history->snapshot(std::move(bounds));
    }
    history::History* history = nullptr;
};
struct TypedPolicy final : ReadPolicy {
    Result<SightPtr> sight_of(const std::string&) override { return sight; }
    SightPtr sight = std::make_shared<const Sight>();
};
struct TypedQuarantine final : QuarantineSource {
    std::shared_ptr<const quarantine::Records> quarantine() override { return records; }
    std::shared_ptr<const quarantine::Records> records =
        std::make_shared<const quarantine::Records>();
};

class TypedPoints : public testing::Test {
 protected:
    TypedPoints() {
        history::HistoryOptions options;
        options.directory = folder_.path();
        history_ =
            history::History::open(options, {files_, *loop_, workers_, writer_, metrics_}).value();
        source_.history = history_.get();
        Engine::Parts parts{workers_, source_, products_, scorecard_, metrics_};
        parts.policy = &policy_;
        parts.quarantine = &quarantine_;
        engine_.emplace(EngineOptions{.history_directory = folder_.path()}, parts);
        append();
    }
    ~TypedPoints() override {
        ignore(sync_wait(*loop_, history_->stop()), "the test is over");
        engine_.reset();
        history_.reset();
    }
    void append() {
        Batch batch;
        batch.device = {"plc"};
        batch.runs = {{"order", "", 0, 2, ValueType::integer, true},
                      {"speed", "rpm", 2, 4},
                      {"state", "", 4, 6, ValueType::text, true}};
        for (int i = 0; i < 6; ++i) {
            batch.times.push_back(shift_begin + seconds{i % 2});
            batch.quality.push_back(Quality::good());
        }
        const double order = batch.boxes.add(beyond);
        const double idle = batch.boxes.add("IDLE");
        batch.values = {order, 7, 1.5, 20, idle, batch.boxes.add("RUNNING")};
        ASSERT_TRUE(history_->resolve("plc", "order", "", ValueType::integer).ok() &&
                    history_->resolve("plc", "speed", "rpm", ValueType::number).ok() &&
                    history_->resolve("plc", "state", "", ValueType::text).ok());
        ASSERT_TRUE(history_->append(batch).ok());
    }
    void seal() { ASSERT_TRUE(sync_wait(*loop_, history_->seal_now()).ok()); }
    std::string rows(const std::string& sql) {
        auto reply = sync_wait(*loop_, engine_->query({sql, ResultFormat::json, {}, "user:ann"}));
        if (!reply) return reply.error().message;
        const std::size_t begin = reply->body.find("\"rows\":") + 7;
        return reply->body.substr(begin, reply->body.rfind(",\"truncated\"") - begin);
    }
    void in_head_and_files(const std::string& sql, const std::string& want) {
        EXPECT_EQ(rows(sql), want) << sql << ", unsealed";
        seal();
        EXPECT_EQ(rows(sql), want) << sql << ", sealed";
    }

    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 2}};
    files::RealFiles files_;
    metrics::Registry metrics_;
    segments::ParquetWriter writer_{{.directory = folder_.path()}};
    std::unique_ptr<history::History> history_;
    TypedHistory source_;
    TypedProducts products_;
    TypedScorecard scorecard_;
    TypedPolicy policy_;
    TypedQuarantine quarantine_;
    std::optional<Engine> engine_;
};

constexpr const char* all_values =
    "SELECT signal, value, text, integer FROM points ORDER BY signal, time";

TEST_F(TypedPoints, have_a_value_a_text_or_a_whole_number) {
    in_head_and_files(all_values,
                      R"([["order",9007199254740992,null,9007199254740993],)"
                      R"(["order",7,null,7],["speed",1.5,null,null],["speed",20,null,20],)"
                      R"(["state",null,"IDLE",null],["state",null,"RUNNING",null]])");
}

TEST_F(TypedPoints, are_found_by_their_text) {
    in_head_and_files("SELECT signal, epoch_ns(time) FROM points WHERE text = 'RUNNING'",
                      R"([["state",1767225601000000000]])");
}

TEST_F(TypedPoints, come_last_in_latest) {
    in_head_and_files("SELECT signal, value, text, integer FROM latest ORDER BY signal",
                      R"([["order",7,null,7],["speed",20,null,20],)"
                      R"(["state",null,"RUNNING",null]])");
}

TEST_F(TypedPoints, tell_the_type_of_their_series) {
    EXPECT_EQ(rows("SELECT signal, type FROM series ORDER BY signal"),
              R"([["order","int64"],["speed","double"],["state","text"]])");
}

TEST_F(TypedPoints, that_are_texts_are_in_no_rollup) {
    in_head_and_files("SELECT signal, count, good, max FROM rollups ORDER BY signal",
                      R"([["order",2,2,9007199254740992],["speed",2,2,20]])");
}

TEST_F(TypedPoints, that_are_masked_show_nothing) {
    auto sight = std::make_shared<Sight>();
    sight->masks.push_back({SeriesSet{{}, Names{"order", "state"}}, nanoseconds{0}});
    policy_.sight = sight;
    in_head_and_files(all_values, R"([["order",null,null,null],["order",null,null,null],)"
                                  R"(["speed",1.5,null,null],["speed",20,null,20],)"
                                  R"(["state",null,null,null],["state",null,null,null]])");
    EXPECT_EQ(rows("SELECT count(*) FROM points WHERE text = 'IDLE' OR integer = 7"), "[[0]]");
}

TEST_F(TypedPoints, that_are_averaged_show_no_text) {
    auto sight = std::make_shared<Sight>();
    sight->masks.push_back({SeriesSet{}, minutes{1}});
    policy_.sight = sight;
    in_head_and_files("SELECT signal, text, integer FROM points ORDER BY signal",
                      R"([["order",null,null],["speed",null,null],["state",null,null]])");
}

}  // namespace
}  // namespace mw::query
