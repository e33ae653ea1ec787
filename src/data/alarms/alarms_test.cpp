#include "data/alarms/alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace mw::alarms {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;

Decision decision_at(std::int64_t s, bool positive, const std::string& device = "gw-1") {
    Decision decision;
    decision.device.text = device;
    decision.model = "valve";
    decision.version = "3";
    decision.window_from = {start + (s - 60) * second};
    decision.window_to = {start + s * second};
    decision.score = 0.9;
    decision.decision = positive;
    return decision;
}

alerts::AlertRule rule(std::uint32_t raise_after = 2, std::uint32_t clear_after = 2) {
    alerts::AlertRule made;
    made.name = "valve-closing";
    made.model = "valve";
    made.raise_after = raise_after;
    made.clear_after = clear_after;
    return made;
}

// History as far as the desk is concerned.
class Stored final : public DecisionSource {
 public:
    Task<std::vector<Newest>> newest() override {
        if (failing) co_return Error{Errc::timed_out, "history is busy"};
        std::map<std::string, Timestamp> newest;
        for (const auto& decision : all)
            newest[decision.device.text] =
                std::max(newest[decision.device.text], decision.window_to);
        std::vector<Newest> found;
        for (const auto& [device, time] : newest) found.push_back({device, time});
        co_return found;
    }
    Task<std::vector<Decision>> after(std::string device, Timestamp after,
                                      std::size_t limit) override {
        std::vector<Decision> found;
        for (const auto& decision : all)
            if (decision.device.text == device && decision.window_to > after &&
                found.size() < limit)
                found.push_back(decision);
        ++reads;
        co_return found;
    }
    std::vector<Decision> all;  // oldest first
    bool failing = false;
    int reads = 0;
};

class NoEvidence final : public alerts::WhySource {
 public:
    Task<std::vector<Decision>> decisions(std::string, std::string, Timestamp, Timestamp,
                                          std::size_t) override {
        co_return std::vector<Decision>{};
    }
    Task<Json> model_version(std::string, std::string) override {
        co_return Error{Errc::not_found, "no such version"};
    }
    Task<Json> device(std::string name) override { co_return Json(JsonObject{{"name", name}}); }
    Task<Json> quality_findings(std::string, Timestamp, Timestamp) override {
        co_return Json(JsonArray{});
    }
};

class Alarms : public testing::Test {
 protected:
    Alarms() {
        clock_.set_wall({start + 1000 * second});
        LoopOptions options;
        options.simulated = &clock_;
        loop_ = std::move(Loop::open(options)).value();
        files_ = std::move(files::FaultyFiles::open(root(), 3)).value();
        open();
    }
    ~Alarms() override { close(); }
    std::string root() { return files::join(folder_.path(), "root"); }

    void open() {
        file_ = std::move(AlarmFile::open(*files_, *loop_, workers_, root() + "/alarms")).value();
        desk_ = std::make_unique<AlarmDesk>(
            DeskOptions{}, AlarmDesk::Parts{*loop_, *file_, stored_, evidence_, *registry_});
        ASSERT_TRUE(sync_wait(*loop_, desk_->restore()));
        desk_->put_device("gw-1", {});
        desk_->set_rule(rule());
    }
    void close() {
        if (desk_) ignore(sync_wait(*loop_, desk_->stop()), "the disk may be cut");
        if (file_) ignore(sync_wait(*loop_, file_->stop()), "the disk may be cut");
        desk_.reset();
        file_.reset();
    }
    Result<> take(std::vector<Decision> decisions, std::set<std::string> missed = {}) {
        return sync_wait(*loop_, desk_->take(std::move(decisions), std::move(missed)));
    }

    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_;
    Workers workers_{{1, 64, 0, "alarms"}};
    std::unique_ptr<metrics::Registry> registry_ = std::make_unique<metrics::Registry>();
    std::unique_ptr<files::FaultyFiles> files_;
    Stored stored_;
    NoEvidence evidence_;
    std::unique_ptr<AlarmFile> file_;
    std::unique_ptr<AlarmDesk> desk_;
};

TEST_F(Alarms, watchers_hear_each_step_and_lists_show_it) {
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    std::vector<std::string> heard;
    auto subscription =
        desk_->subscribe([&](const Json& alarm) { heard.push_back(*find_string(alarm, "state")); });
    ASSERT_TRUE(take({decision_at(1, true), decision_at(2, true), decision_at(3, true)}));
    EXPECT_EQ(desk_->list("open", 10).size(), 1u);
    EXPECT_EQ(desk_->list("cleared", 10).size(), 0u);
    ASSERT_TRUE(take({decision_at(4, false), decision_at(5, false)}));
    EXPECT_EQ(heard, (std::vector<std::string>{"raised", "held", "clearing", "cleared"}));
    EXPECT_EQ(desk_->list("open", 10).size(), 0u);
    EXPECT_EQ(desk_->list("cleared", 10).size(), 1u);
    subscription.reset();
    ASSERT_TRUE(take({decision_at(6, true), decision_at(7, true)}));
    EXPECT_EQ(heard.size(), 4u);
}

TEST_F(Alarms, why_finds_the_alarm_or_says_not_found) {
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    ASSERT_TRUE(take({decision_at(1, true), decision_at(2, true)}));
    const auto id = desk_->alarms({}).at(0).id;
    auto chain = sync_wait(*loop_, desk_->why(id));
    ASSERT_TRUE(chain.ok());
    EXPECT_EQ(find_string(*chain, "alarm.id"), id);
    EXPECT_EQ(sync_wait(*loop_, desk_->why("nothing")).error().code, Errc::not_found);
}

