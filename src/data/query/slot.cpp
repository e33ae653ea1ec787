#include "data/query/slot.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/log.h"
#include "base/sql_text.h"
#include "data/query/result_text.h"

namespace mw::query {

struct Slot::Open {
    std::size_t memory_bytes = 0;
    std::vector<Source> sources;  // of the statement that runs; read by DuckDB's threads
    std::optional<duckdb::Database> database;
    std::optional<duckdb::Connection> connection;
    std::optional<duckdb::Statement> to_tree;
    std::optional<duckdb::Statement> to_sql;
    Node select_template;  // the tree of SELECT 1
};

Slot::Slot(SlotOptions options) : options_(std::move(options)) {}
Slot::~Slot() = default;

namespace {

Result<std::string> only_text(duckdb::Statement& statement, std::string argument) {
    TRY(auto rows, statement.execute({duckdb::Value{std::move(argument)}}));
    duckdb::Chunk chunk;
    TRY(const bool any, rows.next(chunk));
    if (!any || !chunk.column(0).valid(0)) {
        return Error{Errc::invalid_input, "the parser gave nothing"};
    }
    return std::string(chunk.column(0).text(0));
}

duckdb::TableFunction rows_function(const std::vector<Source>& sources) {
    return {.name = "__mw_rows",
            .parameters = {{"slot", duckdb::Kind::ubigint}},
            .bind = [&sources](const duckdb::Arguments& arguments) -> Result<Source> {
                const auto slot = arguments.find("slot");
                const std::size_t index = slot != arguments.end()
                                              ? std::get<std::uint64_t>(slot->second)
                                              : sources.size();
                if (index >= sources.size()) {
                    return Error{Errc::invalid_input, "no rows under this number"};
                }
                return sources[index];
            }};
}

std::vector<duckdb::Value> values_of(const QueryParameters& parameters) {
    std::vector<duckdb::Value> values;
    for (const QueryParameter& parameter : parameters)
        values.push_back(
            std::visit([](const auto& value) { return duckdb::Value(value); }, parameter));
    return values;
}

// DuckDB's first line, without its name for the class of error and without the rewritten text.
std::string first_line(const std::string& message) {
    return message.substr(0, message.find("\n\nLINE "));
}

Result<> drained(Result<duckdb::Rows> rows) {
    if (!rows) return std::move(rows).error();
    duckdb::Chunk chunk;
    while (true) {
        TRY(const bool more, rows->next(chunk));
        if (!more) return {};
    }
}

// For somebody who does not see all rows, of what went wrong with the engine.
std::string words_for(Errc code, const std::string& line) {
    if (code == Errc::overloaded)
        return "the statement or its result needs more memory than it may have; aggregate, or "
               "bound it by device, signal and time";
    log::error("query.failed", {{"reason", line}});
    return "the engine could not answer; the hub's log says why";
}

// A text as to_iso8601() writes it. DuckDB reads it the same.
std::optional<Timestamp> written_instant(const Node& expression) {
    const Node* value = expression.find("value");
    const Node* type = value != nullptr ? value->find("type") : nullptr;
    if (expression.text_at("class") != "CONSTANT" || type == nullptr ||
        type->text_at("id") != "VARCHAR")
        return std::nullopt;
    const std::string_view text = value->text_at("value");
    const auto parsed = parse_iso8601(text);
    if (!parsed || to_iso8601(*parsed) != text) return std::nullopt;
    return *parsed;
}

}  // namespace

Result<> Slot::open(std::size_t memory_bytes) {
    // DuckDB limits memory per instance; a statement with another limit gets another instance.
    if (open_ && open_->memory_bytes == memory_bytes) return {};
    open_.reset();
    auto open = std::make_unique<Open>();
    open->memory_bytes = memory_bytes;
    duckdb::Options options{.memory_bytes = memory_bytes, .threads = options_.threads};
    for (const std::string* directory :
         {&options_.history_directory, &options_.temporary_directory}) {
        if (!directory->empty()) options.directories.push_back(*directory);
    }
    TRY(open->database, duckdb::Database::open(options));
    TRY_VOID(open->database->add(rows_function(open->sources)));
    TRY(open->connection, open->database->connect());
    TRY(open->to_tree, open->connection->prepare("SELECT json_serialize_sql($1::VARCHAR)"));
    TRY(open->to_sql, open->connection->prepare("SELECT json_deserialize_sql($1::JSON)"));
    TRY(const std::string tree, only_text(*open->to_tree, "SELECT 1"));
    TRY(open->select_template, parse_tree(tree));
    open_ = std::move(open);
    return {};
}

Result<Parsed> Slot::parse(const std::string& sql, const std::vector<std::string>& products,
                           std::size_t memory_bytes, std::stop_token stop,
                           QueryParameters parameters) {
    TRY_VOID(open(memory_bytes));
    end_statement();
    TRY_VOID(open_->connection->run("BEGIN TRANSACTION"));
    if (stop.stop_requested()) return Error{Errc::cancelled, "the query was cancelled"};
    TRY(Checked checked, this->checked(sql, products, parameters));
    Parsed parsed;
    parsed.original = sql;
    parsed.parameters = std::move(parameters);
    for (const Reference& reference : checked.references) {
        Wanted wanted;
        wanted.table = reference.table;
        wanted.name = reference.name;
        wanted.internal = reference.internal;
        wanted.devices = reference.conditions.devices;
        wanted.signals = reference.conditions.signals;
        parsed.wanted.push_back(std::move(wanted));
    }
    TRY_VOID(evaluate(checked.references, parsed));
    TRY(parsed.sql, only_text(*open_->to_sql, to_json(checked.tree)));
    return parsed;
}

Result<Checked> Slot::checked(const std::string& sql, const std::vector<std::string>& products,
                              const QueryParameters& parameters) {
    if (sql.find('\0') != std::string::npos) {
        return Error{Errc::invalid_input, "a statement has no zero bytes"};
    }
    TRY(const std::string json, only_text(*open_->to_tree, sql));
    TRY(Node tree, parse_tree(json));
    return check(std::move(tree), sql, products, parameters);
}

Result<> Slot::evaluate(std::vector<Reference>& references, Parsed& parsed) {
    std::vector<Wanted>& wanted = parsed.wanted;
    std::vector<Node> expressions;
    for (const Reference& reference : references) {
        const Conditions& conditions = reference.conditions;
        for (const auto* list : {&conditions.not_before, &conditions.not_after}) {
            expressions.insert(expressions.end(), list->begin(), list->end());
        }
    }
    if (expressions.empty()) return {};
    // DuckDB compares some pairs of types at microseconds, so bounds get room on both sides.
    constexpr nanoseconds room = milliseconds{1};
    const auto values = instants(expressions, parsed.parameters);
    std::size_t at = 0;
    for (std::size_t i = 0; i < references.size(); ++i) {
        for (std::size_t k = 0; k < references[i].conditions.not_before.size(); ++k, ++at) {
            if (values[at]) wanted[i].from = std::max(wanted[i].from, *values[at] - room);
        }
        for (std::size_t k = 0; k < references[i].conditions.not_after.size(); ++k, ++at) {
            if (values[at]) wanted[i].to = std::min(wanted[i].to, *values[at] + room);
        }
    }
    return {};
}

// What an expression without columns is, as an instant; nullopt where DuckDB has no answer. Then
// the bound is dropped, and an error in it shows when the statement itself runs.
std::vector<std::optional<Timestamp>> Slot::instants(const std::vector<Node>& expressions,
                                                     const QueryParameters& parameters) {
    std::vector<std::optional<Timestamp>> values;
    for (const Node& expression : expressions) values.push_back(written_instant(expression));
    if (std::all_of(values.begin(), values.end(), [](const auto& value) { return !!value; }))
        return values;  // as programs write them; asking DuckDB costs a statement
    values.assign(expressions.size(), std::nullopt);
    Node tree = open_->select_template;
    Node* list = tree.find("statements")->items[0].find("node")->find("select_list");
    list->items.clear();
    std::string outer = "SELECT ";
    for (std::size_t i = 0; i < expressions.size(); ++i) {
        const std::string name = "c" + std::to_string(i);
        Node expression = expressions[i];
        expression.set("alias", Node::of_text(name));
        list->items.push_back(std::move(expression));
        outer += (i > 0 ? ", " : "") + ("epoch_ns(TRY_CAST(" + name + " AS TIMESTAMP_NS))");
    }
    auto inner = only_text(*open_->to_sql, to_json(tree));
    if (!inner) return values;
    // DuckDB wants each value that it is given to be used.
    std::string all;
    for (std::size_t i = 1; i <= parameters.size(); ++i)
        all += (i > 1 ? ", $" : ", (SELECT $") + std::to_string(i) + " AS p" + std::to_string(i);
    if (!all.empty()) all += ")";
    auto rows =
        open_->connection->query(outer + " FROM (" + *inner + ")" + all, values_of(parameters));
    duckdb::Chunk chunk;
    if (!rows || !rows->next(chunk).value_or(false)) return values;
    constexpr std::int64_t margin = std::int64_t{1} << 40;
    constexpr std::int64_t most = history::time_highest.ns - margin;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const duckdb::Vector column = chunk.column(i);
        if (!column.valid(0)) continue;
        values[i] = Timestamp{std::clamp(column.data<std::int64_t>()[0], -most, most)};
    }
    return values;
}

