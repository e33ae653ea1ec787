// query: SQL over history.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cmath>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct QueryArguments {
    std::string sql, plot, out;
    std::string timeout = "30s";
    std::vector<std::string> params;
    std::int64_t rows = 0;
};

// 7.5, true and null are what they look like; what isn't a JSON value is a text.
JsonArray values_of(const std::vector<std::string>& params) {
    JsonArray values;
    for (const auto& param : params) {
        auto value = parse_json(param);
        const bool plain = value && !value->is_array() && !value->is_object();
        values.push_back(plain ? std::move(*value) : Json(param));
    }
    return values;
}

const char* accept_of(Output output) {
    switch (output) {
        case Output::csv:
            return "text/csv";
        case Output::ndjson:
            return "application/x-ndjson";
        case Output::parquet:
            return "application/vnd.apache.parquet";
        default:
            return "application/json";
    }
}

void print_table(const Json& answer) {
    Table table;
    const Json* columns = find(answer, "columns");
    const Json* rows = find(answer, "rows");
    if (!columns || !rows) return;
    for (const Json& column : columns->get_array()) table.header.push_back(cell(column, "name"));
    for (const Json& row : rows->get_array()) {
        auto& cells = table.rows.emplace_back();
        for (const Json& value : row.get_array())
            cells.push_back(value.is_double() ? to_json(value) : cell(&value));
    }
    std::cout << render(table, terminal_width()) << table.rows.size() << " rows"
              << (find_bool(answer, "truncated").value_or(false) ? ", cut at the row limit" : "")
              << '\n';
}

Result<> plot(const Json& answer, const std::string& column) {
    const Json* columns = find(answer, "columns");
    const Json* rows = find(answer, "rows");
    std::size_t index = 0;
    for (; columns && index < columns->get_array().size(); ++index)
        if (find_string(columns->get_array()[index], "name") == column) break;
    if (!columns || !rows || index == columns->get_array().size())
        return Error{Errc::invalid_input, "--plot: the result has no column '" + column + "'"};
    std::vector<double> values;
    for (const Json& row : rows->get_array()) {
        const Json& value = row.get_array()[index];
        values.push_back(value.is_number() ? value.to_number<double>() : NAN);
    }
    const std::size_t width = terminal_width();
    std::cout << chart(values, width > 0 ? width : 100, 12);
    return {};
}

Result<> query(Context& context, const QueryArguments& a) {
    TRY(Output output, context.output());
    TRY(const nanoseconds limit, parse_duration(a.timeout).context("--timeout"));
    TRY(Hub * hub, context.hub());
    JsonObject limits{{"time", to_text(limit)}};
    if (a.rows > 0) limits["rows"] = a.rows;
    http::Request request;
    request.method = http::Method::post;
    request.path = "/v1/query";
    request.headers.set("Accept", accept_of(output));
    request.headers.set("Content-Type", "application/json");
    request.body = to_json(JsonObject{
        {"sql", a.sql}, {"limits", std::move(limits)}, {"parameters", values_of(a.params)}});
    TRY(const auto response, hub->call(std::move(request)));
    if (!a.out.empty()) return write_file(a.out, response.body);
    if (output != Output::table && output != Output::wide) {
        std::cout << response.body;
        if (output == Output::json) std::cout << '\n';
        return {};
    }
    TRY(const Json answer, parse_json(response.body));
    if (!a.plot.empty()) return plot(answer, a.plot);
    print_table(answer);
    return {};
}

}  // namespace

void add_query_verb(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand(
        "query", "SQL over points, decisions, labels, series, scorecard, products");
    auto a = std::make_shared<QueryArguments>();
    sub->add_option("sql", a->sql, "one SELECT statement")->required();
    sub->add_option("--param", a->params, "the value of $1; again: of $2, ...")
        ->allow_extra_args(false);
    sub->add_option("--plot", a->plot, "draw this column as a chart");
    sub->add_option("--out", a->out, "write the result to a file (for csv, parquet)");
    sub->add_option("--timeout", a->timeout, "at most this long, as 30s");
    sub->add_option("--rows", a->rows, "at most this many rows");
    add_output_option(*sub, context, "table, json, ndjson, csv, parquet");
    sub->footer(
        "Examples:\n"
        "  millwright query \"SELECT signal, count(*), avg(value) FROM points GROUP BY signal\"\n"
        "  millwright query --plot score \"SELECT score FROM decisions ORDER BY time\"");
    sub->callback([&context, a] { context.run([&] { return query(context, *a); }); });
}

}  // namespace mw::ctl
