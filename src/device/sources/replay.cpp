#include "device/sources/replay.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "device/sources/csv_table.h"
#include "device/sources/parquet_table.h"

namespace mw::sources {
namespace {

constexpr std::uint64_t replay_checkpoint = 1;
constexpr std::size_t rows_per_batch_max = 64;
// Rows due within this time of each other leave in one batch: a fast replay needs few messages.
constexpr nanoseconds together = milliseconds{5};

Result<std::map<std::string, std::string>> read_signals(const Json& description) {
    std::map<std::string, std::string> signals;
    const Json* part = find(description, "signals");
    if (!part) return signals;
    if (!part->is_object())
        return Error{Errc::invalid_input, "'signals' must map columns to signal names"};
    for (const auto& [column, signal] : part->get_object()) {
        if (!signal.is_string())
            return Error{Errc::invalid_input,
                         "'signals." + std::string(column) + "' must be a signal name"};
        signals.emplace(column, signal.get_string());
    }
    return signals;
}

Result<> check_replay_keys(const Json& description, bool parquet) {
    constexpr std::array<std::string_view, 11> known = {
        "type",  "path",       "time_column", "columns",   "signals", "speed",
        "start", "hold_after", "loop",        "time_unit", "device"};
    const std::size_t count = parquet ? known.size() : known.size() - 2;
    for (const auto& [key, part] : description.as_object())
        if (std::find(known.begin(), known.begin() + count, key) == known.begin() + count)
            return Error{Errc::invalid_input,
                         "unknown key '" + std::string(key) +
                             "' (want path, time_column, columns, signals, speed, start, "
                             "hold_after, loop" +
                             (parquet ? ", time_unit, device)" : ")")};
    return {};
}

Result<std::int64_t> time_unit_of(const Json& description) {
    const std::string unit = find_string(description, "time_unit").value_or("ns");
    constexpr std::pair<std::string_view, std::int64_t> units[] = {
        {"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};
    for (const auto& [name, ns] : units)
        if (unit == name) return ns;
    return Error{Errc::invalid_input, "'time_unit' must be ns, us, ms or s"};
}

}  // namespace

Result<ReplayOptions> replay_options(const Json& description) {
    ReplayOptions options;
    options.parquet = find_string(description, "type") == "parquet";
    TRY_VOID(check_replay_keys(description, options.parquet));
    TRY(options.path, want_string(description, "path"));
    TRY(options.signals, read_signals(description));
    options.table.time_column = find_string(description, "time_column").value_or("");
    if (const Json* columns = find(description, "columns")) {
        if (!columns->is_array())
            return Error{Errc::invalid_input, "'columns' must be a list of column names"};
        for (const auto& column : columns->get_array()) {
            if (!column.is_string())
                return Error{Errc::invalid_input, "'columns' must be a list of column names"};
            options.table.columns.emplace_back(column.get_string());
        }
    }
    if (options.parquet) {
        TRY(options.table.time_unit_ns, time_unit_of(description));
        options.table.device = find_string(description, "device").value_or("");
    }
    options.speed = find_number(description, "speed").value_or(1);
    if (!(options.speed > 0) || options.speed > 1e6)
        return Error{Errc::invalid_input, "'speed' must be above 0 and at most 1000000"};
    if (const auto start = find_string(description, "start")) {
        TRY(options.start, parse_iso8601(*start));
    }
    const auto hold = find_integer(description, "hold_after").value_or(0);
    if (hold < 0) return Error{Errc::invalid_input, "'hold_after' must be 0 or a count of rows"};
    options.hold_after = static_cast<std::size_t>(hold);
    options.loop = find_bool(description, "loop").value_or(false);
    return options;
}

Result<std::unique_ptr<Replay>> Replay::open(ReplayOptions options, SourceContext context) {
    TRY(auto table, options.parquet ? read_parquet(options.path, options.table)
                                    : read_csv(options.path, options.table));
    return std::unique_ptr<Replay>(
        new Replay(std::move(options), std::move(table), std::move(context)));
}

Replay::Replay(ReplayOptions options, RecordedTable table, SourceContext context)
    : options_(std::move(options)), table_(std::move(table)), context_(std::move(context)) {
    for (const auto& column : table_.columns) {
        const auto found = options_.signals.find(column);
        signals_.push_back(found == options_.signals.end() ? column : found->second);
    }
}

Bytes Replay::encode(const Position& position) const {
    Bytes bytes(24);
    store_le(bytes.data(), replay_checkpoint);
    store_le(bytes.data() + 8, position.next_row);
    store_le(bytes.data() + 16, position.start.ns);
    return bytes;
}

std::optional<Replay::Position> Replay::decode(const Bytes& checkpoint) const {
    if (checkpoint.size() != 24 || load_le<std::uint64_t>(checkpoint.data()) != replay_checkpoint)
        return std::nullopt;
    return Position{load_le<std::uint64_t>(checkpoint.data() + 8),
                    {load_le<std::int64_t>(checkpoint.data() + 16)}};
}

// A pass is as long as the recording plus one mean interval, so that passes do not overlap.
nanoseconds Replay::pass_length() const {
    const nanoseconds span = table_.times.back() - table_.times.front();
    const auto intervals = static_cast<std::int64_t>(std::max<std::size_t>(table_.rows() - 1, 1));
    return span + std::max(nanoseconds{1}, span / intervals);
}

Timestamp Replay::event_time(const Position& position, std::uint64_t row) const {
    const std::uint64_t pass = row / table_.rows();
    const nanoseconds within = table_.times[row % table_.rows()] - table_.times.front();
    return position.start + static_cast<std::int64_t>(pass) * pass_length() + within;
}

std::uint64_t Replay::end_row() const {
    std::uint64_t end = options_.loop ? ~std::uint64_t{0} : table_.rows();
    if (options_.hold_after > 0) end = std::min<std::uint64_t>(end, options_.hold_after);
    return end;
}

bool Replay::holds() const {
    return options_.hold_after > 0 && (options_.loop || options_.hold_after < table_.rows());
}

void Replay::fill(Batch& batch, const Position& position, std::uint64_t from,
                  std::uint64_t to) const {
    batch.clear();
    batch.device = context_.device;
    batch.position.stream = context_.name;
    batch.replayed = true;
    for (std::size_t c = 0; c < signals_.size(); ++c) {
        const auto begin = static_cast<std::uint32_t>(batch.times.size());
        for (std::uint64_t row = from; row < to; ++row) {
            const double value = table_.at(row % table_.rows(), c);
            if (std::isnan(value)) continue;  // an empty cell is no point
            batch.times.push_back(event_time(position, row));
            batch.values.push_back(value);
            batch.quality.push_back(table_.quality_at(row % table_.rows(), c));
        }
        const auto end = static_cast<std::uint32_t>(batch.times.size());
        if (end > begin) batch.runs.push_back({signals_[c], "", begin, end});
    }
}

Task<> Replay::run(SourceSink& sink, Bytes checkpoint) {
    auto known = decode(checkpoint);
    Position position = known.value_or(Position{});
    if (!known)
        position.start = options_.start.value_or(context_.clock->now() -
                                                 (table_.times.back() - table_.times.front()));
    // Steady time at which the row in event time `origin` is due; kept afresh after each hold.
    SteadyTime began = context_.clock->steady();
    Timestamp origin = event_time(position, position.next_row);
    Batch batch;
    for (;;) {
        if (position.next_row >= end_row()) {
            status_.state = holds() ? "held" : "finished";
            changed_.reset();
            CO_TRY_VOID(co_await changed_.wait());
            began = context_.clock->steady();
            origin = event_time(position, position.next_row);
            continue;
        }
        status_.state = "running";
        const auto due = [&](std::uint64_t row) {
            const auto after = event_time(position, row) - origin;
            return began + nanoseconds{static_cast<std::int64_t>(
                               static_cast<double>(after.count()) / options_.speed)};
        };
        const nanoseconds wait = due(position.next_row) - context_.clock->steady();
        if (wait > nanoseconds{0}) CO_TRY_VOID(co_await sleep_for(wait));
        const SteadyTime until = context_.clock->steady() + together;
        const std::uint64_t end = std::min(end_row(), position.next_row + rows_per_batch_max);
        const std::uint64_t from = position.next_row++;
        while (position.next_row < end && due(position.next_row) <= until) ++position.next_row;
        fill(batch, position, from, position.next_row);
        status_.points += batch.size();
        CO_TRY_VOID(co_await sink.accept(batch, encode(position)));
    }
}

bool Replay::reconfigure(const Json& description) {
    auto options = replay_options(description);
    if (!options || options->path != options_.path || options->parquet != options_.parquet ||
        options->table.time_unit_ns != options_.table.time_unit_ns ||
        options->table.device != options_.table.device || options->start != options_.start ||
        options->table.columns != options_.table.columns || options->signals != options_.signals ||
        options->table.time_column != options_.table.time_column)
        return false;
    options_ = std::move(*options);
    changed_.set();
    return true;
}

Result<> Replay::look_back(const Bytes& checkpoint, std::size_t rows,
                           const std::function<void(const Batch&)>& visit) {
    const auto position = decode(checkpoint);
    if (!position) return {};
    Batch batch;
    const std::uint64_t end = position->next_row;
    for (std::uint64_t row = end - std::min<std::uint64_t>(end, rows); row < end; ++row) {
        fill(batch, *position, row, row + 1);
        visit(batch);
    }
    return {};
}

}  // namespace mw::sources
