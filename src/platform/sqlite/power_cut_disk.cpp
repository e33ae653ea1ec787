#include "platform/sqlite/power_cut_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/random.h"

namespace mw::sqlite {
namespace {

constexpr std::size_t sector = 512;
constexpr int shm_locks = SQLITE_SHM_NLOCK;

struct Handle;

// A write, or a truncation, that the disk may still lose.
struct Pending {
    std::uint64_t offset;
    Bytes bytes;
    bool truncate = false;
};

struct Node {
    Bytes content;  // what the process sees
    Bytes durable;  // what a power cut leaves for certain
    std::vector<Pending> pending;
    bool synced_once = false;

    // Locks on the file and on its shared memory: counts of readers, and the one writer.
    int shared = 0;
    Handle* reserved = nullptr;
    Handle* exclusive = nullptr;
    std::vector<std::unique_ptr<std::array<std::uint8_t, 32768>>> shm;
    std::array<int, shm_locks> shm_shared{};
    std::array<Handle*, shm_locks> shm_exclusive{};
};

void apply(Bytes& content, const Pending& write, std::size_t from, std::size_t to) {
    if (write.truncate) return content.resize(write.offset);
    if (content.size() < write.offset + to) content.resize(write.offset + to);
    std::copy(write.bytes.begin() + std::ptrdiff_t(from), write.bytes.begin() + std::ptrdiff_t(to),
              content.begin() + std::ptrdiff_t(write.offset + from));
}

}  // namespace

struct Disk {
    explicit Disk(std::uint64_t seed) : random(seed) {}

    mutable std::mutex mutex;
    SeededRandom random;
    std::map<std::string, std::shared_ptr<Node>> nodes;
    std::uint64_t operations = 0;
    std::uint64_t cut_after = 0;  // an absolute count of operations; 0: never
    std::uint64_t epoch = 1;      // handles of an earlier epoch are dead
    bool off = false;
    std::string name;
    sqlite3_vfs vfs{};

    void lose_power() {
        if (off) return;
        off = true;
        ++epoch;
        for (auto at = nodes.begin(); at != nodes.end();) {
            const bool vanishes = !at->second->synced_once && random.below(2) == 0;
            if (vanishes) {
                at = nodes.erase(at);
                continue;
            }
            at->second = survivor(*at->second);
            ++at;
        }
    }

    // Of what was not synced any part may be there: all, nothing, or some sectors of each write.
    std::shared_ptr<Node> survivor(const Node& node) {
        auto left = std::make_shared<Node>();
        left->durable = node.durable;
        for (const auto& write : node.pending) {
            const auto fate = random.below(3);
            if (fate == 0) continue;
            if (fate == 1 || write.truncate) {
                apply(left->durable, write, 0, write.bytes.size());
                continue;
            }
            for (std::size_t from = 0; from < write.bytes.size();) {
                const auto to =
                    std::min(from + sector - (write.offset + from) % sector, write.bytes.size());
                if (random.below(2) == 0) apply(left->durable, write, from, to);
                from = to;
            }
        }
        left->content = left->durable;
        left->synced_once = true;
        return left;
    }

    // False: the power failed on this write or sync.
    bool spend_operation() {
        if (off) return false;
        ++operations;
        if (cut_after && operations >= cut_after) {
            cut_after = 0;
            lose_power();
            return false;
        }
        return true;
    }
};

namespace {

struct Handle : sqlite3_file {
    Disk* disk;
    std::shared_ptr<Node> node;
    std::uint64_t epoch;
    int level = SQLITE_LOCK_NONE;
    bool delete_on_close = false;
    std::string path;

