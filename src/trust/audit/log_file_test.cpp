// The Merkle tree, signed heads, proofs, and the log as a file.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/random.h"
#include "trust/audit/audit_samples.h"

namespace mw::audit {
namespace {

// All leaves in memory; only levels that a hub keeps can be asked for.
class Stored final : public NodeSource {
 public:
    void push(const Hash& leaf) {
        leaves_.push_back(leaf);
        peaks.push(leaf, &kept_);
    }
    Result<> read(int level, std::uint64_t position, std::uint64_t count,
                  std::vector<Hash>& into) override {
        ++reads;
        if (level == 0) {
            for (auto i = position; i < position + count; ++i) into.push_back(leaves_.at(i));
            return {};
        }
        for (auto i = position; i < position + count; ++i)
            for (const auto& node : kept_)
                if (node.level == level && node.position == i) into.push_back(node.hash);
        return {};
    }
    const Hash& leaf(std::size_t i) const { return leaves_[i]; }
    std::size_t kept() const { return kept_.size(); }

    Peaks peaks;
    int reads = 0;

 private:
    std::vector<Hash> leaves_;
    std::vector<KeptNode> kept_;
};

Stored numbers(std::uint64_t count) {
    Stored stored;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<std::uint8_t, 8> bytes;
        store_le(bytes.data(), i);
        stored.push(leaf_hash(crypto::sha256(bytes)));
    }
    return stored;
}

// RFC 6962 2.1 as it stands there.
Hash by_definition(const Stored& stored, std::size_t begin, std::size_t end) {
    if (end - begin == 1) return stored.leaf(begin);
    std::size_t k = 1;
    while (k * 2 < end - begin) k *= 2;
    return node_hash(by_definition(stored, begin, begin + k),
                     by_definition(stored, begin + k, end));
}

TEST(AuditTree, roots_are_those_of_an_independent_program) {
    const std::pair<std::uint64_t, const char*> known[] = {
        {1, "aea833068048b82f42271c18e0076a5230cbc7d711c99de16a5917db14a3b044"},
        {2, "eef1b9248be39f5f163068a40bec9d0c11835ec8dd5f59398b95147c22e8f74b"},
        {3, "27058f4ae7a0ab5ea062e301665d2fd2e749c6a4ec31cf8deacb139f40cd3c07"},
        {7, "9d07734d5f6d2e0148d180eda3c69b89e4f1ce59252771e8a018b8ef863c4485"},
        {8, "2edfad23d1e159125b880e5182bf5e7cd9da5105a1b94376a6d6f3ab534ea4bd"},
        {255, "cd307c5d1dc7f5bdd9b7109040280033ff2af1dae45ba7a6b0c78c21e102ac69"},
        {256, "208b41ad1438c454b75e56f8039ae98ce453b3c674d7aa1d2fe238e99d705e97"},
        {257, "dd0f1f2aa6f043675ce38ad390766e685e107bb68c300496034a02b4b51fcdb9"},
        {1000, "d517d1b4b45a72ec7a1d85c00266372f74a6b7fd6308b93e9dd80ea7c5cb030a"}};
    for (const auto& [size, root] : known) EXPECT_EQ(to_hex(numbers(size).peaks.root()), root);
    EXPECT_EQ(to_hex(Peaks{}.root()),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(AuditTree, every_proof_of_every_small_tree_holds_and_no_other_does) {
    auto stored = numbers(40);
    for (std::uint64_t size = 1; size <= 40; ++size) {
        const auto root = by_definition(stored, 0, size);
        for (std::uint64_t index = 0; index < size; ++index) {
            auto path = *inclusion_path(stored, index, size);
            const auto& leaf = stored.leaf(index);
            EXPECT_TRUE(verify_inclusion(leaf, index, size, path, root)) << index << '/' << size;
            EXPECT_FALSE(verify_inclusion(leaf, index + 1, size, path, root));
            EXPECT_FALSE(verify_inclusion(stored.leaf((index + 1) % 40), index, size, path, root));
            path.push_back(root);
            EXPECT_FALSE(verify_inclusion(leaf, index, size, path, root));
        }
        for (std::uint64_t from = 1; from <= size; ++from) {
            auto path = *consistency_path(stored, from, size);
            const auto old = by_definition(stored, 0, from);
            EXPECT_TRUE(verify_consistency(from, size, old, root, path)) << from << ' ' << size;
            EXPECT_FALSE(verify_consistency(from, size, stored.leaf(0), stored.leaf(1), path));
            if (path.empty()) continue;
            path.back()[0] ^= 1;
            EXPECT_FALSE(verify_consistency(from, size, old, root, path)) << from << ' ' << size;
            path.pop_back();
            EXPECT_FALSE(verify_consistency(from, size, old, root, path)) << from << ' ' << size;
        }
    }
}

TEST(AuditTree, large_proofs_read_few_hashes_and_every_eighth_level_is_enough) {
    constexpr std::uint64_t size = 70'000;
    auto stored = numbers(size);
    EXPECT_EQ(stored.kept(), size / 256 + size / 65536);
    SeededRandom random(7);
    const auto root = stored.peaks.root();
    EXPECT_EQ(load_peaks(stored, size)->root(), root);
    for (int i = 0; i < 20; ++i) {
        const auto index = random.below(size), from = 1 + random.below(size);
        stored.reads = 0;
        const auto path = *inclusion_path(stored, index, size);
        EXPECT_LE(path.size(), 17u);
        EXPECT_LE(stored.reads, 40);
        EXPECT_TRUE(verify_inclusion(stored.leaf(index), index, size, path, root)) << index;
        const auto growth = *consistency_path(stored, from, size);
        EXPECT_TRUE(verify_consistency(from, size, *tree_root(stored, from), root, growth)) << from;
    }
}

Result<LogVerdict> check(ByteView log, const crypto::TrustStore* trust,
                         std::optional<Head> known = {}, std::size_t piece = 1 << 20) {
    LogVerifier verifier(trust, std::move(known));
    for (std::size_t at = 0; at < log.size(); at += piece)
        TRY_VOID(verifier.feed(log.subspan(at, std::min(piece, log.size() - at))));
    return verifier.finish();
}
std::string refusal(ByteView log, const crypto::TrustStore* trust, std::optional<Head> known = {}) {
    const auto outcome = check(log, trust, std::move(known));
    return outcome ? "(accepted)" : outcome.error().message;
}

struct LogWorld : testing::Test {
    SampleSigner signer{1};
    crypto::TrustStore trust = signer.trust();
    SampleLog log{60, 25, signer};
    Bytes bytes = log.bytes(signer);
};

TEST_F(LogWorld, a_whole_log_verifies_in_pieces_of_any_size) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{37}, std::size_t{1} << 20}) {
        const auto verdict = check(bytes, &trust, {}, piece);
        ASSERT_TRUE(verdict) << verdict.error().message;
        EXPECT_EQ(verdict->facts, 60u);
        EXPECT_EQ(verdict->heads, 3u);
        EXPECT_EQ(verdict->last, log.heads.back());
        EXPECT_EQ(verdict->chain, signer.chain());
    }
}

