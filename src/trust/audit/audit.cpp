#include "trust/audit/audit.h"

#include "platform/crypto/crypto.h"

namespace mw::audit {
namespace {

void put(Bytes& into, std::uint64_t value) {
    const auto at = into.size();
    into.resize(at + 8);
    store_le(into.data() + at, value);
}
void put(Bytes& into, std::string_view text) {
    put(into, static_cast<std::uint64_t>(text.size()));
    into.insert(into.end(), text.begin(), text.end());
}

Error broken(const Fact& fact, std::string_view what) {
    return {Errc::corrupt,
            "audit fact " + std::to_string(fact.sequence) + ": " + std::string(what)};
}

}  // namespace

Hash chain(const Hash& previous, const Fact& fact) {
    Bytes bytes(previous.begin(), previous.end());
    put(bytes, fact.sequence);
    put(bytes, static_cast<std::uint64_t>(fact.time.ns));
    put(bytes, fact.actor);
    put(bytes, fact.action);
    put(bytes, fact.kind);
    put(bytes, fact.name);
    put(bytes, fact.revision);
    put(bytes, fact.detail);
    return crypto::sha256(bytes);
}

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text.substr(0, max_detail)) {
        const auto byte = static_cast<unsigned char>(c);
        line += byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
    // Not in the middle of a UTF-8 character.
    if (text.size() > max_detail)
        while (!line.empty() && (static_cast<unsigned char>(text[line.size()]) & 0xc0) == 0x80)
            line.pop_back();
    return line;
}

Json to_json(const Fact& fact) {
    return JsonObject{{"sequence", fact.sequence},
                      {"time", to_iso8601(fact.time)},
                      {"actor", fact.actor},
                      {"action", fact.action},
                      {"kind", fact.kind},
                      {"name", fact.name},
                      {"revision", std::to_string(fact.revision)},
                      {"detail", fact.detail},
                      {"hash", to_hex(fact.hash)}};
}

Result<> Verifier::take(const Fact& fact) {
    if (fact.sequence != sequence_ + 1)
        return broken(fact, "follows fact " + std::to_string(sequence_) + ": facts are missing");
    if (chain(last_, fact) != fact.hash)
        return broken(fact, "its hash does not follow from its content and the fact before it");
    sequence_ = fact.sequence;
    last_ = fact.hash;
    return {};
}

}  // namespace mw::audit
