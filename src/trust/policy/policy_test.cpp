#include "trust/policy/policy.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace mw::policy {
namespace {

std::shared_ptr<const Policy> sample_policy() {
    std::vector<Role> roles;
    for (const auto& role : built_in_roles())
        roles.push_back(*role_from_spec(role.name, role.spec));
    roles.push_back(*role_from_spec(
        "north", *parse_json(R"({"rules":[{"verbs":["get","list"],"kinds":["Device","Asset"],
                                           "domains":["north","east"]}]})")));
    return Policy::compile(std::move(roles));
}

struct AccessCase {
    const char* role;
    Verb verb;
    const char* kind;
    const char* domain;
    bool allowed;
};

TEST(Policy, decides_by_role_verb_kind_and_domain) {
    const auto policy = sample_policy();
    const AccessCase cases[] = {
        {"admin", Verb::remove, "User", "any", true},
        {"admin", Verb::approve, "KindOfTomorrow", "any", true},
        {"operator", Verb::create, "Device", "north", true},
        {"operator", Verb::create, "User", "default", false},
        {"operator", Verb::token, "User", "default", false},
        {"operator", Verb::get, "User", "default", true},
        {"operator", Verb::list, "AuditFact", "default", false},
        {"operator", Verb::remove, "MqttClient", "default", true},
        {"operator", Verb::get, "MqttMessage", "default", true},
        {"engineer", Verb::list, "MqttClient", "default", true},
        {"engineer", Verb::watch, "MqttMessage", "default", true},
        {"engineer", Verb::get, "MqttMessage", "default", false},
        {"engineer", Verb::remove, "MqttClient", "default", false},
        {"it", Verb::watch, "MqttMessage", "default", true},
        {"it", Verb::get, "MqttMessage", "default", false},
        {"viewer", Verb::list, "MqttClient", "default", false},
        {"viewer", Verb::get, "Device", "north", true},
        {"viewer", Verb::query, "History", "default", true},
        {"viewer", Verb::patch, "Device", "north", false},
        {"viewer", Verb::get, "User", "default", false},
        {"north", Verb::get, "Device", "north", true},
        {"north", Verb::get, "Device", "south", false},
        {"north", Verb::get, "Site", "north", false},
        {"north", Verb::watch, "Device", "north", false},
        {"nobody-made-this", Verb::get, "Device", "north", false},
        {"viewer", Verb::list, "Rollout", "north", true},
        {"viewer", Verb::create, "Approval", "north", false},
        {"operator", Verb::patch, "Rollout", "north", true},
        {"operator", Verb::label, "LabelTask", "north", true},
        {"operator", Verb::create, "UseCase", "north", false},
        {"operator", Verb::approve, "Rollout", "north", false},
        {"engineer", Verb::create, "ModelVersion", "north", true},
        {"engineer", Verb::create, "Blob", "north", true},
        {"engineer", Verb::patch, "Device", "north", false},
        {"engineer", Verb::create, "Approval", "north", false},
        {"engineer", Verb::approve, "ModelVersion", "north", false},
        {"releaser", Verb::approve, "Rollout", "north", true},
        {"releaser", Verb::patch, "Rollout", "north", true},
        {"releaser", Verb::create, "Rollout", "north", false},
        {"releaser", Verb::create, "ModelVersion", "north", false},
        {"releaser", Verb::approve, "UseCase", "north", false},
        {"ot", Verb::approve, "UseCase", "north", true},
        {"ot", Verb::create, "Approval", "north", true},
        {"ot", Verb::patch, "UseCase", "north", false},
        {"ot", Verb::list, "AuditFact", "default", false},
        {"it", Verb::list, "AuditFact", "default", true},
        {"it", Verb::approve, "ModelVersion", "north", false},
        {"business", Verb::patch, "UseCase", "north", true},
        {"business", Verb::approve, "UseCase", "north", true},
        {"business", Verb::patch, "Device", "north", false},
    };
    for (const auto& row : cases) {
        const Principal ada{"user:ada", {row.role}};
        const Access access{row.verb, row.kind, row.domain};
        EXPECT_EQ(policy->allowed(ada, access), row.allowed)
            << row.role << " " << to_string(row.verb) << " " << row.kind << " " << row.domain;
        EXPECT_EQ(policy->explain(ada, access).allowed, row.allowed);
    }
}

