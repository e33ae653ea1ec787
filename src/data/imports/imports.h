#pragma once
// Files of measured values (CSV, Parquet) to Batches: first a plan, which says what each column
// will become and can be shown and changed, then the rows by that plan. DuckDB reads the files.
// Blocks; belongs to one thread. Bounded: about 50,000 points in memory, DuckDB's 512 MiB.

#include "data/imports/plan.h"
#include "data/imports/reader.h"
