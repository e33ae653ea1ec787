#include "trust/identity/authority.h"

#include <algorithm>

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
    TRY_VOID(open_lines());
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

Result<> CertificateAuthority::open_lines() {
    TRY_VOID(check(options_.issuers));
    lines_.clear();
    for (auto& order : all_issuers(options_)) {
        TRY(auto line, IssuingLine::open(pki(), by_root(), std::move(order)));
        lines_.push_back(std::move(line));
    }
    return {};
}

// The first that is declared for it, and the default one if there is none.
Result<const IssuingLine*> CertificateAuthority::line_for(Purpose purpose, std::string_view group,
                                                          std::string_view site) const {
    for (std::size_t i = 1; i < lines_.size(); ++i)
        if (lines_[i].order().is_for(purpose, group, site)) return &lines_[i];
    if (lines_.front().order().is_for(purpose, group, site)) return &lines_.front();
    return Error{Errc::denied, "no issuing authority of this hub is for " +
                                   std::string(to_string(purpose)) +
                                   (site.empty() ? "" : " of site '" + std::string(site) + "'") +
                                   " (authority.issuing and authority.for in hub.yaml)"};
}

// Where nobody is for it, nothing is signed for it either.
const IssuingLine& CertificateAuthority::line_of(Purpose purpose) const {
    const auto line = line_for(purpose, {}, {});
    return line ? **line : lines_.front();
}

const crypto::Certificate& CertificateAuthority::issuing_for(Purpose purpose) const {
    return line_of(purpose).certificate();
}

Result<bool> CertificateAuthority::renew_issuing_if_due() {
    bool another = false;
    Result<bool> outcome = false;
    for (IssuingLine& line : lines_) {  // one whose key is away keeps no other from its turn
        auto renewed = line.renew_if_due(pki(), by_root());
        if (!renewed) outcome = std::move(renewed).error();
        if (renewed && *renewed) another = true;
    }
    if (!another) return outcome;
    TRY_VOID(open_peers());
    TRY_VOID(make_server());
    return outcome ? Result<bool>{true} : std::move(outcome);
}

std::vector<Vouching> CertificateAuthority::all_vouching() const {
    std::vector<Vouching> all;
    for (const IssuingLine& line : lines_)
        for (auto& each : line.vouching()) all.push_back(std::move(each));
    return all;
}

std::vector<crypto::Certificate> CertificateAuthority::all_issuing() const {
    std::vector<crypto::Certificate> all;
    for (auto& each : all_vouching()) all.push_back(std::move(each.certificate));
    return all;
}

std::vector<crypto::Certificate> CertificateAuthority::current_issuing() const {
    std::vector<crypto::Certificate> all;
    for (const IssuingLine& line : lines_) all.push_back(line.certificate());
    return all;
}

std::size_t CertificateAuthority::former() const {
    std::size_t count = 0;
    for (const IssuingLine& line : lines_) count += line.former().size();
    return count;
}

Result<> CertificateAuthority::open_peers() {
    const auto all = all_issuing();
    TRY(const auto pem, read_text(files_, path("crl.pem"), lists_bytes_max));
    if (pem) {
        auto read = crypto::Revocations::from_pem(*pem, all);
        if (!read) return std::move(read).error().context(path("crl.pem"));
        listed_ = *std::move(read);
        if (revocations_end() - revocation_warning < clock_.now())
            log::warn("identity.revocations.end",
                      {{"file", path("crl.pem")}, {"at", to_iso8601(revocations_end())}});
    }
    TRY(auto peers, Peers::make(root_, all_vouching(), all_revoked()));
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
    lines_ = std::move(fresh->lines_);
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
    const crypto::Certificate& issuer = issuing_for(Purpose::servers);
    TRY(auto trust, crypto::TrustStore::make({&root_, 1}, {&issuer, 1}));
    bool same_names = sorted(server_.names.dns) == sorted(options_.server_names) &&
                      sorted(server_.names.addresses) == sorted(options_.server_addresses);
    bool valid = trust.verify(server_, clock_.now(), crypto::Purpose::server).ok();
    auto ends = std::min(server_.not_after, issuer.not_after);
    if (same_names && valid && clock_.now() + options_.server_renewal < ends) return false;
    TRY_VOID(make_server());
    return true;
}

Result<> CertificateAuthority::make_server() {
    TRY(const IssuingLine* line, line_for(Purpose::servers, {}, {}));
    const Signing& by = *line->signing();
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
        std::min(clock_.now() + options_.server_lifetime, by.certificate.not_after),
        told_status(by.certificate)};
    TRY(server_, crypto::issue(order, key.public_key().spki(), {by.certificate, by.key}, random_));
    // As parsed: addresses in their canonical text, so that names compare equal next time.
    TRY(server_, crypto::certificate_from_der(server_.der));
    options_.server_addresses = server_.names.addresses;
    server_key_pem_ = key.to_pem();
    TRY_VOID(write_certificate(files_, path("server"), server_));
    log::info("identity.server.made",
              {{"name", server_.subject_cn}, {"not_after", to_iso8601(server_.not_after)}});
    return {};
}

Result<> CertificateAuthority::load_keys() {
    return keys_.load(files_, path("issued.jsonl"), clock_.now() - keys_kept)
        .context("read which keys have certificates");
}

std::vector<CertificateAuthority::ListSigner> CertificateAuthority::list_signers() const {
    std::vector<ListSigner> all;
    for (const IssuingLine& line : lines_) {
        const std::string stem = LineFiles{line.order().name}.stem();
        all.push_back({*line.signing(), stem + ".crl"});
        for (const auto& each : line.former())
            if (each.key)
                all.push_back(
                    {{each.certificate, *each.key}, stem + "-" + each.certificate.serial + ".crl"});
    }
    return all;
}

const crypto::Certificate& CertificateAuthority::issuer_of(
    const IssuedCertificate& certificate) const {
    const auto is_it = [&](const crypto::Certificate& each) {
        return certificate.issuer == to_hex(each.subject_key_id);
    };
    for (const IssuingLine& line : lines_) {
        if (is_it(line.certificate())) return line.certificate();
        for (const auto& each : line.former())
            if (is_it(each.certificate)) return each.certificate;
    }
    // Lines of hubs that knew the default ones alone: the newest that was there then.
    const IssuingLine& line = lines_.front();
    if (!certificate.issuer.empty() || certificate.at >= line.certificate().not_before)
        return line.certificate();
    const crypto::Certificate* by = &line.certificate();
    for (const auto& [each, key] : line.former())
        if (each.not_before <= certificate.at &&
            (by == &line.certificate() || by->not_before < each.not_before))
            by = &each;
    return *by;
}

std::string CertificateAuthority::trust_anchors_pem() const { return crypto::to_pem(root_); }

std::string CertificateAuthority::client_anchors_pem() const {
    return trust_anchors_pem() + crypto::to_pem(all_issuing());
}

std::string CertificateAuthority::server_chain_pem() const {
    return crypto::to_pem(server_) + crypto::to_pem(issuing_for(Purpose::servers)) +
           crypto::to_pem(root_);
}

std::string CertificateAuthority::root_pin() const { return to_hex(crypto::sha256(root_.spki)); }

}  // namespace mw::identity
