// Update modules: the sequence of calls, the streams, and the one that we ship.

#include "device/updates/updates_samples.h"

namespace mw::updates {
namespace {

using samples::artifact;
using samples::Authority;
using samples::entry_of;
using samples::EntryOrder;
using samples::Hub;
using samples::Machinery;

// As others write them: notes each call; fail-STATE makes it fail, answer-QUERY is what it says,
// take-stream reads the payload while it comes.
constexpr std::string_view recorder = R"sh(#!/bin/sh
top=$2/../../..
echo "$1" >>"$top/calls"
[ "$PWD" = "$(cd "$2" && pwd)" ] || exit 9
if [ -f "$top/answer-$1" ]; then cat "$top/answer-$1"; fi
case $1 in
Download | DownloadWithFileSizes)
    [ "$(cat version)" = 3 ] || exit 8
    if [ -f "$top/take-stream" ]; then
        next=$(cat stream-next)
        echo "$next" >"$top/stream-line"
        cat "${next%% *}" >"$top/streamed"
        [ -z "$(cat stream-next)" ] || exit 7
    fi
    ;;
ArtifactInstall)
    if [ ! -d files ]; then cp "$top/streamed" "$top/installed"; fi
    if [ -d files ]; then cat files/* >"$top/installed"; fi
    ;;
esac
if [ -f "$top/fail-$1" ]; then echo "no $1 today" >&2; exit 1; fi
)sh";

EntryOrder firmware(std::uint64_t counter = 1) {
    EntryOrder order;
    order.name = "ctl";
    order.kind = Kind::firmware;
    order.version = std::to_string(counter);
    order.counter = counter;
    order.bytes = "firmware " + order.version + std::string(200'000, 'y');
    return order;
}

class Modules : public testing::Test {
 protected:
    Modules() {
        hub_.serve(firmware().bytes);
        put("modules/v3/recorder", recorder, 0750);
        journal_.kind = Kind::firmware;
        journal_.name = "ctl";
    }
    std::string at(const std::string& name) { return folder_.path() + "/" + name; }
    void put(const std::string& name, std::string_view text, unsigned permissions = 0640) {
        ASSERT_TRUE(files_.make_directories(files::parent_of(at(name))).ok());
        ASSERT_TRUE(files::atomic_replace(files_, at(name), bytes_of(text), permissions).ok());
    }
    std::string read(const std::string& name) {
        auto bytes = files::read_all(files_, at(name));
        return bytes ? std::string(text_of(*bytes)) : "";
    }
    // The calls, until the machine rests.
    std::string play(ModuleOptions options = {}) {
        ModuleInstaller installer(workers_, files_, folder_.path(), std::move(options));
        Scope scope(*loop_);
        Machine machine({workers_, files_, clock_, hub_, installer, Authority::get().trust},
                        folder_.path(), journal_);
        Artifact wanted = artifact(firmware());
        wanted.watch.duration = nanoseconds{0};
        machine.want(wanted);
        scope.spawn(machine.run());
        ignore(sync_wait(*loop_, settle(machine)), "at rest");
        scope.cancel();
        ignore(sync_wait(*loop_, scope.join()), "over");
        journal_ = machine.journal();
        std::string calls = read("calls");
        std::replace(calls.begin(), calls.end(), '\n', ' ');
        return calls;
    }
    static Task<> settle(Machine& machine) {
        for (;;) {
            CO_TRY_VOID(co_await machine.settled());
            const std::string& state = machine.journal().state;
            if (state == "steady" || state == "refused" || state == "reverted" || state == "broken")
                co_return Result<>{};
            CO_TRY_VOID(co_await sleep_for(milliseconds{1}));
        }
    }

    log::Capture quiet_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_ = *Loop::open();
    Workers workers_{WorkersOptions{.threads = 1}};
    Hub hub_;
    Journal journal_;
};

constexpr auto until_install = "ProvidePayloadFileSizes Download SupportsRollback ArtifactInstall ";

TEST_F(Modules, a_module_sees_the_states_in_their_order) {
    EXPECT_EQ(play(), std::string(until_install) + "NeedsArtifactReboot ArtifactCommit Cleanup ");
    EXPECT_EQ(journal_.state, "steady");
    EXPECT_EQ(read("installed"), firmware().bytes);
    EXPECT_FALSE(*files_.size(at("updates/work/ctl/version")));  // the folder is gone
}

TEST_F(Modules, a_module_may_take_the_payload_as_a_stream) {
    put("take-stream", "");
    put("answer-ProvidePayloadFileSizes", "Yes\n");
    EXPECT_EQ(play(),
              "ProvidePayloadFileSizes DownloadWithFileSizes SupportsRollback "
              "ArtifactInstall NeedsArtifactReboot ArtifactCommit Cleanup ");
    EXPECT_EQ(read("stream-line"), "streams/ctl.tar 200010\n");
    EXPECT_EQ(read("streamed"), firmware().bytes);
    EXPECT_EQ(read("installed"), firmware().bytes);
}

TEST_F(Modules, a_module_may_restart_the_machine) {
    put("answer-NeedsArtifactReboot", "Yes\n");
    EXPECT_EQ(play(), std::string(until_install) +
                          "NeedsArtifactReboot ArtifactReboot ArtifactVerifyReboot ArtifactCommit "
                          "Cleanup ");
    EXPECT_EQ(journal_.state, "steady");
}

TEST_F(Modules, or_leave_that_to_the_agent_and_is_asked_afterwards) {
    put("answer-NeedsArtifactReboot", "Automatic\n");
    put("answer-SupportsRollback", "Yes\n");
    put("modules/reboot", "#!/bin/sh\necho reboot >>\"${0%/*}/../calls\"\n", 0750);
    ModuleOptions options;
    options.reboot_limit = nanoseconds{0};  // nobody pulls the plug here
    EXPECT_EQ(play(options), std::string(until_install) +
                                 "NeedsArtifactReboot reboot ArtifactRollback "
                                 "ArtifactRollbackReboot ArtifactVerifyRollbackReboot "
                                 "ArtifactFailure Cleanup ");
    EXPECT_NE(journal_.failed->reason.find("was not restarted"), std::string::npos);
    // As it would have gone on after a real restart.
    ASSERT_TRUE(files_.remove(at("calls")).ok());
    Artifact target = artifact(firmware());
    target.watch.duration = nanoseconds{0};
    journal_.state = "rebooting";
    journal_.target = target;
    journal_.failed.reset();
    put("updates/work/ctl/version", "3\n");
    EXPECT_EQ(play(), "ArtifactVerifyReboot ArtifactCommit Cleanup ");
    EXPECT_EQ(journal_.state, "steady");
}

TEST_F(Modules, what_fails_decides_what_follows) {
    struct Row {
        const char* fails;
        const char* rollback;
        const char* reboot;
        const char* after;  // the failing call
        const char* state;
    };
    const Row rows[] = {
        {"Download", "Yes", "No", "Cleanup ", "refused"},
        {"ArtifactInstall", "Yes", "No", "ArtifactRollback ArtifactFailure Cleanup ", "reverted"},
        {"ArtifactCommit", "Yes", "No", "ArtifactRollback ArtifactFailure Cleanup ", "reverted"},
        {"ArtifactVerifyReboot", "Yes", "Yes",
         "ArtifactRollback ArtifactRollbackReboot ArtifactVerifyRollbackReboot ArtifactFailure "
         "Cleanup ",
         "reverted"},
        {"ArtifactInstall", "No", "No", "ArtifactFailure ", "broken"},
        {"ArtifactRollback", "Yes", "No", "ArtifactFailure ", "broken"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string(row.fails) + ", rollback " + row.rollback);
        const auto entries = *files_.list(folder_.path());
        for (const auto& entry : entries) {
            if (entry.directory) continue;
            ASSERT_TRUE(files_.remove(at(entry.name)).ok());
        }
        journal_ = {};
        journal_.kind = Kind::firmware;
        journal_.name = "ctl";
        put("fail-" + std::string(row.fails), "");
        if (std::string(row.fails) == "ArtifactRollback") put("fail-ArtifactCommit", "");
        put("answer-SupportsRollback", row.rollback);
        put("answer-NeedsArtifactReboot", row.reboot);
        const std::string calls = play();
        const auto failed = calls.find(std::string(row.fails) + " ");
        ASSERT_NE(failed, std::string::npos) << calls;
        EXPECT_EQ(calls.substr(failed + std::string(row.fails).size() + 1), row.after);
        EXPECT_EQ(journal_.state, row.state);
        ASSERT_TRUE(journal_.failed.has_value());
        EXPECT_NE(journal_.failed->reason.find("today"), std::string::npos)
            << journal_.failed->reason;
    }
}

TEST_F(Modules, an_update_that_needs_what_is_not_there_is_refused_with_a_reason) {
    put("answer-SupportsRollback", "Yes\n");
    put("answer-NeedsArtifactReboot", "Automatic\n");
    play();
    EXPECT_EQ(journal_.state, "reverted");
    EXPECT_NE(journal_.failed->reason.find("there is no program"), std::string::npos);
    ASSERT_TRUE(files_.remove(at("modules/v3/recorder")).ok());
    journal_.failed.reset();
    play();
    EXPECT_EQ(journal_.state, "refused");
    EXPECT_NE(journal_.failed->reason.find("no update module 'recorder'"), std::string::npos);
}

// ---- the shipped module, driven by hand

class Directory : public testing::Test {
 protected:
    Directory() {
        std::filesystem::create_directories(top() / "bin");
        std::filesystem::create_directories(top() / "quick");
        // A sync of the whole machine, many times over, is not what is tested here.
        write(top() / "quick/sync", "#!/bin/sh\n");
        run({"/bin/sh", "-c", "chmod 755 " + (top() / "quick/sync").string()});
        for (const char* name : {"1", "2"}) {
            std::filesystem::create_directories(top() / "tree" / name);
            write(top() / "tree" / name / "a", name);
            write(top() / "tree" / name / "b", name);
            run({"/usr/bin/env", "tar", "-cf", (top() / name).string() + ".tar", "-C",
                 (top() / "tree" / name).string(), "."});
        }
    }
    std::filesystem::path top() const { return folder_.path(); }
    static void write(const std::filesystem::path& path, std::string_view text) {
        files::RealFiles files;
        ASSERT_TRUE(files::atomic_replace(files, path.string(), bytes_of(text)).ok());
    }
    process::Ended run(std::vector<std::string> arguments, std::vector<std::string> more = {}) {
        process::Command command;
        command.arguments = std::move(arguments);
        command.environment = std::move(more);
        auto ended = sync_wait(*loop_, process::run(std::move(command)));
        EXPECT_TRUE(ended.ok()) << ended.error().message;
        return ended ? *std::move(ended) : process::Ended{};
    }
    // The folder that a client prepares.
    void prepare(const std::string& version) {
        std::filesystem::remove_all(work());
        for (const char* name : {"header", "tmp", "files"})
            std::filesystem::create_directories(work() / name);
        write(work() / "header/artifact_name", "app--" + version + "\n");
        write(work() / "header/meta-data",
              "{\"destination\": \"" + (top() / "app").string() + "\"}\n");
        std::filesystem::copy(top() / (version + ".tar"), work() / "files/app.tar");
    }
    std::filesystem::path work() const { return top() / "work"; }
    process::Ended module(const std::string& state, std::vector<std::string> more = {}) {
        return run({"/bin/sh", MW_SOURCE_DIR "/src/device/updates/modules/directory", state,
                    work().string()},
                   more.empty() ? std::vector<std::string>{quick_path()} : std::move(more));
    }
    std::string quick_path() const {
        return "PATH=" + (top() / "quick").string() + ":/usr/bin:/bin";
    }
    // Which version the link leads to; "torn" when it is not complete.
    std::string runs() {
        files::RealFiles files;
        const auto a = files::read_all(files, (top() / "app/a").string());
        const auto b = files::read_all(files, (top() / "app/b").string());
        if (!a && !b) return "";
        if (!a || !b || *a != *b) return "torn";
        return std::string(text_of(*a));
    }
    void install(const std::string& version) {
        prepare(version);
        for (const char* state : {"Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"}) {
            const auto ended = module(state);
            ASSERT_TRUE(ended.ok()) << state << ": " << ended.errors;
            EXPECT_EQ(ended.output, "");
        }
    }
    std::size_t releases() {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(top() / "app.releases"))
            count += entry.is_directory();
        return count;
    }

    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    std::unique_ptr<Loop> loop_ = *Loop::open();
};

TEST_F(Directory, answers_as_the_protocol_wants) {
    prepare("1");
    EXPECT_EQ(module("SupportsRollback").output, "Yes\n");
    EXPECT_EQ(module("NeedsArtifactReboot").output, "No\n");
    EXPECT_EQ(module("ProvidePayloadFileSizes").output, "No\n");
    const auto unknown = module("SomethingOfTheFuture");
    EXPECT_TRUE(unknown.ok());
    EXPECT_EQ(unknown.output + unknown.errors, "");
}

TEST_F(Directory, swaps_whole_folders_and_goes_back) {
    install("1");
    EXPECT_EQ(runs(), "1");
    prepare("2");
    ASSERT_TRUE(module("ArtifactInstall").ok());
    EXPECT_EQ(runs(), "2");
    EXPECT_EQ(releases(), 2u);
    ASSERT_TRUE(module("ArtifactRollback").ok());
    ASSERT_TRUE(module("ArtifactRollback").ok());  // once more, as after a power cut
    ASSERT_TRUE(module("ArtifactFailure").ok());
    ASSERT_TRUE(module("Cleanup").ok());
    EXPECT_EQ(runs(), "1");
    EXPECT_EQ(releases(), 1u);
    install("2");
    EXPECT_EQ(runs(), "2");
    EXPECT_EQ(releases(), 1u);
}

TEST_F(Directory, a_first_installation_goes_back_to_nothing) {
    prepare("1");
    ASSERT_TRUE(module("ArtifactInstall").ok());
    ASSERT_TRUE(module("ArtifactRollback").ok());
    ASSERT_TRUE(module("Cleanup").ok());
    EXPECT_EQ(runs(), "");
    EXPECT_FALSE(std::filesystem::is_symlink(top() / "app"));
}

TEST_F(Directory, touches_nothing_that_is_not_its_own) {
    std::filesystem::create_directories(top() / "app");
    prepare("1");
    const auto ended = module("ArtifactInstall");
    EXPECT_FALSE(ended.ok());
    EXPECT_NE(ended.errors.find("move it away"), std::string::npos);
    write(work() / "header/meta-data", "{}");
    EXPECT_NE(module("ArtifactInstall").errors.find("no absolute destination"), std::string::npos);
}

// Each program that it calls is, in turn, where it is killed: before that did its work.
TEST_F(Directory, a_kill_anywhere_leaves_a_complete_version) {
    install("1");
    for (const char* name : {"mkdir", "tar", "sync", "ln", "mv", "rm"})
        write(top() / "bin" / name, "#!/bin/sh\nleft=$(($(/bin/cat \"" + (top() / "left").string() +
                                        "\") - 1))\necho $left >\"" + (top() / "left").string() +
                                        "\"\n[ $left -gt 0 ] || { kill -9 $PPID; exit 1; }\n[ " +
                                        name + " = sync ] || PATH=/usr/bin:/bin exec " + name +
                                        " \"$@\"\n");
    run({"/bin/sh", "-c", "chmod 755 " + (top() / "bin").string() + "/*"});
    const std::string path = "PATH=" + (top() / "bin").string() + ":/usr/bin:/bin";
    bool swapped = false, finished = false;
    for (int nth = 1; !finished && nth < 100; ++nth) {
        SCOPED_TRACE(nth);
        prepare("2");
        write(top() / "left", std::to_string(nth));
        finished = module("ArtifactInstall", {path}).ok();
        EXPECT_TRUE(runs() == "1" || runs() == "2") << runs();
        swapped |= !finished && runs() == "2";
        ASSERT_TRUE(module("ArtifactRollback").ok());
        ASSERT_TRUE(module("Cleanup").ok());
        ASSERT_EQ(runs(), "1");
        EXPECT_EQ(releases(), 1u);
    }
    EXPECT_TRUE(finished);
    EXPECT_TRUE(swapped);  // it was also killed after the swap
}

TEST_F(Directory, is_what_an_agent_without_other_modules_uses) {
    log::Capture quiet;
    files::RealFiles files;
    Workers workers{WorkersOptions{.threads = 1}};
    ModuleInstaller installer(workers, files, folder_.path(), ModuleOptions{.folders = {}});
    Work work;
    work.next = artifact(firmware());
    work.next.module = "directory";
    work.file = (top() / "1.tar").string();
    auto staged = sync_wait(*loop_, installer.stage(work));
    ASSERT_TRUE(staged.ok()) << staged.error().message;
    work.memory = *sync_wait(*loop_, installer.test(work));
    auto switched = sync_wait(*loop_, installer.switch_over(work));
    ASSERT_TRUE(switched.ok()) << switched.error().message;
    EXPECT_TRUE(std::filesystem::exists(top() / "firmware/ctl/a"));
    EXPECT_TRUE(sync_wait(*loop_, installer.revert(work)).ok());
    EXPECT_FALSE(std::filesystem::exists(top() / "firmware/ctl"));
}

}  // namespace
}  // namespace mw::updates
