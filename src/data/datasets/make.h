#pragma once
// From what was read to the bytes of a dataset and the facts about it. Pure; for a worker.

#include <string>

#include "base/bytes.h"
#include "data/datasets/freeze.h"

namespace mw::datasets {

struct Materials {
    Order order;
    std::string csv;         // what sql_of(order) gave
    labels::Labels answers;  // that count
    Assets assets;           // needed where groups part
    Timestamp known_until;   // when labels were read
};

struct Made {
    Bytes bytes;
    JsonObject facts;     // keys of the Dataset's status
    std::string refused;  // leaks that the order doesn't allow; then there are no bytes
};
// not_found: no rows at all, or none in a split; invalid_input: a golden dataset without anomalies.
Result<Made> make_dataset(Materials materials);

}  // namespace mw::datasets
