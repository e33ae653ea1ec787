#include "trust/oidc/oidc.h"

#include <algorithm>

#include "base/log.h"
#include "platform/files/files.h"
#include "platform/http/http.h"

namespace mw::oidc {
namespace {

constexpr nanoseconds ask_every = minutes(1);  // at most, whoever asks
constexpr nanoseconds keys_every = hours(1);   // so that a key that was withdrawn ends
constexpr nanoseconds answer_limit = seconds(10);
constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t authorities_max = 4 << 20;
constexpr auto system_authorities = "/etc/ssl/certs/ca-certificates.crt";

bool is_loopback(const std::string& host) {
    return host == "127.0.0.1" || host == "::1" || host == "localhost";
}

Result<http::Url> safe_url(std::string_view text, std::string_view what) {
    auto url = http::parse_url(text);
    if (!url) return std::move(url).error().context(what);
    if (!url->tls && !is_loopback(url->host))
        return Error{Errc::invalid_input, std::string(what) + ": want https://"};
    return url;
}

struct RolePair {
    std::string theirs, ours;
};

Result<RolePair> role_pair(const std::string& text) {
    const auto at = text.rfind('=');  // theirs may be anything, ours is a name
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
        return Error{Errc::invalid_input, "oidc.roles: '" + text + "': want THEIRS=OURS"};
    return RolePair{text.substr(0, at), text.substr(at + 1)};
}

// Audit facts, logs and tables show it: one printable word.
bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= name_bytes_max &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<std::string> authorities_of(const Options& options) {
    if (!options.ca.empty()) return options.ca;
    files::RealFiles files;
    auto bytes = files::read_all(files, system_authorities, authorities_max);
    if (!bytes)
        return std::move(bytes).error().context(
            "oidc.ca_file: is not set, and the system's authorities can't be read");
    return std::string(text_of(*bytes));
}

}  // namespace

Result<> check(const Options& options) {
    if (options.issuer.empty()) return {};
    TRY(const auto url, safe_url(options.issuer, "oidc.issuer"));
    if (url.path.find('?') != std::string::npos)
        return Error{Errc::invalid_input, "oidc.issuer: has no query"};
    const auto missing = [](const char* name) {
        return Error{Errc::invalid_input,
                     std::string("oidc.") + name + ": is needed when oidc.issuer is set"};
    };
    if (options.audience.empty()) return missing("audience");
    if (options.name_claim.empty()) return missing("name_claim");
    if (options.roles_claim.empty()) return missing("roles_claim");
    for (const auto& text : options.roles) TRY_VOID(role_pair(text));
    return {};
}

struct People::State {
    State(Options o, Parts p)
        : options(std::move(o)),
          parts(p),
          fetched(p.metrics.counter("millwright_oidc_fetches_total",
                                    "Times that the OpenID provider gave its keys.")),
          failed(p.metrics.counter("millwright_oidc_fetches_failed_total",
                                   "Times that the OpenID provider was asked for keys in vain.")),
          scope(p.loop) {}

    const Options options;
    Parts parts;
    metrics::Counter& fetched;
    metrics::Counter& failed;
    jwt::Expectation wanted;
    std::multimap<std::string, std::string, std::less<>> roles;  // theirs to ours
    std::shared_ptr<const net::TlsContext> tls;
    std::shared_ptr<const jwt::KeySet> keys;  // null until the issuer has answered once
    std::optional<SteadyTime> asked;
    bool asking = false;
    bool well = false;  // the last answer was good
    Event answered;
    Scope scope;  // last: what runs in it uses all of the above

