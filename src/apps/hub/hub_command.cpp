#include "apps/hub/hub_command.h"

#include <csignal>
#include <iostream>

#include "apps/hub/hub.h"

namespace mw::hub {
namespace {

void announce(const Hub& hub, nanoseconds took) {
    const HubOptions& o = hub.options();
    const Ports& ports = hub.ports();
    const std::string host = o.names.empty() ? o.listen : o.names.front();
    std::cout << "millwright hub, data in " << o.directory << ", ready in "
              << took / milliseconds{1} << " ms\n"
              << "  people    https://" << host << ':' << ports.api << "   API and live page\n"
              << "  devices   https://" << host << ':' << ports.devices
              << "   enrolment, downloads\n"
              << "  mqtt      " << host << ':' << ports.mqtt << "   TLS, client certificates\n"
              << "  websocket wss://" << host << ':' << ports.websocket << "/mqtt   the same\n"
              << "  root pin  " << hub.root_pin() << '\n';
    if (hub.first_start())
        std::cout << "first start: the administrator's token is in " << o.directory
                  << "/admin.token (mode 0600)\n"
                  << "Next step: millwright login --data " << o.directory << '\n';
    std::cout << std::flush;
}

Task<> until_signal(Hub& hub, Signals& signals) {
    int signal = SIGHUP;
    for (;;) {
        CO_TRY(signal, co_await signals.next());
        if (signal != SIGHUP) break;
        if (auto reloaded = co_await hub.reload(); !reloaded)
            log::error("hub.certificates.refused", {{"reason", reloaded.error()}});
    }
    log::info("hub.stopping", {{"signal", signal}});
    ignore(net::notify_service_manager("STOPPING=1"), "systemd is optional");
    co_return co_await hub.stop();
}

}  // namespace

Result<> run_hub(HubOptions options) {
    TRY_VOID(read_config(options));
    TRY(const auto level, log::parse_level(options.log_level));
    TRY(const auto format, log::parse_format(options.log_format));
    log::configure({level, format});
    files::RealFiles files;
    RealClock clock;
    SystemRandom random;
    const SteadyTime began = clock.steady();
    TRY_VOID(block_signals({SIGINT, SIGTERM, SIGHUP}));
    TRY(auto hub, Hub::open(std::move(options), {files, clock, random, ""}));
    TRY(auto signals, Signals::open(hub->loop(), {SIGINT, SIGTERM, SIGHUP}));
    announce(*hub, clock.steady() - began);
    ignore(net::notify_service_manager("READY=1"), "systemd is optional");
    return sync_wait(hub->loop(), until_signal(*hub, *signals));
}

Result<std::vector<Finding>> check_options(HubOptions options) {
    TRY_VOID(read_config(options));
    return findings(options, this_machine());
}

}  // namespace mw::hub