// Four eyes: whoever may approve a thing may not also make it, but for admin and for the use cases
// of the business, where its author is refused by name.
TEST(Policy, who_approves_does_not_make) {
    const auto policy = sample_policy();
    for (const auto& role : built_in_roles())
        for (const auto* kind : {"ModelVersion", "Firmware", "Rollout"}) {
            if (role.name == "admin" || role.name == "operator") continue;
            const Principal one{"user:one", {std::string(role.name)}};
            EXPECT_FALSE(policy->allowed(one, {Verb::approve, kind, "x"}) &&
                         policy->allowed(one, {Verb::create, kind, "x"}))
                << role.name << " " << kind;
        }
}

TEST(Policy, says_no_to_who_has_no_role) {
    EXPECT_FALSE(sample_policy()->allowed({"user:eve", {}}, {Verb::get, "Device", "default"}));
}

TEST(Policy, explains_both_answers) {
    const auto policy = sample_policy();
    const Principal ada{"user:ada", {"viewer", "north"}};
    EXPECT_EQ(policy->explain(ada, {Verb::query, "History", "default"}).why,
              "role viewer (rule 1) allows user:ada to query on History in domain default");
    const auto no = policy->explain(ada, {Verb::remove, "Device", "south"});
    EXPECT_NE(no.why.find("its roles: viewer, north"), std::string::npos) << no.why;
    EXPECT_NE(no.why.find("verbs [delete], kinds [Device], domains [south]"), std::string::npos);
}

TEST(Policy, tells_where_to_list) {
    const auto policy = sample_policy();
    EXPECT_FALSE(policy->reach({"a", {"north", "viewer"}}, Verb::list, "Device").has_value());
    const std::vector<Reach> expected = {{std::vector<std::string>{"east", "north"}, {}}};
    EXPECT_EQ(*policy->reach({"a", {"north"}}, Verb::list, "Device"), expected);
    EXPECT_TRUE(policy->reach({"a", {"north"}}, Verb::list, "User")->empty());
}

TEST(Policy, nobody_covers_more_than_they_hold) {
    const auto policy = sample_policy();
    const std::string admin = "admin", viewer = "viewer", north = "north", gone = "gone";
    const Principal boss{"user:boss", {"admin"}}, op{"user:op", {"operator"}};
    EXPECT_TRUE(policy->covers_roles(boss, std::span(&admin, 1)));
    EXPECT_TRUE(policy->covers_roles(op, std::span(&viewer, 1)));
    EXPECT_TRUE(policy->covers_roles(op, std::span(&north, 1)));
    EXPECT_FALSE(policy->covers_roles(op, std::span(&admin, 1)));
    EXPECT_FALSE(policy->covers_roles(boss, std::span(&gone, 1)));
}

std::shared_ptr<const Policy> with_parts_of_history() {
    std::vector<Role> roles;
    const auto add = [&](const char* name, const char* rule) {
        roles.push_back(
            *role_from_spec(name, *parse_json(std::string(R"({"rules":[)") + rule + "]}")));
    };
    add("all", R"({"verbs":["*"],"kinds":["*"],"domains":["*"]})");
    add("some", R"({"verbs":["query"],"kinds":["History"],"domains":["*"],
                    "rows":{"products":["pumps"],"labels":{"line":"1"}}})");
    add("others", R"({"verbs":["query"],"kinds":["History"],"domains":["*"],
                      "rows":{"labels":{"line":"2"}}})");
    add("north", R"({"verbs":["query","list"],"kinds":["History"],"domains":["north"]})");
    return Policy::compile(std::move(roles));
}

TEST(Policy, tells_what_rows_of_history_they_may_query) {
    const auto policy = with_parts_of_history();
    EXPECT_TRUE(policy->readings({"a", {"gone"}}).empty());
    const auto all = policy->readings({"a", {"all"}});
    ASSERT_EQ(all.size(), 1u);
    EXPECT_TRUE(all[0].rows.empty());
    const auto two = policy->readings({"a", {"some", "north"}});
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[0].rows.products, std::vector<std::string>{"pumps"});
    EXPECT_EQ(two[0].rows.labels.at("line"), "1");
    EXPECT_EQ(two[1].domains, std::vector<std::string>{"north"});
}

