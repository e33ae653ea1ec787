// backup create, list, show, verify, prune, stop, and restore.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <iostream>

#include "apps/ctl/backup_text.h"
#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct BackupArguments {
    std::string directory, name, into, rate = "50M";
    bool without_keys = false, accept_damage = false;
    std::size_t keep = 0;
};

std::string absolute(const std::string& path) {
    auto normal = std::filesystem::absolute(path).lexically_normal().string();
    while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
    return normal;
}

// A line that is written over, where somebody watches.
class ProgressLine {
 public:
    void show(const std::string& text) {
        if (!watched_) return;
        std::cerr << '\r' << text << "\x1b[K" << std::flush;
        shown_ = true;
    }
    ~ProgressLine() {
        if (shown_) std::cerr << "\r\x1b[K" << std::flush;
    }

 private:
    bool watched_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
};

// The folder belongs to whom the data directory belongs to: root must not lock the hub out.
Result<> make_repository(const std::string& directory, const std::string& data) {
    files::RealFiles files;
    TRY_VOID(backup::Repository::make(files, directory));
    if (::geteuid() != 0) return {};
    struct stat owner {};
    if (::stat(data.c_str(), &owner) != 0) return {};
    for (const auto& path : {directory, files::join(directory, backup::Repository::mark)})
        if (::chown(path.c_str(), owner.st_uid, owner.st_gid) != 0)
            return Error{Errc::denied, path + " can't be given to the owner of " + data};
    return {};
}

std::string told(const Json& last) {
    return "backup " + cell(last, "name") + " is in " + cell(last, "directory") + ": " +
           cell(last, "files") + " files, " +
           short_bytes(std::uint64_t(find_integer(last, "bytes").value_or(0))) + "; " +
           short_bytes(std::uint64_t(find_integer(last, "copied_bytes").value_or(0))) +
           " of it new\n";
}

Result<> print_made(const Json& last, Output output) {
    if (output == Output::json || output == Output::yaml)
        print_json_or_yaml(last, output);
    else
        std::cout << told(last);
    const Json* out = find(last, "left_out");
    if (!out || !out->is_array() || out->get_array().empty()) return {};
    std::string text =
        "the backup is made, but these files were damaged already and are not in it:";
    for (const Json& one : out->get_array())
        text += "\n  " + cell(one, "path") + ": " + cell(one, "why");
    return Error{Errc::corrupt, text};
}

// Nobody else uses the data directory: we have its lock.
Result<Json> create_at_rest(const std::string& data, const BackupArguments& a, std::uint64_t rate) {
    files::RealFiles files;
    RealClock clock;
    TRY(auto loop, Loop::open());
    Workers workers({.threads = 1, .name = "backup"});
    backup::CreateOrder order;
    order.data = data;
    order.repository = a.directory;
    order.version = MW_VERSION;
    order.keys = !a.without_keys;
    order.bytes_per_second = rate;
    ProgressLine line;
    auto tell = [&line](const backup::Progress& progress) -> Result<> {
        line.show(progress_text(progress));
        return {};
    };
    TRY(const auto created,
        sync_wait(*loop, backup::create({files, workers, clock}, std::move(order), {}, tell)));
    Json last = manifest_json(created.manifest, false);
    set(last, "directory", Json(a.directory));
    set(last, "files", Json(created.manifest.files.size()));
    set(last, "copied_bytes", Json(created.copied_bytes));
    JsonArray damaged;
    for (const auto& out : created.manifest.left_out)
        if (!out.secret) damaged.push_back(JsonObject{{"path", out.path}, {"why", out.why}});
    set(last, "left_out", std::move(damaged));
    return last;
}

Result<Json> create_through(Hub& hub, const BackupArguments& a, std::uint64_t rate) {
    const JsonObject order{
        {"directory", a.directory}, {"keys", !a.without_keys}, {"bytes_per_second", rate}};
    TRY(Json state, hub.send(http::Method::post, "/v1/backups", order));
    ProgressLine line;
    while (const Json* running = find(state, "running")) {
        if (running->is_null()) break;
        const auto count = [running](std::string_view key) {
            return std::uint64_t(find_integer(*running, key).value_or(0));
        };
        line.show(progress_text(
            {count("files"), count("files_done"), count("bytes"), count("bytes_done")}));
        TRY(state, hub.get("/v1/backups", {{"wait", "2"}}));
    }
    const Json* last = find(state, "last");
    if (!last || !last->is_object()) return Error{Errc::io_failed, "the hub knows of no backup"};
    if (const auto error = find_string(*last, "error")) return Error{Errc::io_failed, *error};
    return *last;
}

