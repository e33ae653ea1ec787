// Load for bench/audit.py: facts through the registry's own door, durable; the export checked;
// proofs; random edits. Prints one JSON object.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "data/registry/registry.h"
#include "platform/files/files.h"
#include "trust/audit/audit_samples.h"

namespace {

using namespace mw;

double seconds_since(SteadyTime began, const Clock& clock) {
    return double((clock.steady() - began).count()) * 1e-9;
}

struct Load {
    explicit Load(const std::string& path)
        : registry(*registry::Registry::open(*loop, clock, metrics, {.path = path})),
          signer(std::make_shared<audit::SampleSigner>(1, clock.now())),
          trust(signer->trust()) {
        registry->sign_heads_with(signer);
    }

    // Notes one fact after the other, each durable before the next.
    Task<> writer(std::uint64_t& left) {
        while (left > 0) {
            --left;
            AuditNote note{"hub", "rollout.wave",
                           "pump 3.1 to 5 of 50 devices of line-7: canaries were healthy for 30m",
                           "A.8.32,MANAGE 4.1"};
            CO_TRY_VOID(co_await registry->note(std::move(note)));
        }
        co_return Result<>{};
    }
    // Facts per second.
    double append(std::uint64_t count, int writers) {
        auto left = count;
        const auto began = clock.steady();
        Scope scope(*loop);
        for (int i = 0; i < writers; ++i) scope.spawn(writer(left));
        ASSERT(sync_wait(*loop, scope.join()).ok() && scope.failures() == 0);
        return double(count) / seconds_since(began, clock);
    }
    std::uint64_t export_to(const std::string& path) {
        auto file = *files.open(path, files::Mode::write);
        ASSERT(file->truncate(0).ok());
        registry::ExportCursor at;
        at.size = sync_wait(*loop, registry->sign_head())->size;
        std::uint64_t bytes = 0;
        while (!at.ended) {
            auto part = sync_wait(*loop, registry->export_part(at));
            ASSERT(part.ok() && file->append(part->bytes).ok());
            bytes += part->bytes.size();
            at = part->next;
        }
        return bytes;
    }
    // Facts per second of a check of the file, from the page cache.
    double verify(const std::string& path, std::uint64_t facts) {
        const auto began = clock.steady();
        audit::LogVerifier verifier(&trust);
        auto file = *files.open(path, files::Mode::read);
        Bytes piece(std::size_t{1} << 20);
        for (std::uint64_t at = 0;;) {
            const auto got = *file->read_at(at, piece);
            if (got == 0) break;
            ASSERT(verifier.feed(ByteView(piece).first(got)).ok());
            at += got;
        }
        const auto verdict = verifier.finish();
        ASSERT(verdict.ok() && verdict->facts >= facts);
        return double(verdict->facts) / seconds_since(began, clock);
    }
    // Largest proof in bytes of JSON, and the mean time of one in microseconds.
    std::pair<std::size_t, double> prove(std::uint64_t facts, int count, Random& random) {
        std::size_t largest = 0;
        const auto began = clock.steady();
        for (int i = 0; i < count; ++i) {
            const auto proof = sync_wait(*loop, registry->prove(1 + random.below(facts)));
            ASSERT(proof.ok() && audit::verify(*proof, signer->chain(), trust).ok());
            largest = std::max(largest, mw::to_json(audit::to_json(*proof)).size());
        }
        return {largest, seconds_since(began, clock) / count * 1e6};
    }
    std::size_t largest_growth(const std::vector<audit::Head>& heads) {
        std::size_t largest = 0;
        for (const auto& from : heads) {
            const auto growth = sync_wait(*loop, registry->growth(from.size, 0));
            ASSERT(growth.ok());
            const audit::GrowthProof proof{from, growth->to, growth->path};
            ASSERT(audit::verify(proof, signer->chain(), signer->chain(), trust).ok());
            largest = std::max(largest, mw::to_json(audit::to_json(proof)).size());
        }
        return largest;
    }

    RealClock clock;
    metrics::Registry metrics;
    files::RealFiles files;
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<registry::Registry> registry;
    std::shared_ptr<audit::SampleSigner> signer;
    crypto::TrustStore trust;
};

struct Edits {
    std::uint64_t made = 0, found = 0;
    std::string missed;
};

Edits edits(std::uint64_t count, std::uint64_t seed) {
    const audit::SampleSigner signer(2);
    const auto trust = signer.trust();
    const auto log = audit::SampleLog(2'000, 700, signer).bytes(signer);
    const auto starts = audit::record_starts(log);
    SeededRandom random(seed);
    Edits outcome;
    while (outcome.made < count) {
        auto edited = log;
        const auto name = audit::edit(edited, starts, random);
        if (name.empty()) continue;
        ++outcome.made;
        audit::LogVerifier verifier(&trust);
        const bool accepted = verifier.feed(edited).ok() && verifier.finish().ok();
        if (!accepted) ++outcome.found;
        if (accepted && outcome.missed.empty()) outcome.missed = name;
    }
    return outcome;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "audit_load DIRECTORY FACTS EDITS\n";
        return 2;
    }
    const std::string folder = argv[1];
    const auto facts = std::strtoull(argv[2], nullptr, 10);
    const auto edit_count = std::strtoull(argv[3], nullptr, 10);
    constexpr std::uint64_t seed = 20'261'122;
    constexpr int rounds = 5, writers = 4'000;
    Load load(folder + "/registry.db");
    std::vector<audit::Head> heads;
    const auto began = load.clock.steady();
    JsonArray rates;
    for (int i = 0; i < rounds; ++i) {
        rates.emplace_back(std::uint64_t(load.append(facts / rounds, writers)));
        heads.push_back(*sync_wait(*load.loop, load.registry->sign_head()));
    }
    const auto append_seconds = seconds_since(began, load.clock);
    const auto bytes = load.export_to(folder + "/audit.mwaudit");
    double verified = 0;
    for (int i = 0; i < 3; ++i)
        verified = std::max(verified, load.verify(folder + "/audit.mwaudit", facts));
    SeededRandom random(seed);
    const auto [proof, proof_us] = load.prove(facts, 200, random);
    const auto growth = load.largest_growth(heads);
    const auto stored = sync_wait(*load.loop, load.registry->verify_audit());
    ASSERT(stored.ok() && *stored >= facts);
    const auto edited = edits(edit_count, seed);
    std::cout << mw::to_json(
                     JsonObject{{"facts", facts},
                                {"facts_per_s", std::uint64_t(double(facts) / append_seconds)},
                                {"facts_per_s_by_round", std::move(rates)},
                                {"writers", writers},
                                {"export_bytes", bytes},
                                {"verified_per_s", std::uint64_t(verified)},
                                {"proof_bytes_max", proof},
                                {"consistency_bytes_max", growth},
                                {"proof_us", std::uint64_t(proof_us)},
                                {"edits", edited.made},
                                {"edits_found", edited.found},
                                {"first_missed", edited.missed},
                                {"seed", seed}})
              << std::endl;
    return 0;
}
