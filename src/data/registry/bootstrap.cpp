#include "base/log.h"
#include "data/registry/registry.h"

namespace mw::registry {
namespace {

constexpr const char* admin = "admin";
constexpr unsigned secret_permissions = 0600;

// A token that an interrupted first start left behind is used; else a new one is written.
Result<policy::TokenRecord> written_token(files::Files& files, const std::string& path,
                                          Timestamp now, Random& random) {
    if (auto bytes = files::read_all(files, path, 1024)) {
        auto text = std::string(text_of(*bytes));
        while (!text.empty() && text.back() == '\n') text.pop_back();
        if (auto token = policy::parse_token(text); token && token->user == admin)
            return policy::TokenRecord{admin, token->hash, now, {}, "bootstrap"};
    }
    auto issued = policy::issue_token(admin, "bootstrap", now, nanoseconds{0}, random);
    const auto line = issued.text + "\n";
    TRY_VOID(files::atomic_replace(files, path, bytes_of(line), secret_permissions)
                 .context("writing the administrator's token"));
    return std::move(issued.record);
}

}  // namespace

Task<bool> bootstrap_admin(Registry& registry, files::Files& files, std::string token_path,
                           const Clock& clock, Random& random) {
    if (registry.find(admin)) co_return false;
    CO_TRY(auto token, written_token(files, token_path, clock.now(), random));
    Resource user;
    user.kind = "User";
    user.name = admin;
    user.spec = JsonObject{{"display_name", "Administrator"}, {"roles", JsonArray{"admin"}}};
    AuditNote note{"hub", "create", "first start: administrator with a token in admin.token"};
    CO_TRY_VOID(co_await registry.create_user_with_token(std::move(user), std::move(token),
                                                         std::move(note)));
    log::info("registry.admin.created", {{"token_file", token_path}});
    co_return true;
}

}  // namespace mw::registry
