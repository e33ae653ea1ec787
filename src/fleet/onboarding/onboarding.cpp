#include "fleet/onboarding/onboarding.h"

#include <map>
#include <regex>
#include <set>

#include "base/log.h"
#include "fleet/onboarding/csr_policy.h"
#include "fleet/onboarding/enrollment_token.h"
#include "trust/audit/audit.h"

namespace mw::onboarding {
namespace {

constexpr std::uint64_t uses_max = 10'000'000;
constexpr std::size_t page = 1000;

struct Instruments {
    explicit Instruments(metrics::Registry& registry)
        : enrolled(registry.counter("millwright_onboarding_certificates_total",
                                    "Certificates issued to devices", {{"kind", "first"}})),
          renewed(registry.counter("millwright_onboarding_certificates_total",
                                   "Certificates issued to devices", {{"kind", "renewal"}})),
          unrecorded(registry.counter("millwright_onboarding_refusals_unrecorded_total",
                                      "Refusals past the rate that the audit log takes")),
          under_way(registry.gauge("millwright_onboarding_requests_under_way",
                                   "Enrolments that are being decided")),
          registry(registry) {}
    void refused(Errc reason) {
        registry
            .counter("millwright_onboarding_refusals_total", "Refused enrolments",
                     {{"reason", std::string(to_string(reason))}})
            .add();
    }
    metrics::Counter& enrolled;
    metrics::Counter& renewed;
    metrics::Counter& unrecorded;
    metrics::Gauge& under_way;
    metrics::Registry& registry;
};

// So many a second, and a second's worth at once.
class Rate {
 public:
    explicit Rate(double per_second) : per_second_(per_second), left_(per_second) {}
    bool take(SteadyTime now) {
        double passed = std::chrono::duration<double>(now - last_).count();
        last_ = now;
        left_ = std::min(per_second_, left_ + passed * per_second_);
        if (left_ < 1) return false;
        left_ -= 1;
        return true;
    }

 private:
    double per_second_;
    double left_;
    SteadyTime last_;
};

Result<> check_name(const std::string& device, const Json& group_spec) {
    if (!identity::is_device_name(device))
        return Error{Errc::invalid_input,
                     "'" + device.substr(0, 63) +
                         "' is not a device name ([a-z0-9][a-z0-9._-]*, at most "
                         "63 characters)"};
    auto pattern = find_string(group_spec, "names");
    if (!pattern) return {};
    try {
        if (std::regex_match(device, std::regex{*pattern})) return {};
    } catch (const std::regex_error&) {
        return Error{Errc::denied, "the group's 'names' is not a regular expression"};
    }
    return Error{Errc::denied,
                 "the name '" + device + "' does not match the group's '" + *pattern + "'"};
}

Resource make_device(const std::string& name, const Resource& group) {
    Resource device;
    device.kind = "Device";
    device.name = name;
    device.domain = group.domain;
    device.labels = group.labels;
    if (auto site = find_string(group.spec, "site")) device.labels["site"] = *site;
    JsonObject spec;
    for (const char* key : {"profile", "asset"})
        if (auto value = find_string(group.spec, key)) spec[key] = *value;
    device.spec = std::move(spec);
    return device;
}

}  // namespace

struct Onboarding::Parts {
    Parts(ResourceStore& store_, identity::CertificateAuthority& authority_, const Clock& clock_,
          Random& random_, metrics::Registry& metrics, Options options_)
        : store(store_),
          authority(authority_),
          clock(clock_),
          random(random_),
          instruments(metrics),
          options(options_),
          refusals(options_.audited_refusals_per_second),
          roster(authority_.peers(), clock_) {}

    // A group's tokens as they stand, ahead of the store by the writes under way. Writes are made
    // in the order of their claims, and each carries the whole book, so the last one is right.
    struct Group {
        Timestamp created;  // of the resource: a group made anew starts an empty book
        TokenBook book;
    };

