#include "platform/files/faulty_files.h"

#include <algorithm>
#include <filesystem>

#include "platform/files/faulty_world.h"

namespace mw::files {

class FaultyFiles::OpenFile final : public File {
 public:
    OpenFile(std::shared_ptr<World> world, FaultyNodePtr node, std::unique_ptr<File> real)
        : world_(std::move(world)), node_(std::move(node)), real_(std::move(real)) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) override {
        std::lock_guard hold(world_->mutex);
        std::size_t got = 0;
        TRY_VOID(world_->act(Call::read, "read " + node_->at, [&]() -> Result<> {
            TRY(got, real_->read_at(offset, into));
            return {};
        }));
        return got;
    }
    Result<> append(ByteView bytes) override {
        std::lock_guard hold(world_->mutex);
        return write(Call::append, node_->size, bytes);
    }
    Result<> write_at(std::uint64_t offset, ByteView bytes) override {
        std::lock_guard hold(world_->mutex);
        return write(Call::write, offset, bytes);
    }
    Result<> sync() override {
        std::lock_guard hold(world_->mutex);
        auto outcome = world_->act(Call::sync, "sync " + node_->at, [this]() -> Result<> {
            World::make_durable(*node_);
            return {};
        });
        if (!outcome && node_->dirty()) node_->stuck = true;
        return outcome;
    }
    Result<> truncate(std::uint64_t size) override {
        std::lock_guard hold(world_->mutex);
        return world_->act(Call::truncate, "truncate " + node_->at, [&]() -> Result<> {
            TRY_VOID(world_->preserve(*node_, size, node_->size));
            TRY_VOID(real_->truncate(size));
            if (size < node_->size) world_->give_space(node_->size - size);
            node_->size = size;
            if (size <= node_->synced && node_->before.empty()) node_->stuck = false;
            return {};
        });
    }
    Result<std::uint64_t> size() override {
        std::lock_guard hold(world_->mutex);
        return node_->size;
    }

 private:
    Result<> write(Call kind, std::uint64_t offset, ByteView bytes) {
        TRY(auto fault, world_->enter(kind));
        auto wanted = fault ? world_->random.below(bytes.size() + 1) : bytes.size();
        auto growth = offset + wanted > node_->size ? offset + wanted - node_->size : 0;
        auto granted = world_->take_space(growth);
        bool full = granted < growth;
        auto part = bytes.first(wanted - (growth - granted));
        TRY_VOID(world_->preserve(*node_, offset, offset + part.size()));
        TRY_VOID(real_->write_at(offset, part));
        node_->size = std::max<std::uint64_t>(node_->size, offset + part.size());
        if (fault == Fault::power_cut) TRY_VOID(world_->cut());
        if (fault) return world_->failure(*fault, "write " + node_->at);
        if (full) return world_->failure(Fault::no_space, "write " + node_->at);
        return {};
    }

    std::shared_ptr<World> world_;
    FaultyNodePtr node_;
    std::unique_ptr<File> real_;
};

Result<std::unique_ptr<FaultyFiles>> FaultyFiles::open(std::string root, std::uint64_t seed,
                                                       std::vector<std::string> except) {
    auto normal = std::filesystem::absolute(root).lexically_normal().string();
    while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
    auto world = std::make_shared<World>(std::move(normal), seed, std::move(except));
    TRY_VOID(world->begin());
    return std::unique_ptr<FaultyFiles>(new FaultyFiles(std::move(world)));
}

FaultyFiles::FaultyFiles(std::shared_ptr<World> world) : world_(std::move(world)) {}

FaultyFiles::~FaultyFiles() = default;

void FaultyFiles::fail(Call kind, std::uint64_t nth, Fault fault, std::uint64_t times) {
    std::lock_guard hold(world_->mutex);
    auto first = world_->calls[static_cast<std::size_t>(kind)] + nth;
    world_->rules.push_back({kind, first, first + times - 1, fault});
}

void FaultyFiles::clear_faults() {
    std::lock_guard hold(world_->mutex);
    world_->rules.clear();
}

void FaultyFiles::limit_space(std::optional<std::uint64_t> bytes) {
    std::lock_guard hold(world_->mutex);
    world_->space = bytes;
}

