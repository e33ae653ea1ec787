#include "trust/identity/ceremony.h"

#include <algorithm>

#include "trust/identity/key_places.h"
#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr unsigned key_mode = 0600, text_mode = 0644;

Result<> write_uri(files::Files& files, const std::string& stem, const std::string& uri) {
    return files::atomic_replace(files, stem + ".uri", bytes_of(uri + "\n"), text_mode);
}

Result<bool> is_file(files::Files& files, const std::string& path) {
    TRY(const auto size, files.size(path));
    return size.has_value();
}

// A new key where the URI says, unless there is one; keys in tokens are there already.
Result<> place_key(files::Files& files, const std::string& stem, const std::string& uri) {
    if (!uri.empty()) TRY_VOID(write_uri(files, stem, uri));
    if (uri.starts_with("pkcs11:")) return {};
    TRY(const auto there, read_pair(files, stem, nullptr));
    if (there.key) return {};
    TRY_VOID(make_key(files, stem));
    return {};
}

Result<Pair> want_root(files::Files& files, const std::string& folder,
                       const std::shared_ptr<crypto::Token>& token) {
    TRY(auto root, read_pair(files, files::join(folder, "root"), token));
    if (!root.certificate)
        return Error{Errc::not_found, files::join(folder, "root.pem") + " is not there"};
    if (!root.key)
        return Error{Errc::not_found, files::join(folder, "root.key") +
                                          " is not there, nor a root.uri that says where it is"};
    return root;
}

// The key that was made for the request, or that which is in place if the last try was cut short.
Result<std::string> stem_of_key(files::Files& files, const AuthorityOptions& options,
                                const LineFiles& names, const crypto::Certificate& certificate) {
    for (const std::string& name : {names.next(), names.stem()}) {
        const std::string stem = files::join(options.directory, name);
        TRY(auto pair, read_pair(files, stem, options.token));
        if (pair.key && pair.key->public_key().spki() == certificate.spki) return stem;
    }
    return Error{Errc::denied, "'" + certificate.subject_cn +
                                   "' is for another key than that of the last request "
                                   "(millwright ca request), and no key came with it"};
}

Result<> put_next_key(files::Files& files, const std::string& stem, const std::string& key) {
    if (key.starts_with("pkcs11:") || key.starts_with("file:")) return write_uri(files, stem, key);
    TRY_VOID(crypto::PrivateKey::from_pem(key));
    return files::atomic_replace(files, stem + ".key", bytes_of(key), key_mode);
}

// The one before stays trusted; it is on disk as such before anything goes.
Result<> retire_issuing(files::Files& files, const AuthorityOptions& options,
                        const LineFiles& names, Timestamp now) {
    const std::string stem = files::join(options.directory, names.stem());
    const std::string former = files::join(options.directory, names.former());
    TRY(const auto before, read_text(files, stem + ".pem", pem_bytes_max));
    if (!before) return {};
    TRY(const auto issuing, crypto::certificates_from_pem(*before));
    TRY(const auto text, read_text(files, former, pem_bytes_max));
    std::vector<crypto::Certificate> all;
    if (text) {
        TRY(all, crypto::certificates_from_pem(*text));
    }
    std::erase_if(all, [now](const auto& each) { return each.not_after < now; });
    if (std::ranges::find(all, issuing.front()) == all.end()) all.push_back(issuing.front());
    TRY_VOID(files::atomic_replace(files, former, bytes_of(crypto::to_pem(all)), text_mode));
    return rename_pair(files, stem, stem + "-" + issuing.front().serial);
}

Result<> check_issuing(const crypto::Certificate& issuing, const crypto::Certificate& root,
                       const IssuerOrder& order, Timestamp now) {
    TRY(const auto trust, crypto::TrustStore::make({&root, 1}));
    TRY_VOID(trust.verify(issuing, now));
    if (!issuing.is_ca)
        return Error{Errc::denied,
                     "'" + issuing.subject_cn + "' is no authority (basicConstraints CA:TRUE)"};
    if (issuing.subject_key_id.empty())
        return Error{Errc::denied, "'" + issuing.subject_cn +
                                       "' has no subject key identifier, by which lists name it"};
    if (issuing.spki == root.spki)
        return Error{Errc::denied, "the root itself can't be the issuing authority"};
    const Purposes left = order.purposes.within(allowed_by(issuing));
    if (left == order.purposes) return {};
    return Error{Errc::denied, "'" + issuing.subject_cn + "' is allowed " +
                                   (left == Purposes{} ? "nothing" : left.text()) +
                                   " by its extended key usage, and is to be for " +
                                   order.purposes.text()};
}

Result<IssuerOrder> declared(const AuthorityOptions& options, const std::string& name) {
    for (auto& each : all_issuers(options))
        if (each.name == name) return std::move(each);
    return Error{Errc::not_found, "hub.yaml declares no authority '" + name +
                                      "' (authority.issuing, with a name and what it is for)"};
}

// The only uses of what it will sign. What we don't know we don't sign.
Result<std::vector<crypto::Use>> wanted_uses(const crypto::Csr& csr) {
    const std::size_t clients = std::ranges::count(csr.uses, crypto::Use::client);
    if (csr.foreign_uses.size() + clients == csr.uses.size()) return csr.uses;
    return Error{Errc::invalid_input,
                 "the request asks for uses besides clientAuth, serverAuth and codeSigning"};
}

}  // namespace

