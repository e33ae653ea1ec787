#pragma once
// Which device holds which certificate and key, in memory: what the Device resources' status says.
// The Roster belongs to the control loop; the Admission that it publishes answers on any thread.

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "domain/resource_store.h"
#include "trust/identity/identity.h"

namespace mw::onboarding {

struct Enrolment {
    std::string domain;
    std::string group;
    std::string serial;           // of the certificate in use; empty: known, and never enrolled
    std::string previous_serial;  // of the one that it replaced
    std::string key;              // SHA-256 of its SPKI, hex
    std::string factory;          // "MAKER SERIAL" that it came with (factory.h), or empty
    std::string state;            // of its life (lifecycle.h)
    bool may_connect = false;
    std::string gateway{};  // whether people made it one, and at which names (gateway.h)
    bool operator==(const Enrolment&) const = default;
};
using Enrolments = std::unordered_map<std::string, Enrolment>;

// What data/registry keeps of it: status keys "state", "group", "certificate",
// "previous_certificate" and "factory".
Enrolment enrolment_of(const Resource& device);
JsonObject certificate_status(const crypto::Certificate& certificate);

// Tells who holds a client certificate, as identity::Peers says, and for devices whether one by
// that name still exists with this certificate or with the one before it (a renewal's answer may
// have been lost), and whether the state of its life lets it: a device that was deleted or
// suspended is refused at once. Any thread; reads one snapshot.
class Admission {
 public:
    Admission(identity::Peers peers, const Clock& clock);
    Result<identity::Principal> admit(ByteView certificate) const;
    Result<identity::Principal> admit(const crypto::Certificate& certificate) const;
    // The same, in whatever state of its life the device is.
    Result<identity::Principal> recognise(const crypto::Certificate& certificate) const;
    // Of a certificate that was admitted once.
    bool is_revoked(ByteView certificate) const { return peers_.load()->is_revoked(certificate); }
    // denied: nobody can tell whether it is revoked, as the operator's list has ended.
    bool vouch_for(ByteView certificate) const {
        return peers_.load()->vouch_for(certificate, clock_.now());
    }
    Result<> can_tell(ByteView certificate) const {
        return peers_.load()->can_tell(certificate, clock_.now());
    }

 private:
    friend class Roster;
    // A change copies one shard of 256, not the whole fleet.
    using Shards = std::array<std::shared_ptr<const Enrolments>, 256>;
    static std::size_t shard_of(const std::string& device);
    Result<identity::Principal> check(const crypto::Certificate& certificate, bool connects) const;
    void publish(const std::string& device, std::optional<Enrolment> enrolment);

    std::atomic<std::shared_ptr<const identity::Peers>> peers_;
    const Clock& clock_;
    std::atomic<std::shared_ptr<const Shards>> shards_;
};

class Roster {
 public:
    Roster(identity::Peers peers, const Clock& clock);

    void take(const Resource& device);
    void drop(const std::string& device);
    void trust(identity::Peers peers);  // from now on
    const Enrolment* find(const std::string& device) const;
    // The device that holds the key (SHA-256 of the SPKI, hex); null: nobody.
    const std::string* holder(const std::string& key) const;
    // The same of a factory certificate's "MAKER SERIAL".
    const std::string* holder_of_factory(const std::string& factory) const;
    std::size_t size() const { return devices_.size(); }
    std::shared_ptr<const Admission> admission() const { return admission_; }

 private:
    Enrolments devices_;
    void forget(const Enrolment& enrolment);
    std::unordered_map<std::string, std::string> keys_, factories_;
    std::shared_ptr<Admission> admission_;
};

}  // namespace mw::onboarding
