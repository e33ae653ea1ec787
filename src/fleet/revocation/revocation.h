#pragma once
// Ends the life of certificates before their time: writes down what is revoked, has sessions ended,
// makes lists (full and delta) and answers status requests. Belongs to the control loop; staple()
// is for any thread. Limits: 1,000 certificates a revocation, 500 signed answers a second; a list
// is made in the background, one at a time, with all that was revoked meanwhile.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "domain/resource_store.h"
#include "platform/files/files.h"
#include "protocols/ocsp/ocsp.h"
#include "trust/identity/identity.h"

namespace mw::revocation {

struct Options {
    nanoseconds list_lifetime = hours{24} * 7;
    nanoseconds list_renewal = hours{24};       // a new one at least so often
    nanoseconds expired_kept = hours{24} * 14;  // on the lists, past the certificate's end
    nanoseconds answer_lifetime = hours{1};
    nanoseconds staple_lifetime = hours{24};
    double answers_per_second = 500;
    std::string delta_at;  // URL of the delta, which full lists name, with {issuer}; empty: none
};

struct Order {
    // One of these. A subject ("device:gw-1") means all of its certificates that are good.
    std::string serial, subject;
    crypto::RevocationReason reason = crypto::RevocationReason::unspecified;
    std::string why;    // one line
    std::string actor;  // "user:ada"
};

enum class Standing { good, revoked, expired };
std::string_view to_string(Standing standing);

struct Listed {
    identity::IssuedCertificate certificate;
    Standing standing = Standing::good;
    std::optional<identity::Revocation> revocation;
};
struct Question {
    std::string serial, subject;  // empty: any
    std::optional<Standing> standing;
    std::size_t limit = 100;  // the newest
};

class Desk final : public ocsp::StatusSource {
 public:
    struct Parts {
        Loop& loop;
        Workers& workers;
        files::Files& files;
        const Clock& clock;
        ResourceStore& store;  // for facts
        identity::CertificateAuthority& authority;
        metrics::Registry& metrics;
    };
    // Ends the sessions of what was just revoked: how many there were.
    using EndSessions = std::function<Task<std::size_t>()>;

    // Makes the first lists.
    static Task<std::unique_ptr<Desk>> open(Parts parts, Options options);
    ~Desk() override;

    void end_sessions_by(EndSessions end) { end_sessions_ = std::move(end); }

    struct Outcome {
        std::vector<identity::Revocation> revoked;
        std::size_t sessions_ended = 0;
    };
    // Durable, and in effect on every listener, when it returns; the lists have it too. not_found:
    // no such certificate; conflict: it is revoked or over already.
    Task<Outcome> revoke(Order order);
    Task<std::vector<Listed>> certificates(Question question);  // newest first

    std::shared_ptr<const ocsp::Lists> lists() const override { return lists_.get(); }
    std::shared_ptr<const ocsp::Lists> lists_by(std::string_view issuer) const override;
    Result<Bytes> answer(ByteView request) override;
    // Any thread: that our own server certificate is good.
    std::shared_ptr<const Bytes> staple() const { return staple_.get(); }

    // After the authority has read its files again: for its server certificate, then for all.
    Result<> renew_staple();
    Task<> renew();
    Task<> keep_lists();  // for ever

 private:
    // One at a time; whoever comes meanwhile waits for the event.
    class Turn {
     public:
        Turn(bool& taken, Event& ended) : taken_(taken), ended_(ended) {
            taken_ = true, ended_.reset();
        }
        ~Turn() { taken_ = false, ended_.set(); }
        Turn(const Turn&) = delete;

     private:
        bool& taken_;
        Event& ended_;
    };
    // Each authority signs its own lists, with one number for all.
    struct ListPlan {
        identity::CertificateAuthority::Signing by;
        std::string path;
        crypto::ListOrder full, delta;
    };
    struct Plan {
        std::vector<ListPlan> lists;  // the default authority's first
        std::size_t count;            // of the book, when it was made
        std::string issuers;          // serials of all authorities then
    };
    static Result<std::vector<ocsp::Lists>> made_lists(files::Files& files, Plan plan);
    ListPlan plan_of(identity::CertificateAuthority::Signing by, std::string path) const;
    Desk(Parts parts, Options options);
    Task<std::vector<identity::IssuedCertificate>> wanted_by(const Order& order);
    Task<> write_down(std::vector<identity::Revocation> revocations);
    Task<> note(std::vector<identity::Revocation> revocations);
    // always: else only if the newest lists don't have all of the book.
    Task<> make_lists(bool always);
    Plan plan_lists();
    crypto::ListOrder next_order(const std::string& issuer) const;
    identity::CertificateAuthority::Signing signer_for(const crypto::StatusRequest& asked) const;
    crypto::StatusVerdict judge(const crypto::SerialNumber& serial) const;

    Parts parts_;
    Options options_;
    EndSessions end_sessions_;
    Published<ocsp::Lists> lists_;
    std::vector<std::shared_ptr<const ocsp::Lists>> all_lists_;  // of each authority
    std::string listed_issuers_;  // serials of all of them, when lists were made
    Published<Bytes> staple_;
    // Full lists that deltas may add to, oldest first.
    struct Base {
        std::uint64_t number;
        Timestamp made;
        std::size_t revoked;  // of the book, when it was made
    };
    std::deque<Base> bases_;
    std::uint64_t last_number_ = 0;
    std::size_t covered_ = 0;  // of the book, by the newest lists
    bool revoking_ = false, making_ = false;
    bool lists_failed_ = false;  // the last time they were to be renewed
    Event revoked_, made_;       // set when those two end
    double answers_left_;
    SteadyTime answered_{};
    metrics::Counter& revocations_;
    metrics::Gauge& on_list_;
};

}  // namespace mw::revocation
