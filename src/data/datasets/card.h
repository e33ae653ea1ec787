#pragma once
// The data card of a frozen dataset: what it is, from whom, of when, how good, how labelled, how
// parted, under which hash, and what one may do with it. Pure; made of the resource alone.
// After Gebru et al., "Datasheets for Datasets" (CACM 64:12, 2021).

#include <string>

#include "domain/resource.h"

namespace mw::datasets {

// conflict: it is not frozen.
Result<Json> data_card(const Resource& dataset);
std::string card_markdown(const Json& card);

}  // namespace mw::datasets
