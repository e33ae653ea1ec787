// Roles, contracts and policies become what a person sees.
#include <gtest/gtest.h>

#include "data/access/access.h"

namespace mw::access {
namespace {

using policy::Principal;
using query::Names;

class Sights : public testing::Test {
 protected:
    Sights() {
        device("gw-1", "plant-a", {{"line", "pumps"}});
        device("gw-2", "plant-a", {{"line", "mills"}});
        device("gw-3", "plant-b", {{"line", "pumps"}});
        for (const auto& role : policy::built_in_roles())
            roles_.push_back(*policy::role_from_spec(role.name, role.spec));
        role("a-reader", R"({"verbs":["query"],"kinds":["History"],"domains":["plant-a"]})");
        role("b-reader", R"({"verbs":["query"],"kinds":["History"],"domains":["plant-b"]})");
        role("pump-reader", R"({"verbs":["query"],"kinds":["History"],"domains":["*"],
                                "rows":{"labels":{"line":"pumps"}}})");
        role("house-reader", R"({"verbs":["query"],"kinds":["History"],"domains":["*"],
                                 "rows":{"products":["pump-house"]}})");
        role("a-house-reader", R"({"verbs":["query"],"kinds":["History"],"domains":["plant-a"],
                                   "rows":{"products":["pump-house"]}})");
    }

    void device(const std::string& name, const std::string& domain,
                std::map<std::string, std::string> labels) {
        facts.devices[name] = {domain, std::move(labels)};
    }
    void role(const std::string& name, const std::string& rule) {
        auto made = policy::role_from_spec(name, *parse_json(R"({"rules":[)" + rule + "]}"));
        ASSERT_TRUE(made.ok()) << made.error().message;
        roles_.push_back(std::move(*made));
    }
    static Resource resource(const char* kind, const std::string& name, const std::string& domain,
                             const std::string& spec) {
        Resource made;
        made.kind = kind;
        made.name = name;
        made.domain = domain;
        made.spec = *parse_json(spec);
        return made;
    }
    void product(const std::string& name, const std::string& spec,
                 std::optional<Names> devices = {}, std::optional<Names> signals = {},
                 const std::string& domain = "plant-a") {
        facts.products[name] = resource("DataProduct", name, domain, spec);
        selections.push_back({name, std::move(devices), std::move(signals)});
    }
    void policy_says(const std::string& name, const std::string& spec) {
        facts.policies[name] = resource("Policy", name, "default", spec);
    }
    Result<query::Sight> sight(std::vector<std::string> names, const std::string& who = "ann") {
        return sight_for({"user:" + who, std::move(names)}, *policy::Policy::compile(roles_), facts,
                         product_facts(facts, selections));
    }
    // "gw-1 gw-2: flow | *: not a b", sets apart by " | ".
    static std::string told(const std::vector<query::SeriesSet>& sets) {
        std::string text;
        for (const auto& set : sets) {
            text += text.empty() ? "" : " | ";
            for (const auto& device : set.devices.value_or(Names{"*"})) text += device + " ";
            text.back() = ':';
            if (set.other_signals) text += " not";
            for (const auto& signal : set.signals.value_or(Names{"*"})) text += " " + signal;
        }
        return text;
    }

    Facts facts;
    query::Products selections;
    std::vector<policy::Role> roles_;
};

TEST_F(Sights, built_in_roles_see_all_rows_as_before) {
    product("pump-house", R"({"version":"1.0.0","status":"active","classification":"internal",
                              "owner":"operations","consumers":[{"name":"maintenance"}]})");
    for (const char* one :
         {"admin", "operator", "viewer", "engineer", "releaser", "ot", "it", "business"}) {
        const auto seen = sight({one});
        ASSERT_TRUE(seen.ok()) << one;
        EXPECT_TRUE(seen->sees_all_rows()) << one;
        EXPECT_TRUE(seen->closed_products.empty() && seen->unknown_products.empty()) << one;
    }
    EXPECT_EQ(sight({"writer"}).error().code, Errc::denied);
    EXPECT_EQ(sight({}).error().code, Errc::denied);
}

