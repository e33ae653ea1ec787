#include "device/agent/renewal.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace mw::agent {
namespace {

constexpr nanoseconds look_every = minutes{10}, ask_time_every = hours{6};
constexpr nanoseconds ask_again_min = seconds{30}, ask_again_max = hours{1};
constexpr int doublings_max = 7;

}  // namespace

Timestamp renewal_due(const crypto::Certificate& certificate) {
    std::uint32_t word = 0;
    std::memcpy(&word, certificate.fingerprint.data(), sizeof word);
    const double chance = static_cast<double>(word) / 4294967296.0;
    const auto life = static_cast<double>((certificate.not_after - certificate.not_before).count());
    return certificate.not_before +
           nanoseconds{static_cast<std::int64_t>(life / 2 + life / 6 * chance)};
}

Renewal::Renewal(Parts parts) : parts_(std::move(parts)) {
    // A restart while the next one was being tried.
    if (parts_.identity.next) uses_next_ = true, parts_.use(*parts_.identity.next);
}

template <class F>
auto Renewal::on_worker(F work) -> Task<typename std::invoke_result_t<F>::value_type> {
    if (!parts_.workers) co_return work();
    auto working = parts_.workers->run(std::move(work));
    co_return co_await std::move(working);
}

Task<> Renewal::run() {
    for (;;) {
        wake_.reset();
        auto stepping = step();
        auto outcome = co_await std::move(stepping);
        if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome);
        if (!outcome) log::warn("edge.certificate.not_renewed", {{"reason", outcome.error()}});
        auto waited = co_await within(look_every, wake_.wait());
        if (!waited && waited.error().code == Errc::cancelled) co_return std::move(waited);
    }
}

void Renewal::connected(const std::string& serial) {
    if (const auto& next = parts_.identity.next) {
        if (next->certificate.serial == serial)
            proof_ = Proof::next_works;
        else if (next_failed_)
            proof_ = Proof::next_fails;
        else if (uses_next_)
            parts_.reconnect();  // it came while this session was being opened
    }
    wake_.set();  // if nothing else, the hub's time is known now
}

// Whichever was used, the other one may do; nothing is thrown away before one has worked.
void Renewal::failed() {
    if (const auto& next = parts_.identity.next) {
        next_failed_ = next_failed_ || uses_next_;
        uses_next_ = !uses_next_;
        parts_.use(uses_next_ ? *next : parts_.identity.current);
    }
    wake_.set();  // it may have ended
}

Task<> Renewal::step() {
    auto settling = settle();
    CO_TRY_VOID(co_await std::move(settling));
    // A session may stand for months, and the hub's clock may have been wrong when it began.
    if (parts_.clock.steady() - time_asked_at_ > ask_time_every) {
        time_asked_at_ = parts_.clock.steady();
        auto asking = parts_.ask_time();
        const auto asked = co_await std::move(asking);
        if (!asked && asked.error().code == Errc::cancelled) co_return asked;
    }
    // Our own clock decides nothing: without the hub there is nobody to ask either.
    if (!parts_.clock.is_known()) co_return Result<>{};
    const crypto::Certificate& mine = parts_.identity.current.certificate;
    const Timestamp now = parts_.clock.now();
    // A next one is being tried, unless both have ended while the hub was away: then neither will
    // be taken again.
    const auto& next = parts_.identity.next;
    if (next && (now < next->certificate.not_after || now < mine.not_after)) co_return Result<>{};
    if (now < renewal_due(mine) || parts_.clock.steady() < ask_not_before_) co_return Result<>{};
    const bool ended = now >= mine.not_after;
    if (ended && !parts_.identity.factory) {
        if (!std::exchange(told_ended_, true))
            log::error("edge.certificate.ended",
                       {{"at", to_iso8601(mine.not_after)},
                        {"next_step", "millwright device readmit " + parts_.identity.device.text +
                                          ", then millwright-edge enroll into another folder"}});
        co_return Result<>{};
    }
    auto renewing = renew(ended);
    auto outcome = co_await std::move(renewing);
    if (outcome || outcome.error().code != Errc::cancelled) wait_before_asking(outcome.ok());
    co_return outcome;
}

