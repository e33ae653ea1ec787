#include "trust/audit/fact.h"

#include "platform/crypto/crypto.h"

namespace mw::audit {
namespace {

constexpr std::size_t sequence_bytes = 7;  // the eighth byte is the version, 0 in version 1
constexpr std::size_t text_max = 0xffff;

template <class T>
void put(Bytes& into, T value) {
    const auto at = into.size();
    into.resize(at + sizeof value);
    store_le(into.data() + at, value);
}

template <class Length>
void put_text(Bytes& into, std::string_view text) {
    ASSERT(text.size() <= text_max);
    put(into, static_cast<Length>(text.size()));
    into.insert(into.end(), text.begin(), text.end());
}

void put_version_1(Bytes& into, const Fact& fact) {
    put(into, fact.sequence);
    put(into, static_cast<std::uint64_t>(fact.time.ns));
    for (const auto* text : {&fact.actor, &fact.action, &fact.kind, &fact.name})
        put_text<std::uint64_t>(into, *text);
    put(into, fact.revision);
    put_text<std::uint64_t>(into, fact.detail);
}

Bytes personal_bytes(const Fact& fact) {
    Bytes bytes;
    bytes.reserve(256);
    bytes.insert(bytes.end(), fact.salt.begin(), fact.salt.end());
    for (const auto* text : {&fact.actor, &fact.name, &fact.detail})
        put_text<std::uint16_t>(bytes, *text);
    return bytes;
}

// Takes values from the front; `good` says whether all were there.
struct Cursor {
    ByteView rest;
    bool good = true;

