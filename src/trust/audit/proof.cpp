#include "trust/audit/proof.h"

namespace mw::audit {
namespace {

Error torn(std::string_view what) { return {Errc::corrupt, std::string(what)}; }

Result<Json> part(const Json& json, const char* key) {
    const Json* found = find(json, key);
    if (!found || !found->is_object())
        return Error{Errc::invalid_input, std::string(key) + ": it is missing from the proof"};
    return *found;
}

}  // namespace

Result<> verify(const FactProof& proof, ByteView chain_bytes, const crypto::TrustStore& trust) {
    const auto which = "audit fact " + std::to_string(proof.fact.sequence);
    if (chain(proof.previous, proof.fact) != proof.fact.hash)
        return torn(which + ": its hash does not follow from its content: it was changed");
    TRY_VOID(check_personal(proof.fact));
    if (!verify_inclusion(leaf_hash(proof.fact.hash), proof.fact.sequence - 1, proof.head.size,
                          proof.path, proof.head.root))
        return torn(which + ": the path does not lead from it to the root of the head at fact " +
                    std::to_string(proof.head.size));
    return verify_head(proof.head, chain_bytes, trust);
}

Result<> verify(const GrowthProof& proof, ByteView from_chain, ByteView to_chain,
                const crypto::TrustStore& trust) {
    if (!verify_consistency(proof.from.size, proof.to.size, proof.from.root, proof.to.root,
                            proof.path))
        return torn("the log at fact " + std::to_string(proof.to.size) +
                    " does not contain the log at fact " + std::to_string(proof.from.size) +
                    ": facts were changed, removed or moved in between");
    TRY_VOID(verify_head(proof.from, from_chain, trust));
    return verify_head(proof.to, to_chain, trust);
}

Json to_json(const FactProof& proof) {
    return JsonObject{{"kind", "AuditProof"},
                      {"fact", to_json(proof.fact)},
                      {"previous", to_base64({&proof.previous, 1})},
                      {"path", to_base64(proof.path)},
                      {"head", to_json(proof.head)}};
}

Json to_json(const GrowthProof& proof) {
    return JsonObject{{"kind", "AuditGrowth"},
                      {"from", to_json(proof.from)},
                      {"path", to_base64(proof.path)},
                      {"to", to_json(proof.to)}};
}

Result<FactProof> fact_proof_from_json(const Json& json) {
    FactProof proof;
    TRY(const auto fact, part(json, "fact"));
    TRY(proof.fact, fact_from_json(fact).context("fact"));
    TRY(const auto previous, want_string(json, "previous"));
    TRY(const auto hashes, hashes_from_base64(previous).context("previous"));
    if (hashes.size() != 1) return Error{Errc::invalid_input, "previous: want one hash"};
    proof.previous = hashes[0];
    TRY(const auto path, want_string(json, "path"));
    TRY(proof.path, hashes_from_base64(path).context("path"));
    TRY(const auto head, part(json, "head"));
    TRY(proof.head, head_from_json(head).context("head"));
    return proof;
}

Result<GrowthProof> growth_proof_from_json(const Json& json) {
    GrowthProof proof;
    TRY(const auto from, part(json, "from"));
    TRY(proof.from, head_from_json(from).context("from"));
    TRY(const auto path, want_string(json, "path"));
    TRY(proof.path, hashes_from_base64(path).context("path"));
    TRY(const auto to, part(json, "to"));
    TRY(proof.to, head_from_json(to).context("to"));
    return proof;
}

}  // namespace mw::audit
