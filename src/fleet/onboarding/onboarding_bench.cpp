#include "fleet/onboarding/onboarding.h"

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>

#include "base/log.h"
#include "data/registry/registry.h"

namespace mw::onboarding {
namespace {

// From a parsed and verified request to a device in the store and a certificate in hand: tokens,
// policy, signature, three writes. Without TLS and HTTP (est_bench.cpp has those).
struct World {
    World() {
        std::string pattern = (std::filesystem::temp_directory_path() / "mw-bench-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        authority = *identity::CertificateAuthority::open(files, clock, random,
                                                          {.directory = folder + "/pki"});
        store = *registry::Registry::open(*loop, clock, metrics, {.path = folder + "/registry.db"});
        onboarding = *sync_wait(
            *loop, Onboarding::open(*store, *authority, clock, random, metrics, Options{}));
        Resource group;
        group.kind = "EnrollmentGroup", group.name = "all";
        ignore(sync_wait(*loop, store->create(group, {"bench", "create", ""})), "checked by token");
        token = sync_wait(*loop, onboarding->create_token({"all", 0, hours{1}, "bench"}))->text;
    }
    ~World() {
        onboarding.reset(), store.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

    log::Capture quiet{{log::Level::off, log::Format::text}};
    std::string folder;
    files::RealFiles files;
    RealClock clock;
    SystemRandom random;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open({});
    std::unique_ptr<identity::CertificateAuthority> authority;
    std::unique_ptr<registry::Registry> store;
    std::unique_ptr<Onboarding> onboarding;
    std::string token;
};

void Onboarding_enroll(benchmark::State& state) {
    World world;
    int serial = 0;
    auto at_once = static_cast<int>(state.range(0));
    for (auto _ : state) {
        state.PauseTiming();
        std::vector<crypto::Csr> requests;
        for (int i = 0; i < at_once; ++i) {
            auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
            auto der = *crypto::make_csr({"gw-" + std::to_string(++serial), {}}, key);
            requests.push_back(*crypto::csr_from_der(der));
        }
        state.ResumeTiming();
        Scope scope{*world.loop};
        auto one = [&](const crypto::Csr& csr) -> Task<> {
            auto asking = world.onboarding->enroll(
                csr, {csr.subject_cn, world.token, {}, "bench", ""}, est::KeyMaker::device);
            auto outcome = co_await std::move(asking);
            if (!outcome) state.SkipWithError(outcome.error().message.c_str());
            co_return Result<>{};
        };
        for (const auto& csr : requests) scope.spawn(one(csr));
        auto all = [&]() -> Task<> { co_return co_await scope.join(); };
        ignore(sync_wait(*world.loop, all()), "each outcome was looked at");
    }
    state.SetItemsProcessed(state.iterations() * at_once);
}
BENCHMARK(Onboarding_enroll)->Arg(1)->Arg(64)->UseRealTime()->MeasureProcessCPUTime();

void Admission_admit(benchmark::State& state) {
    World world;
    auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    auto csr = *crypto::csr_from_der(*crypto::make_csr({"gw-1", {}}, key));
    auto decision = sync_wait(
        *world.loop,
        world.onboarding->enroll(csr, {"gw-1", world.token, {}, "", ""}, est::KeyMaker::device));
    auto admission = world.onboarding->admission();
    for (auto _ : state) benchmark::DoNotOptimize(admission->admit(decision->certificate->der));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Admission_admit);

}  // namespace
}  // namespace mw::onboarding

BENCHMARK_MAIN();
