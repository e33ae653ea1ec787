#include "trust/identity/key_places.h"

#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr unsigned secret_mode = 0600, public_mode = 0644;
constexpr std::string_view file_scheme = "file:";

std::string without_line_end(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.pop_back();
    return text;
}

// The file of the key, or nothing if it is in a token.
Result<std::optional<std::string>> key_path(files::Files& files, const std::string& stem) {
    TRY(const auto uri, key_uri(files, stem));
    if (!uri) return std::optional{stem + ".key"};
    if (uri->starts_with(file_scheme)) return std::optional{uri->substr(file_scheme.size())};
    return std::optional<std::string>{};
}

Result<crypto::PrivateKey> key_in_token(const std::string& stem, const std::string& uri,
                                        const std::shared_ptr<crypto::Token>& token,
                                        const std::optional<crypto::Certificate>& certificate) {
    if (!token)
        return Error{Errc::invalid_input,
                     stem +
                         ".uri: the key is in a token; say by which library it is reached: "
                         "authority.token_module and token_pin_file in hub.yaml"};
    if (!certificate) return token->find(uri).context(stem + ".uri");
    TRY(const auto known, crypto::PublicKey::from_spki(certificate->spki));
    return token->expect(uri, known).context(stem + ".uri");
}

}  // namespace

Result<std::optional<std::string>> read_text(files::Files& files, const std::string& path,
                                             std::uint64_t bytes_max) {
    TRY(auto size, files.size(path));
    if (!size) return std::optional<std::string>{};
    TRY(auto bytes, files::read_all(files, path, bytes_max));
    return std::optional<std::string>{text_of(bytes)};
}

Result<std::optional<std::string>> key_uri(files::Files& files, const std::string& stem) {
    TRY(auto text, read_text(files, stem + ".uri", 4096));
    if (!text) return text;
    auto uri = without_line_end(*std::move(text));
    if (uri.starts_with("file:/") || uri.starts_with("pkcs11:"))
        return std::optional{std::move(uri)};
    return Error{Errc::invalid_input, stem + ".uri: want file:/PATH or pkcs11:..., alone"};
}

Result<Pair> read_pair(files::Files& files, const std::string& stem,
                       const std::shared_ptr<crypto::Token>& token) {
    Pair pair;
    TRY(auto certificate, read_text(files, stem + ".pem", pem_bytes_max));
    if (certificate) {
        auto parsed = crypto::certificates_from_pem(*certificate);
        if (!parsed) return does_not_fit(stem + ".pem", parsed.error().message);
        pair.certificate = parsed->front();
    }
    TRY(const auto path, key_path(files, stem));
    if (!path) {
        TRY(const auto uri, key_uri(files, stem));
        TRY(pair.key, key_in_token(stem, *uri, token, pair.certificate));
        return pair;
    }
    TRY(auto key, read_text(files, *path, pem_bytes_max));
    if (key) {
        auto parsed = crypto::PrivateKey::from_pem(*key);
        if (!parsed) return does_not_fit(*path, parsed.error().message);
        pair.key = *std::move(parsed);
    }
    if (pair.certificate && pair.key && pair.certificate->spki != pair.key->public_key().spki())
        return does_not_fit(*path, "it is not the key of " + stem + ".pem");
    return pair;
}

// The key first: a certificate without its key could not be mended, a key without one can.
Result<crypto::PrivateKey> make_key(files::Files& files, const std::string& stem) {
    TRY(const auto path, key_path(files, stem));
    if (!path)
        return Error{Errc::invalid_input, stem + ".uri: keys in a token are made by its own tools"};
    TRY(auto key, crypto::PrivateKey::generate(crypto::KeyKind::p256));
    TRY_VOID(files::atomic_replace(files, *path, bytes_of(key.to_pem()), secret_mode));
    return key;
}

Result<> write_certificate(files::Files& files, const std::string& stem,
                           const crypto::Certificate& certificate) {
    auto pem = crypto::to_pem(certificate);
    return files::atomic_replace(files, stem + ".pem", bytes_of(pem), public_mode);
}

Result<> rename_pair(files::Files& files, const std::string& from, const std::string& to) {
    for (const char* end : {".pem", ".key", ".uri"}) {
        TRY(const auto size, files.size(from + end));
        if (size) TRY_VOID(files.rename(from + end, to + end));
    }
    return {};
}

}  // namespace mw::identity
