#pragma once
// What people do with authorities by hand, before the hub runs or beside it: make them with keys
// where they want them, have the issuing one signed by a root that lies in a safe or is another's,
// and put what was signed in place. Blocks; for a command, not for a loop. A hub that runs takes
// up what was installed at its next SIGHUP.

#include <string>

#include "trust/identity/authority.h"

namespace mw::identity {

struct NewAuthorities {
    // At most one of these; neither: the root's key lies in DATA/pki, as in a hub that made it.
    std::string offline_root;  // a folder for root.key, with a copy of root.pem
    std::string root_uri;      // "pkcs11:..."
    std::string issuing_uri;   // "pkcs11:..." or "file:/..."; empty: pki/issuing.key
};
// conflict: there are authorities already.
Result<std::unique_ptr<CertificateAuthority>> make_authorities(files::Files& files,
                                                               const Clock& clock, Random& random,
                                                               AuthorityOptions options,
                                                               const NewAuthorities& wanted);

// The request for the next issuing authority (or the first, of somebody else's root), PEM. Its key
// is pki/next.key, or where the URI says. Asked again, it is for the same key. name: of one that
// options.issuers declares, whose purposes the request says; empty: the default one.
Result<std::string> request_issuing(files::Files& files, Random& random,
                                    const AuthorityOptions& options, const std::string& uri,
                                    const std::string& name = {});

// Signs it, for the uses that it asks for and no others, by the root whose root.pem lies in a
// folder beside root.key or root.uri.
Result<crypto::Certificate> sign_issuing(files::Files& files, const Clock& clock, Random& random,
                                         const std::string& root_folder, std::string_view request,
                                         nanoseconds lifetime,
                                         const std::shared_ptr<crypto::Token>& token);

struct SignedIssuing {
    std::string certificate;  // PEM
    std::string root;         // PEM; empty: the one that is there
    std::string key;          // PEM or a URI; empty: that of the request
    std::string name{};       // as of request_issuing
};
// Puts it in place; the one before goes on being trusted until it ends. denied: not below the root,
// no authority, not of that key, or not for its purposes.
Result<crypto::Certificate> install_issuing(files::Files& files, const Clock& clock,
                                            const AuthorityOptions& options,
                                            const SignedIssuing& by);

}  // namespace mw::identity