Result<QueryReply> Slot::run(const Parsed& parsed, Plan plan, ResultFormat format,
                             const QueryLimits& limits, std::stop_token stop) {
    ASSERT(open_ != nullptr);
    open_->sources = std::move(plan.sources);
    const bool parquet = format == ResultFormat::parquet;
    const std::string sql = plan.with + "SELECT * FROM (" + parsed.sql + ") LIMIT " +
                            std::to_string(limits.rows + (parquet ? 0 : 1));
    auto reply = parquet ? parquet_reply(sql, parsed.parameters, limits, stop)
                         : text_reply(sql, parsed.parameters, format, limits, stop);
    if (!reply) reply = explained(std::move(reply).error(), parsed, std::move(stop));
    end_statement();
    return reply;
}

Result<QueryReply> Slot::text_reply(const std::string& sql, const QueryParameters& parameters,
                                    ResultFormat format, const QueryLimits& limits,
                                    std::stop_token stop) {
    TRY(auto rows, open_->connection->query(sql, values_of(parameters), std::move(stop)));
    ResultText text(format, rows.columns());
    QueryReply reply;
    duckdb::Chunk chunk;
    while (true) {
        TRY(const bool more, rows.next(chunk));
        if (!more) break;
        const std::size_t count = std::min(chunk.size(), limits.rows - reply.rows);
        reply.truncated = count < chunk.size();
        text.add(chunk, count);
        reply.rows += count;
        if (text.size() > limits.memory_bytes) {
            return Error{Errc::overloaded, "the result is larger than the memory limit of " +
                                               std::to_string(limits.memory_bytes >> 20) +
                                               " MiB; aggregate, or add LIMIT"};
        }
    }
    reply.body = text.finish(reply.truncated);
    reply.content_type = ResultText::content_type(format);
    return reply;
}

