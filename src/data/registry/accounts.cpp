#include "data/registry/accounts.h"

#include "base/log.h"

namespace mw::registry {

void LiveAccounts::load(std::vector<Resource> users, std::vector<Resource> roles,
                        std::vector<policy::TokenRecord> tokens) {
    users_.clear();
    roles_.clear();
    for (const auto& user : users) take_user(user);
    for (const auto& role : roles) take_role(role);
    for (auto& token : tokens)
        if (auto user = users_.find(token.user); user != users_.end())
            user->second.tokens.push_back(std::move(token));
    compile();
}

void LiveAccounts::apply(const ResourceChange& change) {
    const bool gone = change.what == ResourceChange::What::deleted;
    const auto& resource = change.resource;
    if (resource.kind == "User") {
        if (gone)
            users_.erase(resource.name);
        else
            take_user(resource);
    } else if (resource.kind == "Role") {
        if (gone)
            roles_.erase(resource.name);
        else
            take_role(resource);
        compile();
    }
}

void LiveAccounts::set_tokens(const std::string& user, std::vector<policy::TokenRecord> tokens) {
    if (auto at = users_.find(user); at != users_.end()) at->second.tokens = std::move(tokens);
}

const policy::Account* LiveAccounts::find(const std::string& user) const {
    const auto at = users_.find(user);
    return at == users_.end() ? nullptr : &at->second;
}

void LiveAccounts::take_user(const Resource& user) {
    auto& roles = users_[user.name].roles;
    roles.clear();
    if (const Json* names = mw::find(user.spec, "roles"); names && names->is_array())
        for (const auto& name : names->get_array())
            if (name.is_string()) roles.emplace_back(name.get_string());
}

void LiveAccounts::take_role(const Resource& resource) {
    auto role = policy::role_from_spec(resource.name, resource.spec);
    if (role) {
        roles_[resource.name] = std::move(*role);
        return;
    }
    // It was checked when it was written, so this is damage: the role then allows nothing.
    roles_.erase(resource.name);
    log::error("registry.role.refused", {{"role", resource.name}, {"reason", role.error()}});
}

void LiveAccounts::compile() {
    std::vector<policy::Role> roles;
    for (const auto& [name, role] : roles_) roles.push_back(role);
    policy_ = policy::Policy::compile(std::move(roles));
}

}  // namespace mw::registry
