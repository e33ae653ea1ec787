#include "data/registry/fact_log.h"

#include <limits>

namespace mw::registry {
namespace {

Result<> insert_nodes(Prepared& prepared, const std::vector<audit::KeptNode>& nodes) {
    for (const auto& node : nodes) {
        TRY(auto* insert,
            prepared.get("INSERT INTO audit_nodes(level, position, hash) VALUES(?1,?2,?3)"));
        TRY_VOID(
            insert->bind(1, node.level).bind(2, node.position).bind(3, ByteView(node.hash)).run());
    }
    return {};
}

Result<std::uint64_t> number_of(Prepared& prepared, const char* sql) {
    TRY(auto* select, prepared.get(sql));
    TRY(const bool row, select->step());
    const auto number = row ? static_cast<std::uint64_t>(select->integer(0)) : 0;
    select->reset();
    return number;
}

}  // namespace

Result<> StoredNodes::read(int level, std::uint64_t position, std::uint64_t count,
                           std::vector<audit::Hash>& into) {
    TRY(auto* select,
        prepared_.get(level == 0 ? "SELECT hash FROM audit WHERE sequence>?2 AND sequence<=?2+?3"
                                   " AND ?1=0 ORDER BY sequence"
                                 : "SELECT hash FROM audit_nodes WHERE level=?1 AND position>=?2"
                                   " AND position<?2+?3 ORDER BY position"));
    select->bind(1, level).bind(2, position).bind(3, count);
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) return {};
        TRY(const auto hash, hash_of(select->blob(0), "a node of the audit log's tree"));
        into.push_back(level == 0 ? audit::leaf_hash(hash) : hash);
    }
}

Result<std::optional<audit::Head>> load_head(Prepared& prepared, std::uint64_t size_max) {
    TRY(auto* select, prepared.get("SELECT head FROM audit_heads WHERE size<=?1"
                                   " ORDER BY size DESC LIMIT 1"));
    TRY(const bool row, select->bind(1, size_max).step());
    if (!row) return std::optional<audit::Head>{};
    auto head = audit::read_head(select->blob(0));
    select->reset();
    if (!head) return std::move(head).error();
    return std::optional{std::move(*head)};
}

Result<> FactLog::catch_up() {
    TRY(const auto facts, number_of(prepared_, "SELECT max(sequence) FROM audit"));
    TRY(const auto nodes, number_of(prepared_, "SELECT count(*) FROM audit_nodes WHERE level=8"));
    if (nodes == facts >> audit::kept_step) return {};
    const auto done = nodes << audit::kept_step;
    StoredNodes source(prepared_);
    TRY(auto tree, audit::load_peaks(source, done));
    TRY(auto transaction, sqlite::Transaction::begin(prepared_.database()));
    std::vector<audit::KeptNode> kept;
    TRY(auto* select, prepared_.get("SELECT hash FROM audit WHERE sequence>?1 ORDER BY sequence"));
    select->bind(1, done);
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        TRY(const auto hash, hash_of(select->blob(0), "an audit fact"));
        tree.push(audit::leaf_hash(hash), &kept);
    }
    TRY_VOID(insert_nodes(prepared_, kept));
    return transaction.commit();
}

Result<> FactLog::begin(std::uint64_t facts) {
    leaves_.clear();
    signed_ = false;
    if (committed_.size() != facts) {
        StoredNodes source(prepared_);
        TRY(committed_, audit::load_peaks(source, facts));
    }
    tree_ = committed_;
    return {};
}

Result<> FactLog::append(const audit::Fact& fact) {
    if (!insert_) {
        TRY(insert_, prepared_.database().prepare(
                         "INSERT INTO audit(sequence, time, actor, action, kind, name, revision,"
                         " detail, hash, version, controls, personal, salt)"
                         " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"));
    }
    TRY_VOID(insert_->bind(1, fact.sequence)
                 .bind(2, fact.time.ns)
                 .bind(3, fact.actor)
                 .bind(4, fact.action)
                 .bind(5, fact.kind)
                 .bind(6, fact.name)
                 .bind(7, fact.revision)
                 .bind(8, fact.detail)
                 .bind(9, ByteView(fact.hash))
                 .bind(10, int{fact.version})
                 .bind(11, fact.controls)
                 .bind(12, ByteView(fact.personal))
                 .bind(13, ByteView(fact.salt))
                 .run());
    leaves_.push_back(audit::leaf_hash(fact.hash));
    return {};
}

Result<> FactLog::redact(std::uint64_t sequence) {
    const auto which = "audit fact " + std::to_string(sequence);
    TRY(auto* select, prepared_.get("SELECT version, action FROM audit WHERE sequence=?1"));
    TRY(const bool row, select->bind(1, sequence).step());
    const auto version = row ? select->integer(0) : 0;
    const std::string action(row ? select->text(1) : std::string_view{});
    select->reset();
    if (!row) return Error{Errc::not_found, "there is no " + which};
    if (version < 3)
        return Error{Errc::conflict, which +
                                         " was written by an older hub, whose facts are hashed "
                                         "as a whole: it can't be redacted"};
    if (action == audit::action::audit_redacted)
        return Error{Errc::conflict, which + " says who redacted what: it stays"};
    TRY(auto* update, prepared_.get("UPDATE audit SET actor='', name='', detail='', salt=x''"
                                    " WHERE sequence=?1"));
    return update->bind(1, sequence).run();
}

void FactLog::undo_to(std::uint64_t facts) {
    ASSERT(facts >= tree_.size());  // what was flushed belongs to writes that were kept
    if (tree_.size() + leaves_.size() > facts) leaves_.resize(facts - tree_.size());
}

Result<> FactLog::flush() {
    std::vector<audit::KeptNode> kept;
    for (const auto& leaf : leaves_) tree_.push(leaf, &kept);
    leaves_.clear();
    return insert_nodes(prepared_, kept);
}

Result<audit::Head> FactLog::sign(Timestamp now, const audit::Signer& signer) {
    TRY_VOID(flush());
    TRY(const auto last, load_head(prepared_, std::numeric_limits<std::int64_t>::max()));
    if (last && last->size == tree_.size()) return *last;
    TRY(auto head,
        audit::sign_head(tree_.size(), tree_.root(), now, last ? &*last : nullptr, signer));
    TRY(auto* chain, prepared_.get("INSERT OR IGNORE INTO audit_signers(hash, chain)"
                                   " VALUES(?1,?2)"));
    TRY_VOID(chain->bind(1, ByteView(head.signer)).bind(2, ByteView(signer.chain())).run());
    Bytes bytes;
    audit::put_head(bytes, head);
    TRY(auto* insert, prepared_.get("INSERT INTO audit_heads(size, head) VALUES(?1,?2)"));
    TRY_VOID(insert->bind(1, head.size).bind(2, ByteView(bytes)).run());
    signed_ = true;
    return head;
}

Result<> FactLog::finish() { return flush(); }

}  // namespace mw::registry
