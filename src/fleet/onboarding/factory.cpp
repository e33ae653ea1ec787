#include "fleet/onboarding/factory.h"

#include <algorithm>

namespace mw::onboarding {
namespace {

Error bad_maker(const std::string& name, const std::string& why) {
    return Error{Errc::invalid_input, "spec.factory '" + name + "': " + why};
}

}  // namespace

Result<FactoryPolicy::Maker> FactoryPolicy::read_maker(const Json& entry) {
    Maker maker;
    TRY(maker.name, want_string(entry, "name"));
    TRY(const auto pem, want_string(entry, "ca"));
    auto authorities = crypto::certificates_from_pem(pem);
    if (!authorities) return bad_maker(maker.name, "ca: " + authorities.error().message);
    for (const auto& authority : *authorities) {
        if (!authority.is_ca)
            return bad_maker(
                maker.name, "ca: '" + authority.subject_cn + "' is no certificate of an authority");
        maker.issuers.push_back(authority.subject_cn);
    }
    // Devices show their own certificate alone, so whoever signed it is among these, root or not.
    auto trust = crypto::TrustStore::make(*authorities, {}, crypto::Chains::to_any_anchor);
    if (!trust) return bad_maker(maker.name, trust.error().message);
    maker.trust.emplace(*std::move(trust));
    const Json* serials = find(entry, "serials");
    if (!serials || !serials->is_array()) return maker;
    for (const Json& each : serials->get_array()) {
        TRY(const auto number, want_string(each, "number"));
        maker.serials[std::string(number)] = find_string(each, "device").value_or("");
    }
    return maker;
}

Result<FactoryPolicy> FactoryPolicy::from_spec(const Json& spec) {
    FactoryPolicy policy;
    const Json* list = find(spec, "factory");
    if (!list || !list->is_array()) return policy;
    for (const Json& entry : list->get_array()) {
        TRY(auto maker, read_maker(entry));
        policy.makers_.push_back(std::move(maker));
    }
    return policy;
}

bool FactoryPolicy::knows_issuer(const crypto::Certificate& certificate) const {
    return std::ranges::any_of(makers_, [&](const Maker& maker) {
        return std::ranges::find(maker.issuers, certificate.issuer_cn) != maker.issuers.end();
    });
}

Result<FactoryIdentity> FactoryPolicy::recognise(const crypto::Certificate& certificate,
                                                 Timestamp at) const {
    Error refusal{Errc::denied,
                  "the maker of the factory certificate is not registered here "
                  "(spec.factory of an enrolment group)"};
    if (certificate.is_ca)
        return Error{Errc::denied, "the client certificate is an authority's and names no device"};
    for (const Maker& maker : makers_) {
        if (std::ranges::find(maker.issuers, certificate.issuer_cn) == maker.issuers.end())
            continue;
        auto verified = maker.trust->verify(certificate, at, crypto::Purpose::client);
        if (!verified) {
            refusal = Error{Errc::denied, "factory " + verified.error().message};
            continue;
        }
        const std::string& serial = certificate.subject_serial;
        if (serial.empty())
            return Error{Errc::denied, "the factory certificate of '" + maker.name +
                                           "' has no serialNumber in its subject"};
        const auto at_serial = maker.serials.find(serial);
        if (at_serial == maker.serials.end())
            return Error{Errc::denied, "serial number '" + serial.substr(0, 64) + "' of '" +
                                           maker.name + "' is not on the group's list"};
        return FactoryIdentity{maker.name, serial, at_serial->second};
    }
    return refusal;
}

Json factory_status(const FactoryIdentity& factory, ByteView certificate) {
    return JsonObject{{"maker", factory.maker},
                      {"serial", factory.serial},
                      {"fingerprint", to_hex(crypto::sha256(certificate))}};
}

std::string factory_of(const Json& device_status) {
    const auto maker = find_string(device_status, "factory.maker");
    const auto serial = find_string(device_status, "factory.serial");
    return maker && serial ? *maker + " " + *serial : std::string();
}

}  // namespace mw::onboarding
