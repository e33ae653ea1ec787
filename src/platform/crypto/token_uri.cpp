#include "platform/crypto/token_uri.h"

#include <charconv>

namespace mw::crypto {
namespace {

constexpr std::string_view scheme = "pkcs11:";
constexpr std::size_t uri_bytes_max = 1024;

Error bad_uri(std::string_view what) {
    return Error{Errc::invalid_input,
                 "key in a token: " + std::string(what) +
                     "; want it as pkcs11:token=LABEL;object=LABEL or pkcs11:...;id=%01"};
}

int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

Result<std::string> percent_decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) return bad_uri("a % without two hexadecimal digits");
        plain += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return plain;
}

Result<> take_uri_part(TokenUri& uri, std::string_view key, std::string value) {
    std::string* const places[] = {&uri.token, &uri.manufacturer, &uri.model, &uri.serial,
                                   &uri.object};
    constexpr std::string_view names[] = {"token", "manufacturer", "model", "serial", "object"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        if (key != names[i]) continue;
        if (!places[i]->empty()) return bad_uri("'" + std::string(key) + "' stands twice");
        *places[i] = std::move(value);
        return {};
    }
    if (key == "id") {
        uri.id.assign(value.begin(), value.end());
        return {};
    }
    if (key == "type") {
        if (value == "private") return {};
        return bad_uri("type is '" + value + "', and only a private key signs");
    }
    if (key == "slot-id") {
        unsigned long slot = 0;
        const auto read = std::from_chars(value.data(), value.data() + value.size(), slot);
        if (read.ec != std::errc{} || read.ptr != value.data() + value.size())
            return bad_uri("slot-id is no number");
        uri.slot = slot;
        return {};
    }
    return bad_uri(
        "'" + std::string(key.substr(0, 40)) +
        "' is not known (token, manufacturer, model, serial, slot-id, object, id, type)");
}

}  // namespace

Result<TokenUri> token_uri_from(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.remove_suffix(1);
    if (text.size() > uri_bytes_max) return bad_uri("it is longer than 1 KiB");
    if (!text.starts_with(scheme)) return bad_uri("it doesn't begin with pkcs11:");
    text.remove_prefix(scheme.size());
    if (text.find('?') != text.npos)
        return bad_uri(
            "it has a '?': the module and the file with the PIN are said in hub.yaml, "
            "authority.token_module and authority.token_pin_file");
    TokenUri uri;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find(';'));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        const auto equals = part.find('=');
        if (equals == part.npos) return bad_uri("a part has no '='");
        TRY(auto value, percent_decoded(part.substr(equals + 1)));
        TRY_VOID(take_uri_part(uri, part.substr(0, equals), std::move(value)));
    }
    if (uri.object.empty() && uri.id.empty()) return bad_uri("it names neither object nor id");
    return uri;
}

}  // namespace mw::crypto
