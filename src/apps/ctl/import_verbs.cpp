// history import, history export: files of measured values in and out.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "base/sql_text.h"
#include "data/imports/imports.h"
#include "protocols/payload/payload.h"

namespace mw::ctl {
namespace {

struct FileImport {
    std::string file;
    imports::Wishes wishes;
    bool apply = false;
};

struct FileExport {
    std::string device, signal, from, to, out;
};

constexpr int export_rows_most = 10'000'000;
constexpr int pushed_back_most = 600;  // times a body is offered again, half a second apart

void show(const imports::Plan& plan) {
    Table table{{"COLUMN", "TYPE", "BECOMES", "NOTE"}, {}};
    for (const auto& column : plan.columns)
        table.rows.push_back({column.name, column.type,
                              std::string(imports::to_string(column.role)),
                              column.says.empty() ? "-" : column.says});
    std::cout << render(table, terminal_width());
}

void show_first(const std::vector<Batch>& batches) {
    constexpr std::size_t few = 5;
    Table table{{"TIME", "DEVICE", "SIGNAL", "VALUE", "UNIT"}, {}};
    for (const Batch& batch : batches)
        for (const mw::Run& run : batch.runs) {
            if (table.rows.size() == few) break;
            const auto i = run.begin;
            table.rows.push_back({to_iso8601(batch.times[i]), batch.device.text, run.signal,
                                  to_json(Json(batch.values[i])),
                                  run.unit.empty() ? "-" : run.unit});
        }
    std::cout << "\nthe first points:\n" << render(table, terminal_width());
}

// A hub that is busy says when to come again; what it has stored is stored once.
Result<> send(Hub& hub, const std::string& body) {
    for (int tries = 0;; ++tries) {
        http::Request request;
        request.method = http::Method::post;
        request.path = "/v1/points";
        request.query = {{"stream", "import"}};
        request.headers.set("Content-Type", "application/vnd.millwright.points");
        request.body = body;
        const auto answer = hub.call(std::move(request));
        if (answer) return {};
        if (answer.error().code != Errc::overloaded || tries == pushed_back_most)
            return answer.error();
        TRY_VOID(hub.pause(milliseconds{500}));
    }
}

std::string encoded(const std::vector<Batch>& batches, std::uint64_t& points) {
    Bytes bytes;
    for (const Batch& batch : batches) {
        payload::encode_binary(batch, bytes);
        points += batch.size();
    }
    return std::string(text_of(bytes));
}

Result<> import_file(Context& context, const FileImport& a) {
    TRY(const auto plan, imports::plan_of(a.file, a.wishes));
    if (!a.apply) show(plan);
    TRY(auto reader, imports::Reader::open(plan));
    TRY(auto batches, reader.next());
    if (!a.apply) {
        show_first(batches);
        std::cout << "\nNothing was sent. To send it: the same with --apply\n";
        return {};
    }
    TRY(Hub * hub, context.hub());
    std::uint64_t points = 0;
    while (!batches.empty()) {
        TRY_VOID(send(*hub, encoded(batches, points))
                     .context("after " + std::to_string(points) + " points"));
        if (terminal_width() > 0)
            std::cerr << '\r' << reader.rows() << " rows, " << points << " points" << std::flush;
        TRY(batches, reader.next());
    }
    if (terminal_width() > 0) std::cerr << '\r';
    std::cout << points << " points of " << reader.rows() << " rows are stored\n";
    if (reader.left_out() > 0)
        std::cout << reader.left_out() << " rows say no time, device or signal, and are left out\n";
    return {};
}

Result<std::string> condition(const FileExport& a) {
    std::string sql = "device = " + sql_text(a.device);
    if (!a.signal.empty()) sql += " AND signal = " + sql_text(a.signal);
    for (const auto& [time, compare] : {std::pair{&a.from, " >= "}, std::pair{&a.to, " < "}}) {
        if (time->empty()) continue;
        TRY(const Timestamp at, parse_iso8601(*time));
        sql +=
            std::string(" AND time") + compare + "make_timestamp_ns(" + std::to_string(at.ns) + ")";
    }
    return sql;
}

Result<> export_points(Context& context, const FileExport& a) {
    TRY(Hub * hub, context.hub());
    TRY(const std::string where, condition(a));
    const bool parquet = a.out.ends_with(".parquet");
    http::Request request;
    request.method = http::Method::post;
    request.path = "/v1/query";
    request.headers.set("Accept", parquet ? "application/vnd.apache.parquet" : "text/csv");
    request.headers.set("Content-Type", "application/json");
    request.body = to_json(JsonObject{
        {"sql", "SELECT time, device, signal, value, unit, quality, text FROM points WHERE " +
                    where + " ORDER BY signal, time"},
        {"limits", {{"time", "5m"}, {"rows", export_rows_most}}}});
    TRY(const auto response, hub->call(std::move(request)));
    if (a.out.empty()) return std::cout << response.body, Result<>{};
    return write_file(a.out, response.body);
}

}  // namespace

void add_import_verb(CLI::App& history, Context& context) {
    auto a = std::make_shared<FileImport>();
    auto* sub = history.add_subcommand(
        "import", "CSV or Parquet: shows what it would store, and stores it with --apply");
    sub->add_option("file", a->file, "a .csv or .parquet file; its separator is found")->required();
    sub->add_flag("--apply", a->apply, "store it; without, nothing is sent");
    auto& wishes = a->wishes;
    sub->add_option("--device", wishes.device, "the Device of all rows");
    sub->add_option("--device-column", wishes.device_column, "the column that names the Device");
    sub->add_option("--time", wishes.time_column, "the column with times");
    sub->add_option("--time-unit", wishes.time_unit, "of times that are numbers: s, ms, us, ns");
    sub->add_option("--zone", wishes.zone, "of times that have none, as Europe/Berlin; else UTC");
    sub->add_option("--signal-column", wishes.name_column, "where each row is a point: its signal");
    sub->add_option("--value-column", wishes.value_column, "where each row is a point: its value");
    sub->add_option("--without", wishes.without, "columns to leave out");
    sub->callback([&context, a] { context.run([&] { return import_file(context, *a); }); });
    sub->footer(
        "Points that are there already stay one: the last one sent counts. Timeliness is not "
        "judged.\n"
        "Examples:\n"
        "  millwright history import pump.csv --device pump-1\n"
        "  millwright history import pump.csv --device pump-1 --zone Europe/Berlin --apply");
}

void add_export_verb(CLI::App& history, Context& context) {
    auto a = std::make_shared<FileExport>();
    auto* sub = history.add_subcommand("export", "a device's points as CSV or Parquet");
    sub->add_option("--device", a->device, "whose points")->required();
    sub->add_option("--signal", a->signal, "only this signal");
    sub->add_option("--from", a->from, "since then, such as 2026-11-26T06:00:00Z");
    sub->add_option("--to", a->to, "until then");
    sub->add_option("--out", a->out, "a file, .parquet or .csv; else CSV on standard output");
    sub->callback([&context, a] { context.run([&] { return export_points(context, *a); }); });
    sub->footer("What is exported can be imported: millwright history import FILE --apply");
}

}  // namespace mw::ctl