    TokenBook& book_of(const Resource& group) {
        auto [at, fresh] = groups.try_emplace(group.name);
        if (fresh || at->second.created < group.created)
            at->second = {group.created, TokenBook::from_status(group.status)};
        return at->second.book;
    }

    void observe(const ResourceChange& change) {
        bool deleted = change.what == ResourceChange::What::deleted;
        if (change.resource.kind == "Device")
            deleted ? roster.drop(change.resource.name) : roster.take(change.resource);
        if (change.resource.kind == "EnrollmentGroup" && deleted)
            groups.erase(change.resource.name);
    }

    Task<> save(std::string group, AuditNote note) {
        auto at = groups.find(group);
        if (at == groups.end()) co_return Error{Errc::not_found, "the enrolment group is gone"};
        auto writing = store.merge_status("EnrollmentGroup", group, at->second.book.to_status(),
                                          std::move(note));
        CO_TRY_VOID(co_await std::move(writing));
        co_return Result<>{};
    }

    void release(const TokenText& token) {
        if (auto at = groups.find(token.group); at != groups.end())
            at->second.book.release(token.hash);
    }

    Result<> check_key(const crypto::Csr& csr, const std::string& device) const {
        const std::string* holder = roster.holder(to_hex(crypto::sha256(csr.spki)));
        if (!holder || *holder == device) return {};
        return Error{Errc::conflict, "another device has this key already; make a new key"};
    }

    Task<crypto::Certificate> enroll(crypto::Csr csr, est::Credentials credentials);
    Task<crypto::Certificate> admit_new(const crypto::Csr& csr, TokenText token, Resource group,
                                        std::string device, std::string peer);
    Task<crypto::Certificate> write_device(const crypto::Csr& csr, Resource group,
                                           std::string device, std::string peer);
    Task<crypto::Certificate> reenroll(crypto::Csr csr, est::Credentials credentials);
    Task<crypto::Certificate> seated(Task<crypto::Certificate> deciding, std::string peer,
                                     metrics::Counter& successes);
    Task<> record_refusal(Error error, std::string actor, std::string peer);

    ResourceStore& store;
    identity::CertificateAuthority& authority;
    const Clock& clock;
    Random& random;
    Instruments instruments;
    Options options;
    Rate refusals;
    Roster roster;
    std::map<std::string, Group> groups;
    std::set<std::string> under_way;  // devices, and keys in hex: each is decided one at a time
    std::size_t at_once = 0;
    std::shared_ptr<void> subscription;
};

namespace {

// One enrolment at a time for a name and for a key; lives in the coroutine that decides.
class Turn {
 public:
    Turn(std::set<std::string>& under_way, std::vector<std::string> words)
        : under_way_(under_way), words_(std::move(words)) {
        for (const auto& word : words_) free_ = free_ && !under_way_.contains(word);
        if (free_) under_way_.insert(words_.begin(), words_.end());
    }
    ~Turn() {
        for (const auto& word : words_)
            if (free_) under_way_.erase(word);
    }
    Turn(const Turn&) = delete;
    bool is_mine() const { return free_; }

 private:
    std::set<std::string>& under_way_;
    std::vector<std::string> words_;
    bool free_ = true;
};

class Seat {
 public:
    Seat(std::size_t& taken, metrics::Gauge& gauge) : taken_(taken), gauge_(gauge) {
        ++taken_, gauge_.add(1);
    }
    ~Seat() { --taken_, gauge_.add(-1); }
    Seat(const Seat&) = delete;