TEST_F(LogWorld, what_was_changed_removed_or_moved_is_named) {
    const auto with = [&](auto deed) {
        auto edited = log;
        deed(edited);
        return refusal(edited.bytes(signer), &trust);
    };
    EXPECT_NE(with([](auto& l) { l.facts[6].detail = "x"; }).find("audit fact 7:"),
              std::string::npos);
    EXPECT_NE(with([](auto& l) { l.facts[6].controls = "A.5.1"; }).find("audit fact 7:"),
              std::string::npos);
    EXPECT_NE(with([](auto& l) { l.facts.erase(l.facts.begin() + 6); }).find("audit fact 7:"),
              std::string::npos);
    EXPECT_NE(with([](auto& l) { std::swap(l.facts[6], l.facts[7]); }).find("audit fact 7:"),
              std::string::npos);
    EXPECT_NE(with([](auto& l) {
                  l.heads.erase(l.heads.begin() + 1);
              }).find("does not follow the head before it"),
              std::string::npos);
    EXPECT_NE(with([](auto& l) { l.heads.pop_back(); }).find("no signed head covers"),
              std::string::npos);
    EXPECT_NE(with([](auto& l) { l.heads[1].time.ns += 1; }).find("signature"), std::string::npos);
    // Rewritten from fact 30 on, hashes and all, but without the key.
    EXPECT_NE(with([](auto& l) {
                  l.facts[29].detail = "nothing happened";
                  seal(l.facts[29], Bytes(salt_bytes));
                  for (std::size_t i = 29; i < l.facts.size(); ++i)
                      l.facts[i].hash = chain(l.facts[i - 1].hash, l.facts[i]);
              }).find("facts after fact 25 were rewritten"),
              std::string::npos);
}

TEST_F(LogWorld, who_takes_out_people_without_saying_so_is_found) {
    SampleLog redacted = log;
    redact(redacted.facts[6]);
    EXPECT_NE(refusal(redacted.bytes(signer), &trust).find("audit fact 7: it was redacted, and no"),
              std::string::npos);
    redacted.facts[6].actor = "user:eve";
    redacted.facts[6].salt = Bytes(salt_bytes);
    EXPECT_NE(refusal(redacted.bytes(signer), &trust).find("audit fact 7: its actor, name or"),
              std::string::npos);
}

TEST_F(LogWorld, strangers_can_not_sign_and_other_purposes_neither) {
    const SampleSigner eve(2);
    const SampleLog forged(60, 25, eve);
    const auto made = check(forged.bytes(eve), &trust);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::denied);
    const SampleSigner release(3, {1'700'000'000'000'000'000}, "release");
    const auto other = release.trust();
    EXPECT_NE(
        refusal(SampleLog(10, 5, release).bytes(release), &other).find("want one for 'audit'"),
        std::string::npos);
}

