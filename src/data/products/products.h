#pragma once
// Data products as contracts: what a change breaks and for whom. Pure functions over resources
// that registry::check has passed.

#include "data/products/changes.h"
#include "data/products/readers.h"
