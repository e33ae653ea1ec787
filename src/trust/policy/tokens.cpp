#include <algorithm>

#include "platform/crypto/crypto.h"
#include "trust/policy/policy.h"

namespace mw::policy {
namespace {

constexpr std::string_view prefix = "mwt_";
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_chars = 43;  // base64url of 32 bytes, without padding

bool is_user(std::string_view user) {
    return !user.empty() && user.size() <= 63 && std::all_of(user.begin(), user.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    });
}

bool is_secret(std::string_view secret) {
    return std::all_of(secret.begin(), secret.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

}  // namespace

IssuedToken issue_token(std::string user, std::string purpose, Timestamp now, nanoseconds lifetime,
                        Random& random) {
    std::array<std::uint8_t, secret_bytes> secret;
    random.fill(secret);
    IssuedToken issued;
    issued.text = std::string(prefix) + user + "_" + to_base64url(secret);
    issued.record = {std::move(user), crypto::sha256(bytes_of(issued.text)), now,
                     lifetime.count() == 0 ? Timestamp{} : now + lifetime, std::move(purpose)};
    return issued;
}

Result<PresentedToken> parse_token(std::string_view text) {
    // The secret has a fixed length, so a user's name may contain '_'.
    const bool long_enough = text.size() > prefix.size() + 1 + secret_chars;
    if (!long_enough || text.size() > 200 || !text.starts_with(prefix) ||
        text[text.size() - secret_chars - 1] != '_')
        return Error{Errc::denied, "not a token (want mwt_USER_SECRET)"};
    const auto user = text.substr(prefix.size(), text.size() - prefix.size() - 1 - secret_chars);
    if (!is_user(user) || !is_secret(text.substr(text.size() - secret_chars)))
        return Error{Errc::denied, "not a token (want mwt_USER_SECRET)"};
    return PresentedToken{std::string(user), crypto::sha256(bytes_of(text))};
}

}  // namespace mw::policy
