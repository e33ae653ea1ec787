#include "fleet/onboarding/enrollment_token.h"

#include <algorithm>

#include "trust/identity/identity.h"

namespace mw::onboarding {
namespace {

constexpr std::string_view prefix = "mwe_";
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t text_bytes_max = 200;

std::optional<TokenRecord> read_record(const Json& value) {
    TokenRecord record;
    auto hash = from_hex(find_string(value, "sha256").value_or(""));
    auto created = parse_iso8601(find_string(value, "created").value_or(""));
    auto expires = parse_iso8601(find_string(value, "expires").value_or(""));
    auto uses = find_integer(value, "uses"), left = find_integer(value, "uses_left");
    if (!hash || hash->size() != record.hash.size() || !created || !expires || !uses || !left ||
        *uses < 0 || *left < 0)
        return {};
    std::ranges::copy(*hash, record.hash.begin());
    record.created = *created, record.expires = *expires;
    record.uses = static_cast<std::uint64_t>(*uses);
    record.uses_left = static_cast<std::uint64_t>(*left);
    return record;
}

}  // namespace

std::string make_token_text(std::string_view group, Random& random) {
    Bytes secret(secret_bytes);
    random.fill(secret);
    return std::string(prefix) + std::string(group) + "." + to_base64url(secret);
}

Result<TokenText> parse_token_text(std::string_view text) {
    Error unknown{Errc::not_found, "the enrolment token is not known"};
    if (text.size() > text_bytes_max || !text.starts_with(prefix)) return unknown;
    auto dot = text.rfind('.');
    if (dot == text.npos || dot < prefix.size()) return unknown;
    std::string group(text.substr(prefix.size(), dot - prefix.size()));
    if (!identity::is_device_name(group)) return unknown;
    return TokenText{std::move(group), crypto::sha256(bytes_of(text))};
}

Result<GroupLimits> GroupLimits::from_spec(const Json& spec) {
    GroupLimits limits;
    if (auto expires = find_string(spec, "expires")) {
        TRY(limits.expires, parse_iso8601(*expires).context("spec.expires"));
    }
    if (auto uses = find_integer(spec, "max_uses"); uses && *uses > 0)
        limits.max_uses = static_cast<std::uint64_t>(*uses);
    return limits;
}

TokenBook TokenBook::from_status(const Json& status) {
    TokenBook book;
    if (auto enrolled = find_integer(status, "enrolled"); enrolled && *enrolled > 0)
        book.enrolled_ = static_cast<std::uint64_t>(*enrolled);
    const Json* list = mw::find(status, "tokens");
    if (!list || !list->is_array()) return book;
    for (const auto& value : list->as_array())
        if (auto record = read_record(value)) book.tokens_.push_back(*record);
    return book;
}

JsonObject TokenBook::to_status() const {
    JsonArray list;
    for (const auto& token : tokens_)
        list.emplace_back(JsonObject{{"sha256", to_hex(token.hash)},
                                     {"created", to_iso8601(token.created)},
                                     {"expires", to_iso8601(token.expires)},
                                     {"uses", token.uses},
                                     {"uses_left", token.uses_left}});
    return {{"tokens", std::move(list)}, {"enrolled", enrolled_}};
}

Result<> TokenBook::add(TokenRecord record, Timestamp now) {
    std::erase_if(tokens_, [&](const TokenRecord& token) { return token.expires <= now; });
    if (tokens_.size() >= tokens_per_group_max)
        return Error{Errc::invalid_input,
                     "the group has 100 tokens that have not expired; make "
                     "tokens with more uses, or another group"};
    tokens_.push_back(std::move(record));
    return {};
}

TokenRecord* TokenBook::record_of(const crypto::Sha256Digest& hash) {
    // Hashes of 256 random bits: how far a comparison came tells nothing about the token.
    auto at = std::ranges::find(tokens_, hash, &TokenRecord::hash);
    return at == tokens_.end() ? nullptr : &*at;
}

Result<> TokenBook::claim(const crypto::Sha256Digest& hash, const GroupLimits& limits,
                          Timestamp now) {
    TokenRecord* token = record_of(hash);
    if (!token) return Error{Errc::not_found, "the enrolment token is not known"};
    if (token->expires <= now)
        return Error{Errc::denied, "the enrolment token expired at " + to_iso8601(token->expires)};
    if (limits.expires > now && token->uses_left == 0)
        return Error{Errc::denied, "the enrolment token is used up (" +
                                       std::to_string(token->uses) + " of " +
                                       std::to_string(token->uses) + ")"};
    TRY_VOID(count(limits, now));
    --token->uses_left;
    return {};
}

Result<> TokenBook::count(const GroupLimits& limits, Timestamp now) {
    if (limits.expires <= now)
        return Error{Errc::denied, "the enrolment group expired at " + to_iso8601(limits.expires)};
    if (enrolled_ >= limits.max_uses)
        return Error{Errc::denied, "the enrolment group is full (" +
                                       std::to_string(limits.max_uses) + " devices)"};
    ++enrolled_;
    return {};
}

void TokenBook::release(const crypto::Sha256Digest& hash) {
    TokenRecord* token = record_of(hash);
    if (token && token->uses_left < token->uses) ++token->uses_left;
    uncount();
}

bool TokenBook::is_alive(const crypto::Sha256Digest& hash, Timestamp now) const {
    auto at = std::ranges::find(tokens_, hash, &TokenRecord::hash);
    return at != tokens_.end() && at->expires > now;
}

}  // namespace mw::onboarding
