#pragma once
// What every ResourceStore promises, as tests: a backend instantiates StoreSuite with a maker of
// empty stores. Included by tests only.

#include <gtest/gtest.h>

#include <functional>

#include "domain/resource_store.h"

namespace mw::registry {

struct StoreBackend {
    std::string name;
    std::function<std::unique_ptr<ResourceStore>(Loop&, const Clock&)> make;
};

class StoreSuite : public testing::TestWithParam<StoreBackend> {
 public:
    StoreSuite() : loop(*Loop::open()), store(GetParam().make(*loop, clock)) {}
    ~StoreSuite() override { store.reset(); }

    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    static Resource site(std::string name) {
        Resource r;
        r.kind = "Site";
        r.name = std::move(name);
        return r;
    }
    static Resource asset(std::string name, std::string site_name) {
        Resource r;
        r.kind = "Asset";
        r.name = std::move(name);
        r.spec = JsonObject{{"site", std::move(site_name)}};
        return r;
    }
    static AuditNote by_ada(std::string action = "create") { return {"user:ada", action, ""}; }
    Resource made(Resource r) {
        auto created = wait(store->create(std::move(r), by_ada()));
        EXPECT_TRUE(created) << (created ? "" : created.error().message);
        return created ? *created : Resource{};
    }
    std::vector<std::string> names(ListQuery query) {
        std::vector<std::string> found;
        const auto page = wait(store->list(std::move(query)));
        EXPECT_TRUE(page) << (page ? "" : page.error().message);
        if (page)
            for (const auto& item : page->items) found.push_back(item.name);
        return found;
    }

    SimulatedClock clock;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<ResourceStore> store;
};
using Names = std::vector<std::string>;

TEST_P(StoreSuite, create_gives_generation_revision_and_times) {
    const auto first = made(site("north"));
    EXPECT_EQ(first.generation, 1u);
    EXPECT_GT(first.revision, 0u);
    EXPECT_EQ(first.created, clock.now());
    const auto second = made(site("south"));
    EXPECT_GT(second.revision, first.revision);
    const auto read = wait(store->get("Site", "north"));
    ASSERT_TRUE(read);
    EXPECT_EQ(to_json(to_json(*read)), to_json(to_json(first)));
}

TEST_P(StoreSuite, create_refuses_a_name_that_is_taken) {
    made(site("north"));
    const auto again = wait(store->create(site("north"), by_ada()));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
}

TEST_P(StoreSuite, what_is_not_there_is_not_found) {
    EXPECT_EQ(wait(store->get("Site", "x")).error().code, Errc::not_found);
    EXPECT_EQ(wait(store->replace(site("x"), by_ada())).error().code, Errc::not_found);
    EXPECT_EQ(wait(store->remove("Site", "x", 0, by_ada())).error().code, Errc::not_found);
    EXPECT_EQ(wait(store->set_status("Site", "x", JsonObject{}, by_ada())).error().code,
              Errc::not_found);
}

TEST_P(StoreSuite, a_kind_that_does_not_exist_is_invalid) {
    EXPECT_EQ(wait(store->get("Sight", "x")).error().code, Errc::invalid_input);
    ListQuery query;
    query.kind = "Sight";
    EXPECT_EQ(wait(store->list(query)).error().code, Errc::invalid_input);
}

TEST_P(StoreSuite, replace_with_an_old_revision_conflicts) {
    auto mine = made(site("north"));
    auto theirs = mine;
    theirs.spec = JsonObject{{"description", "theirs"}};
    const auto stored = wait(store->replace(theirs, by_ada("replace")));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->generation, 2u);
    mine.spec = JsonObject{{"description", "mine"}};
    const auto late = wait(store->replace(mine, by_ada("replace")));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Errc::conflict);
    mine.revision = 0;  // without a revision the last write wins
    EXPECT_TRUE(wait(store->replace(mine, by_ada("replace"))));
}

