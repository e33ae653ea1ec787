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

// A list with that many entries.
std::string long_list(const Authority& authority, std::int64_t entries) {
    ListOrder order;
    order.this_update = samples::now, order.next_update = samples::now + samples::day;
    for (std::int64_t i = 0; i < entries; ++i) {
        Bytes serial(16, 0x55);
        for (std::size_t k = 0; k < 8; ++k) serial[8 + k] = std::uint8_t(i * 7919 >> 8 * k);
        order.revoked.push_back(
            {*serial_number_from(serial), samples::now, RevocationReason::cessation_of_operation});
    }
    const auto der = make_revocation_list(order, {authority.issuing, authority.issuing_key});
    return revocation_list_to_pem(*der);
}

void RevocationList_make(benchmark::State& state) {
    Authority authority;
    for (auto _ : state) benchmark::DoNotOptimize(long_list(authority, state.range(0)));
}
BENCHMARK(RevocationList_make)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

// From PEM to what is asked: what a reload does on a worker.
void RevocationList_load(benchmark::State& state) {
    Authority authority;
    const std::string pem = long_list(authority, state.range(0));
    for (auto _ : state)
        benchmark::DoNotOptimize(Revocations::from_pem(pem, authority.issuing).ok());
}
BENCHMARK(RevocationList_load)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

// What each handshake and each session costs.
void Revocations_contains(benchmark::State& state) {
    Authority authority;
    const auto device = authority.device("gw", *PrivateKey::generate(KeyKind::p256));
    const auto revoked =
        Revocations::from_pem(long_list(authority, state.range(0)), authority.issuing);
    for (auto _ : state) benchmark::DoNotOptimize(revoked->contains(ByteView{device.der}));
}
BENCHMARK(Revocations_contains)->Arg(1'000)->Arg(100'000);

// With one more, as each revocation publishes it.
void Revocations_add_one(benchmark::State& state) {
    Authority authority;
    const auto revoked =
        Revocations::from_pem(long_list(authority, state.range(0)), authority.issuing);
    const SerialNumber one = *serial_number_of("4242424242424242");
    for (auto _ : state) {
        Revocations next = *revoked;
        next.add({&one, 1});
        benchmark::DoNotOptimize(next.size());
    }
}
BENCHMARK(Revocations_add_one)->Arg(100'000)->Unit(benchmark::kMillisecond);

void Ocsp_answer(benchmark::State& state) {
    Authority authority;
    const auto device = authority.device("gw", *PrivateKey::generate(KeyKind::p256));
    const Bytes request = *StatusRequest::about(device, authority.issuing, Bytes(16, 1));
    const auto judge = [](const SerialNumber&) {
        return StatusVerdict{StatusVerdict::Status::good};
    };
    for (auto _ : state) {
        const auto read = StatusRequest::from_der(request);
        benchmark::DoNotOptimize(read->answer({authority.issuing, authority.issuing_key}, judge,
                                              {samples::now, samples::now + samples::day}));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Ocsp_answer);

}  // namespace
}  // namespace mw::crypto

BENCHMARK_MAIN();
