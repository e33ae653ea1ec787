#include "device/updates/module_installer.h"

#include <unistd.h>

#include <filesystem>

#include "base/log.h"

namespace mw::updates {
namespace {

Result<> copy_file(files::Files& files, const std::string& from, const std::string& to) {
    TRY(const auto source, files.open(from, files::Mode::read));
    TRY(const auto target, files.open(to, files::Mode::create_new));
    Bytes piece(piece_bytes);
    for (std::uint64_t at = 0;;) {
        TRY(const auto got, source->read_at(at, piece));
        if (got == 0) return target->sync();
        TRY_VOID(target->append(ByteView(piece).first(got)));
        at += got;
    }
}

Result<> write_text(files::Files& files, const std::string& path, std::string_view text) {
    TRY(const auto file, files.open(path, files::Mode::create_new));
    TRY_VOID(file->append(bytes_of(text)));
    return file->sync();
}

std::string first_word(std::string_view text) {
    const auto end = text.find_first_of(" \t\r\n");
    return std::string(text.substr(0, end));
}

// The next piece of a file, read on a worker.
Task<Bytes> read_piece(Workers& workers, std::shared_ptr<files::File> file,
                       std::shared_ptr<std::uint64_t> at) {
    auto job = [file, at]() -> Result<Bytes> {
        Bytes piece(piece_bytes);
        TRY(const auto got, file->read_at(*at, piece));
        piece.resize(got);
        *at += got;
        return piece;
    };
    co_return co_await workers.run(std::move(job));
}

Task<Bytes> give_once(std::shared_ptr<Bytes> bytes) { co_return std::exchange(*bytes, {}); }

}  // namespace

ModuleInstaller::ModuleInstaller(Workers& workers, files::Files& files, std::string directory,
                                 ModuleOptions options)
    : workers_(workers),
      files_(files),
      // A module gets absolute paths, wherever it runs.
      directory_(std::filesystem::absolute(directory).lexically_normal().string()),
      options_(std::move(options)) {
    options_.folders.insert(options_.folders.begin(), files::join(directory_, "modules/v3"));
}

std::string ModuleInstaller::tree_of(const std::string& product) const {
    return files::join(directory_, "updates/work/" + product);
}

// ---- the module's working folder

Result<> ModuleInstaller::make_tree(const Work& work) {
    const Artifact& next = work.next;
    TRY_VOID(remove_tree(next.name));
    const std::string tree = tree_of(next.name);
    for (const char* folder : {"header", "tmp", "streams", "files"})
        TRY_VOID(files_.make_directories(files::join(tree, folder)));
    TRY_VOID(files_.make_directories(files::join(directory_, "firmware")));
    const Json header_info = {
        {"payloads", JsonArray{JsonObject{{"type", next.module}}}},
        {"artifact_provides", {{"artifact_name", next.resource()}}},
        {"artifact_depends", {{"device_type", JsonArray{Json(options_.device_type)}}}}};
    const Json meta = {{"destination", files::join(directory_, "firmware/" + next.name)},
                       {"product", next.name},
                       {"version", next.version}};
    const std::pair<const char*, std::string> texts[] = {
        {"version", "3\n"},
        {"current_artifact_name", work.previous ? work.previous->resource() + "\n" : "\n"},
        {"current_artifact_group", "\n"},
        {"current_device_type", options_.device_type + "\n"},
        {"header/artifact_name", next.resource() + "\n"},
        {"header/artifact_group", "\n"},
        {"header/payload_type", next.module + "\n"},
        {"header/header-info", to_json(header_info) + "\n"},
        {"header/type-info", to_json(JsonObject{{"type", next.module}}) + "\n"},
        {"header/meta-data", to_json(meta) + "\n"},
    };
    for (const auto& [name, text] : texts)
        TRY_VOID(write_text(files_, files::join(tree, name), text));
    TRY_VOID(process::make_named_pipe(files::join(tree, "stream-next")));
    return process::make_named_pipe(files::join(tree, "streams/" + next.filename));
}

Result<> ModuleInstaller::remove_tree(const std::string& product) {
    std::error_code error;
    std::filesystem::remove_all(tree_of(product), error);
    if (error)
        return Error{Errc::io_failed, "remove '" + tree_of(product) + "': " + error.message()};
    return {};
}

// ---- calling the module

Result<std::vector<std::string>> ModuleInstaller::find_module(const std::string& name) {
    for (const auto& folder : options_.folders) {
        const std::string path = files::join(folder, name);
        if (::access(path.c_str(), X_OK) == 0) return std::vector<std::string>{path};
    }
    for (const auto& shipped : shipped_modules()) {
        if (shipped.name != name) continue;
        const std::string folder = files::join(directory_, "updates/modules");
        const std::string path = files::join(folder, name);
        TRY_VOID(files_.make_directories(folder));
        TRY_VOID(files::atomic_replace(files_, path, bytes_of(shipped.text), 0750));
        return std::vector<std::string>{"/bin/sh", path};
    }
    return Error{Errc::not_found, "there is no update module '" + name +
                                      "'. Next step: put it into " + options_.folders.front()};
}

Task<process::Ended> ModuleInstaller::call(Artifact artifact, std::string state,
                                           nanoseconds limit) {
    auto find = [this, name = artifact.module] { return find_module(name); };
    CO_TRY(auto arguments, co_await workers_.run(std::move(find)));
    process::Command command;
    command.arguments = std::move(arguments);
    command.directory = tree_of(artifact.name);
    command.arguments.push_back(state);
    command.arguments.push_back(command.directory);
    command.limit = limit;
    co_return co_await process::run(std::move(command));
}

Task<> ModuleInstaller::run_state(Artifact artifact, std::string state) {
    const std::string who = "module '" + artifact.module + "' " + state;
    CO_TRY(const auto ended, co_await call(artifact, state, options_.state_limit));
    log::info("edge.update.module_ran",
              {{"module", artifact.module}, {"state", state}, {"code", ended.code}});
    if (!ended.ok()) co_return Error{Errc::invalid_input, who + " " + process::describe(ended)};
    co_return Result<>{};
}

Task<std::string> ModuleInstaller::ask(Artifact artifact, std::string query) {
    CO_TRY(const auto ended, co_await call(artifact, query, options_.query_limit));
    if (!ended.ok())
        co_return Error{Errc::invalid_input, "module '" + artifact.module + "' " + query + " " +
                                                 process::describe(ended)};
    co_return first_word(ended.output);
}

// ---- the states

Task<Json> ModuleInstaller::stage(Work work) {
    auto make = [this, work] { return make_tree(work); };
    CO_TRY_VOID(co_await workers_.run(std::move(make)));
    CO_TRY(const std::string sizes, co_await ask(work.next, "ProvidePayloadFileSizes"));
    CO_TRY_VOID(co_await download(work, sizes == "Yes"));
    co_return Json(JsonObject{});
}

// The module may take the payload as a stream; what it leaves alone it finds in files/ later.
Task<> ModuleInstaller::download(Work work, bool with_sizes) {
    auto consumed = std::make_shared<bool>(false);
    Scope feeder(Loop::here());
    feeder.spawn(feed(work, with_sizes, consumed));
    auto ran = co_await run_state(work.next, with_sizes ? "DownloadWithFileSizes" : "Download");
    feeder.cancel();
    CO_TRY_VOID(co_await feeder.join());
    CO_TRY_VOID(std::move(ran));
    const std::string tree = tree_of(work.next.name);
    auto settle = [this, tree, work, took = *consumed]() -> Result<> {
        std::error_code error;
        std::filesystem::remove(files::join(tree, "stream-next"), error);
        std::filesystem::remove_all(files::join(tree, "streams"), error);
        if (took)
            std::filesystem::remove_all(files::join(tree, "files"), error);
        else
            TRY_VOID(
                copy_file(files_, work.file, files::join(tree, "files/" + work.next.filename)));
        // Durable before it is relied on: what a module notes in tmp/ must be found again.
        for (const char* folder : {"", "header", "tmp"})
            TRY_VOID(files_.sync_directory(files::join(tree, folder)));
        return took ? Result<>{} : files_.sync_directory(files::join(tree, "files"));
    };
    co_return co_await workers_.run(std::move(settle));
}

Task<> ModuleInstaller::feed(Work work, bool with_sizes, std::shared_ptr<bool> consumed) {
    const std::string tree = tree_of(work.next.name);
    const std::string stream = "streams/" + work.next.filename;
    const std::string line =
        stream + (with_sizes ? " " + std::to_string(work.next.size) : "") + "\n";
    auto open = [this, file = work.file]() -> Result<std::shared_ptr<files::File>> {
        TRY(auto opened, files_.open(file, files::Mode::read));
        return std::shared_ptr<files::File>(std::move(opened));
    };
    CO_TRY(auto payload, co_await workers_.run(std::move(open)));
    auto name = std::make_shared<Bytes>(line.begin(), line.end());
    auto at = std::make_shared<std::uint64_t>(0);
    process::NextPiece say_name = [name] { return give_once(name); };
    process::NextPiece say_file = [this, payload, at] { return read_piece(workers_, payload, at); };
    process::NextPiece say_end = [name] { return give_once(name); };  // empty by now
    CO_TRY_VOID(
        co_await process::write_named_pipe(files::join(tree, "stream-next"), std::move(say_name)));
    CO_TRY_VOID(co_await process::write_named_pipe(files::join(tree, stream), std::move(say_file)));
    *consumed = true;
    co_return co_await process::write_named_pipe(files::join(tree, "stream-next"),
                                                 std::move(say_end));
}

Task<Json> ModuleInstaller::test(Work work) {
    CO_TRY(const std::string rollback, co_await ask(work.next, "SupportsRollback"));
    JsonObject memory;
    memory["rollback"] = rollback == "Yes";
    co_return Json(std::move(memory));
}

Task<Json> ModuleInstaller::switch_over(Work work) {
    CO_TRY_VOID(co_await run_state(work.next, "ArtifactInstall"));
    CO_TRY(const std::string reboot, co_await ask(work.next, "NeedsArtifactReboot"));
    Json memory = work.memory;
    if (reboot == "Yes" || reboot == "Automatic") {
        set(memory, "reboot", true);
        set(memory, "reboot_by_us", reboot == "Automatic");
    }
    co_return memory;
}

Task<Json> ModuleInstaller::reboot(Work work, bool again) {
    if (!again && find_bool(work.memory, "reboot_by_us").value_or(false)) {
        const std::string program = files::join(directory_, "modules/reboot");
        if (::access(program.c_str(), X_OK) != 0)
            co_return Error{Errc::denied,
                            "the module wants the machine restarted, and there is no "
                            "program '" +
                                program + "' for that"};
        process::Command command;
        command.arguments.push_back(program);
        CO_TRY(const auto ended, co_await process::run(std::move(command)));
        if (!ended.ok())
            co_return Error{Errc::io_failed,
                            "the program modules/reboot " + process::describe(ended)};
        CO_TRY_VOID(co_await sleep_for(options_.reboot_limit));
        co_return Error{Errc::timed_out, "the machine was not restarted"};
    }
    if (!again) CO_TRY_VOID(co_await run_state(work.next, "ArtifactReboot"));
    CO_TRY_VOID(co_await run_state(work.next, "ArtifactVerifyReboot"));
    co_return work.memory;
}

Task<> ModuleInstaller::commit(Work work) {
    co_return co_await run_state(work.next, "ArtifactCommit");
}

Task<> ModuleInstaller::revert(Work work) {
    const bool rollback = find_bool(work.memory, "rollback").value_or(false);
    const bool reboot = find_bool(work.memory, "reboot").value_or(false);
    auto outcome = Result<>{};
    if (rollback) {
        outcome = co_await run_state(work.next, "ArtifactRollback");
        if (outcome && reboot) {
            outcome = co_await run_state(work.next, "ArtifactRollbackReboot");
            if (outcome) outcome = co_await run_state(work.next, "ArtifactVerifyRollbackReboot");
        }
    } else {
        outcome = Error{Errc::invalid_input, "module '" + work.next.module +
                                                 "' cannot roll back; what runs is not known"};
    }
    if (!outcome && outcome.error().code == Errc::cancelled) co_return outcome;
    auto told = co_await run_state(work.next, "ArtifactFailure");
    if (!outcome) co_return outcome;
    co_return told;
}

Task<> ModuleInstaller::clean_up(Work work) {
    const std::string product = work.next.name;
    std::error_code error;
    if (!std::filesystem::exists(tree_of(product), error)) co_return Result<>{};
    auto cleaned = co_await run_state(work.next, "Cleanup");
    if (!cleaned && cleaned.error().code == Errc::cancelled) co_return cleaned;
    if (!cleaned) log::warn("edge.update.not_cleaned_up", {{"reason", cleaned.error().message}});
    auto remove = [this, product] { return remove_tree(product); };
    co_return co_await workers_.run(std::move(remove));
}

// It runs by itself, and stays when nobody speaks of it any more.
Task<> ModuleInstaller::bring_up(Artifact, std::string) { co_return Result<>{}; }
Task<> ModuleInstaller::remove(Artifact) { co_return Result<>{}; }
Figures ModuleInstaller::figures(const std::string&) const { return {}; }

}  // namespace mw::updates
