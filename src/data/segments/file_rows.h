#pragma once
// Files of points read back in their own order, chunk by chunk, and what series they hold. On a
// worker; each reader keeps some MiB of its file's pages in memory, never a whole file.

#include <cstdint>
#include <string>
#include <vector>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"

namespace mw::segments {

struct FileSeries {
    std::uint64_t series = 0;
    std::string device, signal, unit, asset, site;
    std::uint64_t rows = 0;  // inside the span
    double divisor = 1;
};
// By device, signal in byte order: the order of the file's rows.
Result<std::vector<FileSeries>> series_in(duckdb::Connection& connection, const std::string& path,
                                          history::Span span);

// "FROM read_parquet(...) WHERE ..." of the rows of a span.
std::string from_file(const std::string& path, history::Span span);

// A place in a file's rows of a span; it stands on a row until ended() says otherwise.
class FileRows {
 public:
    static Result<FileRows> open(duckdb::Database& database, const history::SegmentFile& file,
                                 history::Span span);

    bool ended() const { return at_ == size_; }
    std::uint64_t series() const { return series_[at_]; }
    Timestamp time() const { return {times_[at_]}; }
    // How many rows from here on can be seen at once: of the same series, not behind `last`.
    std::size_t run(Timestamp last, std::size_t most) const;
    const std::int64_t* times() const { return times_ + at_; }
    const double* values() const { return values_ + at_; }
    const std::uint8_t* quality() const { return quality_ + at_; }
    const Boxes* boxes() const { return boxes_.empty() ? nullptr : &boxes_; }  // of values()
    Result<> skip(std::size_t rows);  // at most what run() said

 private:
    Result<> fetch();
    void fetch_boxed();
    bool boxed_ = false;
    duckdb::Rows rows_;
    duckdb::Chunk chunk_;
    std::size_t at_ = 0;
    std::size_t size_ = 0;
    const std::uint64_t* series_ = nullptr;
    const std::int64_t* times_ = nullptr;
    const double* values_ = nullptr;
    const std::uint8_t* quality_ = nullptr;
    BoxList boxes_;
    std::vector<double> own_values_;  // with boxes_, if there are any
};

}  // namespace mw::segments