TEST_P(StoreSuite, generation_grows_with_spec_only) {
    auto r = made(site("north"));
    r.labels["tier"] = "1";
    r = *wait(store->replace(r, by_ada("replace")));
    EXPECT_EQ(r.generation, 1u);
    const auto status =
        wait(store->set_status("Site", "north", JsonObject{{"up", true}}, by_ada()));
    ASSERT_TRUE(status);
    EXPECT_EQ(status->generation, 1u);
    EXPECT_GT(status->revision, r.revision);
}

TEST_P(StoreSuite, replace_keeps_status_and_creation_time) {
    auto r = made(site("north"));
    ASSERT_TRUE(wait(store->set_status("Site", "north", JsonObject{{"up", true}}, by_ada())));
    clock.advance(seconds(5));
    r.revision = 0;
    r.spec = JsonObject{{"description", "new"}};
    const auto stored = wait(store->replace(r, by_ada("replace")));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->status, Json(JsonObject{{"up", true}}));
    EXPECT_EQ(stored->created, r.created);
    EXPECT_EQ(stored->updated, clock.now());
}

TEST_P(StoreSuite, a_replace_that_changes_nothing_writes_nothing) {
    const auto r = made(site("north"));
    const auto stored = wait(store->replace(r, by_ada("replace")));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->revision, r.revision);
}

TEST_P(StoreSuite, statuses_of_several_writers_merge) {
    made(site("north"));
    ASSERT_TRUE(
        wait(store->merge_status("Site", "north", JsonObject{{"a", 1}, {"b", 2}}, by_ada())));
    const auto merged =
        wait(store->merge_status("Site", "north", JsonObject{{"b", nullptr}, {"c", 3}}, by_ada()));
    ASSERT_TRUE(merged);
    EXPECT_EQ(merged->status, Json(JsonObject{{"a", 1}, {"c", 3}}));
    const auto same = wait(store->merge_status("Site", "north", JsonObject{{"c", 3}}, by_ada()));
    ASSERT_TRUE(same);
    EXPECT_EQ(same->revision, merged->revision);
}

TEST_P(StoreSuite, removed_with_the_right_revision_only) {
    const auto r = made(site("north"));
    EXPECT_EQ(wait(store->remove("Site", "north", r.revision + 7, by_ada())).error().code,
              Errc::conflict);
    EXPECT_TRUE(wait(store->remove("Site", "north", r.revision, by_ada())));
    EXPECT_FALSE(wait(store->get("Site", "north")));
    EXPECT_GT(made(site("north")).revision, r.revision + 1);  // revisions are never used twice
}

TEST_P(StoreSuite, pages_meet_without_gap_or_overlap) {
    for (int i = 0; i < 25; ++i)
        made(site("s-" + std::string(i < 10 ? "0" : "") + std::to_string(i)));
    ListQuery query;
    query.kind = "Site";
    query.limit = 10;
    Names all;
    std::uint64_t revision = 0;
    for (int pages = 0;; ++pages) {
        const auto page = wait(store->list(query));
        ASSERT_TRUE(page);
        if (pages == 0) revision = page->revision;
        EXPECT_EQ(page->revision, revision);  // watch from the first page's
        for (const auto& item : page->items) all.push_back(item.name);
        query.continue_from = page->continue_from;
        if (query.continue_from.empty()) break;
        made(site("z-late-" + std::to_string(pages)));  // writes meanwhile move no border
    }
    ASSERT_GE(all.size(), 25u);
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1], all[i]);
}

