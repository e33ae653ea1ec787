#include <algorithm>
#include <map>

#include "data/backup/backup.h"
#include "data/backup/reading.h"

namespace mw::backup {
namespace {

// What each content of some backups turned out to be: "" is sound.
class Verdicts {
 public:
    Verdicts(files::Files& files, const Repository& repository, const Tell& tell)
        : files_(files), repository_(repository), tell_(tell) {}

    void expect(const Manifest& manifest) {
        for (const auto& file : manifest.files)
            if (known_.emplace(file.sha256, std::optional<std::string>()).second) {
                ++progress_.files;
                progress_.bytes += file.bytes;
            }
    }
    Result<std::string> of(const FileEntry& file) {
        auto& verdict = known_[file.sha256];
        if (verdict) return *verdict;
        if (tell_) TRY_VOID(tell_(progress_));
        const auto content = read_content(files_, repository_.object(file.sha256));
        verdict = fault_of(content, file.bytes, file.sha256);
        ++progress_.files_done;
        progress_.bytes_done += file.bytes;
        return *verdict;
    }

 private:
    files::Files& files_;
    const Repository& repository_;
    const Tell& tell_;
    Progress progress_;
    std::map<std::string, std::optional<std::string>> known_;
};

Result<Verified> verify_one(const Repository& repository, const std::string& name,
                            const Result<Manifest>& manifest, Verdicts& verdicts) {
    Verified verified;
    verified.backup = name;
    TRY(const auto damaged, repository.damaged_manifests(name));
    for (const auto& path : damaged)
        verified.damaged.push_back({path, "this copy of the manifest is not what was written"});
    if (!manifest) {
        verified.damaged.push_back({"all of it", manifest.error().message});
        return verified;
    }
    for (const auto& file : manifest->files) {
        ++verified.files;
        verified.bytes += file.bytes;
        TRY(const auto why, verdicts.of(file));
        if (!why.empty()) verified.damaged.push_back({file.path, why});
    }
    std::copy_if(manifest->left_out.begin(), manifest->left_out.end(),
                 std::back_inserter(verified.left_out),
                 [](const LeftOut& out) { return !out.secret; });
    return verified;
}

}  // namespace

Result<std::vector<Verified>> verify(files::Files& files, const std::string& directory,
                                     const std::string& name, const Tell& tell) {
    TRY(const auto repository, Repository::open(files, directory));
    std::vector<std::string> names;
    if (name.empty()) {
        TRY(names, repository.names());
    } else {
        TRY(const auto found, repository.find(name));
        names = {found};
    }
    Verdicts verdicts(files, repository, tell);
    std::vector<Result<Manifest>> manifests;
    for (const auto& one : names) {
        manifests.push_back(repository.read(one));
        if (manifests.back()) verdicts.expect(*manifests.back());
    }
    std::vector<Verified> all;
    for (std::size_t i = 0; i < names.size(); ++i) {
        TRY(auto verified, verify_one(repository, names[i], manifests[i], verdicts));
        all.push_back(std::move(verified));
    }
    return all;
}

Result<Pruned> prune(files::Files& files, const std::string& directory, std::size_t keep) {
    if (keep == 0)
        return Error{Errc::invalid_input,
                     "at least one backup is kept; to be rid of all, remove the folder"};
    TRY(auto repository, Repository::open(files, directory));
    TRY(const auto lock, files::DirectoryLock::take(directory));
    TRY(auto names, repository.names());
    Pruned pruned;
    while (names.size() > keep) {
        TRY_VOID(repository.remove(names.front()));
        pruned.removed.push_back(names.front());
        names.erase(names.begin());
    }
    TRY(pruned.swept, repository.sweep());
    return pruned;
}

}  // namespace mw::backup
