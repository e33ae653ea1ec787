#include "protocols/mqtt/scram.h"

#include <algorithm>
#include <charconv>

namespace mw::mqtt {
namespace {

constexpr std::size_t scram_message_bytes_max = 2'048;
constexpr std::size_t scram_password_bytes_max = 1'024;
constexpr std::size_t scram_names_max = 10'000;
constexpr unsigned scram_rounds_min = 4'096, scram_rounds_max = 10'000'000;
constexpr std::size_t scram_salt_bytes_min = 8, scram_salt_bytes_max = 64;

bool is_printable_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// What stands before the separator, which goes as well; everything if there is none.
std::string_view cut_at(std::string_view& text, char separator) {
    const std::size_t at = text.find(separator);
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return part;
}

// The value of the next attribute, "r=..."; false: it is another one, or empty.
bool take_attribute(std::string_view& message, char name, std::string_view& value) {
    const std::string_view part = cut_at(message, ',');
    if (part.size() < 3 || part[0] != name || part[1] != '=') return false;
    value = part.substr(2);
    return true;
}

// "=2C" is a comma and "=3D" an equals sign (RFC 5802 5.1). False: something else behind "=".
bool read_saslname(std::string_view text, std::string& out) {
    while (!text.empty()) {
        const std::size_t at = std::min(text.find('='), text.size());
        out += text.substr(0, at);
        text.remove_prefix(at);
        if (text.empty()) break;
        const std::string_view code = text.substr(0, 3);
        if (code != "=2C" && code != "=3D") return false;
        out += code == "=2C" ? ',' : '=';
        text.remove_prefix(3);
    }
    return true;
}

Exchange::Answer scram_refusal(std::string why) { return {.why = std::move(why)}; }

Result<crypto::Sha256Digest> digest_from(std::string_view base64, std::string_view what) {
    TRY(const Bytes bytes, from_base64(base64).context(what));
    crypto::Sha256Digest digest;
    if (bytes.size() != digest.size())
        return Error{Errc::invalid_input, std::string(what) + ": want 32 bytes in base64"};
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    return digest;
}

}  // namespace

Result<ScramVerifier> scram_verifier(std::string_view password, ByteView salt, unsigned rounds) {
    if (password.empty() || password.size() > scram_password_bytes_max ||
        !is_printable_ascii(password))
        return Error{Errc::invalid_input, "password: want 1 to 1024 printable ASCII characters"};
    const crypto::Sha256Digest salted = crypto::pbkdf2_sha256(bytes_of(password), salt, rounds);
    const crypto::Sha256Digest client_key = crypto::hmac_sha256(salted, bytes_of("Client Key"));
    ScramVerifier verifier;
    verifier.rounds = rounds;
    verifier.salt.assign(salt.begin(), salt.end());
    verifier.stored_key = crypto::sha256(client_key);
    verifier.server_key = crypto::hmac_sha256(salted, bytes_of("Server Key"));
    return verifier;
}

std::string to_text(const ScramVerifier& verifier) {
    std::string text(scram_method);
    text.append("$").append(std::to_string(verifier.rounds));
    text.append(":").append(to_base64(verifier.salt));
    text.append("$").append(to_base64(verifier.stored_key));
    return text.append(":").append(to_base64(verifier.server_key));
}

Result<ScramVerifier> scram_verifier_from_text(std::string_view text) {
    if (cut_at(text, '$') != scram_method)
        return Error{Errc::invalid_input, "want SCRAM-SHA-256$ROUNDS:SALT$STORED_KEY:SERVER_KEY"};
    ScramVerifier verifier;
    const std::string_view rounds = cut_at(text, ':');
    const auto [end, fault] =
        std::from_chars(rounds.data(), rounds.data() + rounds.size(), verifier.rounds);
    if (fault != std::errc() || end != rounds.data() + rounds.size() ||
        verifier.rounds < scram_rounds_min || verifier.rounds > scram_rounds_max)
        return Error{Errc::invalid_input, "rounds: want a number from 4096 to 10000000"};
    TRY(verifier.salt, from_base64(cut_at(text, '$')).context("salt"));
    if (verifier.salt.size() < scram_salt_bytes_min || verifier.salt.size() > scram_salt_bytes_max)
        return Error{Errc::invalid_input, "salt: want 8 to 64 bytes in base64"};
    TRY(verifier.stored_key, digest_from(cut_at(text, ':'), "stored key"));
    TRY(verifier.server_key, digest_from(text, "server key"));
    return verifier;
}

Exchange::Answer ScramExchange::step(ByteView data) {
    const std::string_view message = text_of(data);
    if (message.size() > scram_message_bytes_max || !is_printable_ascii(message))
        return scram_refusal("SCRAM: want at most 2048 bytes of printable ASCII");
    if (first_done_) return last(message);
    if (message.empty()) return {.verdict = Answer::Verdict::go_on};  // the client speaks first
    return first(message);
}

// "n,,n=user,r=nonce"
Exchange::Answer ScramExchange::first(std::string_view message) {
    std::string_view rest = message;
    const std::string_view binding = cut_at(rest, ',');
    const std::string_view other_user = cut_at(rest, ',');
    if (binding != "n" && binding != "y")
        return scram_refusal("SCRAM: channel binding is not offered; want n,,");
    gs2_header_ = message.substr(0, message.size() - rest.size());
    const std::string_view bare = rest;
    std::string_view name, nonce;
    std::string user, acts_for;
    if (!take_attribute(rest, 'n', name) || !read_saslname(name, user))
        return scram_refusal("SCRAM: the first message has no user name; want n=NAME");
    if (!take_attribute(rest, 'r', nonce)) return scram_refusal("SCRAM: want a nonce, r=");
    if (!other_user.empty() && (!other_user.starts_with("a=") ||
                                !read_saslname(other_user.substr(2), acts_for) || acts_for != user))
        return scram_refusal("SCRAM: nobody acts for somebody else");
    if (user != user_) known_ = false;
    nonce_.insert(0, nonce);
    std::string answer = "r=" + nonce_;
    answer.append(",s=").append(to_base64(verifier_.salt));
    answer.append(",i=").append(std::to_string(verifier_.rounds));
    transcript_.append(bare).append(",").append(answer).append(",");
    first_done_ = true;
    const ByteView bytes = bytes_of(answer);
    return {.verdict = Answer::Verdict::go_on, .data = Bytes(bytes.begin(), bytes.end())};
}

// "c=biws,r=nonce,p=proof"
Exchange::Answer ScramExchange::last(std::string_view message) {
    const std::size_t proof_at = message.rfind(",p=");
    std::string_view rest = message.substr(0, proof_at);
    transcript_.append(rest);
    std::string_view binding, nonce;
    if (proof_at == std::string_view::npos || !take_attribute(rest, 'c', binding) ||
        !take_attribute(rest, 'r', nonce))
        return scram_refusal("SCRAM: want c=, r= and p= in the last message");
    if (binding != to_base64(bytes_of(gs2_header_)))
        return scram_refusal("SCRAM: c= is not what the exchange began with");
    if (nonce != nonce_) return scram_refusal("SCRAM: the nonce is not that of this exchange");
    const auto proof = digest_from(message.substr(proof_at + 3), "SCRAM: p=");
    if (!proof) return scram_refusal(proof.error().message);
    crypto::Sha256Digest client_key =
        crypto::hmac_sha256(verifier_.stored_key, bytes_of(transcript_));
    for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= (*proof)[i];
    const bool proved =
        crypto::equal_in_constant_time(crypto::sha256(client_key), verifier_.stored_key);
    if (!proved || !known_) return scram_refusal("SCRAM: wrong name or password");
    const std::string answer =
        "v=" + to_base64(crypto::hmac_sha256(verifier_.server_key, bytes_of(transcript_)));
    const ByteView bytes = bytes_of(answer);
    return {.verdict = Answer::Verdict::passed, .data = Bytes(bytes.begin(), bytes.end())};
}

Result<std::unique_ptr<ScramAuthenticator>> ScramAuthenticator::open(std::string_view file,
                                                                     Random& random) {
    std::unique_ptr<ScramAuthenticator> self(new ScramAuthenticator(random));
    self->secret_.resize(32);
    random.fill(self->secret_);
    for (std::size_t number = 1; !file.empty(); ++number) {
        std::string_view line = cut_at(file, '\n');
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        const std::string name(cut_at(line, ' '));
        const std::string where = "line " + std::to_string(number);
        auto verifier = scram_verifier_from_text(line);
        if (!verifier) return std::move(verifier).error().context(where);
        if (self->verifiers_.size() == scram_names_max)
            return Error{Errc::invalid_input, where + ": there are more than 10000 names"};
        if (self->verifiers_.empty()) self->rounds_ = verifier->rounds;
        if (name.empty() || !self->verifiers_.emplace(name, *std::move(verifier)).second)
            return Error{Errc::invalid_input, where + ": want a name, and each once"};
    }
    return self;
}

const ScramVerifier* ScramAuthenticator::find(const Identity& identity) const {
    if (identity.kind != Identity::Kind::service && identity.kind != Identity::Kind::user)
        return nullptr;
    const auto found = verifiers_.find(identity.name);
    return found == verifiers_.end() ? nullptr : &found->second;
}

std::unique_ptr<Exchange> ScramAuthenticator::begin(std::string_view method,
                                                    const Identity& identity) {
    if (method != scram_method) return nullptr;
    Bytes nonce(18);
    random_.fill(nonce);
    const ScramVerifier* found = find(identity);
    ScramVerifier verifier;
    if (found != nullptr) {
        verifier = *found;
    } else {
        const auto digest = crypto::hmac_sha256(secret_, bytes_of(identity.name));
        verifier.salt.assign(digest.begin(), digest.begin() + 16);
        verifier.rounds = rounds_;
    }
    return std::make_unique<ScramExchange>(identity.name, verifier, found != nullptr,
                                           to_base64(nonce));
}

std::string_view ScramAuthenticator::required_method(const Identity& identity) const {
    return find(identity) == nullptr ? std::string_view{} : scram_method;
}

}  // namespace mw::mqtt
