#pragma once
// The audit log as the writing thread keeps it: facts appended, the tree that grows with them,
// heads signed. All of it in the transaction of the deeds; what a transaction that fails has added
// is forgotten. Cost above the row of a fact: two hashes, and one stored node per 255 facts.

#include <optional>
#include <vector>

#include "data/registry/tables.h"

namespace mw::registry {

// The tree's hashes as SQLite has them: leaves from the facts, kept nodes from their table.
class StoredNodes final : public audit::NodeSource {
 public:
    explicit StoredNodes(Prepared& prepared) : prepared_(prepared) {}
    Result<> read(int level, std::uint64_t position, std::uint64_t count,
                  std::vector<audit::Hash>& into) override;

 private:
    Prepared& prepared_;
};

// The newest head, or the newest of at most `size` facts.
Result<std::optional<audit::Head>> load_head(Prepared& prepared, std::uint64_t size_max);

class FactLog {
 public:
    explicit FactLog(sqlite::Database& database) : prepared_(database) {}

    // Makes the nodes of facts that were written by a version without a tree; in a transaction of
    // its own. Half a second per million facts.
    Result<> catch_up();

    // All of the following inside a transaction, which begin() follows.
    Result<> begin(std::uint64_t facts);
    Result<> append(const audit::Fact& fact);
    // Takes out actor, name and detail. not_found; conflict: it can't be done to this one.
    Result<> redact(std::uint64_t sequence);
    // Facts after that sequence were undone by a savepoint.
    void undo_to(std::uint64_t facts);
    // The head of all facts so far: the newest one when it covers them already.
    Result<audit::Head> sign(Timestamp now, const audit::Signer& signer);
    Result<> finish();
    bool changed() const {  // since begin()
        return signed_ || tree_.size() + leaves_.size() != committed_.size();
    }
    void committed() { committed_ = tree_; }

 private:
    Result<> flush();

    Prepared prepared_;
    std::optional<sqlite::Statement> insert_;
    audit::Peaks committed_;
    audit::Peaks tree_;                // with the leaves that flush() took
    std::vector<audit::Hash> leaves_;  // not flushed yet
    bool signed_ = false;
};

}  // namespace mw::registry
