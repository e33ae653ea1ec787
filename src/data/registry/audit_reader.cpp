#include "data/registry/audit_reader.h"

#include <algorithm>
#include <limits>

namespace mw::registry {
namespace {

constexpr std::uint64_t looked_at_max = 200'000;  // facts a call reads without an index: 0.1 s
constexpr std::size_t exported_at_once = 4'096;

struct FactStatement {
    std::string sql =
        std::string("SELECT ") + fact_columns + " FROM audit WHERE sequence>?1 AND sequence<=?2";
    std::vector<std::string> texts;
    bool indexed = false;
};

FactStatement statement_for(const FactQuery& query) {
    FactStatement made;
    // kind<>'' lets SQLite use the index of facts about resources; a plus keeps it from doing so
    // where the order of that index is of no use.
    made.indexed = !query.kind.empty() && !query.name.empty();
    const auto add = [&](const std::string& value, std::string_view term) {
        if (value.empty()) return;
        made.texts.push_back(value);
        made.sql += " AND " + std::string(term) + "?" + std::to_string(made.texts.size() + 4);
    };
    if (made.indexed) made.sql += " AND kind<>''";
    add(query.kind, made.indexed ? "kind=" : "+kind=");
    add(query.name, made.indexed ? "name=" : "+name=");
    add(query.actor, "actor=");
    add(query.action, "action=");
    if (!query.control.empty()) {
        made.texts.push_back("," + query.control + ",");
        made.sql += " AND instr(','||replace(controls,', ',',')||',',?" +
                    std::to_string(made.texts.size() + 4) + ")>0";
    }
    made.sql += std::string(" AND time>=?3 ORDER BY sequence") + (query.newest ? " DESC" : "") +
                " LIMIT ?4";
    return made;
}

}  // namespace

Result<std::uint64_t> AuditReader::last_sequence() {
    TRY(auto* select, prepared_.get("SELECT max(sequence) FROM audit"));
    TRY(const bool row, select->step());
    const auto last = row ? static_cast<std::uint64_t>(select->integer(0)) : 0;
    select->reset();
    return last;
}

Result<FactPage> AuditReader::find(const FactQuery& query) {
    const auto made = statement_for(query);
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    TRY(const auto last, last_sequence());
    auto from = std::min(query.after, last);
    auto to = query.before == 0 ? last : std::min(query.before - 1, last);
    to = std::max(to, from);
    const auto begin = from, end = to;
    if (!made.indexed && to - from > looked_at_max)
        (query.newest ? from : to) = query.newest ? to - looked_at_max : from + looked_at_max;
    TRY(auto* select, prepared_.get(made.sql));
    select->bind(1, from).bind(2, to).bind(3, query.since.ns);
    select->bind(4, static_cast<std::uint64_t>(query.limit));
    int parameter = 4;
    for (const auto& text : made.texts) select->bind(++parameter, text);
    FactPage page;
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        TRY(auto fact, read_fact(*select));
        page.items.push_back(std::move(fact));
    }
    const bool full = !page.items.empty() && page.items.size() == query.limit;
    if (query.newest) {
        page.next = full ? page.items.back().sequence : from + 1;
        page.end = page.next <= begin + 1;
        std::reverse(page.items.begin(), page.items.end());
    } else {
        page.next = full ? page.items.back().sequence : to;
        page.end = page.next >= end;
    }
    return page;
}

Result<> AuditReader::check_node(const audit::KeptNode& node) {
    TRY(auto* select, prepared_.get("SELECT hash FROM audit_nodes WHERE level=?1 AND position=?2"));
    TRY(const bool row, select->bind(1, node.level).bind(2, node.position).step());
    const bool same = row && std::ranges::equal(select->blob(0), node.hash);
    select->reset();
    if (same) return {};
    return Error{Errc::corrupt, "the audit log's tree: the node of level " +
                                    std::to_string(node.level) + " over the facts from " +
                                    std::to_string((node.position << node.level) + 1) +
                                    " on is not theirs"};
}

namespace {

// The stored heads along the walk over all facts.
class HeadWalk {
 public:
    static Result<HeadWalk> begin(Prepared& prepared) {
        HeadWalk walk;
        TRY(walk.heads_, prepared.database().prepare("SELECT head FROM audit_heads ORDER BY"
                                                     " number"));
        TRY_VOID(walk.next());
        return walk;
    }
    Result<> meet(const audit::Peaks& tree) {
        if (!head_ || head_->size > tree.size()) return {};
        const auto which = "the signed head at fact " + std::to_string(head_->size);
        if (head_->size < tree.size() || head_->previous != last_)
            return Error{Errc::corrupt, which + " does not follow the head before it"};
        if (head_->root != tree.root())
            return Error{Errc::corrupt, which +
                                            " is of other facts: they were rewritten with their "
                                            "hashes"};
        last_ = audit::hash_of(*head_);
        return next();
    }
    Result<> finish() const {
        if (!head_) return {};
        return Error{Errc::corrupt, "the audit log's end was cut: a signed head has " +
                                        std::to_string(head_->size) + " facts"};
    }

 private:
    HeadWalk() = default;
    Result<> next() {
        head_.reset();
        TRY(const bool row, heads_->step());
        if (!row) return {};
        TRY(head_, audit::read_head(heads_->blob(0)));
        return {};
    }
    std::optional<sqlite::Statement> heads_;
    std::optional<audit::Head> head_;
    audit::Hash last_{};
};

}  // namespace

