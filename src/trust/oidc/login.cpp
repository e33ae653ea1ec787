#include "trust/oidc/login.h"

#include <algorithm>

#include "platform/crypto/crypto.h"
#include "trust/oidc/provider.h"

namespace mw::oidc {
namespace {

constexpr nanoseconds login_answer_limit = seconds(30);
constexpr nanoseconds poll_every = seconds(5);  // RFC 8628 3.2, unless told otherwise
constexpr nanoseconds poll_every_most = minutes(1);
constexpr nanoseconds device_code_lives = minutes(10);  // unless told otherwise
constexpr nanoseconds token_lives = minutes(5);         // the same
constexpr std::size_t token_bytes_most = 16 * 1024;
constexpr auto device_grant = "urn:ietf:params:oauth:grant-type:device_code";

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string form_of(const Fields& fields) {
    std::string form;
    for (const auto& [name, value] : fields) {
        if (value.empty()) continue;
        form += (form.empty() ? "" : "&") + name + "=" + http::percent_encode(value);
    }
    return form;
}

std::string secret_text(Random& random) {  // RFC 7636 4.1: 43 characters
    std::array<std::uint8_t, 32> bytes;
    random.fill(bytes);
    return to_base64url(bytes);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// For a terminal: what a provider says must not move the cursor.
std::string printable(std::string_view text) {
    std::string shown(text.substr(0, 300));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return shown;
}

// RFC 6749 5.2: an error and perhaps words for people.
std::string refusal_of(const Json& body) {
    auto text = find_string(body, "error").value_or("");
    if (const auto words = find_string(body, "error_description")) text += ": " + *words;
    return printable(text);
}

nanoseconds seconds_at(const Json& body, const char* name, nanoseconds otherwise) {
    const auto value = find_integer(body, name);
    return value && *value > 0 && *value < 366 * 86'400 ? seconds(*value) : otherwise;
}

Result<Tokens> tokens_from(const Json& body, Timestamp now, std::string kept) {
    Tokens tokens;
    TRY(tokens.access, want_string(body, "access_token").context("the provider's answer"));
    if (tokens.access.size() > token_bytes_most)
        return Error{Errc::io_failed, "the provider's access token is longer than 16 KiB"};
    if (std::count(tokens.access.begin(), tokens.access.end(), '.') != 2)
        return Error{Errc::denied,
                     "the provider gave an access token that is no JWT, which a hub can't verify. "
                     "Next step: have it give JWTs for the hub's audience (oidc.resource and "
                     "oidc.scopes of hub.yaml say what is asked for)"};
    // A provider that gives none when renewing leaves the old one good (RFC 6749 6).
    tokens.refresh = find_string(body, "refresh_token").value_or(std::move(kept));
    tokens.expires = now + seconds_at(body, "expires_in", token_lives);
    return tokens;
}

}  // namespace

Json to_json(const ClientOptions& o) {
    JsonArray scopes;
    for (const auto& scope : o.scopes) scopes.emplace_back(scope);
    JsonObject json{{"issuer", o.issuer}, {"client_id", o.client_id}, {"scopes", scopes}};
    if (!o.resource.empty()) json["resource"] = o.resource;
    if (!o.ca.empty()) json["ca"] = o.ca;
    return json;
}

Result<ClientOptions> client_options_from_json(const Json& json) {
    ClientOptions o;
    TRY(o.issuer, want_string(json, "issuer"));
    TRY(o.client_id, want_string(json, "client_id"));
    if (const Json* scopes = find(json, "scopes"); scopes && scopes->is_array())
        for (const Json& scope : scopes->get_array())
            if (scope.is_string()) o.scopes.emplace_back(scope.get_string());
    o.resource = find_string(json, "resource").value_or("");
    o.ca = find_string(json, "ca").value_or("");
    return o;
}

struct LoginClient::State {
    ClientOptions options;
    Parts parts;
    Asker asker;
    Json document;  // of the provider; null until it was read

