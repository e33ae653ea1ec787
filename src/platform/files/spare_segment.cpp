#include "platform/files/spare_segment.h"

#include <algorithm>

namespace mw::files {
namespace {

// Synced one by one: whoever else waits for the disk waits behind one piece only.
constexpr std::size_t piece_bytes = std::size_t{256} << 10;

std::string spare_path(const std::string& directory) { return join(directory, "next.spare"); }
std::string used_path(const std::string& directory) { return join(directory, "used.spare"); }

Result<> unless_not_found(Result<> outcome) {
    if (!outcome && outcome.error().code == Errc::not_found) return {};
    return outcome;
}

Result<std::unique_ptr<File>> open_spare(Files& files, const std::string& directory) {
    const auto path = spare_path(directory);
    TRY_VOID(unless_not_found(files.remove(path)));
    TRY_VOID(unless_not_found(files.rename(used_path(directory), path)));
    // Else a crash could give the segment its name back, with zeros in it.
    TRY_VOID(files.sync_directory(directory));
    return files.open(path, Mode::write);
}

Result<> write_zeros(File& file, std::uint64_t bytes, const std::stop_token& stop) {
    TRY(const auto old, file.size());
    if (old > bytes) TRY_VOID(file.truncate(bytes));
    const Bytes zeros(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, piece_bytes)));
    for (std::uint64_t at = 0; at < bytes; at += zeros.size()) {
        if (stop.stop_requested()) return Error{Errc::cancelled, "zeros for a log: stopped"};
        const auto rest = std::min<std::uint64_t>(bytes - at, zeros.size());
        TRY_VOID(file.write_at(at, ByteView(zeros).first(static_cast<std::size_t>(rest))));
        TRY_VOID(file.sync());
    }
    return {};
}

}  // namespace

Result<SpareSegment> make_spare_segment(Files& files, const std::string& directory,
                                        std::uint64_t bytes, std::stop_token stop) {
    SpareSegment spare{spare_path(directory), nullptr, bytes};
    TRY(spare.file, open_spare(files, directory));
    auto written = write_zeros(*spare.file, bytes, stop);
    if (written) return spare;
    spare.file.reset();
    ignore(files.remove(spare.path), "the next one replaces it");
    return std::move(written).error();
}

Result<> recycle_segment(Files& files, const std::string& path) {
    return files.rename(path, used_path(parent_of(path)));
}

Result<> remove_spare_segments(Files& files, const std::string& directory) {
    TRY_VOID(unless_not_found(files.remove(spare_path(directory))));
    return unless_not_found(files.remove(used_path(directory)));
}

}  // namespace mw::files
