// Every row of the table, and what a device refuses.

#include <set>

#include "device/updates/updates_samples.h"

namespace mw::updates {
namespace {

using samples::artifact;
using samples::Authority;
using samples::entry_of;
using samples::hash_of;
using samples::Hub;
using samples::Life;
using samples::Machinery;
using samples::only;
using samples::version;

constexpr auto years_20 = hours{24} * 365 * 20;

struct Stage {  // of one machine, in the middle of its life
    explicit Stage(bool repeatable = true) : machinery(repeatable, world) {
        LoopOptions options;
        options.simulated = &clock;
        loop = *Loop::open(options);
        for (int n = 1; n <= 3; ++n) hub.serve(version(n).bytes);
        journal.name = "pump";
        journal.committed = artifact(version(1));
        journal.counter_highest = 1;
        journal.counter_sha256 = journal.committed->sha256;
        wanted = artifact(version(2));
    }
    std::string file_of(int n) { return artifact_path(folder.path(), artifact(version(n))); }
    std::string part() { return folder.path() + "/updates/models/pump.part"; }
    void put(const std::string& path, const std::string& bytes) {
        ASSERT_TRUE(files.make_directories(files::parent_of(path)).ok());
        ASSERT_TRUE(files::atomic_replace(files, path, bytes_of(bytes)).ok());
    }
    // In this state since the last life of the process, with the files that belong to it.
    void be(const std::string& state) {
        journal.state = state;
        put(file_of(1), version(1).bytes);
        const std::set<std::string> at_rest = {"steady", "refused", "reverted"};
        if (at_rest.contains(state)) {
            if (state != "steady") journal.failed = Failed{*wanted, Errc::corrupt, "it was bad"};
            return;
        }
        journal.target = wanted;
        if (state == "broken" || state == "reverting")
            journal.failed = Failed{*wanted, Errc::corrupt, "it was bad"};
        if (state == "verifying" || state == "staging")
            put(part(), version(2).bytes);
        else if (state != "downloading")
            put(file_of(2), version(2).bytes);
    }
    std::set<std::pair<std::string, std::string>> play() {
        WorkersOptions one;
        one.threads = 1;
        one.niceness = 0;
        Workers workers(one);
        std::set<std::pair<std::string, std::string>> seen;
        Scope scope(*loop);
        Machine machine({workers, files, clock, hub, machinery, Authority::get().trust},
                        folder.path(), journal);
        machine.on_move([&](const Transition& row) {
            seen.emplace(std::string(row.from), std::string(row.event));
            if (after_move) after_move(machine, row);
        });
        machine.want(wanted);
        scope.spawn(machine.run());
        for (int quiet_naps = 0, i = 0; quiet_naps < 3 && i < 200; ++i) {
            const auto before = seen.size();
            ignore(sync_wait(*loop, nap()), "only time passes");
            const bool rests = update_table().find(machine.journal().state, "removed") != nullptr;
            quiet_naps = rests && seen.size() == before ? quiet_naps + 1 : 0;
        }
        scope.cancel();
        ignore(sync_wait(*loop, scope.join()), "over");
        end = machine.journal();
        return seen;
    }
    static Task<> nap() { co_return co_await sleep_for(milliseconds{400}); }

