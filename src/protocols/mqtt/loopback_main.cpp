// A broker on loopback for load judges and for a first look, with access control and without
// storage:
//     mqtt_loopback [--loops N] [--journal DIRECTORY]
//                   [PORT [TLS_PORT CHAIN.pem KEY.pem CLIENT_CA.pem]]
// 0 takes any free port. It prints its ports, a line each, and runs until a signal. With a journal
// sessions survive it.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "protocols/mqtt/mqtt.h"

namespace {

using namespace mw;

// What devices may here: the topics of the platform, and those of load tools. Tried in order for
// each packet, so that a load pays for access control as a plant does.
class LoadTopics final : public mqtt::Authorizer {
 public:
    bool may_publish(const mqtt::Identity& identity, std::string_view topic) const override {
        if (plant_.may_publish(identity, topic)) return true;
        return identity.kind == mqtt::Identity::Kind::device && mqtt::matches("b/+", topic);
    }
    bool may_subscribe(const mqtt::Identity& identity, std::string_view filter) const override {
        if (plant_.may_subscribe(identity, filter)) return true;
        return identity.kind == mqtt::Identity::Kind::device &&
               (mqtt::matches("b/#", filter) || mqtt::matches("idle/+", filter));
    }

 private:
    mqtt::DeviceTopics plant_;
};

// A load opens more connections than the soft limit of descriptors.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

mqtt::Limits limits() {
    mqtt::Limits limits;
    limits.sessions_per_identity = limits.sessions;  // a judge has one certificate for all
    return limits;
}

// Over TLS a device is who its certificate says; over TCP it is nobody in particular.
Result<mqtt::Identity> identify(ByteView certificate) {
    if (certificate.empty()) return mqtt::Identity{mqtt::Identity::Kind::device, "load"};
    TRY(auto parsed, crypto::certificate_from_der(certificate));
    return mqtt::Identity{mqtt::Identity::Kind::device, parsed.subject_cn};
}

Result<> serve(Loop& loop, mqtt::Broker& broker, net::ListenOptions options) {
    TRY(auto listener, net::Listener::open(loop, std::move(options)));
    std::printf("%u\n", listener->address().port);
    std::fflush(stdout);
    broker.serve(std::move(listener), identify);
    return {};
}

std::uint16_t port_of(const char* text) { return static_cast<std::uint16_t>(std::atoi(text)); }

Result<> run(int argc, char** argv) {
    std::string journal;
    unsigned loops = 1;
    if (argc > 2 && std::string_view(argv[1]) == "--loops") {
        loops = static_cast<unsigned>(std::atoi(argv[2]));
        argc -= 2, argv += 2;
    }
    if (argc > 2 && std::string_view(argv[1]) == "--journal") {
        journal = argv[2];
        argc -= 2, argv += 2;
    }
    files::RealFiles files;
    Workers workers{{1, 16, 0, "log"}};
    Workers preparing{{1, 16, 5, "log-space"}};
    TRY(auto loop, Loop::open());
    SystemRandom random;
    const LoadTopics topics;
    mqtt::Broker broker(*loop, random, limits(), topics, nullptr);
    TRY_VOID(broker.add_loops(loops - 1));
    if (!journal.empty()) {
        mqtt::JournalOptions options{.directory = journal};
        options.preparing = &preparing;
        TRY_VOID(broker.remember(files, workers, std::move(options)));
    }
    const std::uint16_t port = argc > 1 ? port_of(argv[1]) : std::uint16_t{0};
    TRY_VOID(serve(*loop, broker, {.port = port}));
    if (argc > 5) {
        TRY(auto tls, net::read_tls_files({argv[3], argv[4], argv[5]}));
        tls.client_certificate = net::ClientCertificate::required;
        TRY(auto context, net::TlsContext::server(std::move(tls)));
        TRY_VOID(serve(*loop, broker, {.port = port_of(argv[2]), .tls = std::move(context)}));
    }
    loop->run();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    raise_descriptor_limit();
    const auto done = run(argc, argv);
    if (done) return 0;
    mw::log::error("mqtt.loopback.failed", {{"reason", done.error()}});
    return 1;
}
