#pragma once
// The hub's own certificate authority: a root, issuing authorities below it, and the hub's server
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
#include "trust/identity/authority_options.h"
#include "trust/identity/issued_log.h"
#include "trust/identity/issuing_line.h"
#include "trust/identity/key_index.h"
#include "trust/identity/peers.h"
#include "trust/identity/revocation_book.h"

namespace mw::identity {

// A certificate for a device.
struct DeviceOrder {
    std::string_view name;
    ByteView spki;
    nanoseconds lifetime{0};  // 0: AuthorityOptions::device_lifetime
    bool is_gateway = false;
    crypto::AlternativeNames serves{};  // of a gateway: DNS names and addresses
    std::string_view group{}, site{};   // which authority issues may depend on them
};

// A certificate that nobody has signed yet. Any thread may, also while the authority changes: a key
// in a token takes its time.
struct Draft {
    crypto::CertificateOrder order;
    Bytes spki, serial;
    std::shared_ptr<const Signing> by;
    std::string kind;  // of the principal
    bool is_signed_elsewhere() const;
    Result<crypto::Certificate> sign() const;  // timed_out: the key can't be reached now
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
    // The same in steps: sign() on any thread, then settle() before the certificate is out.
    Result<Draft> draft_device(const DeviceOrder& order);
    Result<> settle(const Draft& draft, const crypto::Certificate& certificate);
    // A client certificate for a person: mutual TLS to the API and the broker.
    Result<crypto::Certificate> issue_user(std::string_view user, ByteView spki,
                                           nanoseconds lifetime);

    // For a key of the hub that signs releases or heads of the audit log: code signing, and the
    // purpose as its common name. No principal: it opens no door.
    Result<crypto::Certificate> issue_signing(std::string_view purpose, ByteView spki,
                                              nanoseconds lifetime);

    const crypto::Certificate& root() const { return root_; }
    // The default issuing authority, and what signs for a purpose now: for none, the default one.
    const crypto::Certificate& issuing() const { return lines_.front().certificate(); }
    const crypto::Certificate& issuing_for(Purpose purpose) const;
    // All that issue or did, the default ones first.
    std::vector<crypto::Certificate> all_issuing() const;
    // Those that issue now, the default one first.
    std::vector<crypto::Certificate> current_issuing() const;
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
    // Other issuing authorities below the same root for those that are due: true when there are. It
    // needs root.key; without it the error says so, once the time has come.
    Result<bool> renew_issuing_if_due();
    // Who still holds certificates of earlier ones is let in.
    std::size_t former() const;
    // A new server key and certificate when the old one is due or its names differ: true when so.
    Result<bool> renew_server_if_due();

    // SHA-256 of the root's SPKI, hex: what a device is given to know us by.
    std::string root_pin() const;
    // For lists and answers about certificates, which the issuing authority signs itself. Values:
    // a worker may have its own.
    using Signing = identity::Signing;
    Signing signing() const { return *lines_.front().signing(); }
    Signing signing_for(Purpose purpose) const { return *line_of(purpose).signing(); }
    // All that there are, the default one first; of earlier ones that have not ended as far as
    // their keys are there: what they issued may be revoked until its end.
    struct ListSigner {
        Signing by;
        std::string list;  // the list's file below directory()
    };
    std::vector<ListSigner> list_signers() const;
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
    Result<> open_lines();
    IssuingLine::Pki pki() const { return {files_, clock_, random_, options_}; }
    IssuingLine::Root by_root() const { return {root_, root_key_}; }
    // not_found: nobody issues for it.
    Result<const IssuingLine*> line_for(Purpose purpose, std::string_view group,
                                        std::string_view site) const;
    const IssuingLine& line_of(Purpose purpose) const;
    std::vector<Vouching> all_vouching() const;
    Result<> open_server();
    Result<> make_server();
    Result<> open_peers();
    Result<> open_book();
    Result<> read_files();
    crypto::Revocations all_revoked() const;
    Result<Draft> draft_client(Purpose purpose, const DeviceOrder& wanted);
    Result<> not_our_names(const DeviceOrder& order) const;
    crypto::StatusUrls told_status(const crypto::Certificate& issuer) const;
    Result<> record(const crypto::Certificate& certificate, std::string_view profile,
                    const crypto::Certificate& issuer);
    std::string path(std::string_view file) const;

    files::Files& files_;
    const Clock& clock_;
    Random& random_;
    AuthorityOptions options_;
    std::optional<crypto::PrivateKey> root_key_;
    crypto::Certificate root_;
    std::vector<IssuingLine> lines_;  // the default one first
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
