#include "device/edge_labels/edge_labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.h"

namespace mw::edge_labels {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;

Timestamp at(std::int64_t s) { return {start + s * second}; }

Decision decision_at(std::int64_t s, double score, const std::string& model = "pump") {
    Decision decision;
    decision.device.text = "gw-1";
    decision.asset = "pump-1";
    decision.model = model;
    decision.version = "3";
    decision.window_from = at(s - 4);
    decision.window_to = at(s);
    decision.score = score;
    decision.decision = score >= 1;
    return decision;
}

Batch batch_at(std::int64_t s, double flow, double pressure) {
    Batch batch;
    batch.device = DeviceId{"gw-1"};
    batch.runs.push_back({"flow", "", 0, 1});
    batch.runs.push_back({"pressure", "", 1, 2});
    batch.times = {at(s), at(s)};
    batch.values = {flow, pressure};
    batch.quality = {Quality::good(), Quality::good()};
    return batch;
}

Snippet snippet_at(std::int64_t s, std::size_t points = 3) {
    const Decision decision = decision_at(s, 1.5);
    Snippet snippet;
    snippet.id = snippet_id(decision);
    snippet.device = "gw-1";
    snippet.asset = "pump-1";
    snippet.model = "pump";
    snippet.version = "3";
    snippet.window_from = decision.window_from;
    snippet.window_to = decision.window_to;
    snippet.score = 1.5;
    snippet.raise_at = 1;
    snippet.decision = true;
    snippet.why = "alarm";
    snippet.votes = {{"hot", true}};
    Trace trace;
    trace.signal = "flow";
    for (std::size_t i = 0; i < points; ++i) {
        trace.times.push_back(at(s - 4) + milliseconds{100 * static_cast<std::int64_t>(i)});
        trace.values.push_back(0.1 * static_cast<double>(i));
    }
    snippet.traces.push_back(std::move(trace));
    return snippet;
}

std::string golden(const std::string& name) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/src/device/edge_labels/golden/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Snippet, and_answer_look_on_the_wire_as_the_format_says) {
    const Event event{"e1", "shift-a", true, .6, at(500)};
    EXPECT_EQ(message_of(event, mw::to_json(to_json(snippet_at(100)))) + "\n",
              golden("label.jsonl"));
}

TEST(Snippet, a_value_that_is_no_number_is_null) {
    Snippet snippet = snippet_at(100);
    snippet.traces[0].values[1] = std::nan("");
    EXPECT_NE(mw::to_json(to_json(snippet)).find("[0.0,null,0.2]"), std::string::npos)
        << mw::to_json(to_json(snippet));
}

TEST(Snippet, thinning_keeps_the_extremes_in_order) {
    SeededRandom random(7);
    Trace trace;
    trace.signal = "flow";
    for (int i = 0; i < 5'000; ++i) {
        trace.times.push_back(at(i));
        trace.values.push_back(random.uniform());
    }
    trace.values[1234] = 9;
    trace.values[4321] = -9;
    const Trace less = thin(trace, 400);
    EXPECT_TRUE(less.thinned);
    EXPECT_LE(less.times.size(), 400u);
    EXPECT_TRUE(std::is_sorted(less.times.begin(), less.times.end()));
    EXPECT_EQ(*std::max_element(less.values.begin(), less.values.end()), 9);
    EXPECT_EQ(*std::min_element(less.values.begin(), less.values.end()), -9);
    EXPECT_EQ(thin(less, 400), less);
}

TEST(LabelSettings, say_which_key_is_wrong) {
    const auto settings = settings_of(*parse_json(
        R"({"before":"2m","unsure":0.2,"rules":[{"name":"hot","signal":"t","above":80}]})"));
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->before, minutes{2});
    EXPECT_EQ(settings->after, seconds{20});
    ASSERT_EQ(settings->rules.size(), 1u);
    EXPECT_TRUE(settings->rules[0].hits(80.5));
    EXPECT_FALSE(settings->rules[0].hits(80));
    for (const char* wrong :
         {R"({"befor":"2m"})", R"({"before":2})", R"({"after":"2h"})", R"({"unsure":2})",
          R"({"rules":[{"name":"a","signal":"t"}]})",
          R"({"rules":[{"name":"a","signal":"t","above":1,"below":0}]})",
          R"({"rules":[{"name":"a","signal":"t","over":1}]})", R"({"rules":{}})"}) {
        const auto refused = settings_of(*parse_json(wrong));
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().message.find("config.labels."), 0u) << refused.error().message;
    }
}

