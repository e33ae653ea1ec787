#include "trust/identity/authority.h"

#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "base/log.h"
#include "trust/identity/key_places.h"
#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr unsigned secret = 0600;
constexpr unsigned published = 0644;
constexpr nanoseconds revocation_warning = hours{24} * 3;  // before lists end
constexpr std::uint64_t lists_bytes_max = std::uint64_t{64} << 20;
constexpr nanoseconds keys_kept = hours{24} * 400;  // past the end of their certificate

std::string in_lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
    std::ranges::sort(names);
    return names;
}

}  // namespace

CertificateAuthority::CertificateAuthority(files::Files& files, const Clock& clock, Random& random,
                                           AuthorityOptions options)
    : files_(files), clock_(clock), random_(random), options_(std::move(options)) {}
CertificateAuthority::~CertificateAuthority() = default;

Result<std::unique_ptr<CertificateAuthority>> CertificateAuthority::open(files::Files& files,
                                                                         const Clock& clock,
                                                                         Random& random,
                                                                         AuthorityOptions options) {
    std::unique_ptr<CertificateAuthority> authority{
        new CertificateAuthority(files, clock, random, std::move(options))};
    TRY_VOID(files.make_directories(authority->options_.directory, 0700));
    TRY_VOID(authority->read_files());
    TRY_VOID(authority->open_book());
    TRY(authority->issued_log_,
        files.open(authority->path("issued.jsonl"), files::Mode::write, secret));
    return authority;
}

Result<> CertificateAuthority::read_files() {
    TRY_VOID(open_root());
    TRY_VOID(open_former());
    TRY_VOID(open_issuing());
    TRY_VOID(open_peers());
    return open_server();
}

Result<> CertificateAuthority::open_book() {
    std::vector<Revocation> found;
    TRY(revocation_file_, RevocationFile::open(files_, path("revoked.jsonl"), found));
    revoke(found);
    return {};
}

std::string CertificateAuthority::path(std::string_view file) const {
    return files::join(options_.directory, file);
}

Result<> CertificateAuthority::open_root() {
    TRY(auto pair, read_pair(files_, path("root"), options_.token));
    root_key_ = std::move(pair.key);
    if (pair.certificate) {
        root_ = *std::move(pair.certificate);
        return {};
    }
    TRY(auto issuing, files_.size(path("issuing.pem")));
    if (issuing) return does_not_fit(path("root.pem"), "it is missing and issuing.pem is there");
    if (!root_key_) {
        TRY(root_key_, make_key(files_, path("root")));
    }
    // Names that differ between installations: some programs look authorities up by name alone.
    Bytes tag(4);
    random_.fill(tag);
    crypto::CertificateOrder order{crypto::Profile::root_ca,
                                   options_.organisation + " root " + to_hex(tag),
                                   {},
                                   clock_.now() - options_.clock_slack,
                                   clock_.now() + options_.root_lifetime};
    TRY(root_, crypto::self_sign(order, *root_key_, random_));
    TRY_VOID(write_certificate(files_, path("root"), root_));
    log::info("identity.root.made", {{"name", root_.subject_cn}, {"pin", root_pin()}});
    return {};
}

Result<> CertificateAuthority::open_issuing() {
    TRY(auto pair, read_pair(files_, path("issuing"), options_.token));
    issuing_key_ = std::move(pair.key);
    if (pair.certificate) {
        if (!issuing_key_)
            return does_not_fit(path("issuing.key"), "it is missing and issuing.pem is there");
        issuing_ = *std::move(pair.certificate);
        TRY(auto trust, crypto::TrustStore::make({&root_, 1}));
        auto verified = trust.verify(issuing_, clock_.now());
        if (!verified) return does_not_fit(path("issuing.pem"), verified.error().message);
        return {};
    }
    if (!root_key_)
        return does_not_fit(path("root.key"), "it is needed to make an issuing authority");
    if (!issuing_key_) {
        TRY(issuing_key_, make_key(files_, path("issuing")));
    }
    std::string name = root_.subject_cn;
    if (auto at = name.find(" root "); at != name.npos) name.replace(at, 6, " issuing ");
    if (!former_.empty()) {  // names that differ, as above
        Bytes tag(2);
        random_.fill(tag);
        name += " " + to_hex(tag);
    }
    crypto::CertificateOrder order{
        crypto::Profile::issuing_ca,
        name,
        {},
        clock_.now() - options_.clock_slack,
        std::min(clock_.now() + options_.issuing_lifetime, root_.not_after)};
    TRY(issuing_,
        crypto::issue(order, issuing_key_->public_key().spki(), {root_, *root_key_}, random_));
    TRY_VOID(write_certificate(files_, path("issuing"), issuing_));
    log::info("identity.issuing.made", {{"name", issuing_.subject_cn}});
    return {};
}

