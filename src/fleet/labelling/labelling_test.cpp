#include "fleet/labelling/labelling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "data/registry/registry.h"
#include "domain/story.h"

namespace mw::labelling {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;

Decision decision_at(std::int64_t s, double score, const std::string& device = "gw-1",
                     const std::string& model = "valve") {
    Decision decision;
    decision.device.text = device;
    decision.asset = "pump-1";
    decision.model = model;
    decision.version = "3";
    decision.window_from = {start + s * second};
    decision.window_to = {start + (s + 4) * second};
    decision.score = score;
    decision.decision = score >= 1;
    return decision;
}

Monitor monitor(double audit, double unsure, double drifted) {
    Monitor made;
    made.name = "valves";
    made.use_case = "leaks";
    made.model = "valve";
    made.audit = audit;
    made.unsure = unsure;
    made.drifted = drifted;
    made.drifting = {"gw-2"};
    return made;
}

TEST(LabelChoice, weighing_by_the_inverse_propensity_finds_the_truth_again) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    Monitor watched = monitor(0.05, 0.1, 0.2);
    watched.seed = seed;
    NearestShare nearest;
    double truth = 0, estimate = 0, windows = 0, weight = 0, chosen = 0;
    for (int i = 0; i < 60'000; ++i) {
        Decision decision = decision_at(i, random.uniform() * 2, i % 3 == 0 ? "gw-2" : "gw-1");
        // Wrong decisions are more frequent near the threshold: what a biased sample overrates.
        const double distance = std::abs(decision.score - 1);
        const bool wrong = random.uniform() < 0.5 * std::exp(-3 * distance);
        Room room;
        room.aimed = i % 7 != 0;  // the queue is full now and then
        room.nearest = nearest.take(distance, watched.unsure);
        truth += wrong;
        ++windows;
        const auto choice = choose(watched, decision, room);
        if (!choice) continue;
        ASSERT_GT(choice->propensity, 0);
        ASSERT_LE(choice->propensity, 1);
        ++chosen;
        estimate += wrong / choice->propensity;
        weight += 1 / choice->propensity;
    }
    // Five standard errors of this design are 0.02 of the windows.
    EXPECT_NEAR(weight / windows, 1, 0.1);
    EXPECT_NEAR(estimate / windows, truth / windows, 0.03);
    EXPECT_LT(chosen / windows, 0.25);
}

TEST(LabelChoice, is_the_same_again_and_another_under_another_seed) {
    const Monitor one = monitor(0.2, 0, 0);
    Monitor other = one;
    other.seed = 2;
    int chosen = 0, differ = 0;
    for (int i = 0; i < 2000; ++i) {
        const Decision decision = decision_at(i, 0.5);
        const bool a = choose(one, decision, {}).has_value();
        EXPECT_EQ(a, choose(one, decision, {}).has_value());
        chosen += a;
        differ += a != choose(other, decision, {}).has_value();
    }
    EXPECT_NEAR(chosen, 400, 90);
    EXPECT_GT(differ, 400);
}

TEST(LabelChoice, near_means_nearer_than_the_share_of_the_last_windows) {
    NearestShare nearest;
    int taken = 0;
    SeededRandom random(5);
    for (int i = 0; i < 5000; ++i) taken += nearest.take(random.uniform(), 0.1);
    EXPECT_NEAR(taken, 500, 120);
    EXPECT_TRUE(nearest.take(0, 0.1));
    EXPECT_FALSE(nearest.take(0.9, 0.1));
    EXPECT_FALSE(nearest.take(std::nan(""), 0.1));
    EXPECT_FALSE(nearest.take(0, 0));
    NearestShare fresh;
    EXPECT_FALSE(fresh.take(0, 1));
}

TEST(LabelAnswer, is_true_false_or_skip_and_nothing_else) {
    EXPECT_EQ(answer_from(*parse_json(R"({"label":true})"))->event, true);
    EXPECT_EQ(answer_from(*parse_json(R"({"label":false})"))->event, false);
    EXPECT_EQ(answer_from(*parse_json(R"({"label":"skip"})"))->event, std::nullopt);
    for (const char* body : {"{}", "true", "[]", "null", R"({"label":"yes"})", R"({"label":1})",
                             R"({"label":null})", R"({"label":true,"more":1})", R"({"x":true})"})
        EXPECT_FALSE(answer_from(*parse_json(body))) << body;
}

