#include "data/label_log/label_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/random.h"

namespace mw::labels {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;

Label answer(std::int64_t at, bool event, const std::string& device = "gw-1") {
    Label label;
    label.task = "label-" + device + "-" + std::to_string(at);
    label.device = device;
    label.asset = "pump-1";
    label.use_case = "valves";
    label.model = "valve";
    label.version = "3";
    label.window_from = {start + (at - 60) * second};
    label.window_to = {start + at * second};
    label.score = 1.25;
    label.decision = true;
    label.label = event;
    label.why = "audit";
    label.propensity = 0.0625;
    label.author = "user:ann";
    label.source = "api";
    label.labelled_at = {start + (at + 500) * second};
    return label;
}

struct World {
    files::TemporaryDirectory folder = files::TemporaryDirectory::make().value();
    std::string root = files::join(folder.path(), "root");
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 1}};
    std::unique_ptr<files::Files> files = std::make_unique<files::RealFiles>();
    std::unique_ptr<LabelLog> log;

    World() { open(); }
    ~World() { close(); }
    void open() {
        auto opened = LabelLog::open(*files, *loop, workers, files::join(root, "labels"));
        ASSERT_TRUE(opened) << opened.error().message;
        log = std::move(*opened);
    }
    void close() {
        if (log) ignore(sync_wait(*loop, log->stop()), "the test is over");
        log.reset();
    }
    Result<Label> append(Label label) { return sync_wait(*loop, log->append(std::move(label))); }
};

TEST(LabelLog, an_answer_survives_a_restart_word_by_word) {
    World world;
    const auto kept = world.append(answer(100, true));
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(kept->number, 1u);
    world.close();
    world.open();
    ASSERT_EQ(world.log->newest()->size(), 1u);
    EXPECT_EQ(world.log->newest()->front(), *kept);
    EXPECT_EQ(world.log->of_task(kept->task)->label, true);
    EXPECT_EQ(world.log->of_task("other"), nullptr);
}

TEST(LabelLog, the_newest_answer_about_a_window_counts_and_names_the_one_before) {
    World world;
    ASSERT_TRUE(world.append(answer(100, true)));
    ASSERT_TRUE(world.append(answer(100, true, "gw-2")));
    Label second_thought = answer(100, false);
    second_thought.author = "user:bob";
    second_thought.labelled_at = second_thought.labelled_at + seconds{60};
    const auto kept = world.append(second_thought);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->supersedes, 1u);
    for (int again = 0; again < 2; ++again) {
        const auto newest = world.log->newest();
        ASSERT_EQ(newest->size(), 2u);
        EXPECT_EQ(newest->at(0).device, "gw-1");
        EXPECT_FALSE(newest->at(0).label);
        EXPECT_EQ(newest->at(0).author, "user:bob");
        EXPECT_TRUE(newest->at(1).label);
        EXPECT_EQ(world.log->answers(), 3u);
        const Timestamp between = second_thought.labelled_at - seconds{1};
        EXPECT_TRUE(world.log->as_of(between).at(0).label);
        EXPECT_TRUE(world.log->as_of({start}).empty());
        world.close();
        world.open();
    }
}

TEST(LabelLog, saying_the_same_again_writes_nothing) {
    World world;
    const auto first = world.append(answer(100, true));
    Label again = answer(100, true);
    again.labelled_at = again.labelled_at + hours{1};
    const auto second_time = world.append(again);
    ASSERT_TRUE(first && second_time);
    EXPECT_EQ(*first, *second_time);
    EXPECT_EQ(world.log->answers(), 1u);
}

TEST(LabelLog, what_was_settled_stays_until_it_is_settled_anew) {
    World world;
    ASSERT_TRUE(world.append(answer(100, true)));
    Label other = answer(100, false);
    other.author = "user:bob";
    other.confidence = .75;
    ASSERT_TRUE(world.append(other));
    Label settled = answer(100, true);
    settled.author = "user:eve";
    settled.adjudication = "the shift log names the valve";
    ASSERT_TRUE(world.append(settled));
    for (int again = 0; again < 2; ++again) {
        EXPECT_TRUE(world.log->newest()->front().label);
        EXPECT_EQ(world.log->newest()->front().supersedes, 2u);
        EXPECT_EQ(world.log->windows().at(0).at(1).confidence, .75);
        const auto refused = world.append(other);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::conflict);
        EXPECT_NE(refused.error().message.find("names the valve"), std::string::npos);
        world.close();
        world.open();
    }
    settled.author = "user:kim";
    settled.label = false;
    ASSERT_TRUE(world.append(settled));
    EXPECT_FALSE(world.log->newest()->front().label);
    EXPECT_EQ(world.log->about(settled).size(), 4u);
}

TEST(LabelLog, a_clock_that_went_back_does_not_turn_the_order_around) {
    World world;
    ASSERT_TRUE(world.append(answer(100, true)));
    Label late = answer(100, false);
    late.labelled_at = late.labelled_at - hours{5};
    ASSERT_TRUE(world.append(late));
    EXPECT_FALSE(world.log->newest()->front().label);
}

