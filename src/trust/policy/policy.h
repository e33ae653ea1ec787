#pragma once
// Who may do what: roles compiled to a Policy that answers in well under a microsecond and explains
// itself, and bearer tokens of which only the SHA-256 is kept. Pure, without I/O; a Policy is an
// immutable snapshot that any thread may hold. Default is no.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/result.h"
#include "domain/resource_store.h"

namespace mw::policy {

enum class Verb : std::uint8_t {
    get,
    list,
    watch,
    create,
    replace,
    patch,
    remove,  // "delete" in text
    query,   // SQL over history (kind History)
    enroll,  // make an enrolment token of an EnrollmentGroup
    token,   // make or revoke a user's token
    label,
    approve,
};
inline constexpr int verb_count = 12;
std::string_view to_string(Verb verb);
Result<Verb> verb_from(std::string_view text);  // the error lists the verbs

// Someone who acts, as audit facts name them: "user:ada", "device:gw-1", "hub".
struct Principal {
    std::string name;
    std::vector<std::string> roles;
};

struct Access {
    Verb verb;
    std::string_view kind;    // a resource kind, or History, Blob, Alarm, AuditFact, Mqtt*
    std::string_view domain;  // "default" where none applies
    // Of the resource, or of what the thing belongs to; outlives the question. Null: there are none
    // to judge by, so that no rule with labels holds.
    const Labels* labels = nullptr;
};
inline Access access_to(Verb verb, const Resource& resource) {
    return {verb, resource.kind, resource.domain, &resource.labels};
}

// Of a rule that lets somebody query History: the rows that it shows. All that is given must hold.
struct RowSelection {
    std::vector<std::string> products;          // rows of one of these data products; empty: any
    std::map<std::string, std::string> labels;  // rows of devices that have all of them
    bool empty() const { return products.empty() && labels.empty(); }
    bool operator==(const RowSelection&) const = default;
};

struct Rule {
    std::uint32_t verbs = 0;           // bit (1 << Verb)
    std::vector<std::string> kinds;    // names, or "*"
    std::vector<std::string> domains;  // names, or "*"; of History: of the devices
    RowSelection rows = {};
    WantedLabels labels = {};  // holds for what has them only; values sorted
};

struct Role {
    std::string name;
    std::vector<Rule> rules;
    // Separation of duties: of each of these sets nobody may hold two roles.
    std::vector<std::vector<std::string>> apart = {};
};

// What can be granted besides kinds of resources: "History", "Alarm", "Certificate" ...
std::span<const std::string_view> kinds_beside_resources();
// The verbs with which a rule with labels may name such a kind, which then count by the labels of
// the device (of Certificate: or user) that it belongs to; 0: there is nothing to judge by.
std::uint32_t verbs_by_labels(std::string_view kind_beside_resources);

// From a Role resource's spec ({rules:[{verbs,kinds,domains,labels,rows}],apart:[[..]]}); the error
// names the path.
Result<Role> role_from_spec(std::string_view name, const Json& spec);
// admin, operator, viewer, writer, and who closes the loop: engineer, releaser, ot, it, business.
struct BuiltInRole {
    std::string_view name;
    std::string_view description;
    Json spec;
};
const std::vector<BuiltInRole>& built_in_roles();

struct Verdict {
    bool allowed = false;
    std::string why;  // one sentence: which role allows it, or what is missing
};

class Compiled;  // private to this module

class Policy {
 public:
    static std::shared_ptr<const Policy> compile(std::vector<Role> roles);

