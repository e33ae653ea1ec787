#include "data/duckdb/table_function.h"

#include <duckdb.h>

#include <algorithm>
#include <exception>

#include "data/duckdb/handles.h"
#include "platform/loop/loop.h"

namespace mw::duckdb {
namespace {

struct Bound {
    std::shared_ptr<const TableSource> source;
};
struct Started {
    std::unique_ptr<Scan> scan;
};
struct OfThread {
    std::unique_ptr<Scan> fork;
};

template <class T>
void destroy(void* owned) {
    delete static_cast<T*>(owned);
}

// Our own code reports errors as values, but std::bad_alloc must not cross the C boundary either.
template <class SetError, class F>
void guarded(SetError set_error, F body) noexcept {
    try {
        if (const Result<> outcome = body(); !outcome)
            set_error(through_duckdb(outcome.error()).c_str());
    } catch (const std::exception& exception) {
        set_error(exception.what());
    }
}

Result<Value> value_of(duckdb_value raw, Kind kind) {
    switch (kind) {
        case Kind::boolean:
            return Value{duckdb_get_bool(raw)};
        case Kind::bigint:
            return Value{duckdb_get_int64(raw)};
        case Kind::ubigint:
            return Value{duckdb_get_uint64(raw)};
        case Kind::double_:
            return Value{duckdb_get_double(raw)};
        case Kind::varchar: {
            char* text = duckdb_get_varchar(raw);
            Value value{std::string(text != nullptr ? text : "")};
            duckdb_free(text);
            return value;
        }
        default:
            return Error{Errc::invalid_input, "parameters of this type are not supported"};
    }
}

Result<> bind(duckdb_bind_info info) {
    const auto* function = static_cast<TableFunction*>(duckdb_bind_get_extra_info(info));
    Arguments arguments;
    for (const Parameter& parameter : function->parameters) {
        const OwnedValue raw{duckdb_bind_get_named_parameter(info, parameter.name.c_str())};
        if (!raw) continue;
        TRY(auto value, value_of(raw.get(), parameter.kind));
        arguments.emplace(parameter.name, std::move(value));
    }
    TRY(auto source, function->bind(arguments));
    for (const Column& column : source->columns()) {
        const LogicalType type = logical_type(column.type);
        duckdb_bind_add_result_column(info, column.name.c_str(), type.get());
    }
    duckdb_bind_set_cardinality(info, source->row_count(), false);
    duckdb_bind_set_bind_data(info, new Bound{std::move(source)}, destroy<Bound>);
    return {};
}

Result<> init(duckdb_init_info info) {
    const auto* bound = static_cast<Bound*>(duckdb_init_get_bind_data(info));
    std::vector<std::size_t> wanted(duckdb_init_get_column_count(info));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        wanted[i] = duckdb_init_get_column_index(info, i);
    }
    TRY(auto scan, bound->source->scan(std::move(wanted)));
    const std::size_t threads = std::max<std::size_t>(1, scan->threads());
    duckdb_init_set_max_threads(info, threads);
    duckdb_init_set_init_data(info, new Started{std::move(scan)}, destroy<Started>);
    return {};
}

Result<> init_thread(duckdb_init_info info) {
    duckdb_init_set_init_data(info, new OfThread, destroy<OfThread>);
    return {};
}

Result<> fill(duckdb_function_info info, duckdb_data_chunk raw) {
    Scan* scan = static_cast<Started*>(duckdb_function_get_init_data(info))->scan.get();
    auto* mine = static_cast<OfThread*>(duckdb_function_get_local_init_data(info));
    if (mine->fork == nullptr) mine->fork = scan->fork();
    if (mine->fork != nullptr) scan = mine->fork.get();
    OutputChunk out{raw};
    give_way();
    TRY(const std::size_t rows, scan->fill(out));
    ASSERT(rows <= chunk_rows_max);
    duckdb_data_chunk_set_size(raw, rows);
    return {};
}

void bind_entry(duckdb_bind_info info) {
    guarded([info](const char* message) { duckdb_bind_set_error(info, message); },
            [info] { return bind(info); });
}
void init_entry(duckdb_init_info info) {
    guarded([info](const char* message) { duckdb_init_set_error(info, message); },
            [info] { return init(info); });
}
void init_thread_entry(duckdb_init_info info) {
    guarded([info](const char* message) { duckdb_init_set_error(info, message); },
            [info] { return init_thread(info); });
}
void fill_entry(duckdb_function_info info, duckdb_data_chunk raw) {
    guarded([info](const char* message) { duckdb_function_set_error(info, message); },
            [info, raw] { return fill(info, raw); });
}

}  // namespace

