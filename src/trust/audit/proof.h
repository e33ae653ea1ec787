#pragma once
// Proofs as documents that travel: that a fact is in the log that a signed head describes, and that
// a later head describes a log which contains an earlier one. Each is below 2 kB of JSON without
// the certificates; who checks needs those and the root, not the hub. Pure.

#include "trust/audit/head.h"

namespace mw::audit {

struct FactProof {
    Fact fact;
    Hash previous{};  // hash of the fact before
    std::vector<Hash> path;
    Head head;
};
// corrupt: it does not hold together; denied: the head is not the hub's.
Result<> verify(const FactProof& proof, ByteView chain, const crypto::TrustStore& trust);

struct GrowthProof {
    Head from, to;
    std::vector<Hash> path;
};
Result<> verify(const GrowthProof& proof, ByteView from_chain, ByteView to_chain,
                const crypto::TrustStore& trust);

Json to_json(const FactProof& proof);
Json to_json(const GrowthProof& proof);
Result<FactProof> fact_proof_from_json(const Json& json);
Result<GrowthProof> growth_proof_from_json(const Json& json);

}  // namespace mw::audit
