// What is told to everybody: lists, answers about single certificates, and our own staple.
#include <algorithm>

#include "base/log.h"
#include "fleet/revocation/revocation.h"

namespace mw::revocation {
namespace {

constexpr nanoseconds lists_looked_at_every = hours{1};
constexpr nanoseconds lists_tried_again = seconds{30};
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

}  // namespace

// On a worker: signed, and kept beside the authority for whoever publishes it elsewhere too. An
// authority whose key can't be reached goes without; the default one's lists have to be.
Result<std::vector<ocsp::Lists>> Desk::made_lists(files::Files& files, Plan plan) {
    std::uint64_t number = 0;
    for (const auto& each : plan.lists)
        number = std::max(
            {number, each.full.number, number_on_disk(files, each.path, each.by.certificate) + 1});
    std::vector<ocsp::Lists> all;
    for (auto& each : plan.lists) {
        each.full.number = each.delta.number = number;
        if (each.delta.delta_of == std::uint64_t{0}) each.delta.delta_of = number;
        const crypto::Signer by{each.by.certificate, each.by.key};
        ocsp::Lists lists;
        lists.number = number, lists.made = each.full.this_update;
        lists.next_update = each.full.next_update, lists.revoked = each.full.revoked.size();
        lists.issuer = each.by.certificate.der, lists.issuer_serial = each.by.certificate.serial;
        auto full = crypto::make_revocation_list(each.full, by);
        auto delta = crypto::make_revocation_list(each.delta, by);
        if (!full || !delta) {
            const Error why = full ? delta.error() : full.error();
            if (all.empty()) return why;
            log::error("revocation.list.not_made",
                       {{"authority", each.by.certificate.subject_cn}, {"reason", why}});
            continue;
        }
        lists.full = *std::move(full), lists.delta = *std::move(delta);
        TRY_VOID(files::atomic_replace(files, each.path, lists.full, published));
        all.push_back(std::move(lists));
    }
    return all;
}

std::shared_ptr<const ocsp::Lists> Desk::lists_by(std::string_view issuer) const {
    for (const auto& each : all_lists_)
        if (each->issuer_serial == issuer) return each;
    return nullptr;
}

// What this authority signed and what has not been over for long.
crypto::ListOrder Desk::next_order(const std::string& issuer) const {
    constexpr std::string_view place = "{issuer}";
    const Timestamp now = parts_.clock.now();
    crypto::ListOrder order;
    order.number = std::max<std::uint64_t>(
        last_number_ + 1, std::uint64_t(std::max<std::int64_t>(now.ns, 0)) / 1'000'000'000);
    order.this_update = now, order.next_update = now + options_.list_lifetime;
    order.delta_at = options_.delta_at;
    if (const auto at = order.delta_at.find(place); at != order.delta_at.npos)
        order.delta_at.replace(at, place.size(), issuer);
    return order;
}

// The full list, and what the oldest list that is still in date did not have yet.
Desk::ListPlan Desk::plan_of(identity::CertificateAuthority::Signing by, std::string path) const {
    const auto& book = parts_.authority.book().all();
    const std::string issuer = to_hex(by.certificate.subject_key_id);
    const auto order = next_order(by.certificate.serial);
    ListPlan plan{std::move(by), std::move(path), order, order};
    plan.delta.delta_of = bases_.empty() ? 0 : bases_.front().number;
    const std::size_t since = bases_.empty() ? book.size() : bases_.front().revoked;
    for (std::size_t i = 0; i < book.size(); ++i) {
        const auto& each = book[i];
        const auto serial = crypto::serial_number_of(each.serial);
        const bool over = each.not_after + options_.expired_kept < order.this_update;
        if (!serial || over || each.issuer != issuer) continue;
        plan.full.revoked.push_back({*serial, each.at, each.reason});
        if (i >= since) plan.delta.revoked.push_back(plan.full.revoked.back());
    }
    return plan;
}

Desk::Plan Desk::plan_lists() {
    const auto& authority = parts_.authority;
    const Timestamp now = parts_.clock.now();
    // A new authority, of whichever line, has no list yet that a delta could add to.
    std::string issuers;
    for (const auto& each : authority.all_issuing()) issuers += each.serial + " ";
    if (issuers != listed_issuers_) bases_.clear();
    while (bases_.size() > 1 && now - bases_[1].made >= options_.list_lifetime) bases_.pop_front();
    const auto at = [&](const std::string& name) {
        return files::join(authority.directory(), name);
    };
    Plan plan{{}, authority.book().size(), std::move(issuers)};
    for (auto& each : authority.list_signers())
        plan.lists.push_back(plan_of(std::move(each.by), at(each.list)));
    return plan;
}

Task<> Desk::make_lists(bool always) {
    const std::size_t wanted = parts_.authority.book().size();
    while (making_) CO_TRY_VOID(co_await made_.wait());
    if (!always && covered_ >= wanted) co_return Result<>{};  // those made meanwhile have it
    Turn turn{making_, made_};
    Plan plan = plan_lists();
    const std::size_t count = plan.count;
    std::string issuers = std::move(plan.issuers);
    auto work = [&files = parts_.files, plan = std::move(plan)] { return made_lists(files, plan); };
    CO_TRY(auto made, co_await parts_.workers.run(std::move(work)));
    const Timestamp at = made.front().made;
    last_number_ = made.front().number, covered_ = count;
    listed_issuers_ = std::move(issuers);
    // Some hours apart is enough for the bases of deltas; the newest is always one.
    const std::size_t size = bases_.size();
    if (size >= 2 && bases_[size - 1].made - bases_[size - 2].made < base_every) bases_.pop_back();
    bases_.push_back({last_number_, at, count});
    std::size_t revoked = 0;
    all_lists_.clear();
    for (auto& each : made) {
        revoked += each.revoked;
        all_lists_.push_back(std::make_shared<const ocsp::Lists>(std::move(each)));
    }
    on_list_.set(double(revoked));
    lists_.set(all_lists_.front());
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

// Each authority answers for what it issued.
identity::CertificateAuthority::Signing Desk::signer_for(const crypto::StatusRequest& asked) const {
    if (!asked.is_about_one_of(parts_.authority.issuing()))
        for (auto& each : parts_.authority.list_signers())
            if (asked.is_about_one_of(each.by.certificate)) return std::move(each.by);
    return parts_.authority.signing();
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
    const auto by = signer_for(asked);
    const Timestamp from = parts_.clock.now();
    return asked.answer({by.certificate, by.key},
                        [this](const crypto::SerialNumber& serial) { return judge(serial); },
                        {from, from + options_.answer_lifetime});
}

Result<> Desk::renew_staple() {
    const auto by = parts_.authority.signing_for(identity::Purpose::servers);
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
        CO_TRY_VOID(co_await sleep_for(lists_failed_ ? lists_tried_again : lists_looked_at_every));
        Result<> outcome = renew_staple();
        const auto current = lists_.get();
        const Timestamp now = parts_.clock.now();
        // A clock that was set back makes a list look as if it came from the future.
        const bool due = !current || now < current->made ||
                         now - current->made >= options_.list_renewal ||
                         covered_ < parts_.authority.book().size();
        if (outcome && due) {
            auto making = make_lists(true);
            outcome = co_await std::move(making);
        }
        if (!outcome && !lists_failed_)
            log::error("revocation.lists.not_renewed", {{"reason", outcome.error()}});
        lists_failed_ = !outcome;
    }
}

}  // namespace mw::revocation
