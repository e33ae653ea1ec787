#include <algorithm>
#include <set>

#include "data/backup/backup.h"
#include "data/backup/reading.h"

namespace mw::backup {
namespace {

constexpr std::string_view part_suffix = ".restoring";
constexpr std::size_t named_in_message = 20;

// One restore into one directory.
class Restoring {
 public:
    Restoring(files::Files& files, const Repository& repository, RestoreOrder order,
              const Tell& tell)
        : files_(files), repository_(repository), order_(std::move(order)), tell_(tell) {}

    Result<bool> may_begin(const std::string& backup);  // true: it goes on with one that was cut
    Result<> write_all(const Manifest& manifest, bool resumed);
    Result<> check_all(const Manifest& manifest);
    std::vector<Damage>& damaged() { return damaged_; }

 private:
    std::string at(const std::string& path) const { return files::join(order_.data, path); }
    Result<> make_room(const Manifest& manifest) const;
    Result<> write(const FileEntry& file, bool resumed);
    Result<std::string> copy(const FileEntry& file, const std::string& to);

    files::Files& files_;
    const Repository& repository_;
    const RestoreOrder order_;
    const Tell& tell_;
    Progress progress_;
    std::set<std::string> folders_;  // with new names in them
    std::vector<Damage> damaged_;
};

Result<bool> Restoring::may_begin(const std::string& backup) {
    TRY(const auto before, read_marker(files_, order_.data, unfinished_name));
    if (before && before->backup == backup) return true;
    if (before && !before->backup.empty())
        return Error{Errc::conflict, order_.data + " holds the beginning of another restore, of " +
                                         before->backup + ". Next step: millwright restore " +
                                         before->repository + " " + before->backup + " --into " +
                                         order_.data + ", or remove that folder"};
    if (before) return true;  // its marker was torn: it had only just begun
    TRY(const auto entries, files_.list(order_.data));
    for (const auto& entry : entries)
        if (entry.name != "lock" && !entry.name.starts_with(unfinished_name))
            return Error{Errc::conflict, order_.data + " is not empty: it holds " + entry.name +
                                             ". Next step: restore into a new folder"};
    return false;
}

Result<> Restoring::make_room(const Manifest& manifest) const {
    TRY(const auto space, files_.free_space(order_.data));
    if (manifest.bytes() <= space) return {};
    return Error{Errc::overloaded, order_.data + " has " + std::to_string(space) +
                                       " bytes free, the backup has " +
                                       std::to_string(manifest.bytes()) + ": " +
                                       std::to_string(manifest.bytes() - space) + " are missing"};
}

Result<> Restoring::write_all(const Manifest& manifest, bool resumed) {
    if (!resumed) TRY_VOID(make_room(manifest));
    progress_.files = manifest.files.size();
    progress_.bytes = 2 * manifest.bytes();  // written, then read again
    for (const auto& file : manifest.files) {
        if (tell_) TRY_VOID(tell_(progress_));
        TRY_VOID(write(file, resumed));
        progress_.bytes_done += file.bytes;
    }
    for (const auto& folder : folders_) TRY_VOID(files_.sync_directory(folder));
    return {};
}

Result<> Restoring::write(const FileEntry& file, bool resumed) {
    const auto path = at(file.path);
    const auto folder = files::parent_of(path);
    folders_.insert(folder);
    if (resumed) {
        const auto there = read_content(files_, path);
        if (there && fault_of(there, file.bytes, file.sha256).empty())
            return files_.sync_path(path);  // whether the run before got so far is not known
    }
    TRY_VOID(files_.make_directories(folder, file.path.starts_with("pki/") ? 0700 : 0750));
    const auto part = path + std::string(part_suffix);
    TRY(const auto why, copy(file, part));
    // A log names what is damaged in it, and gives the rest; other files are right or absent.
    if (!why.empty()) damaged_.push_back({file.path, why});
    TRY(const auto written, files_.size(part));
    const bool useful = written && (why.empty() || file.part == Part::log);
    if (useful) return files_.rename(part, path);
    if (written) TRY_VOID(files_.remove(part));
    return {};
}

// Why the content is not what it should be; the disk of the data directory is another matter.
Result<std::string> Restoring::copy(const FileEntry& file, const std::string& to) {
    if (auto old = files_.remove(to); !old && old.error().code != Errc::not_found)
        return std::move(old).error();
    std::unique_ptr<files::File> out;
    Result<> written;
    const auto take = [&](ByteView bytes) -> Result<> {
        if (!out) {
            TRY(out, files_.open(to, files::Mode::create_new, file.mode));
        }
        return out->append(bytes);
    };
    const auto content = read_content(files_, repository_.object(file.sha256), [&](ByteView bytes) {
        written = take(bytes);
        return written;
    });
    if (written && content && content->bytes == 0) written = take({});
    if (!written) return std::move(written).error();
    if (out) TRY_VOID(out->sync());
    return fault_of(content, file.bytes, file.sha256);
}

// What was written is what is there.
Result<> Restoring::check_all(const Manifest& manifest) {
    std::set<std::string> damaged;
    for (const auto& damage : damaged_) damaged.insert(damage.path);
    for (const auto& file : manifest.files) {
        if (tell_) TRY_VOID(tell_(progress_));
        if (!damaged.contains(file.path)) {
            const auto why = fault_of(read_content(files_, at(file.path)), file.bytes, file.sha256);
            if (!why.empty())
                return Error{Errc::io_failed,
                             at(file.path) + " was written, but " + why +
                                 ": the disk does not keep what it is given. Next step: "
                                 "another disk"};
        }
        ++progress_.files_done;
        progress_.bytes_done += file.bytes;
    }
    return {};
}

Error refusal(const std::vector<Damage>& damaged, const std::string& step, bool essential) {
    std::string text = std::to_string(damaged.size()) + " files of the backup are damaged:";
    for (std::size_t i = 0; i < std::min(damaged.size(), named_in_message); ++i)
        text += "\n  " + damaged[i].path + ": " + damaged[i].why;
    if (damaged.size() > named_in_message)
        text += "\n  and " + std::to_string(damaged.size() - named_in_message) +
                " more: millwright backup verify names them";
    text += essential
                ? "\nWithout registry.db there is no hub. Next step: another backup; remove " +
                      step + " first"
                : "\nNothing is open in " + step +
                      " yet. Next step: another backup, or the same with "
                      "--accept-damage, which restores the rest";
    return {Errc::corrupt, text};
}

bool is_essential(const Manifest& manifest, const std::vector<Damage>& damaged) {
    return std::any_of(manifest.files.begin(), manifest.files.end(), [&](const FileEntry& file) {
        return file.part == Part::registry &&
               std::any_of(damaged.begin(), damaged.end(),
                           [&](const Damage& damage) { return damage.path == file.path; });
    });
}

}  // namespace

Result<Restored> restore(files::Files& files, const Clock& clock, RestoreOrder order,
                         const Tell& tell) {
    TRY(const auto repository, Repository::open(files, order.repository));
    TRY(const auto name, repository.find(order.name));
    TRY(auto manifest, repository.read(name));
    TRY_VOID(files.make_directories(order.data, 0750));
    TRY(const auto lock, files::DirectoryLock::take(order.data));
    Restoring restoring(files, repository, order, tell);
    TRY(const bool resumed, restoring.may_begin(name));
    Marker marker{order.repository, name, order.by, clock.now()};
    TRY_VOID(write_marker(files, order.data, unfinished_name, marker));
    TRY_VOID(restoring.write_all(manifest, resumed));
    auto& damaged = restoring.damaged();
    const bool essential = is_essential(manifest, damaged);
    if (!damaged.empty() && (essential || !order.accept_damage))
        return refusal(damaged, order.data, essential);
    TRY_VOID(restoring.check_all(manifest));
    marker.at = clock.now();
    for (const auto& damage : damaged) marker.damaged.push_back(damage.path);
    TRY_VOID(write_marker(files, order.data, restored_name, marker));
    TRY_VOID(remove_marker(files, order.data, unfinished_name));
    return Restored{std::move(manifest), std::move(damaged)};
}

}  // namespace mw::backup
