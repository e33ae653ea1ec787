#pragma once
// Users, roles and tokens in memory, kept in step with what was committed. Lives on the control
// loop.

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/resource_store.h"
#include "trust/policy/policy.h"

namespace mw::registry {

class LiveAccounts {
 public:
    void load(std::vector<Resource> users, std::vector<Resource> roles,
              std::vector<policy::TokenRecord> tokens);
    void apply(const ResourceChange& change);
    void set_tokens(const std::string& user, std::vector<policy::TokenRecord> tokens);

    const policy::Account* find(const std::string& user) const;
    std::shared_ptr<const policy::Policy> policy() const { return policy_; }

 private:
    void take_user(const Resource& user);
    void take_role(const Resource& role);
    void compile();

    std::unordered_map<std::string, policy::Account> users_;
    std::map<std::string, policy::Role> roles_;
    std::shared_ptr<const policy::Policy> policy_;
};

}  // namespace mw::registry
