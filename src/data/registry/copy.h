#pragma once
// A copy of registry.db, made while it is in use.

#include <cstdint>
#include <string>

#include "trust/audit/audit.h"

namespace mw::registry {

struct Copied {
    std::uint64_t facts = 0;  // of the audit log, in the copy
    audit::Hash last{};       // of the last of them
};

// The database of one instant as a new file of the same VFS, read through once; its bytes are not
// synced. Reads beside those who use the database, with a connection of its own. corrupt: pages of
// the database are damaged. Blocks.
Result<Copied> copy_database(const std::string& path, const std::string& vfs,
                             const std::string& to);

}  // namespace mw::registry