TEST_P(StoreSuite, lists_by_label_field_and_domain) {
    made(site("north"));
    made(site("south"));
    for (int i = 0; i < 6; ++i) {
        auto r = asset("a-" + std::to_string(i), i % 2 ? "north" : "south");
        r.labels["tier"] = std::to_string(i % 3);
        if (i == 4) r.labels["spare"] = "";
        if (i == 5) r.labels["a.b/c-d"] = "x";
        r.domain = i < 3 ? "plant" : "office";
        made(r);
    }
    struct Case {
        const char *labels, *fields;
        std::vector<Reach> reach;
        Names expected;
    };
    const Case cases[] = {
        {"", "", {}, {"a-0", "a-1", "a-2", "a-3", "a-4", "a-5"}},
        {"tier=0", "", {}, {"a-0", "a-3"}},
        {"tier!=0", "", {}, {"a-1", "a-2", "a-4", "a-5"}},
        {"spare", "", {}, {"a-4"}},
        {"!spare,tier=1", "", {}, {"a-1"}},
        {"", "spec.site=north", {}, {"a-1", "a-3", "a-5"}},
        {"", "spec.site!=north", {}, {"a-0", "a-2", "a-4"}},
        {"tier=0", "spec.site=north", {}, {"a-3"}},
        {"", "domain=plant", {}, {"a-0", "a-1", "a-2"}},
        {"", "name=a-5", {}, {"a-5"}},
        {"", "spec.class=pump", {}, {}},
        {"", "", {{Names{"office"}}}, {"a-3", "a-4", "a-5"}},
        {"tier=1", "spec.site=south", {{Names{"office", "plant"}}}, {"a-4"}},
        {"tier=1", "spec.site=south", {{Names{"plant"}}}, {}},
        {"", "", {{std::nullopt, {{"tier", {"0"}}}}}, {"a-0", "a-3"}},
        {"", "", {{std::nullopt, {{"tier", {"0", "2"}}}}}, {"a-0", "a-2", "a-3", "a-5"}},
        {"", "", {{Names{"office"}, {{"tier", {"0", "2"}}}}}, {"a-3", "a-5"}},
        {"", "", {{std::nullopt, {{"spare", {"true"}}, {"tier", {"2"}}}}}, {}},
        {"", "", {{std::nullopt, {{"nothing", {"x"}}}}}, {}},
        {"", "", {{std::nullopt, {{"a.b/c-d", {"w", "x"}}}}}, {"a-5"}},
        {"", "", {{std::nullopt, {{"a\"b", {"w", "x"}}}}}, {}},
        {"", "", {{std::nullopt, {{"a", {"x", "y"}}}}}, {}},
        {"", "", {{std::nullopt, {{"spare", {"", "x"}}}}}, {"a-4"}},
        {"tier=2", "", {{std::nullopt, {{"tier", {"0"}}}}}, {}},
        {"", "spec.site=north", {{std::nullopt, {{"tier", {"0"}}}}}, {"a-3"}},
        {"",
         "",
         {{Names{"plant"}}, {std::nullopt, {{"tier", {"2"}}}}},
         {"a-0", "a-1", "a-2", "a-5"}},
    };
    for (const auto& row : cases) {
        ListQuery query;
        query.kind = "Asset";
        query.label_selector = row.labels;
        query.field_selector = row.fields;
        if (!row.reach.empty()) query.reach = row.reach;
        EXPECT_EQ(names(query), row.expected) << row.labels << " | " << row.fields;
    }
}

// For who may see it no longer, and for who may now.
TEST_P(StoreSuite, changes_say_where_a_resource_stood_before) {
    std::vector<ResourceChange> heard;
    auto listening =
        store->subscribe([&](const ResourceChange& change) { heard.push_back(change); });
    auto r = made(site("north"));
    r.labels["tier"] = "1";
    r = *wait(store->replace(r, by_ada()));
    r.spec = *parse_json(R"({"description":"x"})");
    r = *wait(store->replace(r, by_ada()));
    r.domain = "plant";
    r = *wait(store->replace(r, by_ada()));
    const auto stored = *wait(store->changes_since("Site", 0));
    using Was = std::optional<Standing>;
    const std::vector<Was> expected = {Was{}, Was{{"default", {}}}, Was{},
                                       Was{{"default", {{"tier", "1"}}}}};
    for (const auto& changes : {heard, stored}) {
        std::vector<Was> told;
        for (const auto& change : changes)
            if (change.resource.kind == "Site") told.push_back(change.was);
        EXPECT_EQ(told, expected);
    }
}