class Recording : public testing::Test {
 protected:
    Recording() : recorder_([this](const Snippet& snippet) { kept_.push_back(snippet); }) {
        recorder_.learn("pump", {"3", {"flow", "pressure"}, 1});
    }
    void feed(std::int64_t s, double score) {
        recorder_.saw(batch_at(s, 0.5 * static_cast<double>(s), 20));
        recorder_.decided(decision_at(s, score));
    }
    std::vector<Snippet> kept_;
    Recorder recorder_;
};

TEST_F(Recording, an_alarm_that_begins_is_kept_at_once_and_again_when_what_follows_has_come) {
    for (int s = 0; s < 100; ++s) feed(s, .1);
    EXPECT_TRUE(kept_.empty());
    feed(100, 1.5);
    ASSERT_EQ(kept_.size(), 1u);
    EXPECT_EQ(kept_[0].why, "alarm");
    EXPECT_EQ(kept_[0].window_to, at(100));
    ASSERT_EQ(kept_[0].traces.size(), 2u);
    EXPECT_EQ(kept_[0].traces[0].signal, "flow");
    EXPECT_EQ(kept_[0].traces[0].times.front(), at(36));  // 60 s before the window's begin
    EXPECT_EQ(kept_[0].traces[0].times.back(), at(100));
    for (int s = 101; s < 119; ++s) feed(s, 1.5);  // it goes on: no other question
    EXPECT_EQ(kept_.size(), 1u);
    feed(119, 1.5);
    feed(120, 1.5);
    ASSERT_EQ(kept_.size(), 2u);
    EXPECT_EQ(kept_[1].id, kept_[0].id);
    EXPECT_EQ(kept_[1].traces[0].times.back(), at(120));
    EXPECT_EQ(kept_[1].traces[0].values.back(), 60);
}

TEST_F(Recording, scores_near_the_threshold_are_kept_now_and_then) {
    for (int s = 0; s < 1000; ++s) feed(s, .95);
    std::vector<std::string> ids;
    for (const Snippet& snippet : kept_) {
        EXPECT_EQ(snippet.why, "unsure");
        if (ids.empty() || ids.back() != snippet.id) ids.push_back(snippet.id);
    }
    EXPECT_EQ(ids.size(), 2u);  // ten minutes apart
}

TEST_F(Recording, a_rule_that_hits_asks_and_votes) {
    Settings settings;
    settings.rules.push_back({"low", "pressure", {}, 10});
    recorder_.configure(settings);
    feed(10, .1);
    EXPECT_TRUE(kept_.empty());
    recorder_.saw(batch_at(11, 1, 9.5));
    recorder_.decided(decision_at(11, .1));
    ASSERT_EQ(kept_.size(), 1u);
    EXPECT_EQ(kept_[0].why, "rule");
    EXPECT_EQ(kept_[0].votes, (std::map<std::string, bool>{{"low", true}}));
}

TEST_F(Recording, shadows_fallbacks_and_models_that_are_gone_ask_nothing) {
    recorder_.learn("pump.shadow", {"4", {"flow"}, 1});
    recorder_.decided(decision_at(1, 2, "pump.shadow"));
    Decision fallback = decision_at(2, 2);
    fallback.fallback = "input_stale";
    recorder_.decided(fallback);
    recorder_.forget("pump");
    recorder_.decided(decision_at(300, 2));
    EXPECT_TRUE(kept_.empty());
}

