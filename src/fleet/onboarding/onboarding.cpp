#include "fleet/onboarding/onboarding.h"

#include "base/log.h"
#include "fleet/onboarding/parts.h"
#include "trust/audit/audit.h"

namespace mw::onboarding {
namespace {

constexpr std::uint64_t uses_max = 10'000'000;
constexpr std::size_t page = 1000;

}  // namespace

// Who waits for an operator must be known before anybody asks.
Task<> Onboarding::Parts::read_groups() {
    ListQuery query;
    query.kind = "EnrollmentGroup";
    query.limit = page;
    do {
        auto listing = store.list(query);
        CO_TRY(const auto found, co_await std::move(listing));
        for (const Resource& group : found.items) books_of(group), learn_makers(group);
        query.continue_from = found.continue_from;
    } while (!query.continue_from.empty());
    co_return Result<>{};
}

Onboarding::Onboarding(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Onboarding::~Onboarding() = default;

Task<std::unique_ptr<Onboarding>> Onboarding::open(ResourceStore& store,
                                                   identity::CertificateAuthority& authority,
                                                   const Clock& clock, Random& random,
                                                   metrics::Registry& metrics, Options options) {
    CO_TRY_VOID(authority.load_keys());
    auto parts = std::make_unique<Parts>(store, authority, clock, random, metrics, options);
    Parts* observer = parts.get();
    // Listening first: what changes while we read is taken in order, and reading takes what it
    // finds only where nothing newer came.
    std::set<std::string> changed;
    parts->subscription = store.subscribe([&changed, observer](const ResourceChange& change) {
        if (change.resource.kind == "Device") changed.insert(change.resource.name);
        observer->observe(change);
    });
    ListQuery query;
    query.kind = "Device";
    query.limit = page;
    do {
        auto listing = store.list(query);
        CO_TRY(auto devices, co_await std::move(listing));
        for (const auto& device : devices.items)
            if (!changed.contains(device.name)) parts->roster.take(device);
        query.continue_from = devices.continue_from;
    } while (!query.continue_from.empty());
    auto reading = parts->read_groups();
    CO_TRY_VOID(co_await std::move(reading));
    // From here on without the two locals of this coroutine.
    parts->subscription =
        store.subscribe([observer](const ResourceChange& change) { observer->observe(change); });
    log::info("onboarding.roster.loaded", {{"devices", parts->roster.size()}});
    co_return std::unique_ptr<Onboarding>(new Onboarding(std::move(parts)));
}

Task<Token> Onboarding::create_token(TokenOrder order) {
    Parts& parts = *parts_;
    auto reading = parts.store.get("EnrollmentGroup", order.group);
    CO_TRY(auto group, co_await std::move(reading));
    CO_TRY(auto limits, GroupLimits::from_spec(group.spec));
    auto now = parts.clock.now();
    if (limits.expires <= now)
        co_return Error{Errc::invalid_input, "the enrolment group expired at " +
                                                 to_iso8601(limits.expires) +
                                                 "; change spec.expires"};
    TokenBook& book = parts.books_of(group).tokens;
    if (book.enrolled() >= limits.max_uses)
        co_return Error{Errc::invalid_input, "the enrolment group is full; raise spec.max_uses"};
    auto lifetime = order.lifetime > nanoseconds{0} ? order.lifetime : parts.options.token_lifetime;
    TokenRecord record;
    record.created = now;
    record.expires = limits.expires - now < lifetime ? limits.expires : now + lifetime;
    record.uses = std::min(limits.max_uses - book.enrolled(), uses_max);
    if (order.uses > 0) record.uses = std::min(record.uses, order.uses);
    record.uses_left = record.uses;
    Token token{make_token_text(order.group, parts.random), record.expires, record.uses};
    record.hash = crypto::sha256(bytes_of(token.text));
    CO_TRY_VOID(book.add(record, now));
    AuditNote note{order.actor, std::string(audit::action::enroll_token_issued),
                   std::to_string(token.uses) + " uses until " + to_iso8601(token.expires)};
    auto saving = parts.save(order.group, std::move(note));
    CO_TRY_VOID(co_await std::move(saving));
    co_return token;
}

namespace {

Onboarding::Parts::Ask ask_of(crypto::Csr csr, est::Credentials who, est::KeyMaker maker) {
    // A key that only fills its place may be the same in many requests.
    Bytes known_by = csr.spki;
    if (maker == est::KeyMaker::hub)
        known_by.insert(known_by.end(), who.user.begin(), who.user.end());
    std::string key = to_hex(crypto::sha256(known_by)), device = who.user;
    return {std::move(csr), std::move(who), maker, std::move(device), std::move(key), {}};
}

}  // namespace

Task<est::Decision> Onboarding::enroll(crypto::Csr csr, est::Credentials who, est::KeyMaker maker) {
    std::string peer = who.peer;
    auto deciding = parts_->enroll(ask_of(std::move(csr), std::move(who), maker));
    return parts_->seated(std::move(deciding), std::move(peer), parts_->instruments.enrolled);
}

Task<est::Decision> Onboarding::reenroll(crypto::Csr csr, est::Credentials who,
                                         est::KeyMaker maker) {
    std::string peer = who.peer;
    auto deciding = parts_->reenroll(ask_of(std::move(csr), std::move(who), maker));
    return parts_->seated(std::move(deciding), std::move(peer), parts_->instruments.renewed);
}

nanoseconds Onboarding::wait_for(const est::Credentials& who) { return parts_->wait_for(who); }

Task<> Onboarding::refused(Error error, est::Credentials who) {
    std::string actor = "stranger:" + who.peer;
    return parts_->record_refusal(std::move(error), std::move(actor), std::move(who.peer));
}

Task<est::KeyWish> Onboarding::key_wish(std::string label) {
    if (!identity::is_device_name(label)) co_return KeyPolicy{}.best();
    auto reading = parts_->store.get("EnrollmentGroup", std::move(label));
    const auto group = co_await std::move(reading);
    // A stranger does not learn which groups there are.
    if (!group && group.error().code == Errc::not_found) co_return KeyPolicy{}.best();
    if (!group) co_return group.error();
    CO_TRY(const auto policy, KeyPolicy::from_spec(group->spec));
    est::KeyWish wish = policy.best();
    wish.uses = gateway_uses(group->spec);
    co_return wish;
}

std::vector<crypto::Certificate> Onboarding::authorities() const {
    auto all = parts_->authority.current_issuing();
    all.push_back(parts_->authority.root());
    return all;
}

std::shared_ptr<const Admission> Onboarding::admission() const {
    return parts_->roster.admission();
}

void Onboarding::reload() { parts_->roster.trust(parts_->authority.peers()); }

}  // namespace mw::onboarding
