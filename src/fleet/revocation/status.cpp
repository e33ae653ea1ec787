// What is told to everybody: lists, answers about single certificates, and our own staple.
#include <algorithm>

#include "base/log.h"
#include "fleet/revocation/revocation.h"

namespace mw::revocation {
namespace {

constexpr nanoseconds lists_looked_at_every = hours{1};
constexpr nanoseconds base_every = hours{1};
constexpr unsigned published = 0644;
constexpr std::uint64_t list_bytes_max = std::uint64_t{256} << 20;

// The number goes on where the last list stopped, also after a restart, and after a backup was
// restored: it is the time in seconds unless that would go back.
std::uint64_t number_on_disk(files::Files& files, const std::string& path,
                             const crypto::Certificate& issuing) {
    const auto bytes = files::read_all(files, path, list_bytes_max);
    if (!bytes) return 0;
    const auto list = crypto::revocation_list_from_der(*bytes, issuing);
    return list ? list->number : 0;
}

// On a worker: signed, and kept beside the authority for whoever publishes it elsewhere too.
Result<ocsp::Lists> lists_of(files::Files& files, const std::string& path, crypto::ListOrder full,
                             crypto::ListOrder delta,
                             const identity::CertificateAuthority::Signing& by) {
    const std::uint64_t before = number_on_disk(files, path, by.certificate);
    full.number = delta.number = std::max(full.number, before + 1);
    if (delta.delta_of == std::uint64_t{0}) delta.delta_of = full.number;
    ocsp::Lists lists;
    lists.number = full.number, lists.made = full.this_update, lists.next_update = full.next_update;
    lists.revoked = full.revoked.size(), lists.issuer = by.certificate.der;
    TRY(lists.full, crypto::make_revocation_list(full, {by.certificate, by.key}));
    TRY(lists.delta, crypto::make_revocation_list(delta, {by.certificate, by.key}));
    TRY_VOID(files::atomic_replace(files, path, lists.full, published));
    return lists;
}

}  // namespace

// What this authority signed and what has not been over for long.
crypto::ListOrder Desk::next_order() const {
    const Timestamp now = parts_.clock.now();
    crypto::ListOrder order;
    order.number = std::max<std::uint64_t>(
        last_number_ + 1, std::uint64_t(std::max<std::int64_t>(now.ns, 0)) / 1'000'000'000);
    order.this_update = now, order.next_update = now + options_.list_lifetime;
    order.delta_at = options_.delta_at;
    return order;
}

// The full list, and what the oldest list that is still in date did not have yet.
Desk::Plan Desk::plan_lists() {
    const auto& book = parts_.authority.book().all();
    const std::string issuer = to_hex(parts_.authority.issuing().subject_key_id);
    Plan plan{next_order(), next_order(), book.size()};
    const Timestamp now = plan.full.this_update;
    while (bases_.size() > 1 && now - bases_[1].made >= options_.list_lifetime) bases_.pop_front();
    plan.delta.delta_of = bases_.empty() ? 0 : bases_.front().number;
    const std::size_t since = bases_.empty() ? book.size() : bases_.front().revoked;
    for (std::size_t i = 0; i < book.size(); ++i) {
        const auto& each = book[i];
        const auto serial = crypto::serial_number_of(each.serial);
        const bool over = each.not_after + options_.expired_kept < now;
        if (!serial || over || each.issuer != issuer) continue;
        plan.full.revoked.push_back({*serial, each.at, each.reason});
        if (i >= since) plan.delta.revoked.push_back(plan.full.revoked.back());
    }
    return plan;
}

Task<> Desk::make_lists(bool always) {
    const std::size_t wanted = parts_.authority.book().size();
    while (making_) CO_TRY_VOID(co_await made_.wait());
    if (!always && covered_ >= wanted) co_return Result<>{};  // those made meanwhile have it
    Turn turn{making_, made_};
    Plan plan = plan_lists();
    const std::size_t count = plan.count;
    auto work =
        [&files = parts_.files, path = files::join(parts_.authority.directory(), "issuing.crl"),
         full = std::move(plan.full), delta = std::move(plan.delta),
         by = parts_.authority.signing()] { return lists_of(files, path, full, delta, by); };
    CO_TRY(auto made, co_await parts_.workers.run(std::move(work)));
    last_number_ = made.number, covered_ = count;
    on_list_.set(double(made.revoked));
    // Some hours apart is enough for the bases of deltas; the newest is always one.
    const std::size_t size = bases_.size();
    if (size >= 2 && bases_[size - 1].made - bases_[size - 2].made < base_every) bases_.pop_back();
    bases_.push_back({made.number, made.made, count});
    lists_.set(std::make_shared<const ocsp::Lists>(std::move(made)));
    co_return Result<>{};
}

crypto::StatusVerdict Desk::judge(const crypto::SerialNumber& serial) const {
    using Status = crypto::StatusVerdict::Status;
    const auto& authority = parts_.authority;
    const std::string hex = to_hex(ByteView{serial.bytes}.first(serial.size));
    if (const auto* known = authority.book().find(hex))
        return {Status::revoked, known->at, known->reason};
    if (authority.is_listed(serial))  // by the operator: when, only their list knows
        return {Status::revoked, authority.issuing().not_before,
                crypto::RevocationReason::unspecified};
    if (hex == authority.server().serial || authority.keys().has_issued(serial))
        return {Status::good, {}, {}};
    return {};
}

Result<Bytes> Desk::answer(ByteView request) {
    const SteadyTime now = parts_.clock.steady();
    answers_left_ = std::min(
        options_.answers_per_second,
        answers_left_ + double((now - answered_).count()) * 1e-9 * options_.answers_per_second);
    answered_ = now;
    TRY(const auto asked, crypto::StatusRequest::from_der(request));
    if (answers_left_ < 1)
        return Error{Errc::overloaded, "too many status requests; try again shortly"};
    answers_left_ -= 1;
    const auto by = parts_.authority.signing();
    const Timestamp from = parts_.clock.now();
    return asked.answer({by.certificate, by.key},
                        [this](const crypto::SerialNumber& serial) { return judge(serial); },
                        {from, from + options_.answer_lifetime});
}

Result<> Desk::renew_staple() {
    const auto by = parts_.authority.signing();
    TRY(const auto request,
        crypto::StatusRequest::about(parts_.authority.server(), by.certificate));
    TRY(const auto asked, crypto::StatusRequest::from_der(request));
    const Timestamp from = parts_.clock.now();
    TRY(auto response,
        asked.answer({by.certificate, by.key},
                     [this](const crypto::SerialNumber& serial) { return judge(serial); },
                     {from, from + options_.staple_lifetime}));
    staple_.set(std::make_shared<const Bytes>(std::move(response)));
    return {};
}

Task<> Desk::keep_lists() {
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(lists_looked_at_every));
        Result<> outcome = renew_staple();
        const auto current = lists_.get();
        const Timestamp now = parts_.clock.now();
        // A clock that was set back makes a list look as if it came from the future.
        const bool due =
            !current || now < current->made || now - current->made >= options_.list_renewal;
        if (outcome && due) {
            auto making = make_lists(true);
            outcome = co_await std::move(making);
        }
        if (!outcome) log::error("revocation.lists.not_renewed", {{"reason", outcome.error()}});
    }
}

}  // namespace mw::revocation
