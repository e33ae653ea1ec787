#include "fleet/labelling/inbox.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "data/registry/registry.h"
#include "domain/story.h"
#include "fleet/labelling/labelling.h"

namespace mw::labelling {
namespace {

constexpr std::int64_t edge_from = 1'700'000'000'000'000'000;

std::string edge_message(const std::string& event, bool label, std::int64_t at = 7) {
    return R"({"v":1,"event":")" + event + R"(","author":"shift-a","source":"edge","label":)" +
           (label ? "true" : "false") + R"(,"confidence":0.6,"labelled_at":)" +
           std::to_string(edge_from + at) +
           "}\n"
           R"({"v":1,"id":"a","device":"gw-1","asset":"pump-1","model":"valve",)"
           R"("version":"3","window_from":1700000000000000000,"window_to":1700000004000000000,)"
           R"("score":1.5,"decision":true,"why":"alarm","traces":[]})";
}

EdgeAnswer edge_answer(const std::string& event, bool label, std::int64_t at = 7) {
    return edge_answer_of("gw-1", "valve", edge_message(event, label, at)).value();
}

TEST(EdgeAnswer, carries_who_where_when_and_about_what) {
    const EdgeAnswer answer = edge_answer("e1", true);
    const labels::Label& label = answer.label;
    EXPECT_EQ(label.author, "edge:gw-1/shift-a");
    EXPECT_EQ(label.source, "edge");
    EXPECT_EQ(label.why, "edge");
    EXPECT_EQ(label.confidence, .6);
    EXPECT_EQ(label.labelled_at.ns, edge_from + 7);
    EXPECT_EQ(label.window_to.ns, 1'700'000'004'000'000'000);
    EXPECT_EQ(label.event, "e1");
    EXPECT_TRUE(label.decision);
    EXPECT_EQ(find_string(*parse_json(answer.snippet), "why"), "alarm");
}

TEST(EdgeAnswer, of_another_shape_or_about_another_device_is_refused) {
    const auto refused = [](std::string body, const std::string& device = "gw-1") {
        const auto answer = edge_answer_of(device, "valve", body);
        return !answer && answer.error().code == Errc::invalid_input;
    };
    EXPECT_TRUE(refused("{"));
    EXPECT_TRUE(refused("[]"));
    EXPECT_TRUE(refused(edge_message("", true)));
    EXPECT_TRUE(refused(edge_message(std::string(65, 'e'), true)));
    EXPECT_TRUE(refused(edge_message("e1", true), "gw-2"));
    const std::string whole = edge_message("e1", true);
    EXPECT_FALSE(refused(whole));
    EXPECT_TRUE(refused(whole.substr(0, whole.find('\n'))));
    const std::pair<const char*, const char*> faults[] = {
        {R"({"v":1,"event")", R"({"v":2,"event")"},  {R"("label":true)", R"("label":1)"},
        {R"("labelled_at":)", R"("labelled_on":)"},  {R"("confidence":0.6)", R"("confidence":7)"},
        {R"("window_to":17)", R"("window_to":"17)"}, {R"("window_to":17)", R"("window_to":-17)"}};
    for (const auto& [right, wrong] : faults) {
        std::string body = whole;
        ASSERT_NE(body.find(right), std::string::npos) << right;
        body.replace(body.find(right), std::string_view(right).size(), wrong);
        EXPECT_TRUE(refused(body)) << wrong;
    }
}

class EdgeLabels : public testing::Test {
 protected:
    EdgeLabels() {
        registry_ =
            registry::Registry::open(*loop_, clock_, metrics_, {.path = ":memory:"}).value();
        put("UseCase", "leaks",
            R"({"business_owner":"Ann","executive_sponsor":"Eve","hypothesis":"Fewer leaks"})");
        put("Model", "valve", "{}");
        put("Device", "gw-1", "{}");
        log_ = labels::LabelLog::open(files_, *loop_, workers_, folder_.path() + "/labels").value();
        const auto threshold = [](std::string, std::string) -> Task<double> { co_return 1.0; };
        labelling_ = std::make_unique<Labelling>(
            Labelling::Parts{*loop_, *registry_, *log_, clock_, metrics_, threshold});
        EXPECT_TRUE(wait(labelling_->start()));
    }
    ~EdgeLabels() override {
        ignore(wait(labelling_->stop()), "the test is over");
        ignore(wait(log_->stop()), "the test is over");
    }
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

    files::TemporaryDirectory folder_ = files::TemporaryDirectory::make().value();
    files::RealFiles files_;
    RealClock clock_;
    metrics::Registry metrics_;
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 1}};
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<labels::LabelLog> log_;
    std::unique_ptr<Labelling> labelling_;
};

TEST_F(EdgeLabels, are_stored_once_in_whatever_order_they_come_again) {
    for (int again = 0; again < 2; ++again) {
        ASSERT_TRUE(wait(labelling_->take(edge_answer("e1", true, 10), "blob-1")));
        ASSERT_TRUE(wait(labelling_->take(edge_answer("e2", false, 20), "blob-2")));
    }
    ASSERT_TRUE(wait(labelling_->take(edge_answer("e1", true, 10), "blob-1")));
    EXPECT_EQ(log_->answers(), 2u);
    ASSERT_EQ(log_->newest()->size(), 1u);
    const labels::Label newest = log_->newest()->front();
    EXPECT_FALSE(newest.label);
    EXPECT_EQ(newest.snippet, "blob-2");
    EXPECT_EQ(newest.supersedes, 1u);
    EXPECT_EQ(newest.why, "edge");
}

TEST_F(EdgeLabels, answer_the_task_that_asks_about_the_same_window) {
    put("Monitor", "valves",
        R"({"use_case":"leaks","model":"valve","labels":{"audit":1,"unsure":0,"drifted":0}})");
    Decision decision;
    decision.device.text = "gw-1";
    decision.model = "valve";
    decision.version = "3";
    decision.window_from = {1'700'000'000'000'000'000};
    decision.window_to = {1'700'000'004'000'000'000};
    labelling_->offer({decision});
    const std::string name = task_name(decision);
    while (loop_->turn(false)) {
    }
    while (labelling_->waiting() > 0) ASSERT_TRUE(loop_->turn(true));
    ASSERT_TRUE(wait(registry_->get("LabelTask", name)));
    ASSERT_TRUE(wait(labelling_->take(edge_answer("e1", true), "blob")));
    const auto task = wait(registry_->get("LabelTask", name));
    EXPECT_EQ(find_string(task->status, "state"), "answered");
    EXPECT_EQ(find_bool(task->status, "label"), true);
    EXPECT_EQ(find_string(task->status, "by"), "edge:gw-1/shift-a");
    const labels::Label label = log_->newest()->front();
    EXPECT_EQ(label.task, name);
    EXPECT_EQ(label.use_case, "leaks");
    EXPECT_EQ(label.why, "audit");
    ASSERT_TRUE(wait(labelling_->take(edge_answer("e2", false, 9), "blob")));
    EXPECT_EQ(find_bool(wait(registry_->get("LabelTask", name))->status, "label"), false);
}

class EdgeInbox : public testing::Test {
 protected:
    void open(Inbox::Take take, Inbox::Limits limits = Inbox::Limits()) {
        inbox_ = std::make_unique<Inbox>(*loop_, *loop_, std::move(take), limits);
        inbox_->on_durable([this](std::uint64_t number) { reached_.push_back(number); });
    }
    ~EdgeInbox() override {
        if (inbox_) ignore(sync_wait(*loop_, inbox_->stop()), "the test is over");
    }
    static ingest::DeviceReport report(const std::string& body) {
        return {ingest::TopicKind::label, "gw-1", "valve", body, {}};
    }
    void until(std::uint64_t number) {
        while (inbox_->durable() < number) ASSERT_TRUE(loop_->turn(true));
    }
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_ = [this] {
        LoopOptions options;
        options.simulated = &clock_;
        return Loop::open(options).value();
    }();
    Event never_;
    std::unique_ptr<Inbox> inbox_;
    std::vector<std::uint64_t> reached_;
};

TEST_F(EdgeInbox, acknowledges_in_order_what_was_taken_and_tries_again_what_was_not) {
    std::vector<std::string> taken;
    int refusals = 2;
    open([&](EdgeAnswer answer) -> Task<> {
        if (refusals > 0) {
            --refusals;
            co_return Error{Errc::overloaded, "the disk is full"};
        }
        taken.push_back(answer.label.event);
        co_return Result<>{};
    });
    EXPECT_EQ(inbox_->keep(report(edge_message("e1", true))).value(), 1u);
    EXPECT_EQ(inbox_->keep(report(edge_message("e2", true))).value(), 2u);
    EXPECT_EQ(inbox_->durable(), 0u);
    until(2);
    EXPECT_EQ(taken, (std::vector<std::string>{"e1", "e2"}));
    EXPECT_EQ(reached_, (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(inbox_->refused(), 0u);
}

TEST_F(EdgeInbox, lets_go_of_what_will_never_be_taken_and_refuses_what_is_no_label) {
    open([](EdgeAnswer) -> Task<> { co_return Error{Errc::conflict, "it was settled"}; });
    EXPECT_EQ(inbox_->keep(report("{}")).error().code, Errc::invalid_input);
    ASSERT_TRUE(inbox_->keep(report(edge_message("e1", true))));
    until(1);
    EXPECT_EQ(inbox_->refused(), 1u);
}

TEST_F(EdgeInbox, has_a_limit) {
    Inbox::Limits limits;
    limits.answers = 2;
    open([this](EdgeAnswer) -> Task<> { co_return co_await never_.wait(); }, limits);
    int kept = 0;
    Result<std::uint64_t> last = 0u;
    while ((last = inbox_->keep(report(edge_message("e" + std::to_string(kept), true))))) ++kept;
    EXPECT_EQ(last.error().code, Errc::overloaded);
    EXPECT_EQ(kept, 2);
}

}  // namespace
}  // namespace mw::labelling
