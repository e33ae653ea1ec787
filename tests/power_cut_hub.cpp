// power_cut_hub --data DIR --mqtt-port N --websocket-port N --api-port N --devices-port N: the hub,
// until SIGTERM, or SIGUSR1: no power. SQLite lives on a disk of its own (DIR.registry keeps it
// between processes).
#include <unistd.h>

#include "apps/hub/hub.h"
#include "platform/sqlite/sqlite.h"
#include "tests/power_cut.h"

namespace mw {
namespace {

// The registry's disk, kept in a folder beside the hub's.
class RegistryDisk {
 public:
    explicit RegistryDisk(std::string directory)
        : folder_(directory + ".registry"),
          directory_(std::move(directory)),
          disk_(power_cut::seed()) {}

    const std::string& vfs() const { return disk_.name(); }
    void cut() { disk_.cut(); }

    Result<> load() {
        TRY_VOID(files_.make_directories(folder_, 0750));
        TRY(const auto entries, files_.list(folder_));
        for (const files::Entry& entry : entries) {
            TRY(Bytes content, files::read_all(files_, files::join(folder_, entry.name)));
            disk_.put_file(files::join(directory_, entry.name), std::move(content));
        }
        return {};
    }
    Result<> save() {
        TRY(const auto entries, files_.list(folder_));
        for (const files::Entry& entry : entries)
            TRY_VOID(files_.remove(files::join(folder_, entry.name)));
        for (const auto& [path, content] : disk_.durable_files())
            TRY_VOID(
                files::atomic_replace(files_, files::join(folder_, files::name_of(path)), content));
        return {};
    }

 private:
    files::RealFiles files_;
    std::string folder_;
    std::string directory_;
    sqlite::PowerCutDisk disk_;
};

Task<> serve(hub::Hub& hub, Signals& signals, files::FaultyFiles& disk, RegistryDisk& registry) {
    CO_TRY(const int signal, co_await signals.next());
    if (signal == SIGUSR1) {
        ignore(disk.power_cut(), "the process ends here");
        registry.cut();
        const auto saved = registry.save();
        _exit(saved ? 137 : 1);
    }
    co_return co_await hub.stop();
}

Result<> run(int argc, char** argv) {
    const auto port = [&](const char* name) {
        return static_cast<std::uint16_t>(
            std::strtoul(power_cut::argument(argc, argv, name, "0").c_str(), nullptr, 10));
    };
    hub::HubOptions options;
    options.directory = power_cut::argument(argc, argv, "--data", "");
    options.mqtt_port = port("--mqtt-port");
    options.websocket_port = port("--websocket-port");
    options.api_port = port("--api-port");
    options.devices_port = port("--devices-port");
    files::RealFiles real;
    TRY_VOID(real.make_directories(options.directory, 0750));
    RealClock clock;
    SystemRandom random;
    TRY(auto disk, files::FaultyFiles::open(options.directory, power_cut::seed(),
                                            {"registry.db", "lock", "tmp/"}));
    RegistryDisk registry(options.directory);
    TRY_VOID(registry.load());
    TRY_VOID(block_signals({SIGINT, SIGTERM, SIGUSR1}));
    {
        TRY(auto hub, hub::Hub::open(std::move(options), {*disk, clock, random, registry.vfs()}));
        TRY(auto signals, Signals::open(hub->loop(), {SIGINT, SIGTERM, SIGUSR1}));
        TRY_VOID(sync_wait(hub->loop(), serve(*hub, *signals, *disk, registry)));
    }
    return registry.save();
}

}  // namespace
}  // namespace mw

int main(int argc, char** argv) {
    const auto outcome = mw::run(argc, argv);
    return outcome ? 0 : mw::power_cut::fail(outcome.error());
}
