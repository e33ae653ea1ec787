#pragma once
// Where the keys of authorities are: beside their certificate (STEM.key), or where STEM.uri says: a
// file elsewhere ("file:/media/safe/root.key") or a token ("pkcs11:..."). Inside trust/identity.

#include <memory>
#include <optional>
#include <string>

#include "platform/crypto/crypto.h"
#include "platform/files/files.h"

namespace mw::identity {

// As they lie on disk; either may be missing.
struct Pair {
    std::optional<crypto::Certificate> certificate;
    std::optional<crypto::PrivateKey> key;
};

// A file that STEM.uri names may be missing, as when its stick is in the safe. A key in a token
// isn't looked for if its certificate is there. corrupt names the file that does not fit.
Result<Pair> read_pair(files::Files& files, const std::string& stem,
                       const std::shared_ptr<crypto::Token>& token);
// Where the key lies or would lie: "file:..." or "pkcs11:..."; nothing: beside its certificate.
Result<std::optional<std::string>> key_uri(files::Files& files, const std::string& stem);
// A new key of P-256, in the file that the pair's key comes from.
Result<crypto::PrivateKey> make_key(files::Files& files, const std::string& stem);
Result<> write_certificate(files::Files& files, const std::string& stem,
                           const crypto::Certificate& certificate);
// STEM.pem, STEM.key and STEM.uri, those that there are.
Result<> rename_pair(files::Files& files, const std::string& from, const std::string& to);

Result<std::optional<std::string>> read_text(files::Files& files, const std::string& path,
                                             std::uint64_t bytes_max);

}  // namespace mw::identity
