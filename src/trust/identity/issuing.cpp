// From an order to a certificate: what it says, who signs it, and the record of it.
#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "trust/identity/authority.h"

namespace mw::identity {
namespace {

constexpr std::size_t serial_size = 16;

std::string in_lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

// Serial numbers are drawn on the control loop, whoever signs.
class DrawnBefore final : public Random {
 public:
    explicit DrawnBefore(ByteView bytes) : bytes_(bytes) {}
    void fill(std::span<std::uint8_t> bytes) override {
        ASSERT(bytes.size() <= bytes_.size());
        std::ranges::copy(bytes_.first(bytes.size()), bytes.begin());
        bytes_ = bytes_.subspan(bytes.size());
    }

 private:
    ByteView bytes_;
};

Result<> check_life(const crypto::Certificate& issuer, Timestamp now) {
    if (now >= issuer.not_after)
        return Error{Errc::io_failed,
                     "the issuing authority has expired; remove issuing.pem and "
                     "issuing.key, put root.key back and restart"};
    if (now < issuer.not_before)
        return Error{Errc::io_failed, "this machine's clock says " + to_iso8601(now) +
                                          ", before the issuing authority was made; set it"};
    return {};
}

}  // namespace

bool Draft::is_signed_elsewhere() const { return by->key.is_elsewhere(); }

Result<crypto::Certificate> Draft::sign() const {
    DrawnBefore random{serial};
    auto certificate = crypto::issue(order, spki, {by->certificate, by->key}, random);
    if (!certificate && is_signed_elsewhere())  // it may be back soon: not the asker's fault
        return Error{Errc::timed_out, "the issuing authority's key can't be reached: " +
                                          certificate.error().message};
    return certificate;
}

Result<Draft> CertificateAuthority::draft_device(const DeviceOrder& order) {
    TRY_VOID(not_our_names(order));
    return draft_client(order.is_gateway ? Purpose::gateways : Purpose::devices, order);
}

Result<crypto::Certificate> CertificateAuthority::issue_device(const DeviceOrder& order) {
    TRY(const Draft draft, draft_device(order));
    TRY(auto certificate, draft.sign());
    TRY_VOID(settle(draft, certificate));
    return certificate;
}

Result<crypto::Certificate> CertificateAuthority::issue_user(std::string_view user, ByteView spki,
                                                             nanoseconds lifetime) {
    TRY(const Draft draft, draft_client(Purpose::operators, {user, spki, lifetime}));
    TRY(auto certificate, draft.sign());
    TRY_VOID(settle(draft, certificate));
    return certificate;
}

// Whoever has a certificate for the hub's name below the hub's root is the hub to every device.
Result<> CertificateAuthority::not_our_names(const DeviceOrder& order) const {
    const auto is_ours = [](const std::vector<std::string>& ours, const std::string& name) {
        return std::ranges::find(ours, name, in_lower_case) != ours.end();
    };
    const auto refuse = [](const std::string& name) {
        return Error{Errc::denied, "'" + name + "' is the hub's own; no gateway serves at it"};
    };
    for (const auto& name : order.serves.dns)
        if (is_ours(options_.server_names, name)) return refuse(name);
    for (const auto& address : order.serves.addresses)
        if (is_ours(options_.server_addresses, address)) return refuse(address);
    return {};
}

Result<Draft> CertificateAuthority::draft_client(Purpose purpose, const DeviceOrder& wanted) {
    const std::string name(wanted.name);
    if (!is_device_name(name))
        return Error{Errc::invalid_input,
                     "'" + name.substr(0, 63) + "' is not a resource name ([a-z0-9][a-z0-9._-]*)"};
    using crypto::Profile;
    const auto kind =
        purpose == Purpose::operators ? Principal::Kind::user : Principal::Kind::device;
    const Profile profile = purpose == Purpose::operators  ? Profile::person
                            : purpose == Purpose::gateways ? Profile::gateway
                                                           : Profile::device;
    const nanoseconds lifetime =
        wanted.lifetime > nanoseconds{0} ? wanted.lifetime : options_.device_lifetime;
    TRY(const IssuingLine* line, line_for(purpose, wanted.group, wanted.site));
    const crypto::Certificate& issuer = line->certificate();
    const Timestamp now = clock_.now();
    TRY_VOID(check_life(issuer, now));
    Draft draft{{profile,
                 name,
                 {wanted.serves.dns, wanted.serves.addresses, {urn(kind, name)}, {}},
                 std::max(now - options_.clock_slack, issuer.not_before),
                 std::min(now + lifetime, issuer.not_after),
                 told_status(issuer)},
                Bytes(wanted.spki.begin(), wanted.spki.end()),
                Bytes(serial_size),
                line->signing(),
                std::string(to_string(kind))};
    if (wanted.is_gateway) draft.order.names.uris.push_back(gateway_urn(name));
    random_.fill(draft.serial);
    return draft;
}

Result<> CertificateAuthority::settle(const Draft& draft, const crypto::Certificate& certificate) {
    return record(certificate, draft.kind, draft.by->certificate);
}

Result<crypto::Certificate> CertificateAuthority::issue_signing(std::string_view purpose,
                                                                ByteView spki,
                                                                nanoseconds lifetime) {
    const Timestamp now = clock_.now();
    TRY(const IssuingLine* line, line_for(Purpose::code, {}, {}));
    const Signing& by = *line->signing();
    crypto::CertificateOrder order{crypto::Profile::code_signing,
                                   std::string(purpose),
                                   {},
                                   std::max(now - options_.clock_slack, by.certificate.not_before),
                                   std::min(now + lifetime, by.certificate.not_after),
                                   told_status(by.certificate)};
    TRY(auto certificate, crypto::issue(order, spki, {by.certificate, by.key}, random_));
    TRY_VOID(record(certificate, "signing", by.certificate));
    return certificate;
}

// Not synced: the device's status (data/registry) is the durable record, this one answers "which
// certificates did this authority ever sign" even when the registry is lost.
Result<> CertificateAuthority::record(const crypto::Certificate& certificate,
                                      std::string_view profile, const crypto::Certificate& issuer) {
    const auto key = crypto::sha256(certificate.spki);
    std::string line = to_json(JsonObject{{"time", to_iso8601(clock_.now())},
                                          {"serial", certificate.serial},
                                          {"profile", profile},
                                          {"subject", certificate.subject_cn},
                                          {"not_after", to_iso8601(certificate.not_after)},
                                          {"fingerprint", to_hex(certificate.fingerprint)},
                                          {"key", to_hex(key)},
                                          {"issuer", to_hex(issuer.subject_key_id)}});
    line += '\n';
    if (auto written = issued_log_->append(bytes_of(line)); !written)
        return std::move(written).error().context("record the certificate");
    ++issued_;
    if (const auto serial = crypto::serial_number_of(certificate.serial)) keys_.add_serial(*serial);
    keys_.add(key, std::string(profile) + ":" + certificate.subject_cn);
    return {};
}

crypto::StatusUrls CertificateAuthority::told_status(const crypto::Certificate& issuer) const {
    constexpr std::string_view place = "{issuer}";
    crypto::StatusUrls told = options_.status;
    for (std::string* url : {&told.list, &told.authority})
        if (const auto at = url->find(place); at != url->npos)
            url->replace(at, place.size(), issuer.serial);
    return told;
}

}  // namespace mw::identity
