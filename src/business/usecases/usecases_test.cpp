#include "business/usecases/usecases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "data/registry/registry.h"
#include "domain/story.h"

namespace mw::usecases {
namespace {

using policy::Verb;

Resource parsed(const std::string& text) {
    auto json = parse_json(text);
    EXPECT_TRUE(json) << text;
    auto resource = resource_from_json(*json);
    EXPECT_TRUE(resource) << text;
    return *resource;
}

Resource use_case(const std::string& more = "", const std::string& name = "u") {
    return parsed(R"({"kind":"UseCase","name":")" + name +
                  R"(","spec":{"business_owner":"a","executive_sponsor":"b","hypothesis":"h")" +
                  more + "}}");
}

Resource approval(const std::string& role, const std::string& stage, std::uint64_t generation) {
    auto r = parsed(
        R"({"kind":"Approval","name":")" + role + "-" + stage + "-" + std::to_string(generation) +
        R"(","spec":{"subject":{"kind":"UseCase","name":"u"},"what":"stage:)" + stage +
        R"(","role":")" + role + R"(","generation":)" + std::to_string(generation) + "}}");
    r.status = JsonObject{{"by", "user:" + role}};
    return r;
}

TEST(UseCaseStages, walk_every_row) {
    for (const auto& row : stage_table().rows()) {
        auto moving = use_case();
        set(moving.status, "state", Json(row.from));
        const auto changes = advance(moving, stage_table(), row.event, "because", {1});
        ASSERT_TRUE(changes) << row.from << " " << row.event;
        EXPECT_EQ(state_of(moving, stage_table()), row.to);
        EXPECT_EQ(step_between(row.from, row.to), &row);
        EXPECT_EQ(first_step(row.from, row.to), &row);
    }
    auto idea = use_case();
    EXPECT_FALSE(advance(idea, stage_table(), "finish", "", {1}));
    EXPECT_EQ(step_between("idea", "scale"), nullptr);
    EXPECT_EQ(first_step("idea", "scale")->to, "prototype");
    EXPECT_EQ(first_step("idea", "idea"), nullptr);
}

TEST(UseCaseStages, stand_in_the_documents) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/docs/formats/state-machines.md");
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find("## UseCase\n" + stage_table().to_markdown()), std::string::npos)
        << "docs/formats/state-machines.md needs this under '## UseCase':\n"
        << stage_table().to_markdown();
}

// ---- criteria, row by row

struct CriterionCase {
    const char* what;
    std::string spec;    // of the use case, more of it
    std::string status;  // of the use case
    std::vector<Resource> reports, rollouts;
    bool holds;
    const char* says;
};

Resource report(const std::string& version, const std::string& verdict) {
    return parsed(R"({"kind":"GateReport","name":"g-1","spec":{"gate":"g","version":")" + version +
                  R"(","verdict":")" + verdict + R"("}})");
}
Resource rollout(const std::string& artifact, const std::string& state,
                 const std::string& mode = "replace") {
    auto r = parsed(R"({"kind":"Rollout","name":"r","spec":{"mode":")" + mode +
                    R"(","artifact":{"kind":"ModelVersion","name":")" + artifact + R"("}}})");
    set(r.status, "state", Json(state));
    return r;
}

std::string with_check(const std::string& check, const std::string& more = "") {
    return R"(,"model":"m","exit_criteria":{"idea":[{"criterion":"it is so","check":")" + check +
           "\"" + more + "}]}";
}

