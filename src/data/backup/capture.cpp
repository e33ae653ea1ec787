#include "data/backup/capture.h"

#include <algorithm>
#include <filesystem>

#include "data/backup/marker.h"
#include "data/backup/repository.h"

namespace mw::backup {
namespace {

constexpr std::uint64_t key_bytes_max = std::uint64_t{1} << 20;
// What the next start makes anew, or what belongs to the process that runs.
constexpr std::string_view passing[] = {
    "lock", "tmp", "hub.json", "registry.db", "registry.db-wal", "registry.db-shm"};

bool is_passing(std::string_view name) {
    return name.ends_with(".tmp") || name == unfinished_name || name == restored_name ||
           std::find(std::begin(passing), std::end(passing), name) != std::end(passing);
}

bool is_log_segment(const files::Entry& entry) {
    return !entry.directory && entry.name.ends_with(".mwlog");
}

unsigned mode_of(const std::string& path) {
    std::error_code absent;
    const auto mode = std::filesystem::status(path, absent).permissions();
    return absent ? 0600 : static_cast<unsigned>(mode) & 0777;
}

}  // namespace

Result<> Capture::take_log(const std::string& folder) {
    taken_.insert(folder);
    return add_log(folder);
}

Result<> Capture::add_log(const std::string& folder) {
    TRY(auto pieces, files::open_log_pieces(files_, at(folder)));
    add_pieces(std::move(pieces), folder);
    return {};
}

void Capture::add_pieces(std::vector<files::LogPiece> pieces, const std::string& folder) {
    for (auto& piece : pieces) {
        Item item;
        item.entry.path = files::join(folder, piece.name);
        item.entry.part = Part::log;
        item.entry.bytes = piece.bytes;
        item.entry.mode = mode_of(at(item.entry.path));
        item.file = std::move(piece.file);
        if (&piece == &pieces.back()) item.length = Length::at_most;
        items_.push_back(std::move(item));
    }
}

Result<> Capture::take_history(history::HistoryHold hold) {
    taken_.insert("history");
    add_pieces(std::move(hold.catalog), "history/catalog");
    add_pieces(std::move(hold.log), "history/log");
    for (auto& file : hold.files) {
        Item item;
        item.source = file.path;
        item.entry.path = "history" + file.path.substr(at("history").size());
        item.entry.part = Part::segment;
        item.entry.bytes = file.bytes;
        item.entry.mode = mode_of(file.path);
        item.entry.crc32c = file.checksum;
        item.hold = file.hold;
        items_.push_back(std::move(item));
    }
    return {};
}

Result<> Capture::take_history_at_rest() {
    taken_.insert("history");
    TRY_VOID(add_log("history/catalog"));
    TRY_VOID(add_log("history/log"));
    for (const char* table : {"points", "decisions", "rollups"})
        TRY_VOID(add_folder(files::join("history", table), Part::segment));
    return {};
}

Result<> Capture::take_blobs() {
    taken_.insert("blobs");
    const auto known = items_.size();
    TRY_VOID(add_folder("blobs", Part::blob));
    for (auto item = items_.begin() + static_cast<std::ptrdiff_t>(known); item != items_.end();) {
        item->entry.sha256 = files::name_of(item->entry.path);
        // An upload that has not ended is no blob yet.
        item = is_sha256(item->entry.sha256) ? item + 1 : items_.erase(item);
    }
    return {};
}

Result<> Capture::take_rest() {
    TRY(const auto entries, files_.list(data_));
    for (const auto& entry : entries) {
        if (is_passing(entry.name) || taken_.contains(entry.name)) continue;
        TRY_VOID(entry.directory ? add_folder(entry.name, Part::plain)
                                 : add_plain(entry.name, entry.size));
    }
    return {};
}

// With all that is below it.
Result<> Capture::add_folder(const std::string& folder, Part part) {
    auto entries = files_.list(at(folder));
    if (!entries && entries.error().code == Errc::not_found) return {};
    if (!entries) return std::move(entries).error();
    for (const auto& entry : *entries)
        if (entry.name == Repository::mark) return {};  // backups of their own
    if (part == Part::plain && std::any_of(entries->begin(), entries->end(), is_log_segment))
        return add_log(folder);
    for (const auto& entry : *entries) {
        const auto path = files::join(folder, entry.name);
        if (entry.directory) {
            TRY_VOID(add_folder(path, part));
        } else if (part == Part::plain) {
            TRY_VOID(add_plain(path, entry.size));
        } else {
            items_.push_back({{path, part, entry.size, {}, mode_of(at(path))}, at(path)});
        }
    }
    return {};
}

Result<> Capture::add_plain(const std::string& path, std::uint64_t bytes) {
    if (path.ends_with(".tmp")) return {};  // half of a replacement
    const unsigned mode = mode_of(at(path));
    if (!keys_) {
        TRY(const bool secret, is_secret(path, bytes, mode));
        if (secret) {
            left_out_.push_back({path, "a secret, and the backup was wanted without keys", true});
            return {};
        }
    }
    Item item{{path, Part::plain, bytes, {}, mode}, at(path)};
    item.length = Length::as_found;
    items_.push_back(std::move(item));
    return {};
}

// The hub keeps certificates in pki/ that only its user may read, but they are no secrets.
Result<bool> Capture::is_secret(const std::string& path, std::uint64_t bytes, unsigned mode) {
    if (!path.starts_with("pki/") && (mode & 077) == 0) return true;
    if (bytes > key_bytes_max) return false;
    auto content = files::read_all(files_, at(path), key_bytes_max);
    if (!content && content.error().code == Errc::not_found) return false;
    if (!content) return std::move(content).error();
    return text_of(*content).find("PRIVATE KEY-----") != std::string_view::npos;
}

}  // namespace mw::backup
