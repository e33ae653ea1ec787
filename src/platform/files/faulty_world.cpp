#include "platform/files/faulty_world.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "platform/files/system_error.h"

namespace mw::files {

namespace {

// Several worlds of one root may live at once, the older ones cut.
std::string grave_name(const std::string& root) {
    static std::atomic<std::uint64_t> count{0};
    return root + ".undo-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

}  // namespace

FaultyFiles::World::World(std::string root_directory, std::uint64_t seed,
                          std::vector<std::string> except_paths)
    : root(std::move(root_directory)),
      except(std::move(except_paths)),
      graveyard(grave_name(root)),
      random(seed) {}

FaultyFiles::World::~World() {
    std::error_code ignored;
    std::filesystem::remove_all(graveyard, ignored);
}

Result<> FaultyFiles::World::begin() {
    TRY_VOID(make_directories(root));
    TRY_VOID(make_directories(graveyard));
    return walk(root, [this](const std::string& path) -> Result<> {
        auto node = adopt(path);
        make_durable(*node);
        pending.clear();
        durable[path] = node;
        return {};
    });
}

std::string FaultyFiles::World::normal(const std::string& path) const {
    return std::filesystem::absolute(path).lexically_normal().string();
}

std::string FaultyFiles::World::normal_folder(const std::string& path) const {
    auto name = normal(path);
    while (name.size() > 1 && name.back() == '/') name.pop_back();
    return name;
}

// The folders count as durable at once; really syncing them would only cost time.
Result<> FaultyFiles::World::make_directories(const std::string& directory) {
    std::error_code failure;
    std::filesystem::create_directories(directory, failure);
    if (failure)
        return Error{Errc::io_failed, "make folder " + directory + ": " + failure.message()};
    return {};
}

bool FaultyFiles::World::covers(const std::string& path) const {
    if (path.size() <= root.size() || !path.starts_with(root) || path[root.size()] != '/')
        return false;
    auto below = std::string_view(path).substr(root.size() + 1);
    return std::none_of(except.begin(), except.end(),
                        [&](const std::string& beginning) { return below.starts_with(beginning); });
}

bool FaultyFiles::World::covers_folder(const std::string& path) const {
    return path == root || covers(path);
}

Result<std::optional<Fault>> FaultyFiles::World::enter(Call kind) {
    if (is_cut) return Error{Errc::io_failed, "the power is cut"};
    auto nth = ++calls[static_cast<std::size_t>(kind)];
    auto nth_of_any = ++calls[static_cast<std::size_t>(Call::any)];
    for (const auto& rule : rules) {
        auto n = rule.kind == Call::any ? nth_of_any : nth;
        if ((rule.kind == kind || rule.kind == Call::any) && n >= rule.first && n <= rule.last)
            return std::optional(rule.fault);
    }
    return std::optional<Fault>();
}

Error FaultyFiles::World::failure(Fault fault, const std::string& what) const {
    switch (fault) {
        case Fault::no_space:
            return {Errc::overloaded, what + ": No space left on device"};
        case Fault::io_error:
            return {Errc::io_failed, what + ": Input/output error"};
        case Fault::power_cut:
            return {Errc::io_failed, what + ": the power is cut"};
    }
    return {Errc::io_failed, what};
}

Result<> FaultyFiles::World::act(Call kind, const std::string& what,
                                 const std::function<Result<>()>& deed) {
    TRY(auto fault, enter(kind));
    if (!fault) return deed();
    if (*fault == Fault::power_cut) {
        if (random.below(2) == 0) ignore(deed(), "the power goes anyway");
        TRY_VOID(cut());
    }
    return failure(*fault, what);
}

std::uint64_t FaultyFiles::World::take_space(std::uint64_t wanted) {
    if (!space) return wanted;
    auto got = std::min(wanted, *space);
    *space -= got;
    return got;
}

void FaultyFiles::World::give_space(std::uint64_t bytes) {
    if (space) *space += bytes;
}

FaultyNodePtr FaultyFiles::World::adopt(const std::string& path) {
    if (auto known = current.find(path); known != current.end()) return known->second;
    auto node = std::make_shared<FaultyNode>();
    node->at = path;
    if (auto size = real.size(path); size.ok() && *size) node->size = **size;
    created(path, node);
    return node;
}

void FaultyFiles::World::created(const std::string& path, FaultyNodePtr node) {
    current[path] = node;
    pending.push_back({{}, path, std::move(node)});
}

// Keeps the bytes of a file that is about to lose its name while that name is still durable.
Result<> FaultyFiles::World::bury(const std::string& path) {
    auto found = current.find(path);
    if (found == current.end()) return {};
    auto node = found->second;
    current.erase(found);
    auto grave = join(graveyard, std::to_string(graves++));
    if (::link(path.c_str(), grave.c_str()) != 0) return system_error("keep", path);
    give_space(node->size);
    node->at = grave;
    buried.push_back(std::move(node));
    return {};
}

Result<> FaultyFiles::World::rename(const std::string& from, const std::string& to) {
    TRY(auto exists, real.size(from));
    if (!exists) return real.rename(from, to);  // says what is wrong
    if (std::filesystem::is_directory(from))
        return Error{Errc::invalid_input, "rename " + from + ": FaultyFiles renames files only"};
    auto node = adopt(from);
    TRY_VOID(bury(to));
    TRY_VOID(real.rename(from, to));
    current.erase(from);
    current[to] = node;
    node->at = to;
    pending.push_back({from, to, std::move(node)});
    forget_buried();
    return {};
}

Result<> FaultyFiles::World::remove(const std::string& path) {
    TRY(auto exists, real.size(path));
    if (!exists) return real.remove(path);
    auto node = adopt(path);
    TRY_VOID(bury(path));
    TRY_VOID(real.remove(path));
    pending.push_back({path, {}, std::move(node)});
    forget_buried();
    return {};
}

void FaultyFiles::World::apply(const NameChange& change) {
    if (auto old = durable.find(change.from); old != durable.end() && old->second == change.node)
        durable.erase(old);
    if (!change.to.empty()) durable[change.to] = change.node;
}

void FaultyFiles::World::commit_names(const std::string& directory) {
    std::vector<NameChange> rest;
    for (auto& change : pending) {
        bool here = (!change.from.empty() && parent_of(change.from) == directory) ||
                    (!change.to.empty() && parent_of(change.to) == directory);
        if (!here) {
            rest.push_back(std::move(change));
            continue;
        }
        apply(change);
        // A rename into another folder carries the name's making with it.
        std::erase_if(rest, [&change](const NameChange& earlier) {
            return earlier.node == change.node && earlier.to == change.from;
        });
    }
    pending = std::move(rest);
    forget_buried();
}

void FaultyFiles::World::forget_buried() {
    std::set<const FaultyNode*> needed;
    for (const auto& [path, node] : durable) needed.insert(node.get());
    for (const auto& change : pending) needed.insert(change.node.get());
    std::erase_if(buried, [&](const FaultyNodePtr& node) {
        if (needed.contains(node.get())) return false;
        ignore(real.remove(node->at), "it is only a copy");
        return true;
    });
}

Result<> FaultyFiles::World::preserve(FaultyNode& node, std::uint64_t from, std::uint64_t to) {
    to = std::min(to, node.synced);
    if (from >= to) return {};
    TRY(auto file, real.open(node.at, Mode::read, 0));
    for (auto sector = from / sector_bytes; sector * sector_bytes < to; ++sector) {
        if (node.before.contains(sector)) continue;
        auto begin = sector * sector_bytes;
        Bytes bytes(std::min<std::uint64_t>(sector_bytes, node.synced - begin));
        TRY(auto got, file->read_at(begin, bytes));
        bytes.resize(got);
        node.before.emplace(sector, std::move(bytes));
    }
    return {};
}

void FaultyFiles::World::make_durable(FaultyNode& node) {
    if (node.stuck) return;
    node.synced = node.size;
    node.before.clear();
}

Result<> FaultyFiles::World::walk(const std::string& directory,
                                  const std::function<Result<>(const std::string&)>& visit) {
    TRY(auto entries, real.list(directory));
    for (const auto& entry : entries) {
        auto path = join(directory, entry.name);
        if (entry.directory) {
            TRY_VOID(walk(path, visit));
        } else if (covers(path)) {
            TRY_VOID(visit(path));
        }
    }
    return {};
}

}  // namespace mw::files
