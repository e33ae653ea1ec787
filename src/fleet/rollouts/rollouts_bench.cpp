// One rollout over a whole fleet in virtual time: real registry on disk, real controller, agents
// that report. The hub is dropped in the middle of the second wave and opened again.
//   mw_rollouts_bench [devices]     ends with one JSON line of figures
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"
#include "fleet/rollouts/simulated_fleet.h"
#include "platform/files/files.h"

namespace mw::rollouts {
namespace {

std::int64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::int64_t size = 0, resident = 0;
    file >> size >> resident;
    return resident * 4096;
}

struct Figures {
    double reading_s = 0, planning_s = 0, restart_s = 0;
    double counted_bytes = 0, rss_bytes = 0;
};

class Run {
 public:
    explicit Run(int devices) : devices_(devices) {
        fleet_.habits.slots = static_cast<std::uint64_t>(devices / 250 + 1);
    }
    void prepare() {
        open();
        ASSERT(sync_wait(*loop_, simulated::furnish(*hub_->store, devices_)).ok());
        settle();
        Resource rollout = simulated::resource(
            R"({"kind":"Rollout","name":"fleet","spec":{"artifact":{"kind":"ModelVersion",)"
            R"("name":"pump--2"},"selector":"line=pumps","stratify_by":["site"],"approval":[],)"
            R"("waves":[{"percent":1,"soak":"10m"},{"percent":20,"soak":"10m"},)"
            R"({"percent":100,"soak":"10m"}],"guardrails":[{"metric":"install_failures","max":0.1},)"
            R"({"metric":"crash_loop","max":2},{"metric":"fallback_rate","worse_by":0.1}]}})");
        ASSERT(sync_wait(*loop_, simulated::create(*hub_->store, std::move(rollout))).ok());
    }
    void open() {
        registry::Options options{.path = folder_.path() + "/registry.db"};
        auto store = registry::Registry::open(*loop_, clock_, metrics_, std::move(options));
        ASSERT(store.ok());
        hub_ =
            std::make_unique<simulated::Hub>(*loop_, std::move(*store), metrics_, fleet_, history_);
    }
    // Until `done` of the rollout as it is.
    template <class Done>
    void run_until(Done done) {
        Resource newest = *sync_wait(*loop_, hub_->store->get("Rollout", "fleet"));
        auto watch = hub_->store->subscribe([&](const ResourceChange& change) {
            if (change.resource.kind == "Rollout") tell(newest = change.resource);
        });
        while (!done(newest)) {
            if (rollout_table().is_final(state_of(newest, rollout_table()))) {
                std::fprintf(stderr, "it ended early: %s\n", to_pretty_json(newest.status).c_str());
                std::exit(1);
            }
            loop_->turn(true);
        }
    }
    Figures play() {
        Figures figures;
        const auto before = resident_bytes();
        ASSERT(sync_wait(*loop_, hub_->rollouts->start()).ok());
        run_until([](const Resource& r) { return state_of(r, rollout_table()) == "installing"; });
        figures.rss_bytes = double(resident_bytes() - before) / devices_;
        note(figures);
        run_until([&](const Resource& r) {
            return find_integer(r.status, "wave") == 2 &&
                   find_integer(r.status, "counts.assigned").value_or(0) > devices_ / 10;
        });
        note(figures);
        std::fprintf(stderr, "the hub is killed in the middle of wave 2\n");
        hub_.reset();
        const SteadyTime began = RealClock{}.steady();
        open();
        ASSERT(sync_wait(*loop_, hub_->rollouts->start()).ok());
        run_until([](const Resource& r) { return state_of(r, rollout_table()) == "soaking"; });
        figures.restart_s = double((RealClock{}.steady() - began).count()) * 1e-9;
        note(figures);
        run_until([](const Resource& r) {
            return rollout_table().is_final(state_of(r, rollout_table()));
        });
        note(figures);
        return figures;
    }
    // Every device once, and only once: one creation and one assignment.
    void verify() {
        int right = 0;
        auto visit = [&](Resource device) {
            right += device.generation == 2 &&
                     find_string(device.spec, "models.pump.version") == "2" &&
                     find_string(device.spec, "models.pump.previous") == "1" &&
                     fleet_.agents[device.name].running == "2";
        };
        ASSERT(sync_wait(*loop_, each_resource(*hub_->store, "Device", visit)).ok());
        const auto rollout = *sync_wait(*loop_, hub_->store->get("Rollout", "fleet"));
        if (right != devices_ || state_of(rollout, rollout_table()) != "completed") {
            std::fprintf(stderr, "%d of %d devices are right; %s\n", right, devices_,
                         to_pretty_json(rollout.status).c_str());
            std::exit(1);
        }
    }

 private:
    // A line for each tenth of the fleet.
    void tell(const Resource& rollout) {
        const auto assigned = find_integer(rollout.status, "counts.assigned").value_or(0);
        const auto tenth = assigned * 10 / devices_;
        if (tenth == told_) return;
        told_ = tenth;
        std::fprintf(stderr, "%lld devices have it, %s\n", static_cast<long long>(assigned),
                     std::string(state_of(rollout, rollout_table())).c_str());
    }
    void settle() {
        auto nap = []() -> Task<> { co_return co_await sleep_for(minutes{5}); };
        ASSERT(sync_wait(*loop_, nap()).ok());
    }
    void note(Figures& figures) {
        const auto took = hub_->rollouts->took();
        figures.reading_s = std::max(figures.reading_s, double(took.reading.count()) * 1e-9);
        figures.planning_s = std::max(figures.planning_s, double(took.planning.count()) * 1e-9);
        figures.counted_bytes =
            std::max(figures.counted_bytes, double(hub_->rollouts->bytes()) / devices_);
    }

    int devices_;
    std::int64_t told_ = 0;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_ = *Loop::open({.simulated = &clock_});
    metrics::Registry metrics_;
    simulated::Fleet fleet_{*loop_, {}};
    simulated::History history_{fleet_};
    std::unique_ptr<simulated::Hub> hub_;
};

int main_of(int devices) {
    const SteadyTime began = RealClock{}.steady();
    Run run(devices);
    run.prepare();
    std::fprintf(stderr, "%d devices are there\n", devices);
    const Figures f = run.play();
    run.verify();
    const double total = double((RealClock{}.steady() - began).count()) * 1e-9;
    const Json line = {{"devices", devices},
                       {"wave_planned_s_most", f.planning_s},
                       {"devices_read_s", f.reading_s},
                       {"bytes_per_device_counted", f.counted_bytes},
                       {"rss_growth_per_device", f.rss_bytes},
                       {"restart_to_wave_installed_s", f.restart_s},
                       {"whole_rollout_s", total}};
    std::printf("%s\n", to_json(line).c_str());
    return 0;
}

}  // namespace
}  // namespace mw::rollouts

int main(int argc, char** argv) {
    mw::log::configure({mw::log::Level::warn, mw::log::Format::text});
    return mw::rollouts::main_of(argc > 1 ? std::atoi(argv[1]) : 100'000);
}
