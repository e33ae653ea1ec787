#include <benchmark/benchmark.h>

#include "base/log.h"
#include "protocols/est/est.h"

namespace mw::est {
namespace {

using crypto::Profile;

class OpenHouse final : public Enroller {
 public:
    static crypto::CertificateOrder order(Profile profile, std::string name) {
        auto now = RealClock{}.now();
        return {profile, std::move(name), {}, now - hours{1}, now + hours{24}};
    }
    nanoseconds wait_for(const Credentials&) override { return nanoseconds{0}; }
    Task<> refused(Error error, Credentials) override { co_return error; }
    Task<Decision> enroll(crypto::Csr csr, Credentials, KeyMaker) override {
        Decision decision;
        CO_TRY(decision.certificate, crypto::issue(order(Profile::device, csr.subject_cn), csr.spki,
                                                   {root, key}, random));
        co_return decision;
    }
    Task<Decision> reenroll(crypto::Csr csr, Credentials who, KeyMaker maker) override {
        auto enrolling = enroll(std::move(csr), std::move(who), maker);
        co_return co_await std::move(enrolling);
    }
    Task<KeyWish> key_wish(std::string) override { co_return KeyWish{}; }
    std::vector<crypto::Certificate> authorities() const override { return {root}; }

    SystemRandom random;
    crypto::PrivateKey key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    crypto::Certificate root = *crypto::self_sign(order(Profile::root_ca, "root"), key, random);
};

// A whole first enrolment: connect, TLS handshake, cacerts, request, certificate. Both ends run in
// this one thread, so the server's share is less than half of the time shown.
void Est_enroll_over_tls(benchmark::State& state) {
    log::Capture quiet{{log::Level::off, log::Format::text}};
    OpenHouse house;
    metrics::Registry metrics;
    RealClock clock;
    auto loop = *Loop::open({});
    auto server_order = OpenHouse::order(Profile::server, "hub");
    server_order.names.addresses = {"127.0.0.1"};
    auto server_certificate = *crypto::issue(server_order, house.key.public_key().spki(),
                                             {house.root, house.key}, house.random);
    net::TlsOptions tls;
    tls.certificate_chain = crypto::to_pem(server_certificate) + crypto::to_pem(house.root);
    tls.private_key = house.key.to_pem();
    http::Router router;
    add_routes(router, house, metrics);
    http::ServerOptions options;
    options.listen.tls = *net::TlsContext::server(std::move(tls));
    auto server = *http::Server::open(*loop, options, std::move(router));
    EnrollOptions enrolment;
    enrolment.url = "https://127.0.0.1:" + std::to_string(server->address().port);
    enrolment.device = "gw-1", enrolment.token = "t";
    enrolment.pin = to_hex(crypto::sha256(house.root.spki));
    auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    for (auto _ : state) {
        auto outcome = sync_wait(*loop, enroll(enrolment, key, clock));
        if (!outcome) state.SkipWithError(outcome.error().message.c_str());
    }
    state.SetItemsProcessed(state.iterations());
    ignore(sync_wait(*loop, server->stop(nanoseconds{0})), "the benchmark is over");
}
BENCHMARK(Est_enroll_over_tls);

}  // namespace
}  // namespace mw::est

BENCHMARK_MAIN();
