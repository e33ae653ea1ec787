// power_cut_edge --data DIR: the agent of an enrolled gateway, until SIGTERM, or SIGUSR1: no power.
#include <unistd.h>

#include "device/agent/agent.h"
#include "tests/power_cut.h"

namespace mw {
namespace {

Task<> serve(agent::Agent& agent, Loop& loop, Signals& signals, files::FaultyFiles& disk) {
    Scope scope(loop);
    scope.spawn(agent.run());
    CO_TRY(const int signal, co_await signals.next());
    if (signal == SIGUSR1) {
        ignore(disk.power_cut(), "the process ends here");
        _exit(137);
    }
    scope.cancel();
    co_await scope.join();
    co_return co_await agent.stop();
}

Result<> run(int argc, char** argv) {
    const std::string directory = power_cut::argument(argc, argv, "--data", "");
    RealClock clock;
    SystemRandom random;
    TRY(auto disk, files::FaultyFiles::open(directory, power_cut::seed(), {"lock"}));
    TRY(auto loop, Loop::open());
    TRY(auto signals, Signals::open(*loop, {SIGINT, SIGTERM, SIGUSR1}));
    WorkersOptions one;
    one.threads = 1;
    Workers workers(one);
    agent::AgentOptions options;
    options.directory = directory;
    TRY(auto agent, agent::Agent::open(*disk, *loop, workers, clock, random, std::move(options)));
    return sync_wait(*loop, serve(*agent, *loop, *signals, *disk));
}

}  // namespace
}  // namespace mw

int main(int argc, char** argv) {
    const auto outcome = mw::run(argc, argv);
    return outcome ? 0 : mw::power_cut::fail(outcome.error());
}
