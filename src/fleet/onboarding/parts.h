#pragma once
// Private to this module: the state behind Onboarding, on the control loop.

#include <map>
#include <set>

#include "fleet/onboarding/approvals.h"
#include "fleet/onboarding/csr_policy.h"
#include "fleet/onboarding/enrollment_token.h"
#include "fleet/onboarding/factory.h"
#include "fleet/onboarding/onboarding.h"
#include "fleet/onboarding/rate_table.h"

namespace mw::onboarding {

struct Instruments {
    explicit Instruments(metrics::Registry& registry)
        : enrolled(registry.counter("millwright_onboarding_certificates_total",
                                    "Certificates issued to devices", {{"kind", "first"}})),
          renewed(registry.counter("millwright_onboarding_certificates_total",
                                   "Certificates issued to devices", {{"kind", "renewal"}})),
          unrecorded(registry.counter("millwright_onboarding_refusals_unrecorded_total",
                                      "Refusals past the rate that the audit log takes")),
          signing(registry.gauge("millwright_onboarding_signatures_waiting",
                                 "Certificates that wait for a token (PKCS#11) to sign them")),
          under_way(registry.gauge("millwright_onboarding_requests_under_way",
                                   "Enrolments that are being decided")),
          registry(registry) {}
    void refused(Errc reason) {
        registry
            .counter("millwright_onboarding_refusals_total", "Refused enrolments",
                     {{"reason", std::string(to_string(reason))}})
            .add();
    }
    void limited(const char* by) {
        registry
            .counter("millwright_onboarding_limited_total",
                     "Requests refused by a rate limit, unread", {{"by", by}})
            .add();
    }
    metrics::Counter& enrolled;
    metrics::Counter& renewed;
    metrics::Counter& unrecorded;
    metrics::Gauge& signing;
    metrics::Gauge& under_way;
    metrics::Registry& registry;
};

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

inline Error busy() {
    return Error{Errc::overloaded, "this device or key is being enrolled right now; try again"};
}

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

}  // namespace mw::onboarding

namespace mw::onboarding {
// A new Device as the group describes it.
Resource made_for(const std::string& name, const Resource& group);
}  // namespace mw::onboarding

struct mw::onboarding::Onboarding::Parts {
    Parts(ResourceStore& store_, identity::CertificateAuthority& authority_, const Clock& clock_,
          Random& random_, metrics::Registry& metrics, Options options_)
        : store(store_),
          authority(authority_),
          clock(clock_),
          random(random_),
          instruments(metrics),
          options(options_),
          recorded({options.audited_refusals_per_second, options.audited_refusals_per_second}),
          by_address(options.requests_per_address),
          by_device(options.requests_per_device),
          refusals(options.refusals_per_address),
          roster(authority_.peers(), clock_) {}

    // A group's books as they stand, ahead of the store by the writes under way. Writes are made
    // in the order of their claims, and each carries the whole of both, so the last one is right.
    struct Group {
        Timestamp created;  // of the resource: a group made anew starts with empty books
        TokenBook tokens;
        Approvals approvals;
    };
    // A request for a certificate on its way: who asks, for which key, and who makes it.
    struct Ask {
        crypto::Csr csr;
        est::Credentials who;
        est::KeyMaker maker;
        std::string device;
        std::string key;  // SHA-256 of the key in the request, hex: by which it is known again
        std::optional<FactoryIdentity> factory;  // it showed its maker's certificate
        std::string actor() const { return "device:" + device; }
    };

    // deciding.cpp
    Task<est::Decision> enroll(Ask ask);
    Task<est::Decision> reenroll(Ask ask);
    Task<est::Decision> seated(Task<est::Decision> deciding, std::string peer,
                               metrics::Counter& successes);
    Task<> record_refusal(Error error, std::string actor, std::string peer);
    nanoseconds wait_for(const est::Credentials& credentials);

    // onboarding.cpp
    Task<> read_groups();

    // moves.cpp
    Task<> fill_place(Move order, Resource fresh);

    // books.cpp
    Group& books_of(const Resource& group);
    void observe(const ResourceChange& change);
    Task<> save(std::string group, AuditNote note);
    void release(const std::string& group, const std::optional<TokenText>& token);
    Task<bool> is_approved(const Ask& ask, const Resource& group);

 private:
    Result<> check(const Ask& ask, const Json& group_spec) const;
    Task<est::Decision> admit_new(Ask ask, TokenText token, Resource group);
    // Without a token: it has shown a factory certificate that the group expects.
    Task<est::Decision> admit(Ask ask, std::optional<TokenText> token, Resource group);
    Task<est::Decision> use_place(Ask ask, std::optional<TokenText> token, Resource group);
    Task<est::Decision> replace_certificate(Ask ask, Json group_spec, Json old);
    Task<est::Decision> write_device(Ask ask, Resource group);
    Task<est::Decision> certify(const Ask& ask, const Json& group_spec, const std::string& group);
    Task<crypto::Certificate> sign(identity::Draft draft);
    Result<> may_renew(const std::string& device, const Json& old) const;
    Result<Gateway> gateway_for(const Ask& ask, const Json& group_spec) const;

    // factory_deciding.cpp
    struct Expected {
        std::string group;
        FactoryIdentity factory;
    };
    void learn_makers(const Resource& group);
    bool is_of_a_maker(const crypto::Certificate& certificate) const;
    Result<Expected> expected(const crypto::Certificate& certificate,
                              const std::string& label) const;
    Task<est::Decision> enroll_by_factory(Ask ask);
    Task<est::Decision> renew_by_factory(Ask ask, crypto::Certificate shown);
    Result<> check_factory(const Ask& ask, const Enrolment* known) const;
    Result<Json> replaceable(const Ask& ask, const Json& status, const Json& group_spec) const;

 public:
    ResourceStore& store;
    identity::CertificateAuthority& authority;
    const Clock& clock;
    Random& random;
    Instruments instruments;
    Options options;
    RateTable recorded;  // refusals that become facts
    RateTable by_address, by_device, refusals;
    Roster roster;
    std::map<std::string, Group> groups;
    std::map<std::string, FactoryPolicy> factories;    // of groups that have one
    std::map<std::string, std::uint64_t> makers_read;  // of which generation of each group
    std::set<std::string> under_way;  // devices, and keys in hex: each is decided one at a time
    std::size_t at_once = 0, signing = 0;
    std::shared_ptr<void> subscription;
    std::function<void(const std::string&)> shut_out;  // may be empty
};
