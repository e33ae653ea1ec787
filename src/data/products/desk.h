#pragma once
// What the hub says about data products and policies: it admits what people write, compares a
// contract with what it shall become, and tells which policy holds. Belongs to the control loop;
// reads the store and keeps nothing.

#include <string>
#include <vector>

#include "data/products/changes.h"
#include "data/products/policies.h"
#include "domain/resource_store.h"
#include "trust/policy/policy.h"

namespace mw::products {

class Desk {
 public:
    explicit Desk(ResourceStore& store) : store_(store) {}

    // Admission of kind DataProduct. conflict: it breaks a promise without a new major version
    // (the message has a line for each change), contradicts a policy, or removes a promise.
    Task<Resource> admit_product(policy::AdmissionRequest request);
    // Admission of kind Policy. conflict: it is laxer than a shared one, or can't hold with it.
    Task<Resource> admit_policy(policy::AdmissionRequest request);
    // With the stored one of that name, and who breaks.
    Task<Comparison> compare_with_stored(Resource wanted);
    // not_found.
    Task<EffectivePolicy> policy_of(std::string product);

 private:
    Task<Comparison> compare_both(Resource before, Resource after);
    Task<std::vector<Resource>> all_of(std::string kind);

    ResourceStore& store_;
};

}  // namespace mw::products
