#pragma once
// The hub's own certificate authority: a root, an issuing authority below it, and the hub's server
// certificate, in one directory. Made on first start, reopened later. Belongs to the control loop;
// an issuance takes about 0.1 ms and one unsynced append. root.key may be moved to a safe once the
// authority exists: it is needed again only for a new issuing authority.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "trust/identity/issued_log.h"
#include "trust/identity/key_index.h"
#include "trust/identity/peers.h"
#include "trust/identity/revocation_book.h"

namespace mw::identity {

struct AuthorityOptions {
    std::string directory;  // "DATA/pki"; made with mode 0700
    std::string organisation = "Millwright";
    std::vector<std::string> server_names = {"localhost"};
    std::vector<std::string> server_addresses = {"127.0.0.1", "::1"};
    nanoseconds root_lifetime = hours{24} * 7300;     // 20 years
    nanoseconds issuing_lifetime = hours{24} * 3650;  // 10 years
    // So long before it ends there is another one: twice what the longest certificate below it
    // lives, so that no device's is cut short. The old one counts until it ends.
    nanoseconds issuing_renewal = hours{24} * 800;
    nanoseconds server_lifetime = hours{24} * 397;
    nanoseconds server_renewal = hours{24} * 30;  // this long before it ends
    nanoseconds device_lifetime = hours{24} * 90;
    nanoseconds clock_slack = minutes{10};  // certificates begin this much before now
    // What certificates say about where to ask whether they are revoked; "{issuer}" stands for the
    // serial number of the authority that signs them.
    crypto::StatusUrls status{};
    // Where the keys are that root.uri and issuing.uri name by pkcs11:...; null: no such keys.
    std::shared_ptr<crypto::Token> token{};
};

// A certificate for a device.
struct DeviceOrder {
    std::string_view name;
    ByteView spki;
    nanoseconds lifetime{0};  // 0: AuthorityOptions::device_lifetime
    bool is_gateway = false;
    crypto::AlternativeNames serves{};  // of a gateway: DNS names and addresses
};

class CertificateAuthority {
 public:
    // Blocks for a few synced writes on first start. corrupt names the file that does not fit.
    static Result<std::unique_ptr<CertificateAuthority>> open(files::Files& files,
                                                              const Clock& clock, Random& random,
                                                              AuthorityOptions options);
    ~CertificateAuthority();
    CertificateAuthority(const CertificateAuthority&) = delete;

    // For the key of the request; every name in it is ours. lifetime 0: device_lifetime. It never
    // outlives the issuing authority. The serial is in issued.jsonl before the certificate is out.
    // denied: a gateway is to serve at a name of the hub.
    Result<crypto::Certificate> issue_device(const DeviceOrder& order);
    Result<crypto::Certificate> issue_device(std::string_view device, ByteView spki,
                                             nanoseconds lifetime = nanoseconds{0}) {
        return issue_device(DeviceOrder{device, spki, lifetime});
    }
    // A client certificate for a person: mutual TLS to the API and the broker.
    Result<crypto::Certificate> issue_user(std::string_view user, ByteView spki,
                                           nanoseconds lifetime);

    // For a key of the hub that signs releases or heads of the audit log: code signing, and the
    // purpose as its common name. No principal: it opens no door.
    Result<crypto::Certificate> issue_signing(std::string_view purpose, ByteView spki,
                                              nanoseconds lifetime);

    const crypto::Certificate& root() const { return root_; }
    const crypto::Certificate& issuing() const { return issuing_; }
    const Peers& peers() const { return *peers_; }

    // What platform/net wants: PEM texts. The server's chain ends with the root, so that a client
    // which only knows the pin finds it.
    std::string trust_anchors_pem() const;
    // Whom to trust about clients: the issuing authorities as well, so that the chain that a device
    // sends is not verified anew each time.
    std::string client_anchors_pem() const;
    std::string server_chain_pem() const;
    const std::string& server_key_pem() const { return server_key_pem_; }
    const crypto::Certificate& server() const { return server_; }
    // DATA/pki/crl.pem, if it is there: what is revoked, signed by our issuing authority.
    std::size_t revoked() const { return listed_.size(); }
    Timestamp revocations_end() const { return listed_.next_update(); }
    bool is_listed(const crypto::SerialNumber& serial) const { return listed_.contains(serial); }
    // And what this hub has revoked, which counts as much.
    const RevocationBook& book() const { return book_; }
    // Written down already (RevocationFile): from now on peers() refuses them.
    void revoke(std::span<const Revocation> revocations);
    // The file that book() was read from, for the worker that writes it.
    RevocationFile& revocation_file() { return *revocation_file_; }