Result<> CertificateAuthority::open_former() {
    TRY(const auto text, read_text(files_, path("former.pem"), pem_bytes_max));
    if (!text) return {};
    auto all = crypto::certificates_from_pem(*text);
    if (!all) return does_not_fit(path("former.pem"), all.error().message);
    std::erase_if(*all, [&](const auto& each) { return each.not_after < clock_.now(); });
    former_ = *std::move(all);
    former_keys_.clear();
    for (const auto& each : former_) {
        auto pair = read_pair(files_, path("issuing-" + each.serial), options_.token);
        if (!pair || !pair->key)  // it lets in all the same; nobody hears of what is revoked of it
            log::warn("identity.former.no_key",
                      {{"name", each.subject_cn},
                       {"reason", pair ? "its key is not there" : pair.error().message}});
        former_keys_.push_back(pair ? std::move(pair->key) : std::nullopt);
    }
    return {};
}

Result<bool> CertificateAuthority::renew_issuing_if_due() {
    if (clock_.now() + options_.issuing_renewal < issuing_.not_after) return false;
    // The root's own end is as far as anything goes.
    if (root_.not_after - issuing_.not_after < options_.issuing_renewal) return false;
    if (!root_key_)
        return Error{Errc::denied, "the issuing authority ends at " +
                                       to_iso8601(issuing_.not_after) + "; put " +
                                       path("root.key") + " back to make the next one"};
    TRY(const auto elsewhere, key_uri(files_, path("issuing")));
    if (elsewhere)
        return Error{Errc::denied, "the issuing authority ends at " +
                                       to_iso8601(issuing_.not_after) + "; its key is at " +
                                       *elsewhere +
                                       ", so the next one is for people to make: millwright ca "
                                       "request, sign, install"};
    // What is to be trusted is on disk before anything goes. Cut short in between, the next start
    // makes the new one.
    if (std::ranges::find(former_, issuing_) == former_.end()) {
        former_.push_back(issuing_);
        former_keys_.push_back(issuing_key_);
    }
    TRY_VOID(files::atomic_replace(files_, path("former.pem"), bytes_of(crypto::to_pem(former_)),
                                   published));
    // Its key stays, to sign lists of what it issued.
    TRY_VOID(rename_pair(files_, path("issuing"), path("issuing-" + issuing_.serial)));
    TRY_VOID(open_issuing());
    TRY_VOID(open_peers());
    TRY_VOID(make_server());
    return true;
}

Result<> CertificateAuthority::open_peers() {
    std::vector<crypto::Certificate> all{issuing_};
    all.insert(all.end(), former_.begin(), former_.end());
    TRY(const auto pem, read_text(files_, path("crl.pem"), lists_bytes_max));
    if (pem) {
        auto read = crypto::Revocations::from_pem(*pem, all);
        if (!read) return std::move(read).error().context(path("crl.pem"));
        listed_ = *std::move(read);
        if (revocations_end() - revocation_warning < clock_.now())
            log::warn("identity.revocations.end",
                      {{"file", path("crl.pem")}, {"at", to_iso8601(revocations_end())}});
    }
    TRY(auto peers, Peers::make(root_, all, all_revoked()));
    peers_ = std::make_unique<Peers>(std::move(peers));
    return {};
}

crypto::Revocations CertificateAuthority::all_revoked() const {
    crypto::Revocations all = listed_;
    all.add(own_serials_);
    return all;
}

void CertificateAuthority::revoke(std::span<const Revocation> revocations) {
    if (revocations.empty()) return;
    book_.add(revocations);
    std::vector<crypto::SerialNumber> serials;
    for (const Revocation& each : revocations)
        if (const auto serial = crypto::serial_number_of(each.serial)) serials.push_back(*serial);
    own_serials_.insert(own_serials_.end(), serials.begin(), serials.end());
    *peers_ = peers_->with_more(serials);
}

Result<> CertificateAuthority::reload() {
    TRY(auto fresh, reopening()());
    return adopt(std::move(fresh));
}

CertificateAuthority::Reopening CertificateAuthority::reopening() const {
    return [&files = files_, &clock = clock_, &random = random_,
            options = options_]() -> Result<std::unique_ptr<CertificateAuthority>> {
        std::unique_ptr<CertificateAuthority> fresh{
            new CertificateAuthority(files, clock, random, options)};
        TRY_VOID(fresh->read_files());
        return fresh;
    };
}

