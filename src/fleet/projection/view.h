#pragma once
// What the data plane must know of the registry, worked out from resources. Pure.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/history/history.h"
#include "data/ingest/ingest.h"
#include "data/query/query.h"
#include "domain/resource.h"
#include "protocols/sparkplug/sparkplug.h"

namespace mw::projection {

using ByName = std::map<std::string, Resource>;

struct Resources {
    ByName devices, profiles, assets, products;
};

// The rules of each profile, made once for all its devices: a fleet has few profiles and many
// devices.
class ProfileRules {
 public:
    quality::Rules of(const Resource& profile);  // null: it does not compile, and judges nothing
    void keep_only(const ByName& profiles);      // of those that are gone nothing is remembered

 private:
    struct Made {
        Timestamp created;
        std::uint64_t generation = 0;
        quality::Rules rules;
    };
    std::map<std::string, Made> made_;
};

// The site of an asset: its own, or that of the nearest parent that has one. Loops end the search.
std::string site_of(const ByName& assets, std::string asset);
ingest::DeviceFacts facts_of(const Resources& all, const Resource& device, ProfileRules& rules);
history::ContextSnapshot context_of(const Resources& all);
std::shared_ptr<const query::Products> products_of(const Resources& all);

// Device name to the name of its parent, where it has one.
using Parents = std::map<std::string, std::string, std::less<>>;
std::shared_ptr<const Parents> parents_of(const Resources& all);

// Devices that are Sparkplug edge nodes, or stand behind one. Of several with one address the one
// created first has it; `refused` names the others.
struct EdgeNodes {
    sparkplug::AddressSnapshot addresses;
    std::vector<std::string> refused;
};
EdgeNodes edge_nodes_of(const Resources& all);

}  // namespace mw::projection
