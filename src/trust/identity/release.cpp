#include "trust/identity/release.h"

#include <algorithm>

#include "base/json.h"
#include "trust/identity/signing_key.h"

namespace mw::identity {
namespace {

constexpr std::size_t text_bytes_max = 4096;
constexpr std::size_t hash_digits = 64;
constexpr std::int64_t number_max = std::int64_t{1} << 53;  // exact in every JSON reader

Error bad(std::string why) {
    return Error{Errc::invalid_input, "release statement: " + std::move(why)};
}

bool is_hash(std::string_view text) {
    return text.size() == hash_digits && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace

std::string release_text(const Release& release) {
    JsonObject object;
    object["artifact"] = release.artifact;
    object["counter"] = release.counter;
    if (!release.filename.empty()) object["filename"] = release.filename;
    object["issued_at"] = to_iso8601(release.issued_at);
    if (!release.module.empty()) object["module"] = release.module;
    object["name"] = release.name;
    object["sha256"] = release.sha256;
    object["size"] = release.size;
    return to_json(object);
}

Result<Release> parse_release(std::string_view text) {
    if (text.size() > text_bytes_max) return bad("longer than 4096 bytes");
    TRY(const Json json, parse_json(text).context("release statement"));
    Release release;
    release.artifact = find_string(json, "artifact").value_or("");
    release.name = find_string(json, "name").value_or("");
    release.sha256 = find_string(json, "sha256").value_or("");
    release.filename = find_string(json, "filename").value_or("");
    release.module = find_string(json, "module").value_or("");
    const auto size = find_integer(json, "size"), counter = find_integer(json, "counter");
    const auto issued = find_string(json, "issued_at");
    if (release.artifact != "ModelVersion" && release.artifact != "Firmware")
        return bad("'artifact' must be ModelVersion or Firmware");
    if (release.name.empty() || !is_hash(release.sha256))
        return bad("want 'name', and 'sha256' of 64 hex digits");
    if (!size || *size < 0 || *size > number_max || !counter || *counter < 1 ||
        *counter > number_max || !issued)
        return bad("want 'size', 'counter' from 1, and 'issued_at'");
    TRY(release.issued_at, parse_iso8601(*issued));
    release.size = static_cast<std::uint64_t>(*size);
    release.counter = static_cast<std::uint64_t>(*counter);
    if (release_text(release) != text) return bad("it is not in its canonical form");
    return release;
}

Result<Release> verify_release(const SignedRelease& release, const crypto::TrustStore& trust,
                               Timestamp at) {
    if (release.text.empty() || release.signature.empty())
        return Error{Errc::denied,
                     "there is no signed release statement. Next step: assign it "
                     "through a hub that signs its releases"};
    auto signature = from_base64(release.signature);
    auto chain = from_base64(release.certificate);
    if (!signature || !chain)
        return Error{Errc::denied, "the signature or its certificate is not base64"};
    TRY_VOID(verify_signed(bytes_of(release.text), *signature, *chain, trust, release_purpose, at)
                 .context("the release is not from our hub"));
    return parse_release(release.text);
}

}  // namespace mw::identity