Result<QueryReply> Slot::parquet_reply(const std::string& sql, const QueryParameters& parameters,
                                       const QueryLimits& limits, std::stop_token stop) {
    const std::filesystem::path path = std::filesystem::path(options_.temporary_directory) /
                                       ("reply-" + std::to_string(options_.number) + ".parquet");
    struct Removed {
        std::filesystem::path path;
        ~Removed() {
            std::error_code ignored;  // it may not exist
            std::filesystem::remove(path, ignored);
        }
    } removed{path};
    TRY(auto rows,
        open_->connection->query("COPY (" + sql + ") TO " + sql_text(path.string()) +
                                     " (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd)",
                                 values_of(parameters), std::move(stop)));
    QueryReply reply;
    duckdb::Chunk chunk;
    TRY(const bool any, rows.next(chunk));
    if (any) reply.rows = static_cast<std::size_t>(chunk.column(0).data<std::int64_t>()[0]);
    reply.truncated = reply.rows >= limits.rows;
    std::error_code failed;
    const auto size = std::filesystem::file_size(path, failed);
    if (failed || size > limits.memory_bytes) {
        return Error{Errc::overloaded,
                     "the result is larger than the memory limit; aggregate, or "
                     "add LIMIT"};
    }
    std::ifstream file(path, std::ios::binary);
    reply.body.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || reply.body.size() != size) {
        return Error{Errc::io_failed, "cannot read back " + path.string()};
    }
    reply.content_type = ResultText::content_type(ResultFormat::parquet);
    return reply;
}

