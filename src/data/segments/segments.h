#pragma once
// Sealed history as Parquet: the writer behind history::SegmentWriter, and the SQL that reads it
// back. A ParquetWriter belongs to its History, which calls it on workers, one call at a time. It
// opens its own small DuckDB on first use (docs/formats/segment.md draws the schema).

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "data/history/history.h"

namespace mw::segments {

struct WriterOptions {
    std::string directory;  // the history directory: nothing outside it is written
    std::size_t memory_bytes = std::size_t{512} << 20;
};

class ParquetWriter final : public history::SegmentWriter {
 public:
    explicit ParquetWriter(WriterOptions options);
    ~ParquetWriter() override;

    Result<history::PointRows> write_points(const history::PointPaths& paths,
                                            history::SortedPoints& points) override;
    Result<std::uint64_t> write_decisions(const std::string& path,
                                          const std::vector<history::DecisionRow>& rows) override;
    Result<history::Merged> merge_points(const history::PointPaths& paths,
                                         const history::MergeOrder& order,
                                         std::stop_token stop) override;
    Result<history::Merged> rewrite_decisions(const std::string& path,
                                              const history::MergeOrder& order) override;
    Result<bool> holds(const history::SegmentFile& file, const history::Erasure& erase) override;

 private:
    struct State;
    const WriterOptions& options() const;  // these never change
    Result<> inside(const std::string& path) const;
    Result<> open();
    Result<std::uint64_t> copy(const std::string& path, const std::string& options);
    std::unique_ptr<State> state_;
};

// SELECT statements over sealed files; there is at least one. Points have the columns series,
// device_id, time, device, signal, value, quality, unit, asset, site, text, whole. A text has no
// value; whole is set where value is but the nearest double (docs/formats/segment.md). `boxed` are
// files of which the catalog says so. Decisions have the columns of the SQL table `decisions`
// (docs/sql.md).
std::string points_sql(const std::vector<std::string>& paths,
                       const std::vector<std::string>& boxed = {});
std::string decisions_sql(const std::vector<std::string>& paths);
// Rows of one minute of one series as the files have them: series, device_id, time (the minute's
// beginning), device, signal, count, good, min, max, sum, first, first_time, last, last_time, unit,
// asset, site. A minute that several files share has a row in each.
std::string rollups_sql(const std::vector<std::string>& paths);

// The key by which row groups are skipped when a query names a device.
std::uint64_t device_id(std::string_view device);

}  // namespace mw::segments

#include "data/segments/sealed_files.h"  // SealedFiles: the same rows, read by ourselves