TEST_F(Alarms, alarms_survive_a_restart) {
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    ASSERT_TRUE(take({decision_at(1, true), decision_at(2, true), decision_at(3, true)}));
    const auto before = desk_->alarms({});
    close();
    open();
    EXPECT_EQ(desk_->alarms({}), before);
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    ASSERT_TRUE(take({decision_at(3, true), decision_at(4, false), decision_at(5, false)}));
    EXPECT_EQ(desk_->alarms({}).at(0).state, alerts::State::cleared);
    EXPECT_EQ(desk_->alarms({}).at(0).decisions, 3u);
}

TEST_F(Alarms, decisions_wait_for_the_ones_a_crash_kept_from_the_machines) {
    stored_.all = {decision_at(1, true), decision_at(2, true)};
    Scope scope(*loop_);
    scope.spawn(desk_->take({decision_at(3, true)}, {}));
    while (loop_->turn(false)) {
    }
    EXPECT_TRUE(desk_->alarms({}).empty());
    stored_.all.push_back(decision_at(3, true));
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    ASSERT_TRUE(sync_wait(*loop_, scope.join()));
    ASSERT_EQ(desk_->alarms({}).size(), 1u);
    EXPECT_EQ(desk_->alarms({})[0].raised_at.ns, start + 2 * second);
    EXPECT_EQ(desk_->alarms({})[0].decisions, 3u);
}

TEST_F(Alarms, dropped_decisions_are_read_from_history) {
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    for (int i = 1; i <= 5'000; ++i) stored_.all.push_back(decision_at(i, i >= 4'000));
    clock_.set_wall({start + 5'000 * second});
    ASSERT_TRUE(take({stored_.all[0], stored_.all[1]}, {"gw-1"}));
    EXPECT_EQ(stored_.reads, 3);  // pages of 2,000
    ASSERT_EQ(desk_->alarms({}).size(), 1u);
    EXPECT_EQ(desk_->alarms({})[0].decisions, 1'001u);
}

TEST_F(Alarms, a_history_that_does_not_answer_leaves_the_desk_open) {
    stored_.failing = true;
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    ASSERT_TRUE(take({decision_at(1, true), decision_at(2, true)}));
    EXPECT_EQ(desk_->alarms({}).size(), 1u);
}

TEST_F(Alarms, a_full_disk_hides_no_alarm_and_loses_none) {
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    files_->limit_space(0);
    ASSERT_TRUE(take({decision_at(1, true), decision_at(2, true)}));
    EXPECT_EQ(desk_->list("open", 10).size(), 1u);
    files_->limit_space(std::nullopt);
    close();
    open();
    EXPECT_EQ(desk_->list("open", 10).size(), 1u);
}

// Power cuts at random moments; history has every decision, as it acknowledged them.
TEST_F(Alarms, after_power_cuts_the_alarms_are_those_of_an_undisturbed_hub) {
    SeededRandom random(9);
    alerts::Engine reference;
    reference.set_rule(rule());
    std::int64_t at = 0;
    for (int life = 0; life < 12; ++life) {
        ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
        for (std::uint64_t i = 10 + random.below(30); i > 0; --i) {
            auto decision = decision_at(++at, random.below(2));
            stored_.all.push_back(decision);
            reference.observe(decision, {});
            const bool arrives = random.below(3) > 0;
            ASSERT_TRUE(arrives ? take({decision}) : take({}, {"gw-1"}));
            if (random.below(5) == 0) {
                auto rest = []() -> Task<> { co_return co_await sleep_for(seconds{6}); };
                ASSERT_TRUE(sync_wait(*loop_, rest()));
            }
        }
        ASSERT_TRUE(files_->power_cut());
        close();
        files_ = std::move(files::FaultyFiles::open(root(), random.next())).value();
        open();
    }
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    EXPECT_GT(reference.alarms({}).size(), 5u);
    EXPECT_EQ(desk_->alarms({}), reference.alarms({}));
}

TEST_F(Alarms, the_log_is_written_anew_when_it_has_grown) {
    ASSERT_TRUE(sync_wait(*loop_, desk_->catch_up()));
    for (int i = 1; i < 1'500; ++i) {
        alerts::AlarmRecord record;
        alerts::Track track{.rule = "r" + std::to_string(i % 7), .device = "gw-1"};
        track.cursor = {start + i};
        record.tracks.push_back(track);
        ASSERT_TRUE(sync_wait(*loop_, file_->append(record)));
    }
    const auto grown = file_->bytes();
    close();
    file_ = std::move(AlarmFile::open(*files_, *loop_, workers_, root() + "/alarms")).value();
    EXPECT_LT(file_->bytes(), grown / 4);
    auto record = sync_wait(*loop_, file_->load());
    ASSERT_TRUE(record.ok());
    ASSERT_EQ(record->tracks.size(), 7u);
    EXPECT_EQ(record->tracks[0].cursor.ns, start + 1'498);
}

TEST_F(Alarms, frames_that_are_not_ours_are_counted_and_left_out) {
    close();
    {
        files::AppendLogOptions options;
        options.directory = root() + "/alarms";
        options.purpose = "alarms";
        auto log = files::AppendLog::open(*files_, options);
        ASSERT_TRUE(log.ok());
        ASSERT_TRUE(log->append(bytes_of("no json")).ok());
        ASSERT_TRUE(log->append(bytes_of("{\"alarms\":[{}],\"tracks\":[]}")).ok());
    }
    open();
    EXPECT_EQ(file_->unreadable_frames(), 2u);
}

}  // namespace
}  // namespace mw::alarms
