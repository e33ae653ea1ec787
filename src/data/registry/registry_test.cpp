#include "data/registry/registry.h"

#include <filesystem>

#include "data/registry/store_suite.h"
#include "data/registry/test_metrics.h"
#include "platform/sqlite/sqlite.h"

namespace mw::registry {
namespace {

std::unique_ptr<Registry> open_in_memory(Loop& loop, const Clock& clock, Options options = {}) {
    options.path = ":memory:";
    auto registry = Registry::open(loop, clock, test_metrics(), std::move(options));
    EXPECT_TRUE(registry) << (registry ? "" : registry.error().message);
    return std::move(*registry);
}

// A store on a disk in memory of its own: two connections and two threads, as in the hub.
class OnDisk final : public ResourceStore {
 public:
    OnDisk(Loop& loop, const Clock& clock)
        : registry_(*Registry::open(loop, clock, test_metrics(),
                                    {.path = "r.db", .vfs = disk_.name()})) {}
    Task<Resource> get(std::string k, std::string n) override { return registry_->get(k, n); }
    Task<ResourcePage> list(ListQuery q) override { return registry_->list(q); }
    Task<Resource> create(Resource r, AuditNote n) override { return registry_->create(r, n); }
    Task<Resource> replace(Resource r, AuditNote n) override { return registry_->replace(r, n); }
    Task<Resource> set_status(std::string k, std::string m, Json s, AuditNote n) override {
        return registry_->set_status(k, m, s, n);
    }
    Task<Resource> merge_status(std::string k, std::string m, JsonObject s, AuditNote n) override {
        return registry_->merge_status(k, m, s, n);
    }
    Task<> remove(std::string k, std::string m, std::uint64_t r, AuditNote n) override {
        return registry_->remove(k, m, r, n);
    }
    Task<Resource> rehearse(Deed d, Resource r) override { return registry_->rehearse(d, r); }
    Task<> note(AuditNote n) override { return registry_->note(n); }
    std::shared_ptr<void> subscribe(Listener l) override { return registry_->subscribe(l); }
    Task<std::vector<ResourceChange>> changes_since(std::string k, std::uint64_t r) override {
        return registry_->changes_since(k, r);
    }

 private:
    sqlite::PowerCutDisk disk_{1};
    std::unique_ptr<Registry> registry_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite,
                         testing::Values(StoreBackend{"memory",
                                                      [](Loop& l, const Clock& c) {
                                                          return open_in_memory(l, c);
                                                      }},
                                         StoreBackend{"disk",
                                                      [](Loop& l, const Clock& c) {
                                                          return std::make_unique<OnDisk>(l, c);
                                                      }}),
                         [](const auto& info) { return info.param.name; });

class RegistryTest : public testing::Test {
 public:
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    static Resource parsed(std::string_view json) {
        auto resource = resource_from_json(*parse_json(json));
        EXPECT_TRUE(resource) << (resource ? "" : resource.error().message);
        return *resource;
    }
    static AuditNote note(std::string action = "create") { return {"user:ada", action, "a test"}; }