    bool allowed(const Principal& principal, const Access& access) const;
    Verdict explain(const Principal& principal, const Access& access) const;
    // Where the verb is allowed on the kind: allowed() for what it holds, and for nothing else.
    Reaches reach(const Principal& principal, Verb verb, std::string_view kind) const;
    // What rows of history they may query: those that any of these shows. Empty: none.
    struct Reading {
        std::vector<std::string> domains;  // of the devices; "*": all
        RowSelection rows;
        WantedLabels labels;  // of the devices
    };
    std::vector<Reading> readings(const Principal& principal) const;
    // Whether nobody may hold all of these, and which role says so: one sentence, or nothing.
    std::string kept_apart(std::span<const std::string> roles) const;
    bool has_role(std::string_view role) const { return find(role) != nullptr; }
    // Whether the principal itself holds everything that the rules or the named roles would grant:
    // nobody hands out more than they have.
    bool covers(const Principal& principal, std::span<const Rule> rules) const;
    bool covers_roles(const Principal& principal, std::span<const std::string> roles) const;

 private:
    const Role* find(std::string_view role) const;
    // By a rule that reaches all that `wanted` reaches.
    bool holds(const Principal& principal, const Access& access, const Rule& wanted) const;
    std::vector<Role> roles_;
    std::shared_ptr<const Compiled> compiled_;
    std::unordered_map<std::string_view, const Role*> by_name_;
};

// ---- Tokens: "mwt_<user>_<base64url of 32 random bytes>"
using TokenHash = std::array<std::uint8_t, 32>;

struct TokenRecord {
    std::string user;
    TokenHash hash{};
    Timestamp created;
    Timestamp expires;    // ns 0: never
    std::string purpose;  // "bootstrap", "session", "api"
};
struct IssuedToken {
    std::string text;  // shown once, never stored
    TokenRecord record;
};
struct PresentedToken {
    std::string user;
    TokenHash hash{};
};
// lifetime 0: never expires.
IssuedToken issue_token(std::string user, std::string purpose, Timestamp now, nanoseconds lifetime,
                        Random& random);
Result<PresentedToken> parse_token(std::string_view text);

struct Account {
    std::vector<std::string> roles;
    std::vector<TokenRecord> tokens;
};

// Where users, roles and token hashes live; data/registry implements it. Belongs to the control
// loop; the reads answer from memory.
class Accounts {
 public:
    virtual ~Accounts() = default;
    virtual const Account* find(const std::string& user) const = 0;
    virtual std::shared_ptr<const Policy> policy() const = 0;
    // Adding drops the user's expired tokens, and the oldest when there are more than 64.
    virtual Task<> add_token(TokenRecord record, AuditNote note) = 0;
    virtual Task<> revoke_tokens(std::string user, AuditNote note) = 0;
};

// The user behind a bearer token. denied says nothing that helps to guess.
Result<Principal> authenticate(const Accounts& accounts, std::string_view token, Timestamp now);

// Bearer tokens that somebody else signs for people; trust/oidc implements it. Control loop.
class ForeignTokens {
 public:
    virtual ~ForeignTokens() = default;
    virtual bool takes(std::string_view token) const = 0;  // by its look; says nothing of trust
    // Names begin with foreign_prefix, which no name of a User can: nobody is taken for another.
    // not_found: nobody signed it whose key we have; renew() may bring it.
    virtual Result<Principal> authenticate(std::string_view token, Timestamp now) const = 0;
    virtual Task<> renew() = 0;  // seldom asks anybody, however often it is called
};
inline constexpr std::string_view foreign_prefix = "user:oidc:";

// ---- Admission: a kind's module judges what people write, after the policy has allowed it. The
// hub's own controllers write to the store and are not asked.
struct AdmissionRequest {
    Verb deed;  // create, replace, patch or remove
    Principal who;
    Resource wanted;  // as it would be written, its schema checked; of remove: the stored one
    std::optional<Resource> stored;
};
// Gives the resource to be written (of create, with a status if it wants one; otherwise the stored
// status stays) or the error that refuses it. Kind and name stay. A dry run asks as well, so an
// Admit changes nothing. On the control loop.
using Admit = std::function<Task<Resource>(AdmissionRequest)>;

}  // namespace mw::policy