TEST_F(Sights, roles_show_devices_by_domain_label_and_product) {
    product("pump-house", "{}", Names{"gw-3", "gw-1"}, Names{"flow", "level"});
    EXPECT_EQ(told(*sight({"a-reader"})->only), "gw-1 gw-2: *");
    EXPECT_EQ(told(*sight({"a-reader", "b-reader"})->only), "gw-1 gw-2: * | gw-3: *");
    EXPECT_EQ(told(*sight({"pump-reader"})->only), "gw-1 gw-3: *");
    EXPECT_EQ(told(*sight({"house-reader"})->only), "gw-1 gw-3: flow level");
    EXPECT_EQ(told(*sight({"a-house-reader"})->only), "gw-1: flow level");
    EXPECT_FALSE(sight({"a-reader", "viewer"})->only);
    facts.devices.clear();
    EXPECT_EQ(told(*sight({"a-reader"})->only), "") << "no device is theirs, so no row is";
    EXPECT_FALSE(sight({"a-reader"})->sees_all_rows());
}

TEST_F(Sights, products_of_others_do_not_exist) {
    product("pump-house", "{}", Names{"gw-1"});
    product("mill", "{}", Names{"gw-3"}, {}, "plant-b");
    EXPECT_EQ(sight({"a-reader"})->unknown_products, Names{"mill"});
    EXPECT_EQ(sight({"house-reader"})->unknown_products, Names{"mill"});
    EXPECT_EQ(sight({"pump-reader"})->unknown_products, Names{});
}

TEST_F(Sights, rules_with_labels_show_rows_of_devices_that_have_them) {
    role("by-label", R"({"verbs":["query"],"kinds":["History"],"domains":["plant-a"],
                         "labels":{"line":["pumps","kilns"]}})");
    role("by-any", R"({"verbs":["*"],"kinds":["*"],"domains":["*"],"labels":{"line":"mills"}})");
    role("by-none", R"({"verbs":["query"],"kinds":["History"],"domains":["*"],
                        "labels":{"line":"gone"}})");
    product("pump-house", "{}", Names{"gw-1", "gw-3"});
    product("mill-house", "{}", Names{"gw-2"});
    product("marked", "{}", Names{"gw-3"});
    facts.products["marked"].labels["line"] = "mills";
    const auto one = sight({"by-label"});
    EXPECT_EQ(told(*one->only), "gw-1: *");
    EXPECT_EQ(one->unknown_products, (Names{"marked", "mill-house"}));
    const auto other = sight({"by-any"});
    EXPECT_EQ(told(*other->only), "gw-2: *");
    EXPECT_EQ(other->unknown_products, (Names{"pump-house"})) << "a product has labels as well";
    EXPECT_EQ(told(*sight({"by-label", "by-any"})->only), "gw-1: * | gw-2: *");
    EXPECT_EQ(told(*sight({"by-none"})->only), "");
}

TEST_F(Sights, a_confidential_product_is_for_whom_its_contract_names) {
    const char* spec = R"({"version":"1.0.0","status":"active","classification":"confidential",
        "owner":"operations","team":{"name":"Pumps","members":[{"username":"bob"}]},
        "consumers":[{"name":"eli"},{"name":"maintenance"}],"roles":[{"role":"ot"}]})";
    product("pump-house", spec, Names{"gw-1"}, Names{"power"});
    role("maintenance", R"({"verbs":["query"],"kinds":["History"],"domains":["*"]})");
    role("operations", R"({"verbs":["query"],"kinds":["History"],"domains":["*"]})");
    for (const auto& [who, named] : {std::pair{"bob", "viewer"},
                                     {"eli", "viewer"},
                                     {"ann", "ot"},
                                     {"ann", "admin"},
                                     {"ann", "maintenance"},
                                     {"ann", "operations"}})
        EXPECT_TRUE(sight({named}, who)->sees_all_rows()) << who << " " << named;
    const auto ann = sight({"viewer"});
    EXPECT_EQ(ann->closed_products.at("pump-house"),
              "data product pump-house is not for user:ann: it is confidential, and its contract "
              "names who may read it (owner, team, consumers, roles); ask operations");
    EXPECT_EQ(told(ann->never), "gw-1: power") << "nor under the name of points";
}

