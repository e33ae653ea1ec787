#include "trust/identity/authority.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr unsigned secret = 0600;
constexpr unsigned published = 0644;
constexpr nanoseconds revocation_warning = hours{24} * 3;  // before lists end
constexpr std::uint64_t lists_bytes_max = std::uint64_t{64} << 20;
constexpr nanoseconds keys_kept = hours{24} * 400;  // past the end of their certificate

Result<std::optional<std::string>> read_text(files::Files& files, const std::string& path,
                                             std::uint64_t bytes_max = pem_bytes_max) {
    TRY(auto size, files.size(path));
    if (!size) return std::optional<std::string>{};
    TRY(auto bytes, files::read_all(files, path, bytes_max));
    return std::optional<std::string>{text_of(bytes)};
}

// A certificate and its key as they lie on disk; either may be missing.
struct Pair {
    std::optional<crypto::Certificate> certificate;
    std::optional<crypto::PrivateKey> key;
};

Result<Pair> read_pair(files::Files& files, const std::string& stem) {
    Pair pair;
    TRY(auto certificate, read_text(files, stem + ".pem"));
    TRY(auto key, read_text(files, stem + ".key"));
    if (certificate) {
        auto parsed = crypto::certificates_from_pem(*certificate);
        if (!parsed) return does_not_fit(stem + ".pem", parsed.error().message);
        pair.certificate = parsed->front();
    }
    if (key) {
        auto parsed = crypto::PrivateKey::from_pem(*key);
        if (!parsed) return does_not_fit(stem + ".key", parsed.error().message);
        pair.key = *std::move(parsed);
    }
    if (pair.certificate && pair.key && pair.certificate->spki != pair.key->public_key().spki())
        return does_not_fit(stem + ".key", "it is not the key of " + stem + ".pem");
    return pair;
}

// The key first: a certificate without its key could not be mended, a key without one can.
Result<crypto::PrivateKey> make_key(files::Files& files, const std::string& stem) {
    TRY(auto key, crypto::PrivateKey::generate(crypto::KeyKind::p256));
    TRY_VOID(files::atomic_replace(files, stem + ".key", bytes_of(key.to_pem()), secret));
    return key;
}

Result<> write_certificate(files::Files& files, const std::string& stem,
                           const crypto::Certificate& certificate) {
    auto pem = crypto::to_pem(certificate);
    return files::atomic_replace(files, stem + ".pem", bytes_of(pem), published);
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
    TRY(auto pair, read_pair(files_, path("root")));
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
    TRY(auto pair, read_pair(files_, path("issuing")));
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
    TRY(const auto text, read_text(files_, path("former.pem")));
    if (!text) return {};
    auto all = crypto::certificates_from_pem(*text);
    if (!all) return does_not_fit(path("former.pem"), all.error().message);
    std::erase_if(*all, [&](const auto& each) { return each.not_after < clock_.now(); });
    former_ = *std::move(all);
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
    // Lists name the authority that they are from, and whoever has none is let in nowhere.
    if (listed_.next_update() != crypto::Revocations{}.next_update())
        return Error{Errc::denied, "the issuing authority ends at " +
                                       to_iso8601(issuing_.not_after) + ", and " + path("crl.pem") +
                                       " is signed by it: take the list away, so that the next "
                                       "authority is made, then put lists of both there"};
    // What is to be trusted is on disk before anything goes. Cut short in between, the next start
    // makes the new one.
    if (std::ranges::find(former_, issuing_) == former_.end()) former_.push_back(issuing_);
    TRY_VOID(files::atomic_replace(files_, path("former.pem"), bytes_of(crypto::to_pem(former_)),
                                   published));
    // Its key stays, to sign lists of what it issued.
    TRY_VOID(files_.rename(path("issuing.pem"), path("issuing-" + issuing_.serial + ".pem")));
    TRY_VOID(files_.rename(path("issuing.key"), path("issuing-" + issuing_.serial + ".key")));
    TRY_VOID(open_issuing());
    TRY_VOID(open_peers());
    TRY_VOID(make_server());
    return true;
}

Result<> CertificateAuthority::open_peers() {
    TRY(const auto pem, read_text(files_, path("crl.pem"), lists_bytes_max));
    if (pem) {
        auto read = crypto::Revocations::from_pem(*pem, issuing_);
        if (!read) return std::move(read).error().context(path("crl.pem"));
        listed_ = *std::move(read);
        if (revocations_end() - revocation_warning < clock_.now())
            log::warn("identity.revocations.end",
                      {{"file", path("crl.pem")}, {"at", to_iso8601(revocations_end())}});
    }
    std::vector<crypto::Certificate> all{issuing_};
    all.insert(all.end(), former_.begin(), former_.end());
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
    server_ = std::move(fresh->server_);
    server_key_pem_ = std::move(fresh->server_key_pem_);
    options_.server_addresses = std::move(fresh->options_.server_addresses);
    listed_ = std::move(fresh->listed_);
    peers_ = std::make_unique<Peers>(fresh->peers_->with(all_revoked()));
    return {};
}

Result<> CertificateAuthority::open_server() {
    auto pair = read_pair(files_, path("server"));
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
        options_.status};
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

Result<crypto::Certificate> CertificateAuthority::issue_device(std::string_view device,
                                                               ByteView spki,
                                                               nanoseconds lifetime) {
    return issue_client(crypto::Profile::device, Principal::Kind::device, device, spki, lifetime);
}

Result<crypto::Certificate> CertificateAuthority::issue_user(std::string_view user, ByteView spki,
                                                             nanoseconds lifetime) {
    return issue_client(crypto::Profile::person, Principal::Kind::user, user, spki, lifetime);
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
                                   options_.status};
    TRY(auto certificate, crypto::issue(order, spki, {issuing_, *issuing_key_}, random_));
    TRY_VOID(record(certificate, "signing"));
    return certificate;
}

Result<crypto::Certificate> CertificateAuthority::issue_client(crypto::Profile profile,
                                                               Principal::Kind kind,
                                                               std::string_view name, ByteView spki,
                                                               nanoseconds lifetime) {
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
    crypto::CertificateOrder order{profile,
                                   std::string(name),
                                   {{}, {}, {urn(kind, name)}, {}},
                                   std::max(now - options_.clock_slack, issuing_.not_before),
                                   std::min(now + lifetime, issuing_.not_after),
                                   options_.status};
    TRY(auto certificate, crypto::issue(order, spki, {issuing_, *issuing_key_}, random_));
    TRY_VOID(record(certificate, to_string(kind)));
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
                                          {"key", to_hex(key)}});
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

std::string CertificateAuthority::trust_anchors_pem() const { return crypto::to_pem(root_); }

std::string CertificateAuthority::client_anchors_pem() const {
    return trust_anchors_pem() + crypto::to_pem(issuing_) + crypto::to_pem(former_);
}

std::string CertificateAuthority::server_chain_pem() const {
    return crypto::to_pem(server_) + crypto::to_pem(issuing_) + crypto::to_pem(root_);
}

std::string CertificateAuthority::root_pin() const { return to_hex(crypto::sha256(root_.spki)); }

}  // namespace mw::identity
