#include "fleet/onboarding/roster.h"

#include "fleet/onboarding/factory.h"
#include "fleet/onboarding/gateway.h"
#include "fleet/onboarding/lifecycle.h"

namespace mw::onboarding {

Enrolment enrolment_of(const Resource& device) {
    auto text = [&](std::string_view path) {
        return find_string(device.status, path).value_or("");
    };
    std::string state = device_state(device);
    const bool may_connect = may(state, "connect");
    return {device.domain,
            text("group"),
            text("certificate.serial"),
            text("previous_certificate.serial"),
            text("certificate.key"),
            factory_of(device.status),
            std::move(state),
            may_connect,
            gateway_line(device.spec)};
}

JsonObject certificate_status(const crypto::Certificate& certificate) {
    return {{"serial", certificate.serial},
            {"fingerprint", to_hex(certificate.fingerprint)},
            {"key", to_hex(crypto::sha256(certificate.spki))},
            {"not_before", to_iso8601(certificate.not_before)},
            {"not_after", to_iso8601(certificate.not_after)}};
}

Admission::Admission(identity::Peers peers, const Clock& clock)
    : peers_(std::make_shared<const identity::Peers>(std::move(peers))),
      clock_(clock),
      shards_(std::make_shared<const Shards>()) {}

std::size_t Admission::shard_of(const std::string& device) {
    return std::hash<std::string>{}(device)&255;
}

void Admission::publish(const std::string& device, std::optional<Enrolment> enrolment) {
    auto before = shards_.load();
    auto shards = std::make_shared<Shards>(*before);
    auto& slot = (*shards)[shard_of(device)];
    auto shard = slot ? std::make_shared<Enrolments>(*slot) : std::make_shared<Enrolments>();
    if (enrolment)
        (*shard)[device] = *std::move(enrolment);
    else
        shard->erase(device);
    slot = std::move(shard);
    shards_.store(std::move(shards));
}

Result<identity::Principal> Admission::admit(ByteView der) const {
    if (der.empty()) return Error{Errc::denied, "there is no client certificate"};
    auto certificate = crypto::certificate_from_der(der);
    if (!certificate) return Error{Errc::denied, certificate.error().message};
    return admit(*certificate);
}

Result<identity::Principal> Admission::admit(const crypto::Certificate& certificate) const {
    return check(certificate, true);
}

Result<identity::Principal> Admission::recognise(const crypto::Certificate& certificate) const {
    return check(certificate, false);
}

Result<identity::Principal> Admission::check(const crypto::Certificate& certificate,
                                             bool connects) const {
    TRY(auto principal, peers_.load()->principal(certificate, clock_.now()));
    if (principal.kind != identity::Principal::Kind::device) return principal;
    auto shards = shards_.load();
    const auto& shard = (*shards)[shard_of(principal.name)];
    auto refuse = [&](const char* why) {
        return Error{Errc::denied, "device '" + principal.name + "' " + why};
    };
    if (!shard) return refuse("does not exist");
    auto found = shard->find(principal.name);
    if (found == shard->end()) return refuse("does not exist");
    const auto& enrolment = found->second;
    if (enrolment.serial != certificate.serial && enrolment.previous_serial != certificate.serial)
        return refuse("has another certificate now; enrol it again");
    if (connects && !enrolment.may_connect) return refuse(("is " + enrolment.state).c_str());
    principal.domain = enrolment.domain;
    return principal;
}

Roster::Roster(identity::Peers peers, const Clock& clock)
    : admission_(std::make_shared<Admission>(std::move(peers), clock)) {}

void Roster::take(const Resource& device) {
    auto enrolment = enrolment_of(device);
    auto [at, fresh] = devices_.try_emplace(device.name);
    // Most changes of a device's status say nothing about its certificate.
    if (!fresh && at->second == enrolment) return;
    forget(at->second);
    if (!enrolment.key.empty()) keys_[enrolment.key] = device.name;
    if (!enrolment.factory.empty()) factories_[enrolment.factory] = device.name;
    at->second = enrolment;
    admission_->publish(device.name, std::move(enrolment));
}

void Roster::drop(const std::string& device) {
    auto at = devices_.find(device);
    if (at == devices_.end()) return;
    forget(at->second);
    devices_.erase(at);
    admission_->publish(device, {});
}

void Roster::forget(const Enrolment& enrolment) {
    if (!enrolment.key.empty()) keys_.erase(enrolment.key);
    if (!enrolment.factory.empty()) factories_.erase(enrolment.factory);
}

void Roster::trust(identity::Peers peers) {
    admission_->peers_.store(std::make_shared<const identity::Peers>(std::move(peers)));
}

const Enrolment* Roster::find(const std::string& device) const {
    auto at = devices_.find(device);
    return at == devices_.end() ? nullptr : &at->second;
}

const std::string* Roster::holder_of_factory(const std::string& factory) const {
    auto at = factories_.find(factory);
    return at == factories_.end() ? nullptr : &at->second;
}

const std::string* Roster::holder(const std::string& key) const {
    auto at = keys_.find(key);
    return at == keys_.end() ? nullptr : &at->second;
}

}  // namespace mw::onboarding
