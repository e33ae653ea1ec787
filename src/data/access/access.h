#pragma once
// Who may read which rows of history. Follows devices, data products and policies in the store,
// asks the accounts for roles, and gives each actor's sight to the query engine; the hub itself
// (an actor without a name) sees everything, a stranger nothing. Belongs to the control loop.
// Limits: sights of 1,000 actors are kept until something changes.

#include <memory>
#include <string>
#include <unordered_map>

#include "data/access/sights.h"
#include "domain/resource_store.h"

namespace mw::access {

class Access final : public query::ReadPolicy {
 public:
    struct Parts {  // all outlive it
        ResourceStore& store;
        const policy::Accounts& accounts;
        query::ProductSource& products;  // what each product selects
    };
    explicit Access(Parts parts) : parts_(parts) {}

    Task<> start();  // reads everything once, and follows
    void stop() { subscription_.reset(); }

    Result<query::SightPtr> sight_of(const std::string& actor) override;

    // For kinds whose SQL the hub runs in the name of their author (Dataset, UseCase): another
    // writes it anew only if they see everything. Otherwise they would read with the author's eyes.
    Result<> check_author(const policy::AdmissionRequest& request);

 private:
    void on_change(const ResourceChange& change);
    Result<policy::Principal> principal_of(const std::string& actor) const;
    const std::vector<ProductFacts>& product_facts_now();

    struct Kept {
        std::vector<std::string> roles;
        std::shared_ptr<const policy::Policy> policy;  // by which it was worked out
        query::SightPtr sight;
    };

    Parts parts_;
    Facts facts_;
    std::shared_ptr<const query::Products> selections_;
    std::vector<ProductFacts> product_facts_;  // of facts_ and selections_
    std::unordered_map<std::string, Kept> kept_;
    std::shared_ptr<void> subscription_;
};

}  // namespace mw::access