Result<std::uint64_t> AuditReader::verify() {
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    TRY(auto* select,
        prepared_.get(std::string("SELECT ") + fact_columns + " FROM audit ORDER BY sequence"));
    TRY(auto heads, HeadWalk::begin(prepared_));
    audit::Verifier verifier;
    audit::Redactions redactions;
    audit::Peaks tree;
    std::vector<audit::KeptNode> kept;
    const auto take = [&]() -> Result<> {
        TRY(const auto fact, read_fact(*select));
        TRY_VOID(verifier.take(fact));
        TRY_VOID(redactions.take(fact.sequence, fact.redacted(), fact.action, fact.detail));
        tree.push(audit::leaf_hash(fact.hash), &kept);
        for (const auto& node : kept) TRY_VOID(check_node(node));
        kept.clear();
        return heads.meet(tree);
    };
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        if (auto taken = take(); !taken) return select->reset(), std::move(taken).error();
    }
    TRY_VOID(redactions.finish());
    TRY_VOID(heads.finish());
    return verifier.sequence();
}

Result<std::optional<audit::Head>> AuditReader::head() {
    return load_head(prepared_, std::numeric_limits<std::int64_t>::max());
}

Result<Bytes> AuditReader::chain(const audit::Hash& signer) {
    TRY(auto* select, prepared_.get("SELECT chain FROM audit_signers WHERE hash=?1"));
    TRY(const bool row, select->bind(1, ByteView(signer)).step());
    if (!row) return Error{Errc::not_found, "no head of this audit log was signed so"};
    const auto blob = select->blob(0);
    Bytes chain(blob.begin(), blob.end());
    select->reset();
    return chain;
}

Result<audit::Fact> AuditReader::fact(std::uint64_t sequence) {
    TRY(auto* select,
        prepared_.get(std::string("SELECT ") + fact_columns + " FROM audit WHERE sequence=?1"));
    TRY(const bool row, select->bind(1, sequence).step());
    if (!row) return Error{Errc::not_found, "there is no audit fact " + std::to_string(sequence)};
    auto fact = read_fact(*select);
    select->reset();
    return fact;
}

Result<audit::FactProof> AuditReader::prove(std::uint64_t sequence) {
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    audit::FactProof proof;
    TRY(proof.fact, fact(sequence));
    if (sequence > 1) {
        TRY(const auto before, fact(sequence - 1));
        proof.previous = before.hash;
    }
    TRY(auto last, head());
    if (!last || last->size < sequence)
        return Error{Errc::not_found, "no signed head covers audit fact " +
                                          std::to_string(sequence) + " yet; ask again"};
    proof.head = std::move(*last);
    StoredNodes nodes(prepared_);
    TRY(proof.path, audit::inclusion_path(nodes, sequence - 1, proof.head.size));
    return proof;
}

Result<Growth> AuditReader::growth(std::uint64_t from, std::uint64_t to) {
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    Growth growth;
    TRY(auto last, to == 0 ? head() : load_head(prepared_, to));
    if (!last || (to != 0 && last->size != to))
        return Error{Errc::not_found,
                     "to: no head was signed at " + std::to_string(to) + " facts; leave it out"};
    growth.to = std::move(*last);
    if (from == 0 || from > growth.to.size)
        return Error{Errc::invalid_input,
                     "from: want 1 to " + std::to_string(growth.to.size) + ", the newest head"};
    StoredNodes nodes(prepared_);
    TRY(growth.path, audit::consistency_path(nodes, from, growth.to.size));
    return growth;
}

Result<> AuditReader::put_heads(ExportPart& part, std::vector<audit::Head>& heads,
                                std::uint64_t size) {
    while (!heads.empty() && heads.back().size == size) {
        const auto& head = heads.back();
        if (part.next.heads == 0 || head.signer != part.next.signer) {
            TRY(const auto certificates, chain(head.signer));
            audit::log_file::put_chain(part.bytes, certificates);
        }
        audit::log_file::put_head(part.bytes, head);
        part.next.signer = head.signer;
        ++part.next.heads;
        heads.pop_back();
    }
    return {};
}

Result<ExportPart> AuditReader::export_part(ExportCursor from) {
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    ExportPart part{{}, from};
    if (from.sequence == 0) audit::log_file::put_header(part.bytes);
    const auto to = std::min(from.size, from.sequence + exported_at_once);
    std::vector<audit::Head> heads;  // the next one last
    TRY(auto* stored, prepared_.get("SELECT head FROM audit_heads WHERE size>?1 AND size<=?2"
                                    " ORDER BY size DESC"));
    stored->bind(1, from.sequence).bind(2, to);
    for (;;) {
        TRY(const bool row, stored->step());
        if (!row) break;
        TRY(auto head, audit::read_head(stored->blob(0)));
        heads.push_back(std::move(head));
    }
    TRY(auto* select, prepared_.get(std::string("SELECT ") + fact_columns +
                                    " FROM audit WHERE sequence>?1 AND sequence<=?2"
                                    " ORDER BY sequence"));
    select->bind(1, from.sequence).bind(2, to);
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        TRY(const auto fact, read_fact(*select));
        audit::log_file::put_fact(part.bytes, fact);
        TRY_VOID(put_heads(part, heads, fact.sequence));
    }
    part.next.sequence = to;
    if (to < from.size) return part;
    audit::log_file::put_end(part.bytes, to, part.next.heads);
    part.next.ended = true;
    return part;
}

}  // namespace mw::registry
