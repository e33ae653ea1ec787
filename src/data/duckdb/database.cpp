#include "data/duckdb/database.h"

#include <duckdb.h>

#include <optional>

#include "base/sql_text.h"
#include "data/duckdb/handles.h"

namespace mw::duckdb {
namespace {

struct DestroyConfig {
    void operator()(duckdb_config raw) const { duckdb_destroy_config(&raw); }
};
using Config = std::unique_ptr<_duckdb_config, DestroyConfig>;

Result<> set(const Config& config, const char* name, const std::string& value) {
    if (duckdb_set_config(config.get(), name, value.c_str()) == DuckDBSuccess) return {};
    return Error{Errc::invalid_input,
                 std::string("DuckDB refuses setting ") + name + " = " + value};
}

Result<Config> config_of(const Options& options) {
    duckdb_config raw = nullptr;
    if (duckdb_create_config(&raw) != DuckDBSuccess) {
        return Error{Errc::io_failed, "DuckDB cannot make a configuration"};
    }
    Config config{raw};
    const std::string memory = std::to_string(options.memory_bytes) + "B";
    const std::pair<const char*, std::string> settings[] = {
        {"memory_limit", memory},
        {"threads", std::to_string(options.threads)},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"allow_persistent_secrets", "false"},
        {"temp_directory",
         ""},  // over the memory limit a statement fails; it doesn't fill the disk
    };
    for (const auto& [name, value] : settings) TRY_VOID(set(config, name, value));
    return config;
}

// What can only be set once the instance runs, the lock last.
std::string lockdown(const Options& options) {
    std::string sql = "SET TimeZone='UTC';";
    if (!options.directories.empty()) {
        sql += "SET allowed_directories=[";
        for (const std::string& directory : options.directories) {
            if (sql.back() != '[') sql += ",";
            sql += sql_text(directory);
        }
        sql += "];";
    }
    sql += "SET enable_external_access=false;SET lock_configuration=true";
    return sql;
}

// $2 may come before $1 in the text, and DuckDB counts them as they come.
Result<idx_t> place_of(duckdb_prepared_statement statement, std::size_t number) {
    idx_t at = 0;
    if (duckdb_bind_parameter_index(statement, &at, std::to_string(number).c_str()) ==
        DuckDBSuccess)
        return at;
    return Error{Errc::invalid_input, "no parameter $" + std::to_string(number)};
}

Result<> bind_value(duckdb_prepared_statement statement, idx_t at, const Value& value) {
    struct Bind {
        duckdb_prepared_statement statement;
        idx_t at;
        duckdb_state operator()(std::nullptr_t) const { return duckdb_bind_null(statement, at); }
        duckdb_state operator()(bool v) const { return duckdb_bind_boolean(statement, at, v); }
        duckdb_state operator()(std::int64_t v) const {
            return duckdb_bind_int64(statement, at, v);
        }
        duckdb_state operator()(std::uint64_t v) const {
            return duckdb_bind_uint64(statement, at, v);
        }
        duckdb_state operator()(double v) const { return duckdb_bind_double(statement, at, v); }
        duckdb_state operator()(const std::string& v) const {
            return duckdb_bind_varchar_length(statement, at, v.data(), v.size());
        }
    };
    if (std::visit(Bind{statement, at}, value) == DuckDBSuccess) return {};
    return Error{Errc::invalid_input, "no parameter $" + std::to_string(at) + " of this type"};
}

using Connected = std::shared_ptr<_duckdb_connection>;
struct Interrupt {
    Connected connection;
    void operator()() const { duckdb_interrupt(connection.get()); }
};

// A result and what interrupts the work behind it.
struct Running {
    duckdb_result raw{};
    std::optional<std::stop_callback<Interrupt>> on_stop;
    ~Running() {
        on_stop.reset();
        duckdb_destroy_result(&raw);
    }
};

Result<std::shared_ptr<Running>> started(const Connected& connection,
                                         duckdb_prepared_statement statement,
                                         std::stop_token stop) {
    auto running = std::make_shared<Running>();
    duckdb_pending_result pending = nullptr;
    duckdb_state state = duckdb_pending_prepared_streaming(statement, &pending);
    // DuckDB forgets an interrupt when a statement begins, so we listen from here on; a stop that
    // was requested before calls back at once.
    running->on_stop.emplace(std::move(stop), Interrupt{connection});
    if (state == DuckDBSuccess) state = duckdb_execute_pending(pending, &running->raw);
    Result<> outcome;
    if (state != DuckDBSuccess) {
        const char* message = duckdb_result_error(&running->raw);
        outcome = error_from(message != nullptr ? message : duckdb_pending_error(pending));
    }
    duckdb_destroy_pending(&pending);
    TRY_VOID(std::move(outcome));
    return running;
}

}  // namespace

Result<Database> Database::open(const Options& options) {
    TRY(const Config config, config_of(options));
    duckdb_database raw = nullptr;
    char* message = nullptr;
    if (duckdb_open_ext(nullptr, &raw, config.get(), &message) != DuckDBSuccess) {
        Error error = error_from(message).context("open DuckDB");
        duckdb_free(message);
        return error;
    }
    Database database;
    database.raw_.reset(raw, [](duckdb_database db) { duckdb_close(&db); });
    TRY(auto connection, database.connect());
    duckdb_result result{};
    const bool locked =
        duckdb_query(connection.raw(), lockdown(options).c_str(), &result) == DuckDBSuccess;
    Result<> outcome;
    if (!locked) outcome = error_from(duckdb_result_error(&result)).context("lock DuckDB down");
    duckdb_destroy_result(&result);
    TRY_VOID(std::move(outcome));
    return database;
}

