#pragma once
// Data products as contracts: what a change breaks and for whom, the Open Data Contract Standard in
// and out, and the policies that bind every product. Pure functions over resources that
// registry::check has passed, but for the desk, which asks the store and belongs to the control
// loop.

#include "data/products/changes.h"
#include "data/products/desk.h"
#include "data/products/odcs.h"
#include "data/products/policies.h"
#include "data/products/readers.h"