Result<> Database::add(TableFunction function) {
    TRY(auto connection, connect());
    duckdb_table_function raw = duckdb_create_table_function();
    const std::string name = function.name;
    duckdb_table_function_set_name(raw, name.c_str());
    for (const Parameter& parameter : function.parameters) {
        const LogicalType type = logical_type(Type{.kind = parameter.kind});
        duckdb_table_function_add_named_parameter(raw, parameter.name.c_str(), type.get());
    }
    duckdb_table_function_set_extra_info(raw, new TableFunction(std::move(function)),
                                         destroy<TableFunction>);
    duckdb_table_function_set_bind(raw, bind_entry);
    duckdb_table_function_set_init(raw, init_entry);
    duckdb_table_function_set_local_init(raw, init_thread_entry);
    duckdb_table_function_set_function(raw, fill_entry);
    duckdb_table_function_supports_projection_pushdown(raw, true);
    const bool ok = duckdb_register_table_function(connection.raw(), raw) == DuckDBSuccess;
    duckdb_destroy_table_function(&raw);
    if (!ok) return Error{Errc::conflict, "DuckDB refuses table function " + name};
    return {};
}

std::size_t OutputChunk::columns() const { return duckdb_data_chunk_get_column_count(raw_); }

void* OutputChunk::data(std::size_t index) {
    return duckdb_vector_get_data(duckdb_data_chunk_get_vector(raw_, index));
}

void OutputChunk::set_text(std::size_t index, std::size_t row, std::string_view text) {
    duckdb_vector_assign_string_element_len(duckdb_data_chunk_get_vector(raw_, index), row,
                                            text.data(), text.size());
}

void OutputChunk::fill_text(std::size_t index, std::size_t begin, std::size_t end,
                            std::string_view text) {
    if (begin == end) return;
    set_text(index, begin, text);
    // The element may point into the vector's own heap, which all its rows may share.
    auto rows = column<duckdb_string_t>(index);
    std::fill(rows.begin() + begin + 1, rows.begin() + end, rows[begin]);
}

void OutputChunk::set_null(std::size_t index, std::size_t row) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(raw_, index);
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
}

void OutputChunk::set_validity(std::size_t index, std::span<const std::uint64_t> words) {
    ASSERT(words.size() <= chunk_rows_max / 64);
    duckdb_vector vector = duckdb_data_chunk_get_vector(raw_, index);
    duckdb_vector_ensure_validity_writable(vector);
    std::copy(words.begin(), words.end(), duckdb_vector_get_validity(vector));
}

Result<Appender> Appender::open(Connection& connection, const std::string& table) {
    duckdb_appender raw = nullptr;
    const bool ok =
        duckdb_appender_create(connection.raw(), nullptr, table.c_str(), &raw) == DuckDBSuccess;
    Appender appender;
    appender.raw_ = std::shared_ptr<_duckdb_appender>(
        raw, [](duckdb_appender a) { duckdb_appender_destroy(&a); });
    if (!ok) return error_from(duckdb_appender_error(raw)).context("append to " + table);
    appender.connection_ = std::make_shared<Connection>(connection);
    std::vector<LogicalType> owned;
    std::vector<duckdb_logical_type> types;
    for (idx_t i = 0; i < duckdb_appender_column_count(raw); ++i) {
        owned.emplace_back(duckdb_appender_column_type(raw, i));
        types.push_back(owned.back().get());
    }
    appender.chunk_.reset(duckdb_create_data_chunk(types.data(), types.size()), DestroyChunk{});
    return appender;
}

OutputChunk Appender::chunk() {
    duckdb_data_chunk_reset(chunk_.get());
    return OutputChunk{chunk_.get()};
}

Result<> Appender::append(std::size_t rows) {
    auto raw = static_cast<duckdb_appender>(raw_.get());
    duckdb_data_chunk_set_size(chunk_.get(), rows);
    if (duckdb_append_data_chunk(raw, chunk_.get()) == DuckDBSuccess) return {};
    return error_from(duckdb_appender_error(raw)).context("append");
}

Result<> Appender::close() {
    auto raw = static_cast<duckdb_appender>(raw_.get());
    if (duckdb_appender_close(raw) == DuckDBSuccess) return {};
    return error_from(duckdb_appender_error(raw)).context("append");
}

}  // namespace mw::duckdb