TEST_F(Sights, a_policy_leaves_products_to_roles) {
    product("pump-house", R"({"owner":"operations"})", Names{"gw-1"});
    policy_says("company", R"({"domains":["*"],"access":{"roles":["engineer","ot"]}})");
    EXPECT_TRUE(sight({"engineer"})->sees_all_rows());
    EXPECT_TRUE(sight({"admin"})->sees_all_rows());
    EXPECT_NE(sight({"viewer"})->closed_products.at("pump-house").find("roles engineer, ot"),
              std::string::npos);
}

TEST_F(Sights, masks_are_the_strongest_of_all_products_that_have_the_signal) {
    policy_says("company", R"({"domains":["*"],"masking":[
        {"classification":"confidential","method":"coarsen","over":"15m","except_roles":["ot"]},
        {"classification":"restricted","method":"hide","except_roles":["ot"]}]})");
    product("pump-house", R"({"signals":[{"name":"flow"},
        {"name":"power","classification":"confidential"},
        {"name":"badge","classification":"restricted"},
        {"name":"speed","classification":"confidential"}]})",
            Names{"gw-1"});
    const auto viewer = sight({"viewer"});
    ASSERT_EQ(viewer->masks.size(), 2u);
    EXPECT_EQ(viewer->masks[0].over.count(), 0) << "to hide comes first";
    EXPECT_EQ(told({viewer->masks[0].of}), "gw-1: badge");
    EXPECT_EQ(viewer->masks[1].over, std::chrono::minutes(15));
    EXPECT_EQ(told({viewer->masks[1].of}), "gw-1: power speed");
    EXPECT_FALSE(viewer->sees_all_rows());
    EXPECT_TRUE(sight({"viewer", "ot"})->sees_all_rows());
    EXPECT_TRUE(sight({"admin"})->sees_all_rows());
}

TEST_F(Sights, signals_that_a_contract_leaves_out_are_masked_as_the_product) {
    policy_says("company", R"({"domains":["*"],"masking":[
        {"classification":"internal","method":"hide"}]})");
    product("open", R"({"signals":[{"name":"flow","classification":"public"}]})", Names{"gw-1"});
    product("all", R"({"signals":[{"name":"flow","classification":"public"}]})", {},
            Names{"flow", "level"});
    const auto viewer = sight({"viewer"});
    ASSERT_EQ(viewer->masks.size(), 2u);
    EXPECT_EQ(told({viewer->masks[0].of, viewer->masks[1].of}), "*: level | gw-1: not flow");
}

// ---- following the store

class OneStore final : public ResourceStore {
 public:
    std::vector<Resource> all;
    std::vector<std::shared_ptr<Listener>> listeners;
    Task<Resource> get(std::string, std::string) override { co_return Error{Errc::not_found, ""}; }
    Task<ResourcePage> list(ListQuery query) override {
        ResourcePage page;
        for (const auto& one : all)
            if (one.kind == query.kind) page.items.push_back(one);
        co_return std::move(page);
    }
    Task<Resource> create(Resource r, AuditNote) override { co_return std::move(r); }
    Task<Resource> replace(Resource r, AuditNote) override { co_return std::move(r); }
    Task<Resource> set_status(std::string, std::string, Json, AuditNote) override {
        co_return Resource{};
    }
    Task<Resource> merge_status(std::string, std::string, JsonObject, AuditNote) override {
        co_return Resource{};
    }
    Task<> remove(std::string, std::string, std::uint64_t, AuditNote) override {
        co_return Result<>{};
    }
    Task<Resource> rehearse(Deed, Resource r) override { co_return std::move(r); }
    Task<> note(AuditNote) override { co_return Result<>{}; }
    std::shared_ptr<void> subscribe(Listener listener) override {
        listeners.push_back(std::make_shared<Listener>(std::move(listener)));
        return listeners.back();
    }
    Task<std::vector<ResourceChange>> changes_since(std::string, std::uint64_t) override {
        co_return std::vector<ResourceChange>{};
    }
    void tell(ResourceChange::What what, const Resource& resource) {
        for (const auto& listener : listeners) (*listener)({what, resource});
    }
};

