#pragma once
// What an issuing authority may vouch for, and for whom it issues. Plain data.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/crypto/crypto.h"

namespace mw::identity {

enum class Purpose { devices, gateways, servers, operators, code };
std::string_view to_string(Purpose purpose);

// A set of them.
class Purposes {
 public:
    static Purposes all();
    // invalid_input: an unknown word, or none at all.
    static Result<Purposes> from(std::span<const std::string> words);
    bool has(Purpose purpose) const { return bits_ >> unsigned(purpose) & 1; }
    void add(Purpose purpose) { bits_ |= 1u << unsigned(purpose); }
    // Those of both.
    Purposes within(Purposes other) const;
    bool operator==(const Purposes&) const = default;
    std::string text() const;  // "devices, gateways"
    // What the certificate of an authority with them limits its use to; empty: not at all.
    std::vector<crypto::Use> uses() const;

 private:
    unsigned bits_ = 0;
};
// What the extended key usage of an authority leaves it.
Purposes allowed_by(const crypto::Certificate& authority);

// An issuing authority as hub.yaml declares it. The default one has no name and issues for whoever
// no other one issues for.
struct IssuerOrder {
    std::string name;
    Purposes purposes = Purposes::all();
    std::vector<std::string> sites, groups;  // of devices and gateways; both empty: of all
    bool issues = true;                      // false: trusted until it ends, and signs nothing new
    bool is_for(Purpose purpose, std::string_view group, std::string_view site) const;
};
// invalid_input: a name that is none or is there twice, or sites of what stands on no site.
Result<> check(std::span<const IssuerOrder> issuers);

}  // namespace mw::identity