    log::Capture quiet;
    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    std::unique_ptr<files::FaultyFiles> quick_files = samples::quick(folder);
    files::Files& files = *quick_files;
    SimulatedClock clock;
    std::unique_ptr<Loop> loop;
    Hub hub;
    Machinery::World world;
    Machinery machinery;
    Journal journal, end;
    std::optional<Artifact> wanted;
    std::function<void(Machine&, const Transition&)> after_move;
};

Artifact newer_word_of_a_stranger() {
    auto order = version(1, 9);
    order.key = Authority::get().stranger.get();
    return artifact(order);
}

// What must be so for the event to happen in that state.
void arrange(Stage& stage, const std::string& from, const std::string& event) {
    const bool rests = from == "steady" || from == "refused" || from == "reverted";
    if (event == "superseded") stage.wanted = artifact(version(3));
    if (event == "removed") stage.wanted.reset();
    if (event == "wanted" && from != "steady") stage.wanted = artifact(version(3));
    if (event == "adopted") stage.wanted = artifact(version(1, from == "steady" ? 9 : 1));
    if (event == "refused" && rests) stage.wanted = newer_word_of_a_stranger();
    if (event == "refused" && from == "downloading") stage.hub.blobs.clear();
    if (event == "refused" && from == "verifying")
        stage.clock.set_wall(stage.clock.now() + years_20);
    if (event == "refused" && from == "staging") stage.machinery.trouble["stage"] = "no";
    if (event == "refused" && from == "testing") stage.machinery.trouble["test"] = "no";
    if (event == "lost" && rests) {
        ASSERT_TRUE(stage.files.remove(stage.file_of(1)).ok());
    }
    if (event == "lost" && from == "verifying") stage.put(stage.part(), "torn");
    if (event == "lost" && from == "staging") {
        ASSERT_TRUE(stage.files.remove(stage.part()).ok());
    }
    if (event == "reboot" || from == "rebooting") stage.machinery.wants_reboot = true;
    if (event == "failed" && from == "switching") stage.machinery.trouble["switch"] = "no";
    if (event == "failed" && from == "rebooting") stage.machinery.trouble["verify reboot"] = "no";
    if (event == "failed" && from == "watching") stage.machinery.unfit = "2";
    if (event == "failed" && from == "committing") stage.machinery.trouble["commit"] = "no";
    if (event == "failed" && from == "reverting") stage.machinery.trouble["revert"] = "no";
    if (from == "broken" && event != "again") stage.machinery.trouble["revert"] = "no";
}

TEST(UpdateTable, every_row_is_taken) {
    for (const Transition& row : update_table().rows()) {
        const std::string from(row.from), event(row.event);
        SCOPED_TRACE(from + " " + event);
        Stage stage;
        stage.be(from);
        arrange(stage, from, event);
        const auto seen = stage.play();
        EXPECT_TRUE(seen.contains({from, event}));
        // Wherever it began, it ends with one version, or says that it could not.
        const std::string& state = stage.end.state;
        if (state == "broken") continue;
        EXPECT_TRUE(state == "steady" || state == "refused" || state == "reverted") << state;
        EXPECT_EQ(stage.machinery.runs("pump"),
                  stage.end.committed ? stage.end.committed->version : "");
    }
}

TEST(UpdateTable, the_document_shows_it) {
    files::RealFiles files;
    const auto page = *files::read_all(files, MW_SOURCE_DIR "/docs/formats/state-machines.md");
    EXPECT_NE(text_of(page).find("## Update\n"), std::string::npos);
    EXPECT_NE(text_of(page).find(update_table().to_markdown()), std::string::npos)
        << update_table().to_markdown();
}

TEST(UpdateMachine, a_version_that_takes_the_agent_down_is_given_up) {
    for (const char* state : {"testing", "switching", "watching"}) {
        SCOPED_TRACE(state);
        Stage stage;
        stage.be(state);
        stage.journal.starts = 2;  // allowed are 2; this start is the third
        stage.play();
        EXPECT_EQ(stage.machinery.runs("pump"), "1");
        ASSERT_TRUE(stage.end.failed.has_value());
        EXPECT_NE(stage.end.failed->reason.find("restarted 3 times while it was "),
                  std::string::npos)
            << stage.end.failed->reason;
    }
}

TEST(UpdateMachine, firmware_that_was_interrupted_goes_back) {
    for (const char* state : {"switching", "committing"}) {
        SCOPED_TRACE(state);
        Stage stage(false);
        stage.world.installed["pump"] = "2";
        stage.be(state);
        const auto seen = stage.play();
        EXPECT_TRUE(seen.contains({state, "failed"}));
        EXPECT_EQ(stage.machinery.runs("pump"), "1");
        EXPECT_EQ(stage.end.state, "reverted");
    }
    Stage rebooting(false);
    rebooting.world.installed["pump"] = "2";
    rebooting.be("rebooting");
    rebooting.play();
    EXPECT_EQ(rebooting.machinery.calls[0], "verify reboot 2");  // not rebooted once more
    EXPECT_EQ(rebooting.end.state, "steady");
}

// ---- the door: entries in, reports out

class Device : public testing::Test {
 protected:
    Device() {
        restart();
        for (int n = 1; n <= 3; ++n) hub_.serve(version(n).bytes);
    }
    void install(int n, std::uint64_t counter = 0) {
        life_->want(only(entry_of(version(n, counter))));
        ASSERT_TRUE(life_->until([&] { return life_->said("state") == "applied"; }))
            << to_json(life_->report());
    }
    // The entry is refused, the version before runs on.
    void refused(JsonObject entry, const char* code, const char* reason) {
        life_->want(only(std::move(entry)));
        ASSERT_TRUE(life_->until([&] { return life_->at_rest(); })) << to_json(life_->report());
        EXPECT_EQ(life_->said("state"), "failed");
        EXPECT_EQ(life_->said("code"), code);
        EXPECT_NE(life_->said("reason").find(reason), std::string::npos) << life_->said("reason");
        EXPECT_EQ(life_->machinery.runs("pump"), "1");
        EXPECT_EQ(life_->said("running"), "1");
    }
    void restart() {
        life_.reset();
        life_ = std::make_unique<Life>(files_, folder_.path(), hub_, world_);
    }
    std::vector<std::string> bundles() {
        std::vector<std::string> names;
        const auto entries = files_.list(folder_.path() + "/bundles");
        if (!entries) return names;
        for (const auto& entry : *entries) names.push_back(entry.name);
        return names;
    }

