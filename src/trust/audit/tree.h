#pragma once
// The Merkle tree over a log (RFC 6962 section 2.1, with SHA-256): what proves that a fact is in
// the log (inclusion) and that a later log contains an earlier one (consistency). Pure; a Peaks
// belongs to one thread. A leaf's entry is the hash of its fact, so a leaf vouches for the fact and
// for all before it. Limits: 2^56 leaves.
//
// Kept is only every eighth level above the leaves, 1/255 of a hash per fact; a proof recomputes
// the rest from at most 256 hashes per kept level.

#include <array>
#include <vector>

#include "trust/audit/fact.h"

namespace mw::audit {

inline constexpr int kept_step = 8;  // nodes of level 8, 16, 24 ... are kept

Hash leaf_hash(const Hash& fact_hash);
Hash node_hash(const Hash& left, const Hash& right);

// The root of a subtree of 2^level leaves; position counts such subtrees from the left.
struct KeptNode {
    int level = 0;
    std::uint64_t position = 0;
    Hash hash{};
};

// The tree as it grows: the roots of its complete subtrees, largest first. 2 kB, whatever its size.
class Peaks {
 public:
    std::uint64_t size() const { return size_; }
    // Nodes that are now complete and to be kept are added to `kept`.
    void push(const Hash& leaf, std::vector<KeptNode>* kept = nullptr);
    Hash root() const;  // of no leaves: SHA-256 of nothing

 private:
    friend class PeaksLoader;
    std::uint64_t size_ = 0;
    std::array<Hash, 57> peaks_{};  // by level; those of size_'s bits are in use
};

// Where the hashes of a stored log are.
class NodeSource {
 public:
    virtual ~NodeSource() = default;
    // Adds the nodes [position, position + count) of a level that is a multiple of kept_step; level
    // 0 are the leaf hashes.
    virtual Result<> read(int level, std::uint64_t position, std::uint64_t count,
                          std::vector<Hash>& into) = 0;
};

Result<Peaks> load_peaks(NodeSource& source, std::uint64_t size);
Result<Hash> tree_root(NodeSource& source, std::uint64_t size);
// Hashes from the leaf upwards. index counts from 0; index < size.
Result<std::vector<Hash>> inclusion_path(NodeSource& source, std::uint64_t index,
                                         std::uint64_t size);
// 0 < from <= to.
Result<std::vector<Hash>> consistency_path(NodeSource& source, std::uint64_t from,
                                           std::uint64_t to);

// RFC 9162 sections 2.1.3.2 and 2.1.4.2.
bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> path, const Hash& root);
bool verify_consistency(std::uint64_t from, std::uint64_t to, const Hash& from_root,
                        const Hash& to_root, std::span<const Hash> path);

}  // namespace mw::audit
