#include "data/datasets/parquet.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"

namespace mw::datasets {
namespace {

using duckdb::Kind;
using duckdb::OutputChunk;

class ContentSource final : public duckdb::TableSource {
 public:
    explicit ContentSource(const Content& content)
        : content_(content), first_(content.splits.empty() ? 3 : 4) {}

    std::vector<duckdb::Column> columns() const override {
        std::vector<duckdb::Column> columns{{"device", {.kind = Kind::varchar}},
                                            {"time", {.kind = Kind::timestamp_ns}},
                                            {"label", {.kind = Kind::boolean}}};
        if (first_ == 4) columns.push_back({"split", {.kind = Kind::varchar}});
        for (const auto& signal : content_.signals) {
            columns.push_back({signal, {.kind = Kind::double_}});
            columns.push_back({signal + ":quality", {.kind = Kind::utinyint}});
        }
        return columns;
    }
    std::size_t row_count() const override { return content_.rows(); }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(std::make_unique<Scanning>(*this, std::move(wanted)));
    }

 private:
    class Scanning final : public duckdb::Scan {
     public:
        Scanning(const ContentSource& source, std::vector<std::size_t> wanted)
            : source_(source), wanted_(std::move(wanted)) {}
        Result<std::size_t> fill(OutputChunk& out) override {
            const auto& devices = source_.content_.devices;
            while (device_ < devices.size() && row_ >= devices[device_].recording.rows())
                ++device_, row_ = 0;
            if (device_ >= devices.size()) return std::size_t{0};
            const DeviceRows& device = devices[device_];
            const std::size_t count =
                std::min(device.recording.rows() - row_, duckdb::chunk_rows_max);
            for (std::size_t c = 0; c < wanted_.size(); ++c)
                for (std::size_t i = 0; i < count; ++i)
                    source_.write(out, c, i, wanted_[c], device, row_ + i);
            row_ += count;
            return count;
        }

     private:
        const ContentSource& source_;
        std::vector<std::size_t> wanted_;
        std::size_t device_ = 0, row_ = 0;
    };

    void write(OutputChunk& out, std::size_t column, std::size_t at, std::size_t field,
               const DeviceRows& device, std::size_t row) const {
        if (field == 0) return out.set_text(column, at, device.device);
        if (field == 1) {
            out.column<std::int64_t>(column)[at] = device.recording.times[row].ns;
        } else if (field == 2) {
            out.column<bool>(column)[at] = device.recording.labels[row] != 0;
            if (device.labelled[row] == 0) out.set_null(column, at);
        } else if (field < first_) {
            const std::size_t split = device.split[row];
            if (split == 0) return out.set_null(column, at);
            out.set_text(column, at, content_.splits[split - 1]);
        } else {
            signal(out, column, at, field - first_, device.recording, row);
        }
    }

    void signal(OutputChunk& out, std::size_t column, std::size_t at, std::size_t field,
                const detectors::Recording& recording, std::size_t row) const {
        const std::size_t cell = row * content_.signals.size() + field / 2;
        const double value = recording.values[cell];
        const Quality quality = recording.quality[cell];
        if (field % 2 == 0)
            out.column<double>(column)[at] = value;
        else
            out.column<std::uint8_t>(column)[at] = quality.code;
        if (std::isnan(value) && quality == Quality::bad(Reason::not_a_number))
            out.set_null(column, at);
    }

    const Content& content_;
    const std::size_t first_;  // of the signals' columns
};

}  // namespace

Result<> write_parquet(const Content& content, const std::string& path) {
    duckdb::Options options;
    options.directories.push_back(std::filesystem::path(path).parent_path().string());
    TRY(auto database, duckdb::Database::open(options));
    const auto source = std::make_shared<const ContentSource>(content);
    TRY_VOID(database.add({.name = "mw_rows", .parameters = {}, .bind = [source](const auto&) {
                               return Result<std::shared_ptr<const duckdb::TableSource>>(source);
                           }}));
    TRY(auto connection, database.connect());
    return connection
        .run("COPY (FROM mw_rows()) TO " + sql_text(path) +
             " (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, KV_METADATA {format: "
             "'millwright.dataset', version: '1', writer: 'millwright'})")
        .context("writing " + path);
}

}  // namespace mw::datasets