TEST_F(Recording, remembers_no_more_than_its_points) {
    for (int s = 0; s < 5'000; ++s) feed(s, .1);
    Settings settings;
    settings.before = hours{1};
    recorder_.configure(settings);
    feed(5'000, 2);
    ASSERT_EQ(kept_.size(), 1u);
    EXPECT_EQ(kept_[0].traces[0].times.size(), Recent::points_max);
    EXPECT_EQ(kept_[0].traces[0].times.back(), at(5'000));
}

struct World {
    files::TemporaryDirectory folder = files::TemporaryDirectory::make().value();
    std::string root = files::join(folder.path(), "root");
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 1}};
    std::unique_ptr<files::Files> files = std::make_unique<files::RealFiles>();
    SimulatedClock clock;
    RingOptions options;
    metrics::Registry metrics;
    std::vector<std::string> sent;
    std::optional<Error> send_fails;
    std::unique_ptr<Ring> ring;
    std::unique_ptr<Desk> desk;

    World() { open(); }
    ~World() { close(); }
    void open() {
        options.directory = files::join(root, "snippets");
        auto opened = Ring::open(*files, *loop, workers, options);
        ASSERT_TRUE(opened) << opened.error().message;
        ring = std::move(*opened);
        const auto send = [this](std::string, std::string message) -> Task<> {
            if (send_fails) co_return *send_fails;
            sent.push_back(std::move(message));
            co_return Result<>{};
        };
        desk = std::make_unique<Desk>(Desk::Parts{*ring, clock, metrics, send});
    }
    void close() {
        desk.reset();
        if (ring) ignore(wait(ring->stop()), "the test is over");
        ring.reset();
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    Result<Json> answer(const std::string& id, const std::string& body) {
        TRY(auto said, answer_of(*parse_json(body)));
        return wait(desk->answer(id, std::move(said)));
    }
};

TEST(SnippetRing, gives_back_what_was_kept_after_a_restart_and_the_newest_of_a_window) {
    World world;
    ASSERT_TRUE(world.ring->keep(snippet_at(100)));
    ASSERT_TRUE(world.ring->keep(snippet_at(200)));
    ASSERT_TRUE(world.ring->keep(snippet_at(100, 30)));
    ASSERT_TRUE(world.ring->settle(snippet_at(200).id, false));
    ASSERT_TRUE(world.wait(world.ring->flush()));
    world.close();
    world.open();
    const auto open = world.ring->open_questions(10);
    ASSERT_EQ(open.size(), 1u);
    const auto back = world.wait(world.ring->read(open[0].id));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, mw::to_json(to_json(snippet_at(100, 30))));
    EXPECT_EQ(world.ring->find(snippet_at(200).id)->label, false);
    EXPECT_EQ(world.wait(world.ring->read("nothing")).error().code, Errc::not_found);
}

TEST(SnippetRing, stays_within_its_bytes_and_counts_what_it_lost) {
    World world;
    world.close();
    world.options.bytes_max = 1 << 20;
    world.options.segment_bytes = 64 << 10;
    world.open();
    std::uint64_t most = 0;
    for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(world.ring->keep(snippet_at(100 + 10 * i, 500)));
        ASSERT_TRUE(world.wait(world.ring->flush()));
        std::uint64_t on_disk = 0;
        const auto listed = world.files->list(world.options.directory);
        ASSERT_TRUE(listed);
        for (const auto& entry : *listed) on_disk += entry.size;
        most = std::max(most, on_disk);
    }
    EXPECT_LE(most, world.options.bytes_max);
    EXPECT_GT(most, world.options.bytes_max / 2);
    const RingFigures figures = world.ring->figures();
    EXPECT_EQ(figures.open + figures.dropped_open, 300u);
    EXPECT_GT(figures.dropped_open, 100u);
    // The newest is there and whole.
    EXPECT_TRUE(world.wait(world.ring->read(snippet_at(100 + 10 * 299).id)));
    EXPECT_FALSE(world.ring->find(snippet_at(100).id));
}

TEST(SnippetRing, a_power_cut_at_any_call_leaves_what_was_confirmed) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (std::uint64_t cut = 1; cut <= 40; ++cut) {
        World world;
        world.close();
        std::filesystem::remove_all(world.root);
        auto faulty = files::FaultyFiles::open(world.root, seed + cut);
        ASSERT_TRUE(faulty);
        files::FaultyFiles& disk = **faulty;
        world.files = std::move(*faulty);
        world.open();
        disk.fail(files::Call::any, cut, files::Fault::power_cut);
        std::vector<std::string> confirmed, answered;
        for (int i = 0; i < 6; ++i) {
            const Snippet snippet = snippet_at(100 + 10 * i);
            if (!world.ring->keep(snippet) || !world.wait(world.ring->flush())) break;
            confirmed.push_back(snippet.id);
            if (!world.ring->settle(snippet.id, true) || !world.wait(world.ring->flush())) break;
            answered.push_back(snippet.id);
        }
        if (!disk.is_cut()) ignore(disk.power_cut(), "it was not reached by a call");
        world.close();
        world.files = std::make_unique<files::RealFiles>();
        world.open();
        EXPECT_EQ(world.ring->figures().unreadable, 0u);
        for (const auto& id : confirmed) EXPECT_TRUE(world.wait(world.ring->read(id))) << cut;
        for (const auto& id : answered) {
            ASSERT_TRUE(world.ring->find(id)) << cut;
            EXPECT_EQ(world.ring->find(id)->label, true) << cut;
        }
    }
}

