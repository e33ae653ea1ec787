// The audit log in the store: controls, tree, heads, proofs, export, and logs of older versions.
#include <gtest/gtest.h>

#include "data/registry/audit_reader.h"
#include "data/registry/test_metrics.h"
#include "platform/files/files.h"
#include "trust/identity/identity.h"

namespace mw::registry {
namespace {

// The audit key of a throwaway authority.
class SampleSigner final : public audit::Signer {
 public:
    explicit SampleSigner(const Clock& clock) {
        identity::AuthorityOptions options;
        options.directory = folder_.path();
        authority_ = *identity::CertificateAuthority::open(files_, clock, random_, options);
        key_ = *identity::SigningKey::open(files_, clock, *authority_, folder_.path(), "audit");
    }
    Result<Bytes> sign(ByteView message) const override { return key_->sign(message); }
    const Bytes& chain() const override { return key_->chain(); }
    crypto::TrustStore trust() const { return *crypto::TrustStore::make({&authority_->root(), 1}); }

 private:
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    SeededRandom random_{1};
    std::unique_ptr<identity::CertificateAuthority> authority_;
    std::unique_ptr<identity::SigningKey> key_;
};

class AuditLogTest : public testing::Test {
 public:
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    std::unique_ptr<Registry> opened() {
        auto made = Registry::open(*loop, clock, test_metrics(), {"r.db", disk.name()});
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        (*made)->sign_heads_with(signer);
        return std::move(*made);
    }
    Task<> note(std::string action, std::string controls) {
        AuditNote note{"user:ada", std::move(action), "a test", std::move(controls)};
        return registry->note(std::move(note));
    }
    void notes(int count) {
        Scope scope(*loop);
        for (int i = 0; i < count; ++i)
            scope.spawn(note("tested." + std::to_string(i % 10), i % 100 == 0 ? "A.5.1" : ""));
        ASSERT_TRUE(wait_for(scope));
        ASSERT_EQ(scope.failures(), 0u);
    }
    bool wait_for(Scope& scope) { return sync_wait(*loop, scope.join()).ok(); }
    std::uint64_t facts() { return *wait(registry->verify_audit()); }
    Bytes exported() {
        ExportCursor at;
        at.size = wait(registry->sign_head())->size;
        Bytes all;
        while (!at.ended) {
            auto part = wait(registry->export_part(at));
            EXPECT_TRUE(part) << (part ? "" : part.error().message);
            if (!part) break;
            all.insert(all.end(), part->bytes.begin(), part->bytes.end());
            at = part->next;
        }
        return all;
    }
    Result<audit::LogVerdict> verdict_of(ByteView log) {
        audit::LogVerifier verifier(&trust);
        TRY_VOID(verifier.feed(log));
        return verifier.finish();
    }