Result<> create_backup(Context& context, BackupArguments a) {
    TRY(const Output output, context.output());
    TRY(const auto rate, parse_bytes(a.rate));
    a.directory = absolute(a.directory);
    const auto& data = context.data_directory;
    if (!data.empty()) {
        if (!std::filesystem::exists(files::join(data, "registry.db")))
            return Error{Errc::not_found, data + " is no data directory of a hub that ran"};
        TRY_VOID(make_repository(a.directory, data));
        const auto lock = files::DirectoryLock::take(data);
        if (lock) {
            TRY(const Json last, create_at_rest(data, a, rate));
            return print_made(last, output);
        }
        if (lock.error().code != Errc::conflict) return lock.error();
    }
    TRY(Hub * hub, context.hub());
    TRY(const Json last, create_through(*hub, a, rate));
    return print_made(last, output);
}

Result<> stop_backup(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Json state, hub->send(http::Method::post, "/v1/backups/stop", JsonObject{}));
    (void)state;
    std::cout << "stopped; nothing of it was kept\n";
    return {};
}

Result<> list_backups(Context& context, const BackupArguments& a) {
    TRY(const Output output, context.output());
    files::RealFiles files;
    TRY(const auto repository, backup::Repository::open(files, a.directory));
    TRY(const auto names, repository.names());
    std::vector<backup::Manifest> manifests;
    std::vector<std::string> unreadable;
    for (const auto& name : names) {
        auto manifest = repository.read(name);
        if (manifest)
            manifests.push_back(std::move(*manifest));
        else
            unreadable.push_back(manifest.error().message);
    }
    if (output == Output::json || output == Output::yaml) {
        JsonArray all;
        for (const auto& manifest : manifests) all.push_back(manifest_json(manifest, false));
        print_json_or_yaml(all, output);
    } else {
        std::cout << render(backups_table(manifests), terminal_width());
    }
    if (unreadable.empty()) return {};
    return Error{Errc::corrupt, unreadable.front()};
}

Result<> show_backup(Context& context, const BackupArguments& a) {
    TRY(const Output output, context.output());
    files::RealFiles files;
    TRY(const auto repository, backup::Repository::open(files, a.directory));
    TRY(const auto name, repository.find(a.name));
    TRY(const auto manifest, repository.read(name));
    if (output == Output::json || output == Output::yaml)
        print_json_or_yaml(manifest_json(manifest, true), output);
    else
        std::cout << manifest_text(manifest, terminal_width());
    return {};
}

Result<> verify_backups(Context& context, const BackupArguments& a) {
    TRY(const Output output, context.output());
    files::RealFiles files;
    std::vector<backup::Verified> verified;
    {
        ProgressLine line;
        TRY(verified, backup::verify(files, a.directory, a.name,
                                     [&line](const backup::Progress& progress) -> Result<> {
                                         line.show(progress_text(progress));
                                         return {};
                                     }));
    }
    const Json verdict = verdict_json(verified);
    if (output == Output::json || output == Output::yaml)
        print_json_or_yaml(verdict, output);
    else
        std::cout << verdict_text(verified, terminal_width());
    if (find_bool(verdict, "sound").value_or(false)) return {};
    return Error{Errc::corrupt,
                 "backups are damaged; what is not named can be restored: "
                 "millwright restore --accept-damage"};
}

Result<> prune_backups(const BackupArguments& a) {
    files::RealFiles files;
    TRY(const auto pruned, backup::prune(files, a.directory, a.keep));
    for (const auto& name : pruned.removed) std::cout << "removed " << name << '\n';
    std::cout << pruned.swept.objects << " contents that no backup needs, "
              << short_bytes(pruned.swept.bytes) << ", are gone\n";
    return {};
}

std::string who_runs_this() {
    const char* user = std::getenv("SUDO_USER");
    if (!user) user = std::getenv("USER");
    return "os:" + (user ? std::string(user).substr(0, 64) : std::to_string(::geteuid()));
}

Result<> restore_backup(Context& context, const BackupArguments& a) {
    TRY(const Output output, context.output());
    files::RealFiles files;
    RealClock clock;
    backup::RestoreOrder order;
    order.repository = absolute(a.directory);
    order.name = a.name;
    order.data = absolute(a.into);
    order.by = who_runs_this();
    order.accept_damage = a.accept_damage;
    Result<backup::Restored> restored = Error{Errc::cancelled, ""};
    {
        ProgressLine line;
        restored = backup::restore(files, clock, order,
                                   [&line](const backup::Progress& progress) -> Result<> {
                                       line.show(progress_text(progress));
                                       return {};
                                   });
    }
    if (!restored) return std::move(restored).error();
    const auto& manifest = restored->manifest;
    JsonArray damaged;
    for (const auto& damage : restored->damaged)
        damaged.push_back(JsonObject{{"path", damage.path}, {"why", damage.why}});
    if (output == Output::json || output == Output::yaml) {
        Json json = manifest_json(manifest, false);
        set(json, "into", Json(order.data));
        set(json, "damaged", damaged);
        return print_json_or_yaml(json, output), Result<>{};
    }
    std::cout << "restored backup " << manifest.name << " into " << order.data << ": "
              << manifest.files.size() - restored->damaged.size() << " files, "
              << short_bytes(manifest.bytes()) << ", each read again and as it was\n";
    for (const auto& damage : restored->damaged)
        std::cout << "not as it was: " << damage.path << ": " << damage.why << '\n';
    for (const auto& out : manifest.left_out)
        std::cout << "not in the backup: " << out.path << ": " << out.why << '\n';
    if (!manifest.keys) std::cout << "put the keys back into " << order.data << "/pki first\n";
    std::cout << "Next step: millwright hub --data " << order.data << '\n';
    return {};
}

