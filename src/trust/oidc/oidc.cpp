#include "trust/oidc/oidc.h"

#include <algorithm>

#include "base/log.h"
#include "trust/oidc/provider.h"

namespace mw::oidc {
namespace {

constexpr nanoseconds ask_every = minutes(1);  // at most, whoever asks
constexpr nanoseconds keys_every = hours(1);   // so that a key that was withdrawn ends
constexpr std::size_t name_bytes_max = 100;

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

    Task<> fetch();
    Task<> fetch_and_tell();
};

Task<> People::State::fetch() {
    const Asker asker{parts.loop, parts.workers, tls, seconds(10), jwt::set_bytes_max};
    auto discovering = discover(asker, options.issuer);
    CO_TRY(const Json document, co_await std::move(discovering));
    CO_TRY(const auto url, want_string(document, "jwks_uri"));
    const std::string no_form;
    auto asking = ask(asker, url, no_form);
    CO_TRY(auto response, co_await std::move(asking));
    if (response.status != 200)
        co_return Error{Errc::io_failed,
                        "'" + url + "' answered " + std::to_string(response.status)};
    auto job = [text = std::move(response.body)] { return jwt::KeySet::from_json(text); };
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
        TRY(state->tls, provider_tls(state->options.ca));
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

Json People::login_words() const {
    const Options& o = state_->options;
    if (o.client_id.empty()) return nullptr;
    return to_json(ClientOptions{o.issuer, o.client_id, o.scopes, o.resource, o.ca});
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
