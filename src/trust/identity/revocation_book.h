#pragma once
// What this hub has revoked: one line of JSON for each certificate in pki/revoked.jsonl
// (docs/formats/revocation.md), all of it in memory. A line is durable before anybody is told. The
// book belongs to the control loop; its file to one worker at a time. Some 400 bytes a certificate.

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"

namespace mw::identity {

struct Revocation {
    Timestamp at;
    std::string serial;  // of the certificate, hex
    crypto::RevocationReason reason = crypto::RevocationReason::unspecified;
    std::string subject;  // "device:gw-1"
    Timestamp not_after;  // of the certificate
    std::string key;      // SHA-256 of its SPKI, hex; empty: not known
    std::string issuer;   // the key id of the authority that signed it, hex
    std::string actor;    // "user:ada"
    std::string why;      // one line
    bool operator==(const Revocation&) const = default;
};

std::string to_line(const Revocation& revocation);  // with its line end
Result<Revocation> revocation_from_line(std::string_view line);

class RevocationFile {
 public:
    // A last line that a crash cut short was told to nobody, and goes. corrupt names any other
    // line that can't be read: a hub that forgot a revocation would let somebody in.
    static Result<std::unique_ptr<RevocationFile>> open(files::Files& files, std::string path,
                                                        std::vector<Revocation>& found);
    // Durable when it returns. After an error nothing of it counts, and the next call says why the
    // file must be opened again.
    Result<> write(std::span<const Revocation> revocations);

 private:
    explicit RevocationFile(std::unique_ptr<files::File> file) : file_(std::move(file)) {}
    std::unique_ptr<files::File> file_;
    bool failed_ = false;
};

class RevocationBook {
 public:
    void add(std::span<const Revocation> revocations);  // of a certificate the first one counts
    const Revocation* find(std::string_view serial) const;
    // Whether a certificate for this key was revoked because somebody else has the key.
    bool is_compromised(const crypto::Sha256Digest& key) const;
    std::size_t size() const { return by_serial_.size(); }
    const std::vector<Revocation>& all() const { return all_; }  // in the order of being revoked

 private:
    std::vector<Revocation> all_;
    std::unordered_map<std::string, std::size_t> by_serial_;
    std::unordered_set<std::string> compromised_;
};

}  // namespace mw::identity
