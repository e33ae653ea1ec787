// offline_trials DAYS MEGABYTES [--quick]: days without a hub into a budget on disk, then all that
// was kept goes to a hub that loses a connection now and then. One line of JSON.
#include <sys/resource.h>

#include <fstream>
#include <iostream>

#include "base/json.h"
#include "device/agent/offline_plant.h"

namespace mw {
namespace {

double rss_mb() {
    std::ifstream in("/proc/self/statm");
    double size = 0, pages = 0;
    in >> size >> pages;
    return pages * 4096 / 1e6;
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

struct Trial {
    std::uint64_t seconds_away = 0, budget = 0;
    double rss_begin = 0, rss_most = 0, cpu_away = 0, cpu_back = 0;
    bool decisions_first = true;
    agent::OfflineHub hub;
    outbox::Figures away, back;

    Result<> run();
    Result<> leave(Loop& loop, outbox::Outbox& outbox);
    Result<> come_back(Loop& loop, outbox::Outbox& outbox);
    Json figures() const;
};

Result<> Trial::leave(Loop& loop, outbox::Outbox& outbox) {
    agent::OfflinePlant plant(1);
    const double cpu = cpu_seconds();
    for (std::uint64_t second = 1; second <= seconds_away; ++second) {
        TRY_VOID(outbox.append(plant.second(outbox)));
        if (second % 60 == 0) TRY_VOID(sync_wait(loop, outbox.flush()));
        if (second == 3600) rss_begin = rss_mb();
        if (second % 3600 == 0) rss_most = std::max(rss_most, rss_mb());
    }
    TRY_VOID(sync_wait(loop, outbox.flush()));
    cpu_away = cpu_seconds() - cpu;
    TRY_VOID(sync_wait(loop, outbox.stop()));
    away = outbox.figures();
    return {};
}

Result<> Trial::come_back(Loop& loop, outbox::Outbox& outbox) {
    const double cpu = cpu_seconds();
    SeededRandom random(2);
    outbox::Rank before = outbox::Rank::decisions;
    for (std::uint64_t i = 0; outbox.figures().unsent_messages > 0; ++i) {
        auto queued = outbox.try_next();
        if (!queued) {
            TRY_VOID(sync_wait(loop, outbox.more()));
            continue;
        }
        if (hub.take(*queued)) {
            decisions_first = decisions_first && queued->rank >= before;
            before = queued->rank;
        }
        if (random.below(5000) == 0)
            outbox.rewind();
        else
            outbox.acknowledge_one();
        if (i % 1000 == 0) rss_most = std::max(rss_most, rss_mb());
    }
    cpu_back = cpu_seconds() - cpu;
    back = outbox.figures();
    return {};
}

Result<> Trial::run() {
    TRY(const auto folder, files::TemporaryDirectory::make("offline"));
    files::RealFiles files;
    TRY(auto loop, Loop::open());
    Workers workers(WorkersOptions{.threads = 1});
    outbox::Options options;
    options.directory = files::join(folder.path(), "outbox");
    options.disk_bytes_max = budget;
    TRY(auto outbox, outbox::Outbox::open(files, *loop, workers, options));
    TRY_VOID(leave(*loop, *outbox));
    // A restart with all of it on disk.
    TRY(outbox, outbox::Outbox::open(files, *loop, workers, options));
    if (outbox->figures().unsent_messages != away.unsent_messages)
        return Error{Errc::corrupt, "the restart found another number of messages"};
    TRY_VOID(come_back(*loop, *outbox));
    return sync_wait(*loop, outbox->stop());
}

Json Trial::figures() const {
    using outbox::Rank;
    JsonObject ranks;
    bool once = true;
    for (const Rank rank : outbox::all_ranks) {
        const auto& kept = away.ranks[rank];
        once = once && hub.stored(rank) == kept.unsent_messages &&
               hub.stored(rank) + kept.dropped_messages == kept.appended_messages;
        ranks[outbox::name_of(rank)] = {{"appended", kept.appended_messages},
                                        {"dropped", kept.dropped_messages},
                                        {"stored", hub.stored(rank)},
                                        {"disk_bytes", kept.disk_bytes}};
    }
    const double kept = static_cast<double>(away.ranks[Rank::points].disk_bytes);
    const double raw = static_cast<double>(away.settled_raw_bytes);
    return JsonObject{
        {"days", static_cast<double>(seconds_away) / 86400},
        {"budget_mb", static_cast<double>(budget) / 1e6},
        {"disk_mb", static_cast<double>(away.disk_bytes) / 1e6},
        {"bytes_per_point", kept / static_cast<double>(hub.points())},
        {"bytes_per_point_raw", raw / (static_cast<double>(seconds_away) * 1000)},
        {"hours_of_points_kept", static_cast<double>(hub.points()) / 1000 / 3600},
        {"once", once},
        {"decisions_first", decisions_first},
        {"rss_mb_after_an_hour", rss_begin},
        {"rss_mb_most", rss_most},
        {"cpu_share_away", cpu_away / static_cast<double>(seconds_away)},
        {"cpu_us_a_message_back", cpu_back * 1e6 / static_cast<double>(away.unsent_messages)},
        {"ranks", std::move(ranks)}};
}

}  // namespace
}  // namespace mw

int main(int argc, char** argv) {
    mw::Trial trial;
    const double days = argc > 1 ? std::stod(argv[1]) : 3;
    const double megabytes = argc > 2 ? std::stod(argv[2]) : 200;
    trial.seconds_away = static_cast<std::uint64_t>(days * 86400);
    trial.budget = static_cast<std::uint64_t>(megabytes * 1e6);
    if (auto outcome = trial.run(); !outcome) {
        std::cerr << "offline_trials: " << outcome.error().message << '\n';
        return 1;
    }
    const mw::Json line = {{"bench", "offline"}, {"figures", trial.figures()}};
    std::cout << mw::to_json(line) << '\n';
    const mw::Json& figures = line.as_object().at("figures");
    return figures.as_object().at("once").as_bool() &&
                   figures.as_object().at("decisions_first").as_bool()
               ? 0
               : 1;
}
