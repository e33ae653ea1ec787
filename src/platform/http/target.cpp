// Request targets: percent encoding (RFC 3986 2.1) and paths without surprises.
#include <cctype>

#include "platform/http/message.h"

namespace mw::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}
Error bad_target(std::string why) { return {Errc::invalid_input, "request target: " + why}; }

// Calls use(piece) for each piece between separators; stops at the first error.
template <class F>
Result<> split(std::string_view text, char separator, F use) {
    for (;;) {
        auto end = text.find(separator);
        TRY_VOID(use(text.substr(0, end)));
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + 1);
    }
}

// RFC 6960 A.1 puts base64 into a path, slashes and all: one segment here, as base64url.
constexpr std::string_view opaque_below = "/ocsp/";

Result<std::string> parse_opaque(std::string_view rest) {
    TRY(auto decoded, percent_decode(rest));
    for (char& c : decoded) {
        c = c == '/' ? '_' : c == '+' ? '-' : c;
        const bool fits =
            std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '=';
        if (!fits) return bad_target("below /ocsp/ it must be base64");
    }
    return std::string(opaque_below) + decoded;
}

Result<std::string> parse_path(std::string_view text) {
    if (text.empty() || text[0] != '/') return bad_target("it must begin with '/'");
    if (text.starts_with(opaque_below)) return parse_opaque(text.substr(opaque_below.size()));
    std::string path;
    auto segment = [&](std::string_view raw) -> Result<> {
        TRY(auto decoded, percent_decode(raw));
        if (decoded.empty()) return {};  // "//" and a last '/' say nothing
        if (decoded == "." || decoded == "..")
            return bad_target("'.' and '..' aren't allowed in it");
        for (char c : decoded)
            if (is_control(c) || c == '/' || c == '\\')
                return bad_target("a segment holds a slash or a control character");
        path += '/' + decoded;
        return {};
    };
    TRY_VOID(split(text, '/', segment));
    // Written otherwise ("//ocsp/x", "/%6fcsp/x") it would get there without having been base64.
    if (path.starts_with(opaque_below)) return bad_target("what is below /ocsp/ begins with that");
    if (path.empty()) path = "/";
    return path;
}

Result<Pairs> parse_query(std::string_view text) {
    Pairs query;
    if (text.empty()) return query;
    auto pair = [&](std::string_view raw) -> Result<> {
        if (raw.empty()) return {};
        if (query.size() == 256) return bad_target("more than 256 query parameters");
        auto equals = raw.find('=');
        TRY(auto name, percent_decode(raw.substr(0, equals), true));
        std::string value;
        if (equals != std::string_view::npos) {
            TRY(value, percent_decode(raw.substr(equals + 1), true));
        }
        query.emplace_back(std::move(name), std::move(value));
        return {};
    };
    TRY_VOID(split(text, '&', pair));
    return query;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            decoded += ' ';
        } else if (text[i] == '%') {
            int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return Error{Errc::invalid_input, "'%' without two hex digits at offset " +
                                                      std::to_string(i) + "; write %25 for '%'"};
            decoded += static_cast<char>(high << 4 | low);
            i += 2;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (is_unreserved(c))
            encoded += c;
        else
            encoded += '%', encoded += digits[byte >> 4], encoded += digits[byte & 15];
    }
    return encoded;
}

Result<std::pair<std::string, Pairs>> parse_target(std::string_view target) {
    // RFC 9112 3.2.2: a server accepts the absolute form, too.
    for (std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        target.remove_prefix(scheme.size());
        auto slash = target.find('/');
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    target = target.substr(0, target.find('#'));
    auto question = target.find('?');
    TRY(auto path, parse_path(target.substr(0, question)));
    std::string_view rest;
    if (question != std::string_view::npos) rest = target.substr(question + 1);
    TRY(auto query, parse_query(rest));
    return std::pair(std::move(path), std::move(query));
}

std::string make_target(std::string_view path, const Pairs& query) {
    std::string target;
    for (char c : path)
        if (c == '/')
            target += c;
        else
            target += percent_encode(std::string_view(&c, 1));
    if (target.empty() || target[0] != '/') target.insert(0, "/");
    char separator = '?';
    for (const auto& [name, value] : query) {
        target += separator + percent_encode(name) + '=' + percent_encode(value);
        separator = '&';
    }
    return target;
}

}  // namespace mw::http