TEST(Policy, who_sees_some_rows_hands_out_no_more) {
    const auto policy = with_parts_of_history();
    const std::string all = "all", some = "some", others = "others", north = "north";
    const Principal part{"user:part", {"some"}}, boss{"user:boss", {"all"}};
    EXPECT_TRUE(policy->covers_roles(part, std::span(&some, 1)));
    EXPECT_FALSE(policy->covers_roles(part, std::span(&others, 1)));
    EXPECT_FALSE(policy->covers_roles(part, std::span(&north, 1)));
    EXPECT_FALSE(policy->covers_roles(part, std::span(&all, 1)));
    for (const auto* role : {&all, &some, &others, &north})
        EXPECT_TRUE(policy->covers_roles(boss, std::span(role, 1)));
}

Role role_of(const char* name, const char* rules) {
    return *role_from_spec(name, *parse_json(R"({"rules":)" + std::string(rules) + "}"));
}

std::shared_ptr<const Policy> with_labels() {
    std::vector<Role> roles;
    roles.push_back(role_of("north", R"([{"verbs":["get","list"],"kinds":["Device","Site"],
        "domains":["*"],"labels":{"site":"north"}}])"));
    roles.push_back(role_of("lines", R"([{"verbs":["get"],"kinds":["*"],"domains":["plant"],
        "labels":{"site":"north","line":["a","b"]}}])"));
    roles.push_back(role_of("plain", R"([{"verbs":["get"],"kinds":["Device"],
        "domains":["office"]}])"));
    roles.push_back(role_of("all", R"([{"verbs":["*"],"kinds":["*"],"domains":["*"]}])"));
    roles.push_back(role_of("rows", R"([{"verbs":["query"],"kinds":["History"],
        "domains":["plant"],"labels":{"line":["b","a","b"]}}])"));
    return Policy::compile(std::move(roles));
}

TEST(PolicyLabels, hold_for_what_has_all_names_with_one_of_their_values) {
    const auto policy = with_labels();
    struct Case {
        std::vector<std::string> roles;
        const char *kind, *domain;
        std::optional<Labels> labels;
        bool allowed;
    };
    const Case cases[] = {
        {{"north"}, "Device", "x", Labels{{"site", "north"}}, true},
        {{"north"}, "Device", "x", Labels{{"a", "b"}, {"site", "north"}, {"z", ""}}, true},
        {{"north"}, "Device", "x", Labels{{"site", "south"}}, false},
        {{"north"}, "Device", "x", Labels{{"site", ""}}, false},
        {{"north"}, "Device", "x", Labels{{"line", "north"}}, false},
        {{"north"}, "Device", "x", Labels{}, false},
        {{"north"}, "Device", "x", std::nullopt, false},
        {{"north"}, "Asset", "x", Labels{{"site", "north"}}, false},
        {{"lines"}, "Asset", "plant", Labels{{"site", "north"}, {"line", "a"}}, true},
        {{"lines"}, "Asset", "plant", Labels{{"site", "north"}, {"line", "b"}}, true},
        {{"lines"}, "Asset", "plant", Labels{{"site", "north"}, {"line", "c"}}, false},
        {{"lines"}, "Asset", "plant", Labels{{"site", "north"}}, false},
        {{"lines"}, "Asset", "office", Labels{{"site", "north"}, {"line", "a"}}, false},
        {{"lines"}, "Blob", "plant", std::nullopt, false},
        {{"plain", "lines"}, "Device", "office", std::nullopt, true},
        {{"lines", "plain"}, "Device", "office", Labels{{"site", "south"}}, true},
        {{"gone", "lines", "north"}, "Device", "office", Labels{{"site", "north"}}, true},
        {{"all"}, "Device", "office", std::nullopt, true},
    };
    for (const auto& row : cases) {
        const Principal ada{"user:ada", row.roles};
        const Access access{Verb::get, row.kind, row.domain, row.labels ? &*row.labels : nullptr};
        const std::string told = row.roles.front() + " " + row.kind + " " + row.domain;
        EXPECT_EQ(policy->allowed(ada, access), row.allowed) << told;
        EXPECT_EQ(policy->explain(ada, access).allowed, row.allowed) << told;
    }
}

