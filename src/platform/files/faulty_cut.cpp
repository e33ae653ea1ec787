// What is left after the power went: names, then bytes.
#include <algorithm>
#include <filesystem>
#include <set>

#include "platform/files/faulty_world.h"

namespace mw::files {

Result<> FaultyFiles::World::cut() {
    if (is_cut) return {};
    is_cut = true;
    // A journal keeps a prefix of what was not synced: often none of it or all of it.
    auto kept = random.below(pending.size() + 1);
    if (auto luck = random.below(3); luck < 2) kept = luck == 0 ? 0 : pending.size();
    for (std::size_t i = 0; i < kept; ++i) apply(pending[i]);
    pending.clear();

    std::set<FaultyNode*> nodes;
    for (const auto& [path, node] : durable) nodes.insert(node.get());
    for (auto* node : nodes) TRY_VOID(tear(*node));
    TRY_VOID(put_names_back());
    std::error_code ignored;
    std::filesystem::remove_all(graveyard, ignored);
    return {};
}

Result<> FaultyFiles::World::put_names_back() {
    // First out of each other's way, then into place.
    for (auto& [path, node] : durable) {
        if (node->at == path) continue;
        auto grave = join(graveyard, "back" + std::to_string(graves++));
        TRY_VOID(real.rename(node->at, grave));
        node->at = grave;
    }
    for (auto& [path, node] : durable) {
        if (node->at == path) continue;
        TRY_VOID(real.rename(node->at, path));
        node->at = path;
    }
    return walk(root, [this](const std::string& path) -> Result<> {
        return durable.contains(path) ? Result<>{} : real.remove(path);
    });
}

Result<> FaultyFiles::World::tear(FaultyNode& node) {
    if (!node.dirty()) return {};
    TRY(auto file, real.open(node.at, Mode::write, 0));
    auto end = node.size;
    if (end < node.synced && random.below(2) == 0) end = node.synced;  // the truncation is undone
    if (node.stuck) end = node.synced;
    for (const auto& [sector, bytes] : node.before) {
        auto begin = sector * sector_bytes;
        bool was_cut_off = begin + bytes.size() > node.size;
        if (begin < end && (node.stuck || was_cut_off || random.below(2) == 0))
            TRY_VOID(file->write_at(begin, bytes));
    }
    TRY_VOID(file->truncate(std::max(end, node.size)));
    if (end > node.synced) return tear_tail(*file, node.synced, end);
    return file->truncate(end);
}

// Bytes behind `from` were never synced.
Result<> FaultyFiles::World::tear_tail(File& file, std::uint64_t from, std::uint64_t to) {
    auto way = random.below(4);
    if (way == 0) return file.truncate(from);
    if (way == 1) return file.truncate(from + random.below(to - from + 1));
    if (way == 2) return {};
    // The size arrived, of the sectors some.
    for (auto begin = from; begin < to;) {
        auto end = std::min<std::uint64_t>(to, (begin / sector_bytes + 1) * sector_bytes);
        Bytes bytes(end - begin);
        auto luck = random.below(3);
        if (luck == 1) random.fill(bytes);
        if (luck > 0) TRY_VOID(file.write_at(begin, bytes));
        begin = end;
    }
    return {};
}

}  // namespace mw::files