TEST(UseCaseCriteria, are_judged_row_by_row) {
    const std::string kpi = R"(,"kpis":[{"name":"k"}])";
    const std::string no_status = "{}";
    const CriterionCase cases[] = {
        {"evidence", with_check("evidence"), no_status, {}, {}, false, "no evidence"},
        {"open", with_check("evidence", R"(,"evidence":"open")"), no_status, {}, {}, false, "no"},
        {"given",
         with_check("evidence", R"(,"evidence":"report 7")"),
         no_status,
         {},
         {},
         true,
         "report 7"},
        {"assumptions",
         with_check("assumptions") +
             R"(,"assumptions":[{"statement":"a","evidence":"x"},{"statement":"b"}])",
         no_status,
         {},
         {},
         false,
         "1 of 2 assumptions are open, the first: b"},
        {"closed",
         with_check("assumptions") + R"(,"assumptions":[{"statement":"a","evidence":"x"}])",
         no_status,
         {},
         {},
         true,
         "1 assumptions"},
        {"no KPI", with_check("kpi_baseline"), no_status, {}, {}, false, "has no KPI"},
        {"not computed",
         with_check("kpi_baseline") + kpi,
         no_status,
         {},
         {},
         false,
         "KPI k was not computed yet"},
        {"failed",
         with_check("kpi_baseline") + kpi,
         R"({"kpis":[{"name":"k","error":"e","says":"could not be computed: e"}]})",
         {},
         {},
         false,
         "KPI k: could not be computed: e"},
        {"short",
         with_check("kpi_baseline") + kpi,
         R"({"kpis":[{"name":"k","baseline":{},"days":{"baseline":6},"says":"6 days"}]})",
         {},
         {},
         false,
         "6 days"},
        {"long",
         with_check("kpi_baseline") + kpi,
         R"({"kpis":[{"name":"k","baseline":{},"days":{"baseline":7}}]})",
         {},
         {},
         true,
         "1 KPI"},
        {"unclear",
         with_check("kpi_target") + kpi,
         R"({"kpis":[{"name":"k","reached":"inconclusive","says":"too few"}]})",
         {},
         {},
         false,
         "too few"},
        {"reached",
         with_check("kpi_target") + kpi,
         R"({"kpis":[{"name":"k","reached":"yes"}]})",
         {},
         {},
         true,
         "at their target"},
        {"no gate",
         with_check("gate_passed"),
         no_status,
         {report("m--1", "refused")},
         {},
         false,
         "no version of m has passed a gate; 1 refused"},
        {"of another model",
         with_check("gate_passed"),
         no_status,
         {report("mm--1", "passed")},
         {},
         false,
         "0 refused"},
        {"gate",
         with_check("gate_passed"),
         no_status,
         {report("m--2", "passed")},
         {},
         true,
         "m--2 passed gate g"},
        {"no rollout",
         with_check("rollout_completed"),
         no_status,
         {},
         {rollout("m--1", "rolled_back"), rollout("m--1", "completed", "shadow")},
         false,
         "2 are not"},
        {"rollout",
         with_check("rollout_completed"),
         no_status,
         {},
         {rollout("m--1", "completed")},
         true,
         "rollout r of m--1 is completed"},
    };
    for (const auto& row : cases) {
        auto subject = use_case(row.spec + R"(,"sign_off":[])");
        subject.status = *parse_json(row.status);
        const auto review = check_stage(subject, {row.reports, row.rollouts, {}});
        ASSERT_EQ(review.rows.size(), 1u) << row.what;
        EXPECT_EQ(review.rows[0].holds, row.holds) << row.what << ": " << review.rows[0].says;
        EXPECT_NE(review.rows[0].says.find(row.says), std::string::npos)
            << row.what << ": " << review.rows[0].says;
        EXPECT_EQ(review.ready(), row.holds);
        EXPECT_EQ(review.obstacle().starts_with("criterion 'it is so'"), !row.holds) << row.what;
    }
}

// ---- the ranking

Candidate candidate(const std::string& name, const std::string& more,
                    const std::string& status = "{}") {
    auto subject = use_case(more, name);
    subject.status = *parse_json(status);
    auto review = check_stage(subject, {});
    return {std::move(subject), std::move(review)};
}

