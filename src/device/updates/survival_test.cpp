// The end of the process, or of the power, at every row and at every file call: always one complete
// version runs, and the update ends committed or back.

#include <iostream>
#include <random>
#include <set>

#include "device/updates/updates_samples.h"

namespace mw::updates {
namespace {

using samples::entry_of;
using samples::Hub;
using samples::Life;
using samples::Machinery;
using samples::only;
using samples::version;

enum class Fate { good, unfit };

class Survival : public testing::Test {
 protected:
    Survival() {
        for (int n = 1; n <= 2; ++n) hub_.serve(version(n).bytes);
        const auto quick = samples::quick(template_);
        Life first(*quick, template_.path(), hub_, world_);
        first.want(only(entry_of(version(1))));
        EXPECT_TRUE(first.until([&] { return first.said("state") == "applied"; }));
    }
    // A device that runs version 1.
    files::TemporaryDirectory fresh() {
        auto folder = *files::TemporaryDirectory::make();
        std::filesystem::copy(template_.path(), folder.path(),
                              std::filesystem::copy_options::recursive);
        hub_.unreachable = false;
        return folder;
    }
    std::unique_ptr<Life> live(files::Files& files, const std::string& directory, Fate fate) {
        auto life = std::make_unique<Life>(files, directory, hub_, world_);
        if (fate == Fate::unfit) life->machinery.unfit = "2";
        life->want(only(entry_of(version(2))));
        return life;
    }
    // After the restart, first without the hub, then with it.
    void check(const files::TemporaryDirectory& folder, Fate fate) {
        hub_.unreachable = true;
        const auto quick = samples::quick(folder);
        auto life = live(*quick, folder.path(), fate);
        ASSERT_TRUE(life->until([&] { return life->at_rest() || !life->said("reason").empty(); }))
            << to_json(life->report());
        const Machine* machine = life->updates->machine(Kind::model, "pump");
        const auto one_version = [&] {
            const Journal& journal = machine->journal();
            EXPECT_TRUE(journal.committed.has_value());
            EXPECT_EQ(life->machinery.runs("pump"), journal.committed->version);
            EXPECT_EQ(life->said("running"), journal.committed->version);
        };
        one_version();
        hub_.unreachable = false;
        ASSERT_TRUE(life->until([&] { return life->at_rest(); })) << to_json(life->report());
        one_version();
        EXPECT_EQ(life->machinery.runs("pump"), fate == Fate::good ? "2" : "1");
        EXPECT_EQ(life->said("state"), fate == Fate::good ? "applied" : "failed");
        EXPECT_TRUE(life->until([&] {  // and nothing else is left on the disk
            const auto entries = quick->list(folder.path() + "/bundles");
            return entries && entries->size() == 1;
        }));
    }

    log::Capture quiet_;
    Hub hub_;
    Machinery::World world_;
    files::TemporaryDirectory template_ = *files::TemporaryDirectory::make();
};

TEST_F(Survival, the_process_ends_after_any_row) {
    for (const Fate fate : {Fate::good, Fate::unfit}) {
        std::set<std::string> stopped_in;
        for (int rows = 1;; ++rows) {
            const auto folder = fresh();
            std::string state = "steady";
            bool over = false;
            {
                const auto quick = samples::quick(folder);
                auto life = live(*quick, folder.path(), fate);
                const Machine* machine = life->updates->machine(Kind::model, "pump");
                int seen = 0;
                over = !life->turn_until([&] {
                    const std::string& now = machine->journal().state;
                    if (now != state) ++seen, state = now;
                    return seen >= rows;
                });
            }
            stopped_in.insert(state);
            SCOPED_TRACE("stopped in state " + state);
            check(folder, fate);
            if (over) break;
        }
        std::set<std::string> all = {"downloading", "verifying", "staging", "testing",
                                     "switching",   "watching",  "steady"};
        if (fate == Fate::good)
            all.insert("committing");
        else
            all.erase("steady"), all.insert({"reverting", "reverted"});
        EXPECT_EQ(stopped_in, all);
    }
}

TEST_F(Survival, the_power_goes_at_any_file_call) {
    const std::uint64_t seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    std::uint64_t first = 1;
    for (const Fate fate : {Fate::good, Fate::unfit}) {
        std::uint64_t calls = 0, switched = 0;
        for (std::uint64_t nth = first;; ++nth) {
            const auto folder = fresh();
            bool cut = false;
            {
                auto faulty = *files::FaultyFiles::open(folder.path(), seed + nth);
                faulty->fail(files::Call::any, nth, files::Fault::power_cut);
                auto life = live(*faulty, folder.path(), fate);
                life->until([&] {
                    if (switched == 0 && life->machinery.runs("pump") == "2") switched = nth;
                    return faulty->is_cut() || life->at_rest();
                });
                // What is swept up after the end counts too.
                life->until([&] { return faulty->is_cut(); }, seconds{1});
                cut = faulty->is_cut();
                calls = faulty->calls();
                life.reset();
            }
            SCOPED_TRACE("power cut at call " + std::to_string(nth));
            check(folder, fate);
            if (HasFatalFailure() || !cut) break;
        }
        std::cout << calls << " file calls\n";
        EXPECT_GT(calls, 50u);
        first = switched;  // until there the two fates are one
        ASSERT_GT(first, 30u);
    }
}

TEST_F(Survival, a_disk_that_fails_or_is_full_for_a_while_only_delays) {
    for (const files::Fault fault : {files::Fault::no_space, files::Fault::io_error}) {
        for (std::uint64_t nth = 1; nth < 75; nth += 4) {
            SCOPED_TRACE("call " + std::to_string(nth));
            const auto folder = fresh();
            auto faulty = *files::FaultyFiles::open(folder.path(), nth);
            faulty->fail(files::Call::any, nth, fault, 3);
            auto life = live(*faulty, folder.path(), Fate::good);
            ASSERT_TRUE(life->until([&] { return life->at_rest(); })) << to_json(life->report());
            // Only what was being read to start from may fail with it.
            if (life->said("state") == "applied")
                EXPECT_EQ(life->machinery.runs("pump"), "2");
            else
                EXPECT_NE(life->said("reason").find("journal"), std::string::npos)
                    << to_json(life->report());
        }
    }
}

}  // namespace
}  // namespace mw::updates