    log::Capture log_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    std::unique_ptr<files::FaultyFiles> quick_ = samples::quick(folder_);
    files::Files& files_ = *quick_;
    Hub hub_;
    Machinery::World world_;
    std::unique_ptr<Life> life_;
};

TEST_F(Device, goes_from_version_to_version_and_keeps_one_file) {
    install(1);
    EXPECT_EQ(life_->machinery.calls,
              (std::vector<std::string>{"stage 1", "test 1", "switch 1", "commit 1"}));
    install(2);
    EXPECT_EQ(life_->machinery.runs("pump"), "2");
    EXPECT_TRUE(life_->until([&] { return bundles().size() == 1; }));
    EXPECT_EQ(bundles()[0], hash_of(version(2).bytes) + ".tar");
    EXPECT_EQ(find_integer(Json(life_->report()), "counter"), 2);
}

TEST_F(Device, other_limits_are_another_installation_of_the_same_file) {
    install(1);
    life_->machinery.calls.clear();
    JsonObject limited = entry_of(version(1));
    limited["limits"] = JsonObject{{"isolation", "process"}};
    life_->want(only(limited));
    const auto committed = [&] {
        return !life_->machinery.calls.empty() && life_->machinery.calls.back() == "commit 1";
    };
    ASSERT_TRUE(life_->until(committed)) << to_json(life_->report());
    ASSERT_TRUE(life_->until([&] { return life_->said("state") == "applied"; }));
    EXPECT_EQ(life_->machinery.calls,
              (std::vector<std::string>{"stage 1", "test 1", "switch 1", "commit 1"}));
    EXPECT_EQ(bundles(), std::vector<std::string>{hash_of(version(1).bytes) + ".tar"});
    restart();
    life_->want(only(limited));
    ASSERT_TRUE(sync_wait(*life_->loop, life_->updates->settled(Kind::model)).ok());
    EXPECT_EQ(life_->machinery.calls, std::vector<std::string>{"bring up 1"});
    EXPECT_EQ(life_->said("state"), "applied");
}

TEST_F(Device, brings_up_what_it_had_without_the_hub) {
    install(1);
    hub_.unreachable = true;
    restart();
    life_->want(only(entry_of(version(1))));
    ASSERT_TRUE(sync_wait(*life_->loop, life_->updates->settled(Kind::model)).ok());
    EXPECT_EQ(life_->machinery.calls, std::vector<std::string>{"bring up 1"});
    EXPECT_EQ(life_->said("state"), "applied");
    life_->want(only(entry_of(version(2))));
    ASSERT_TRUE(sync_wait(*life_->loop, life_->updates->settled(Kind::model)).ok());
    EXPECT_EQ(life_->said("state"), "pending");
    EXPECT_EQ(life_->said("running"), "1");
    EXPECT_NE(life_->said("reason").find("no route"), std::string::npos);
    hub_.unreachable = false;
    EXPECT_TRUE(life_->until([&] { return life_->machinery.runs("pump") == "2"; }));
}

TEST_F(Device, a_download_goes_on_where_it_broke_off) {
    install(1);
    hub_.offsets.clear();
    hub_.breaks_after = 300;
    life_->want(only(entry_of(version(2))));
    ASSERT_TRUE(life_->until([&] { return life_->said("state") == "applied"; }));
    EXPECT_EQ(hub_.offsets, (std::vector<std::uint64_t>{0, 300, 600}));
    // The hub may have no memory of ranges, and the process none of the first part.
    hub_.unreachable = true;
    hub_.offsets.clear();
    life_->want(only(entry_of(version(3))));
    ASSERT_TRUE(life_->until([&] { return hub_.offsets.size() > 1; }));
    restart();
    hub_.unreachable = hub_.resumes = false;
    hub_.breaks_after = 0;
    life_->want(only(entry_of(version(3))));
    EXPECT_TRUE(life_->until([&] { return life_->machinery.runs("pump") == "3"; }));
}

TEST_F(Device, a_part_that_the_disk_tore_is_fetched_again) {
    install(1);
    hub_.breaks_after = 300;
    life_->want(only(entry_of(version(2))));
    const std::string part = folder_.path() + "/updates/models/pump.part";
    ASSERT_TRUE(life_->until([&] { return files_.size(part)->value_or(0) >= 300; }));
    restart();
    auto file = *files_.open(part, files::Mode::write);
    ASSERT_TRUE(file->write_at(10, bytes_of("torn")).ok());
    hub_.breaks_after = 0;
    life_->want(only(entry_of(version(2))));
    EXPECT_TRUE(life_->until([&] { return life_->said("state") == "applied"; }))
        << to_json(life_->report());
}

TEST_F(Device, refuses_a_tampered_bundle) {
    install(1);
    std::string tampered = version(2).bytes;
    tampered[17] ^= 1;
    hub_.blobs[hash_of(version(2).bytes)] = tampered;
    refused(entry_of(version(2)), "corrupt",
            ("the release says " + hash_of(version(2).bytes)).c_str());
    hub_.blobs[hash_of(version(2).bytes)] = version(2).bytes + "more";
    refused(entry_of(version(2, 3)), "corrupt", "more than the");
}

TEST_F(Device, refuses_a_truncated_download) {
    install(1);
    hub_.blobs[hash_of(version(2).bytes)] = version(2).bytes.substr(0, 400);
    refused(entry_of(version(2)), "corrupt", "ends at 400 of 708 bytes");
}

TEST_F(Device, refuses_a_wrong_signature_without_fetching_a_byte) {
    install(1);
    hub_.offsets.clear();
    auto by_stranger = version(2), by_audit = version(2, 3), lie = version(2, 4);
    by_stranger.key = Authority::get().stranger.get();
    by_audit.key = Authority::get().audit.get();
    lie.said_name = "fan--2";
    refused(entry_of(by_stranger), "denied", "not from our hub");
    refused(entry_of(by_audit), "denied", "is for 'audit'");
    refused(entry_of(lie), "denied", "'fan--2'");
    auto bare = entry_of(version(2));
    bare.erase("release");
    refused(bare, "denied", "no signed release");
    auto raised = entry_of(version(2));
    std::string text(raised["release"].as_string());
    text.replace(text.find("\"counter\":2"), 11, "\"counter\":9");
    raised["release"] = text;
    refused(raised, "denied", "was changed");
    auto swapped = entry_of(version(3));
    swapped["bundle"] = hash_of(version(2).bytes);
    swapped["version"] = "3";
    refused(swapped, "denied", "about file");
    EXPECT_TRUE(hub_.offsets.empty());
}

TEST_F(Device, refuses_an_old_statement) {
    install(2);
    install(1, 3);  // back, by a new word of the hub
    refused(entry_of(version(2)), "denied",
            "version rollback: this is statement 2, and statement 3 was installed already");
    // The memory outlives the entry, and a restart.
    life_->want(JsonObject{});
    ASSERT_TRUE(life_->until([&] { return life_->machinery.runs("pump").empty(); }));
    restart();
    life_->want(only(entry_of(version(2))));
    ASSERT_TRUE(life_->until([&] { return life_->at_rest(); }));
    EXPECT_NE(life_->said("reason").find("version rollback"), std::string::npos);
    EXPECT_EQ(find_integer(Json(life_->report()), "counter"), 3);
    install(1, 3);  // the same word about the same file
}

TEST_F(Device, goes_back_alone_and_does_not_try_again) {
    install(1);
    life_->machinery.unfit = "2";
    refused(entry_of(version(2)), "io_failed", "10 failures in 10 decisions; allowed are 3");
    EXPECT_EQ(life_->said("step"), "reverted");
    EXPECT_EQ(life_->said("previous"), "1");
    const auto calls = life_->machinery.calls.size();
    life_->want(only(entry_of(version(2))));
    ignore(sync_wait(*life_->loop, life_->updates->settled(Kind::model)), "at rest");
    EXPECT_EQ(life_->machinery.calls.size(), calls);
    // Nor after a restart; but when the entry changes.
    hub_.unreachable = true;
    restart();
    life_->want(only(entry_of(version(2))));
    ignore(sync_wait(*life_->loop, life_->updates->settled(Kind::model)), "at rest");
    EXPECT_EQ(life_->machinery.calls, std::vector<std::string>{"bring up 1"});
    EXPECT_EQ(life_->said("state"), "failed");
    hub_.unreachable = false;
    install(2, 5);
}

TEST_F(Device, is_watched_until_it_decided_enough) {
    install(1);
    life_->want(only(entry_of(version(2))));
    ASSERT_TRUE(life_->until([&] { return life_->said("step") == "watching"; }));
    EXPECT_EQ(life_->said("state"), "pending");
    EXPECT_EQ(life_->said("running"), "2");
    EXPECT_EQ(bundles().size(), 2u);  // the version to go back to is kept
    const SteadyTime before = life_->clock.steady();
    life_->machinery.decisions = 20;
    ASSERT_TRUE(life_->until([&] { return life_->said("state") == "applied"; }));
    EXPECT_LT(life_->clock.steady() - before, milliseconds{800});
}

TEST_F(Device, a_newer_word_about_what_runs_moves_nothing) {
    install(1);
    const auto calls = life_->machinery.calls;
    install(1, 7);
    EXPECT_TRUE(life_->until([&] { return find_integer(Json(life_->report()), "counter") == 7; }));
    EXPECT_EQ(life_->machinery.calls, calls);
}

TEST_F(Device, models_shadows_and_senseless_entries_stand_side_by_side) {
    auto shadow = version(2);
    JsonObject all = only(entry_of(version(1)));
    all["pump.shadow"] = entry_of(shadow);
    all["fan"] = JsonObject{{"version", "../x"}};
    life_->want(all);
    ASSERT_TRUE(life_->until([&] {
        return life_->said("state") == "applied" &&
               life_->said("state", "pump.shadow") == "applied";
    })) << to_json(life_->updates->report(Kind::model));
    EXPECT_EQ(life_->machinery.runs("pump"), "1");
    EXPECT_EQ(life_->machinery.runs("pump.shadow"), "2");
    EXPECT_EQ(life_->said("code", "fan"), "invalid_input");
    life_->want(only(entry_of(version(1))));
    EXPECT_TRUE(life_->until([&] { return life_->machinery.runs("pump.shadow").empty(); }));
    EXPECT_EQ(life_->machinery.runs("pump"), "1");
}

TEST_F(Device, an_unreadable_journal_is_said_and_stops_only_its_own) {
    install(1);
    life_.reset();
    const std::string path = journal_path(folder_.path(), Kind::model, "pump");
    ASSERT_TRUE(files::atomic_replace(files_, path, bytes_of("{}")).ok());
    life_ = std::make_unique<Life>(files_, folder_.path(), hub_, world_);
    auto fan = version(2);
    fan.name = "fan";
    JsonObject both = only(entry_of(version(1)));
    both["fan"] = entry_of(fan);
    life_->want(both);
    ASSERT_TRUE(life_->until([&] { return life_->said("state", "fan") == "applied"; }));
    EXPECT_EQ(life_->said("code"), "corrupt");
    EXPECT_NE(life_->said("reason").find("remove that file"), std::string::npos);
}

}  // namespace
}  // namespace mw::updates