TEST(PolicyLabels, are_named_in_both_answers) {
    const auto policy = with_labels();
    const Principal ada{"user:ada", {"plain", "lines"}};
    const Labels good{{"site", "north"}, {"line", "b"}}, bad{{"site", "secret"}, {"line", "b"}};
    EXPECT_EQ(policy->explain(ada, {Verb::get, "Site", "plant", &good}).why,
              "role lines (rule 1) allows user:ada to get on Site in domain plant with labels "
              "line=a|b, site=north");
    const auto no = policy->explain(ada, {Verb::get, "Site", "plant", &bad}).why;
    EXPECT_EQ(no,
              "user:ada may not get on Site in domain plant; its roles: plain, lines. role "
              "lines (rule 1) holds with labels line=a|b, site=north only, and label site is "
              "not one of these");
    EXPECT_NE(policy->explain(ada, {Verb::get, "Site", "plant"}).why.find("none are in question"),
              std::string::npos);
}

TEST(PolicyLabels, tell_what_to_list) {
    const auto policy = with_labels();
    EXPECT_FALSE(policy->reach({"a", {"north", "all"}}, Verb::get, "Device").has_value());
    const auto some = policy->reach({"a", {"plain", "north", "lines"}}, Verb::get, "Device");
    const std::vector<Reach> expected = {
        {std::nullopt, {{"site", {"north"}}}},
        {std::vector<std::string>{"plant"}, {{"line", {"a", "b"}}, {"site", {"north"}}}},
        {std::vector<std::string>{"office"}, {}}};
    EXPECT_EQ(*some, expected);
    EXPECT_TRUE(holds(some, "office", {}));
    EXPECT_TRUE(holds(some, "x", {{"site", "north"}}));
    EXPECT_FALSE(holds(some, "plant", {{"line", "a"}}));
    EXPECT_TRUE(policy->reach({"a", {"plain"}}, Verb::list, "Device")->empty());
}

TEST(PolicyLabels, limit_the_rows_that_a_query_sees) {
    const auto rows = with_labels()->readings({"a", {"rows"}});
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].labels, (WantedLabels{{"line", {"a", "b"}}}));
    EXPECT_FALSE(with_labels()->allowed({"a", {"rows"}}, {Verb::query, "History", "plant"}));
}

TEST(PolicyLabels, are_handed_out_by_who_reaches_as_much) {
    const auto policy = with_labels();
    struct Case {
        const char *held, *domains, *labels;
        bool covered;
    };
    const Case cases[] = {
        {"lines", R"(["plant"])", R"({"site":"north","line":["a","b"]})", true},
        {"lines", R"(["plant"])", R"({"site":"north","line":"a"})", true},
        {"lines", R"(["plant"])", R"({"site":"north","line":"a","more":"x"})", true},
        {"lines", R"(["plant"])", R"({"site":"north","line":["a","c"]})", false},
        {"lines", R"(["plant"])", R"({"site":"north"})", false},
        {"lines", R"(["plant"])", R"({"site":["north","south"],"line":"a"})", false},
        {"lines", R"(["plant"])", nullptr, false},
        {"lines", R"(["office"])", R"({"site":"north","line":"a"})", false},
        {"lines", R"(["*"])", R"({"site":"north","line":"a"})", false},
        {"plain", R"(["office"])", R"({"site":"north"})", true},
        {"all", R"(["*"])", R"({"site":"north"})", true},
        {"all", R"(["*"])", nullptr, true},
    };
    for (const auto& row : cases) {
        const std::string labels = row.labels ? R"(,"labels":)" + std::string(row.labels) : "";
        const auto wanted = role_of("w", (R"([{"verbs":["get"],"kinds":["Device"],"domains":)" +
                                          std::string(row.domains) + labels + "}]")
                                             .c_str());
        EXPECT_EQ(policy->covers({"user:a", {row.held}}, wanted.rules), row.covered)
            << row.held << " " << row.domains << labels;
    }
}

