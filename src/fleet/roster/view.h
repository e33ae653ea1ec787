#pragma once
// What the data plane must know of the registry, worked out from resources. Pure.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "data/history/history.h"
#include "data/ingest/ingest.h"
#include "data/query/query.h"
#include "domain/resource.h"

namespace mw::roster {

using ByName = std::map<std::string, Resource>;

struct Resources {
    ByName devices, profiles, assets, products;
};

// The site of an asset: its own, or that of the nearest parent that has one. Loops end the search.
std::string site_of(const ByName& assets, std::string asset);
ingest::DeviceFacts facts_of(const Resources& all, const Resource& device);
history::ContextSnapshot context_of(const Resources& all);
std::shared_ptr<const query::Products> products_of(const Resources& all);

// Who may connect: a device that exists, isn't suspended or retired, with a certificate whose
// SHA-256 its status names. An empty set of fingerprints admits any certificate of that name.
struct Admission {
    std::set<std::string> fingerprints;
    std::string parent;
};
using Admissions = std::map<std::string, Admission, std::less<>>;
std::shared_ptr<const Admissions> admissions_of(const Resources& all);

}  // namespace mw::roster