    bool alive() const { return !disk->off && epoch == disk->epoch; }
};

Handle& of(sqlite3_file* file) { return *static_cast<Handle*>(file); }
Disk& disk_of(sqlite3_vfs* vfs) { return *static_cast<Disk*>(vfs->pAppData); }
using Lock = std::lock_guard<std::mutex>;

// ---- the file's bytes

int disk_read(sqlite3_file* file, void* into, int length, sqlite3_int64 offset) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    if (!h.alive()) return SQLITE_IOERR_READ;
    const auto& content = h.node->content;
    const auto from = std::min<std::size_t>(std::size_t(offset), content.size());
    const auto got = std::min<std::size_t>(std::size_t(length), content.size() - from);
    std::memset(into, 0, std::size_t(length));
    if (got) std::memcpy(into, content.data() + from, got);
    return got == std::size_t(length) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int disk_write(sqlite3_file* file, const void* from, int length, sqlite3_int64 offset) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    if (!h.alive()) return SQLITE_IOERR_WRITE;
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    Pending write{std::uint64_t(offset), Bytes(bytes, bytes + length)};
    apply(h.node->content, write, 0, write.bytes.size());
    h.node->pending.push_back(std::move(write));  // before the cut: it may be torn by it
    return h.disk->spend_operation() ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

int disk_truncate(sqlite3_file* file, sqlite3_int64 size) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    if (!h.alive()) return SQLITE_IOERR_TRUNCATE;
    h.node->content.resize(std::size_t(size));
    h.node->pending.push_back({std::uint64_t(size), {}, true});
    return h.disk->spend_operation() ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int disk_sync(sqlite3_file* file, int) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    if (!h.alive() || !h.disk->spend_operation()) return SQLITE_IOERR_FSYNC;
    for (const auto& write : h.node->pending) apply(h.node->durable, write, 0, write.bytes.size());
    h.node->pending.clear();
    h.node->synced_once = true;
    return SQLITE_OK;
}

int disk_file_size(sqlite3_file* file, sqlite3_int64* size) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    *size = sqlite3_int64(h.node->content.size());
    return h.alive() ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

// ---- locks

void release_to(Handle& h, int level) {
    auto& node = *h.node;
    if (node.exclusive == &h) node.exclusive = nullptr;
    if (node.reserved == &h) node.reserved = nullptr;
    if (level == SQLITE_LOCK_NONE && h.level >= SQLITE_LOCK_SHARED) --node.shared;
    h.level = level;
}

int disk_lock(sqlite3_file* file, int level) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    if (!h.alive()) return SQLITE_IOERR_LOCK;
    auto& node = *h.node;
    if (h.level >= level) return SQLITE_OK;
    if (h.level == SQLITE_LOCK_NONE) {
        if (node.exclusive) return SQLITE_BUSY;
        ++node.shared;
        h.level = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED) {
        if (node.reserved && node.reserved != &h) return SQLITE_BUSY;
        node.reserved = &h;
        h.level = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        node.exclusive = &h;  // pending: nobody new may read
        h.level = SQLITE_LOCK_PENDING;
        if (node.shared > 1) return SQLITE_BUSY;
        h.level = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

int disk_unlock(sqlite3_file* file, int level) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    if (level < h.level) release_to(h, level);
    return SQLITE_OK;
}

int disk_check_reserved(sqlite3_file* file, int* out) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    *out = h.node->reserved != nullptr;
    return SQLITE_OK;
}

// ---- shared memory of the write-ahead log's index

int disk_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    *out = nullptr;
    auto& shm = h.node->shm;
    ASSERT(size == int(sizeof *shm[0]));
    if (std::size_t(region) >= shm.size()) {
        if (!h.alive()) return SQLITE_IOERR_SHMMAP;
        if (!extend) return SQLITE_OK;
        while (shm.size() <= std::size_t(region))
            shm.push_back(std::make_unique<std::array<std::uint8_t, 32768>>());
    }
    *out = shm[std::size_t(region)]->data();
    return SQLITE_OK;
}

int disk_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    auto& node = *h.node;
    const bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    const auto begin = std::size_t(offset), end = std::size_t(offset + count);
    if (flags & SQLITE_SHM_UNLOCK) {
        for (auto i = begin; i < end; ++i) {
            if (exclusive && node.shm_exclusive[i] == &h) node.shm_exclusive[i] = nullptr;
            if (!exclusive && node.shm_shared[i] > 0) --node.shm_shared[i];
        }
        return SQLITE_OK;
    }
    for (auto i = begin; i < end; ++i)
        if (node.shm_exclusive[i] || (exclusive && node.shm_shared[i] > 0)) return SQLITE_BUSY;
    for (auto i = begin; i < end; ++i) {
        if (exclusive)
            node.shm_exclusive[i] = &h;
        else
            ++node.shm_shared[i];
    }
    return SQLITE_OK;
}

void disk_shm_barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }

int disk_shm_unmap(sqlite3_file* file, int) {
    auto& h = of(file);
    Lock lock(h.disk->mutex);
    for (auto& holder : h.node->shm_exclusive)
        if (holder == &h) holder = nullptr;
    return SQLITE_OK;  // regions live with the node: other connections may be using them
}

// ---- the rest of the file