Result<> FaultyFiles::power_cut() {
    std::lock_guard hold(world_->mutex);
    return world_->cut();
}

bool FaultyFiles::is_cut() const {
    std::lock_guard hold(world_->mutex);
    return world_->is_cut;
}

std::uint64_t FaultyFiles::calls(Call kind) const {
    std::lock_guard hold(world_->mutex);
    return world_->calls[static_cast<std::size_t>(kind)];
}

Result<std::unique_ptr<File>> FaultyFiles::open(std::string path, Mode mode, unsigned permissions) {
    auto name = world_->normal(path);
    if (!world_->covers(name)) return world_->real.open(path, mode, permissions);
    std::lock_guard hold(world_->mutex);
    std::unique_ptr<File> opened;
    TRY_VOID(world_->act(Call::open, "open " + path, [&]() -> Result<> {
        TRY(auto existed, world_->real.size(name));
        TRY(auto real, world_->real.open(name, mode, permissions));
        auto node = world_->adopt(name);
        if (!existed) node->size = 0;
        opened = std::make_unique<OpenFile>(world_, std::move(node), std::move(real));
        return {};
    }));
    return opened;
}

Result<> FaultyFiles::rename(std::string from, std::string to) {
    auto old_name = world_->normal(from), new_name = world_->normal(to);
    if (world_->covers(old_name) != world_->covers(new_name))
        return Error{Errc::invalid_input,
                     "rename " + from + " to " + to + ": one is outside " + world_->root};
    if (!world_->covers(old_name)) return world_->real.rename(from, to);
    std::lock_guard hold(world_->mutex);
    return world_->act(Call::rename, "rename " + from + " to " + to,
                       [&] { return world_->rename(old_name, new_name); });
}

Result<> FaultyFiles::remove(std::string path) {
    auto name = world_->normal(path);
    if (!world_->covers(name)) return world_->real.remove(path);
    std::lock_guard hold(world_->mutex);
    return world_->act(Call::remove, "remove " + path, [&] { return world_->remove(name); });
}

Result<std::vector<Entry>> FaultyFiles::list(std::string directory) {
    if (!world_->covers_folder(world_->normal_folder(directory)))
        return world_->real.list(directory);
    std::lock_guard hold(world_->mutex);
    std::vector<Entry> entries;
    TRY_VOID(world_->act(Call::list, "list " + directory, [&]() -> Result<> {
        TRY(entries, world_->real.list(directory));
        return {};
    }));
    return entries;
}

Result<> FaultyFiles::make_directories(std::string directory, unsigned permissions) {
    auto name = world_->normal_folder(directory);
    if (!world_->covers_folder(name)) return world_->real.make_directories(directory, permissions);
    std::lock_guard hold(world_->mutex);
    return world_->act(Call::make_directories, "make folder " + directory,
                       [&] { return World::make_directories(name); });
}

Result<> FaultyFiles::sync_directory(std::string directory) {
    auto name = world_->normal_folder(directory);
    if (!world_->covers_folder(name)) return world_->real.sync_directory(directory);
    std::lock_guard hold(world_->mutex);
    return world_->act(Call::sync_directory, "sync " + directory, [&]() -> Result<> {
        world_->commit_names(name);
        return {};
    });
}

Result<> FaultyFiles::sync_path(std::string path) {
    auto name = world_->normal(path);
    if (!world_->covers(name)) return world_->real.sync_path(path);
    std::lock_guard hold(world_->mutex);
    return world_->act(Call::sync_path, "sync " + path, [&]() -> Result<> {
        TRY(auto size, world_->real.size(name));
        if (!size) return world_->real.sync_path(path);
        auto node = world_->adopt(name);
        node->size = *size;
        World::make_durable(*node);
        return {};
    });
}

Result<std::optional<std::uint64_t>> FaultyFiles::size(std::string path) {
    std::lock_guard hold(world_->mutex);
    if (world_->is_cut) return Error{Errc::io_failed, "size of " + path + ": the power is cut"};
    return world_->real.size(path);
}

Result<std::uint64_t> FaultyFiles::free_space(std::string directory) {
    std::lock_guard hold(world_->mutex);
    TRY(auto bytes, world_->real.free_space(directory));
    return world_->space ? std::min(bytes, *world_->space) : bytes;
}

}  // namespace mw::files
