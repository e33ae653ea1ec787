// The audit log over HTTP: filters, heads, proofs, the export; checked with the root alone.
#include "surface/api/api_world.h"
#include "trust/identity/identity.h"

namespace mw::api {
namespace {

class AuditKey final : public audit::Signer {
 public:
    explicit AuditKey(std::unique_ptr<identity::SigningKey> key) : key_(std::move(key)) {}
    Result<Bytes> sign(ByteView message) const override { return key_->sign(message); }
    const Bytes& chain() const override { return key_->chain(); }

 private:
    std::unique_ptr<identity::SigningKey> key_;
};

class ApiAudit : public ApiWorld {
 public:
    ApiAudit() {
        identity::AuthorityOptions options;
        options.directory = folder.path() + "/pki";
        authority = *identity::CertificateAuthority::open(files, clock, random, options);
        auto key =
            *identity::SigningKey::open(files, clock, *authority, options.directory, "audit");
        registry->sign_heads_with(std::make_shared<AuditKey>(std::move(key)));
    }
    crypto::TrustStore trust() const { return *crypto::TrustStore::make({&authority->root(), 1}); }
    static Bytes certificates(const Json& document) {
        return *from_base64(*find_string(document, "certificates"));
    }
    std::unique_ptr<identity::CertificateAuthority> authority;
};

TEST_F(ApiAudit, only_who_may_list_facts_may_ask) {
    const auto viewer = user("vera", {"viewer"});
    for (const auto* target : {"/v1/audit", "/v1/audit/head", "/v1/audit/proof?sequence=1",
                               "/v1/audit/consistency?from=1", "/v1/audit/export"}) {
        EXPECT_EQ(as("", get, target).status, 401) << target;
        EXPECT_EQ(as(viewer, get, target).status, 403) << target;
        EXPECT_EQ(call(get, target).status, 200) << target;
    }
}

TEST_F(ApiAudit, a_resource_tells_its_facts) {
    for (const auto* name : {"north", "south"})
        ASSERT_EQ(call(post, "/v1/sites", R"({"name":")" + std::string(name) + "\"}").status, 201);
    ASSERT_EQ(call(del, "/v1/sites/north").status, 200);
    const auto page = json(call(get, "/v1/audit?kind=Site&name=north"));
    const auto& items = page.at("items").as_array();
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(find_string(items[0], "action"), "create");
    EXPECT_EQ(find_string(items[1], "action"), "delete");
    EXPECT_EQ(find_string(items[1], "actor"), "user:root");
    EXPECT_EQ(find_bool(page, "end"), true);
    const auto last = json(call(get, "/v1/audit?newest=1&limit=1&action=delete"));
    EXPECT_EQ(find_string(last.at("items").as_array().at(0), "name"), "north");
    EXPECT_EQ(call(get, "/v1/audit?kinds=Site").status, 400);
    const auto wrong = call(get, "/v1/audit?since=yesterday");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(text_at(wrong, "error.path"), "since");
}

TEST_F(ApiAudit, proofs_and_heads_are_checked_with_the_root_alone) {
    const auto early = json(call(get, "/v1/audit/head?sign=1"));
    const auto first = *audit::head_from_json(early);
    EXPECT_TRUE(audit::verify_head(first, certificates(early), trust()));
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"north"})").status, 201);
    const auto sequence = first.size + 1;
    const auto response =
        call(get, "/v1/audit/proof?certificates=1&sequence=" + std::to_string(sequence));
    const auto document = json(response);
    const auto proof = *audit::fact_proof_from_json(document);
    EXPECT_EQ(proof.fact.name, "north");
    const auto good = audit::verify(proof, certificates(document), trust());
    EXPECT_TRUE(good) << good.error().message;
    const auto grown = json(call(get, "/v1/audit/consistency?from=" + std::to_string(first.size)));
    const audit::GrowthProof growth{first, *audit::head_from_json(grown.at("to")),
                                    *audit::hashes_from_base64(*find_string(grown, "path"))};
    EXPECT_EQ(growth.to.size, sequence);
    EXPECT_TRUE(audit::verify(growth, certificates(early), certificates(grown), trust()));
    EXPECT_EQ(call(get, "/v1/audit/proof").status, 400);
    EXPECT_EQ(call(get, "/v1/audit/proof?sequence=999").status, 404);
    EXPECT_EQ(call(get, "/v1/audit/consistency?from=999").status, 400);
}

TEST_F(ApiAudit, administrators_take_people_out_of_facts) {
    const auto reader = user("rea", {"releaser"});
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"north"})").status, 201);
    const auto body = R"({"sequences":[1],"why":"request 17"})";
    EXPECT_EQ(as(reader, post, "/v1/audit:redact", body).status, 403);
    EXPECT_EQ(call(post, "/v1/audit:redact", R"({"sequences":[0],"why":"x"})").status, 400);
    EXPECT_EQ(call(post, "/v1/audit:redact", R"({"why":"x"})").status, 400);
    EXPECT_EQ(call(post, "/v1/audit:redact", R"({"sequences":[1]})").status, 400);
    EXPECT_EQ(call(post, "/v1/audit:redact", R"({"sequences":[999],"why":"x"})").status, 404);
    const auto done = call(post, "/v1/audit:redact", body);
    ASSERT_EQ(done.status, 200) << done.body;
    const auto page = json(call(get, "/v1/audit?verify=1"));
    const auto& items = page.at("items").as_array();
    EXPECT_EQ(find_bool(items[0], "redacted"), true);
    EXPECT_EQ(find_string(items[0], "actor"), "");
    EXPECT_EQ(find_string(items.back(), "actor"), "user:root");
    EXPECT_EQ(find_string(items.back(), "detail"), "facts 1: request 17");
}

TEST_F(ApiAudit, the_export_verifies_and_an_edit_of_it_does_not) {
    for (int i = 0; i < 30; ++i)
        ASSERT_EQ(call(post, "/v1/sites", R"({"name":"s)" + std::to_string(i) + "\"}").status, 201);
    auto log = call(get, "/v1/audit/export").body;
    const auto roots = trust();
    const auto check = [&] {
        audit::LogVerifier verifier(&roots);
        auto fed = verifier.feed(bytes_of(log));
        return fed ? verifier.finish() : Result<audit::LogVerdict>(fed.error());
    };
    const auto verdict = check();
    ASSERT_TRUE(verdict) << verdict.error().message;
    EXPECT_GE(verdict->facts, 30u);
    log[log.size() / 2] ^= 1;
    EXPECT_FALSE(check());
}

}  // namespace
}  // namespace mw::api
