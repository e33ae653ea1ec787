#include "platform/crypto/crypto.h"
#include "platform/http/http.h"
#include "trust/forward/target.h"

namespace mw::forward {
namespace {

constexpr int facility_audit = 13;  // RFC 5424 6.2.1: log audit
constexpr std::size_t host_bytes_max = 255;
constexpr std::size_t message_id_bytes_max = 32;
constexpr std::string_view tls_scheme = "tls://", tcp_scheme = "tcp://";

bool is_loopback_host(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// PRINTUSASCII without spaces, or "-".
std::string syslog_word(std::string_view text, std::size_t most) {
    std::string word;
    for (const char c : text.substr(0, most))
        if (c > 0x20 && c < 0x7f) word += c;
    return word.empty() ? "-" : word;
}

// RFC 5424 6.2.3 allows six digits of a second.
std::string syslog_time(Timestamp time) { return to_iso8601({time.ns - time.ns % 1'000}); }

Result<> check_target(const TargetOptions& target) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (target.name.empty() || target.name.size() > 32 ||
        !std::all_of(target.name.begin(), target.name.end(), fits))
        return Error{Errc::invalid_input,
                     "name: want one of at most 32 lower case letters, digits and -"};
    if (target.syslog.empty() == target.webhook.empty())
        return Error{Errc::invalid_input, "syslog: want one of syslog and webhook"};
    if (!target.syslog.empty()) {
        TRY(const auto address, syslog_address(target.syslog));
        if (!address.tls && !is_loopback_host(address.host))
            return Error{Errc::invalid_input,
                         "syslog: without TLS anybody on the way can read and change it; want "
                         "tls://, or tcp:// on loopback to a relay of this machine"};
        return {};
    }
    auto url = http::parse_url(target.webhook);
    if (!url) return std::move(url).error().context("webhook");
    if (!url->tls && !is_loopback_host(url->host))
        return Error{Errc::invalid_input, "webhook: want https://, or http:// on loopback"};
    return {};
}

}  // namespace

Result<SyslogAddress> syslog_address(std::string_view text) {
    const Error wrong{Errc::invalid_input, "syslog: want tls://HOST:PORT or tcp://HOST:PORT"};
    SyslogAddress address;
    address.tls = text.starts_with(tls_scheme);
    if (!address.tls && !text.starts_with(tcp_scheme)) return wrong;
    // Host and port are those of any other URL.
    auto url = http::parse_url("http://" + std::string(text.substr(tls_scheme.size())));
    if (!url || url->path != "/" || text.ends_with('/')) return wrong;
    address.host = url->host;
    const bool has_port = text.rfind(':') > text.find("//") && !text.ends_with(']');
    address.port = has_port ? url->port : static_cast<std::uint16_t>(address.tls ? 6514 : 601);
    return address;
}

Result<> check(const std::vector<TargetOptions>& targets) {
    if (targets.size() > targets_max)
        return Error{Errc::invalid_input,
                     "audit.forward: at most " + std::to_string(targets_max) + " targets"};
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::string where = "audit.forward[" + std::to_string(i) + "].";
        if (auto fine = check_target(targets[i]); !fine)
            return Error{fine.error().code, where + fine.error().message};
        for (std::size_t j = 0; j < i; ++j)
            if (targets[j].name == targets[i].name)
                return Error{Errc::invalid_input,
                             where + "name: '" + targets[i].name + "' is taken already"};
    }
    return {};
}

Json forwarded(const audit::Fact& fact) {
    Json json = audit::to_json(fact);
    json.as_object()["severity"] = audit::to_string(audit::severity_of(fact.action));
    return json;
}

std::string syslog_frame(const audit::Fact& fact, std::string_view host) {
    const int priority = facility_audit * 8 + static_cast<int>(audit::severity_of(fact.action));
    const std::string message = "<" + std::to_string(priority) + ">1 " + syslog_time(fact.time) +
                                " " + syslog_word(host, host_bytes_max) + " millwright - " +
                                syslog_word(fact.action, message_id_bytes_max) + " - " +
                                to_json(forwarded(fact));
    return std::to_string(message.size()) + " " + message;
}

std::string webhook_body(const std::vector<audit::Fact>& facts, std::string_view host) {
    JsonArray list;
    for (const auto& fact : facts) list.push_back(forwarded(fact));
    return to_json(JsonObject{{"hub", host},
                              {"first", facts.front().sequence},
                              {"last", facts.back().sequence},
                              {"facts", std::move(list)}});
}

std::string webhook_signature(std::string_view secret, Timestamp now, std::string_view body) {
    const auto when = std::to_string(now.ns / 1'000'000'000);
    const std::string text = when + "." + std::string(body);
    return "t=" + when + ",v1=" + to_hex(crypto::hmac_sha256(bytes_of(secret), bytes_of(text)));
}

}  // namespace mw::forward
