#pragma once
// Looks into pki/issued.jsonl, the record of every certificate that the authority signed. Reads the
// whole file (about 1 GB a second when it is cached): for Workers.

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "platform/files/files.h"

namespace mw::identity {

struct IssuedCertificate {
    Timestamp at;
    std::string serial;
    std::string subject;  // "device:gw-1"; of signing keys "signing:release"
    Timestamp not_after;
    std::string fingerprint;  // SHA-256 of the DER, hex
    std::string key;          // of the SPKI; empty in lines of old hubs
    std::string issuer{};     // key id of who signed it, hex; likewise
};

struct IssuedQuery {
    std::string serial;   // empty: any
    std::string subject;  // empty: any
    // On the thread that reads.
    std::function<bool(const IssuedCertificate&)> wanted{};
    std::size_t limit = 1000;  // the newest
};
// Oldest first. A last line that is being written is left out; one that makes no sense too.
Result<std::vector<IssuedCertificate>> find_issued(files::Files& files, const std::string& path,
                                                   const IssuedQuery& query);

}  // namespace mw::identity
