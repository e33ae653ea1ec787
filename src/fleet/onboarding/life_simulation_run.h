#pragma once
// The moving parts of life_simulation.h; included once by whoever runs it.

#include <stdlib.h>

#include <filesystem>

#include "fleet/onboarding/life_simulation.h"

namespace mw::onboarding::life {

inline constexpr nanoseconds visit_every = 10 * one_day, try_again = hours{1};
inline constexpr int tries_max = 40;  // an hour apart: then it counts as locked out

inline Simulation::Simulation(Plan plan) : plan_(plan), random_(plan.seed) {
    std::string pattern = (std::filesystem::temp_directory_path() / "mw-life-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    identity::AuthorityOptions options{.directory = folder_ + "/pki"};
    options.issuing_lifetime = plan_.issuing_lifetime;
    authority_ = *identity::CertificateAuthority::open(files_, hub_clock_, random_, options);
    store_ = *registry::Registry::open(*loop_, hub_clock_, store_metrics_, {.path = ":memory:"});
    onboarding_ =
        *wait(Onboarding::open(*store_, *authority_, hub_clock_, random_, metrics_, Options{}));
    found_plant();
    for (int i = 0; i < plan_.gateways; ++i) make_gateway(i);
    // Twice the hub's own clock is wrong for some days.
    for (const nanoseconds by : {10 * one_year, -10 * one_year}) {
        const Timestamp from = begins_ + between(one_day * 30, plan_.length);
        hub_jumps_.push_back({from, from + between(hours{6}, 3 * one_day), by});
    }
}

inline void Simulation::found_plant() {
    using crypto::Profile;
    const Timestamp from = begins_ - one_day, until = begins_ + 30 * one_year;
    const auto maker = *crypto::self_sign(
        {Profile::issuing_ca, "Acme devices", {}, from, until, {}, ""}, maker_key_, random_);
    JsonArray serials;
    for (int i = 0; i < plan_.gateways; ++i) {
        const std::string number = "A-" + std::to_string(i), name = "gw-" + std::to_string(i);
        serials.push_back(JsonObject{{"number", number}, {"device", name}});
        factory_certificates_[name] =
            crypto::issue({Profile::device, "Controller", {}, from, until, {}, number},
                          factory_key_.public_key().spki(), {maker, maker_key_}, random_)
                ->der;
    }
    Resource group;
    group.kind = "EnrollmentGroup", group.name = "plant";
    const auto hours_of_grace = std::to_string(plan_.grace / hours{1}) + "h";
    group.spec = JsonObject{{"renewal_grace", hours_of_grace},
                            {"factory", JsonArray{JsonObject{{"name", "acme"},
                                                             {"ca", crypto::to_pem(maker)},
                                                             {"serials", std::move(serials)}}}}};
    const auto created = wait(store_->create(std::move(group), {"user:ada", "create", ""}));
    ASSERT(created.ok());
    token_ = wait(onboarding_->create_token({"plant", 0, 50 * one_year, "user:ada"}))->text;
}

inline void Simulation::draw_fate(Gateway& gateway) {
    const Timestamp end = begins_ + plan_.length;
    for (Timestamp at = begins_ + between({}, one_year); at < end;
         at = at + between({}, one_year)) {
        const auto most = chance() < .25 ? 200 * one_day : 10 * one_day;
        gateway.outages.push_back({at, at + between(hours{1}, most)});
    }
    for (Timestamp at = begins_ + between({}, 2 * one_year); at < end;
         at = at + between({}, 4 * one_year))
        gateway.jumps.push_back(
            {at, at + between(one_day, one_year), (chance() < .5 ? 10 : -10) * one_year});
    if (chance() < .1) {
        const Timestamp at = begins_ + between(one_day, plan_.length);
        gateway.suspensions.push_back({at, at + between(one_day, 30 * one_day)});
    }
    tally_.outages += gateway.outages.size(), tally_.jumps += gateway.jumps.size();
}

inline void Simulation::make_gateway(int number) {
    const std::string name = "gw-" + std::to_string(number);
    Gateway& gateway = fleet_[name];
    gateway.name = name;
    if (chance() < plan_.with_factory) gateway.factory_serial = "A-" + std::to_string(number);
    gateway.own->set_wall(begins_);
    gateway.seen = begins_;
    draw_fate(gateway);
    ASSERT(enroll(gateway));
    schedule(gateway, begins_ + between({}, visit_every));
}

inline void Simulation::set_time(Timestamp at) {
    hub_clock_.advance(at - now_);
    now_ = at;
    nanoseconds off{0};
    for (const Span& jump : hub_jumps_)
        if (jump.holds(at)) off = jump.by;
    hub_clock_.set_wall(at + off);
    tally_.hub_jumps += off != nanoseconds{0};
    if (at - authorities_seen_ < one_day || off != nanoseconds{0}) return;
    authorities_seen_ = at;
    keep_authorities();
}

// What the hub does each hour.
inline void Simulation::keep_authorities() {
    const auto issuing = authority_->renew_issuing_if_due();
    const auto server = authority_->renew_server_if_due();
    ASSERT(issuing.ok() && server.ok());
    tally_.rollovers += *issuing;
    if (*issuing) onboarding_->reload();
}

inline void Simulation::wrong(std::uint64_t& counter, const Gateway& gateway,
                              const std::string& what) {
    if (counter++ > 0 || !tally_.first_wrong.empty()) return;
    tally_.first_wrong = gateway.name + " on day " + std::to_string((now_ - begins_) / one_day) +
                         " (seed " + std::to_string(plan_.seed) + "): " + what;
}

// A first certificate, by factory certificate or token; or another first one, when a person said
// so.
inline bool Simulation::enroll(Gateway& gateway) {
    const auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    auto csr = *crypto::csr_from_der(*crypto::make_csr({gateway.name, {}}, key));
    est::Credentials who;
    who.peer = "192.0.2.1";
    if (gateway.factory_serial.empty())
        who.user = gateway.name, who.password = token_;
    else
        who.peer_certificate = factory_certificates_[gateway.name];
    const auto decided =
        wait(onboarding_->enroll(std::move(csr), std::move(who), est::KeyMaker::device));
    if (!decided || !decided->certificate) return false;
    const crypto::Certificate& certificate = *decided->certificate;
    gateway.before.reset();
    gateway.last = {certificate.serial, to_hex(crypto::sha256(certificate.spki)),
                    certificate.not_before, certificate.not_after};
    std::optional<agent::FactoryFiles> factory;
    if (!gateway.factory_serial.empty()) factory = {"factory.pem", "factory.key"};
    const est::Enrolled enrolled{certificate, {authority_->issuing()}, authority_->root()};
    const auto put = [&](const char* name, const std::string& text) {
        ASSERT(files::atomic_replace(*gateway.files, name, bytes_of(text)).ok());
    };
    put("factory.key", factory_key_.to_pem());
    put("factory.pem",
        crypto::to_pem(*crypto::certificate_from_der(factory_certificates_[gateway.name])));
    ASSERT(agent::drop_next(*gateway.files, "/").ok());
    ASSERT(agent::save_identity(*gateway.files, "/", DeviceId{gateway.name}, "https://hub:8444",
                                key, enrolled, factory)
               .ok());
    start(gateway);
    return true;
}

// The agent starts: what it knows is on its disk.
inline void Simulation::start(Gateway& gateway) {
    gateway.renewal.reset();
    gateway.clock = std::make_unique<agent::HubClock>(*gateway.own);
    gateway.identity =
        std::make_unique<agent::AgentIdentity>(*agent::load_identity(*gateway.files, "/"));
    const auto use = [&gateway](const agent::KeyAndChain& pair) {
        gateway.in_use = pair.certificate.der, gateway.serial_in_use = pair.certificate.serial;
    };
    use(gateway.identity->current);
    gateway.renewal = std::make_unique<agent::Renewal>(agent::Renewal::Parts{
        *gateway.files, nullptr, random_, *gateway.clock, "/", *gateway.identity,
        [this, &gateway](est::RenewOptions options, crypto::PrivateKey key) {
            return renew(gateway, std::move(options), std::move(key));
        },
        use, [] {},
        [this, &gateway]() -> Task<> {
            if (!reach(gateway)) co_return Error{Errc::io_failed, "out of reach"};
            co_return Result<>{};
        }});
}

inline bool Simulation::policy_connects(const Gateway& gateway, const std::string& serial) const {
    if (gateway.suspended) return false;
    for (const auto* given : {&gateway.last, &gateway.before})
        if (*given && (*given)->serial == serial)
            return hub_clock_.now() >= (*given)->begins && hub_clock_.now() <= (*given)->ends;
    return false;
}

inline bool Simulation::policy_renews(const Gateway& gateway, const std::string& proof_serial,
                                      const std::string& key) const {
    if (policy_connects(gateway, proof_serial)) return true;
    if (gateway.suspended || gateway.factory_serial.empty() || proof_serial != "factory")
        return false;
    // Before the maker's certificate began nobody can have one.
    if (hub_clock_.now() < begins_ - one_day) return false;
    for (const auto* given : {&gateway.last, &gateway.before})
        if (*given && (*given)->key == key) return hub_clock_.now() <= (*given)->ends + plan_.grace;
    return false;
}

// By what it holds: now, or through a renewal.
inline bool Simulation::policy_has_a_way(const Gateway& gateway) const {
    const auto& identity = *gateway.identity;
    const auto counts = [&](const agent::KeyAndChain& pair) {
        return policy_connects(gateway, pair.certificate.serial) ||
               policy_renews(gateway, "factory", to_hex(crypto::sha256(pair.certificate.spki)));
    };
    return counts(identity.current) || (identity.next && counts(*identity.next));
}

inline Task<est::Enrolled> Simulation::renew(Gateway& gateway, est::RenewOptions options,
                                             crypto::PrivateKey key) {
    const auto shown = crypto::certificates_from_pem(options.chain_pem)->front();
    const bool late = !shown.subject_serial.empty();
    auto csr = *crypto::csr_from_der(*crypto::make_csr({gateway.name, {}}, key));
    const std::string hash = to_hex(crypto::sha256(csr.spki));
    const bool expected = policy_renews(gateway, late ? "factory" : shown.serial, hash);
    auto asking = onboarding_->reenroll(std::move(csr), {{}, {}, shown.der, "192.0.2.1", ""},
                                        est::KeyMaker::device);
    auto decided = co_await std::move(asking);
    if (decided.ok() != expected)
        wrong(expected ? tally_.locked_out : tally_.let_in, gateway,
              decided ? "a renewal against policy" : decided.error().message);
    if (!decided) co_return std::move(decided).error();
    ++(late ? tally_.late_renewals : tally_.renewals);
    const crypto::Certificate& certificate = *decided->certificate;
    const std::string& replaces = late ? hash : shown.serial;
    // Which certificate it was that the new one replaced, as the hub says: the one that proved.
    if (gateway.last && (late ? gateway.last->key : gateway.last->serial) == replaces)
        gateway.before = gateway.last;
    gateway.last = {certificate.serial, hash, certificate.not_before, certificate.not_after};
    if (chance() < .03) {
        ++tally_.lost_answers;
        co_return Error{Errc::timed_out, "the answer was lost"};
    }
    co_return est::Enrolled{certificate, {authority_->issuing()}, authority_->root()};
}

// The device listener, as HubLink does it (hub_link_test): whether it is reached.
inline bool Simulation::reach(Gateway& gateway) {
    const crypto::Certificate& server = authority_->server();
    const auto good_at = [&](Timestamp at) {
        return at >= server.not_before && at <= server.not_after;
    };
    const Timestamp said = hub_clock_.now();
    const bool believed = good_at(said) && said >= gateway.identity->current.certificate.not_before;
    if (!good_at(gateway.clock->now()) && !believed) return false;
    if (believed) gateway.clock->hear(said);
    return true;
}

inline bool Simulation::hub_is_wrong() const {
    return std::ranges::any_of(hub_jumps_, [&](const Span& jump) { return jump.holds(now_); });
}

inline void Simulation::move(const Gateway& gateway, const char* event) {
    const auto moved = wait(onboarding_->move_device({gateway.name, event, "", "user:ada", ""}));
    ASSERT(moved.ok());
}

// It is on: it looks for the hub, shows what it has, and takes care of its certificate.
inline void Simulation::meet(Gateway& gateway) {
    bool connected = false;
    if (reach(gateway)) {
        const std::string serial = gateway.serial_in_use;
        connected = onboarding_->admission()->admit(gateway.in_use).ok();
        if (connected != policy_connects(gateway, serial))
            wrong(connected ? tally_.let_in : tally_.locked_out, gateway,
                  connected ? "a connection against policy" : "a connection was refused");
        tally_.connects += connected;
        connected ? gateway.renewal->connected(serial) : gateway.renewal->failed();
    } else {
        gateway.renewal->failed();
    }
    ignore(wait(gateway.renewal->step()), "the hub may refuse; the ledger has said whether it may");
    if (connected || gateway.suspended || hub_is_wrong()) {
        gateway.tries = 0;
        return schedule(gateway,
                        now_ + (connected && !gateway.identity->next ? between({}, 2 * visit_every)
                                                                     : try_again));
    }
    if (policy_has_a_way(gateway)) {
        if (++gateway.tries == tries_max)
            wrong(tally_.locked_out, gateway, "it had a way in and did not find it");
        return schedule(gateway, now_ + (gateway.tries < tries_max ? try_again : visit_every));
    }
    // Policy keeps it out: a person will come.
    ++tally_.refused_by_policy;
    gateway.readmit_at = now_ + between(one_day, 20 * one_day);
    schedule(gateway, gateway.readmit_at);
}

inline void Simulation::live(Gateway& gateway) {
    gateway.own->advance(now_ - gateway.seen);
    gateway.seen = now_;
    nanoseconds off{0};
    for (const Span& jump : gateway.jumps)
        if (jump.holds(now_)) off = jump.by;
    gateway.own->set_wall(now_ + off);
    bool suspended = false;
    for (const Span& span : gateway.suspensions) suspended = suspended || span.holds(now_);
    if (suspended != gateway.suspended) {
        move(gateway, suspended ? "suspend" : "resume");
        gateway.suspended = suspended;
        tally_.suspensions += suspended;
    }
    for (const Span& outage : gateway.outages)
        if (outage.holds(now_)) {
            if (chance() < .5) start(gateway);
            return schedule(gateway, outage.until + between({}, minutes{5}));
        }
    if (chance() < .02) start(gateway);
    if (now_ >= gateway.readmit_at && !gateway.suspended && !hub_is_wrong()) {
        move(gateway, "readmit");
        gateway.last.reset(), gateway.before.reset();
        gateway.readmit_at = Timestamp{INT64_MAX};
        ++tally_.readmitted;
        if (!enroll(gateway)) wrong(tally_.locked_out, gateway, "it was not enrolled again");
    }
    meet(gateway);
}

inline Tally Simulation::run() {
    while (!events_.empty() && events_.top().at < begins_ + plan_.length) {
        const Event event = events_.top();
        events_.pop();
        set_time(event.at);
        live(fleet_.at(event.gateway));
    }
    return tally_;
}

}  // namespace mw::onboarding::life
