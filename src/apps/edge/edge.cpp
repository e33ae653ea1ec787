#include "apps/edge/edge.h"

#include <csignal>
#include <filesystem>
#include <iostream>

#include "apps/edge/watchdog.h"
#include "base/log.h"
#include "base/number.h"
#include "device/agent/agent.h"
#include "device/isolation/isolation.h"
#include "insight/native/native.h"
#include "platform/process/process.h"

namespace mw::edge {
namespace {

constexpr nanoseconds ask_again_every = seconds{5};
constexpr std::uint64_t token_bytes_max = 4096;
constexpr std::uint64_t bundle_bytes_max = std::uint64_t{300} << 20;

// A file that holds one line.
Result<std::string> line_of(files::Files& files, const std::string& path) {
    TRY(const Bytes bytes, files::read_all(files, path, token_bytes_max));
    std::string line(bytes.begin(), bytes.end());
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
    return line;
}

Result<std::string> token_of(files::Files& files, const EnrollArguments& a) {
    if (a.token_file.empty()) return a.token;
    return line_of(files, a.token_file);
}

Result<std::optional<agent::FactoryFiles>> factory_of(const EnrollArguments& a) {
    if (a.factory_certificate.empty() != a.factory_key.empty())
        return Error{Errc::invalid_input, "want --factory-cert and --factory-key, or neither"};
    std::optional<agent::FactoryFiles> factory;
    // The agent finds them again from wherever it is started.
    if (!a.factory_certificate.empty())
        factory = {std::filesystem::absolute(a.factory_certificate).string(),
                   std::filesystem::absolute(a.factory_key).string()};
    return factory;
}

Result<std::string> own_program() {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return Error{Errc::io_failed, "/proc/self/exe: " + error.message()};
    return path.string();
}

Result<agent::LabelOptions> labels_of(files::Files& files, const RunArguments& a) {
    agent::LabelOptions labels;
    labels.ring_bytes_max = a.label_bytes;
    labels.serves = a.label_listen != "off";
    if (!labels.serves) return labels;
    const auto colon = a.label_listen.rfind(':');
    if (colon == std::string::npos ||
        !read_number(std::string_view(a.label_listen).substr(colon + 1), labels.page.port))
        return Error{Errc::invalid_input,
                     "--label-listen: want ADDRESS:PORT, as 127.0.0.1:8480, or off"};
    labels.page.host = a.label_listen.substr(0, colon);
    if (labels.page.host.starts_with('[') && labels.page.host.ends_with(']'))
        labels.page.host = labels.page.host.substr(1, labels.page.host.size() - 2);
    TRY(auto tls, net::read_tls_files({a.label_certificate, a.label_key, "", ""}));
    labels.page.certificate_pem = std::move(tls.certificate_chain);
    labels.page.key_pem = std::move(tls.private_key);
    if (!a.label_token_file.empty()) {
        TRY(labels.page.token, line_of(files, a.label_token_file));
    }
    return labels;
}

Task<> trim_after_start() {
    CO_TRY_VOID(co_await sleep_for(seconds{30}));
    ignore(process::trim_memory(), "the start is over");
    co_return Result<>{};
}

Task<> until_signal(agent::Agent& agent, Loop& loop, Signals& signals) {
    Scope scope(loop);
    scope.spawn(agent.run());
    scope.spawn(feed_watchdog(watchdog_every()));
    scope.spawn(trim_after_start());
    ignore(net::notify_service_manager("READY=1"), "systemd is optional");
    CO_TRY(const int signal, co_await signals.next());
    ignore(net::notify_service_manager("STOPPING=1"), "systemd is optional");
    log::info("edge.agent.stopping", {{"signal", signal}});
    scope.cancel();
    co_await scope.join();
    co_return co_await agent.stop();
}

// While the hub says "later", as where an operator must approve the device. The key stays the same:
// another one would be another device to the operator.
Result<est::Enrolled> enroll_patiently(Loop& loop, const est::EnrollOptions& options,
                                       const crypto::PrivateKey& key, const Clock& clock,
                                       nanoseconds patience) {
    const SteadyTime end = clock.steady() + patience;
    for (bool told = false;; told = true) {
        auto enrolled = sync_wait(loop, est::enroll(options, key, clock));
        if (enrolled || enrolled.error().code != Errc::overloaded) return enrolled;
        if (end - clock.steady() < ask_again_every) return enrolled;
        if (!told)
            std::cerr << enrolled.error().message
                      << "\nThis waits, and asks again. Its key: " << to_hex(key.public_key().pin())
                      << '\n';
        TRY_VOID(sync_wait(loop, sleep_for(ask_again_every)));
    }
}

}  // namespace

Result<> enroll(EnrollArguments a) {
    files::RealFiles files;
    RealClock clock;
    if (auto known = agent::load_identity(files, a.directory))
        return Error{Errc::conflict, "'" + a.directory + "' already holds device '" +
                                         known->device.text +
                                         "'. Next step: another --data, or remove that folder"};
    TRY(std::string token, token_of(files, a));
    TRY(const nanoseconds patience, parse_duration(a.wait).context("--wait"));
    TRY(auto loop, Loop::open());
    WorkersOptions one;
    one.threads = 1;
    Workers workers(one);
    TRY(const auto key, crypto::PrivateKey::generate(crypto::KeyKind::p256));
    est::EnrollOptions options;
    options.url = a.hub;
    options.device = a.name;
    options.token = std::move(token);
    options.pin = a.pin;
    options.resolver = &workers;
    TRY(const auto factory, factory_of(a));
    if (factory) {
        TRY(const auto proof, agent::read_factory(files, *factory));
        options.factory_chain_pem = proof.chain_pem;
        options.factory_key_pem = proof.key_pem;
    }
    TRY(const auto enrolled, enroll_patiently(*loop, options, key, clock, patience));
    TRY_VOID(
        agent::save_identity(files, a.directory, DeviceId{a.name}, a.hub, key, enrolled, factory));
    std::cout << "enrolled '" << a.name << "', certificate valid until "
              << to_iso8601(enrolled.certificate.not_after)
              << "\nNext step: millwright-edge run --data " << a.directory << '\n';
    return {};
}

Result<> run(RunArguments a) {
    TRY(const auto level, log::parse_level(a.log_level));
    TRY(const auto format, log::parse_format(a.log_format));
    log::configure({level, format});
    files::RealFiles files;
    RealClock clock;
    SystemRandom random;
    TRY(auto loop, Loop::open());
    TRY(auto signals, Signals::open(*loop, {SIGINT, SIGTERM}));  // before any thread
    WorkersOptions one;
    one.threads = 1;
    Workers workers(one);
    agent::AgentOptions options;
    options.directory = a.directory;
    TRY(options.program, own_program());
    options.outbox.disk_bytes_max = a.outbox_bytes;
    for (auto& overflow : options.outbox.overflow)
        if (a.refuse_when_full) overflow = outbox::DiskOverflow::refuse;
    TRY(options.labels, labels_of(files, a));
    TRY(auto agent, agent::Agent::open(files, *loop, workers, clock, random, std::move(options)));
    log::info("edge.agent.started",
              {{"device", agent->identity().device.text}, {"hub", agent->identity().hub}});
    return sync_wait(*loop, until_signal(*agent, *loop, *signals));
}

Result<> measure(std::string bundle) {
    files::RealFiles files;
    RealClock clock;
    TRY(const Bytes bytes, files::read_all(files, std::move(bundle), bundle_bytes_max));
    TRY(auto engine, native::open_engine());
    TRY(const Json figures, agent::measure_bundle(bytes, *engine, clock));
    std::cout << to_json(figures) << '\n';
    return {};
}

Result<> serve_model(std::vector<std::string> arguments) {
    return isolation::serve(arguments, [] { return native::open_engine(); });
}

}  // namespace mw::edge