    Result<std::string> address(const char* name, const char* what) const {
        const auto url = find_string(document, name);
        if (!url)
            return Error{Errc::not_found, options.issuer + " has no " + std::string(what) + " (" +
                                              name + " of its discovery document)"};
        TRY_VOID(safe_url(*url, name));
        return *url;
    }
    Task<http::Response> post(std::string url, Fields fields) {
        fields.emplace_back("client_id", options.client_id);
        return ask(asker, std::move(url), form_of(fields));
    }
    Task<Tokens> token(Fields fields, std::string kept);
};

// denied: the provider's no; its error stands in the message.
Task<Tokens> LoginClient::State::token(Fields fields, std::string kept) {
    CO_TRY(auto url, address("token_endpoint", "tokens"));
    if (!options.resource.empty()) fields.emplace_back("resource", options.resource);
    const Timestamp asked = parts.clock.now();  // its life counts from before
    auto asking = post(std::move(url), std::move(fields));
    CO_TRY(const auto response, co_await std::move(asking));
    auto body = parse_json(response.body);
    if (response.status == 200) {
        if (!body) co_return std::move(body).error().context("the provider's answer");
        co_return tokens_from(*body, asked, std::move(kept));
    }
    if (body && find_string(*body, "error")) co_return Error{Errc::denied, refusal_of(*body)};
    co_return Error{Errc::io_failed, options.issuer + " answered " +
                                         std::to_string(response.status) +
                                         " when asked for a token"};
}

LoginClient::LoginClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoginClient::~LoginClient() = default;

Result<std::unique_ptr<LoginClient>> LoginClient::open(ClientOptions options, Parts parts) {
    TRY_VOID(safe_url(options.issuer, "the issuer"));
    std::shared_ptr<const net::TlsContext> tls;
    if (options.issuer.starts_with("https://")) {
        TRY(tls, provider_tls(options.ca));
    }
    Asker asker{parts.loop, parts.workers, std::move(tls), login_answer_limit};
    auto state = std::make_unique<State>(
        State{std::move(options), std::move(parts), std::move(asker), nullptr});
    return std::unique_ptr<LoginClient>(new LoginClient(std::move(state)));
}

Task<> LoginClient::discover() {
    auto asking = oidc::discover(state_->asker, state_->options.issuer);
    CO_TRY(state_->document, co_await std::move(asking));
    co_return Result<>{};
}

Task<DeviceCode> LoginClient::begin_device() {
    CO_TRY(auto url,
           state_->address("device_authorization_endpoint", "device authorization; try --browser"));
    Fields fields{{"scope", joined(state_->options.scopes)},
                  {"resource", state_->options.resource}};
    const Timestamp asked = state_->parts.clock.now();
    auto asking = state_->post(std::move(url), std::move(fields));
    CO_TRY(const auto response, co_await std::move(asking));
    auto body = parse_json(response.body);
    if (body && response.status != 200 && find_string(*body, "error"))
        co_return Error{Errc::denied, state_->options.issuer + ": " + refusal_of(*body)};
    if (!body || response.status != 200)
        co_return Error{Errc::io_failed, state_->options.issuer + " answered " +
                                             std::to_string(response.status) +
                                             " when asked for a device code"};
    DeviceCode code;
    CO_TRY(code.code, want_string(*body, "device_code"));
    CO_TRY(code.user_code, want_string(*body, "user_code"));
    CO_TRY(code.where, want_string(*body, "verification_uri"));
    code.where_complete = printable(find_string(*body, "verification_uri_complete").value_or(""));
    code.user_code = printable(code.user_code), code.where = printable(code.where);
    code.interval = seconds_at(*body, "interval", poll_every);
    code.expires = asked + seconds_at(*body, "expires_in", device_code_lives);
    co_return std::move(code);
}

Task<Tokens> LoginClient::await_device(DeviceCode code) {
    const Fields fields{{"grant_type", device_grant}, {"device_code", code.code}};
    for (;;) {
        auto pausing = state_->parts.pause(code.interval);
        CO_TRY_VOID(co_await std::move(pausing));
        if (state_->parts.clock.now() >= code.expires)
            co_return Error{Errc::denied, "nobody entered the code " + code.user_code +
                                              " in time. Next step: try again"};
        auto asking = state_->token(fields, std::string{});
        auto tokens = co_await std::move(asking);
        if (tokens) co_return std::move(*tokens);
        const auto& error = tokens.error();
        if (error.code == Errc::cancelled) co_return error;
        const auto is = [&error](std::string_view word) {
            return error.code == Errc::denied && error.message.starts_with(word);
        };
        if (is("authorization_pending")) continue;
        if (is("slow_down")) {
            code.interval += poll_every;
            continue;
        }
        // Away for a while: RFC 8628 3.5 wants a longer pause then.
        if (error.code != Errc::denied && error.code != Errc::invalid_input) {
            code.interval = std::min(2 * code.interval, poll_every_most);
            continue;
        }
        co_return error;
    }
}

Result<CodeRequest> LoginClient::begin_code(std::string redirect) const {
    TRY(const auto address, state_->address("authorization_endpoint", "authorization by browser"));
    Random& random = state_->parts.random;
    CodeRequest request{secret_text(random), secret_text(random), std::move(redirect), ""};
    const auto& scopes = state_->options.scopes;
    const bool renews = std::find(scopes.begin(), scopes.end(), "offline_access") != scopes.end();
    const auto challenge = crypto::sha256(bytes_of(request.verifier));
    const auto query = form_of({{"response_type", "code"},
                                {"client_id", state_->options.client_id},
                                {"redirect_uri", request.redirect},
                                {"scope", joined(scopes)},
                                {"resource", state_->options.resource},
                                {"state", request.state},
                                {"code_challenge", to_base64url(challenge)},
                                {"code_challenge_method", "S256"},
                                // OpenID Connect Core 11 wants it for refresh tokens.
                                {"prompt", renews ? "consent" : ""}});
    request.url = address + (address.find('?') == std::string::npos ? "?" : "&") + query;
    return request;
}

Task<Tokens> LoginClient::redeem(CodeRequest request, http::Request answer) {
    const auto value = [&answer](const char* name) {
        return answer.query_value(name).value_or("");
    };
    if (!crypto::equal_in_constant_time(bytes_of(value("state")), bytes_of(request.state)))
        co_return Error{Errc::invalid_input, "an answer to another request came"};
    // RFC 9207: else the code could be another provider's.
    const bool says_issuer =
        find_bool(state_->document, "authorization_response_iss_parameter_supported")
            .value_or(false);
    if ((says_issuer || answer.query_value("iss")) && value("iss") != state_->options.issuer)
        co_return Error{Errc::denied, "the answer is of the issuer '" + printable(value("iss")) +
                                          "', not of " + state_->options.issuer};
    if (const auto error = answer.query_value("error"))
        co_return Error{Errc::denied, printable(*error + " " + value("error_description"))};
    if (value("code").empty()) co_return Error{Errc::denied, "the provider sent no code"};
    Fields fields{{"grant_type", "authorization_code"},
                  {"code", value("code")},
                  {"redirect_uri", request.redirect},
                  {"code_verifier", request.verifier}};
    auto asking = state_->token(std::move(fields), std::string{});
    co_return co_await std::move(asking);
}

Task<Tokens> LoginClient::renew(std::string refresh_token) {
    Fields fields{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
    auto asking = state_->token(std::move(fields), refresh_token);
    co_return co_await std::move(asking);
}

Task<> LoginClient::revoke(std::string refresh_token) {
    CO_TRY(auto url, state_->address("revocation_endpoint", "way to take tokens back"));
    Fields fields{{"token", std::move(refresh_token)}, {"token_type_hint", "refresh_token"}};
    auto asking = state_->post(std::move(url), std::move(fields));
    CO_TRY(const auto response, co_await std::move(asking));
    if (response.status == 200) co_return Result<>{};
    co_return Error{Errc::io_failed, state_->options.issuer + " answered " +
                                         std::to_string(response.status) +
                                         " when asked to end the login"};
}

}  // namespace mw::oidc
