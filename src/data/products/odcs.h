#pragma once
// The Open Data Contract Standard 3.1 in and out. Pure. What a foreign contract says beyond a
// DataProduct is kept as it is ("foreign" in the spec) and exported again.

#include <string>
#include <vector>

#include "domain/resource.h"

namespace mw::products {

// invalid_input: the product has no version, so it is no contract.
Result<Json> export_contract(const Resource& product);

struct ImportOptions {
    std::string name{}, domain{}, version{};  // instead of what the contract says
};
struct Imported {
    Resource product;                // registry::check has passed it
    std::vector<std::string> kept;   // paths in the contract that mean nothing here, and are kept
    std::vector<std::string> notes;  // what was read in another way than it was written
};
// invalid_input names the path in the contract and what to do.
Result<Imported> import_contract(const Json& contract, const ImportOptions& options);

// A document that says kind: DataContract, in distinction from our own kinds.
bool is_contract(const Json& document);

}  // namespace mw::products
