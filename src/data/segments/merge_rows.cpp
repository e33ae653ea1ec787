#include "data/segments/merge_rows.h"

#include <algorithm>
#include <map>

namespace mw::segments {
namespace {

Timestamp before(Timestamp time) { return {time.ns - 1}; }

int exponent_of(double divisor) {
    const auto* at = std::lower_bound(power_of_ten.begin(), power_of_ten.end(), divisor);
    return at == power_of_ten.end() ? exponent_max : static_cast<int>(at - power_of_ten.begin());
}

// One divisor for all rows: the finest, as every value that a coarser one scales is scaled by it
// too, unless only a few rows need it; those are then kept raw.
int common_exponent(const std::map<int, std::uint64_t>& rows_by_exponent) {
    std::uint64_t rows = 0;
    for (const auto& [exponent, count] : rows_by_exponent) rows += count;
    int chosen = 0;
    for (const auto& [exponent, count] : rows_by_exponent)
        if (count * 50 >= rows) chosen = exponent;
    return chosen;
}

}  // namespace

Result<std::unique_ptr<MergeRows>> MergeRows::open(duckdb::Database& database,
                                                   const history::MergeOrder& order) {
    auto self = std::make_unique<MergeRows>();
    self->erase_ = order.erase;
    TRY(auto connection, database.connect());
    for (const history::SegmentFile& file : order.inputs) {
        TRY(auto series, series_in(connection, file.path, order.span));
        if (series.empty()) continue;
        self->found_.push_back(std::move(series));
        self->paths_.push_back(file.path);
        self->merged_.boxed |= file.boxed;
        TRY(auto rows, FileRows::open(database, file, order.span));
        self->files_.push_back(std::move(rows));
    }
    self->plan();
    return self;
}

void MergeRows::plan() {
    struct Found {
        std::vector<std::pair<std::size_t, const FileSeries*>> files;
        std::map<int, std::uint64_t> rows_by_exponent;
    };
    std::map<std::pair<std::string_view, std::string_view>, Found> ordered;
    for (std::size_t file = 0; file < found_.size(); ++file) {
        for (const FileSeries& one : found_[file]) {
            Found& series = ordered[{one.device, one.signal}];
            series.files.emplace_back(file, &one);
            series.rows_by_exponent[exponent_of(one.divisor)] += one.rows;
        }
    }
    for (const auto& [names, one] : ordered) {
        Series& series = series_.emplace_back();
        series.id = one.files.front().second->series;
        series.device = names.first;
        series.signal = names.second;
        series.exponent = common_exponent(one.rows_by_exponent);
        for (const auto& [file, from] : one.files)
            series.sources.push_back(
                {file,
                 {from->series,
                  {&from->device, &from->signal, &from->unit, &from->asset, &from->site}}});
    }
}

Result<bool> MergeRows::next(std::size_t most, MergeRun& run) {
    if (taken_ != nullptr) {
        TRY_VOID(files_[taken_->file].skip(taken_rows_));
        taken_ = nullptr;
    }
    while (at_ < series_.size()) {
        if (!begun_) begin_series();
        Timestamp last;
        TRY(const Source* source, front(last));
        if (source == nullptr) {
            ++at_;
            begun_ = false;
            continue;
        }
        FileRows& file = files_[source->file];
        if (last_ && file.time() <= *last_) return disorder(*source);
        TRY(const bool gone, erased(*source));
        if (gone) continue;
        for (const history::Span& span : spans_)
            if (span.from > file.time()) last = std::min(last, before(span.from));
        run = {&source->names,       at_,           series_[at_].exponent,
               file.times(),         file.values(), file.quality(),
               file.run(last, most), file.boxes()};
        taken_ = source;
        taken_rows_ = run.size;
        note(run);
        return true;
    }
    for (std::size_t i = 0; i < files_.size(); ++i)
        if (!files_[i].ended())
            return Error{Errc::io_failed, paths_[i] + ": its rows are not in order"};
    return false;
}

void MergeRows::begin_series() {
    begun_ = true;
    last_.reset();
    const Series& series = series_[at_];
    spans_ = erase_ ? erase_(series.device, series.signal) : std::vector<history::Span>{};
}

// The file whose row is next in the series at hand, null when it has no more; its rows up to `last`
// come before those of all others. Older rows of the same time are skipped.
Result<const MergeRows::Source*> MergeRows::front(Timestamp& last) {
    const Series& series = series_[at_];
    const Source* best = nullptr;
    last = history::time_highest;
    for (std::size_t i = 0; i < series.sources.size(); ++i) {
        const Source& source = series.sources[i];
        FileRows& file = files_[source.file];
        if (file.ended() || file.series() != series.id) continue;
        if (best == nullptr) {
            best = &source;
            continue;
        }
        FileRows& leader = files_[best->file];
        if (file.time() == leader.time()) {
            // The later source is the newer one.
            TRY_VOID(leader.skip(1));
            ++merged_.repeats;
            best = nullptr;
            last = history::time_highest;
            i = static_cast<std::size_t>(-1);  // begins again
        } else if (file.time() < leader.time()) {
            last = std::min(last, before(leader.time()));
            best = &source;
        } else {
            last = std::min(last, before(file.time()));
        }
    }
    return best;
}

// Whether the row in front goes; it and those behind it that go too are skipped.
Result<bool> MergeRows::erased(const Source& source) {
    FileRows& file = files_[source.file];
    const auto span = std::find_if(spans_.begin(), spans_.end(),
                                   [&](const auto& one) { return one.holds(file.time()); });
    if (span == spans_.end()) return false;
    last_ = file.time();
    TRY_VOID(file.skip(1));
    ++merged_.erased;
    return true;
}

Error MergeRows::disorder(const Source& source) const {
    return {Errc::io_failed, paths_[source.file] + ": rows of " + series_[at_].device + "/" +
                                 series_[at_].signal + " are not in the order of time"};
}

void MergeRows::note(const MergeRun& run) {
    merged_.rows += run.size;
    merged_.time_min = std::min(merged_.time_min, Timestamp{run.times[0]});
    merged_.time_max = std::max(merged_.time_max, Timestamp{run.times[run.size - 1]});
    const std::string& device = series_[at_].device;
    if (merged_.device_first.empty()) merged_.device_first = device;
    merged_.device_last = device;
    last_ = Timestamp{run.times[run.size - 1]};
}

}  // namespace mw::segments
