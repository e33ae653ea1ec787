#pragma once
// The hub's word for a version: "this file, of this size, is this version, and it is my n-th word
// about this model". Devices take nothing else (docs/formats/release.md). Pure; any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "platform/crypto/crypto.h"

namespace mw::identity {

inline constexpr std::string_view release_purpose = "release";

struct Release {
    std::string artifact;  // "ModelVersion" or "Firmware"
    std::string name;      // of the resource: "pump--2"
    std::string sha256;    // lower-case hex
    std::uint64_t size = 0;
    std::uint64_t counter = 0;  // grows with each statement about this model or product; from 1
    Timestamp issued_at;
    std::string filename;  // firmware only: as the module sees it
    std::string module;    // firmware only: which update module installs it

    bool operator==(const Release&) const = default;
};

// One text for one content: compact JSON, keys in order.
std::string release_text(const Release& release);
// invalid_input unless the text is what release_text() gives for its content.
Result<Release> parse_release(std::string_view text);

// A statement as it travels: the text, its signature and the signer's chain, both in base64.
struct SignedRelease {
    std::string text;
    std::string signature;
    std::string certificate;
};
// denied, with the reason, unless a release key that leads to an anchor at that time signed it.
Result<Release> verify_release(const SignedRelease& release, const crypto::TrustStore& trust,
                               Timestamp at);

}  // namespace mw::identity