Result<> CertificateAuthority::adopt(std::unique_ptr<CertificateAuthority> fresh) {
    if (!(fresh->root_ == root_))
        return Error{Errc::conflict, path("root.pem") +
                                         ": it is another root now, which makes another hub of "
                                         "this one. Put the old one back, or restart"};
    root_key_ = std::move(fresh->root_key_);
    issuing_key_ = std::move(fresh->issuing_key_);
    issuing_ = std::move(fresh->issuing_);
    former_ = std::move(fresh->former_);
    former_keys_ = std::move(fresh->former_keys_);
    server_ = std::move(fresh->server_);
    server_key_pem_ = std::move(fresh->server_key_pem_);
    options_.server_addresses = std::move(fresh->options_.server_addresses);
    listed_ = std::move(fresh->listed_);
    peers_ = std::make_unique<Peers>(fresh->peers_->with(all_revoked()));
    return {};
}

Result<> CertificateAuthority::open_server() {
    auto pair = read_pair(files_, path("server"), nullptr);
    // Unlike the authorities it can be made anew at any time.
    if (!pair) log::warn("identity.server.replaced", {{"reason", pair.error()}});
    if (!pair || !pair->certificate || !pair->key) return make_server();
    server_ = *std::move(pair->certificate);
    server_key_pem_ = pair->key->to_pem();
    TRY_VOID(renew_server_if_due());
    return {};
}

Result<bool> CertificateAuthority::renew_server_if_due() {
    TRY(auto trust, crypto::TrustStore::make({&root_, 1}, {&issuing_, 1}));
    bool same_names = sorted(server_.names.dns) == sorted(options_.server_names) &&
                      sorted(server_.names.addresses) == sorted(options_.server_addresses);
    bool valid = trust.verify(server_, clock_.now(), crypto::Purpose::server).ok();
    auto ends = std::min(server_.not_after, issuing_.not_after);
    if (same_names && valid && clock_.now() + options_.server_renewal < ends) return false;
    TRY_VOID(make_server());
    return true;
}

Result<> CertificateAuthority::make_server() {
    TRY(auto key, make_key(files_, path("server")));
    std::string name =
        options_.server_names.empty()
            ? options_.server_addresses.empty() ? "millwright" : options_.server_addresses[0]
            : options_.server_names[0];
    crypto::CertificateOrder order{
        crypto::Profile::server,
        name.substr(0, 64),
        {options_.server_names, options_.server_addresses, {}, {}},
        clock_.now() - options_.clock_slack,
        std::min(clock_.now() + options_.server_lifetime, issuing_.not_after),
        told_status()};
    TRY(server_, crypto::issue(order, key.public_key().spki(), {issuing_, *issuing_key_}, random_));
    // As parsed: addresses in their canonical text, so that names compare equal next time.
    TRY(server_, crypto::certificate_from_der(server_.der));
    options_.server_addresses = server_.names.addresses;
    server_key_pem_ = key.to_pem();
    TRY_VOID(write_certificate(files_, path("server"), server_));
    log::info("identity.server.made",
              {{"name", server_.subject_cn}, {"not_after", to_iso8601(server_.not_after)}});
    return {};
}

