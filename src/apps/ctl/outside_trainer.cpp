#include "apps/ctl/outside_trainer.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "data/datasets/datasets.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"
#include "platform/process/process.h"

namespace mw::ctl {
namespace {

constexpr nanoseconds look_every = milliseconds{200};
constexpr std::size_t onnx_bytes_max = 256u << 20;

std::string in_folder(const std::string& folder, const char* name) {
    return (std::filesystem::path(folder) / name).string();
}

Result<> fill_folder(const std::string& folder, const OutsideRows& rows,
                     const std::string& pipeline) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return Error{Errc::io_failed, "cannot make '" + folder + "': " + failed.message()};
    std::filesystem::remove(in_folder(folder, "model.onnx"), failed);  // of an earlier run
    TRY(const auto content, datasets::read_dataset(rows.dataset));
    TRY_VOID(datasets::write_parquet(content, in_folder(folder, "dataset.parquet")));
    TRY_VOID(write_file(in_folder(folder, "dataset.csv"), rows.dataset));
    TRY_VOID(write_file(in_folder(folder, "features.csv"), rows.features));
    TRY_VOID(write_file(in_folder(folder, "card.json"), rows.card));
    TRY_VOID(write_file(in_folder(folder, "trainer.log"), ""));
    return write_file(in_folder(folder, "pipeline.yaml"), pipeline);
}

// What is new in the log, to standard error.
class Progress {
 public:
    explicit Progress(const std::string& path) : file_(path) {}
    void show() {
        for (std::string line; std::getline(file_, line);) {
            if (!line.empty()) last_ = line;
            std::cerr << "  " << line << '\n';
        }
        file_.clear();
    }
    const std::string& last() const { return last_; }

 private:
    std::ifstream file_;
    std::string last_;
};

process::Command shell_command(const OutsideTrainer& trainer, const std::string& folder,
                               nanoseconds limit) {
    process::Command command;
    std::string script = "exec >trainer.log 2>&1\n";
    if (trainer.memory_mb > 0)
        script += "ulimit -d " + std::to_string(trainer.memory_mb * 1024) + " || exit 125\n";
    command.arguments = {"/bin/sh", "-c", script + trainer.command};
    command.directory = folder;
    command.limit = limit;
    return command;
}

Task<process::Ended> run_and_show(process::Command command, Progress& progress) {
    std::optional<Result<process::Ended>> ended;
    Scope scope(Loop::here());
    const auto carry = [&ended](process::Command given) -> Task<> {
        ended = co_await process::run(std::move(given));
        co_return Result<>{};
    };
    scope.spawn(carry(std::move(command)));
    while (!ended) {
        CO_TRY_VOID(co_await sleep_for(look_every));
        progress.show();
    }
    progress.show();
    CO_TRY_VOID(co_await scope.join());
    co_return *std::move(ended);
}

Result<std::string> version_of(Loop& loop, const OutsideTrainer& trainer,
                               const std::string& folder) {
    if (trainer.version_command.empty()) return std::string();
    process::Command command;
    command.arguments = {"/bin/sh", "-c", trainer.version_command};
    command.directory = folder;
    command.limit = minutes{1};
    TRY(const auto ended, sync_wait(loop, process::run(std::move(command))));
    if (!ended.ok())
        return Error{Errc::invalid_input, "--version-command " + process::describe(ended)};
    return ended.output.substr(0, std::min<std::size_t>(ended.output.find('\n'), 200));
}

Result<Bytes> left_model(const std::string& folder) {
    const std::string path = in_folder(folder, "model.onnx");
    files::RealFiles files;
    auto bytes = files::read_all(files, path, onnx_bytes_max);
    if (!bytes && bytes.error().code == Errc::not_found)
        return Error{Errc::invalid_input, "the command ended well, and left no model.onnx in '" +
                                              folder + "'; it must write that file"};
    return bytes;
}

}  // namespace

Result<OutsideWork> run_outside(const OutsideTrainer& trainer, const OutsideRows& rows,
                                const std::string& pipeline) {
    TRY(const nanoseconds limit, parse_duration(trainer.limit).context("--limit"));
    std::optional<files::TemporaryDirectory> temporary;
    std::string folder = trainer.folder;
    if (folder.empty()) {
        TRY(auto made, files::TemporaryDirectory::make("trainer-"));
        folder = made.path();
        temporary.emplace(std::move(made));
    }
    folder = std::filesystem::absolute(folder).string();
    TRY_VOID(fill_folder(folder, rows, pipeline));
    TRY(auto loop, Loop::open());
    OutsideWork work;
    TRY(work.version, version_of(*loop, trainer, folder));
    const RealClock clock;
    const SteadyTime began = clock.steady();
    Progress progress(in_folder(folder, "trainer.log"));
    auto running = run_and_show(shell_command(trainer, folder, limit), progress);
    TRY(const auto ended, sync_wait(*loop, std::move(running)).context("the command"));
    work.took = clock.steady() - began;
    work.last_line = progress.last();
    if (!ended.ok())
        return Error{Errc::invalid_input, "the command " + process::describe(ended) +
                                              (work.last_line.empty() ? "" : ": ") +
                                              work.last_line};
    TRY(work.onnx, left_model(folder));
    TRY(work.pipeline, read_file(in_folder(folder, "pipeline.yaml")));
    return work;
}

std::string outside_card(const OutsideTrainer& trainer, const OutsideRows& rows,
                         const OutsideWork& work, std::size_t windows) {
    std::string card =
        "# Model card\n\nTrained by a command outside of Millwright.\n\n## Training\n";
    card += "- command: `" + trainer.command + "`\n";
    if (!work.version.empty()) card += "- its version: " + work.version + "\n";
    card += "- data: " + rows.name + "\n- windows: " + std::to_string(windows) +
            ", made by the edge's feature code\n";
    if (!work.last_line.empty()) card += "- its last word: " + work.last_line + "\n";
    return card +
           "\n## Limits\n- What the command did is known to who wrote it. Its scores were computed "
           "again on every\n  training window, and the self-test holds some of them.\n"
           "- It knows the states of its training rows only.\n";
}

}  // namespace mw::ctl