    SimulatedClock clock;
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<Registry> registry = open_in_memory(*loop, clock);
};

TEST_F(RegistryTest, every_write_leaves_one_fact_and_the_chain_verifies) {
    ASSERT_TRUE(wait(registry->create(parsed(R"({"kind":"Site","name":"north"})"), note())));
    EXPECT_FALSE(wait(registry->create(parsed(R"({"kind":"Site","name":"north"})"), note())));
    ASSERT_TRUE(wait(registry->set_status("Site", "north", JsonObject{{"a", 1}}, note("status"))));
    ASSERT_TRUE(wait(registry->note({"stranger", "login.refused", "line\nbreak"})));
    ASSERT_TRUE(wait(registry->remove("Site", "north", 0, note("delete"))));
    const auto facts = wait(registry->facts(policy::built_in_roles().size(), 100));
    ASSERT_TRUE(facts);
    ASSERT_EQ(facts->size(), 4u);
    EXPECT_EQ((*facts)[0].action, "create");
    EXPECT_EQ((*facts)[0].actor, "user:ada");
    EXPECT_EQ((*facts)[0].kind, "Site");
    EXPECT_EQ((*facts)[1].action, "status");
    EXPECT_EQ((*facts)[2].detail, "line break");
    EXPECT_EQ((*facts)[3].action, "delete");
    EXPECT_EQ(*wait(registry->verify_audit()), policy::built_in_roles().size() + 4);
}

TEST_F(RegistryTest, a_missing_reference_names_path_and_remedy) {
    ASSERT_TRUE(
        wait(registry->create(parsed(R"({"kind":"DeviceProfile","name":"pump"})"), note())));
    const auto near = wait(registry->create(
        parsed(R"({"kind":"Device","name":"gw","spec":{"profile":"pumpp"}})"), note()));
    ASSERT_FALSE(near);
    EXPECT_EQ(near.error().message,
              "spec.profile: there is no DeviceProfile 'pumpp'; did you mean 'pump'?");
    const auto far = wait(registry->create(
        parsed(R"({"kind":"User","name":"u","spec":{"roles":["viewer","zzzzzzzzzz"]}})"), note()));
    ASSERT_FALSE(far);
    EXPECT_EQ(far.error().message, "spec.roles[1]: there is no Role 'zzzzzzzzzz'; create it first");
}

TEST_F(RegistryTest, what_is_used_can_not_be_removed) {
    ASSERT_TRUE(wait(registry->create(parsed(R"({"kind":"Site","name":"north"})"), note())));
    ASSERT_TRUE(wait(registry->create(
        parsed(R"({"kind":"Asset","name":"pump","spec":{"site":"north"}})"), note())));
    const auto refused = wait(registry->remove("Site", "north", 0, note()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_NE(refused.error().message.find("Asset 'pump' (spec.site)"), std::string::npos);
    ASSERT_TRUE(wait(registry->remove("Asset", "pump", 0, note())));
    EXPECT_TRUE(wait(registry->remove("Site", "north", 0, note())));
}

TEST_F(RegistryTest, assets_stay_a_tree) {
    for (const auto* text :
         {R"({"kind":"Asset","name":"a"})", R"({"kind":"Asset","name":"b","spec":{"parent":"a"}})",
          R"({"kind":"Asset","name":"c","spec":{"parent":"b"}})"})
        ASSERT_TRUE(wait(registry->create(parsed(text), note())));
    const auto loop_back = wait(
        registry->replace(parsed(R"({"kind":"Asset","name":"a","spec":{"parent":"c"}})"), note()));
    ASSERT_FALSE(loop_back);
    EXPECT_NE(loop_back.error().message.find("a tree can't loop"), std::string::npos);
}

TEST_F(RegistryTest, built_in_roles_are_there_and_fixed) {
    ListQuery query;
    query.kind = "Role";
    EXPECT_EQ(wait(registry->list(query))->items.size(), policy::built_in_roles().size());
    EXPECT_EQ(wait(registry->remove("Role", "admin", 0, note())).error().code, Errc::conflict);
    auto role = *wait(registry->get("Role", "viewer"));
    role.spec = *parse_json(R"({"rules":[{"verbs":["*"],"kinds":["*"],"domains":["*"]}]})");
    EXPECT_EQ(wait(registry->replace(role, note())).error().code, Errc::conflict);
}

TEST_F(RegistryTest, policy_follows_roles_and_users) {
    ASSERT_TRUE(wait(registry->create(parsed(R"({"kind":"Role","name":"north","spec":{"rules":[
        {"verbs":["get"],"kinds":["Device"],"domains":["north"]}]}})"),
                                      note())));
    ASSERT_TRUE(wait(registry->create(
        parsed(R"({"kind":"User","name":"ada","spec":{"roles":["north"]}})"), note())));
    const auto allowed = [&] {
        const auto* account = registry->find("ada");
        const policy::Principal ada{"user:ada", account ? account->roles : Names{}};
        return registry->policy()->allowed(ada, {policy::Verb::get, "Device", "north"});
    };
    EXPECT_TRUE(allowed());
    ASSERT_TRUE(wait(registry->replace(parsed(R"({"kind":"User","name":"ada"})"), note())));
    EXPECT_FALSE(allowed());
    ASSERT_TRUE(wait(registry->remove("User", "ada", 0, note())));
    EXPECT_EQ(registry->find("ada"), nullptr);
}

TEST_F(RegistryTest, tokens_live_with_their_user) {
    SeededRandom random(1);
    ASSERT_TRUE(wait(registry->create(parsed(R"({"kind":"User","name":"ada"})"), note())));
    const auto issued = policy::issue_token("ada", "api", clock.now(), minutes(1), random);
    ASSERT_TRUE(wait(registry->add_token(issued.record, note("token.issued"))));
    EXPECT_TRUE(policy::authenticate(*registry, issued.text, clock.now()));
    ASSERT_TRUE(wait(registry->revoke_tokens("ada", note("tokens.revoked"))));
    EXPECT_FALSE(policy::authenticate(*registry, issued.text, clock.now()));
    const auto orphan = policy::issue_token("eve", "api", clock.now(), minutes(1), random);
    EXPECT_EQ(wait(registry->add_token(orphan.record, note())).error().code, Errc::not_found);
}

TEST_F(RegistryTest, sessions_push_out_sessions_and_never_the_lasting_token) {
    SeededRandom random(1);
    ASSERT_TRUE(wait(registry->create(parsed(R"({"kind":"User","name":"ada"})"), note())));
    const auto lasting = policy::issue_token("ada", "api", clock.now(), nanoseconds(0), random);
    ASSERT_TRUE(wait(registry->add_token(lasting.record, note())));
    for (int i = 0; i < 70; ++i) {
        clock.advance(seconds(1));
        const auto session = policy::issue_token("ada", "session", clock.now(), hours(1), random);
        ASSERT_TRUE(wait(registry->add_token(session.record, note())));
    }
    EXPECT_EQ(registry->find("ada")->tokens.size(), 64u);
    EXPECT_TRUE(policy::authenticate(*registry, lasting.text, clock.now()));
    clock.advance(hours(2));
    const auto last = policy::issue_token("ada", "session", clock.now(), hours(1), random);
    ASSERT_TRUE(wait(registry->add_token(last.record, note())));
    EXPECT_EQ(registry->find("ada")->tokens.size(), 2u);  // the expired ones are gone
}

TEST_F(RegistryTest, old_changes_are_compacted_and_watchers_told) {
    registry.reset();
    registry = open_in_memory(*loop, clock, {.changes_kept = 100});
    for (int i = 0; i < 600; ++i)
        ASSERT_TRUE(wait(registry->create(
            parsed(R"({"kind":"Site","name":"s)" + std::to_string(i) + "\"}"), note())));
    const auto changes = wait(registry->changes_since("Site", 1));
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().code, Errc::conflict);
    EXPECT_NE(changes.error().message.find("list again"), std::string::npos);
    EXPECT_TRUE(wait(registry->changes_since("Site", 550)));
}