class TwoAccounts final : public policy::Accounts {
 public:
    std::map<std::string, policy::Account> accounts{{"ann", {{"a-reader"}, {}}},
                                                    {"root", {{"admin"}, {}}}};
    std::shared_ptr<const policy::Policy> roles;
    const policy::Account* find(const std::string& user) const override {
        const auto found = accounts.find(user);
        return found == accounts.end() ? nullptr : &found->second;
    }
    std::shared_ptr<const policy::Policy> policy() const override { return roles; }
    Task<> add_token(policy::TokenRecord, AuditNote) override { co_return Result<>{}; }
    Task<> revoke_tokens(std::string, AuditNote) override { co_return Result<>{}; }
};

class NoProducts final : public query::ProductSource {
 public:
    std::shared_ptr<const query::Products> products() override { return none; }
    std::shared_ptr<const query::Products> none = std::make_shared<const query::Products>();
};

class Following : public Sights {
 protected:
    Following() {
        accounts.roles = policy::Policy::compile(roles_);
        Resource gateway = resource("Device", "gw-1", "plant-a", "{}");
        gateway.revision = 1;
        store.all.push_back(gateway);
        EXPECT_TRUE(sync_wait(*loop, access.start()).ok());
    }
    std::unique_ptr<Loop> loop = *Loop::open();
    OneStore store;
    TwoAccounts accounts;
    NoProducts products;
    Access access{{store, accounts, products}};
};

TEST_F(Following, sights_are_kept_until_devices_roles_or_people_change) {
    const auto first = *access.sight_of("user:ann");
    EXPECT_EQ(told(*first->only), "gw-1: *");
    EXPECT_EQ(*access.sight_of("user:ann"), first) << "kept";
    Resource second = resource("Device", "gw-9", "plant-a", "{}");
    store.tell(ResourceChange::What::created, second);
    EXPECT_EQ(told(*(*access.sight_of("user:ann"))->only), "gw-1 gw-9: *");
    second.domain = "plant-b";
    store.tell(ResourceChange::What::changed, second);
    EXPECT_EQ(told(*(*access.sight_of("user:ann"))->only), "gw-1: *");
    accounts.accounts["ann"].roles = {"b-reader"};
    EXPECT_EQ(told(*(*access.sight_of("user:ann"))->only), "gw-9: *");
    store.tell(ResourceChange::What::deleted, second);
    EXPECT_EQ(told(*(*access.sight_of("user:ann"))->only), "");
    accounts.accounts.erase("ann");
    EXPECT_EQ(access.sight_of("user:ann").error().code, Errc::denied);
}

TEST_F(Following, the_hub_sees_everything_and_strangers_nothing) {
    EXPECT_TRUE((*access.sight_of(""))->sees_all_rows());
    EXPECT_TRUE((*access.sight_of("user:root"))->sees_all_rows());
    for (const char* stranger : {"user:", "user:eve", "device:gw-1", "hub", "ann"})
        EXPECT_EQ(access.sight_of(stranger).error().code, Errc::denied) << stranger;
}

TEST_F(Following, nobody_reads_with_the_eyes_of_another) {
    policy::AdmissionRequest request;
    request.deed = policy::Verb::replace;
    request.who = {"user:ann", {"a-reader"}};
    request.wanted = resource("UseCase", "pumps", "plant-a", R"({"kpis":[{"sql":"SELECT 2"}]})");
    request.stored = resource("UseCase", "pumps", "plant-a", R"({"kpis":[{"sql":"SELECT 1"}]})");
    request.stored->status = JsonObject{{"author", "user:root"}};
    EXPECT_EQ(access.check_author(request).error().code, Errc::denied);
    request.who = {"user:root", {"admin"}};
    EXPECT_TRUE(access.check_author(request).ok());
    request.who = {"user:ann", {"a-reader"}};
    request.stored->status = JsonObject{{"author", "user:ann"}};
    EXPECT_TRUE(access.check_author(request).ok()) << "one's own";
    request.stored->status = JsonObject{};
    request.stored->spec = request.wanted.spec;
    EXPECT_TRUE(access.check_author(request).ok()) << "the same SQL";
    request.stored.reset();
    EXPECT_TRUE(access.check_author(request).ok()) << "new";
}

}  // namespace
}  // namespace mw::access