// What an error's own words would tell of rows is not for those who do not see all of them: which
// value failed depends on the order of rows, and that on what there is.
Error Slot::explained(Error error, const Parsed& parsed, std::stop_token stop) {
    if (error.code == Errc::cancelled) return error;
    const bool sees_all = std::ranges::all_of(parsed.wanted, [](const Wanted& wanted) {
        return !wanted.sight || wanted.sight->sees_all_rows();
    });
    const std::string line = first_line(error.message);
    if (error.code != Errc::invalid_input)
        return Error{error.code, sees_all ? line : words_for(error.code, line)};
    Result<> again = try_on_nothing(parsed, !sees_all, std::move(stop));
    if (sees_all) {
        const bool same = !again.ok() && first_line(again.error().message) == line;
        return same ? std::move(again).error() : Error{error.code, line};
    }
    const Errc found = again.ok() ? Errc{} : again.error().code;
    if (!again.ok() && (found == Errc::invalid_input || found == Errc::cancelled))
        return std::move(again).error();
    return Error{Errc::invalid_input,
                 "it fails on a value of a row; which one is not told to those who may not see all "
                 "rows. Next step: leave such rows out, or use TRY_CAST"};
}

// The statement as it was written over empty tables of the same names: what is wrong with its text,
// with the place there (DuckDB points into the rewritten one otherwise). runs: not only bound.
Result<> Slot::try_on_nothing(const Parsed& parsed, bool runs, std::stop_token stop) {
    Snapshot nothing{
        {}, std::make_shared<quality::Scorecard>(), std::make_shared<labels::Labels>()};
    nothing.history.series = std::make_shared<const history::SeriesDirectory>();
    Plan empty = plan_of(parsed.wanted, nothing);
    open_->sources = std::move(empty.sources);
    ignore(open_->connection->run("ROLLBACK"), "there may be none to roll back");
    for (const Wanted& wanted : parsed.wanted) {
        const std::string view = "CREATE OR REPLACE TEMP VIEW " + sql_name(wanted.name) + " AS " +
                                 empty.with + "FROM " + wanted.internal;
        if (!open_->connection->run(view)) return {};  // then there is nothing to say
    }
    Result<> outcome;
    if (auto statement = open_->connection->prepare(parsed.original); !statement)
        outcome = std::move(statement).error();
    else if (runs)
        outcome = drained(statement->execute(values_of(parsed.parameters), std::move(stop)));
    for (const Wanted& wanted : parsed.wanted) {
        ignore(open_->connection->run("DROP VIEW IF EXISTS " + sql_name(wanted.name)),
               "a view left behind is empty and is replaced by the next");
    }
    return outcome;
}

void Slot::end_statement() {
    open_->sources.clear();
    ignore(open_->connection->run("ROLLBACK"), "there may be none to roll back");
}

}  // namespace mw::query
