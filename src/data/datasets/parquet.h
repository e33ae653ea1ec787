#pragma once
// A dataset as Parquet, for tools that don't read ours. Blocks; for the command line or a worker.

#include <string>

#include "data/datasets/dataset_file.h"

namespace mw::datasets {

// A new file at an absolute path: device VARCHAR, time TIMESTAMP_NS, label BOOLEAN (NULL: nobody
// knows), split VARCHAR where there are splits, and per signal a DOUBLE and NAME:quality UTINYINT
// (NULL: no point), in the order of the dataset.
Result<> write_parquet(const Content& content, const std::string& path);

}  // namespace mw::datasets