    SimulatedClock clock;
    std::unique_ptr<Loop> loop = *Loop::open();
    sqlite::PowerCutDisk disk{1};
    std::shared_ptr<const SampleSigner> signer = std::make_shared<SampleSigner>(clock);
    crypto::TrustStore trust = signer->trust();
    std::unique_ptr<Registry> registry = opened();
};

TEST_F(AuditLogTest, facts_carry_their_controls_and_are_found_by_them) {
    ASSERT_TRUE(wait(note("approve", "A.8.32, MANAGE 4.1")));
    ASSERT_TRUE(wait(note("approve", "A.8.3")));
    FactQuery query;
    query.control = "MANAGE 4.1";
    auto page = *wait(registry->find_facts(query));
    ASSERT_EQ(page.items.size(), 1u);
    EXPECT_EQ(page.items[0].controls, "A.8.32, MANAGE 4.1");
    query.control = "A.8.3";
    EXPECT_EQ(wait(registry->find_facts(query))->items.size(), 1u);
}

TEST_F(AuditLogTest, lists_are_filtered_and_go_on_where_they_ended) {
    const auto before = facts();
    notes(300);
    Resource site;
    site.kind = "Site";
    site.name = "north";
    ASSERT_TRUE(wait(registry->create(site, {"user:eve", "create", ""})));
    FactQuery query;
    query.kind = "Site";
    query.name = "north";
    auto page = *wait(registry->find_facts(query));
    ASSERT_EQ(page.items.size(), 1u);
    EXPECT_EQ(page.items[0].actor, "user:eve");
    EXPECT_TRUE(page.end);
    query = {};
    query.action = "tested.3";
    query.limit = 20;
    std::vector<std::uint64_t> seen;
    do {
        page = *wait(registry->find_facts(query));
        for (const auto& fact : page.items) seen.push_back(fact.sequence);
        query.after = page.next;
    } while (!page.end);
    ASSERT_EQ(seen.size(), 30u);
    EXPECT_EQ(seen.front(), before + 4);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    std::vector<std::uint64_t> backwards;
    query.after = 0;
    query.newest = true;
    do {
        page = *wait(registry->find_facts(query));
        for (auto at = page.items.rbegin(); at != page.items.rend(); ++at)
            backwards.insert(backwards.begin(), at->sequence);
        query.before = page.next;
    } while (!page.end);
    EXPECT_EQ(backwards, seen);
    query = {};
    query.since = clock.now() + seconds(1);
    EXPECT_TRUE(wait(registry->find_facts(query))->items.empty());
}

TEST_F(AuditLogTest, heads_are_signed_once_per_size_and_chained) {
    EXPECT_FALSE(*wait(registry->head()));
    const auto first = *wait(registry->sign_head());
    EXPECT_EQ(first.size, facts());
    EXPECT_EQ(*wait(registry->sign_head()), first);
    notes(3);
    const auto second = *wait(registry->sign_head());
    EXPECT_EQ(second.size, first.size + 3);
    EXPECT_EQ(second.previous, audit::hash_of(first));
    registry.reset();
    registry = opened();
    EXPECT_EQ(*wait(registry->head()), second);
    EXPECT_EQ(*wait(registry->certificates(second.signer)), signer->chain());
    EXPECT_TRUE(audit::verify_head(second, signer->chain(), trust));
    registry->sign_heads_with(nullptr);
    EXPECT_EQ(wait(registry->sign_head()).error().code, Errc::not_found);
}

TEST_F(AuditLogTest, exports_verify_and_proofs_hold_across_restarts) {
    notes(400);
    const auto early = *wait(registry->sign_head());
    registry.reset();
    registry = opened();  // the tree goes on from what is stored
    notes(700);
    const auto log = exported();
    const auto verdict = verdict_of(log);
    ASSERT_TRUE(verdict) << verdict.error().message;
    EXPECT_EQ(verdict->facts, facts());
    EXPECT_EQ(verdict->heads, 2u);
    const auto head = **wait(registry->head());
    EXPECT_EQ(verdict->last, head);
    for (const std::uint64_t sequence : {std::uint64_t{1}, std::uint64_t{256}, std::uint64_t{257},
                                         std::uint64_t{700}, head.size}) {
        const auto proof = wait(registry->prove(sequence));
        ASSERT_TRUE(proof) << proof.error().message;
        const auto good = audit::verify(*proof, signer->chain(), trust);
        EXPECT_TRUE(good) << sequence << ": " << good.error().message;
    }
    EXPECT_EQ(wait(registry->prove(head.size + 1)).error().code, Errc::not_found);
    const auto growth = *wait(registry->growth(early.size, 0));
    EXPECT_TRUE(audit::verify(audit::GrowthProof{early, growth.to, growth.path}, signer->chain(),
                              signer->chain(), trust));
    EXPECT_FALSE(wait(registry->growth(0, 0)));
    EXPECT_FALSE(wait(registry->growth(head.size + 1, 0)));
}

TEST_F(AuditLogTest, what_is_refused_or_rehearsed_leaves_no_leaf) {
    Resource site;
    site.kind = "Site";
    site.name = "north";
    const auto before = facts();
    const auto create = [&](std::string name) -> Task<> {
        Resource r = site;
        r.name = std::move(name);
        AuditNote n{"user:ada", "create", ""};
        co_await registry->create(std::move(r), std::move(n));
        co_return Result<>{};
    };
    const auto rehearse = [&]() -> Task<> {
        Resource r = site;
        r.name = "south";
        ignore(co_await registry->rehearse(ResourceStore::Deed::create, std::move(r)), "undone");
        co_return Result<>{};
    };
    Scope scope(*loop);  // one batch: kept and undone writes in turn
    for (int i = 0; i < 6; ++i) {
        scope.spawn(create("north"));
        scope.spawn(rehearse());
        scope.spawn(note("between", ""));
        scope.spawn(create("s" + std::to_string(i)));
    }
    ASSERT_TRUE(wait_for(scope));
    EXPECT_EQ(facts(), before + 1 + 6 + 6);
    EXPECT_TRUE(verdict_of(exported()));
}

TEST_F(AuditLogTest, a_failed_commit_leaves_the_tree_as_it_was) {
    notes(300);
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        disk.cut_at(seed * 3);
        for (int i = 0; i < 100 && !disk.is_cut(); ++i) {
            ignore(wait(note("cut", "")), "the power may be gone");
            ignore(wait(registry->sign_head()), "as above");
        }
        registry.reset();
        disk.restore();
        registry = opened();
        notes(20);
        const auto verdict = verdict_of(exported());
        ASSERT_TRUE(verdict) << seed << ": " << verdict.error().message;
        EXPECT_EQ(verdict->facts, facts()) << seed;
    }
}

TEST_F(AuditLogTest, edits_of_the_database_are_found) {
    notes(600);
    ASSERT_TRUE(wait(registry->sign_head()));
    registry.reset();
    const auto files = disk.durable_files();
    const std::pair<const char*, const char*> edits[] = {
        {"DELETE FROM audit WHERE sequence=300", "audit fact 300"},
        {"UPDATE audit SET controls='A.9' WHERE sequence=300", "audit fact 300"},
        {"UPDATE audit SET version=1 WHERE sequence=300", "audit fact 300"},
        {"UPDATE audit SET actor='user:eve' WHERE sequence=300", "audit fact 300"},
        {"UPDATE audit SET actor='',name='',detail='',salt=x'' WHERE sequence=300",
         "audit fact 300: it was redacted, and no later fact"},
        {"DELETE FROM audit WHERE sequence>500", "end was cut"},
        {"UPDATE audit_nodes SET hash=zeroblob(32) WHERE position=1", "facts from 257"},
        {"UPDATE audit_heads SET head=zeroblob(176)", "does not follow"}};
    for (const auto& [sql, found] : edits) {
        for (const auto& [path, content] : files) disk.put_file(path, content);
        {
            auto database = *sqlite::Database::open({.path = "r.db", .vfs = disk.name()});
            ASSERT_FALSE(database.run("DELETE FROM audit_heads"));  // the trigger refuses
            ASSERT_TRUE(
                database.run("DROP TRIGGER audit_is_append_only_update;"
                             "DROP TRIGGER audit_is_append_only_delete;"
                             "DROP TRIGGER audit_heads_are_append_only_update;" +
                             std::string(sql)));
        }
        auto database = *sqlite::Database::open({.path = "r.db", .vfs = disk.name()});
        AuditReader reader(database);
        const auto verified = reader.verify();
        ASSERT_FALSE(verified) << sql;
        EXPECT_NE(verified.error().message.find(found), std::string::npos)
            << sql << ": " << verified.error().message;
    }
}

TEST_F(AuditLogTest, people_are_taken_out_and_the_chain_stays_whole) {
    const auto first = facts() + 1;  // after the built-in roles
    notes(40);
    const auto before = *wait(registry->sign_head());
    const auto proof_before = *wait(registry->prove(first + 2));
    ASSERT_TRUE(wait(registry->redact({first, first + 2}, "user:root", "request 17")));
    const auto after = *wait(registry->facts(0, 1'000));
    for (const auto sequence : {first, first + 2}) {
        const auto& fact = after.at(sequence - 1);
        EXPECT_TRUE(fact.redacted());
        EXPECT_EQ(fact.actor + fact.name + fact.detail, "");
        EXPECT_TRUE(fact.action.starts_with("tested."));
    }
    EXPECT_EQ(after.at(first).actor, "user:ada");
    EXPECT_EQ(after.back().action, "audit.redacted");
    EXPECT_EQ(after.back().detail,
              "facts " + std::to_string(first) + ", " + std::to_string(first + 2) + ": request 17");
    const auto log = exported();
    EXPECT_TRUE(verdict_of(log));
    audit::LogVerifier kept(&trust, before);  // a witness' head is that of the same log
    ASSERT_TRUE(kept.feed(log));
    EXPECT_TRUE(kept.finish());
    EXPECT_GT(facts(), 40u);
    const auto proof = *wait(registry->prove(first + 2));
    EXPECT_TRUE(audit::verify(proof, signer->chain(), trust));
    EXPECT_EQ(proof.fact.hash, proof_before.fact.hash);
    // A copy from before is still a proof of what it says.
    EXPECT_TRUE(audit::verify(proof_before, signer->chain(), trust));
}

TEST_F(AuditLogTest, what_can_not_be_redacted_stays_as_it_is) {
    notes(3);
    const auto count = facts();
    EXPECT_EQ(wait(registry->redact({1, 999}, "user:root", "x")).error().code, Errc::not_found);
    EXPECT_EQ(wait(registry->redact({}, "user:root", "x")).error().code, Errc::invalid_input);
    EXPECT_EQ(wait(registry->redact({1}, "user:root", "")).error().code, Errc::invalid_input);
    EXPECT_EQ(facts(), count) << "all or nothing";
    EXPECT_FALSE(wait(registry->facts(0, 1))->front().redacted());
    ASSERT_TRUE(wait(registry->redact({1}, "user:root", "x")));
    EXPECT_EQ(wait(registry->redact({count + 1}, "user:root", "x")).error().code, Errc::conflict);
    EXPECT_TRUE(wait(registry->redact({1}, "user:root", "again")).ok());
}

// Five facts as version 1 of the format hashed them, computed by another program.
constexpr const char* old_hashes[] = {
    "6be03932e7f3515601e36501f43a48c600e17fc5370a835dbb8f9bdadc072671",
    "05f609bf4c29f63370d2cada72d7e3672daf54d978a7a4dc14f73471cff37c42",
    "b43fa9b735f7f22951309388e1d01ba1b954b7e71c5ccb2027500becefe2a260",
    "9834d79278407f40770cb3eba288ad1774cf304340d4844f8891e043519d94fc",
    "b8e70d2f38043684b215635757456891fe166c3793bbb0a75dca3008e170b984"};

TEST_F(AuditLogTest, a_database_of_the_first_version_still_verifies_and_gets_its_tree) {
    registry.reset();
    sqlite::PowerCutDisk old(2);
    {
        auto database = *sqlite::Database::open({.path = "r.db", .vfs = old.name()});
        ASSERT_TRUE(database.migrate(migrations.first(1)));
        audit::Fact fact;
        for (std::uint64_t i = 1; i <= 600; ++i) {
            fact.sequence = i;
            fact.version = 1;
            fact.time = {1'700'000'000'000'000'000 + std::int64_t(i)};
            fact.actor = "user:ada";
            fact.action = "create";
            fact.kind = "Site";
            fact.name = "s" + std::to_string(i);
            fact.revision = i;
            fact.detail = "golden";
            fact.hash = audit::chain(fact.hash, fact);
            if (i <= 5) {
                ASSERT_EQ(to_hex(fact.hash), old_hashes[i - 1]);
            }
            ASSERT_TRUE(database.run(
                "INSERT INTO audit VALUES(" + std::to_string(i) + "," +
                std::to_string(fact.time.ns) + ",'user:ada','create','Site','" + fact.name + "'," +
                std::to_string(i) + ",'golden',x'" + to_hex(fact.hash) + "')"));
        }
        ASSERT_TRUE(database.run("UPDATE counters SET value=600 WHERE key='revision'"));
    }
    registry = std::move(*Registry::open(*loop, clock, test_metrics(), {"r.db", old.name()}));
    registry->sign_heads_with(signer);
    ASSERT_TRUE(wait(note("after", "A.5.1")));
    EXPECT_GT(facts(), 600u);
    const auto verdict = verdict_of(exported());
    ASSERT_TRUE(verdict) << verdict.error().message;
    EXPECT_EQ(verdict->facts, facts());
    const auto proof = *wait(registry->prove(5));
    EXPECT_EQ(to_hex(proof.fact.hash), old_hashes[4]);
    EXPECT_TRUE(audit::verify(proof, signer->chain(), trust));
    registry.reset();  // before its disk
}

}  // namespace
}  // namespace mw::registry
