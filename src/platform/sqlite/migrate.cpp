// Numbered steps, each applied in a transaction of its own together with the row that records it:
// a power cut leaves either the whole step or nothing of it.
#include "base/crc32c.h"
#include "platform/sqlite/sqlite.h"

namespace mw::sqlite {
namespace {

constexpr std::string_view record_table =
    "CREATE TABLE IF NOT EXISTS migrations(number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " checksum INTEGER NOT NULL, applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)";

std::int64_t checksum(const Migration& step) { return crc32c(bytes_of(step.sql)); }

std::string title(const Migration& step) {
    return "migration " + std::to_string(step.number) + " (" + std::string(step.name) + ")";
}

Result<int> compare_applied(Database& database, std::span<const Migration> steps) {
    TRY(auto applied, database.prepare("SELECT number, checksum FROM migrations ORDER BY number"));
    int last = 0;
    for (;;) {
        TRY(const bool row, applied.step());
        if (!row) return last;
        const auto number = applied.integer(0);
        if (number > static_cast<std::int64_t>(steps.size()))
            return Error{Errc::invalid_input,
                         "the database is at step " + std::to_string(number) +
                             " and this program knows " + std::to_string(steps.size()) +
                             ": it was written by a newer version; run that version, or restore a "
                             "backup made before the upgrade"};
        const auto& step = steps[static_cast<std::size_t>(number) - 1];
        if (number != last + 1 || applied.integer(1) != checksum(step))
            return Error{Errc::corrupt, title(step) + " is not the one that made this database"};
        last = static_cast<int>(number);
    }
}

Result<> apply(Database& database, const Migration& step) {
    TRY(auto transaction, Transaction::begin(database));
    TRY_VOID(database.run(step.sql));
    TRY(auto record,
        database.prepare("INSERT INTO migrations(number, name, checksum) VALUES(?,?,?)"));
    TRY_VOID(record.bind(1, step.number).bind(2, step.name).bind(3, checksum(step)).run());
    return transaction.commit();
}

}  // namespace

Result<> Database::migrate(std::span<const Migration> steps) {
    for (std::size_t i = 0; i < steps.size(); ++i)
        ASSERT(steps[i].number == static_cast<int>(i) + 1);
    TRY_VOID(run(record_table));
    TRY(const int last, compare_applied(*this, steps));
    for (const auto& step : steps.subspan(static_cast<std::size_t>(last)))
        if (auto outcome = apply(*this, step); !outcome)
            return std::move(outcome).error().context(title(step));
    return {};
}

}  // namespace mw::sqlite