 private:
    std::size_t& taken_;
    metrics::Gauge& gauge_;
};

Error busy() {
    return Error{Errc::overloaded, "this device or key is being enrolled right now; try again"};
}

}  // namespace

Onboarding::Onboarding(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Onboarding::~Onboarding() = default;

Task<std::unique_ptr<Onboarding>> Onboarding::open(ResourceStore& store,
                                                   identity::CertificateAuthority& authority,
                                                   const Clock& clock, Random& random,
                                                   metrics::Registry& metrics, Options options) {
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
    TokenBook& book = parts.book_of(group);
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

Task<crypto::Certificate> Onboarding::enroll(crypto::Csr csr, est::Credentials credentials) {
    std::string peer = credentials.peer;
    auto deciding = parts_->enroll(std::move(csr), std::move(credentials));
    return parts_->seated(std::move(deciding), std::move(peer), parts_->instruments.enrolled);
}

// Decides while there is a seat; a refusal is counted and noted.
Task<crypto::Certificate> Onboarding::Parts::seated(Task<crypto::Certificate> deciding,
                                                    std::string peer, metrics::Counter& successes) {
    if (at_once >= options.at_once_max) {
        instruments.refused(Errc::overloaded);
        co_return Error{Errc::overloaded, "too many devices enrol at once; try again shortly"};
    }
    Seat seat{at_once, instruments.under_way};
    auto outcome = co_await std::move(deciding);
    if (outcome) {
        successes.add();
    } else {
        auto recording = record_refusal(outcome.error(), "stranger:" + peer, peer);
        ignore(co_await std::move(recording), "the refusal stands, recorded or not");
    }
    co_return outcome;
}

Task<crypto::Certificate> Onboarding::Parts::enroll(crypto::Csr csr, est::Credentials credentials) {
    if (credentials.user.empty())
        co_return Error{
            Errc::not_found,
            "a first certificate needs HTTP Basic with the device's name and an enrolment "
            "token; to renew one, use simplereenroll"};
    CO_TRY(auto token, parse_token_text(credentials.password));
    auto reading = store.get("EnrollmentGroup", token.group);
    auto group = co_await std::move(reading);
    if (!group && group.error().code == Errc::not_found)
        co_return Error{Errc::not_found, "the enrolment token is not known"};
    if (!group) co_return std::move(group).error();
    auto admitting = admit_new(csr, token, *std::move(group), credentials.user, credentials.peer);
    co_return co_await std::move(admitting);
}

Task<crypto::Certificate> Onboarding::Parts::admit_new(const crypto::Csr& csr, TokenText token,
                                                       Resource group, std::string device,
                                                       std::string peer) {
    CO_TRY(auto limits, GroupLimits::from_spec(group.spec));
    // Whoever has no live token learns nothing about names, keys and devices.
    if (!book_of(group).is_alive(token.hash, clock.now())) {
        auto refused = book_of(group).claim(token.hash, limits, clock.now());
        ASSERT(!refused);
        co_return std::move(refused).error();
    }
    CO_TRY_VOID(check_name(device, group.spec));
    CO_TRY_VOID(check_request(csr, device, options.rsa_bits_min));
    CO_TRY_VOID(check_key(csr, device));
    std::string key = to_hex(crypto::sha256(csr.spki));
    Turn turn{under_way, {device, key}};
    if (!turn.is_mine()) co_return busy();
    const Enrolment* known = roster.find(device);
    bool again = known && !known->serial.empty() && known->key == key && known->group == group.name;
    if (known && !known->serial.empty() && !again)
        co_return Error{Errc::conflict, "device '" + device +
                                            "' is enrolled already; renew with its "
                                            "certificate, or delete the device first"};
    if (again && limits.expires > clock.now()) {
        // The answer to a first request was lost: the same device with the same key asks once more.
        auto writing = write_device(csr, std::move(group), device, peer);
        co_return co_await std::move(writing);
    }
    CO_TRY_VOID(book_of(group).claim(token.hash, limits, clock.now()));
    auto saving = save(group.name, {"device:" + device, "enroll.token.used", "from " + peer});
    auto saved = co_await std::move(saving);
    if (!saved) {
        release(token);
        co_return std::move(saved).error();
    }
    auto writing = write_device(csr, std::move(group), device, peer);
    auto outcome = co_await std::move(writing);
    if (!outcome) release(token);
    co_return outcome;
}

Task<crypto::Certificate> Onboarding::Parts::write_device(const crypto::Csr& csr, Resource group,
                                                          std::string device, std::string peer) {
    CO_TRY(auto certificate, authority.issue_device(device, csr.spki));
    AuditNote note{"device:" + device, std::string(audit::action::enroll),
                   "group " + group.name + ", serial " + certificate.serial + ", from " + peer};
    JsonObject status{{"state", "enrolled"},
                      {"group", group.name},
                      {"enrolled", to_iso8601(clock.now())},
                      {"certificate", certificate_status(certificate)}};
    if (roster.find(device)) {  // made by people beforehand: their spec stays
        auto merging = store.merge_status("Device", device, std::move(status), std::move(note));
        CO_TRY_VOID(co_await std::move(merging));
        co_return certificate;
    }
    Resource fresh = make_device(device, group);
    fresh.status = std::move(status);
    auto creating = store.create(std::move(fresh), std::move(note));
    auto created = co_await std::move(creating);
    if (created) co_return certificate;
    // The group's profile or asset is gone: not the device's fault, and not for it to mend.
    if (created.error().code == Errc::invalid_input)
        co_return Error{Errc::denied, "enrolment group '" + group.name +
                                          "' cannot make devices: " + created.error().message};
    co_return std::move(created).error();
}

Task<crypto::Certificate> Onboarding::reenroll(crypto::Csr csr, est::Credentials credentials) {
    std::string peer = credentials.peer;
    auto deciding = parts_->reenroll(std::move(csr), std::move(credentials));
    return parts_->seated(std::move(deciding), std::move(peer), parts_->instruments.renewed);
}

Task<crypto::Certificate> Onboarding::Parts::reenroll(crypto::Csr csr,
                                                      est::Credentials credentials) {
    if (credentials.peer_certificate.empty())
        co_return Error{Errc::not_found,
                        "renewal needs the client certificate that is to be replaced; "
                        "for a first one, use simpleenroll"};
    CO_TRY(auto old, crypto::certificate_from_der(credentials.peer_certificate));
    CO_TRY(auto principal, roster.admission()->admit(old));
    if (principal.kind != identity::Principal::Kind::device)
        co_return Error{Errc::denied, "the client certificate is not a device's"};
    const std::string device = principal.name;
    CO_TRY_VOID(check_request(csr, device, options.rsa_bits_min));
    CO_TRY_VOID(check_key(csr, device));
    Turn turn{under_way, {device, to_hex(crypto::sha256(csr.spki))}};
    if (!turn.is_mine()) co_return busy();
    CO_TRY(auto certificate, authority.issue_device(device, csr.spki));
    AuditNote note{
        "device:" + device, "renew",
        "serial " + certificate.serial + " for " + old.serial + ", from " + credentials.peer};
    JsonObject status{{"state", "enrolled"},
                      {"certificate", certificate_status(certificate)},
                      {"previous_certificate", certificate_status(old)}};
    auto merging = store.merge_status("Device", device, std::move(status), std::move(note));
    CO_TRY_VOID(co_await std::move(merging));
    co_return certificate;
}

Task<> Onboarding::Parts::record_refusal(Error error, std::string actor, std::string peer) {
    instruments.refused(error.code);
    if (error.code == Errc::cancelled) co_return Result<>{};
    if (!refusals.take(clock.steady())) {
        instruments.unrecorded.add();
        co_return Result<>{};
    }
    AuditNote note{std::move(actor), std::string(audit::action::enroll_refused),
                   audit::one_line(error.message + " (from " + peer + ")")};
    auto noting = store.note(std::move(note));
    co_return co_await std::move(noting);
}

std::vector<crypto::Certificate> Onboarding::authorities() const {
    return {parts_->authority.issuing(), parts_->authority.root()};
}

std::shared_ptr<const Admission> Onboarding::admission() const {
    return parts_->roster.admission();
}

void Onboarding::reload() { parts_->roster.trust(parts_->authority.peers()); }

}  // namespace mw::onboarding
