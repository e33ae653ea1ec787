#pragma once
// What a dataset was made from, for its status: the contract and the files as they were. Pure. The
// files are evidence only: the same points sealed in other files give the same dataset.

#include "domain/query_engine.h"
#include "domain/resource.h"

namespace mw::datasets {

constexpr std::size_t files_told_max = 500;

// {"product","version","status","generation","sha256" of its spec, and what a reader must know}
JsonObject contract_evidence(const Resource& product);
// {"files":[{"file","generation","rows","bytes"}],"files_in_all","unsealed_points"}
JsonObject files_evidence(const QueryReply& reply);

}  // namespace mw::datasets
