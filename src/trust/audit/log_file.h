#pragma once
// The audit log as a file that is checked without the hub: facts in order, each signed head after
// the facts that it covers, the certificates that vouch for it, an end. Writing and checking, both
// pure and by pieces; a LogVerifier belongs to one thread and keeps less than one record and 2 kB
// per file. Limits: 64 KiB a record. Layout: docs/formats/audit-log.md.

#include <optional>

#include "trust/audit/head.h"

namespace mw::audit::log_file {

void put_header(Bytes& into);
void put_fact(Bytes& into, const Fact& fact);
// The certificates before the head where they differ from those of the head before.
void put_chain(Bytes& into, ByteView chain);
void put_head(Bytes& into, const Head& head);
void put_end(Bytes& into, std::uint64_t facts, std::uint64_t heads);

}  // namespace mw::audit::log_file

namespace mw::audit {

struct LogVerdict {
    std::uint64_t facts = 0, heads = 0;
    Head last;               // covers all facts
    Timestamp began, ended;  // of the first and last fact
    Bytes chain;             // certificates of the last head
};

class LogVerifier {
 public:
    // known: a head that somebody kept; the file must contain the log that it describes. Without a
    // trust store the signatures are not checked, only that everything holds together.
    explicit LogVerifier(const crypto::TrustStore* trust, std::optional<Head> known = {});

    // corrupt or denied; the message names the first fact or head that is wrong. After an error
    // nothing more is taken.
    Result<> feed(ByteView piece);
    Result<LogVerdict> finish();
    std::uint64_t facts() const { return chain_.sequence(); }

 private:
    Result<std::size_t> take_all(ByteView bytes);  // whole records only; how many bytes they had
    Result<> take_record(char type, ByteView body);
    Result<> take_fact(ByteView body);
    Result<> take_head(ByteView body);
    Result<> take_chain(ByteView body);
    Result<> take_end(ByteView body);
    Result<> meet_known();

    const crypto::TrustStore* trust_;
    std::optional<Head> known_;
    Bytes pending_;
    bool began_ = false, ended_ = false, chain_is_fresh_ = false;
    Verifier chain_;
    Redactions redactions_;
    Peaks tree_;
    Hash last_head_hash_{};
    LogVerdict verdict_;
};

}  // namespace mw::audit
