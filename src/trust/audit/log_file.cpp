#include "trust/audit/log_file.h"

#include <algorithm>

namespace mw::audit {
namespace {

constexpr std::string_view magic = "MWAUDIT1";
constexpr std::size_t frame_bytes = 4;  // type, then 3 bytes of length
constexpr std::size_t record_max = 64 * 1024;
constexpr std::size_t end_bytes = 16;

enum Type : char { fact_type = 'F', chain_type = 'C', head_type = 'H', end_type = 'E' };

// Begins a record; the return value is given to end_record when its body is there.
std::size_t begin_record(Bytes& into, Type type) {
    const auto at = into.size();
    into.resize(at + frame_bytes);
    into[at] = static_cast<std::uint8_t>(type);
    return at;
}

void end_record(Bytes& into, std::size_t at) {
    const auto size = into.size() - at - frame_bytes;
    ASSERT(size <= record_max);
    for (std::size_t i = 0; i < 3; ++i)
        into[at + 1 + i] = static_cast<std::uint8_t>(size >> (8 * i));
}

std::string after(std::uint64_t fact) { return "after audit fact " + std::to_string(fact); }

}  // namespace

namespace log_file {

void put_header(Bytes& into) {
    const auto bytes = bytes_of(magic);
    into.insert(into.end(), bytes.begin(), bytes.end());
}

void put_fact(Bytes& into, const Fact& fact) {
    const auto at = begin_record(into, fact_type);
    into.insert(into.end(), fact.hash.begin(), fact.hash.end());
    audit::put_fact(into, fact);
    audit::put_personal(into, fact);
    end_record(into, at);
}

void put_chain(Bytes& into, ByteView chain) {
    const auto at = begin_record(into, chain_type);
    into.insert(into.end(), chain.begin(), chain.end());
    end_record(into, at);
}

void put_head(Bytes& into, const Head& head) {
    const auto at = begin_record(into, head_type);
    audit::put_head(into, head);
    end_record(into, at);
}

void put_end(Bytes& into, std::uint64_t facts, std::uint64_t heads) {
    const auto at = begin_record(into, end_type);
    into.resize(into.size() + end_bytes);
    store_le(into.data() + at + frame_bytes, facts);
    store_le(into.data() + at + frame_bytes + 8, heads);
    end_record(into, at);
}

}  // namespace log_file

LogVerifier::LogVerifier(const crypto::TrustStore* trust, std::optional<Head> known)
    : trust_(trust), known_(std::move(known)) {}

Result<> LogVerifier::feed(ByteView piece) {
    if (!pending_.empty()) {
        pending_.insert(pending_.end(), piece.begin(), piece.end());
        piece = pending_;
    }
    TRY(const auto used, take_all(piece));
    Bytes rest(piece.begin() + std::ptrdiff_t(used), piece.end());
    pending_ = std::move(rest);
    return {};
}

Result<std::size_t> LogVerifier::take_all(ByteView bytes) {
    const auto all = bytes.size();
    if (!began_) {
        if (bytes.size() < magic.size()) return std::size_t{0};
        if (text_of(bytes.first(magic.size())) != magic)
            return Error{Errc::corrupt,
                         "this is no audit log of version 1: it does not begin "
                         "with MWAUDIT1"};
        began_ = true;
        bytes = bytes.subspan(magic.size());
    }
    while (bytes.size() >= frame_bytes) {
        const auto size = load_le<std::uint32_t>(bytes.data()) >> 8;
        if (size > record_max)
            return Error{Errc::corrupt, after(facts()) +
                                            " stands a record longer than any: the "
                                            "file was changed there"};
        if (bytes.size() < frame_bytes + size) break;
        TRY_VOID(take_record(static_cast<char>(bytes[0]), bytes.subspan(frame_bytes, size)));
        bytes = bytes.subspan(frame_bytes + size);
    }
    return all - bytes.size();
}

Result<> LogVerifier::take_record(char type, ByteView body) {
    if (ended_) return Error{Errc::corrupt, "something stands after the end of the audit log"};
    if (chain_is_fresh_ && type != head_type)
        return Error{Errc::corrupt, after(facts()) +
                                        " a head is missing: certificates stand there "
                                        "that nothing is signed with"};
    switch (type) {
        case fact_type:
            return take_fact(body);
        case chain_type:
            return take_chain(body);
        case head_type:
            return take_head(body);
        case end_type:
            return take_end(body);
        default:
            return Error{Errc::corrupt, after(facts()) +
                                            " stands a record of no known type: the "
                                            "file was changed there"};
    }
}

Result<> LogVerifier::take_fact(ByteView body) {
    Hash hash;
    if (body.size() < hash.size())
        return Error{Errc::corrupt, after(facts()) + " stands a fact without a hash"};
    std::copy_n(body.begin(), hash.size(), hash.begin());
    const auto bytes = body.subspan(hash.size());
    auto fact = read_fact(bytes);
    if (!fact) return std::move(fact).error().context(after(facts()));
    TRY_VOID(chain_.take(fact->sequence, bytes.first(fact->hashed), hash));
    TRY_VOID(redactions_.take(fact->sequence, fact->redacted, fact->action, fact->detail));
    tree_.push(leaf_hash(hash));
    if (facts() == 1) verdict_.began = fact->time;
    verdict_.ended = fact->time;
    return known_ && known_->size == facts() ? meet_known() : Result<>{};
}

Result<> LogVerifier::meet_known() {
    if (tree_.root() == known_->root) return {};
    return Error{Errc::corrupt, "the first " + std::to_string(known_->size) +
                                    " audit facts are not those of the known head of " +
                                    to_iso8601(known_->time) + ": the log was rewritten"};
}

Result<> LogVerifier::take_chain(ByteView body) {
    verdict_.chain.assign(body.begin(), body.end());
    chain_is_fresh_ = true;
    return {};
}

Result<> LogVerifier::take_head(ByteView body) {
    auto head = read_head(body);
    if (!head) return std::move(head).error().context(after(facts()));
    const auto which = "the head " + after(facts());
    const bool same_signer = verdict_.heads > 0 && head->signer == verdict_.last.signer;
    if (crypto::sha256(verdict_.chain) != head->signer || same_signer == chain_is_fresh_)
        return Error{Errc::corrupt, which + ": its certificates are not those before it"};
    if (head->size != facts())
        return Error{Errc::corrupt, which + " is for " + std::to_string(head->size) +
                                        " facts: facts or heads were removed or moved"};
    if (head->previous != last_head_hash_)
        return Error{Errc::corrupt, which +
                                        " does not follow the head before it: a head was "
                                        "changed, removed or moved"};
    if (verdict_.heads > 0 && head->size <= verdict_.last.size)
        return Error{Errc::corrupt, which + " is there twice"};
    if (tree_.root() != head->root)
        return Error{Errc::corrupt,
                     which + ": its root is not that of the facts before it: facts after fact " +
                         std::to_string(verdict_.last.size) +
                         " were rewritten with their hashes, or the head was changed"};
    if (trust_) TRY_VOID(verify_head(*head, verdict_.chain, *trust_));
    last_head_hash_ = hash_of(*head);
    chain_is_fresh_ = false;
    ++verdict_.heads;
    verdict_.last = std::move(*head);
    return {};
}

Result<> LogVerifier::take_end(ByteView body) {
    if (body.size() != end_bytes || load_le<std::uint64_t>(body.data()) != facts() ||
        load_le<std::uint64_t>(body.data() + 8) != verdict_.heads)
        return Error{Errc::corrupt, "the end " + after(facts()) +
                                        " counts other facts or heads than are there: the file was "
                                        "cut or changed"};
    if (verdict_.heads == 0 || verdict_.last.size != facts())
        return Error{Errc::corrupt, "no signed head covers the facts up to " +
                                        std::to_string(facts()) + ": it was removed"};
    ended_ = true;
    return redactions_.finish();
}

Result<LogVerdict> LogVerifier::finish() {
    if (!ended_ || !pending_.empty())
        return Error{Errc::corrupt, "the file ends " + after(facts()) +
                                        " without its end record: it was cut or not written whole"};
    if (known_ && known_->size > facts())
        return Error{Errc::corrupt, "the log ends with fact " + std::to_string(facts()) +
                                        ", but a known head of " + to_iso8601(known_->time) +
                                        " has " + std::to_string(known_->size) +
                                        " facts: its end was cut off"};
    verdict_.facts = facts();
    return std::move(verdict_);
}

}  // namespace mw::audit
