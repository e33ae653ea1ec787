#include "trust/identity/issued_log.h"

#include <deque>
#include <optional>

#include "base/json.h"

namespace mw::identity {
namespace {

constexpr std::size_t piece_bytes = 1 << 20;

std::optional<IssuedCertificate> issued_from_line(std::string_view line) {
    const auto json = parse_json(line);
    if (!json) return std::nullopt;
    const auto text = [&](const char* key) { return find_string(*json, key).value_or(""); };
    const auto at = parse_iso8601(text("time")), end = parse_iso8601(text("not_after"));
    if (!at || !end) return std::nullopt;
    return IssuedCertificate{
        *at,           text("serial"),      text("profile") + ":" + text("subject"),
        *end,          text("fingerprint"), text("key"),
        text("issuer")};
}

// Parsing is what takes time, and most lines are about others.
bool may_match(std::string_view line, const IssuedQuery& query) {
    const auto name = std::string_view(query.subject).substr(query.subject.find(':') + 1);
    return line.find(query.serial) != line.npos && line.find(name) != line.npos;
}

bool matches(const IssuedCertificate& one, const IssuedQuery& query) {
    return (query.serial.empty() || one.serial == query.serial) &&
           (query.subject.empty() || one.subject == query.subject) &&
           (!query.wanted || query.wanted(one));
}

}  // namespace

Result<std::vector<IssuedCertificate>> find_issued(files::Files& files, const std::string& path,
                                                   const IssuedQuery& query) {
    TRY(auto file, files.open(path, files::Mode::read));
    std::deque<IssuedCertificate> found;
    Bytes piece(piece_bytes);
    std::string rest;
    for (std::uint64_t offset = 0;;) {
        TRY(const auto size, file->read_at(offset, piece));
        if (size == 0) break;
        offset += size;
        rest += text_of(ByteView{piece}.first(size));
        std::size_t from = 0;
        for (std::size_t end = 0; (end = rest.find('\n', from)) != rest.npos; from = end + 1) {
            const auto line = std::string_view(rest).substr(from, end - from);
            if (!may_match(line, query)) continue;
            auto one = issued_from_line(line);
            if (!one || !matches(*one, query)) continue;
            found.push_back(*std::move(one));
            if (found.size() > query.limit) found.pop_front();
        }
        rest.erase(0, from);
    }
    return std::vector<IssuedCertificate>{std::make_move_iterator(found.begin()),
                                          std::make_move_iterator(found.end())};
}

}  // namespace mw::identity
