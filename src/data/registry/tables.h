#pragma once
// The database of the registry as both its threads see it: steps of the schema, rows to resources
// and back, prepared statements kept by their text.

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/resource_store.h"
#include "platform/sqlite/sqlite.h"
#include "trust/audit/audit.h"
#include "trust/policy/policy.h"

namespace mw::registry {

extern const std::span<const sqlite::Migration> migrations;

// Statements by their text, prepared once.
class Prepared {
 public:
    explicit Prepared(sqlite::Database& database) : database_(&database) {}
    Result<sqlite::Statement*> get(const std::string& sql);
    sqlite::Database& database() { return *database_; }

 private:
    static constexpr std::size_t kept_max = 256;  // lists with many selectors have many texts
    sqlite::Database* database_;
    std::unordered_map<std::string, sqlite::Statement> by_text_;
};

// A read transaction: everything read inside belongs to one moment.
class Snapshot {
 public:
    static Result<Snapshot> begin(sqlite::Database& database) {
        TRY_VOID(database.run("BEGIN"));
        return Snapshot{database};
    }
    Snapshot(Snapshot&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    ~Snapshot() {
        if (database_) ignore(database_->run("COMMIT"), "a read transaction has nothing to lose");
    }

 private:
    explicit Snapshot(sqlite::Database& database) : database_(&database) {}
    sqlite::Database* database_;
};

// Column order of every SELECT that read_resource reads.
inline constexpr const char* resource_columns =
    "r.kind, r.name, r.domain, r.labels, r.spec, r.status, r.generation, r.revision, r.created,"
    " r.updated";
Result<Resource> read_resource(const sqlite::Statement& row);
Result<std::optional<Resource>> load_resource(Prepared& prepared, const std::string& kind,
                                              const std::string& name);

std::string labels_text(const Resource& resource);
// Of a change; no value is the empty text.
std::string standing_text(const std::optional<Standing>& was);
Result<std::optional<Standing>> read_standing(std::string_view text);

struct Counters {
    std::uint64_t revision = 0;   // of the last write
    std::uint64_t compacted = 0;  // changes up to it are gone
    std::uint64_t sequence = 0;   // of the last audit fact
    audit::Hash last{};           // its hash
};
Result<Counters> load_counters(Prepared& prepared);

Result<audit::Fact> read_fact(const sqlite::Statement& row);
inline constexpr const char* fact_columns =
    "sequence, time, actor, action, kind, name, revision, detail, hash, version, controls, "
    "personal,"
    " salt";
// A stored hash; corrupt names whose it is.
Result<audit::Hash> hash_of(ByteView blob, std::string_view whose);

Result<std::vector<policy::TokenRecord>> load_tokens(Prepared& prepared, const std::string& user);
Result<std::vector<policy::TokenRecord>> load_all_tokens(Prepared& prepared);

}  // namespace mw::registry
