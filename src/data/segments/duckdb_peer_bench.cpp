#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "data/segments/duckdb_peer.h"
#include "data/segments/scaled.h"
#include "data/segments/segments.h"

namespace mw::segments {

using duckdb::chunk_rows_max;
using duckdb::Kind;

namespace {

enum Column : std::size_t {
    series,
    device_key,
    time,
    m,
    d,
    raw,
    quality,
    device,
    signal,
    unit,
    asset,
    site,
    column_count
};
constexpr std::size_t first_text = device;
constexpr std::size_t text_count = column_count - first_text;

struct SeriesPlan {
    std::uint64_t series = 0;
    std::uint64_t device_key = 0;
    int exponent = -1;
    std::uint32_t codes[text_count] = {};
};

// Texts in order of appearance, each once.
class Dictionary {
 public:
    std::uint32_t code(const std::string& text) {
        const auto [at, made] = codes_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
        if (made) texts_.push_back(text);
        return at->second;
    }
    const std::vector<std::string>& texts() const { return texts_; }

 private:
    std::unordered_map<std::string, std::uint32_t> codes_;
    std::vector<std::string> texts_;
};

// What a first pass over the points found: names, divisors.
struct PointsPlan {
    std::vector<SeriesPlan> series;
    Dictionary texts[text_count];
    std::size_t rows = 0;
};

// Reads a copy of `points` to the end: the names that occur become enumerations (Parquet
// dictionaries without hashing a single row), each series gets its divisor.
std::shared_ptr<const PointsPlan> plan(history::SortedPoints points) {
    auto plan = std::make_shared<PointsPlan>();
    plan->rows = points.rows();
    history::SortedSeries next;
    while (points.next(next)) {
        const history::SeriesEntry& entry = *next.series;
        SeriesPlan series;
        series.series = entry.id.value;
        series.device_key = device_id(entry.device);
        series.exponent = choose_exponent(next.rows.values);
        const std::string* texts[text_count] = {&entry.device, &entry.signal, &entry.unit,
                                                &next.context->asset, &next.context->site};
        for (std::size_t i = 0; i < text_count; ++i) {
            series.codes[i] = plan->texts[i].code(*texts[i]);
        }
        plan->series.push_back(series);
    }
    return plan;
}

class PointsScan final : public duckdb::Scan {
 public:
    PointsScan(std::shared_ptr<const PointsPlan> plan, history::SortedPoints& points,
               const std::vector<std::size_t>& wanted)
        : plan_(std::move(plan)), points_(points) {
        std::fill(std::begin(at_), std::end(at_), absent);
        for (std::size_t i = 0; i < wanted.size(); ++i) at_[wanted[i]] = i;
    }

    Result<std::size_t> fill(duckdb::OutputChunk& out) override {
        std::fill(std::begin(scaled_), std::end(scaled_), 0);
        std::size_t rows = 0;
        while (rows < chunk_rows_max) {
            if (done_ == current_.rows.size() && !advance()) break;
            const std::size_t count = std::min(current_.rows.size() - done_, chunk_rows_max - rows);
            write(out, rows, count);
            rows += count;
            done_ += count;
        }
        write_validity(out);
        return rows;
    }

 private:
    static constexpr std::size_t absent = ~std::size_t{0};

    bool advance() {
        if (!points_.next(current_)) return false;
        done_ = 0;
        ++index_;
        return true;
    }

    // `count` rows of the current series, from row `to` of the chunk.
    void write(duckdb::OutputChunk& out, std::size_t to, std::size_t count) {
        const SeriesPlan& plan = plan_->series[index_ - 1];
        auto constant = [&]<class T>(std::size_t column, T value) {
            if (at_[column] == absent) return;
            auto rows = out.column<T>(at_[column]);
            std::fill_n(rows.begin() + to, count, value);
        };
        constant(series, plan.series);
        constant(device_key, plan.device_key);
        for (std::size_t i = 0; i < text_count; ++i) {
            const std::size_t size = plan_->texts[i].texts().size();
            // DuckDB keeps enumeration codes in the smallest type that holds the count.
            if (size <= 0xff)
                constant(first_text + i, static_cast<std::uint8_t>(plan.codes[i]));
            else if (size <= 0xffff)
                constant(first_text + i, static_cast<std::uint16_t>(plan.codes[i]));
            else
                constant(first_text + i, plan.codes[i]);
        }
        copy<std::int64_t>(out, time, to, current_.rows.times.subspan(done_, count),
                           [](Timestamp t) { return t.ns; });
        copy<std::uint8_t>(out, quality, to, current_.rows.quality.subspan(done_, count),
                           [](Quality q) { return q.code; });
        write_values(out, to, count, plan.exponent);
    }

    template <class T, class From, class F>
    void copy(duckdb::OutputChunk& out, std::size_t column, std::size_t to, From from, F convert) {
        if (at_[column] == absent) return;
        auto rows = out.column<T>(at_[column]);
        std::transform(from.begin(), from.end(), rows.begin() + to, convert);
    }

