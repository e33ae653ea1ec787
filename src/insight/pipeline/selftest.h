#pragma once
// selftest.json: feature vectors and rows with the scores they must give (docs/formats/bundle.md).

#include "insight/pipeline/scorer.h"

namespace mw::pipeline {

// Rows and vectors near the features' centers, scored by this pipeline. Leaves it reset.
Result<std::string> make_selftest(Pipeline& pipeline);
// An error names the first row or vector whose score differs. Leaves it reset.
Result<void> run_selftest(std::string_view selftest, Pipeline& pipeline);

}  // namespace mw::pipeline
