#pragma once
// Datasets: rows of a data product with their labels, frozen under the hash of their bytes. The
// controller belongs to the control loop; the file's functions are pure and run anywhere.

#include "data/datasets/controller.h"
#include "data/datasets/dataset_file.h"
#include "data/datasets/freeze.h"