    void write_values(duckdb::OutputChunk& out, std::size_t to, std::size_t count, int exponent) {
        if (at_[m] == absent || at_[d] == absent || at_[raw] == absent) return;
        auto integers = out.column<std::int64_t>(at_[m]);
        auto divisors = out.column<double>(at_[d]);
        auto doubles = out.column<double>(at_[raw]);
        const double divisor = exponent < 0 ? 1.0 : power_of_ten[exponent];
        for (std::size_t i = 0; i < count; ++i) {
            const double value = current_.rows.values[done_ + i];
            std::int64_t integer = 0;
            // Zero is an integer even in a raw series: +0.0 and -0.0 never meet in one column,
            // where a Parquet dictionary would take them for equal.
            const bool exact = (exponent >= 0 || value == 0) && scale(value, divisor, integer);
            integers[to + i] = integer;
            divisors[to + i] = divisor;
            doubles[to + i] = value;
            scaled_[(to + i) / 64] |= std::uint64_t{exact} << ((to + i) % 64);
        }
    }

    void write_validity(duckdb::OutputChunk& out) {
        if (at_[m] != absent) out.set_validity(at_[m], scaled_);
        std::uint64_t unscaled[chunk_rows_max / 64];
        std::transform(std::begin(scaled_), std::end(scaled_), unscaled,
                       [](std::uint64_t word) { return ~word; });
        if (at_[raw] != absent) out.set_validity(at_[raw], unscaled);
    }

    std::shared_ptr<const PointsPlan> plan_;
    history::SortedPoints& points_;
    std::size_t at_[column_count];
    history::SortedSeries current_;
    std::size_t done_ = 0;
    std::size_t index_ = 0;
    std::uint64_t scaled_[chunk_rows_max / 64] = {};
};

class PointsSource final : public duckdb::TableSource {
 public:
    PointsSource(std::shared_ptr<const PointsPlan> plan, history::SortedPoints& points)
        : plan_(std::move(plan)), points_(points) {}

    std::vector<duckdb::Column> columns() const override {
        std::vector<duckdb::Column> columns{
            {"series", {.kind = Kind::ubigint}},    {"device_id", {.kind = Kind::ubigint}},
            {"time", {.kind = Kind::timestamp_ns}}, {"m", {.kind = Kind::bigint}},
            {"d", {.kind = Kind::double_}},         {"raw", {.kind = Kind::double_}},
            {"quality", {.kind = Kind::utinyint}}};
        const char* names[] = {"device", "signal", "unit", "asset", "site"};
        for (std::size_t i = 0; i < text_count; ++i) {
            columns.push_back(
                {names[i], {.kind = Kind::enumeration, .names = plan_->texts[i].texts()}});
        }
        return columns;
    }
    std::size_t row_count() const override { return plan_->rows; }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(std::make_unique<PointsScan>(plan_, points_, wanted));
    }

 private:
    std::shared_ptr<const PointsPlan> plan_;
    history::SortedPoints& points_;
};

}  // namespace

struct DuckdbPeer::State {
    std::optional<duckdb::Database> database;
    std::optional<duckdb::Connection> connection;
    std::shared_ptr<const duckdb::TableSource> source;  // what peer_rows() gives
};

DuckdbPeer::DuckdbPeer(const std::string& directory) : state_(std::make_unique<State>()) {
    duckdb::Options options{.memory_bytes = std::size_t{512} << 20, .threads = 1};
    options.directories.push_back(directory);
    auto database = duckdb::Database::open(options).value();
    State* state = state_.get();
    ignore(database.add({.name = "peer_rows",
                         .parameters = {},
                         .bind =
                             [state](const auto&) {
                                 return Result<std::shared_ptr<const duckdb::TableSource>>(
                                     state->source);
                             }}),
           "COPY would say so");
    state_->connection = database.connect().value();
    state_->database = std::move(database);
}
DuckdbPeer::~DuckdbPeer() = default;

Result<std::uint64_t> DuckdbPeer::write_points(const std::string& path,
                                               history::SortedPoints& points) {
    const auto planned = plan(points);
    // Each row group repeats the dictionaries: with many devices, larger groups keep that small.
    const std::size_t row_group = std::clamp<std::size_t>(
        64 * planned->texts[0].texts().size(), std::size_t{122'880}, std::size_t{983'040});
    state_->source = std::make_shared<const PointsSource>(planned, points);
    TRY(auto rows, state_->connection->query(
                       "COPY (FROM peer_rows()) TO " + sql_text(path) +
                       " (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd,"
                       " DICTIONARY_SIZE_LIMIT 2048, USE_TMP_FILE false, ROW_GROUP_SIZE " +
                       std::to_string(row_group) + ")"));
    duckdb::Chunk chunk;
    TRY(const bool any, rows.next(chunk));
    if (!any) return Error{Errc::io_failed, "COPY gave no count"};
    return static_cast<std::uint64_t>(chunk.column(0).data<std::int64_t>()[0]);
}

}  // namespace mw::segments