class Labels : public testing::Test {
 protected:
    Labels() {
        clock_.set_wall({start});
        LoopOptions options;
        options.simulated = &clock_;
        loop_ = Loop::open(options).value();
        registry_ =
            registry::Registry::open(*loop_, clock_, metrics_, {.path = ":memory:"}).value();
        put("UseCase", "leaks",
            R"({"business_owner":"Ann","executive_sponsor":"Eve","hypothesis":"Fewer leaks"})");
        put("Model", "valve", "{}");
        put("Device", "gw-1", "{}");
        put("Device", "gw-2", "{}");
        begin();
    }
    ~Labels() override { end(); }

    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }
    void put(const std::string& kind, const std::string& name, const std::string& spec) {
        Resource resource;
        resource.kind = kind;
        resource.name = name;
        resource.spec = *parse_json(spec);
        auto made = wait(registry_->create(std::move(resource), {"user:ann", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
    void watch(const std::string& labels, const std::string& more = "") {
        put("Monitor", "valves",
            R"({"use_case":"leaks","model":"valve")" + more + R"(,"labels":)" + labels + "}");
    }
    void begin() {
        log_ = labels::LabelLog::open(files_, *loop_, workers_, folder_.path() + "/labels").value();
        Labelling::Threshold threshold = [this](const std::string&, std::string version) {
            ++thresholds_asked_;
            return threshold_of(std::move(version));
        };
        labelling_ = std::make_unique<Labelling>(
            Labelling::Parts{*loop_, *registry_, *log_, clock_, metrics_, std::move(threshold)});
        ASSERT_TRUE(wait(labelling_->start()));
    }
    static Task<double> threshold_of(std::string version) {
        if (version != "3") co_return Error{Errc::not_found, "no such version"};
        co_return 1.0;
    }
    void end() {
        if (labelling_) ignore(wait(labelling_->stop()), "the test is over");
        labelling_.reset();
        ignore(wait(log_->stop()), "the test is over");
        log_.reset();
    }
    void settle() {
        while (loop_->turn(false)) {
        }
        while (labelling_->waiting() > 0) loop_->turn(true);
    }
    std::vector<Resource> tasks() {
        settle();
        ListQuery query;
        query.kind = "LabelTask";
        return wait(registry_->list(query))->items;
    }

    files::TemporaryDirectory folder_ = files::TemporaryDirectory::make().value();
    files::RealFiles files_;
    SimulatedClock clock_;
    metrics::Registry metrics_;
    std::unique_ptr<Loop> loop_;
    Workers workers_{{.threads = 1}};
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<labels::LabelLog> log_;
    std::unique_ptr<Labelling> labelling_;
    int thresholds_asked_ = 0;
};

TEST_F(Labels, an_audited_window_becomes_one_task_however_often_it_is_offered) {
    watch(R"({"audit":1,"unsure":0,"drifted":0})");
    for (int again = 0; again < 3; ++again) {
        labelling_->offer({decision_at(0, 1.5)});
        if (again == 1) end(), begin();
    }
    const auto all = tasks();
    ASSERT_EQ(all.size(), 1u);
    const Json& spec = all[0].spec;
    EXPECT_EQ(all[0].name, task_name(decision_at(0, 1.5)));
    EXPECT_EQ(find_string(spec, "device"), "gw-1");
    EXPECT_EQ(find_string(spec, "use_case"), "leaks");
    EXPECT_EQ(find_string(spec, "from"), "2023-11-14T22:13:20Z");
    EXPECT_EQ(find_string(spec, "why"), "audit");
    EXPECT_EQ(find_number(spec, "propensity"), 1.0);
    EXPECT_EQ(find_bool(spec, "decision"), true);
}

TEST_F(Labels, shadows_strangers_and_devices_that_nobody_watches_ask_nothing) {
    put("Device", "gw-3", "{}");
    auto device = *wait(registry_->get("Device", "gw-1"));
    device.labels["line"] = "a";
    ASSERT_TRUE(wait(registry_->replace(device, {"user:ann", "replace", ""})));
    watch(R"({"audit":1})", R"(,"selector":"line=a")");
    labelling_->offer({decision_at(0, 1, "gw-1", "valve.shadow"), decision_at(0, 1, "gw-3"),
                       decision_at(0, 1, "nobody"), decision_at(0, 1, "gw-1", "other")});
    EXPECT_TRUE(tasks().empty());
    labelling_->offer({decision_at(0, 1, "gw-1")});
    EXPECT_EQ(tasks().size(), 1u);
}

TEST_F(Labels, unsure_windows_are_asked_about_once_the_threshold_is_known) {
    watch(R"({"audit":0,"unsure":0.1,"drifted":0})");
    for (int i = 0; i < 100; ++i) {
        labelling_->offer({decision_at(10 * i, 0.2 + 0.001 * i)});
        settle();
    }
    EXPECT_EQ(thresholds_asked_, 1);
    const auto before = tasks().size();
    labelling_->offer({decision_at(2000, 0.99)});
    const auto all = tasks();
    ASSERT_EQ(all.size(), before + 1);
    labelling_->offer({decision_at(2001, 0.99)});  // it overlaps the one before
    labelling_->offer({decision_at(2010, 0.1)});   // it is sure
    EXPECT_EQ(tasks().size(), before + 1);
}

TEST_F(Labels, devices_that_drift_are_asked_about_as_long_as_the_monitor_lists_them) {
    watch(R"({"audit":0,"unsure":0,"drifted":1})");
    labelling_->offer({decision_at(0, 0.5), decision_at(0, 0.5, "gw-2")});
    EXPECT_TRUE(tasks().empty());
    JsonObject status{{"drifting_devices", JsonArray{"gw-2"}}};
    ASSERT_TRUE(wait(registry_->merge_status("Monitor", "valves", status, {"hub", "drift", ""})));
    labelling_->offer({decision_at(10, 0.5), decision_at(10, 0.5, "gw-2")});
    const auto all = tasks();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(find_string(all[0].spec, "why"), "drifted");
    EXPECT_EQ(find_string(all[0].spec, "device"), "gw-2");
}

TEST_F(Labels, at_most_open_max_wait_and_the_audit_keeps_its_room) {
    watch(R"({"audit":0,"unsure":0,"drifted":1,"open_max":10})");
    JsonObject status{{"drifting_devices", JsonArray{"gw-1"}}};
    ASSERT_TRUE(wait(registry_->merge_status("Monitor", "valves", status, {"hub", "drift", ""})));
    for (int i = 0; i < 30; ++i) labelling_->offer({decision_at(10 * i, 0.5)});
    EXPECT_EQ(tasks().size(), 7u);
    auto changed = *wait(registry_->get("Monitor", "valves"));
    set(changed.spec, "labels.audit", 1.0);
    ASSERT_TRUE(wait(registry_->replace(changed, {"user:ann", "replace", ""})));
    for (int i = 30; i < 60; ++i) labelling_->offer({decision_at(10 * i, 0.5)});
    EXPECT_EQ(tasks().size(), 10u);
    ASSERT_TRUE(wait(labelling_->answer(tasks()[0].name, {true}, "user:ann")));
    labelling_->offer({decision_at(900, 0.5)});
    EXPECT_EQ(tasks().size(), 11u);
}

TEST_F(Labels, an_answer_is_in_the_log_and_in_the_task_and_can_be_corrected) {
    watch(R"({"audit":1})");
    labelling_->offer({decision_at(0, 1.5), decision_at(10, 0.5), decision_at(20, 0.5)});
    const auto all = tasks();
    ASSERT_EQ(all.size(), 3u);
    const std::string first = task_name(decision_at(0, 1.5));
    const auto answered = wait(labelling_->answer(first, {false}, "user:ann"));
    ASSERT_TRUE(answered) << answered.error().message;
    EXPECT_EQ(find_string(answered->status, "state"), "answered");
    EXPECT_EQ(find_bool(answered->status, "label"), false);
    EXPECT_EQ(find_string(answered->status, "by"), "user:ann");
    ASSERT_EQ(log_->newest()->size(), 1u);
    const labels::Label label = log_->newest()->front();
    EXPECT_EQ(label.task, first);
    EXPECT_EQ(label.window_to, decision_at(0, 1.5).window_to);
    EXPECT_TRUE(label.decision);
    EXPECT_FALSE(label.label);
    ASSERT_TRUE(wait(labelling_->answer(first, {true}, "user:bob")));
    EXPECT_TRUE(log_->newest()->front().label);
    EXPECT_EQ(log_->newest()->front().supersedes, label.number);
    const std::string second_task = task_name(decision_at(10, 0.5));
    ASSERT_TRUE(wait(labelling_->answer(second_task, {}, "user:ann")));
    EXPECT_EQ(log_->answers(), 2u);
    EXPECT_EQ(wait(labelling_->answer(second_task, {}, "user:ann")).error().code, Errc::conflict);
    ASSERT_TRUE(wait(labelling_->answer(second_task, {true}, "user:ann")));
    EXPECT_EQ(wait(labelling_->answer("nobody", {true}, "user:ann")).error().code, Errc::not_found);
}

TEST_F(Labels, a_disagreement_is_settled_by_somebody_of_another_role) {
    watch(R"({"audit":1})");
    labelling_->offer({decision_at(0, 1.5)});
    ASSERT_EQ(tasks().size(), 1u);
    const std::string name = task_name(decision_at(0, 1.5));
    const auto roles_of = [](const std::string& author) {
        return author == "user:ann" ? std::vector<std::string>{"ot"}
                                    : std::vector<std::string>{"ot", "viewer"};
    };
    const auto settle_by = [&](const std::string& author, std::vector<std::string> roles) {
        return wait(labelling_->adjudicate(name, {true, "the log book"},
                                           {author, std::move(roles), roles_of}));
    };
    ASSERT_TRUE(wait(labelling_->answer(name, {true, .9}, "user:ann")));
    EXPECT_EQ(log_->newest()->front().confidence, .9);
    EXPECT_EQ(settle_by("user:eve", {"engineer"}).error().code, Errc::conflict);
    ASSERT_TRUE(wait(labelling_->answer(name, {false}, "user:bob")));
    EXPECT_EQ(settle_by("user:bob", {"engineer"}).error().code, Errc::denied);
    EXPECT_EQ(settle_by("user:eve", {"ot", "viewer"}).error().code, Errc::denied);
    const auto settled = settle_by("user:eve", {"viewer", "engineer"});
    ASSERT_TRUE(settled) << settled.error().message;
    EXPECT_EQ(find_bool(settled->status, "label"), true);
    EXPECT_EQ(find_string(settled->status, "adjudicated"), "the log book");
    EXPECT_EQ(log_->newest()->front().author, "user:eve");
    EXPECT_EQ(log_->newest()->front().supersedes, 2u);
    EXPECT_EQ(wait(labelling_->answer(name, {false}, "user:bob")).error().code, Errc::conflict);
}

TEST_F(Labels, a_crash_between_log_and_status_is_made_good_at_the_next_start) {
    watch(R"({"audit":1})");
    labelling_->offer({decision_at(0, 1.5)});
    const auto all = tasks();
    ASSERT_EQ(all.size(), 1u);
    ASSERT_TRUE(wait(log_->append(*label_of(all[0], true, "user:ann", clock_.now()))));
    end();
    begin();
    const auto task = *wait(registry_->get("LabelTask", all[0].name));
    EXPECT_EQ(find_string(task.status, "state"), "answered");
    EXPECT_EQ(find_bool(task.status, "label"), true);
    // The same before a correction, and before a disagreement was settled in the task.
    auto settled = *label_of(all[0], false, "user:eve", clock_.now());
    settled.adjudication = "the log book";
    ASSERT_TRUE(wait(log_->append(settled)));
    end();
    begin();
    const auto after = *wait(registry_->get("LabelTask", all[0].name));
    EXPECT_EQ(find_bool(after.status, "label"), false);
    EXPECT_EQ(find_string(after.status, "adjudicated"), "the log book");
}

TEST_F(Labels, a_task_that_nobody_answers_expires_and_can_be_answered_late) {
    watch(R"({"audit":1,"expire_after":"2h"})");
    labelling_->offer({decision_at(0, 1.5)});
    ASSERT_EQ(tasks().size(), 1u);
    const std::string name = task_name(decision_at(0, 1.5));
    ASSERT_TRUE(
        wait([](nanoseconds time) -> Task<> { co_return co_await sleep_for(time); }(hours{3})));
    EXPECT_EQ(find_string(tasks()[0].status, "state"), "expired");
    ASSERT_TRUE(wait(labelling_->answer(name, {true}, "user:ann")));
    EXPECT_EQ(find_string(tasks()[0].status, "state"), "answered");
}

TEST(LabelTaskTable, stands_in_the_documents_and_every_row_can_be_walked) {
    const StateTable& table = task_table();
    std::ifstream in(std::string(MW_SOURCE_DIR) + "/docs/formats/state-machines.md");
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_NE(text.str().find(table.to_markdown()), std::string::npos) << table.to_markdown();
    for (const Transition& row : table.rows()) {
        Resource task;
        task.status = JsonObject{{"state", row.from}};
        ASSERT_TRUE(advance(task, table, row.event, "because", {start}));
        EXPECT_EQ(state_of(task, table), row.to);
    }
}

}  // namespace
}  // namespace mw::labelling
