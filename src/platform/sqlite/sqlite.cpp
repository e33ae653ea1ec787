#include "platform/sqlite/sqlite.h"

#include <sqlite3.h>

#include <limits>

namespace mw::sqlite {
namespace {

Errc errc_of(int code) {
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
            return Errc::conflict;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Errc::overloaded;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Errc::corrupt;
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return Errc::denied;
        case SQLITE_ERROR:
        case SQLITE_RANGE:
        case SQLITE_TOOBIG:
        case SQLITE_MISMATCH:
            return Errc::invalid_input;
        default:
            return Errc::io_failed;
    }
}

Error error_of(sqlite3* handle, int code) {
    return {errc_of(code),
            std::string("SQLite: ") + (handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code))};
}

}  // namespace

// ---- Statement

void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
Statement::Statement(sqlite3_stmt* handle) : handle_(handle) {}
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

void Statement::note(int code) {
    if (bind_code_ == SQLITE_OK) bind_code_ = code;
}
Statement& Statement::bind(int parameter, std::string_view text) {
    // A null pointer would bind NULL where an empty text is meant.
    note(sqlite3_bind_text64(handle_.get(), parameter, text.data() ? text.data() : "", text.size(),
                             SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}
Statement& Statement::bind(int parameter, std::int64_t value) {
    note(sqlite3_bind_int64(handle_.get(), parameter, value));
    return *this;
}
Statement& Statement::bind(int parameter, std::uint64_t value) {
    const bool fits = value <= std::uint64_t(std::numeric_limits<std::int64_t>::max());
    if (!fits) note(SQLITE_MISMATCH);
    return bind(parameter, static_cast<std::int64_t>(value));
}
Statement& Statement::bind(int parameter, double value) {
    note(sqlite3_bind_double(handle_.get(), parameter, value));
    return *this;
}
Statement& Statement::bind(int parameter, ByteView blob) {
    note(sqlite3_bind_blob64(handle_.get(), parameter, blob.empty() ? nullptr : blob.data(),
                             blob.size(), SQLITE_TRANSIENT));
    return *this;
}
Statement& Statement::bind(int parameter, std::nullptr_t) {
    note(sqlite3_bind_null(handle_.get(), parameter));
    return *this;
}

Result<bool> Statement::step() {
    if (const int code = std::exchange(bind_code_, SQLITE_OK); code != SQLITE_OK) {
        reset();
        return Error{errc_of(code),
                     std::string("SQLite: a parameter can't be bound: ") + sqlite3_errstr(code)};
    }
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return reset(), false;
    auto error = error_of(sqlite3_db_handle(handle_.get()), code);
    reset();
    return error;
}

Result<> Statement::run() {
    for (;;) {
        TRY(const bool row, step());
        if (!row) return {};
    }
}

void Statement::reset() { sqlite3_reset(handle_.get()); }  // its code repeats what step() said

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }
std::string_view Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
    if (!text) return {};
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}
ByteView Statement::blob(int column) const {
    const auto* bytes =
        static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_.get(), column));
    return {bytes,
            bytes ? static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column)) : 0};
}
bool Statement::is_null(int column) const {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

// ---- Database

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
Database::Database(sqlite3* handle) : handle_(handle) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const Options& options) {
    // NOMUTEX: one thread at a time is our promise, so SQLite need not lock.
    const int flags =
        SQLITE_OPEN_NOMUTEX |
        (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(options.path.c_str(), &raw, flags,
                                     options.vfs.empty() ? nullptr : options.vfs.c_str());
    Database database{raw};
    const auto step = "opening database " + options.path;
    if (code != SQLITE_OK) return error_of(raw, code).context(step);
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, static_cast<int>(options.busy_timeout.count()));
    sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, 64 << 20);
    // A schema from a file that somebody edited must not run functions with side effects.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    // FULL: in WAL mode every commit syncs, so what was acknowledged survives a power cut.
    auto settings = database.run(
        options.read_only
            ? "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
            : "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
              "PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=2000;"
              "PRAGMA journal_size_limit=67108864;");
    if (!settings) return std::move(settings).error().context(step);
    return database;
}

Result<> Database::run(std::string_view sql) {
    const std::string text(sql);
    const int code = sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error_of(handle_.get(), code);
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, &rest);
    Statement statement{raw};
    if (code != SQLITE_OK) return error_of(handle_.get(), code).context(sql);
    if (!raw) return Error{Errc::invalid_input, "SQLite: an empty statement"};
    return statement;
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_.get()); }
std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }

Result<> Database::check_integrity() {
    TRY(auto statement, prepare("PRAGMA integrity_check(1)"));
    TRY(const bool row, statement.step());
    if (row && statement.text(0) == "ok") return {};
    return Error{Errc::corrupt, "SQLite: " + std::string(row ? statement.text(0) : "no answer")};
}

// ---- Transaction and Savepoint

Result<Transaction> Transaction::begin(Database& database) {
    TRY_VOID(database.run("BEGIN IMMEDIATE"));
    return Transaction{database};
}
Transaction::~Transaction() {
    if (database_) ignore(database_->run("ROLLBACK"), "SQLite may have rolled back by itself");
}
Result<> Transaction::commit() {
    TRY_VOID(database_->run("COMMIT"));  // on failure the destructor rolls back
    database_ = nullptr;
    return {};
}

Result<Savepoint> Savepoint::begin(Database& database) {
    TRY_VOID(database.run("SAVEPOINT step"));
    return Savepoint{database};
}
Savepoint::~Savepoint() {
    if (database_) ignore(undo(), "the transaction around it fails or rolls back");
}
Result<> Savepoint::keep() {
    TRY_VOID(database_->run("RELEASE step"));
    database_ = nullptr;
    return {};
}
Result<> Savepoint::undo() {
    auto* database = std::exchange(database_, nullptr);
    return database->run("ROLLBACK TO step; RELEASE step");
}

}  // namespace mw::sqlite
