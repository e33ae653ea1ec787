#include "trust/audit/tree.h"

#include <algorithm>
#include <bit>

#include "platform/crypto/crypto.h"

namespace mw::audit {

Hash leaf_hash(const Hash& fact_hash) {
    std::array<std::uint8_t, 33> bytes;
    bytes[0] = 0;
    std::copy(fact_hash.begin(), fact_hash.end(), bytes.begin() + 1);
    return crypto::sha256(bytes);
}

Hash node_hash(const Hash& left, const Hash& right) {
    std::array<std::uint8_t, 65> bytes;
    bytes[0] = 1;
    std::copy(left.begin(), left.end(), bytes.begin() + 1);
    std::copy(right.begin(), right.end(), bytes.begin() + 33);
    return crypto::sha256(bytes);
}

void Peaks::push(const Hash& leaf, std::vector<KeptNode>* kept) {
    Hash hash = leaf;
    int level = 0;
    for (; size_ >> level & 1; ++level) {
        hash = node_hash(peaks_[std::size_t(level)], hash);
        const int made = level + 1;
        if (kept && made % kept_step == 0) kept->push_back({made, size_ >> made, hash});
    }
    peaks_[std::size_t(level)] = hash;
    ++size_;
}

Hash Peaks::root() const {
    if (size_ == 0) return crypto::sha256({});
    int level = std::countr_zero(size_);
    Hash hash = peaks_[std::size_t(level)];
    for (++level; size_ >> level; ++level)
        if (size_ >> level & 1) hash = node_hash(peaks_[std::size_t(level)], hash);
    return hash;
}

namespace {

// The root of the 2^level leaves from position * 2^level on.
Result<Hash> complete_node(NodeSource& source, int level, std::uint64_t position) {
    const int up = level % kept_step;
    std::vector<Hash> row;
    TRY_VOID(source.read(level - up, position << up, std::uint64_t{1} << up, row));
    if (row.size() != std::size_t{1} << up)
        return Error{Errc::corrupt, "the audit log's tree lacks nodes of level " +
                                        std::to_string(level - up) +
                                        "; millwright audit verify says more"};
    while (row.size() > 1) {
        for (std::size_t i = 0; i < row.size() / 2; ++i)
            row[i] = node_hash(row[2 * i], row[2 * i + 1]);
        row.resize(row.size() / 2);
    }
    return row[0];
}

// The largest power of two below n; n >= 2.
std::uint64_t split(std::uint64_t n) { return std::bit_floor(n - 1); }

// The root of leaves [begin, end), where begin is a multiple of bit_ceil(end - begin).
Result<Hash> range_root(NodeSource& source, std::uint64_t begin, std::uint64_t end) {
    const auto count = end - begin;
    if (std::has_single_bit(count)) {
        const int level = std::countr_zero(count);
        return complete_node(source, level, begin >> level);
    }
    const auto middle = begin + split(count);
    TRY(const auto left, range_root(source, begin, middle));
    TRY(const auto right, range_root(source, middle, end));
    return node_hash(left, right);
}

}  // namespace

class PeaksLoader {
 public:
    static Result<Peaks> load(NodeSource& source, std::uint64_t size) {
        Peaks peaks;
        for (int level = 0; size >> level; ++level)
            if (size >> level & 1) {
                // Left of this peak lie the larger ones, whole multiples of its size.
                TRY(peaks.peaks_[std::size_t(level)],
                    complete_node(source, level, (size >> level) - 1));
            }
        peaks.size_ = size;
        return peaks;
    }
};

Result<Peaks> load_peaks(NodeSource& source, std::uint64_t size) {
    return PeaksLoader::load(source, size);
}

Result<Hash> tree_root(NodeSource& source, std::uint64_t size) {
    TRY(const auto peaks, load_peaks(source, size));
    return peaks.root();
}

Result<std::vector<Hash>> inclusion_path(NodeSource& source, std::uint64_t index,
                                         std::uint64_t size) {
    ASSERT(index < size);
    std::vector<Hash> path;
    std::uint64_t begin = 0, end = size;
    while (end - begin > 1) {
        const auto middle = begin + split(end - begin);
        const bool left = index < middle;
        TRY(const auto sibling,
            left ? range_root(source, middle, end) : range_root(source, begin, middle));
        path.push_back(sibling);
        (left ? end : begin) = middle;
    }
    std::reverse(path.begin(), path.end());
    return path;
}

Result<std::vector<Hash>> consistency_path(NodeSource& source, std::uint64_t from,
                                           std::uint64_t to) {
    ASSERT(from > 0 && from <= to);
    std::vector<Hash> path;
    std::uint64_t begin = 0, end = to;
    // SUBPROOF of RFC 6962 2.1.2; `from` is a whole subtree of the old tree when the loop ends.
    while (from != end) {
        const auto middle = begin + split(end - begin);
        const bool left = from <= middle;
        TRY(const auto sibling,
            left ? range_root(source, middle, end) : range_root(source, begin, middle));
        path.push_back(sibling);
        (left ? end : begin) = middle;
    }
    if (begin != 0) {
        TRY(const auto own, range_root(source, begin, end));
        path.push_back(own);
    }
    std::reverse(path.begin(), path.end());
    return path;
}

namespace {

// Where a path climbs: the node's number and the last one's, at the present level.
struct Climb {
    std::uint64_t node, last;
    bool from_left() const { return (node & 1) || node == last; }
    void up() { node >>= 1, last >>= 1; }
    // Levels at which the last node has no sibling are skipped.
    void skip() {
        while (node != 0 && !(node & 1)) up();
    }
};

}  // namespace

bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> path, const Hash& root) {
    if (index >= size) return false;
    Climb at{index, size - 1};
    Hash hash = leaf;
    for (const auto& sibling : path) {
        if (at.last == 0) return false;
        if (at.from_left()) {
            hash = node_hash(sibling, hash);
            at.skip();
        } else {
            hash = node_hash(hash, sibling);
        }
        at.up();
    }
    return at.last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t from, std::uint64_t to, const Hash& from_root,
                        const Hash& to_root, std::span<const Hash> path) {
    if (from == 0 || from > to) return false;
    if (from == to) return path.empty() && from_root == to_root;
    Climb at{from - 1, to - 1};
    while (at.node & 1) at.up();
    // A whole subtree is not told again.
    const bool whole = std::has_single_bit(from);
    if (!whole && path.empty()) return false;
    Hash old_hash = whole ? from_root : path[0], new_hash = old_hash;
    for (const auto& sibling : path.subspan(whole ? 0 : 1)) {
        if (at.last == 0) return false;
        if (at.from_left()) {
            old_hash = node_hash(sibling, old_hash);
            new_hash = node_hash(sibling, new_hash);
            at.skip();
        } else {
            new_hash = node_hash(new_hash, sibling);
        }
        at.up();
    }
    return at.last == 0 && old_hash == from_root && new_hash == to_root;
}

}  // namespace mw::audit