Result<Connection> Database::connect() {
    duckdb_connection raw = nullptr;
    if (duckdb_connect(raw_.get(), &raw) != DuckDBSuccess) {
        return Error{Errc::overloaded, "DuckDB refuses another connection"};
    }
    Connection connection;
    connection.database_ = raw_;
    connection.raw_.reset(raw, [database = raw_](duckdb_connection c) { duckdb_disconnect(&c); });
    return connection;
}

Result<Statement> Connection::prepare(std::string_view sql) {
    duckdb_prepared_statement raw = nullptr;
    const std::string text(sql);  // the C API wants a terminator
    const bool ok = duckdb_prepare(raw_.get(), text.c_str(), &raw) == DuckDBSuccess;
    Statement statement;
    statement.connection_ = raw_;
    statement.raw_.reset(raw, [](duckdb_prepared_statement s) { duckdb_destroy_prepare(&s); });
    if (!ok) return error_from(raw != nullptr ? duckdb_prepare_error(raw) : "out of memory");
    return statement;
}

Result<Rows> Statement::execute(const std::vector<Value>& values, std::stop_token stop) {
    if (duckdb_nparams(raw_.get()) != values.size()) {
        return Error{Errc::invalid_input,
                     "statement takes " + std::to_string(duckdb_nparams(raw_.get())) +
                         " parameters, " + std::to_string(values.size()) + " given"};
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        TRY(const idx_t at, place_of(raw_.get(), i + 1));
        TRY_VOID(bind_value(raw_.get(), at, values[i]));
    }
    TRY(auto result, started(connection_, raw_.get(), std::move(stop)));
    Rows rows;
    rows.columns_ = std::make_unique<std::vector<Column>>();
    const idx_t count = duckdb_column_count(&result->raw);
    for (idx_t i = 0; i < count; ++i) {
        const LogicalType type{duckdb_column_logical_type(&result->raw, i)};
        rows.columns_->push_back({duckdb_column_name(&result->raw, i), described(type.get())});
    }
    rows.connection_ = connection_;
    rows.statement_ = raw_;
    rows.raw_ = std::shared_ptr<duckdb_result>(result, &result->raw);
    rows.on_stop_ = std::move(result);
    return rows;
}

Result<bool> Rows::next(Chunk& chunk) {
    auto* result = static_cast<duckdb_result*>(raw_.get());
    chunk = Chunk{};
    duckdb_data_chunk raw = duckdb_fetch_chunk(*result);
    if (raw == nullptr) {
        const char* message = duckdb_result_error(result);
        if (message != nullptr && *message != '\0') return error_from(message);
        return false;
    }
    chunk.raw_ = std::shared_ptr<_duckdb_data_chunk>(raw, DestroyChunk{});
    chunk.columns_ = columns_.get();
    chunk.size_ = duckdb_data_chunk_get_size(raw);
    return chunk.size_ > 0;
}

Vector Chunk::column(std::size_t index) const {
    auto raw = static_cast<duckdb_data_chunk>(raw_.get());
    return {duckdb_data_chunk_get_vector(raw, index), &columns_->at(index).type};
}

Result<Rows> Connection::query(std::string_view sql, const std::vector<Value>& values,
                               std::stop_token stop) {
    TRY(auto statement, prepare(sql));
    return statement.execute(values, std::move(stop));
}

Result<> Connection::run(std::string_view sql, std::stop_token stop) {
    TRY(auto rows, query(sql, {}, std::move(stop)));
    Chunk chunk;
    while (true) {
        TRY(const bool more, rows.next(chunk));
        if (!more) return {};
    }
}

Result<std::string> Connection::text(std::string_view sql, const std::vector<Value>& values) {
    TRY(auto rows, query(sql, values));
    Chunk chunk;
    TRY(const bool any, rows.next(chunk));
    if (!any || rows.columns().size() != 1 || rows.columns()[0].type.kind != Kind::varchar) {
        return Error{Errc::invalid_input, "want one text value"};
    }
    const Vector column = chunk.column(0);
    if (!column.valid(0)) return Error{Errc::not_found, "the value is NULL"};
    return std::string(column.text(0));
}

namespace {

constexpr std::string_view our_mark = "millwright:";

std::optional<Error> our_error(std::string_view text) {
    const std::size_t at = text.find(our_mark);
    if (at == text.npos) return std::nullopt;
    text.remove_prefix(at + our_mark.size());
    for (int code = 0; code <= static_cast<int>(Errc::corrupt); ++code) {
        const std::string_view name = to_string(static_cast<Errc>(code));
        if (text.starts_with(name) && text.substr(name.size()).starts_with(": "))
            return Error{static_cast<Errc>(code), std::string(text.substr(name.size() + 2))};
    }
    return std::nullopt;
}

}  // namespace

std::string through_duckdb(const Error& error) {
    return std::string(our_mark) + std::string(to_string(error.code)) + ": " + error.message;
}

Error error_from(const char* message) {
    const std::string_view text = message != nullptr ? message : "unknown DuckDB error";
    if (auto ours = our_error(text)) return std::move(*ours);
    static constexpr std::pair<std::string_view, Errc> classes[] = {
        {"Out of Memory Error", Errc::overloaded},
        {"INTERRUPT Error", Errc::cancelled},
        {"IO Error", Errc::io_failed},
        {"FATAL Error", Errc::io_failed},
        {"INTERNAL Error", Errc::io_failed},
        {"Permission Error", Errc::denied},
    };
    for (const auto& [prefix, code] : classes) {
        if (text.starts_with(prefix)) return Error{code, std::string(text)};
    }
    return Error{Errc::invalid_input, std::string(text)};
}

}  // namespace mw::duckdb