TEST(LabelDesk, an_answer_goes_up_once_with_what_was_seen_and_a_correction_once_more) {
    World world;
    const Snippet snippet = snippet_at(100);
    ASSERT_TRUE(world.ring->keep(snippet));
    EXPECT_EQ(world.desk->questions(10).size(), 1u);
    const std::string body = R"({"label":true,"confidence":0.6,"author":"shift-a"})";
    const auto kept = world.answer(snippet.id, body);
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_TRUE(world.desk->questions(10).empty());
    ASSERT_EQ(world.sent.size(), 1u);
    const auto end = world.sent[0].find('\n');
    const Json message = *parse_json(world.sent[0].substr(0, end));
    EXPECT_EQ(find_bool(message, "label"), true);
    EXPECT_EQ(find_string(message, "author"), "shift-a");
    EXPECT_EQ(find_string(message, "source"), "edge");
    EXPECT_EQ(find_number(message, "confidence"), .6);
    EXPECT_EQ(find_integer(message, "labelled_at"), world.clock.now().ns);
    EXPECT_EQ(world.sent[0].substr(end + 1), mw::to_json(to_json(snippet)));
    ASSERT_TRUE(world.answer(snippet.id, body));
    EXPECT_EQ(world.sent.size(), 1u);
    world.clock.advance(seconds{5});
    ASSERT_TRUE(world.answer(snippet.id, R"({"label":false})"));
    ASSERT_EQ(world.sent.size(), 2u);
    EXPECT_EQ(world.sent[1].find(*find_string(message, "event")), std::string::npos);
    EXPECT_EQ(world.ring->find(snippet.id)->label, false);
}

TEST(LabelDesk, an_answer_that_could_not_be_kept_stays_a_question) {
    World world;
    const Snippet snippet = snippet_at(100);
    ASSERT_TRUE(world.ring->keep(snippet));
    world.send_fails = Error{Errc::io_failed, "the disk is gone"};
    EXPECT_EQ(world.answer(snippet.id, R"({"label":true})").error().code, Errc::io_failed);
    EXPECT_EQ(world.desk->questions(10).size(), 1u);
    world.send_fails.reset();
    ASSERT_TRUE(world.answer(snippet.id, R"({"label":true})"));
    EXPECT_TRUE(world.desk->questions(10).empty());
    EXPECT_EQ(world.answer("other", R"({"label":true})").error().code, Errc::not_found);
}

TEST(LabelDesk, skipping_sends_nothing) {
    World world;
    ASSERT_TRUE(world.ring->keep(snippet_at(100)));
    ASSERT_TRUE(world.answer(snippet_at(100).id, R"({"label":"skip"})"));
    EXPECT_TRUE(world.sent.empty());
    EXPECT_TRUE(world.desk->questions(10).empty());
}

TEST(LabelDesk, refuses_answers_of_another_shape) {
    for (const char* wrong :
         {R"({})", R"([])", R"({"label":"yes"})", R"({"label":true,"confidence":0})",
          R"({"label":true,"confidence":"1"})", R"({"label":true,"author":"a\nb"})",
          R"({"label":true,"author":"a/b"})", R"({"label":true,"more":1})"})
        EXPECT_EQ(answer_of(*parse_json(wrong)).error().code, Errc::invalid_input) << wrong;
}

}  // namespace
}  // namespace mw::edge_labels
