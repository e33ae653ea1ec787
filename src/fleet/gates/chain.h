#pragma once
// A model that takes the scores of others is measured with those others: the hub runs them over the
// dataset, as the gateway runs them over its points. Pure; for a worker thread.

#include <string>
#include <vector>

#include "data/datasets/datasets.h"
#include "insight/pipeline/pipeline.h"

namespace mw::gates {

constexpr std::size_t feeders_max = 16;

// A version whose scores others take.
struct Feeder {
    std::string model, version;
    std::string bundle;  // its SHA-256
    Bytes bytes;
    std::vector<std::string> fed_by;
};

// Models whose scores a bundle's pipeline takes.
Result<std::vector<std::string>> fed_by(ByteView bundle);
// Runs the feeders, those that feed others first, and adds a column `score:MODEL` for each that the
// dataset lacks. Gives the names of those that ran. A score stands in the row in which its window
// ends; a fallback's is not a number and bad.
Result<std::vector<std::string>> add_scores(datasets::Content& content, std::vector<Feeder> feeders,
                                            inference::Engine& engine);

}  // namespace mw::gates
