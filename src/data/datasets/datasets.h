#pragma once
// Datasets: rows of a data product with their labels, frozen under the hash of their bytes. The
// controller belongs to the control loop; the file's functions are pure and run anywhere.

#include "data/datasets/card.h"
#include "data/datasets/controller.h"
#include "data/datasets/dataset_file.h"
#include "data/datasets/freeze.h"
#include "data/datasets/leaks.h"
#include "data/datasets/make.h"
#include "data/datasets/parquet.h"
#include "data/datasets/splits.h"