    Task<std::string> get(std::string url);
    Task<> fetch();
    Task<> fetch_and_tell();
};

Task<std::string> People::State::get(std::string url) {
    CO_TRY(auto parsed, safe_url(url, "the issuer's address"));
    http::ClientOptions client_options;
    client_options.server.host = parsed.host;
    client_options.server.port = parsed.port;
    if (parsed.tls) client_options.server.tls = tls;
    client_options.server.resolver = &parts.workers;
    client_options.limit = answer_limit;
    client_options.body_limit = jwt::set_bytes_max;
    client_options.keep_alive = false;
    http::Client client{parts.loop, std::move(client_options)};
    http::Request request;
    const auto question = parsed.path.find('?');
    request.path = parsed.path.substr(0, question);
    if (question != std::string::npos || request.path.find('%') != std::string::npos)
        co_return Error{Errc::invalid_input, "'" + url + "': want a plain path without a query"};
    CO_TRY(auto response, co_await client.request(std::move(request)));
    if (response.status != 200)  // redirections are not followed: they would move the trust
        co_return Error{Errc::io_failed,
                        "'" + url + "' answered " + std::to_string(response.status)};
    co_return std::move(response.body);
}

Task<> People::State::fetch() {
    std::string base = options.issuer;
    if (base.ends_with('/')) base.pop_back();
    CO_TRY(const auto text, co_await get(base + "/.well-known/openid-configuration"));
    CO_TRY(const Json document, parse_json(text).context("discovery document"));
    CO_TRY(const auto issuer, want_string(document, "issuer"));
    if (issuer != options.issuer)  // OpenID Connect Discovery 1.0, 4.3
        co_return Error{Errc::denied, "discovery document: is of the issuer '" +
                                          issuer.substr(0, 200) + "', not of oidc.issuer"};
    CO_TRY(auto keys_url, want_string(document, "jwks_uri"));
    CO_TRY(auto keys_text, co_await get(std::move(keys_url)));
    auto job = [keys_text = std::move(keys_text)] { return jwt::KeySet::from_json(keys_text); };
    CO_TRY(auto set, co_await parts.workers.run(std::move(job)));
    keys = std::make_shared<const jwt::KeySet>(std::move(set));
    co_return Result<>{};
}

Task<> People::State::fetch_and_tell() {
    const auto outcome = co_await fetch();
    if (outcome) {
        fetched.add();
        if (!well) log::info("oidc.keys.fetched", {{"keys", keys->keys().size()}});
    } else {
        failed.add();
        log::warn("oidc.keys.not_fetched",
                  {{"reason", outcome.error()}, {"kept", keys ? keys->keys().size() : 0}});
    }
    well = outcome.ok();
    asking = false;
    answered.set();
    co_return Result<>{};
}

People::People(std::unique_ptr<State> state) : state_(std::move(state)) {}
People::~People() = default;

Result<std::unique_ptr<People>> People::open(Options options, Parts parts) {
    TRY_VOID(check(options));
    ASSERT(!options.issuer.empty());
    auto state = std::make_unique<State>(std::move(options), parts);
    state->wanted.issuer = state->options.issuer;
    state->wanted.audiences = {state->options.audience};
    for (const auto& text : state->options.roles) {
        TRY(auto pair, role_pair(text));
        state->roles.emplace(std::move(pair.theirs), std::move(pair.ours));
    }
    if (state->options.issuer.starts_with("https://")) {
        net::TlsOptions tls;
        TRY(tls.trusted, authorities_of(state->options));
        auto context = net::TlsContext::client(std::move(tls));
        if (!context) return std::move(context).error().context("oidc.ca_file");
        state->tls = *std::move(context);
    }
    return std::unique_ptr<People>(new People(std::move(state)));
}

Result<policy::Principal> People::authenticate(std::string_view token, Timestamp now) const {
    if (!state_->keys)
        return Error{Errc::not_found,
                     "the issuer of such tokens has not answered yet; try again in a minute"};
    TRY(const auto claims, jwt::verify(token, *state_->keys, state_->wanted, now));
    const auto* name = jwt::find_claim(claims.all, state_->options.name_claim);
    const auto* text = name ? name->if_string() : nullptr;
    if (!text || !is_name(std::string_view{*text}))
        return Error{Errc::denied, "JWT: the claim '" + state_->options.name_claim +
                                       "' is not one printable word of at most 100 bytes"};
    policy::Principal who{std::string(policy::foreign_prefix), {}};
    who.name += std::string_view{*text};
    const auto* groups = jwt::find_claim(claims.all, state_->options.roles_claim);
    if (!groups) return who;
    for (const auto& group : jwt::words_of(*groups)) {
        const auto [first, last] = state_->roles.equal_range(group);
        for (auto at = first; at != last; ++at)
            if (std::find(who.roles.begin(), who.roles.end(), at->second) == who.roles.end())
                who.roles.push_back(at->second);
    }
    return who;
}

Task<> People::renew() {
    const auto now = state_->parts.clock.steady();
    if (!state_->asking) {
        if (state_->asked && now - *state_->asked < ask_every) co_return Result<>{};
        state_->asked = now, state_->asking = true;
        state_->answered.reset();
        // Not a part of whoever asks: others wait for the same answer when that one has left.
        state_->scope.spawn(state_->fetch_and_tell());
    }
    co_return co_await state_->answered.wait();
}

Task<> People::keep_keys() {
    for (;;) {
        CO_TRY_VOID(co_await renew());
        CO_TRY_VOID(co_await sleep_for(state_->well ? keys_every : ask_every));
    }
}

}  // namespace mw::oidc
