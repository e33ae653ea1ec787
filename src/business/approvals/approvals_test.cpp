#include "business/approvals/approvals.h"

#include <gtest/gtest.h>

#include "data/registry/registry.h"

namespace mw::approvals {
namespace {

using policy::Verb;

Resource approval(const std::string& by, const std::string& role, const std::string& verdict,
                  std::uint64_t generation, std::int64_t at) {
    Resource r;
    r.kind = "Approval";
    r.name = by + "-" + std::to_string(at);
    r.spec = JsonObject{{"subject", JsonObject{{"kind", "Rollout"}, {"name", "r1"}}},
                        {"what", "rollout"},
                        {"role", role},
                        {"verdict", verdict},
                        {"generation", generation}};
    r.status = JsonObject{{"by", "user:" + by}};
    r.created = {at};
    return r;
}

struct JudgeCase {
    const char* what;
    std::vector<Resource> approvals;
    std::vector<std::string> roles;
    bool given;
    bool rejected;
    const char* says;  // a part
};

TEST(ApprovalsJudge, needs_every_role_and_another_person) {
    const JudgeCase cases[] = {
        {"nobody is needed", {}, {}, true, false, "nobody needs"},
        {"nothing was said", {}, {"releaser"}, false, false, "for 'rollout' as releaser"},
        {"one yes",
         {approval("bo", "releaser", "approve", 2, 1)},
         {"releaser"},
         true,
         false,
         "approved by user:bo as releaser"},
        {"the author's own",
         {approval("ann", "releaser", "approve", 2, 1)},
         {"releaser"},
         false,
         false,
         "own approval does not count: user:ann"},
        {"of an older spec",
         {approval("bo", "releaser", "approve", 1, 1)},
         {"releaser"},
         false,
         false,
         "1 given for another generation than 2"},
        {"in another role",
         {approval("bo", "ot", "approve", 2, 1)},
         {"releaser"},
         false,
         false,
         "as releaser"},
        {"one of two roles",
         {approval("bo", "ot", "approve", 2, 1)},
         {"ot", "it"},
         false,
         false,
         "approved by user:bo as ot; no approval of Rollout r1 for 'rollout' as it"},
        {"one person in two roles",
         {approval("bo", "ot", "approve", 2, 1), approval("bo", "it", "approve", 2, 2)},
         {"ot", "it"},
         true,
         false,
         "user:bo as it"},
        {"a no outweighs a yes",
         {approval("bo", "ot", "approve", 2, 1), approval("cy", "ot", "reject", 2, 2)},
         {"ot"},
         false,
         true,
         "rejected by user:cy as ot"},
        {"an author may say no",
         {approval("ann", "ot", "reject", 2, 2)},
         {"ot"},
         false,
         true,
         "rejected by user:ann"},
        {"the newest word counts, in any order",
         {approval("bo", "ot", "approve", 2, 9), approval("bo", "ot", "reject", 2, 3)},
         {"ot"},
         true,
         false,
         "approved by user:bo"},
        {"a no after a yes",
         {approval("bo", "ot", "approve", 2, 3), approval("bo", "ot", "reject", 2, 9)},
         {"ot"},
         false,
         true,
         "rejected by user:bo"},
    };
    for (const auto& row : cases) {
        const auto verdict =
            judge(row.approvals, {"Rollout", "r1"}, 2, "rollout", row.roles, "user:ann");
        EXPECT_EQ(verdict.given, row.given) << row.what << ": " << verdict.says;
        EXPECT_EQ(verdict.rejected, row.rejected) << row.what << ": " << verdict.says;
        EXPECT_NE(verdict.says.find(row.says), std::string::npos)
            << row.what << ": " << verdict.says;
    }
}

TEST(ApprovalsJudge, only_about_this_subject_and_purpose) {
    const std::vector one = {approval("bo", "ot", "approve", 2, 1)};
    EXPECT_TRUE(judge(one, {"Rollout", "r1"}, 2, "rollout", {"ot"}, "").given);
    EXPECT_FALSE(judge(one, {"Rollout", "r2"}, 2, "rollout", {"ot"}, "").given);
    EXPECT_FALSE(judge(one, {"Firmware", "r1"}, 2, "rollout", {"ot"}, "").given);
    EXPECT_FALSE(judge(one, {"Rollout", "r1"}, 2, "override", {"ot"}, "").given);
    auto forged = one;
    forged[0].status = JsonObject{};
    EXPECT_FALSE(judge(forged, {"Rollout", "r1"}, 2, "rollout", {"ot"}, "").given);
}

class ApprovalsAdmission : public testing::Test {
 public:
    ApprovalsAdmission() {
        registry = *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
        make(R"({"kind":"UseCase","name":"u","spec":{"business_owner":"a","executive_sponsor":"b",
                 "hypothesis":"h"}})");
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    Resource make(const std::string& text) {
        auto made =
            wait(registry->create(*resource_from_json(*parse_json(text)), {"hub", "x", ""}));
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return *made;
    }
    Result<Resource> ask(Verb deed, const std::string& who, std::vector<std::string> roles,
                         Resource wanted, std::optional<Resource> stored = {}) {
        policy::AdmissionRequest request{
            deed, {who, std::move(roles)}, std::move(wanted), std::move(stored)};
        return wait(admit(*registry, *registry, std::move(request)));
    }
    static Resource wish(const std::string& role, const std::string& more = "") {
        return *resource_from_json(*parse_json(
            R"({"kind":"Approval","name":"a","spec":{"subject":{"kind":"UseCase","name":"u"},
                "what":"stage:idea","role":")" +
            role + "\"" + more + "}}"));
    }

    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<registry::Registry> registry;
};

TEST_F(ApprovalsAdmission, signs_and_fills_the_generation) {
    const auto given = ask(Verb::create, "user:olga", {"viewer", "ot"}, wish("ot"));
    ASSERT_TRUE(given) << given.error().message;
    EXPECT_EQ(find_string(given->status, "by"), "user:olga");
    EXPECT_EQ(find_integer(given->spec, "generation"), 1);
    const auto stored = wait(registry->create(*given, {"user:olga", "create", ""}));
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(find_string(stored->status, "by"), "user:olga");
    const auto all = *wait(approvals_of(*registry, {"UseCase", "u"}));
    ASSERT_EQ(all.size(), 1u);
    EXPECT_TRUE(judge(all, {"UseCase", "u"}, 1, "stage:idea", {"ot"}, "user:ann").given);
    EXPECT_TRUE(wait(approvals_of(*registry, {"UseCase", "v"}))->empty());
}

TEST_F(ApprovalsAdmission, refuses_with_the_reason) {
    struct Case {
        std::vector<std::string> roles;
        Resource wanted;
        Errc code;
        const char* says;
    };
    auto nowhere = wish("ot");
    set(nowhere.spec, "subject.name", "nope");
    const Case cases[] = {
        {{"admin"}, wish("ot"), Errc::denied, "admin neither"},
        {{"it"}, wish("ot"), Errc::denied, "does not hold role 'ot'"},
        {{"releaser"}, wish("releaser"), Errc::denied, "approve"},
        {{"viewer"}, wish("viewer"), Errc::denied, "approve"},
        {{"ot"}, wish("ot", R"(,"generation":7)"), Errc::conflict, "is at generation 1, not 7"},
        {{"ot"}, nowhere, Errc::invalid_input, "there is no UseCase 'nope'"},
    };
    for (const auto& row : cases) {
        const auto outcome = ask(Verb::create, "user:x", row.roles, row.wanted);
        ASSERT_FALSE(outcome) << row.says;
        EXPECT_EQ(outcome.error().code, row.code) << row.says;
        EXPECT_NE(outcome.error().message.find(row.says), std::string::npos)
            << outcome.error().message;
    }
}

TEST_F(ApprovalsAdmission, is_never_changed_and_withdrawn_by_its_giver_only) {
    const auto stored = *ask(Verb::create, "user:olga", {"ot"}, wish("ot"));
    auto changed = stored;
    set(changed.spec, "verdict", "reject");
    for (const auto deed : {Verb::replace, Verb::patch}) {
        EXPECT_TRUE(ask(deed, "user:olga", {"ot"}, stored, stored));
        EXPECT_EQ(ask(deed, "user:olga", {"ot"}, changed, stored).error().code, Errc::conflict);
    }
    EXPECT_TRUE(ask(Verb::remove, "user:olga", {"ot"}, stored, stored));
    EXPECT_EQ(ask(Verb::remove, "user:admin", {"admin"}, stored, stored).error().code,
              Errc::denied);
}

}  // namespace
}  // namespace mw::approvals
