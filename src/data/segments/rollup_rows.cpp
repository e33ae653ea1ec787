#include "data/segments/rollup_rows.h"

#include <algorithm>
#include <cmath>

#include "data/segments/segments.h"

namespace mw::segments {
namespace {

using duckdb::OutputChunk;

constexpr std::int64_t minute_ns = 60'000'000'000;

std::int64_t minute_of(std::int64_t time) {
    const std::int64_t into = time % minute_ns;
    return time - into - (into < 0 ? minute_ns : 0);
}

// The values are those of good points; `good` says how many there are.
struct Minute {
    const FileSeries* series = nullptr;
    std::uint64_t device_key = 0;
    std::int64_t begin = 0;
    std::uint64_t count = 0;
    std::uint64_t good = 0;
    double least = 0, most = 0, sum = 0, first = 0, last = 0;
    std::int64_t first_time = 0, last_time = 0;

    void add(std::int64_t time, double value, Quality quality) {
        ++count;
        if (!quality.is_good() || std::isnan(value)) return;
        if (good++ == 0) {
            least = most = first = value;
            first_time = time;
        }
        least = std::min(least, value);
        most = std::max(most, value);
        sum += value;
        last = value;
        last_time = time;
    }
};

struct RollupField {
    const char* name;
    duckdb::Kind kind;
    void (*write)(OutputChunk& out, std::size_t column, std::size_t row, const Minute& from);
};

template <class T, auto member>
void write_number(OutputChunk& out, std::size_t column, std::size_t row, const Minute& from) {
    out.column<T>(column)[row] = static_cast<T>(from.*member);
}
template <class T, auto member>
void write_of_good(OutputChunk& out, std::size_t column, std::size_t row, const Minute& from) {
    if (from.good == 0) return out.set_null(column, row);
    out.column<T>(column)[row] = from.*member;
}
template <auto member>
void write_name(OutputChunk& out, std::size_t column, std::size_t row, const Minute& from) {
    out.set_text(column, row, from.series->*member);
}

using duckdb::Kind;
constexpr RollupField rollup_fields[] = {
    {"series", Kind::ubigint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const Minute& from) {
         out.column<std::uint64_t>(column)[row] = from.series->series;
     }},
    {"device_id", Kind::ubigint, write_number<std::uint64_t, &Minute::device_key>},
    {"time", Kind::timestamp_ns, write_number<std::int64_t, &Minute::begin>},
    {"count", Kind::ubigint, write_number<std::uint64_t, &Minute::count>},
    {"good", Kind::ubigint, write_number<std::uint64_t, &Minute::good>},
    {"min", Kind::double_, write_of_good<double, &Minute::least>},
    {"max", Kind::double_, write_of_good<double, &Minute::most>},
    {"sum", Kind::double_, write_of_good<double, &Minute::sum>},
    {"first", Kind::double_, write_of_good<double, &Minute::first>},
    {"first_time", Kind::timestamp_ns, write_of_good<std::int64_t, &Minute::first_time>},
    {"last", Kind::double_, write_of_good<double, &Minute::last>},
    {"last_time", Kind::timestamp_ns, write_of_good<std::int64_t, &Minute::last_time>},
    {"device", Kind::varchar, write_name<&FileSeries::device>},
    {"signal", Kind::varchar, write_name<&FileSeries::signal>},
    {"unit", Kind::varchar, write_name<&FileSeries::unit>},
    {"asset", Kind::varchar, write_name<&FileSeries::asset>},
    {"site", Kind::varchar, write_name<&FileSeries::site>},
};

class RollupScan final : public duckdb::Scan {
 public:
    RollupScan(const std::vector<FileSeries>& series, FileRows& rows, std::optional<Error>& failure,
               std::vector<std::size_t> wanted)
        : series_(series), rows_(rows), failure_(failure), wanted_(std::move(wanted)) {}

    Result<std::size_t> fill(OutputChunk& out) override {
        std::size_t written = 0;
        while (written < duckdb::chunk_rows_max) {
            auto more = next();
            if (!more) {
                failure_ = more.error();
                return *failure_;
            }
            if (!*more) break;
            for (std::size_t c = 0; c < wanted_.size(); ++c)
                rollup_fields[wanted_[c]].write(out, c, written, minute_);
            ++written;
        }
        return written;
    }

 private:
    // The next minute; false: that was all.
    Result<bool> next() {
        if (rows_.ended()) return false;
        TRY_VOID(find_series());
        minute_ = {known_, device_key_, minute_of(rows_.time().ns)};
        // A minute at the end of time has no end to compare with.
        const Timestamp last{minute_.begin > history::time_highest.ns - minute_ns
                                 ? history::time_highest.ns
                                 : minute_.begin + minute_ns - 1};
        while (!rows_.ended() && rows_.series() == minute_.series->series && rows_.time() <= last) {
            const std::size_t rows = rows_.run(last, duckdb::chunk_rows_max);
            for (std::size_t i = 0; i < rows; ++i)
                minute_.add(rows_.times()[i], rows_.values()[i], {rows_.quality()[i]});
            TRY_VOID(rows_.skip(rows));
        }
        return true;
    }

    // Series come in the order of the list.
    Result<> find_series() {
        while (at_ < series_.size() && series_[at_].series != rows_.series()) ++at_;
        if (at_ == series_.size())
            return Error{Errc::io_failed, "the rows of the file are not in order of their series"};
        if (known_ == &series_[at_]) return {};
        known_ = &series_[at_];
        device_key_ = device_id(known_->device);  // a hash: once a series
        return {};
    }

    const std::vector<FileSeries>& series_;
    FileRows& rows_;
    std::optional<Error>& failure_;
    std::vector<std::size_t> wanted_;
    std::size_t at_ = 0;
    const FileSeries* known_ = nullptr;  // the series at hand
    std::uint64_t device_key_ = 0;       // of its device
    Minute minute_;
};

class RollupSource final : public duckdb::TableSource {
 public:
    RollupSource(std::vector<FileSeries> series, FileRows& rows, std::optional<Error>& failure)
        : series_(std::move(series)), rows_(rows), failure_(failure) {}
    std::vector<duckdb::Column> columns() const override {
        std::vector<duckdb::Column> columns;
        for (const RollupField& field : rollup_fields)
            columns.push_back({field.name, {.kind = field.kind}});
        return columns;
    }
    std::size_t row_count() const override { return series_.size(); }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(
            std::make_unique<RollupScan>(series_, rows_, failure_, std::move(wanted)));
    }

 private:
    std::vector<FileSeries> series_;
    FileRows& rows_;
    std::optional<Error>& failure_;
};

}  // namespace

std::shared_ptr<const duckdb::TableSource> rollup_source(std::vector<FileSeries> series,
                                                         FileRows& rows,
                                                         std::optional<Error>& failure) {
    return std::make_shared<const RollupSource>(std::move(series), rows, failure);
}

}  // namespace mw::segments