Result<std::unique_ptr<CertificateAuthority>> make_authorities(files::Files& files,
                                                               const Clock& clock, Random& random,
                                                               AuthorityOptions options,
                                                               const NewAuthorities& wanted) {
    const std::string& pki = options.directory;
    const std::string root = files::join(pki, "root");
    for (const char* name : {"root.pem", "issuing.pem"}) {
        TRY(const bool there, is_file(files, files::join(pki, name)));
        if (there)
            return Error{Errc::conflict, files::join(pki, name) +
                                             " is there: this hub has its authorities already "
                                             "(millwright ca show)"};
    }
    TRY_VOID(files.make_directories(pki, 0700));
    if (!wanted.offline_root.empty()) {
        if (!wanted.offline_root.starts_with('/'))
            return Error{Errc::invalid_input,
                         "the root's folder: want a whole path, as /media/safe"};
        TRY_VOID(files.make_directories(wanted.offline_root, 0700));
        TRY_VOID(place_key(files, root, "file:" + files::join(wanted.offline_root, "root.key")));
    } else if (!wanted.root_uri.empty()) {
        TRY_VOID(place_key(files, root, wanted.root_uri));
    }
    if (!wanted.issuing_uri.empty())
        TRY_VOID(place_key(files, files::join(pki, "issuing"), wanted.issuing_uri));
    TRY(auto made, CertificateAuthority::open(files, clock, random, std::move(options)));
    if (!wanted.offline_root.empty())
        TRY_VOID(write_certificate(files, files::join(wanted.offline_root, "root"), made->root()));
    return made;
}

Result<std::string> request_issuing(files::Files& files, Random& random,
                                    const AuthorityOptions& options, const std::string& uri,
                                    const std::string& name) {
    TRY(const IssuerOrder line, declared(options, name));
    const std::string stem = files::join(options.directory, LineFiles{name}.next());
    TRY_VOID(files.make_directories(options.directory, 0700));
    TRY_VOID(place_key(files, stem, uri));
    TRY(const auto next, read_pair(files, stem, options.token));
    if (!next.key)
        return Error{Errc::not_found, stem + ".key: there is no key to make a request for"};
    Bytes tag(4);
    random.fill(tag);
    const std::string word = name.empty() ? "issuing" : name;
    const crypto::CsrOrder order{
        options.organisation + " " + word + " " + to_hex(tag), {}, line.purposes.uses()};
    TRY(const Bytes der, crypto::make_csr(order, *next.key));
    return crypto::csr_to_pem(der);
}

Result<crypto::Certificate> sign_issuing(files::Files& files, const Clock& clock, Random& random,
                                         const std::string& root_folder, std::string_view request,
                                         nanoseconds lifetime,
                                         const std::shared_ptr<crypto::Token>& token) {
    TRY(const auto root, want_root(files, root_folder, token));
    TRY(const auto csr, crypto::csr_from_pem(request));
    if (csr.subject_cn.empty()) return Error{Errc::invalid_input, "the request has no common name"};
    if (csr.key_kind == crypto::KeyKind::rsa && csr.key_bits < 3072)
        return Error{Errc::invalid_input,
                     "the request: an authority's RSA key has 3072 bits or more"};
    const Timestamp now = clock.now();
    const AuthorityOptions defaults;
    if (lifetime <= nanoseconds{0}) lifetime = defaults.issuing_lifetime;
    crypto::CertificateOrder order{crypto::Profile::issuing_ca,
                                   csr.subject_cn,
                                   {},
                                   now - defaults.clock_slack,
                                   std::min(now + lifetime, root.certificate->not_after)};
    TRY(order.authority_uses, wanted_uses(csr));
    return crypto::issue(order, csr.spki, {*root.certificate, *root.key}, random);
}

Result<crypto::Certificate> install_issuing(files::Files& files, const Clock& clock,
                                            const AuthorityOptions& options,
                                            const SignedIssuing& by) {
    const std::string root_path = files::join(options.directory, "root.pem");
    const LineFiles names{by.name};
    const std::string stem = files::join(options.directory, names.stem());
    TRY(const IssuerOrder order, declared(options, by.name));
    TRY_VOID(files.make_directories(options.directory, 0700));
    TRY(const auto there, read_text(files, root_path, pem_bytes_max));
    if (!there && by.root.empty())
        return Error{Errc::invalid_input, root_path + " is not there yet: bring it with --root"};
    TRY(const auto roots,
        crypto::certificates_from_pem(there ? *there : by.root).context("the root"));
    if (there && !by.root.empty()) {
        TRY(const auto brought, crypto::certificates_from_pem(by.root).context("the root"));
        if (!(brought.front() == roots.front()))
            return Error{Errc::conflict,
                         root_path + " is another root: devices know this hub by it"};
    }
    TRY(const auto chain, crypto::certificates_from_pem(by.certificate).context("the certificate"));
    const auto& issuing = chain.front();
    TRY_VOID(check_issuing(issuing, roots.front(), order, clock.now()));
    if (!by.key.empty())
        TRY_VOID(put_next_key(files, files::join(options.directory, names.next()), by.key));
    TRY(const auto key_stem, stem_of_key(files, options, names, issuing));
    if (!there)
        TRY_VOID(write_certificate(files, files::join(options.directory, "root"), roots.front()));
    if (key_stem != stem) {
        TRY_VOID(retire_issuing(files, options, names, clock.now()));
        TRY_VOID(rename_pair(files, key_stem, stem));
    }
    TRY_VOID(write_certificate(files, stem, issuing));
    return issuing;
}

}  // namespace mw::identity
