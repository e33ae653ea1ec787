#include <benchmark/benchmark.h>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::Authority;

void Sha256_hash(benchmark::State& state) {
    Bytes bytes(static_cast<std::size_t>(state.range(0)), 1);
    for (auto _ : state) benchmark::DoNotOptimize(sha256(bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Sha256_hash)->Arg(32)->Arg(1 << 20);

// Parse a request, check its signature, build and sign the certificate: one whole issuance.
void Certificate_issue_from_request(benchmark::State& state) {
    Authority authority;
    auto request = *make_csr({"gw-1", {}}, *PrivateKey::generate(KeyKind::p256));
    auto order = Authority::order(Profile::device, "gw-1", 90);
    order.names.uris = {"urn:millwright:device:gw-1"};
    for (auto _ : state) {
        auto csr = csr_from_der(request);
        benchmark::DoNotOptimize(
            issue(order, csr->spki, {authority.issuing, authority.issuing_key}, authority.random));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Certificate_issue_from_request);

void Csr_parse_and_verify(benchmark::State& state) {
    auto request = *make_csr({"gw-1", {}}, *PrivateKey::generate(KeyKind::p256));
    for (auto _ : state) benchmark::DoNotOptimize(csr_from_der(request));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Csr_parse_and_verify);

void Certificate_parse(benchmark::State& state) {
    Authority authority;
    for (auto _ : state) benchmark::DoNotOptimize(certificate_from_der(authority.issuing.der));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Certificate_parse);

void TrustStore_verify(benchmark::State& state) {
    Authority authority;
    auto device = authority.device("gw", *PrivateKey::generate(KeyKind::p256));
    std::vector<Certificate> root = {authority.root}, between = {authority.issuing};
    auto store = *TrustStore::make(root, between);
    for (auto _ : state) benchmark::DoNotOptimize(store.verify(device, samples::now));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(TrustStore_verify);

}  // namespace
}  // namespace mw::crypto

BENCHMARK_MAIN();