TEST_P(StoreSuite, bad_selectors_and_pages_are_refused) {
    const auto refused = [&](auto change) {
        ListQuery query;
        query.kind = "Site";
        change(query);
        const auto page = wait(store->list(query));
        return !page && page.error().code == Errc::invalid_input;
    };
    EXPECT_TRUE(refused([](auto& q) { q.label_selector = "a=b=c"; }));
    EXPECT_TRUE(refused([](auto& q) { q.label_selector = "'; DROP TABLE resources; --"; }));
    EXPECT_TRUE(refused([](auto& q) { q.field_selector = "spec.\"x\"=1"; }));
    EXPECT_TRUE(refused([](auto& q) { q.field_selector = "metadata.x=1"; }));
    EXPECT_TRUE(refused([](auto& q) { q.limit = 0; }));
    EXPECT_TRUE(refused([](auto& q) { q.limit = 1'000'000; }));
    EXPECT_TRUE(refused([](auto& q) { q.continue_from = "not a token"; }));
    EXPECT_TRUE(refused([](auto& q) { q.continue_from = "3a3a"; }));
}

TEST_P(StoreSuite, listeners_hear_each_commit_in_order) {
    std::vector<std::string> heard;
    auto subscription = store->subscribe([&](const ResourceChange& change) {
        const char* what[] = {"created", "changed", "deleted"};
        heard.push_back(std::string(what[int(change.what)]) + " " + change.resource.name);
    });
    auto r = made(site("north"));
    ignore(wait(store->create(site("north"), by_ada())), "refused: nobody hears of it");
    r.spec = JsonObject{{"description", "x"}};
    ASSERT_TRUE(wait(store->replace(r, by_ada())));
    ASSERT_TRUE(wait(store->remove("Site", "north", 0, by_ada())));
    subscription.reset();
    made(site("south"));
    EXPECT_EQ(heard, (Names{"created north", "changed north", "deleted north"}));
}

TEST_P(StoreSuite, changes_since_a_revision_are_complete) {
    const auto first = made(site("a"));
    made(site("b"));
    made(asset("x", "a"));
    ASSERT_TRUE(wait(store->remove("Site", "b", 0, by_ada())));
    const auto changes = wait(store->changes_since("Site", first.revision));
    ASSERT_TRUE(changes);
    ASSERT_EQ(changes->size(), 2u);
    EXPECT_EQ((*changes)[0].what, ResourceChange::What::created);
    EXPECT_EQ((*changes)[1].what, ResourceChange::What::deleted);
    EXPECT_EQ((*changes)[1].resource.name, "b");
    EXPECT_GT((*changes)[1].resource.revision, (*changes)[0].resource.revision);
    EXPECT_EQ(wait(store->changes_since("", first.revision))->size(), 3u);
}

TEST_P(StoreSuite, changes_from_a_revision_ahead_of_the_store_conflict) {
    const auto changes = wait(store->changes_since("Site", 1'000'000'000));
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().code, Errc::conflict);
}

TEST_P(StoreSuite, rehearsal_checks_everything_and_writes_nothing) {
    using Deed = ResourceStore::Deed;
    int heard = 0;
    auto subscription = store->subscribe([&](const ResourceChange&) { ++heard; });
    EXPECT_TRUE(wait(store->rehearse(Deed::create, site("north"))));
    EXPECT_FALSE(wait(store->get("Site", "north")));
    EXPECT_EQ(heard, 0);
    EXPECT_FALSE(wait(store->rehearse(Deed::create, asset("x", "nowhere"))));
    EXPECT_EQ(wait(store->rehearse(Deed::replace, site("north"))).error().code, Errc::not_found);
    made(site("north"));
    EXPECT_EQ(wait(store->rehearse(Deed::create, site("north"))).error().code, Errc::conflict);
    EXPECT_TRUE(wait(store->rehearse(Deed::remove, site("north"))));
    EXPECT_TRUE(wait(store->get("Site", "north")));
}

TEST_P(StoreSuite, many_writes_at_once_all_land) {
    int done = 0, failed = 0;
    const auto one = [&](std::string name) -> Task<> {
        auto r = site(name);
        auto note = by_ada();
        auto outcome = co_await store->create(std::move(r), std::move(note));
        outcome ? ++done : ++failed;
        co_return Result<>{};
    };
    Scope scope(*loop);
    for (int i = 0; i < 300; ++i) scope.spawn(one("s" + std::to_string(i % 250)));
    ASSERT_TRUE(sync_wait(*loop, scope.join()));
    EXPECT_EQ(done, 250);
    EXPECT_EQ(failed, 50);
}

}  // namespace mw::registry
