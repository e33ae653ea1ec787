#include "device/updates/fetch.h"

#include <algorithm>

#include "device/updates/artifact.h"

namespace mw::updates {
namespace {

Error short_file(const std::string& sha256, std::uint64_t got, std::uint64_t size) {
    return Error{Errc::corrupt, "the download of " + sha256 + " ends at " + std::to_string(got) +
                                    " of " + std::to_string(size) + " bytes"};
}

}  // namespace

// Opens the part file and hashes what an earlier attempt left in it.
Result<std::shared_ptr<Fetch::Part>> Fetch::open_part(std::uint64_t size) {
    auto part = std::make_shared<Part>();
    TRY_VOID(parts_.files.make_directories(files::parent_of(path_)));
    TRY(part->file, parts_.files.open(path_, files::Mode::write));
    TRY(const auto there, part->file->size());
    if (there > size) {
        TRY_VOID(part->file->truncate(0));
        return part;
    }
    Bytes piece(piece_bytes);
    while (part->size < there) {
        TRY(const auto got, part->file->read_at(part->size, piece));
        if (got == 0) break;
        part->hash.update(ByteView(piece).first(got));
        part->size += got;
    }
    return part;
}

Task<Fetch::Outcome> Fetch::run(std::string sha256, std::uint64_t size,
                                std::function<bool()> wanted) {
    auto open = [this, size] { return open_part(size); };
    CO_TRY(auto part, co_await parts_.workers.run(std::move(open)));
    bool resumed = part->size > 0;
    if (part->size < size) {
        CO_TRY(resumed, co_await take_all(sha256, size, part, std::move(wanted)));
    }
    // The name too: after a power cut the next attempt continues here.
    auto keep = [this, part]() -> Result<std::string> {
        TRY_VOID(part->file->sync());
        TRY_VOID(parts_.files.sync_directory(files::parent_of(path_)));
        return to_hex(part->hash.finish());
    };
    CO_TRY(std::string hash, co_await parts_.workers.run(std::move(keep)));
    co_return Outcome{std::move(hash), resumed};
}

// True when it continued what was there.
Task<bool> Fetch::take_all(std::string sha256, std::uint64_t size, std::shared_ptr<Part> part,
                           std::function<bool()> wanted) {
    CO_TRY(const auto download, co_await parts_.downloads.open(sha256, part->size));
    if (download->from != part->size) {
        auto restart = [part]() -> Result<> {
            part->hash = crypto::Sha256{};
            part->size = 0;
            return part->file->truncate(0);
        };
        CO_TRY_VOID(co_await parts_.workers.run(std::move(restart)));
    }
    const std::uint64_t before = part->size;
    for (;;) {
        received_ = part->size;
        CO_TRY(std::string piece, co_await download->read());
        if (!wanted()) co_return Error{Errc::conflict, "another version is wanted by now"};
        if (piece.empty()) break;
        if (piece.size() > size - part->size)
            co_return Error{Errc::corrupt, "the download of " + sha256 + " has more than the " +
                                               std::to_string(size) + " bytes of its release"};
        auto append = [part, piece = std::move(piece)]() -> Result<> {
            TRY_VOID(part->file->append(bytes_of(piece)));
            part->hash.update(bytes_of(piece));
            part->size += piece.size();
            return {};
        };
        CO_TRY_VOID(co_await parts_.workers.run(std::move(append)));
    }
    // An end before the end: broken off, unless nothing more comes.
    if (part->size == before && before < size) co_return short_file(sha256, before, size);
    if (part->size < size)
        co_return Error{Errc::io_failed, short_file(sha256, part->size, size).message};
    co_return before > 0;
}

Task<> Fetch::forget() {
    received_ = 0;
    auto job = [this]() -> Result<> {
        TRY(const auto size, parts_.files.size(path_));
        return size ? parts_.files.remove(path_) : Result<>{};
    };
    co_return co_await parts_.workers.run(std::move(job));
}

}  // namespace mw::updates
