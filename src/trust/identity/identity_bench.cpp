#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "trust/identity/identity.h"

namespace mw::identity {
namespace {

struct Open {
    Open() {
        std::string pattern = (std::filesystem::temp_directory_path() / "mw-bench-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        authority =
            *CertificateAuthority::open(files, clock, random, {.directory = folder + "/pki"});
    }
    ~Open() {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    files::RealFiles files;
    RealClock clock;
    SystemRandom random;
    std::string folder;
    std::unique_ptr<CertificateAuthority> authority;
};

// From the request's bytes to a recorded certificate.
void Authority_issue_from_request(benchmark::State& state) {
    Open open;
    auto request =
        *crypto::make_csr({"gw-1", {}}, *crypto::PrivateKey::generate(crypto::KeyKind::p256));
    for (auto _ : state) {
        auto csr = crypto::csr_from_der(request);
        benchmark::DoNotOptimize(open.authority->issue_device("gw-1", csr->spki));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Authority_issue_from_request);

void Peers_principal(benchmark::State& state) {
    Open open;
    auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    auto device = *open.authority->issue_device("gw-1", key.public_key().spki());
    for (auto _ : state)
        benchmark::DoNotOptimize(open.authority->peers().principal(device.der, open.clock.now()));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Peers_principal);

}  // namespace
}  // namespace mw::identity

BENCHMARK_MAIN();
