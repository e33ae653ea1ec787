#include "data/registry/copy.h"

#include "data/registry/tables.h"
#include "platform/sqlite/sqlite.h"

namespace mw::registry {

Result<Copied> copy_database(const std::string& path, const std::string& vfs,
                             const std::string& to) {
    {
        TRY(auto database, sqlite::Database::open({.path = path, .vfs = vfs, .read_only = true}));
        // It reads in one transaction, so writers go on meanwhile.
        TRY(auto vacuum, database.prepare("VACUUM INTO ?1"));
        TRY_VOID(vacuum.bind(1, to).run().context("copying " + path));
    }
    TRY(auto copy, sqlite::Database::open({.path = to, .vfs = vfs, .read_only = true}));
    TRY_VOID(copy.check_integrity().context(path));
    Copied copied;
    TRY(auto last, copy.prepare("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"));
    TRY(const bool any, last.step());
    if (!any) return copied;
    copied.facts = static_cast<std::uint64_t>(last.integer(0));
    TRY(copied.last, hash_of(last.blob(1), "the last audit fact"));
    return copied;
}

}  // namespace mw::registry