TEST(LabelLog, what_cannot_be_is_refused_by_name) {
    struct Case {
        const char* says;
        void (*spoil)(Label&);
    };
    const Case cases[] = {
        {"'device' is missing", [](Label& l) { l.device.clear(); }},
        {"'author' is missing", [](Label& l) { l.author.clear(); }},
        {"ends before it begins", [](Label& l) { std::swap(l.window_from, l.window_to); }},
        {"'propensity'", [](Label& l) { l.propensity = 0; }},
        {"'propensity'", [](Label& l) { l.propensity = 1.5; }},
        {"'score' must be finite", [](Label& l) { l.score = 1.0 / 0.0; }},
        {"'confidence'", [](Label& l) { l.confidence = 0; }},
        {"'confidence'", [](Label& l) { l.confidence = 1.01; }},
        {"in one line", [](Label& l) { l.adjudication = "one\ntwo"; }},
        {"'adjudication' has more", [](Label& l) { l.adjudication.assign(1001, 'x'); }},
        {"more than 200 bytes", [](Label& l) { l.task.assign(201, 'x'); }},
    };
    World world;
    for (const auto& [says, spoil] : cases) {
        Label label = answer(100, true);
        spoil(label);
        const auto outcome = world.append(label);
        ASSERT_FALSE(outcome) << says;
        EXPECT_EQ(outcome.error().code, Errc::invalid_input);
        EXPECT_NE(outcome.error().message.find(says), std::string::npos) << outcome.error().message;
    }
    EXPECT_EQ(world.log->answers(), 0u);
}

TEST(LabelLog, frames_that_nobody_can_read_are_counted_and_passed_over) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    World world;
    ASSERT_TRUE(world.append(answer(100, true)));
    world.close();
    constexpr int spoilt = 200;
    {
        files::AppendLogOptions options;
        options.directory = files::join(world.root, "labels");
        options.purpose = "labels";
        auto log = files::AppendLog::open(*world.files, options);
        ASSERT_TRUE(log);
        Json good = to_json(answer(200, true));
        good.get_object()["v"] = 1;
        const std::string text = mw::to_json(good);
        for (int i = 0; i < spoilt; ++i) {
            std::string bad = text;
            // A quote or bracket gone, a byte changed to one that JSON has not, or an end missing.
            bad.resize(1 + random.below(bad.size() - 2));
            ASSERT_TRUE(log->append(bytes_of(bad)));
        }
        good.get_object()["v"] = 2;
        ASSERT_TRUE(log->append(bytes_of(mw::to_json(good))));
    }
    world.open();
    EXPECT_EQ(world.log->unreadable_frames(), spoilt + 1u);
    EXPECT_EQ(world.log->newest()->size(), 1u);
}

TEST(LabelLog, the_frame_is_the_one_in_the_golden_file) {
    const std::string path = std::string(MW_SOURCE_DIR) + "/src/data/label_log/golden/label.json";
    std::ifstream in(path);
    std::stringstream golden;
    golden << in.rdbuf();
    Label label = answer(100, true);
    label.supersedes = 7;
    Json object = to_json(label);
    object.get_object()["v"] = 1;
    EXPECT_EQ(mw::to_json(object) + "\n", golden.str());
    const auto read = parse_json(golden.str());
    ASSERT_TRUE(read);
    const auto parsed = label_from_json(*read);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, label);
}

TEST(LabelLog, a_power_cut_at_any_call_keeps_what_was_confirmed_and_nothing_twice) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (std::uint64_t cut = 1; cut < 40; ++cut) {
        World world;
        world.close();
        auto faulty = files::FaultyFiles::open(world.root, seed + cut);
        ASSERT_TRUE(faulty);
        files::FaultyFiles& disk = **faulty;
        world.files = std::move(*faulty);
        world.open();
        disk.fail(files::Call::any, cut, files::Fault::power_cut);
        std::vector<Label> confirmed;
        for (int i = 0; i < 6; ++i) {
            auto kept = world.append(answer(100 + i / 2, i % 2 == 0));
            if (kept) confirmed.push_back(*kept);
            if (!kept) break;
        }
        if (!disk.is_cut()) ignore(disk.power_cut(), "it was not reached by a call");
        world.close();
        world.files = std::make_unique<files::RealFiles>();
        world.open();
        EXPECT_GE(world.log->answers(), confirmed.size()) << "cut at call " << cut;
        EXPECT_LE(world.log->answers(), confirmed.size() + 1) << "cut at call " << cut;
        EXPECT_EQ(world.log->unreadable_frames(), 0u);
        for (const Label& label : confirmed) {
            const Label* found = world.log->of_task(label.task);
            ASSERT_NE(found, nullptr) << "cut at call " << cut;
            EXPECT_GE(found->number, label.number);
        }
    }
}

}  // namespace
}  // namespace mw::labels
