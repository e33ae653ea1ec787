#pragma once
// What a person may see of history, worked out from their roles, from data products as contracts
// and from policies. Pure.

#include <map>
#include <string>
#include <vector>

#include "data/products/products.h"
#include "data/query/query.h"
#include "trust/policy/policy.h"

namespace mw::access {

struct DeviceFacts {
    std::string domain;
    Labels labels;
    bool operator==(const DeviceFacts&) const = default;
};

struct Facts {
    std::map<std::string, DeviceFacts> devices;
    std::map<std::string, Resource> products;  // kind DataProduct
    std::map<std::string, Resource> policies;  // kind Policy
};

// A product as it matters to readers: which series are its, and which policy holds for it.
struct ProductFacts {
    const Resource* resource = nullptr;
    query::SeriesSet rows;
    products::EffectivePolicy policy;
};
// `selections` are what the products select now; a product that isn't there has no rows yet.
std::vector<ProductFacts> product_facts(const Facts& facts, const query::Products& selections);

// denied: their roles show them nothing of history.
Result<query::Sight> sight_for(const policy::Principal& who, const policy::Policy& roles,
                               const Facts& facts, const std::vector<ProductFacts>& products);

// Why the product's view is closed to them; empty: it is open.
std::string why_closed(const policy::Principal& who, const ProductFacts& product);

}  // namespace mw::access
