#include "data/prometheus/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/number.h"
#include "data/prometheus/series_rows.h"

namespace mw::prometheus {

struct Prometheus::Job {
    Expression expression;
    Steps steps;
    bool ranged = false;
};

namespace {

constexpr std::int64_t steps_max = 11'000;
constexpr std::size_t series_rows_max = 200'000;
constexpr std::size_t samples_max = 2'000'000;
constexpr std::size_t listed_max = 200;  // devices or signals that a statement lists
constexpr nanoseconds look_back = minutes(5);
constexpr double latest_seconds = 9.2e9;

using Params = Prometheus::Params;

const std::string* parameter(const Params& params, std::string_view name) {
    for (const auto& [key, value] : params)
        if (key == name) return &value;
    return nullptr;
}

Result<Timestamp> time_in(const Params& params, const char* name, Timestamp otherwise) {
    const auto* text = parameter(params, name);
    if (!text) return otherwise;
    double seconds = 0;
    if (read_number(*text, seconds)) {
        if (!(seconds >= 0 && seconds < latest_seconds))
            return Error{Errc::invalid_input, std::string(name) + ": want seconds since 1970"};
        return Timestamp{static_cast<std::int64_t>(std::llround(seconds * 1e3)) * 1'000'000};
    }
    return parse_iso8601(*text).context(name);
}

Result<std::string> wanted(const Params& params, const char* name) {
    if (const auto* text = parameter(params, name)) return *text;
    return Error{Errc::invalid_input, std::string(name) + ": is missing"};
}

Result<std::vector<Selector>> matches(const Params& params) {
    std::vector<Selector> all;
    for (const auto& [key, value] : params) {
        if (key != "match[]") continue;
        TRY(auto selector, parse_selector(value));
        all.push_back(std::move(selector));
    }
    return all;
}

// ---- writing

void append_number(std::string& text, double value) {
    if (std::isnan(value)) return void(text += "NaN");
    if (std::isinf(value)) return void(text += value > 0 ? "+Inf" : "-Inf");
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.append(digits, end);
}
void append_sample(std::string& text, std::int64_t time_ns, double value) {
    const auto ms = time_ns / 1'000'000;
    char digits[48];
    std::snprintf(digits, sizeof digits, "[%lld.%03lld,\"", static_cast<long long>(ms / 1000),
                  static_cast<long long>(ms % 1000));
    text += digits;
    append_number(text, value);
    text += "\"]";
}
Json to_json_object(const Labels& labels) {
    JsonObject object;
    for (const auto& [name, value] : labels) object[name] = value;
    return object;
}
std::string success(std::string_view data) {
    return R"({"status":"success","data":)" + std::string(data) + "}";
}

std::string written(const std::vector<Curve>& curves, const Steps& steps, bool ranged) {
    std::string text =
        ranged ? R"({"resultType":"matrix","result":[)" : R"({"resultType":"vector","result":[)";
    for (const auto& curve : curves) {
        if (text.back() == '}') text += ',';
        text += R"({"metric":)" + to_json(to_json_object(curve.labels)) +
                (ranged ? R"(,"values":[)" : R"(,"value":)");
        for (const auto& [step, value] : curve.values) {
            if (text.back() == ']') text += ',';
            append_sample(text, steps.start.ns + step * steps.step.count(), value);
        }
        text += ranged ? "]}" : "}";
    }
    return success(text + "]}");
}

std::string written_scalar(double value, const Steps& steps, bool ranged) {
    if (!ranged) {
        std::string text = R"({"resultType":"scalar","result":)";
        append_sample(text, steps.start.ns, value);
        return success(text + "}");
    }
    Curve curve;
    for (std::int64_t k = 0; k < steps.count; ++k) curve.values.push_back({k, value});
    return written({curve}, steps, true);
}

struct Known {  // a row of `series`
    std::string device, signal;
    Labels labels;
};
Result<std::vector<Known>> known_from(const std::string& reply) {
    const auto document = parse_json(reply);
    if (!document) return Error{Errc::corrupt, "the query engine gave no JSON"};
    const Json* rows = find(*document, "rows");
    if (!rows || !rows->is_array()) return Error{Errc::corrupt, "the query engine gave no rows"};
    std::vector<Known> all;
    for (const Json& each : rows->get_array()) {
        std::string cells[5];
        const auto& row = each.get_array();
        for (std::size_t i = 0; i < 5; ++i)
            if (row[i].is_string()) cells[i] = row[i].get_string();
        all.push_back(
            {cells[0], cells[1], labels_of(cells[0], cells[1], cells[2], cells[3], cells[4])});
    }
    return all;
}

std::string written_set(const std::set<std::string>& values) {
    JsonArray list;
    for (const auto& value : values) list.emplace_back(value);
    return success(to_json(list));
}

// Conditions that hold for a series whatever its asset, site and unit were at the time.
Selector lasting(const Selector& selector) {
    Selector kept;
    for (const auto& matcher : selector)
        if (matcher.label != "asset" && matcher.label != "site" && matcher.label != "unit")
            kept.push_back(matcher);
    return kept;
}

}  // namespace

Task<std::string> Prometheus::ask(std::string sql, std::string actor) {
    QueryRequest request;
    request.sql = std::move(sql);
    request.limits.rows = samples_max;
    request.actor = std::move(actor);
    auto asking = parts_.engine.query(std::move(request));
    CO_TRY(auto reply, co_await std::move(asking));
    if (reply.truncated)
        co_return Error{Errc::invalid_input,
                        "query: more than " + std::to_string(samples_max) +
                            " samples; take a shorter time, a longer step or fewer series"};
    co_return std::move(reply.body);
}

Task<std::string> Prometheus::run(Job job, std::string actor) {
    if (job.expression.scalar)
        co_return written_scalar(*job.expression.scalar, job.steps, job.ranged);
    // Which series there are decides which files are opened.
    std::vector<Selector> any;
    if (auto kept = lasting(job.expression.selector); !kept.empty()) any.push_back(std::move(kept));
    auto listing = ask(series_sql(any, series_rows_max), actor);
    CO_TRY(const auto listed, co_await std::move(listing));
    CO_TRY(const auto known, known_from(listed));
    if (known.empty()) co_return written({}, job.steps, job.ranged);
    std::set<std::string> devices, signals;
    for (const auto& one : known) {
        devices.insert(one.device);
        signals.insert(one.signal);
    }
    if (devices.size() > listed_max) devices.clear();
    if (signals.size() > listed_max) signals.clear();
    auto sql = points_sql(job.expression, job.steps, {devices.begin(), devices.end()},
                          {signals.begin(), signals.end()});
    auto asking = ask(std::move(sql), std::move(actor));
    CO_TRY(auto reply, co_await std::move(asking));
    auto evaluating = [job = std::move(job), reply = std::move(reply)]() -> Result<std::string> {
        const auto function = job.expression.function;
        const bool counters = function == Function::rate || function == Function::increase;
        TRY(const auto document, parse_json(reply));
        TRY(auto tracks, tracks_from(document, counters));
        const auto curves = evaluate(job.expression, job.steps, std::move(tracks));
        return written(curves, job.steps, job.ranged);
    };
    co_return co_await parts_.workers.run(std::move(evaluating));
}

Task<std::string> Prometheus::query(Params params, std::string actor) {
    Job job;
    CO_TRY(const auto text, wanted(params, "query"));
    CO_TRY(job.expression, parse(text));
    CO_TRY(job.steps.start, time_in(params, "time", parts_.clock.now()));
    job.steps.window =
        job.expression.function == Function::instant ? look_back : job.expression.range;
    job.steps.step = job.steps.window;
    auto running = run(std::move(job), std::move(actor));
    co_return co_await std::move(running);
}

Task<std::string> Prometheus::query_range(Params params, std::string actor) {
    Job job;
    job.ranged = true;
    CO_TRY(const auto text, wanted(params, "query"));
    CO_TRY(job.expression, parse(text));
    for (const char* name : {"start", "end", "step"}) CO_TRY_VOID(wanted(params, name));
    CO_TRY(job.steps.start, time_in(params, "start", {}));
    CO_TRY(const auto end, time_in(params, "end", {}));
    CO_TRY(job.steps.step, parse_step(*parameter(params, "step")).context("step"));
    // Milliseconds, as Prometheus has it.
    job.steps.step = std::max<nanoseconds>(job.steps.step / 1'000'000 * 1'000'000, milliseconds(1));
    if (end < job.steps.start) co_return Error{Errc::invalid_input, "end: is before start"};
    job.steps.count = (end.ns - job.steps.start.ns) / job.steps.step.count() + 1;
    if (job.steps.count > steps_max)
        co_return Error{Errc::invalid_input, "step: gives " + std::to_string(job.steps.count) +
                                                 " steps, at most " + std::to_string(steps_max)};
    job.steps.window =
        job.expression.function == Function::instant ? look_back : job.expression.range;
    auto running = run(std::move(job), std::move(actor));
    co_return co_await std::move(running);
}

Task<std::string> Prometheus::series(Params params, std::string actor) {
    CO_TRY(const auto any, matches(params));
    if (any.empty()) co_return Error{Errc::invalid_input, "match[]: is missing"};
    auto asking = ask(series_sql(any, series_rows_max), std::move(actor));
    CO_TRY(auto reply, co_await std::move(asking));
    auto writing = [reply = std::move(reply)]() -> Result<std::string> {
        TRY(const auto known, known_from(reply));
        JsonArray list;
        for (const auto& one : known) list.push_back(to_json_object(one.labels));
        return success(to_json(list));
    };
    co_return co_await parts_.workers.run(std::move(writing));
}

Task<std::string> Prometheus::labels(Params params, std::string actor) {
    CO_TRY(const auto any, matches(params));
    auto asking = ask(series_sql(any, series_rows_max), std::move(actor));
    CO_TRY(auto reply, co_await std::move(asking));
    auto writing = [reply = std::move(reply)]() -> Result<std::string> {
        TRY(const auto known, known_from(reply));
        std::set<std::string> names;
        for (const auto& one : known)
            for (const auto& [name, value] : one.labels) names.insert(name);
        return written_set(names);
    };
    co_return co_await parts_.workers.run(std::move(writing));
}

Task<std::string> Prometheus::label_values(std::string label, Params params, std::string actor) {
    CO_TRY(const auto any, matches(params));
    auto asking = ask(series_sql(any, series_rows_max), std::move(actor));
    CO_TRY(auto reply, co_await std::move(asking));
    auto writing = [label = std::move(label), reply = std::move(reply)]() -> Result<std::string> {
        TRY(const auto known, known_from(reply));
        std::set<std::string> values;
        for (const auto& one : known)
            if (const auto found = one.labels.find(label); found != one.labels.end())
                values.insert(found->second);
        return written_set(values);
    };
    co_return co_await parts_.workers.run(std::move(writing));
}

std::string error_text(const Error& error) {
    const char* type = error.code == Errc::invalid_input ? "bad_data"
                       : error.code == Errc::timed_out   ? "timeout"
                       : error.code == Errc::overloaded  ? "unavailable"
                                                         : "execution";
    return to_json(JsonObject{{"status", "error"}, {"errorType", type}, {"error", error.message}});
}

}  // namespace mw::prometheus
