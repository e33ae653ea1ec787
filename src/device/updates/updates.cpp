#include "device/updates/updates.h"

#include "base/log.h"

namespace mw::updates {
namespace {

constexpr std::size_t artifacts_max = 200;
constexpr std::size_t hash_digits = 64;

std::string artifact_folder(const std::string& directory, Kind kind) {
    Artifact any;
    any.kind = kind;
    return files::parent_of(artifact_path(directory, any));
}

// Ours to remove: HASH or HASH.tar that no journal names.
Result<> remove_others(files::Files& files, const std::vector<std::string>& folders,
                       const std::set<std::string>& keep) {
    for (const auto& folder : folders) {
        auto entries = files.list(folder);
        if (!entries && entries.error().code == Errc::not_found) continue;
        if (!entries) return std::move(entries).error();
        for (const auto& entry : *entries) {
            const std::string path = files::join(folder, entry.name);
            if (entry.directory || entry.name.size() < hash_digits || keep.contains(path)) continue;
            TRY_VOID(files.remove(path));
        }
    }
    return {};
}

}  // namespace

Updates::Updates(Parts parts, std::string directory, MachineOptions options)
    : parts_(std::move(parts)),
      directory_(std::move(directory)),
      options_(options),
      scope_(std::make_unique<Scope>(parts_.loop, [](const Error& error) {
          log::error("edge.update.stopped", {{"reason", error.message}});
      })) {}

Updates::~Updates() = default;

Task<> Updates::want(Kind kind, JsonObject entries) {
    CO_TRY_VOID(co_await read_journals(kind));
    std::set<std::string> named;
    for (const auto& [name_text, entry] : entries) {
        const std::string name(name_text);
        const Key key{kind, name};
        named.insert(name);
        auto artifact = artifact_of(kind, name, entry, watch_);
        if (!artifact) {
            senseless_.insert_or_assign(key, std::move(artifact).error());
            continue;
        }
        senseless_.erase(key);
        auto machine = co_await machine_for(key);
        if (!machine && machine.error().code == Errc::cancelled)
            co_return std::move(machine).error();
        if (machine)
            (*machine)->want(*std::move(artifact));
        else
            senseless_.insert_or_assign(key, std::move(machine).error());
    }
    for (auto& [key, machine] : machines_)
        if (key.first == kind && !named.contains(key.second)) machine->want(std::nullopt);
    std::erase_if(senseless_, [&](const auto& item) {
        return item.first.first == kind && !named.contains(item.first.second);
    });
    scope_->spawn(sweep());
    co_return Result<>{};
}

// What was under way or runs, although no entry may name it any more.
Task<> Updates::read_journals(Kind kind) {
    if (read_.contains(kind)) co_return Result<>{};
    auto job = [this, kind] { return journals(parts_.files, directory_, kind); };
    auto names = co_await parts_.workers.run(std::move(job));
    if (!names) {
        log::warn("edge.update.journals_not_read", {{"reason", names.error().message}});
        if (names.error().code == Errc::cancelled) co_return std::move(names).error();
        co_return Result<>{};
    }
    for (const std::string& name : *names) {
        const Key key{kind, name};
        auto machine = co_await machine_for(key);
        if (!machine && machine.error().code == Errc::cancelled)
            co_return std::move(machine).error();
    }
    read_.insert(kind);
    co_return Result<>{};
}

Task<Machine*> Updates::machine_for(Key key) {
    if (const auto found = machines_.find(key); found != machines_.end())
        co_return found->second.get();
    if (machines_.size() >= artifacts_max)
        co_return Error{Errc::overloaded, "more than 200 models and firmwares on one device"};
    auto job = [this, key] { return load(parts_.files, directory_, key.first, key.second); };
    auto journal = co_await parts_.workers.run(std::move(job));
    if (!journal) {
        // Without it nobody knows what was installed and how high the counter was.
        log::error("edge.update.journal_unreadable", {{"reason", journal.error().message}});
        keep_all_.insert(key.first);
        co_return std::move(journal).error().context(
            "the update journal. Next step: remove that file to install anew");
    }
    Installer& installer = key.first == Kind::model ? parts_.models : parts_.firmware;
    Machine::Parts parts{parts_.workers,   parts_.files, parts_.clock,
                         parts_.downloads, installer,    parts_.trust};
    auto made = std::make_unique<Machine>(parts, directory_, *std::move(journal), options_);
    Machine* machine = made.get();
    machine->on_change([this] { changed(); });
    machine->on_move([this](const Transition& row) {
        if (row.event == "committed" || row.event == "refused" || row.event == "reverted" ||
            row.event == "removed")
            scope_->spawn(sweep());
    });
    machines_[key] = std::move(made);
    scope_->spawn(machine->run());
    co_return machine;
}

// Old files go once no journal names them: what is kept to go back to is named until the commit.
Task<> Updates::sweep() {
    sweep_again_ = true;
    if (sweeping_) co_return Result<>{};
    sweeping_ = true;
    while (std::exchange(sweep_again_, false)) {
        auto swept = co_await sweep_once();
        if (!swept && swept.error().code != Errc::cancelled)
            log::warn("edge.update.old_files_stay", {{"reason", swept.error().message}});
    }
    sweeping_ = false;
    co_return Result<>{};
}

Task<> Updates::sweep_once() {
    std::set<std::string> keep;
    for (const auto& [key, machine] : machines_)
        for (const auto* artifact : {&machine->journal().target, &machine->journal().committed})
            if (*artifact) keep.insert(artifact_path(directory_, **artifact));
    std::vector<std::string> folders;
    for (const Kind kind : read_)
        if (!keep_all_.contains(kind)) folders.push_back(artifact_folder(directory_, kind));
    auto job = [this, folders = std::move(folders), keep = std::move(keep)] {
        return remove_others(parts_.files, folders, keep);
    };
    co_return co_await parts_.workers.run(std::move(job));
}

Task<> Updates::settled(Kind kind) {
    for (auto& [key, machine] : machines_)
        if (key.first == kind) CO_TRY_VOID(co_await machine->settled());
    co_return Result<>{};
}

Task<> Updates::stop() {
    scope_->cancel();
    co_return co_await scope_->join();
}

void Updates::changed() {
    if (on_change_) on_change_();
}

const Machine* Updates::machine(Kind kind, const std::string& name) const {
    const auto found = machines_.find({kind, name});
    return found == machines_.end() ? nullptr : found->second.get();
}

JsonObject Updates::report(Kind kind) const {
    JsonObject all;
    for (const auto& [key, machine] : machines_) {
        if (key.first != kind) continue;
        JsonObject object = machine->report();
        if (object.contains("hash")) all[key.second] = std::move(object);
    }
    for (const auto& [key, error] : senseless_) {
        if (key.first != kind) continue;
        all[key.second] = {
            {"state", "failed"}, {"code", to_string(error.code)}, {"reason", error.message}};
    }
    return all;
}

}  // namespace mw::updates
