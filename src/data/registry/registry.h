#pragma once
// The resource store over SQLite: every write is checked, numbered, audited and durable in one
// transaction; writes that wait together share one sync. Also users' tokens and the compiled
// policy. Belongs to the control loop; SQLite runs on two threads of its own (one writes, one
// reads). Limits: 1 MiB per resource, 4,096 writes waiting, 100,000 changes kept for watchers.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "data/registry/copy.h"
#include "data/registry/kinds.h"
#include "domain/resource_store.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"
#include "trust/audit/audit.h"
#include "trust/policy/policy.h"

namespace mw::registry {

// Facts that have all that is not empty here.
struct FactQuery {
    std::string kind{}, name{};  // both: answered by an index; else a call looks at 200,000 facts
    std::string actor{}, action{}, control{};
    std::uint64_t after = 0, before = 0;  // sequence numbers; before 0: to the end
    Timestamp since{};
    std::size_t limit = 500;
    bool newest = false;  // the last ones, still oldest first
};
struct FactPage {
    std::vector<audit::Fact> items;  // oldest first
    std::uint64_t next = 0;          // go on with after (newest: before) this
    bool end = false;                // there is nothing more
};
// A path from an earlier log to the one of a head.
struct Growth {
    std::vector<audit::Hash> path;
    audit::Head to;
};
// How far an export of the first `size` facts got; size is that of a head.
struct ExportCursor {
    std::uint64_t size = 0, sequence = 0, heads = 0;
    audit::Hash signer{};
    bool ended = false;
};
struct ExportPart {
    Bytes bytes;
    ExportCursor next;
};

struct Options {
    std::string path{};  // ":memory:" for tests of others: the real store, nothing kept
    std::string vfs{};   // empty: the system's files
    std::uint64_t changes_kept = 100'000;
    std::size_t writes_waiting_max = 4'096;
};

class Registry final : public ResourceStore, public policy::Accounts {
 public:
    // Opens or makes the database, brings it to the newest step and makes the built-in roles.
    // Blocks for milliseconds; call it on the loop's thread or before the loop runs.
    static Result<std::unique_ptr<Registry>> open(Loop& loop, const Clock& clock,
                                                  metrics::Registry& metrics, Options options);
    ~Registry() override;

    // ResourceStore. Messages of refused resources begin with the path: "spec.profile: ...".
    Task<Resource> get(std::string kind, std::string name) override;
    Task<ResourcePage> list(ListQuery query) override;
    Task<Resource> create(Resource resource, AuditNote note) override;
    Task<Resource> replace(Resource resource, AuditNote note) override;
    Task<Resource> set_status(std::string kind, std::string name, Json status,
                              AuditNote note) override;
    Task<Resource> merge_status(std::string kind, std::string name, JsonObject changes,
                                AuditNote note) override;
    Task<> remove(std::string kind, std::string name, std::uint64_t revision,
                  AuditNote note) override;
    Task<Resource> rehearse(Deed deed, Resource resource) override;
    Task<> note(AuditNote note) override;
    std::shared_ptr<void> subscribe(Listener listener) override;
    Task<std::vector<ResourceChange>> changes_since(std::string kind,
                                                    std::uint64_t revision) override;

    // For a first start: the user and its first token in one transaction. conflict: it exists.
    Task<Resource> create_user_with_token(Resource user, policy::TokenRecord token, AuditNote note);

    // Accounts.
    const policy::Account* find(const std::string& user) const override;
    std::shared_ptr<const policy::Policy> policy() const override;
    Task<> add_token(policy::TokenRecord record, AuditNote note) override;
    Task<> revoke_tokens(std::string user, AuditNote note) override;

    // Audit facts after a sequence number, oldest first.
    Task<std::vector<audit::Fact>> facts(std::uint64_t after, std::size_t limit);
    Task<FactPage> find_facts(FactQuery query);
    // Walks all facts, the tree and the heads; the error names the first fact that does not follow.
    // Returns the count. Signatures are checked by who has an export and the root.
    Task<std::uint64_t> verify_audit();

    // Takes who, what and why out of facts, for ever; their hashes, and so the chain and its heads,
    // stay. Leaves a fact that names them. invalid_input; not_found; conflict: it can't be done to
    // one of them, and was done to none.
    Task<> redact(std::vector<std::uint64_t> sequences, std::string actor, std::string why);

    // Heads of the audit log are signed so from now on. Called on the writing thread.
    void sign_heads_with(std::shared_ptr<const audit::Signer> signer);
    // Signs a head of all facts, or gives the newest when it covers them. not_found: no signer.
    Task<audit::Head> sign_head();
    Task<std::optional<audit::Head>> head();                    // the newest
    Task<Bytes> certificates(audit::Hash signer);               // of a head
    Task<audit::FactProof> prove(std::uint64_t sequence);       // under the newest head
    Task<Growth> growth(std::uint64_t from, std::uint64_t to);  // to 0: the newest head
    // The log_file of trust/audit, part after part until next.ended.
    Task<ExportPart> export_part(ExportCursor from);

 private:
    struct State;
    explicit Registry(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// On first start: makes the user admin (role admin) with a token that never expires, and writes the
// token to token_path with mode 0600 before it is valid. Does nothing once the user exists.
// Returns whether it made one.
Task<bool> bootstrap_admin(Registry& registry, files::Files& files, std::string token_path,
                           const Clock& clock, Random& random);

}  // namespace mw::registry