Task<> Renewal::settle() {
    const Proof proof = std::exchange(proof_, Proof::none);
    if (proof == Proof::none || !parts_.identity.next) co_return Result<>{};
    files::Files& files = parts_.files;
    if (proof == Proof::next_fails) {
        log::warn("edge.certificate.not_taken",
                  {{"serial", parts_.identity.next->certificate.serial},
                   {"why", "the hub refused it, and takes the old one"}});
        auto dropping =
            on_worker([&files, where = parts_.directory] { return drop_next(files, where); });
        CO_TRY_VOID(co_await std::move(dropping));
        parts_.identity.next.reset();
        uses_next_ = false;
        co_return Result<>{};
    }
    auto promoting = on_worker([&files, where = parts_.directory, next = *parts_.identity.next] {
        return promote_next(files, where, next);
    });
    CO_TRY_VOID(co_await std::move(promoting));
    parts_.identity.current = *std::exchange(parts_.identity.next, std::nullopt);
    uses_next_ = false;
    log::info("edge.certificate.renewed",
              {{"serial", parts_.identity.current.certificate.serial},
               {"until", to_iso8601(parts_.identity.current.certificate.not_after)}});
    co_return Result<>{};
}

// In time: by the certificate, for a new key. Too late: by the factory certificate, and the request
// is signed by the key of the one that ended, which proves that it was ours (ADR 0017). If two have
// ended, the hub may know the one or the other: their keys take turns.
Task<> Renewal::renew(bool ended) {
    files::Files& files = parts_.files;
    const AgentIdentity identity = parts_.identity;
    const std::string where = parts_.directory;
    const bool by_next = identity.next && !next_key_failed_;
    next_key_failed_ = by_next;  // until it did not
    auto reading =
        on_worker([&files, identity, where, ended, by_next]() -> Result<crypto::PrivateKey> {
            const KeyAndChain& last = by_next ? *identity.next : identity.current;
            if (ended) return crypto::PrivateKey::from_pem(last.key_pem);
            return next_key(files, where, identity.current);
        });
    CO_TRY(auto key, co_await std::move(reading));
    auto proving = on_worker([&files, identity, ended]() -> Result<KeyAndChain> {
        if (ended) return read_factory(files, *identity.factory);
        return identity.current;
    });
    CO_TRY(const auto proof, co_await std::move(proving));
    est::RenewOptions options;
    options.url = identity.hub;
    options.device = identity.device.text;
    options.anchors_pem = identity.anchors_pem;
    options.chain_pem = proof.chain_pem;
    options.key_pem = proof.key_pem;
    auto asking = parts_.ask(std::move(options), key);
    CO_TRY(const auto enrolled, co_await std::move(asking));
    const bool replaces = identity.next && !by_next;  // a pair of another key
    auto saving = on_worker([&files, where, key, enrolled, replaces]() -> Result<KeyAndChain> {
        if (replaces) TRY_VOID(drop_next(files, where));
        return save_next(files, where, key, enrolled);
    });
    CO_TRY(parts_.identity.next, co_await std::move(saving));
    next_key_failed_ = false;
    told_ended_ = false;
    uses_next_ = true, next_failed_ = false;
    parts_.use(*parts_.identity.next);
    parts_.reconnect();
    co_return Result<>{};
}

// Doubles after each failure; half of it is chance.
void Renewal::wait_before_asking(bool well) {
    failures_ = well ? 0 : std::min(failures_ + 1, doublings_max);
    nanoseconds wait =
        well ? ask_again_max : std::min(ask_again_max, ask_again_min * (1 << failures_));
    const auto half = static_cast<std::uint64_t>(wait.count() / 2);
    wait = nanoseconds{static_cast<std::int64_t>(half + parts_.random.below(half + 1))};
    ask_not_before_ = parts_.clock.steady() + wait;
}

}  // namespace mw::agent