int disk_close(sqlite3_file* file) {
    auto& h = of(file);
    auto* disk = h.disk;
    Lock lock(disk->mutex);
    release_to(h, SQLITE_LOCK_NONE);
    if (h.delete_on_close && h.alive()) disk->nodes.erase(h.path);
    h.~Handle();
    return SQLITE_OK;
}
int disk_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int disk_sector_size(sqlite3_file*) { return 4096; }
int disk_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods io_methods = {2,
                                       disk_close,
                                       disk_read,
                                       disk_write,
                                       disk_truncate,
                                       disk_sync,
                                       disk_file_size,
                                       disk_lock,
                                       disk_unlock,
                                       disk_check_reserved,
                                       disk_control,
                                       disk_sector_size,
                                       disk_characteristics,
                                       disk_shm_map,
                                       disk_shm_lock,
                                       disk_shm_barrier,
                                       disk_shm_unmap,
                                       nullptr,
                                       nullptr};

// ---- the file system

int disk_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    auto& disk = disk_of(vfs);
    Lock lock(disk.mutex);
    file->pMethods = nullptr;
    if (disk.off) return SQLITE_CANTOPEN;
    const std::string name = path ? path : "";
    auto& node = disk.nodes[name];
    if (!node) {
        if (!(flags & SQLITE_OPEN_CREATE)) return disk.nodes.erase(name), SQLITE_CANTOPEN;
        node = std::make_shared<Node>();
    }
    auto* h = new (file) Handle{};
    h->pMethods = &io_methods;
    h->disk = &disk;
    h->node = node;
    h->epoch = disk.epoch;
    h->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    h->path = name;
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

int disk_delete(sqlite3_vfs* vfs, const char* path, int) {
    auto& disk = disk_of(vfs);
    Lock lock(disk.mutex);
    if (disk.off) return SQLITE_IOERR_DELETE;
    return disk.nodes.erase(path) ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

int disk_access(sqlite3_vfs* vfs, const char* path, int, int* out) {
    auto& disk = disk_of(vfs);
    Lock lock(disk.mutex);
    *out = disk.nodes.contains(path);
    return disk.off ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

int disk_full_path(sqlite3_vfs*, const char* path, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

}  // namespace

PowerCutDisk::PowerCutDisk(std::uint64_t seed) : disk_(std::make_unique<Disk>(seed)) {
    static std::atomic<int> count{0};
    disk_->name = "mw-power-cut-" + std::to_string(++count);
    disk_->vfs = *sqlite3_vfs_find(nullptr);  // sleep, time and randomness are the system's
    disk_->vfs.iVersion = 2;
    disk_->vfs.szOsFile = int(sizeof(Handle));
    disk_->vfs.zName = disk_->name.c_str();
    disk_->vfs.pNext = nullptr;
    disk_->vfs.pAppData = disk_.get();
    disk_->vfs.xOpen = disk_open;
    disk_->vfs.xDelete = disk_delete;
    disk_->vfs.xAccess = disk_access;
    disk_->vfs.xFullPathname = disk_full_path;
    ASSERT(sqlite3_vfs_register(&disk_->vfs, 0) == SQLITE_OK);
}
PowerCutDisk::~PowerCutDisk() { sqlite3_vfs_unregister(&disk_->vfs); }

const std::string& PowerCutDisk::name() const { return disk_->name; }
void PowerCutDisk::cut() {
    Lock lock(disk_->mutex);
    disk_->lose_power();
}
void PowerCutDisk::cut_at(std::uint64_t operation) {
    Lock lock(disk_->mutex);
    disk_->cut_after = disk_->operations + operation;
}
void PowerCutDisk::restore() {
    Lock lock(disk_->mutex);
    disk_->off = false;
    disk_->cut_after = 0;
}
bool PowerCutDisk::is_cut() const {
    Lock lock(disk_->mutex);
    return disk_->off;
}
std::uint64_t PowerCutDisk::operations() const {
    Lock lock(disk_->mutex);
    return disk_->operations;
}

std::map<std::string, Bytes> PowerCutDisk::durable_files() const {
    Lock lock(disk_->mutex);
    std::map<std::string, Bytes> files;
    for (const auto& [path, node] : disk_->nodes) files[path] = node->durable;
    return files;
}

void PowerCutDisk::put_file(const std::string& path, Bytes content) {
    Lock lock(disk_->mutex);
    auto node = std::make_shared<Node>();
    node->content = node->durable = std::move(content);
    node->synced_once = true;
    disk_->nodes[path] = std::move(node);
}

}  // namespace mw::sqlite
