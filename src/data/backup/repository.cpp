#include "data/backup/repository.h"

#include <algorithm>
#include <set>

namespace mw::backup {
namespace {

constexpr std::string_view mark_text = "Backups of a Millwright hub, version 1.\n";
constexpr std::string_view suffixes[] = {".manifest", ".manifest2"};
constexpr std::uint64_t manifest_bytes_max = std::uint64_t{1} << 30;

Result<std::vector<files::Entry>> entries_of(files::Files& files, const std::string& directory) {
    auto entries = files.list(directory);
    if (!entries && entries.error().code == Errc::not_found) return std::vector<files::Entry>{};
    return entries;
}

}  // namespace

Result<> Repository::make(files::Files& files, const std::string& directory) {
    TRY(const auto marked, files.size(files::join(directory, mark)));
    if (marked) return {};
    TRY(const auto entries, entries_of(files, directory));
    if (!entries.empty())
        return Error{Errc::conflict,
                     directory + " is no folder of backups and is not empty: it holds " +
                         entries.front().name + ". Next step: name a new or an empty folder"};
    TRY_VOID(files.make_directories(directory, 0700));
    return files::atomic_replace(files, files::join(directory, mark), bytes_of(mark_text), 0600);
}

Result<Repository> Repository::open(files::Files& files, std::string directory) {
    TRY(const auto marked, files.size(files::join(directory, mark)));
    if (!marked)
        return Error{Errc::not_found, directory + " holds no backups: the file " +
                                          std::string(mark) +
                                          " is not there. Next step: millwright backup create " +
                                          directory + " on the hub's machine"};
    return Repository(files, std::move(directory));
}

std::string Repository::incoming(std::string_view name) const {
    return files::join(path("incoming"), name);
}

std::string Repository::object(const std::string& sha256) const {
    return files::join(files::join(path("objects"), sha256.substr(0, 2)), sha256);
}

std::string Repository::manifest(const std::string& name, bool second) const {
    return files::join(path("backups"), name + std::string(suffixes[second]));
}

Result<std::vector<std::string>> Repository::names() const {
    TRY(const auto entries, entries_of(*files_, path("backups")));
    std::set<std::string> names;
    for (const auto& entry : entries) {
        const auto dot = entry.name.find('.');
        const auto name = entry.name.substr(0, dot);
        if (dot == std::string::npos || !is_name(name)) continue;
        const auto suffix = std::string_view(entry.name).substr(dot);
        if (suffix == suffixes[0] || suffix == suffixes[1]) names.insert(name);
    }
    return std::vector<std::string>(names.begin(), names.end());
}

Result<std::string> Repository::find(const std::string& name) const {
    TRY(const auto all, names());
    if (all.empty()) return Error{Errc::not_found, directory_ + " holds no backup yet"};
    if (name.empty()) return all.back();
    if (std::find(all.begin(), all.end(), name) != all.end()) return name;
    return Error{Errc::not_found, directory_ + " has no backup " + name.substr(0, 64) +
                                      "; the newest is " + all.back() + " of " +
                                      std::to_string(all.size())};
}

Result<Manifest> Repository::read(const std::string& name) const {
    Error first{Errc::corrupt, ""};
    for (bool second : {false, true}) {
        const auto bytes = files::read_all(*files_, manifest(name, second), manifest_bytes_max);
        auto read = bytes ? decode(text_of(*bytes)) : Result<Manifest>(bytes.error());
        if (read && read->name != name)
            read = Error{Errc::corrupt, "the manifest is of another backup, " + read->name};
        if (read) return read;
        if (!second) first = std::move(read).error();
    }
    return std::move(first).context("backup " + name);
}

Result<std::vector<std::string>> Repository::damaged_manifests(const std::string& name) const {
    std::vector<std::string> damaged;
    for (bool second : {false, true}) {
        const auto bytes = files::read_all(*files_, manifest(name, second), manifest_bytes_max);
        if (!bytes && bytes.error().code == Errc::not_found) continue;
        const bool good = bytes && [&] {
            const auto read = decode(text_of(*bytes));
            return read && read->name == name;
        }();
        if (!good) damaged.push_back("backups/" + name + std::string(suffixes[second]));
    }
    return damaged;
}

Result<bool> Repository::holds(const std::string& sha256, std::uint64_t bytes) const {
    TRY(const auto size, files_->size(object(sha256)));
    return size && *size == bytes;
}

// Two copies: a damaged byte in one of them must not cost the whole backup.
Result<> Repository::put(const Manifest& manifest) {
    const std::string text = encode(manifest);
    TRY_VOID(files_->make_directories(path("backups"), 0700));
    for (bool second : {true, false})
        TRY_VOID(files::atomic_replace(*files_, this->manifest(manifest.name, second),
                                       bytes_of(text), 0600));
    return {};
}

// Halves of a manifest that could not be written, too.
Result<> Repository::remove(const std::string& name) {
    for (bool second : {false, true})
        for (const char* half : {"", ".tmp"}) {
            auto removed = files_->remove(manifest(name, second) + half);
            if (!removed && removed.error().code != Errc::not_found) return removed;
        }
    return files_->sync_directory(path("backups"));
}

Result<Repository::Swept> Repository::sweep() {
    TRY(const auto all, names());
    std::set<std::string> named;
    for (const auto& name : all) {
        TRY(const auto manifest, read(name));
        for (const auto& file : manifest.files) named.insert(file.sha256);
    }
    Swept swept;
    TRY(const auto folders, entries_of(*files_, path("objects")));
    for (const auto& folder : folders) {
        if (!folder.directory) continue;
        const auto inside = files::join(path("objects"), folder.name);
        TRY(const auto objects, files_->list(inside));
        for (const auto& object : objects) {
            if (named.contains(object.name)) continue;
            TRY_VOID(files_->remove(files::join(inside, object.name)));
            ++swept.objects;
            swept.bytes += object.size;
        }
    }
    TRY(const auto unfinished, entries_of(*files_, path("incoming")));
    for (const auto& entry : unfinished) TRY_VOID(files_->remove(incoming(entry.name)));
    return swept;
}

}  // namespace mw::backup
