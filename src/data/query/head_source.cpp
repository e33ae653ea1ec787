#include <algorithm>

#include "data/query/row_sources.h"
#include "data/segments/segments.h"

namespace mw::query {
namespace {

using duckdb::chunk_rows_max;
using duckdb::Kind;
using duckdb::OutputChunk;

enum Column : std::size_t {
    series,
    device_id,
    time,
    device,
    signal,
    value,
    quality,
    unit,
    asset,
    site,
    text_value,
    whole
};
const std::vector<duckdb::Column>& point_columns() {
    static const std::vector<duckdb::Column> columns{
        {"series", {.kind = Kind::ubigint}},    {"device_id", {.kind = Kind::ubigint}},
        {"time", {.kind = Kind::timestamp_ns}}, {"device", {.kind = Kind::varchar}},
        {"signal", {.kind = Kind::varchar}},    {"value", {.kind = Kind::double_}},
        {"quality", {.kind = Kind::utinyint}},  {"unit", {.kind = Kind::varchar}},
        {"asset", {.kind = Kind::varchar}},     {"site", {.kind = Kind::varchar}},
        {"text", {.kind = Kind::varchar}},      {"whole", {.kind = Kind::bigint}}};
    return columns;
}

class HeadScan final : public duckdb::Scan {
 public:
    HeadScan(std::shared_ptr<const history::HeadSnapshot> head, history::ContextSnapshot context,
             HeadRows rows, std::vector<std::size_t> wanted)
        : head_(std::move(head)),
          context_(std::move(context)),
          rows_(rows),
          wanted_(std::move(wanted)) {}

    Result<std::size_t> fill(OutputChunk& out) override {
        std::size_t rows = 0;
        while (rows < chunk_rows_max && (taken_ < piece_.size() || advance())) {
            const std::size_t count = std::min(piece_.size() - taken_, chunk_rows_max - rows);
            for (std::size_t i = 0; i < wanted_.size(); ++i) write(out, i, rows, count);
            rows += count;
            taken_ += count;
        }
        return rows;
    }

 private:
    bool advance() {
        while (series_ < head_->series()) {
            if (next_piece_ < head_->pieces(series_)) {
                current_ = series_;
                piece_ = head_->piece(series_, next_piece_++);
                taken_ = 0;
                if (piece_.size() > 0 && (rows_ == HeadRows::all || repeats())) return true;
            } else {
                ++series_;
                next_piece_ = 0;
            }
        }
        return false;
    }

    bool repeats() const {
        const Timestamp boundary = head_->boundary(series_);
        return std::any_of(piece_.times.begin(), piece_.times.end(),
                           [boundary](Timestamp time) { return time <= boundary; });
    }

    void write(OutputChunk& out, std::size_t i, std::size_t to, std::size_t count) {
        const history::SeriesEntry& entry = head_->entry(current_);
        auto text = [&](const std::string& value) { out.fill_text(i, to, to + count, value); };
        auto number = [&](std::uint64_t value) {
            std::fill_n(out.column<std::uint64_t>(i).begin() + to, count, value);
        };
        auto copied = [&]<class T>(auto from, auto convert, T) {
            const auto rows = from.subspan(taken_, count);
            std::transform(rows.begin(), rows.end(), out.column<T>(i).begin() + to, convert);
        };
        switch (wanted_[i]) {
            case series:
                return number(entry.id.value);
            case device_id:
                return number(segments::device_id(entry.device));
            case time:
                return copied(
                    piece_.times, [](Timestamp t) { return t.ns; }, std::int64_t{});
            case device:
                return text(entry.device);
            case signal:
                return text(entry.signal);
            case value:
                copied(
                    piece_.values, [](double v) { return v; }, double{});
                if (piece_.boxes) write_numbers(out, i, to, count);
                return;
            case quality:
                return copied(
                    piece_.quality, [](Quality q) { return q.code; }, std::uint8_t{});
            case unit:
                return text(entry.unit);
            case asset:
                return text(history::context_of(context_, entry.device).asset);
            case site:
                return text(history::context_of(context_, entry.device).site);
            default:
                return write_boxed(out, i, to, count);
        }
    }

    double value_at(std::size_t row) const { return piece_.values[taken_ + row]; }

    // A large integer is the nearest double, a text is none.
    void write_numbers(OutputChunk& out, std::size_t i, std::size_t to, std::size_t count) const {
        for (std::size_t row = 0; row < count; ++row) {
            const double value = value_at(row);
            if (!is_box(value)) continue;
            out.column<double>(i)[to + row] = piece_.boxes->number(value);
            if (is_text_box(value)) out.set_null(i, to + row);
        }
    }

    void write_boxed(OutputChunk& out, std::size_t i, std::size_t to, std::size_t count) const {
        for (std::size_t row = 0; row < count; ++row) {
            const auto text = piece_.boxes ? piece_.boxes->text(value_at(row)) : std::nullopt;
            const auto integer = piece_.boxes ? piece_.boxes->integer(value_at(row)) : std::nullopt;
            if (wanted_[i] == text_value && text)
                out.set_text(i, to + row, *text);
            else if (wanted_[i] == whole && integer)
                out.column<std::int64_t>(i)[to + row] = *integer;
            else
                out.set_null(i, to + row);
        }
    }

    std::shared_ptr<const history::HeadSnapshot> head_;
    history::ContextSnapshot context_;
    HeadRows rows_;
    std::vector<std::size_t> wanted_;
    std::size_t series_ = 0;
    std::size_t current_ = 0;
    std::size_t next_piece_ = 0;
    history::Columns piece_;
    std::size_t taken_ = 0;
};

class HeadPoints final : public duckdb::TableSource {
 public:
    HeadPoints(std::shared_ptr<const history::HeadSnapshot> head, history::ContextSnapshot context,
               HeadRows rows)
        : head_(std::move(head)), context_(std::move(context)), rows_(rows) {}
    std::vector<duckdb::Column> columns() const override { return point_columns(); }
    std::size_t row_count() const override { return head_->rows(); }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(
            std::make_unique<HeadScan>(head_, context_, rows_, std::move(wanted)));
    }

 private:
    std::shared_ptr<const history::HeadSnapshot> head_;
    history::ContextSnapshot context_;
    HeadRows rows_;
};

}  // namespace

Source head_points(std::shared_ptr<const history::HeadSnapshot> head,
                   history::ContextSnapshot context, HeadRows rows) {
    return std::make_shared<const HeadPoints>(std::move(head), std::move(context), rows);
}

}  // namespace mw::query