TEST(PolicyRole, names_the_path_of_a_fault) {
    const std::map<std::string, std::string> cases = {
        {R"({})", "spec.rules"},
        {R"({"rules":[{"verbs":["fly"],"kinds":["*"],"domains":["*"]}]})", "spec.rules[0].verbs"},
        {R"({"rules":[{"verbs":["get"],"domains":["*"]}]})", "spec.rules[0].kinds"},
        {R"({"rules":[{"verbs":["get"],"kinds":["*"],"domains":[1]}]})", "spec.rules[0].domains"},
        {R"({"rules":[{"verbs":["query","get"],"kinds":["History"],"domains":["*"],
                       "rows":{"products":["a"]}}]})",
         "spec.rules[0].rows"},
        {R"({"rules":[{"verbs":["query"],"kinds":["*"],"domains":["*"],
                       "rows":{"products":["a"]}}]})",
         "spec.rules[0].rows"},
        {R"({"rules":[{"verbs":["query"],"kinds":["History"],"domains":["*"],"rows":{}}]})",
         "spec.rules[0].rows"},
        {R"({"rules":[{"verbs":["query"],"kinds":["History"],"domains":["*"],
                       "rows":{"product":["a"]}}]})",
         "spec.rules[0].rows"},
        {R"({"rules":[{"verbs":["query"],"kinds":["History"],"domains":["*"],
                       "rows":{"products":["*"]}}]})",
         "spec.rules[0].rows.products"},
        {R"({"rules":[{"verbs":["query"],"kinds":["History"],"domains":["*"],
                       "rows":{"labels":{"line":1}}}]})",
         "spec.rules[0].rows.labels"},
        {R"({"rules":[{"verbs":["get"],"kinds":["Site"],"domains":["*"],"labels":{}}]})",
         "spec.rules[0].labels"},
        {R"({"rules":[{"verbs":["get"],"kinds":["Site"],"domains":["*"],"labels":["a"]}]})",
         "spec.rules[0].labels"},
        {R"({"rules":[{"verbs":["get"],"kinds":["Site"],"domains":["*"],"labels":{"a":[]}}]})",
         "spec.rules[0].labels"},
        {R"({"rules":[{"verbs":["get"],"kinds":["Site"],"domains":["*"],"labels":{"a":[1]}}]})",
         "spec.rules[0].labels"},
        {R"({"rules":[{"verbs":["list"],"kinds":["Site","Alarm"],"domains":["*"],
                       "labels":{"a":"b"}}]})",
         "spec.rules[0].labels"},
        {R"({"rules":[{"verbs":["create","query"],"kinds":["History"],"domains":["*"],
                       "labels":{"a":"b"}}]})",
         "spec.rules[0].labels"},
        {R"({"rules":[{"verbs":["*"],"kinds":["Certificate"],"domains":["*"],
                       "labels":{"a":"b"}}]})",
         "spec.rules[0].labels"},
    };
    for (const auto& [text, path] : cases) {
        const auto role = role_from_spec("x", *parse_json(text));
        ASSERT_FALSE(role) << text;
        EXPECT_TRUE(role.error().message.starts_with(path + ": ")) << role.error().message;
    }
}

class OneAccount final : public Accounts {
 public:
    std::string user = "ada_b";
    Account account{{"viewer"}, {}};
    const Account* find(const std::string& name) const override {
        return name == user ? &account : nullptr;
    }
    std::shared_ptr<const Policy> policy() const override { return sample_policy(); }
    Task<> add_token(TokenRecord, AuditNote) override { co_return Result<>{}; }
    Task<> revoke_tokens(std::string, AuditNote) override { co_return Result<>{}; }
};

