#include <charconv>

#include "platform/http/client.h"

namespace mw::http {

Result<Url> parse_url(std::string_view text) {
    auto bad = [&](std::string_view why) {
        return Error{Errc::invalid_input, "URL '" + std::string(text) + "': " + std::string(why)};
    };
    Url url;
    std::string_view rest = text;
    if (rest.starts_with("https://")) {
        url.tls = true;
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else {
        return bad("it must begin with http:// or https://");
    }
    url.port = url.tls ? 443 : 80;
    auto end = std::min(rest.find_first_of("/?#"), rest.size());
    std::string_view authority = rest.substr(0, end);
    std::string_view path = rest.substr(end);
    path = path.substr(0, path.find('#'));
    url.path = path.starts_with('/') ? std::string(path) : '/' + std::string(path);
    if (authority.find('@') != std::string_view::npos)
        return bad("user names and passwords don't belong in a URL");
    std::size_t colon = authority.rfind(':');
    if (authority.starts_with('[')) {
        auto close = authority.find(']');
        if (close == std::string_view::npos) return bad("'[' without ']'");
        url.host = authority.substr(1, close - 1);
        if (close + 1 < authority.size() && authority[close + 1] != ':')
            return bad("after ']' comes ':' and a port");
        colon = close + 1 < authority.size() ? close + 1 : std::string_view::npos;
    } else {
        url.host = authority.substr(0, colon);
    }
    if (url.host.empty()) return bad("it has no host");
    if (colon == std::string_view::npos) return url;
    std::string_view port = authority.substr(colon + 1);
    auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc{} || last != port.data() + port.size() || url.port == 0)
        return bad("the port must be a number from 1 to 65535");
    return url;
}

}  // namespace mw::http
