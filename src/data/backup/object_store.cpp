#include "data/backup/object_store.h"

namespace mw::backup {
namespace {

constexpr std::string_view part_name = "object.part";
// Little by little: the disk may be the one that points are waiting for.
constexpr std::uint64_t sync_bytes = std::uint64_t{4} << 20;
constexpr std::size_t hash_chunk = std::size_t{1} << 20;

}  // namespace

Result<> ObjectStore::begin() {
    ASSERT(!part_);
    TRY(part_, files_.open(repository_.incoming(part_name), files::Mode::write, 0600));
    hash_ = crypto::Sha256();
    bytes_ = unsynced_ = 0;
    return part_->truncate(0);
}

Result<> ObjectStore::write(ByteView bytes) {
    TRY_VOID(part_->append(bytes));
    hash_.update(bytes);
    bytes_ += bytes.size();
    unsynced_ += bytes.size();
    if (unsynced_ < sync_bytes) return {};
    unsynced_ = 0;
    return part_->sync();
}

Result<std::optional<ObjectStore::Kept>> ObjectStore::keep(const std::string& wanted) {
    const std::string sha256 = to_hex(hash_.finish());
    if (!wanted.empty() && wanted != sha256) return std::optional<Kept>();
    TRY_VOID(part_->sync());
    part_.reset();
    TRY(auto kept, keep_as(repository_.incoming(part_name), sha256, bytes_));
    return std::optional(std::move(kept));
}

void ObjectStore::discard() {
    if (!part_) return;
    part_.reset();
    ignore(files_.remove(repository_.incoming(part_name)), "the next one writes over it");
}

Result<ObjectStore::Kept> ObjectStore::keep_file(const std::string& name) {
    const auto path = repository_.incoming(name);
    TRY_VOID(files_.sync_path(path));
    TRY(auto file, files_.open(path, files::Mode::read));
    crypto::Sha256 hash;
    std::uint64_t size = 0;
    for (Bytes buffer(hash_chunk);;) {
        TRY(const auto got, file->read_at(size, buffer));
        if (got == 0) break;
        hash.update(ByteView(buffer).first(got));
        size += got;
    }
    file.reset();
    return keep_as(path, to_hex(hash.finish()), size);
}

// Content first, then its name; the folder that holds the name is synced once, at the end.
Result<ObjectStore::Kept> ObjectStore::keep_as(const std::string& path, const std::string& sha256,
                                               std::uint64_t bytes) {
    const auto object = repository_.object(sha256);
    const auto folder = files::parent_of(object);
    rely_on(sha256);
    TRY(const bool there, repository_.holds(sha256, bytes));
    if (there) {
        TRY_VOID(files_.remove(path));
        return Kept{sha256, bytes, false};
    }
    TRY_VOID(files_.make_directories(folder, 0700));
    TRY_VOID(files_.rename(path, object));
    added_.push_back(sha256);
    added_bytes_ += bytes;
    return Kept{sha256, bytes, true};
}

void ObjectStore::rely_on(const std::string& sha256) {
    folders_.insert(files::parent_of(repository_.object(sha256)));
}

Result<> ObjectStore::sync() {
    for (const auto& folder : folders_) TRY_VOID(files_.sync_directory(folder));
    return {};
}

void ObjectStore::undo() {
    discard();
    for (const auto& sha256 : added_)
        ignore(files_.remove(repository_.object(sha256)), "the next run sweeps");
    added_.clear();
}

}  // namespace mw::backup
