#pragma once
// Logins by way of an OpenID provider: the person's part at the terminal, and the silent renewal
// before and after a call of the hub.

#include "apps/ctl/client.h"

namespace mw::ctl {

// `login` has the hub and its root; the rest comes from the provider that the hub names. Talks to
// the person on standard output. Not saved, and not tried at the hub yet.
Result<Login> login_with_provider(Login login, bool browser);
// What lies at `path`, renewed at the provider if its token is near its end, or if it is `refused`,
// a token that the hub took no more. Several processes may ask: one of them renews.
Result<Login> fresh_login(const std::string& path, const std::string& refused = "");
// Tells the provider that the login has ended.
Result<> end_login(const Login& login);

}  // namespace mw::ctl
