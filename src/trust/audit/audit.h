#pragma once
// The door of trust/audit: facts and their hash chain, the Merkle tree over them, signed heads,
// proofs, and the log as a file that is checked without the hub. Values and pure functions; stored
// they are by data/registry, signed with identity's "audit" key.

#include "trust/audit/events.h"
#include "trust/audit/fact.h"
#include "trust/audit/head.h"
#include "trust/audit/log_file.h"
#include "trust/audit/proof.h"
#include "trust/audit/tree.h"
