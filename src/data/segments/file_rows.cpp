#include "data/segments/file_rows.h"

#include <algorithm>

#include "base/sql_text.h"

namespace mw::segments {

std::string from_file(const std::string& path, history::Span span) {
    std::string sql =
        " FROM read_parquet([" + sql_text(path) + "], hive_partitioning = false) WHERE true";
    // The ends of time are infinities to DuckDB.
    if (span.from > history::time_lowest)
        sql += " AND \"time\" >= make_timestamp_ns(" + std::to_string(span.from.ns) + ")";
    if (span.to < history::time_highest)
        sql += " AND \"time\" <= make_timestamp_ns(" + std::to_string(span.to.ns) + ")";
    return sql;
}

Result<std::vector<FileSeries>> series_in(duckdb::Connection& connection, const std::string& path,
                                          history::Span span) {
    TRY(auto rows, connection.query("SELECT any_value(device), any_value(signal), any_value(unit), "
                                    "any_value(asset), any_value(site), series, "
                                    "count(*)::UBIGINT, max(d)" +
                                    from_file(path, span) + " GROUP BY series"));
    std::vector<FileSeries> found;
    duckdb::Chunk chunk;
    for (;;) {
        TRY(const bool more, rows.next(chunk));
        if (!more) break;
        for (std::size_t i = 0; i < chunk.size(); ++i) {
            FileSeries& one = found.emplace_back();
            std::string* texts[] = {&one.device, &one.signal, &one.unit, &one.asset, &one.site};
            for (std::size_t c = 0; c < std::size(texts); ++c)
                *texts[c] = std::string(chunk.column(c).text(i));
            one.series = chunk.column(5).data<std::uint64_t>()[i];
            one.rows = chunk.column(6).data<std::uint64_t>()[i];
            one.divisor = chunk.column(7).data<double>()[i];
        }
    }
    std::sort(found.begin(), found.end(), [](const FileSeries& a, const FileSeries& b) {
        const auto by_device = a.device.compare(b.device);
        return by_device != 0 ? by_device < 0 : a.signal < b.signal;
    });
    return found;
}

Result<FileRows> FileRows::open(duckdb::Database& database, const history::SegmentFile& file,
                                history::Span span) {
    FileRows self;
    self.boxed_ = file.boxed;
    TRY(auto connection, database.connect());
    const std::string boxed = file.boxed ? ", text, whole" : "";
    TRY(self.rows_, connection.query("SELECT series, \"time\", coalesce(raw, m / d), quality" +
                                     boxed + from_file(file.path, span)));
    TRY_VOID(self.fetch());
    return self;
}

Result<> FileRows::fetch() {
    at_ = size_ = 0;
    TRY(const bool more, rows_.next(chunk_));
    if (!more) return {};
    size_ = chunk_.size();
    series_ = chunk_.column(0).data<std::uint64_t>();
    times_ = chunk_.column(1).data<std::int64_t>();
    values_ = chunk_.column(2).data<double>();
    quality_ = chunk_.column(3).data<std::uint8_t>();
    if (boxed_) fetch_boxed();
    return {};
}

// Numbers that look like boxes must not be taken for some, once there are any.
void FileRows::fetch_boxed() {
    boxes_.clear();
    const auto texts = chunk_.column(4), integers = chunk_.column(5);
    bool any = false;
    for (std::size_t i = 0; i < size_ && !any; ++i) any = texts.valid(i) || integers.valid(i);
    if (!any) return;
    own_values_.assign(values_, values_ + size_);
    for (std::size_t i = 0; i < size_; ++i) {
        if (texts.valid(i))
            own_values_[i] = boxes_.add(texts.text(i));
        else if (integers.valid(i))
            own_values_[i] = boxes_.add(integers.data<std::int64_t>()[i]);
        else if (is_box(own_values_[i]))
            own_values_[i] = no_value;
    }
    values_ = own_values_.data();
}

std::size_t FileRows::run(Timestamp last, std::size_t most) const {
    const std::size_t end = std::min(size_, at_ + most);
    std::size_t row = at_;
    const std::uint64_t here = series_[at_];
    while (row < end && series_[row] == here && times_[row] <= last.ns) ++row;
    return row - at_;
}

Result<> FileRows::skip(std::size_t rows) {
    at_ += rows;
    return at_ < size_ ? Result<>{} : fetch();
}

}  // namespace mw::segments
