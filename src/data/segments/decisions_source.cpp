#include <algorithm>

#include "data/segments/sources.h"

namespace mw::segments {
namespace {

using duckdb::Kind;
using duckdb::OutputChunk;
using history::DecisionRow;

// A column of the file: its name, type and how one row of it is written.
struct Field {
    const char* name;
    Kind kind;
    void (*write)(OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from);
};

template <auto member>
void write_text(OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
    out.set_text(column, row, from.decision->*member);
}
template <auto member>
void write_time(OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
    out.column<std::int64_t>(column)[row] = (from.decision->*member).ns;
}
template <auto member>
void write_double(OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
    out.column<double>(column)[row] = from.decision->*member;
}

constexpr Field fields[] = {
    {"time", Kind::timestamp_ns, write_time<&Decision::window_to>},
    {"device", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         out.set_text(column, row, from.decision->device.text);
     }},
    {"asset", Kind::varchar,  // as the device said, else where the hub knows it to stand
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         const std::string& said = from.decision->asset;
         out.set_text(column, row, said.empty() ? from.context->asset : said);
     }},
    {"site", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         out.set_text(column, row, from.context->site);
     }},
    {"use_case", Kind::varchar, write_text<&Decision::use_case>},
    {"model", Kind::varchar, write_text<&Decision::model>},
    {"version", Kind::varchar, write_text<&Decision::version>},
    {"bundle_hash", Kind::varchar, write_text<&Decision::bundle_hash>},
    {"window_from", Kind::timestamp_ns, write_time<&Decision::window_from>},
    {"window_to", Kind::timestamp_ns, write_time<&Decision::window_to>},
    {"samples", Kind::integer,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         const std::uint32_t most = 0x7fffffff;
         out.column<std::int32_t>(column)[row] =
             static_cast<std::int32_t>(std::min(from.decision->samples, most));
     }},
    {"inputs_quality", Kind::utinyint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         out.column<std::uint8_t>(column)[row] = from.decision->inputs_quality.code;
     }},
    {"score", Kind::double_, write_double<&Decision::score>},
    {"decision", Kind::boolean,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         out.column<bool>(column)[row] = from.decision->decision;
     }},
    {"fallback", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         if (from.decision->fallback.empty())
             out.set_null(column, row);  // the model decided
         else
             out.set_text(column, row, from.decision->fallback);
     }},
    {"latency_us", Kind::double_, write_double<&Decision::latency_us>},
    {"stream", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         out.set_text(column, row, from.decision->position.stream);
     }},
    {"sequence", Kind::ubigint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionRow& from) {
         out.column<std::uint64_t>(column)[row] = from.decision->position.sequence;
     }},
};

class DecisionsScan final : public duckdb::Scan {
 public:
    DecisionsScan(const std::vector<DecisionRow>& rows, std::vector<std::size_t> wanted)
        : rows_(rows), wanted_(std::move(wanted)) {}

    Result<std::size_t> fill(OutputChunk& out) override {
        const std::size_t count = std::min(rows_.size() - at_, duckdb::chunk_rows_max);
        for (std::size_t c = 0; c < wanted_.size(); ++c) {
            const Field& field = fields[wanted_[c]];
            for (std::size_t i = 0; i < count; ++i) field.write(out, c, i, rows_[at_ + i]);
        }
        at_ += count;
        return count;
    }

 private:
    const std::vector<DecisionRow>& rows_;
    std::vector<std::size_t> wanted_;
    std::size_t at_ = 0;
};

class DecisionsSource final : public duckdb::TableSource {
 public:
    explicit DecisionsSource(const std::vector<DecisionRow>& rows) : rows_(rows) {}
    std::vector<duckdb::Column> columns() const override {
        std::vector<duckdb::Column> columns;
        for (const Field& field : fields) columns.push_back({field.name, {.kind = field.kind}});
        return columns;
    }
    std::size_t row_count() const override { return rows_.size(); }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(
            std::make_unique<DecisionsScan>(rows_, std::move(wanted)));
    }

 private:
    const std::vector<DecisionRow>& rows_;
};

}  // namespace

std::shared_ptr<const duckdb::TableSource> decisions_source(const std::vector<DecisionRow>& rows) {
    return std::make_shared<const DecisionsSource>(rows);
}

std::string decisions_copy_options() {
    return " (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd,"
           " DICTIONARY_SIZE_LIMIT 2048, USE_TMP_FILE false, ROW_GROUP_SIZE 122880,"
           " KV_METADATA {format: 'millwright.decisions', version: '1', writer: 'millwright'})";
}

}  // namespace mw::segments