TEST_F(RegistryTest, a_full_queue_refuses) {
    registry.reset();
    registry = open_in_memory(*loop, clock, {.writes_waiting_max = 2});
    int refused = 0;
    const auto one = [&](int i) -> Task<> {
        auto r = parsed(R"({"kind":"Site","name":"s)" + std::to_string(i) + "\"}");
        auto n = note();
        const auto outcome = co_await registry->create(std::move(r), std::move(n));
        if (!outcome && outcome.error().code == Errc::overloaded) ++refused;
        co_return Result<>{};
    };
    Scope scope(*loop);
    for (int i = 0; i < 10; ++i) scope.spawn(one(i));
    ASSERT_TRUE(sync_wait(*loop, scope.join()));
    EXPECT_GT(refused, 0);
}

TEST(RegistryPowerCut, keeps_every_acknowledged_write_and_its_fact) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        sqlite::PowerCutDisk disk(seed);
        SimulatedClock clock;
        auto loop = *Loop::open();
        const Options options{.path = "r.db", .vfs = disk.name()};
        std::vector<std::string> acknowledged;
        {
            auto registry = *Registry::open(*loop, clock, test_metrics(), options);
            disk.cut_at(seed * 9);
            for (int i = 0; i < 200; ++i) {
                Resource r;
                r.kind = "Site";
                r.name = "s" + std::to_string(i);
                if (!sync_wait(*loop, registry->create(r, {"user:ada", "create", ""}))) break;
                acknowledged.push_back(r.name);
            }
        }
        ASSERT_TRUE(disk.is_cut());
        disk.restore();
        auto registry = *Registry::open(*loop, clock, test_metrics(), options);
        for (const auto& name : acknowledged)
            EXPECT_TRUE(sync_wait(*loop, registry->get("Site", name))) << seed << " " << name;
        const auto facts = sync_wait(*loop, registry->verify_audit());
        ASSERT_TRUE(facts) << facts.error().message;
        const auto roles = policy::built_in_roles().size();
        EXPECT_GE(*facts, roles + acknowledged.size());
        EXPECT_LE(*facts, roles + 1 + acknowledged.size());
    }
}

TEST(RegistryFile, is_reopened_backed_up_and_tells_when_facts_were_edited) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "mw_registry_test";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const auto path = (folder / "registry.db").string(), copy = (folder / "copy.db").string();
    SimulatedClock clock;
    auto loop = *Loop::open();
    const auto reopen = [&](const std::string& at) {
        return *Registry::open(*loop, clock, test_metrics(), {.path = at});
    };
    auto registry = reopen(path);
    Resource r;
    r.kind = "Site";
    r.name = "north";
    ASSERT_TRUE(sync_wait(*loop, registry->create(r, {"user:ada", "create", ""})));
    const auto copied = copy_database(path, "", copy);
    ASSERT_TRUE(copied);
    const auto facts = *sync_wait(*loop, registry->facts(0, 5'000));
    EXPECT_EQ(copied->facts, facts.size());
    EXPECT_EQ(copied->last, facts.back().hash);
    EXPECT_EQ(copy_database(path, "", copy).error().code, Errc::invalid_input);  // it is there
    registry.reset();
    EXPECT_TRUE(sync_wait(*loop, reopen(path)->get("Site", "north")));
    EXPECT_TRUE(sync_wait(*loop, reopen(copy)->get("Site", "north")));
    {
        auto database = *sqlite::Database::open({.path = copy});
        EXPECT_FALSE(database.run("UPDATE audit SET actor='user:eve'"));  // the trigger refuses
        ASSERT_TRUE(
            database.run("DROP TRIGGER audit_is_append_only_update;"
                         "UPDATE audit SET actor='user:eve' WHERE sequence=2"));
    }
    const auto verified = sync_wait(*loop, reopen(copy)->verify_audit());
    ASSERT_FALSE(verified);
    EXPECT_NE(verified.error().message.find("audit fact 2"), std::string::npos);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mw::registry
