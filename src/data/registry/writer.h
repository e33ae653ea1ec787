#pragma once
// The writing side: takes writes in batches, each batch one transaction with one sync, each write a
// savepoint of its own. Lives on the writing thread.

#include <optional>
#include <vector>

#include "base/random.h"
#include "data/registry/fact_log.h"
#include "data/registry/kinds.h"
#include "data/registry/tables.h"

namespace mw::registry {

struct Write {
    enum class Deed {
        create,
        replace,
        status,
        merge_status,
        remove,
        note,
        add_token,
        revoke_tokens,
        redact,
        sign_head
    };
    Deed deed = Deed::note;
    Resource resource;  // of remove: kind, name and revision only
    AuditNote note;
    Timestamp now;
    bool rehearsal = false;                         // undone after all checks
    bool built_in = false;                          // our own roles may be written
    std::optional<policy::TokenRecord> token{};     // add_token, or with the create of a first user
    std::shared_ptr<const audit::Signer> signer{};  // sign_head
    std::vector<std::uint64_t> sequences{};         // redact
};

struct Outcome {
    Result<Resource> resource = Resource{};
    std::optional<ResourceChange> change{};
    std::vector<policy::TokenRecord> tokens{};  // the user's, after a token deed
    std::optional<audit::Head> head{};          // sign_head
};

class Writer {
 public:
    Writer(sqlite::Database& database, std::uint64_t changes_kept)
        : prepared_(database), facts_(database), changes_kept_(changes_kept) {}

    // Once, before the first run().
    Result<> catch_up() { return facts_.catch_up(); }
    // One outcome per write, in order. When the commit fails, all of them are that error.
    std::vector<Outcome> run(const std::vector<Write>& writes);

 private:
    Outcome run_one(const Write& write);
    Result<> perform(const Write& write, Outcome& outcome);
    Result<> create(const Write& write, Outcome& outcome);
    Result<> replace(const Write& write, Outcome& outcome);
    Result<> set_status(const Write& write, Outcome& outcome);
    Result<> remove(const Write& write, Outcome& outcome);
    Result<> add_token(const Write& write, Outcome& outcome);
    Result<> revoke_tokens(const Write& write, Outcome& outcome);
    Result<> redact(const Write& write);

    Result<Resource> load(const Resource& wanted);
    Result<> store(const Resource& resource, bool is_new);
    Result<> index(const Resource& resource);
    Result<> unindex(const std::string& kind, const std::string& name);
    Result<> check_references(const Resource& resource);
    Result<> check_no_cycle(const Resource& resource, const Reference& parent);
    Result<> check_unused(const Resource& resource);
    Error missing(const Reference& reference);
    Result<> record_change(ResourceChange change, Outcome& outcome);
    Result<> record_fact(const Write& write, const Resource& resource);
    Result<> compact();
    Result<> save_counters();
    void forget_after(const Counters& before);

    Prepared prepared_;
    FactLog facts_;
    std::uint64_t changes_kept_;
    Counters counters_;
    SystemRandom random_;  // salts of facts
};

}  // namespace mw::registry