    // What a start would read: server certificate, issuing authority, revocations. All of it or,
    // with the error, nothing. The root stays: another one is another hub.
    Result<> reload();
    // The same in two steps, since a long list takes a while: what reopening() gives is called on a
    // worker, adopt() on the control loop.
    using Reopening = std::function<Result<std::unique_ptr<CertificateAuthority>>()>;
    Reopening reopening() const;
    Result<> adopt(std::unique_ptr<CertificateAuthority> fresh);
    // Another issuing authority below the same root when this one is due: true when so. It needs
    // root.key; without it the error says so, once the time has come.
    Result<bool> renew_issuing_if_due();
    // Who still holds certificates of earlier ones is let in.
    std::size_t former() const { return former_.size(); }
    // A new server key and certificate when the old one is due or its names differ: true when so.
    Result<bool> renew_server_if_due();

    // SHA-256 of the root's SPKI, hex: what a device is given to know us by.
    std::string root_pin() const;
    // For lists and answers about certificates, which the issuing authority signs itself. Values:
    // a worker may have its own.
    struct Signing {
        crypto::Certificate certificate;
        crypto::PrivateKey key;
    };
    Signing signing() const { return {issuing_, *issuing_key_}; }
    // Of earlier ones that have not ended, as far as their keys are there: what they issued may be
    // revoked until its end.
    std::vector<Signing> former_signing() const;
    // Who signed a certificate of issued.jsonl: by the key id in its line, else, in lines of older
    // hubs, by when it was.
    const crypto::Certificate& issuer_of(const IssuedCertificate& certificate) const;
    std::string issued_path() const { return path("issued.jsonl"); }
    const std::string& directory() const { return options_.directory; }
    std::uint64_t issued() const { return issued_; }  // since this object was opened

    // Reads issued.jsonl into keys(): once, at the start; a million lines take some seconds. What
    // is issued afterwards is added. Keys are forgotten 400 days after their certificate.
    Result<> load_keys();
    const KeyIndex& keys() const { return keys_; }

 private:
    CertificateAuthority(files::Files& files, const Clock& clock, Random& random,
                         AuthorityOptions options);
    Result<> open_root();
    Result<> open_issuing();
    Result<> open_former();
    Result<> open_server();
    Result<> make_server();
    Result<> open_peers();
    Result<> open_book();
    Result<> read_files();
    crypto::Revocations all_revoked() const;
    Result<crypto::Certificate> issue_client(crypto::Profile profile, Principal::Kind kind,
                                             const DeviceOrder& wanted);
    Result<> not_our_names(const DeviceOrder& order) const;
    crypto::StatusUrls told_status() const;
    Result<> record(const crypto::Certificate& certificate, std::string_view profile);
    std::string path(std::string_view file) const;

    files::Files& files_;
    const Clock& clock_;
    Random& random_;
    AuthorityOptions options_;
    std::optional<crypto::PrivateKey> root_key_;
    std::optional<crypto::PrivateKey> issuing_key_;
    crypto::Certificate root_;
    crypto::Certificate issuing_;
    std::vector<crypto::Certificate> former_;  // issuing authorities before it, not yet ended
    std::vector<std::optional<crypto::PrivateKey>> former_keys_;  // of each
    crypto::Certificate server_;
    std::string server_key_pem_;
    crypto::Revocations listed_;  // by crl.pem
    RevocationBook book_;
    std::vector<crypto::SerialNumber> own_serials_;  // of the book
    std::unique_ptr<RevocationFile> revocation_file_;
    std::unique_ptr<Peers> peers_;
    std::unique_ptr<files::File> issued_log_;
    std::uint64_t issued_ = 0;
    KeyIndex keys_;
};

}  // namespace mw::identity
