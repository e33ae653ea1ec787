#include "data/access/access.h"

#include "domain/each_resource.h"

namespace mw::access {
namespace {

constexpr std::size_t kept_max = 1'000;

template <class Value>
bool put(std::map<std::string, Value>& all, const std::string& name, Value value) {
    const auto [at, is_new] = all.try_emplace(name);
    if (!is_new && at->second == value) return false;
    at->second = std::move(value);
    return true;
}

// Status moves often and says nothing about who reads.
bool put_resource(std::map<std::string, Resource>& all, const Resource& resource) {
    const auto [at, is_new] = all.try_emplace(resource.name);
    if (!is_new && at->second.revision > resource.revision) return false;
    const bool same = !is_new && at->second.generation == resource.generation &&
                      at->second.domain == resource.domain && at->second.labels == resource.labels;
    at->second = resource;
    return !same;
}

query::SightPtr everything() {
    static const auto sight = std::make_shared<const query::Sight>();
    return sight;
}

}  // namespace

Task<> Access::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    for (const char* kind : {"Device", "DataProduct", "Policy"})
        CO_TRY_VOID(co_await each_resource(parts_.store, kind, visit));
    co_return Result<>{};
}

void Access::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    const bool gone = change.what == ResourceChange::What::deleted;
    bool changed = false;
    if (resource.kind == "Device")
        changed = gone ? facts_.devices.erase(resource.name) > 0
                       : put(facts_.devices, resource.name,
                             DeviceFacts{resource.domain, resource.labels});
    if (resource.kind == "DataProduct")
        changed = gone ? facts_.products.erase(resource.name) > 0
                       : put_resource(facts_.products, resource);
    if (resource.kind == "Policy")
        changed = gone ? facts_.policies.erase(resource.name) > 0
                       : put_resource(facts_.policies, resource);
    if (!changed) return;
    selections_.reset();
    kept_.clear();
}

const std::vector<ProductFacts>& Access::product_facts_now() {
    auto now = parts_.products.products();
    if (now == selections_) return product_facts_;
    selections_ = std::move(now);
    kept_.clear();
    return product_facts_ = product_facts(facts_, *selections_);
}

Result<policy::Principal> Access::principal_of(const std::string& actor) const {
    constexpr std::string_view user = "user:";
    const policy::Account* account =
        actor.starts_with(user) ? parts_.accounts.find(actor.substr(user.size())) : nullptr;
    if (account == nullptr)
        return Error{Errc::denied, "'" + actor.substr(0, 80) +
                                       "' is no user of this hub (any more), so it may read "
                                       "nothing of history"};
    return policy::Principal{actor, account->roles};
}

Result<query::SightPtr> Access::sight_of(const std::string& actor) {
    if (actor.empty()) return everything();
    TRY(const auto who, principal_of(actor));
    const auto policy = parts_.accounts.policy();
    const auto& products = product_facts_now();
    if (const auto kept = kept_.find(actor);
        kept != kept_.end() && kept->second.policy == policy && kept->second.roles == who.roles)
        return kept->second.sight;
    TRY(auto sight, sight_for(who, *policy, facts_, products));
    if (kept_.size() >= kept_max) kept_.clear();
    auto shared = std::make_shared<const query::Sight>(std::move(sight));
    kept_[actor] = {who.roles, policy, shared};
    return query::SightPtr(std::move(shared));
}

Result<> Access::check_author(const policy::AdmissionRequest& request) {
    if (!request.stored || request.deed == policy::Verb::remove) return {};
    const auto author = find_string(request.stored->status, "author").value_or("");
    if (author == request.who.name || request.stored->spec == request.wanted.spec) return {};
    const auto sight = sight_of(request.who.name);
    if (sight && (*sight)->sees_all_rows()) return {};
    return Error{Errc::denied, "spec: its SQL runs with what " +
                                   (author.empty() ? std::string("the hub") : author) +
                                   " may read, and " + request.who.name +
                                   " does not see all of history; make one of your own"};
}

}  // namespace mw::access
