#pragma once
// The audit log as the reading thread sees it: lists, proofs, the export, the walk over everything.
// Each call is one read transaction.

#include "data/registry/fact_log.h"
#include "data/registry/registry.h"

namespace mw::registry {

class AuditReader {
 public:
    explicit AuditReader(sqlite::Database& database) : prepared_(database) {}

    Result<FactPage> find(const FactQuery& query);
    Result<std::uint64_t> verify();
    Result<std::optional<audit::Head>> head();
    Result<Bytes> chain(const audit::Hash& signer);
    Result<audit::FactProof> prove(std::uint64_t sequence);
    Result<Growth> growth(std::uint64_t from, std::uint64_t to);
    Result<ExportPart> export_part(ExportCursor from);

 private:
    Result<std::uint64_t> last_sequence();
    Result<> check_node(const audit::KeptNode& node);
    Result<audit::Fact> fact(std::uint64_t sequence);
    Result<> put_heads(ExportPart& part, std::vector<audit::Head>& heads, std::uint64_t size);

    Prepared prepared_;
};

}  // namespace mw::registry