TEST(UseCaseRank, counts_money_by_hand) {
    const auto r = appraise(candidate("a", R"(,"stage":"pilot","cost":{"initial":40000,
        "per_year":10000},"benefit":{"per_year":100000},"assumptions":[{"statement":"x"},
        {"statement":"y","evidence":"z"}])"));
    EXPECT_NEAR(r.probability, .5 * .75, 1e-12);  // a pilot, one of two assumptions open
    EXPECT_NEAR(r.expected_value, 3 * (37'500 - 10'000) - 40'000, 1e-6);
    EXPECT_NEAR(*r.payback_months, 12 * 40'000 / 27'500., 1e-9);
    EXPECT_NEAR(r.readiness, 2 / 8., 1e-12);  // of model, product, benefit, cost, KPIs, 3 roles
    EXPECT_NE(r.says.find("expected 42500 EUR in 3 years: 37.5 %"), std::string::npos) << r.says;
    EXPECT_NE(r.says.find("1 of 2 assumptions open"), std::string::npos) << r.says;
    EXPECT_NE(r.says.find("next, sign-off"), std::string::npos) << r.says;
}

TEST(UseCaseRank, measured_beats_expected_and_missed_counts_against) {
    const std::string spec =
        R"(,"stage":"pilot","benefit":{"per_year":1000},"kpis":[{"name":"k"}])";
    const auto won = appraise(
        candidate("won", spec, R"({"kpis":[{"name":"k","reached":"yes","money_per_year":5000}]})"));
    EXPECT_EQ(won.benefit_per_year, 5000);
    EXPECT_EQ(won.probability, .9);
    const auto lost = appraise(
        candidate("lost", spec, R"({"kpis":[{"name":"k","reached":"no","money_per_year":-10}]})"));
    EXPECT_EQ(lost.benefit_per_year, 1000);
    EXPECT_EQ(lost.probability, .25);
    EXPECT_NE(lost.says.find("missed the target"), std::string::npos);
}

TEST(UseCaseRank, orders_by_value_and_readiness_and_the_retired_last) {
    const std::string money = R"(,"benefit":{"per_year":1000})";
    const std::string ready = R"(,"model":"m","product":"p","cost":{"initial":0})" + money;
    const auto ranked = rank_portfolio({
        candidate("loss", R"(,"cost":{"per_year":5000})" + money),
        candidate("over", R"(,"stage":"retired")" + money),
        candidate("vague", money),
        candidate("ready", ready),
        candidate("large", R"(,"benefit":{"per_year":9000})"),
    });
    std::string order;
    for (const auto& r : ranked) order += r.name + " ";
    EXPECT_EQ(order, "large ready vague loss over ");
    EXPECT_EQ(ranked[2].expected_value, ranked[1].expected_value);
    EXPECT_FALSE(ranked[3].payback_months);
}

// ---- admission and controller, over the real store

class UseCasesTest : public testing::Test {
 public:
    UseCasesTest() {
        registry = *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
        cases = std::make_unique<UseCases>(*loop, *registry);
        EXPECT_TRUE(wait(cases->start()));
    }
    ~UseCasesTest() override { EXPECT_TRUE(wait(cases->stop())); }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    Resource stored() { return *wait(registry->get("UseCase", "u")); }
    Resource put(Resource r) {
        auto made = wait(registry->create(std::move(r), {"user:ann", "create", ""}));
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return *made;
    }
    Result<Resource> ask(Verb deed, Resource wanted, std::optional<Resource> before = {}) {
        policy::AdmissionRequest request{
            deed, {"user:ann", {}}, std::move(wanted), std::move(before)};
        return wait(cases->admit(std::move(request)));
    }
    // What the API does: ask, then write.
    Result<Resource> move_to(const std::string& stage) {
        auto before = stored();
        auto wanted = before;
        set(wanted.spec, "stage", Json(stage));
        auto admitted = ask(Verb::patch, std::move(wanted), std::move(before));
        if (!admitted) return admitted;
        return wait(registry->replace(std::move(*admitted), {"user:ann", "patch", ""}));
    }
    Resource settled(std::string_view state) {
        for (;;)
            if (auto r = stored(); state_of(r, stage_table()) == state) return r;
    }

    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open({.clock = &clock});
    std::unique_ptr<registry::Registry> registry;
    std::unique_ptr<UseCases> cases;
};

TEST_F(UseCasesTest, begin_as_ideas) {
    EXPECT_EQ(find_string(ask(Verb::create, use_case())->status, "state"), "idea");
    const auto early = ask(Verb::create, use_case(R"(,"stage":"scale")"));
    ASSERT_FALSE(early);
    EXPECT_NE(early.error().message.find("begins as idea"), std::string::npos);
}

TEST_F(UseCasesTest, leave_a_stage_when_its_criteria_hold_and_it_is_signed) {
    put(use_case(R"(,"sign_off":["ot","it"],"exit_criteria":{"idea":[
        {"criterion":"data is there","evidence":"note 3"},{"criterion":"it pays"}]})"));
    auto refused = move_to("prototype");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_NE(refused.error().message.find("criterion 'it pays' (evidence): no evidence"),
              std::string::npos)
        << refused.error().message;

    auto better = stored();
    better.spec.at("exit_criteria").at("idea").at(1).as_object()["evidence"] = "note 4";
    ASSERT_TRUE(wait(registry->replace(better, {"user:ann", "patch", ""})));
    put(approval("ot", "idea", 1));  // of what was there before
    put(approval("it", "idea", 2));
    refused = move_to("prototype");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("for 'stage:idea' as ot"), std::string::npos)
        << refused.error().message;
    EXPECT_EQ(wait(cases->review("u"))->obstacle().find("sign-off"), 0u);

    put(approval("ot", "idea", 2));
    EXPECT_TRUE(wait(cases->review("u"))->ready());
    ASSERT_TRUE(move_to("prototype"));
    const auto moved = settled("prototype");
    const auto& story = find(moved.status, "history")->get_array();
    ASSERT_EQ(story.size(), 1u);
    EXPECT_EQ(find_string(story[0], "says"),
              "2 of 2 exit criteria of idea hold; approved by user:ot as ot, user:it as it");
}