TEST_F(LogWorld, a_cut_end_is_found_when_a_later_head_is_known) {
    SampleLog shorter = log;
    shorter.facts.resize(50);
    shorter.heads.resize(2);
    const auto cut = shorter.bytes(signer);
    EXPECT_TRUE(check(cut, &trust));  // by itself it is the log of an earlier time
    EXPECT_NE(refusal(cut, &trust, log.heads[2]).find("its end was cut off"), std::string::npos);
    EXPECT_TRUE(check(cut, &trust, log.heads[0]));
    EXPECT_TRUE(check(bytes, &trust, log.heads[1]));
    // Another history under the same key, up to the size of a known head.
    SampleLog other = log;
    other.facts[3].detail = "another story";
    seal(other.facts[3], Bytes(salt_bytes));
    other.tree = {};
    other.heads.clear();
    for (std::size_t i = 3; i < 60; ++i)
        other.facts[i].hash = chain(other.facts[i - 1].hash, other.facts[i]);
    for (const auto& fact : other.facts) other.tree.push(leaf_hash(fact.hash));
    other.heads.push_back(
        *sign_head(60, other.tree.root(), other.facts.back().time, nullptr, signer));
    EXPECT_TRUE(check(other.bytes(signer), &trust));
    EXPECT_NE(refusal(other.bytes(signer), &trust, log.heads[0]).find("the log was rewritten"),
              std::string::npos);
}

TEST_F(LogWorld, every_single_byte_counts) {
    const SampleLog small(3, 2, signer);
    const auto whole = small.bytes(signer);
    ASSERT_TRUE(check(whole, &trust));
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto edited = whole;
        edited[i] ^= std::uint8_t(1u << (i % 8));
        EXPECT_FALSE(check(edited, &trust)) << "byte " << i;
    }
    for (std::size_t size = 0; size < whole.size(); size += 7)
        EXPECT_FALSE(check(ByteView(whole).first(size), &trust)) << size;
}

TEST_F(LogWorld, every_random_edit_is_found) {
    const std::uint64_t seed = 20'261'122;
    SeededRandom random(seed);
    const auto starts = record_starts(bytes);
    int made = 0;
    for (int i = 0; i < 300; ++i) {
        auto edited = bytes;
        const auto name = edit(edited, starts, random);
        if (name.empty()) continue;
        ++made;
        EXPECT_FALSE(check(edited, &trust)) << name << ", seed " << seed;
    }
    EXPECT_GT(made, 200);
}

TEST_F(LogWorld, proofs_travel_as_short_json) {
    Stored stored;
    for (const auto& fact : log.facts) stored.push(leaf_hash(fact.hash));
    FactProof proof{log.facts[16], log.facts[15].hash, *inclusion_path(stored, 16, 60),
                    log.heads[2]};
    const auto text = mw::to_json(to_json(proof));
    EXPECT_LT(text.size(), 2048u);
    auto read = *fact_proof_from_json(*parse_json(text));
    const auto good = verify(read, signer.chain(), trust);
    EXPECT_TRUE(good) << good.error().message;
    auto changed = read;
    changed.fact.detail = "x";
    EXPECT_FALSE(verify(changed, signer.chain(), trust));
    changed.fact.hash = chain(changed.previous, changed.fact);
    EXPECT_FALSE(verify(changed, signer.chain(), trust));
    changed = read;
    changed.head.time.ns += 1;
    EXPECT_FALSE(verify(changed, signer.chain(), trust));
    GrowthProof growth{log.heads[0], log.heads[2], *consistency_path(stored, 25, 60)};
    const auto grown = mw::to_json(to_json(growth));
    EXPECT_LT(grown.size(), 2048u);
    auto again = *growth_proof_from_json(*parse_json(grown));
    EXPECT_TRUE(verify(again, signer.chain(), signer.chain(), trust));
    again.from.size = 24;
    EXPECT_FALSE(verify(again, signer.chain(), signer.chain(), trust));
}

// docs/formats/audit-log.md draws this file. Its keys are gone: it was signed once.
TEST(AuditLogFile, the_golden_file_still_verifies) {
    const std::string folder = MW_SOURCE_DIR "/src/trust/audit/golden/";
    const auto read = [&](const char* name) {
        std::ifstream in(folder + name, std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        return std::move(text).str();
    };
    const auto root = crypto::certificates_from_pem(read("audit-log-1.root.pem"));
    ASSERT_TRUE(root) << root.error().message;
    const auto trust = *crypto::TrustStore::make(*root);
    const auto log = read("audit-log-1.mwaudit");
    const auto verdict = check(bytes_of(log), &trust);
    ASSERT_TRUE(verdict) << verdict.error().message;
    EXPECT_EQ(verdict->facts, 3u);
    EXPECT_EQ(verdict->heads, 2u);
    EXPECT_EQ(verdict->facts, verdict->last.size);
}

}  // namespace
}  // namespace mw::audit