    template <class T>
    T number() {
        if (rest.size() < sizeof(T)) return good = false, T{0};
        const auto value = load_le<T>(rest.data());
        rest = rest.subspan(sizeof(T));
        return value;
    }
    template <class Length>
    std::string_view text() {
        const auto size = number<Length>();
        if (!good || size > rest.size()) return good = false, std::string_view{};
        const auto taken = text_of(rest.first(static_cast<std::size_t>(size)));
        rest = rest.subspan(static_cast<std::size_t>(size));
        return taken;
    }
};

FactView view_version_1(Cursor& from) {
    FactView view;
    view.version = 1;
    view.time = {from.number<std::int64_t>()};
    for (auto* text : {&view.actor, &view.action, &view.kind, &view.name})
        *text = from.text<std::uint64_t>();
    view.revision = from.number<std::uint64_t>();
    view.detail = from.text<std::uint64_t>();
    return view;
}

FactView view_version_2(Cursor& from) {
    FactView view;
    view.version = 2;
    view.time = {from.number<std::int64_t>()};
    view.revision = from.number<std::uint64_t>();
    for (auto* text :
         {&view.actor, &view.action, &view.kind, &view.name, &view.detail, &view.controls})
        *text = from.text<std::uint16_t>();
    return view;
}

constexpr std::string_view wrong_personal =
    "its actor, name or detail is not what its hash covers: it was changed";

Error broken(std::uint64_t sequence, std::string_view what) {
    return {Errc::corrupt, "audit fact " + std::to_string(sequence) + ": " + std::string(what)};
}

// Bytes of the UTF-8 character at the front; 0 when there is none (RFC 3629, overlong forms and
// surrogates included).
std::size_t utf8_size(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = at(0);
    if (first < 0x80) return 1;
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((at(i) & 0xc0) != 0x80) return 0;
    const auto second = at(1);
    const bool refused = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                         (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return refused ? 0 : size;
}

// Behind the canonical bytes stands the personal part, or nothing.
Result<FactView> view_version_3(Cursor& from, ByteView bytes, std::uint64_t sequence) {
    FactView view;
    view.version = 3;
    view.time = {from.number<std::int64_t>()};
    view.revision = from.number<std::uint64_t>();
    Hash personal;
    if (from.rest.size() < personal.size()) return from.good = false, view;
    std::copy_n(from.rest.begin(), personal.size(), personal.begin());
    from.rest = from.rest.subspan(personal.size());
    for (auto* text : {&view.action, &view.kind, &view.controls})
        *text = from.text<std::uint16_t>();
    view.hashed = bytes.size() - from.rest.size();
    view.redacted = from.rest.empty();
    if (!from.good || view.redacted) return view;
    const Hash found = crypto::sha256(from.rest);
    if (from.rest.size() < salt_bytes) return from.good = false, view;
    from.rest = from.rest.subspan(salt_bytes);
    for (auto* text : {&view.actor, &view.name, &view.detail}) *text = from.text<std::uint16_t>();
    if (from.good && from.rest.empty() && found != personal)
        return broken(sequence, wrong_personal);
    return view;
}

void put_version_3(Bytes& into, const Fact& fact) {
    put(into, fact.sequence | std::uint64_t{3} << (8 * sequence_bytes));
    put(into, fact.time.ns);
    put(into, fact.revision);
    into.insert(into.end(), fact.personal.begin(), fact.personal.end());
    for (const auto* text : {&fact.action, &fact.kind, &fact.controls})
        put_text<std::uint16_t>(into, *text);
}

}  // namespace

void seal(Fact& fact, ByteView salt) {
    ASSERT(fact.version == 3 && salt.size() == salt_bytes);
    fact.salt.assign(salt.begin(), salt.end());
    fact.personal = crypto::sha256(personal_bytes(fact));
}

void redact(Fact& fact) {
    ASSERT(fact.version == 3);
    fact.actor.clear(), fact.name.clear(), fact.detail.clear(), fact.salt.clear();
}

void put_personal(Bytes& into, const Fact& fact) {
    if (fact.version != 3 || fact.redacted()) return;
    const auto bytes = personal_bytes(fact);
    into.insert(into.end(), bytes.begin(), bytes.end());
}

Result<> check_personal(const Fact& fact) {
    if (fact.version != 3) return {};
    const bool empty = fact.actor.empty() && fact.name.empty() && fact.detail.empty();
    if (fact.redacted() ? empty
                        : fact.salt.size() == salt_bytes &&
                              crypto::sha256(personal_bytes(fact)) == fact.personal)
        return {};
    return broken(fact.sequence, wrong_personal);
}

void put_fact(Bytes& into, const Fact& fact) {
    if (fact.version == 1) return put_version_1(into, fact);
    if (fact.version == 3) return put_version_3(into, fact);
    ASSERT(fact.version == 2 && fact.sequence >> (8 * sequence_bytes) == 0);
    put(into, fact.sequence | std::uint64_t{2} << (8 * sequence_bytes));
    put(into, fact.time.ns);
    put(into, fact.revision);
    for (const auto* text :
         {&fact.actor, &fact.action, &fact.kind, &fact.name, &fact.detail, &fact.controls})
        put_text<std::uint16_t>(into, *text);
}

Result<FactView> read_fact(ByteView bytes) {
    Cursor from{bytes};
    const auto head = from.number<std::uint64_t>();
    const auto version = head >> (8 * sequence_bytes);
    const auto sequence = head & ((std::uint64_t{1} << (8 * sequence_bytes)) - 1);
    if (!from.good || (version != 0 && version != 2 && version != 3))
        return Error{Errc::corrupt, "these bytes are no audit fact that this program knows"};
    FactView view;
    if (version == 3) {
        TRY(view, view_version_3(from, bytes, sequence));
    } else {
        view = version == 0 ? view_version_1(from) : view_version_2(from);
        view.hashed = bytes.size();
    }
    view.sequence = sequence;
    if (!from.good || !from.rest.empty())
        return broken(sequence, "the lengths of its texts do not fit: it was changed");
    return view;
}

Hash chain(const Hash& previous, ByteView fact_bytes) {
    Bytes bytes(previous.begin(), previous.end());
    bytes.insert(bytes.end(), fact_bytes.begin(), fact_bytes.end());
    return crypto::sha256(bytes);
}

Hash chain(const Hash& previous, const Fact& fact) {
    Bytes bytes(previous.begin(), previous.end());
    bytes.reserve(512);
    put_fact(bytes, fact);
    return crypto::sha256(bytes);
}

std::string one_line(std::string_view text) {
    std::string line;
    while (!text.empty()) {
        const auto size = utf8_size(text);
        if (line.size() + std::max<std::size_t>(size, 1) > max_detail) break;
        const auto byte = static_cast<unsigned char>(text[0]);
        if (size == 0)
            line += '?';
        else if (byte < 0x20 || byte == 0x7f)
            line += ' ';
        else
            line += text.substr(0, size);
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return line;
}

Json to_json(const Fact& fact) {
    JsonObject json{{"sequence", fact.sequence},
                    {"time", to_iso8601(fact.time)},
                    {"actor", fact.actor},
                    {"action", fact.action},
                    {"kind", fact.kind},
                    {"name", fact.name},
                    {"revision", std::to_string(fact.revision)},
                    {"detail", fact.detail},
                    {"controls", fact.controls},
                    {"version", fact.version},
                    {"hash", to_hex(fact.hash)}};
    if (fact.version != 3) return json;
    json["personal"] = to_hex(fact.personal);
    if (fact.redacted())
        json["redacted"] = true;
    else
        json["salt"] = to_hex(fact.salt);
    return json;
}

namespace {

Result<Hash> hash_at(const Json& json, const char* key) {
    TRY(const auto text, want_string(json, key));
    TRY(const auto bytes, from_hex(text).context(key));
    Hash hash;
    if (bytes.size() != hash.size())
        return Error{Errc::invalid_input, std::string(key) + ": want 32 bytes in hex"};
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return hash;
}

}  // namespace

Result<Fact> fact_from_json(const Json& json) {
    Fact fact;
    const auto sequence = find_integer(json, "sequence"), version = find_integer(json, "version");
    if (!sequence || *sequence < 1 || *sequence >> (8 * sequence_bytes) != 0)
        return Error{Errc::invalid_input, "sequence: want a whole number above zero"};
    if (!version || *version < 1 || *version > 3)
        return Error{Errc::invalid_input, "version: want 1 to 3"};
    fact.sequence = static_cast<std::uint64_t>(*sequence);
    fact.version = static_cast<std::uint8_t>(*version);
    TRY(const auto time, want_string(json, "time"));
    TRY(fact.time, parse_iso8601(time).context("time"));
    for (auto [key, text] :
         {std::pair{"actor", &fact.actor}, std::pair{"action", &fact.action},
          std::pair{"kind", &fact.kind}, std::pair{"name", &fact.name},
          std::pair{"detail", &fact.detail}, std::pair{"controls", &fact.controls}}) {
        TRY(*text, want_string(json, key));
        if (text->size() > max_detail)
            return Error{Errc::invalid_input, std::string(key) + ": it is longer than a fact's"};
    }
    TRY(const auto revision, want_string(json, "revision"));
    if (revision.empty() || revision.size() > 20 ||
        revision.find_first_not_of("0123456789") != std::string::npos)
        return Error{Errc::invalid_input, "revision: want a number as text"};
    fact.revision = std::strtoull(revision.c_str(), nullptr, 10);
    TRY(fact.hash, hash_at(json, "hash"));
    if (fact.version != 3) return fact;
    TRY(fact.personal, hash_at(json, "personal"));
    if (find_bool(json, "redacted").value_or(false)) return fact;
    TRY(const auto salt, want_string(json, "salt"));
    TRY(fact.salt, from_hex(salt).context("salt"));
    if (fact.salt.size() != salt_bytes)
        return Error{Errc::invalid_input, "salt: want 16 bytes in hex"};
    return fact;
}

Result<> Verifier::take(const Fact& fact) {
    TRY_VOID(check_personal(fact));
    Bytes bytes;
    bytes.reserve(512);
    put_fact(bytes, fact);
    return take(fact.sequence, bytes, fact.hash);
}

Result<> Verifier::take(std::uint64_t sequence, ByteView bytes, const Hash& hash) {
    if (sequence != sequence_ + 1)
        return broken(sequence_ + 1, "it is not in its place: fact " + std::to_string(sequence) +
                                         " follows fact " + std::to_string(sequence_) +
                                         " (one was removed, repeated or moved)");
    scratch_.assign(last_.begin(), last_.end());
    scratch_.insert(scratch_.end(), bytes.begin(), bytes.end());
    if (crypto::sha256(scratch_) != hash)
        return broken(sequence,
                      "its hash does not follow from its content and the fact before it: it was "
                      "changed");
    sequence_ = sequence;
    last_ = hash;
    return {};
}

}  // namespace mw::audit
