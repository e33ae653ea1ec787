// A broker on loopback without storage, authorization or TLS, for load judges and for a first look:
// mqtt_loopback [PORT]. It prints its port and runs until a signal.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "protocols/mqtt/mqtt.h"

namespace {

// A load test opens more connections than the soft limit of descriptors.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

mw::Result<> run(std::uint16_t port) {
    using namespace mw;
    TRY(auto loop, Loop::open());
    TRY(auto listener, net::Listener::open(*loop, {.port = port}));
    std::printf("%u\n", listener->address().port);
    std::fflush(stdout);
    SystemRandom random;
    const mqtt::OpenAuthorizer everybody;
    mqtt::Broker broker(*loop, random, {}, everybody, nullptr);
    broker.serve(std::move(listener),
                 [](ByteView) -> Result<mqtt::Identity> { return mqtt::Identity{}; });
    loop->run();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    raise_descriptor_limit();
    const int port = argc > 1 ? std::atoi(argv[1]) : 0;
    const auto done = run(static_cast<std::uint16_t>(port));
    if (done) return 0;
    mw::log::error("mqtt.loopback.failed", {{"reason", done.error()}});
    return 1;
}