using Verb = std::function<Result<>(BackupArguments&)>;

CLI::App* add_reading_verb(CLI::App& below, Context& context, const char* name, const char* help,
                           bool named, Verb verb) {
    auto a = std::make_shared<BackupArguments>();
    auto* sub = below.add_subcommand(name, help);
    sub->add_option("directory", a->directory, "the folder of the backups")->required();
    if (named) sub->add_option("backup", a->name, "which one; otherwise the newest, or all");
    add_output_option(*sub, context, "table, json, yaml");
    sub->callback([&context, a, verb = std::move(verb)] { context.run([&] { return verb(*a); }); });
    return sub;
}

void add_create_verb(CLI::App& backup, Context& context) {
    auto a = std::make_shared<BackupArguments>();
    auto* create = backup.add_subcommand("create", "copy a hub while it runs");
    create
        ->add_option("directory", a->directory,
                     "a folder on the hub's machine; the next backup into it copies what is new")
        ->required();
    create->add_option("--rate", a->rate, "bytes per second at most, as 20M; 0: any (50M)");
    create->add_flag("--without-keys", a->without_keys,
                     "leave out private keys and the administrator's token");
    add_output_option(*create, context, "table, json, yaml");
    create->footer(
        "With --data the folder is made if it is not there, and a hub that does not run is "
        "copied,\n"
        "too. A backup is as secret as the hub: it holds its keys.\nFor example:\n  millwright "
        "--data /var/lib/millwright backup create /mnt/backups");
    create->callback([&context, a] { context.run([&] { return create_backup(context, *a); }); });
}

void add_restore_verb(CLI::App& app, Context& context) {
    auto a = std::make_shared<BackupArguments>();
    auto* restore = app.add_subcommand("restore", "make a data directory of a backup");
    restore->add_option("directory", a->directory, "the folder of the backups")->required();
    restore->add_option("backup", a->name, "which one; otherwise the newest");
    restore->add_option("--into", a->into, "the data directory: new or empty")->required();
    restore->add_flag("--accept-damage", a->accept_damage,
                      "restore what is good, and name the rest");
    add_output_option(*restore, context, "table, json, yaml");
    restore->footer(
        "No hub opens the directory before all of it was written and read again. When it was cut\n"
        "short, the same command goes on. Run it as the user of the hub.\nFor example:\n"
        "  millwright restore /mnt/backups --into /var/lib/millwright-2");
    restore->callback([&context, a] { context.run([&] { return restore_backup(context, *a); }); });
}

}  // namespace

void add_backup_verbs(CLI::App& app, Context& context) {
    auto* backup = app.add_subcommand(
        "backup", "copies of a hub: create, list, show, verify, prune, stop; back: restore");
    backup->require_subcommand(1);
    add_create_verb(*backup, context);
    add_reading_verb(*backup, context, "list", "which backups a folder holds", false,
                     [&context](auto& a) { return list_backups(context, a); });
    add_reading_verb(*backup, context, "show", "what is in one; -o json: each file", true,
                     [&context](auto& a) { return show_backup(context, a); });
    add_reading_verb(*backup, context, "verify",
                     "read everything: is it still what was written? exit 1 when not", true,
                     [&context](auto& a) { return verify_backups(context, a); });
    auto pruned = std::make_shared<BackupArguments>();
    auto* prune = backup->add_subcommand("prune", "remove all but the newest");
    prune->add_option("directory", pruned->directory, "the folder of the backups")->required();
    prune->add_option("--keep", pruned->keep, "so many stay")->required();
    prune->callback([&context, pruned] { context.run([&] { return prune_backups(*pruned); }); });
    auto* stop = backup->add_subcommand("stop", "end the backup that the hub is making");
    stop->callback([&context] { context.run([&] { return stop_backup(context); }); });
    add_restore_verb(app, context);
}

}  // namespace mw::ctl