Result<crypto::Certificate> CertificateAuthority::issue_device(const DeviceOrder& order) {
    TRY_VOID(not_our_names(order));
    return issue_client(order.is_gateway ? crypto::Profile::gateway : crypto::Profile::device,
                        Principal::Kind::device, order);
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

Result<crypto::Certificate> CertificateAuthority::issue_user(std::string_view user, ByteView spki,
                                                             nanoseconds lifetime) {
    return issue_client(crypto::Profile::person, Principal::Kind::user, {user, spki, lifetime});
}

Result<crypto::Certificate> CertificateAuthority::issue_signing(std::string_view purpose,
                                                                ByteView spki,
                                                                nanoseconds lifetime) {
    const Timestamp now = clock_.now();
    crypto::CertificateOrder order{crypto::Profile::code_signing,
                                   std::string(purpose),
                                   {},
                                   std::max(now - options_.clock_slack, issuing_.not_before),
                                   std::min(now + lifetime, issuing_.not_after),
                                   told_status()};
    TRY(auto certificate, crypto::issue(order, spki, {issuing_, *issuing_key_}, random_));
    TRY_VOID(record(certificate, "signing"));
    return certificate;
}

Result<crypto::Certificate> CertificateAuthority::issue_client(crypto::Profile profile,
                                                               Principal::Kind kind,
                                                               const DeviceOrder& wanted) {
    const std::string_view name = wanted.name;
    nanoseconds lifetime = wanted.lifetime;
    if (!is_device_name(name))
        return Error{Errc::invalid_input, "'" + std::string(name.substr(0, 63)) +
                                              "' is not a resource name ([a-z0-9][a-z0-9._-]*)"};
    if (lifetime <= nanoseconds{0}) lifetime = options_.device_lifetime;
    Timestamp now = clock_.now();
    if (now >= issuing_.not_after)
        return Error{Errc::io_failed,
                     "the issuing authority has expired; remove issuing.pem and "
                     "issuing.key, put root.key back and restart"};
    if (now < issuing_.not_before)
        return Error{Errc::io_failed, "this machine's clock says " + to_iso8601(now) +
                                          ", before the issuing authority was made; set it"};
    crypto::CertificateOrder order{
        profile,
        std::string(name),
        {wanted.serves.dns, wanted.serves.addresses, {urn(kind, name)}, {}},
        std::max(now - options_.clock_slack, issuing_.not_before),
        std::min(now + lifetime, issuing_.not_after),
        told_status()};
    if (wanted.is_gateway) order.names.uris.push_back(gateway_urn(name));
    auto certificate = crypto::issue(order, wanted.spki, {issuing_, *issuing_key_}, random_);
    if (!certificate && issuing_key_->is_elsewhere())  // it may be back soon: not the asker's fault
        return Error{Errc::timed_out, "the issuing authority's key can't be reached: " +
                                          certificate.error().message};
    if (!certificate) return std::move(certificate).error();
    TRY_VOID(record(*certificate, to_string(kind)));
    return certificate;
}

// Not synced: the device's status (data/registry) is the durable record, this one answers "which
// certificates did this authority ever sign" even when the registry is lost.
Result<> CertificateAuthority::record(const crypto::Certificate& certificate,
                                      std::string_view profile) {
    const auto key = crypto::sha256(certificate.spki);
    std::string line = to_json(JsonObject{{"time", to_iso8601(clock_.now())},
                                          {"serial", certificate.serial},
                                          {"profile", profile},
                                          {"subject", certificate.subject_cn},
                                          {"not_after", to_iso8601(certificate.not_after)},
                                          {"fingerprint", to_hex(certificate.fingerprint)},
                                          {"key", to_hex(key)},
                                          {"issuer", to_hex(issuing_.subject_key_id)}});
    line += '\n';
    if (auto written = issued_log_->append(bytes_of(line)); !written)
        return std::move(written).error().context("record the certificate");
    ++issued_;
    if (const auto serial = crypto::serial_number_of(certificate.serial)) keys_.add_serial(*serial);
    keys_.add(key, std::string(profile) + ":" + certificate.subject_cn);
    return {};
}

Result<> CertificateAuthority::load_keys() {
    return keys_.load(files_, path("issued.jsonl"), clock_.now() - keys_kept)
        .context("read which keys have certificates");
}

std::vector<CertificateAuthority::Signing> CertificateAuthority::former_signing() const {
    std::vector<Signing> all;
    for (std::size_t i = 0; i < former_.size(); ++i)
        if (former_keys_[i]) all.push_back({former_[i], *former_keys_[i]});
    return all;
}

const crypto::Certificate& CertificateAuthority::issuer_of(
    const IssuedCertificate& certificate) const {
    for (const auto& each : former_)
        if (!certificate.issuer.empty() && certificate.issuer == to_hex(each.subject_key_id))
            return each;
    if (!certificate.issuer.empty() || certificate.at >= issuing_.not_before) return issuing_;
    const crypto::Certificate* by = &issuing_;  // the newest that was there then
    for (const auto& each : former_)
        if (each.not_before <= certificate.at &&
            (by == &issuing_ || by->not_before < each.not_before))
            by = &each;
    return *by;
}

crypto::StatusUrls CertificateAuthority::told_status() const {
    constexpr std::string_view place = "{issuer}";
    crypto::StatusUrls told = options_.status;
    for (std::string* url : {&told.list, &told.authority})
        if (const auto at = url->find(place); at != url->npos)
            url->replace(at, place.size(), issuing_.serial);
    return told;
}

std::string CertificateAuthority::trust_anchors_pem() const { return crypto::to_pem(root_); }

std::string CertificateAuthority::client_anchors_pem() const {
    return trust_anchors_pem() + crypto::to_pem(issuing_) + crypto::to_pem(former_);
}

std::string CertificateAuthority::server_chain_pem() const {
    return crypto::to_pem(server_) + crypto::to_pem(issuing_) + crypto::to_pem(root_);
}

std::string CertificateAuthority::root_pin() const { return to_hex(crypto::sha256(root_.spki)); }

}  // namespace mw::identity
