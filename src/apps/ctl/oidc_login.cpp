#include "apps/ctl/oidc_login.h"

#include <iostream>

#include "base/random.h"
#include "platform/files/files.h"

namespace mw::ctl {
namespace {

constexpr nanoseconds near_its_end = seconds(60);
constexpr nanoseconds browser_limit = minutes(10);
constexpr nanoseconds renewal_wait = seconds(60);  // for another process of ours
constexpr nanoseconds renewal_look = milliseconds(50);

// What a LoginClient needs, for as long as one verb takes.
struct ProviderTalk {
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Workers> workers;
    RealClock clock;
    SystemRandom random;
    std::unique_ptr<oidc::LoginClient> client;

    static Result<std::unique_ptr<ProviderTalk>> open(const oidc::ClientOptions& at) {
        auto self = std::make_unique<ProviderTalk>();
        TRY(self->loop, Loop::open());
        WorkersOptions workers;
        workers.threads = 1;
        self->workers = std::make_unique<Workers>(workers);
        oidc::LoginClient::Parts parts{*self->loop, *self->workers, self->clock, self->random};
        TRY(self->client, oidc::LoginClient::open(at, std::move(parts)));
        auto found = sync_wait(*self->loop, self->client->discover());
        if (!found) return std::move(found).error().context("asking " + at.issuer);
        return self;
    }
};

Result<oidc::Tokens> by_device_code(ProviderTalk& talk) {
    TRY(auto code, sync_wait(*talk.loop, talk.client->begin_device()));
    std::cout << "Open on any device    " << code.where << "\nand enter the code    "
              << code.user_code << '\n';
    if (!code.where_complete.empty())
        std::cout << "or open               " << code.where_complete << '\n';
    std::cout << "Waiting until " << to_iso8601(code.expires) << "; Ctrl-C ends it." << std::endl;
    return sync_wait(*talk.loop, talk.client->await_device(std::move(code)));
}

Result<oidc::Tokens> by_browser(ProviderTalk& talk) {
    TRY(const auto loopback, oidc::Loopback::open(*talk.loop));
    TRY(auto request, talk.client->begin_code(loopback->redirect()));
    std::cout << "Open in a browser on this machine:\n  " << request.url
              << "\nWaiting for it for 10 minutes; Ctrl-C ends it. No browser here? Leave out "
                 "--browser."
              << std::endl;
    TRY(auto answer, sync_wait(*talk.loop, loopback->answer_to(request.state, browser_limit)));
    return sync_wait(*talk.loop, talk.client->redeem(std::move(request), std::move(answer)));
}

Error logged_out(const Login& login, const Error& why) {
    return {Errc::denied, "the login at " + login.provider->at.issuer + " has ended (" +
                              why.message + "). Next step: millwright login --oidc"};
}

Result<> renew_login(Login& login) {
    if (login.provider->refresh.empty())
        return logged_out(login, {Errc::denied, "it can't be renewed: no offline_access"});
    TRY(auto talk, ProviderTalk::open(login.provider->at));
    auto tokens = sync_wait(*talk->loop, talk->client->renew(login.provider->refresh));
    if (!tokens && tokens.error().code == Errc::denied) return logged_out(login, tokens.error());
    if (!tokens) return std::move(tokens).error().context("renewing the login");
    login.token = tokens->access;
    login.provider->refresh = tokens->refresh;
    login.provider->expires = tokens->expires;
    return {};
}

Result<files::DirectoryLock> lock_of(const std::string& path) {
    files::RealFiles files;
    const auto directory = path + ".renewing";
    TRY_VOID(files.make_directories(directory, 0700));
    TRY(const auto loop, Loop::open());
    const RealClock clock;
    const auto end = clock.steady() + renewal_wait;
    for (;;) {
        auto lock = files::DirectoryLock::take(directory);
        if (lock || lock.error().code != Errc::conflict || clock.steady() > end) return lock;
        TRY_VOID(sync_wait(*loop, sleep_for(renewal_look)));
    }
}

bool must_renew(const Login& login, const std::string& refused) {
    if (!login.provider) return false;
    return refused.empty() ? login.provider->expires - RealClock{}.now() < near_its_end
                           : login.token == refused;
}

}  // namespace

Result<Login> login_with_provider(Login login, bool browser) {
    login.token.clear();
    TRY(auto hub, Hub::open(login));
    TRY(const Json ways, hub->get("/v1/login"));
    const Json* told = find(ways, "oidc");
    if (!told)
        return Error{Errc::not_found,
                     login.hub +
                         " has no OpenID provider for logins. Next step: issuer and client_id "
                         "below oidc in its hub.yaml, or login with --token-file"};
    TRY(auto at, oidc::client_options_from_json(*told).context("the hub's answer"));
    TRY(auto talk, ProviderTalk::open(at));
    auto tokens = browser ? by_browser(*talk) : by_device_code(*talk);
    if (!tokens) return std::move(tokens).error().context("login at " + at.issuer);
    login.token = tokens->access;
    login.provider = Login::Provider{std::move(at), tokens->refresh, tokens->expires};
    return login;
}

Result<Login> fresh_login(const std::string& path, const std::string& refused) {
    TRY(auto login, load_login(path));
    if (!must_renew(login, refused)) return login;
    TRY(const auto lock, lock_of(path));
    TRY(login, load_login(path));  // another process may have done it meanwhile
    if (!must_renew(login, refused)) return login;
    if (auto renewed = renew_login(login); !renewed) {
        const bool still_good = login.provider->expires > RealClock{}.now();
        if (refused.empty() && still_good && renewed.error().code != Errc::denied) return login;
        return std::move(renewed).error();
    }
    TRY_VOID(save_login(path, login));
    return login;
}

Result<> end_login(const Login& login) {
    if (!login.provider || login.provider->refresh.empty()) return {};
    TRY(auto talk, ProviderTalk::open(login.provider->at));
    return sync_wait(*talk->loop, talk->client->revoke(login.provider->refresh));
}

}  // namespace mw::ctl
