#pragma once
// For tests and benchmarks: a throwaway root and audit key, and logs made with them.

#include "platform/crypto/crypto.h"
#include "trust/audit/audit.h"

namespace mw::audit {

// An audit key below an issuing authority below a root, as a hub has them.
class SampleSigner final : public Signer {
 public:
    explicit SampleSigner(std::uint64_t seed, Timestamp now = {1'700'000'000'000'000'000},
                          const std::string& purpose = "audit")
        : random_(seed) {
        const auto order = [&](crypto::Profile profile, const std::string& name) {
            return crypto::CertificateOrder{
                profile, name, {}, now - hours(1), now + hours(24 * 365)};
        };
        root = *crypto::self_sign(order(crypto::Profile::root_ca, "a root"), root_key_, random_);
        const auto issuing =
            *crypto::issue(order(crypto::Profile::issuing_ca, "an issuing"),
                           issuing_key_.public_key().spki(), {root, root_key_}, random_);
        const auto own = *crypto::issue(order(crypto::Profile::code_signing, purpose),
                                        key_.public_key().spki(), {issuing, issuing_key_}, random_);
        chain_ = own.der;
        chain_.insert(chain_.end(), issuing.der.begin(), issuing.der.end());
    }
    Result<Bytes> sign(ByteView message) const override { return key_.sign(message); }
    const Bytes& chain() const override { return chain_; }
    crypto::TrustStore trust() const { return *crypto::TrustStore::make({&root, 1}); }

    crypto::Certificate root;

 private:
    SeededRandom random_;
    crypto::PrivateKey root_key_ = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    crypto::PrivateKey issuing_key_ = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    crypto::PrivateKey key_ = *crypto::PrivateKey::generate(crypto::KeyKind::ed25519);
    Bytes chain_;
};

inline Fact sample_fact(std::uint64_t sequence, const Hash& previous) {
    Fact fact;
    fact.sequence = sequence;
    fact.time = {1'700'000'000'000'000'000 + std::int64_t(sequence) * 1'000'000};
    fact.actor = sequence % 3 ? "hub" : "user:ada";
    fact.action = "status";
    fact.kind = "Device";
    fact.name = "gw-" + std::to_string(sequence % 97);
    fact.revision = sequence * 2;
    fact.detail = "reported model pump 3, from fact " + std::to_string(sequence);
    if (sequence % 5 == 0) fact.controls = "A.8.32,MANAGE 4.1";
    Bytes salt(salt_bytes);
    store_le(salt.data(), sequence);
    seal(fact, salt);
    fact.hash = chain(previous, fact);
    return fact;
}

// What a log is made of, so that tests can put it together wrongly.
struct SampleLog {
    SampleLog(std::uint64_t count, std::uint64_t facts_per_head, const Signer& signer) {
        Hash last{};
        for (std::uint64_t i = 1; i <= count; ++i) {
            facts.push_back(sample_fact(i, last));
            last = facts.back().hash;
            tree.push(leaf_hash(last));
            if (i % facts_per_head == 0 || i == count)
                heads.push_back(*sign_head(i, tree.root(), facts.back().time,
                                           heads.empty() ? nullptr : &heads.back(), signer));
        }
    }
    Bytes bytes(const Signer& signer) const {
        Bytes out;
        log_file::put_header(out);
        std::size_t next = 0;
        for (const auto& fact : facts) {
            log_file::put_fact(out, fact);
            if (next == heads.size() || heads[next].size != fact.sequence) continue;
            if (next == 0) log_file::put_chain(out, signer.chain());
            log_file::put_head(out, heads[next++]);
        }
        log_file::put_end(out, facts.size(), heads.size());
        return out;
    }
    std::vector<Fact> facts;
    std::vector<Head> heads;
    Peaks tree;
};

// Where the records of a log begin, and its size at the end: what a thief would cut at.
inline std::vector<std::size_t> record_starts(ByteView log) {
    std::vector<std::size_t> starts;
    for (std::size_t at = 8; at + 4 <= log.size();
         at += 4 + (load_le<std::uint32_t>(log.data() + at) >> 8))
        starts.push_back(at);
    starts.push_back(log.size());
    return starts;
}

// One random edit: a byte changed, a record removed, repeated, two swapped, or the end cut off.
// Gives the edit's name; empty when the edit left the log as it was.
inline std::string edit(Bytes& log, const std::vector<std::size_t>& starts, Random& random) {
    const auto before = log;
    const auto records = starts.size() - 1;
    const auto pick = [&] { return static_cast<std::size_t>(random.below(records)); };
    const auto at = [&](std::size_t i) { return log.begin() + std::ptrdiff_t(i); };
    const auto record = [&](std::size_t i) { return Bytes(at(starts[i]), at(starts[i + 1])); };
    std::string name;
    switch (random.below(5)) {
        case 0: {
            const auto where = static_cast<std::size_t>(random.below(log.size()));
            log[where] ^= static_cast<std::uint8_t>(1 + random.below(255));
            name = "changed byte " + std::to_string(where);
            break;
        }
        case 1: {
            const auto i = pick();
            log.erase(at(starts[i]), at(starts[i + 1]));
            name = "removed record " + std::to_string(i);
            break;
        }
        case 2: {
            const auto i = pick(), to = pick();
            const auto copy = record(i);
            log.insert(at(starts[to]), copy.begin(), copy.end());
            name = "repeated record " + std::to_string(i) + " before " + std::to_string(to);
            break;
        }
        case 3: {
            const auto a = pick(), b = pick();
            const auto low = std::min(a, b), high = std::max(a, b);
            const auto first = record(low), second = record(high);
            Bytes out(log.begin(), at(starts[low]));
            if (low != high) {
                out.insert(out.end(), second.begin(), second.end());
                out.insert(out.end(), at(starts[low + 1]), at(starts[high]));
            }
            out.insert(out.end(), first.begin(), first.end());
            out.insert(out.end(), at(starts[high + 1]), log.end());
            log = std::move(out);
            name = "swapped records " + std::to_string(a) + " and " + std::to_string(b);
            break;
        }
        default:
            log.resize(static_cast<std::size_t>(random.below(log.size())));
            name = "cut to " + std::to_string(log.size()) + " bytes";
    }
    return log == before ? std::string{} : name;
}

}  // namespace mw::audit