TEST(PolicyToken, is_accepted_until_it_expires) {
    SeededRandom random(1);
    OneAccount accounts;
    const auto issued = issue_token("ada_b", "api", {1'000}, nanoseconds{500}, random);
    accounts.account.tokens.push_back(issued.record);
    EXPECT_EQ(issued.text.size(), 4 + 5 + 1 + 43u);
    const auto who = authenticate(accounts, issued.text, {1'499});
    ASSERT_TRUE(who);
    EXPECT_EQ(who->name, "user:ada_b");
    EXPECT_EQ(who->roles, std::vector<std::string>{"viewer"});
    EXPECT_FALSE(authenticate(accounts, issued.text, {1'500}));
}

TEST(PolicyToken, record_does_not_hold_the_secret) {
    SeededRandom random(1);
    const auto issued = issue_token("ada", "api", {1}, nanoseconds{0}, random);
    const auto secret = issued.text.substr(8);
    EXPECT_EQ(text_of(issued.record.hash).find(secret.substr(0, 8)), std::string_view::npos);
    EXPECT_EQ(issued.record.expires.ns, 0);
}

TEST(PolicyToken, refuses_what_is_not_exactly_it) {
    SeededRandom random(1);
    OneAccount accounts;
    const auto issued = issue_token("ada_b", "api", {1}, nanoseconds{0}, random);
    accounts.account.tokens.push_back(issued.record);
    ASSERT_TRUE(authenticate(accounts, issued.text, {2}));
    std::vector<std::string> wrong = {"",
                                      "mwt_",
                                      "mwt_ada_b_",
                                      std::string(100'000, 'a'),
                                      issued.text + "A",
                                      issued.text.substr(1),
                                      "MWT" + issued.text.substr(3)};
    for (std::size_t i = 0; i < issued.text.size(); ++i) {
        auto changed = issued.text;
        changed[i] = changed[i] == 'x' ? 'y' : 'x';
        wrong.push_back(changed);
        changed[i] = '\0';
        wrong.push_back(changed);
    }
    for (const auto& text : wrong) {
        const auto outcome = authenticate(accounts, text, {2});
        ASSERT_FALSE(outcome) << text;
        EXPECT_EQ(outcome.error().code, Errc::denied);
    }
}

// The tables say what the rules say, for roles and questions by lot.
TEST(Policy, compiled_decisions_are_those_of_the_rules) {
    const std::vector<std::string> kinds = {"A", "B", "C", "*"}, domains = {"x", "y", "z", "*"};
    const std::vector<std::string> names = {"l", "m", "n"}, values = {"1", "2", "3", "4"};
    std::uint64_t seed = 42;
    const auto lot = [&](std::size_t most) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return std::size_t(seed >> 33) % most;
    };
    for (int round = 0; round < 200; ++round) {
        std::vector<Role> roles;
        for (int r = 0; r < 4; ++r) {
            Role role{"role-" + std::to_string(r), {}};
            for (std::size_t i = lot(4); i > 0; --i) {
                Rule rule{std::uint32_t(lot(1u << verb_count)), {}, {}};
                for (std::size_t k = 1 + lot(3); k > 0; --k) rule.kinds.push_back(kinds[lot(4)]);
                for (std::size_t d = 1 + lot(3); d > 0; --d)
                    rule.domains.push_back(domains[lot(4)]);
                for (std::size_t l = lot(3); l > 0; --l)
                    rule.labels[names[lot(3)]] = {values[lot(2)], values[2]};
                role.rules.push_back(std::move(rule));
            }
            roles.push_back(std::move(role));
        }
        const auto policy = Policy::compile(std::move(roles));
        for (int asked = 0; asked < 100; ++asked) {
            Principal who{"user:ada", {}};
            for (std::size_t r = lot(4); r > 0; --r)
                who.roles.push_back("role-" + std::to_string(lot(6)));
            const char* some_kinds[] = {"A", "B", "C", "D"};
            const char* some_domains[] = {"x", "y", "z", "w"};
            Labels labels;
            for (std::size_t l = lot(4); l > 0; --l) labels[names[lot(3)]] = values[lot(4)];
            Access access{Verb(lot(verb_count)), some_kinds[lot(4)], some_domains[lot(4)], &labels};
            EXPECT_EQ(policy->allowed(who, access), policy->explain(who, access).allowed)
                << "round " << round << ", question " << asked;
            const auto reach = policy->reach(who, access.verb, access.kind);
            EXPECT_EQ(policy->allowed(who, access), holds(reach, access.domain, labels))
                << "round " << round << ", question " << asked;
            access.labels = nullptr;
            EXPECT_EQ(policy->allowed(who, access), policy->explain(who, access).allowed);
        }
    }
}

}  // namespace
}  // namespace mw::policy