TEST_F(UseCasesTest, a_step_changes_nothing_else_and_one_at_a_time) {
    put(use_case(R"(,"sign_off":[])"));
    auto wanted = stored();
    set(wanted.spec, "stage", Json("prototype"));
    set(wanted.spec, "hypothesis", Json("another"));
    EXPECT_NE(ask(Verb::replace, wanted, stored()).error().message.find("stage alone"),
              std::string::npos);
    const auto far = move_to("scale");
    ASSERT_FALSE(far);
    EXPECT_NE(far.error().message.find("more than one step (from idea: prototype, retired)"),
              std::string::npos)
        << far.error().message;
    auto words = stored();
    set(words.spec, "hypothesis", Json("another"));
    EXPECT_TRUE(ask(Verb::replace, words, stored()));
    EXPECT_TRUE(ask(Verb::remove, stored(), stored()));
}

TEST_F(UseCasesTest, go_back_and_end_without_asking) {
    put(use_case(R"(,"sign_off":[])"));
    ASSERT_TRUE(move_to("prototype"));
    settled("prototype");
    ASSERT_TRUE(move_to("idea"));
    settled("idea");
    ASSERT_TRUE(move_to("retired"));
    const auto ended = settled("retired");
    EXPECT_EQ(find(ended.status, "history")->get_array().size(), 3u);
}

TEST_F(UseCasesTest, follow_steps_that_were_taken_while_nobody_looked) {
    ASSERT_TRUE(wait(cases->stop()));
    put(use_case(R"(,"stage":"scale","sign_off":[])"));
    cases = std::make_unique<UseCases>(*loop, *registry);
    ASSERT_TRUE(wait(cases->start()));
    const auto moved = settled("scale");
    EXPECT_EQ(find(moved.status, "history")->get_array().size(), 3u);
}

TEST_F(UseCasesTest, rank_what_is_stored) {
    put(use_case(R"(,"benefit":{"per_year":10})", "small"));
    put(use_case(R"(,"benefit":{"per_year":1000})", "large"));
    const auto ranked = *wait(cases->rank());
    ASSERT_EQ(ranked.size(), 2u);
    EXPECT_EQ(ranked[0].name, "large");
    EXPECT_EQ(wait(cases->review("nope")).error().code, Errc::not_found);
}

}  // namespace
}  // namespace mw::usecases
