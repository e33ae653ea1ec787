#include "data/segments/points_file.h"

#include <bit>
#include <cstring>

#include "data/segments/point_columns.h"
#include "data/segments/scaled.h"
#include "data/segments/segments.h"

namespace mw::segments {
namespace {

constexpr ParquetColumn point_schema[] = {
    {"series", PhysicalType::int64, ConvertedType::uint_64},
    {"device_id", PhysicalType::int64, ConvertedType::uint_64},
    {"time", PhysicalType::int64, ConvertedType::timestamp_ns},
    {"m", PhysicalType::int64, ConvertedType::int_64, true},
    {"d", PhysicalType::double_},
    {"raw", PhysicalType::double_, ConvertedType::none, true},
    {"quality", PhysicalType::int32, ConvertedType::uint_8},
    {"device", PhysicalType::byte_array, ConvertedType::utf8},
    {"signal", PhysicalType::byte_array, ConvertedType::utf8},
    {"unit", PhysicalType::byte_array, ConvertedType::utf8},
    {"asset", PhysicalType::byte_array, ConvertedType::utf8},
    {"site", PhysicalType::byte_array, ConvertedType::utf8},
};
constexpr std::size_t text_columns = 5;
constexpr std::int64_t time_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t time_max = std::numeric_limits<std::int64_t>::max();

// Times as the int64 that they are.
std::span<const std::int64_t> nanoseconds_of(std::span<const Timestamp> times) {
    static_assert(sizeof(Timestamp) == sizeof(std::int64_t));
    return {&times.data()->ns, times.size()};
}

// Below every difference of times in a series of this length, and the same for its like: see
// DeltaEncoder::append.
std::int64_t floor_of(std::span<const std::int64_t> times) {
    const auto span =
        static_cast<std::uint64_t>(times.back()) - static_cast<std::uint64_t>(times.front());
    return span >> 62 ? time_min : -static_cast<std::int64_t>(std::bit_ceil(span + 1));
}

// Steps of one length, as far as a few looks tell: such times need no bits at all.
bool is_regular(std::span<const std::int64_t> times) {
    const std::size_t last = times.size() - 1;
    if (last < 2) return true;
    const auto at = [&](std::size_t row) { return static_cast<std::uint64_t>(times[row]); };
    const std::uint64_t step = at(1) - at(0);
    return at(last) - at(0) == step * last && at(last / 2) - at(0) == step * (last / 2) &&
           at(last) - at(last - 1) == step;
}

class PointsFile {
 public:
    explicit PointsFile(ParquetFile file) : file_(std::move(file)) {}

    Result<> add(const history::SortedSeries& series);
    Result<std::uint64_t> finish();

 private:
    void add_names(const history::SortedSeries& series, std::size_t count);
    void add_times(std::span<const std::int64_t> times);
    void add_quality(std::span<const Quality> quality);
    void add_values(std::span<const double> values, std::size_t begin, std::size_t end);
    Result<> end_group();
    ParquetChunk time_chunk();
    ParquetChunk scaled_chunk();
    ParquetChunk raw_chunk();
    void clear();

    ParquetFile file_;
    std::uint64_t rows_total_ = 0;
    std::size_t rows_ = 0;  // of the group at hand

    ScaledSeries scaled_;  // the series at hand
    std::string device_;   // the last one
    std::uint64_t device_key_ = 0;
    bool first_of_device_ = false;
    std::uint64_t times_seen_[3] = {};  // first, last, number: of the series before
    bool times_shared_ = false;
    std::int64_t time_range_[2] = {time_max, time_min};  // of the group at hand

    KeyColumn series_, devices_;
    DeltaEncoder times_, integers_;
    Levels has_integer_, has_raw_;
    std::vector<double> raw_;
    Bytes raw_bytes_;
    ByteColumn divisors_, quality_;
    TextColumn texts_[text_columns];
};

Result<> PointsFile::add(const history::SortedSeries& series) {
    const std::size_t size = series.rows.size();
    scaled_.set(series.rows.values);
    for (std::size_t begin = 0; begin < size;) {
        if (rows_ >= group_rows_max / 2 && size - begin > group_rows_max - rows_)
            TRY_VOID(end_group());
        const std::size_t count = std::min(size - begin, group_rows_max - rows_);
        add_names(series, count);
        add_times(nanoseconds_of(series.rows.times.subspan(begin, count)));
        add_values(series.rows.values, begin, begin + count);
        add_quality(series.rows.quality.subspan(begin, count));
        rows_ += count;
        begin += count;
    }
    return {};
}

void PointsFile::add_names(const history::SortedSeries& series, std::size_t count) {
    const history::SeriesEntry& entry = *series.series;
    first_of_device_ = device_key_ == 0 || entry.device != device_;
    if (first_of_device_) {
        device_ = entry.device;
        device_key_ = device_id(device_);
    }
    series_.add(entry.id.value, count);
    devices_.add(device_key_, count);
    const std::string* texts[text_columns] = {&entry.device, &entry.signal, &entry.unit,
                                              &series.context->asset, &series.context->site};
    for (std::size_t i = 0; i < text_columns; ++i) texts_[i].add(*texts[i], count);
}

// The signals of a device are often sampled together. While they are, their times are laid out so
// that zstd finds each series of a device to be the one before.
void PointsFile::add_times(std::span<const std::int64_t> times) {
    const std::uint64_t seen[3] = {static_cast<std::uint64_t>(times.front()),
                                   static_cast<std::uint64_t>(times.back()), times.size()};
    const bool same = std::equal(std::begin(seen), std::end(seen), times_seen_);
    if (!first_of_device_) times_shared_ = same;
    std::copy(std::begin(seen), std::end(seen), times_seen_);
    time_range_[0] = std::min(time_range_[0], times.front());
    time_range_[1] = std::max(time_range_[1], times.back());
    if (times_shared_ && !is_regular(times))
        times_.append(times, floor_of(times));
    else
        times_.append(times);
}

void PointsFile::add_values(std::span<const double> values, std::size_t begin, std::size_t end) {
    divisors_.add(static_cast<std::uint8_t>(std::max(scaled_.exponent(), 0)),
                  power_of_ten[std::max(scaled_.exponent(), 0)], end - begin);
    while (begin < end) {
        const bool exact = scaled_.exact(begin);
        const std::size_t stop = scaled_.end_of_run(begin, end);
        has_integer_.add(exact, stop - begin);
        has_raw_.add(!exact, stop - begin);
        if (exact)
            integers_.append(scaled_.integers().subspan(begin, stop - begin));
        else
            raw_.insert(raw_.end(), values.begin() + begin, values.begin() + stop);
        begin = stop;
    }
}

void PointsFile::add_quality(std::span<const Quality> quality) {
    for (std::size_t i = 0; i < quality.size();) {
        const std::uint8_t code = quality[i].code;
        std::size_t stop = i + 1;
        while (stop < quality.size() && quality[stop].code == code) ++stop;
        quality_.add(code, std::int32_t{code}, stop - i);
        i = stop;
    }
}

ParquetChunk PointsFile::time_chunk() {
    ParquetChunk chunk{.values = times_.finish(),
                       .encoding = Encoding::delta_binary_packed,
                       .rows = static_cast<std::uint32_t>(rows_)};
    // DuckDB splits ranges into day and time, and can't open a file whose first day begins before
    // an int64 of nanoseconds does.
    constexpr std::int64_t margin = 86'400'000'000'000;
    if (time_range_[0] >= time_min + margin && time_range_[1] <= time_max - margin)
        chunk.range.emplace(plain(time_range_[0]), plain(time_range_[1]));
    return chunk;
}

ParquetChunk PointsFile::scaled_chunk() {
    ParquetChunk chunk;
    has_integer_.describe(chunk);
    chunk.values = integers_.finish();
    if (!chunk.values.empty()) chunk.encoding = Encoding::delta_binary_packed;
    return chunk;
}

ParquetChunk PointsFile::raw_chunk() {
    ParquetChunk chunk;
    has_raw_.describe(chunk);
    // PLAIN: hyparquet can't read BYTE_STREAM_SPLIT in compressed pages of version 2.
    raw_bytes_.resize(raw_.size() * sizeof(double));
    if (!raw_.empty()) std::memcpy(raw_bytes_.data(), raw_.data(), raw_bytes_.size());
    chunk.values = raw_bytes_;
    return chunk;
}

Result<> PointsFile::end_group() {
    const auto rows = static_cast<std::uint32_t>(rows_);
    file_.add_chunk(series_.chunk());
    file_.add_chunk(devices_.chunk());
    file_.add_chunk(time_chunk());
    file_.add_chunk(scaled_chunk());
    file_.add_chunk(divisors_.chunk());
    file_.add_chunk(raw_chunk());
    file_.add_chunk(quality_.ranged_chunk());
    for (TextColumn& text : texts_) file_.add_chunk(text.chunk());
    TRY_VOID(file_.end_row_group(rows));
    rows_total_ += rows_;
    clear();
    return {};
}

void PointsFile::clear() {
    rows_ = 0;
    time_range_[0] = time_max;
    time_range_[1] = time_min;
    series_.clear();
    devices_.clear();
    times_.clear();
    integers_.clear();
    has_integer_.clear();
    has_raw_.clear();
    raw_.clear();
    divisors_.clear();
    quality_.clear();
    for (TextColumn& text : texts_) text.clear();
}

Result<std::uint64_t> PointsFile::finish() {
    if (rows_ > 0) TRY_VOID(end_group());
    TRY_VOID(file_.finish(
        {{"format", "millwright.points"}, {"version", "1"}, {"writer", "millwright"}}));
    return rows_total_;
}

Result<std::uint64_t> write_all(ParquetFile parquet, history::SortedPoints& points) {
    PointsFile file(std::move(parquet));
    history::SortedSeries series;
    while (points.next(series)) TRY_VOID(file.add(series));
    return file.finish();
}

}  // namespace

Result<std::uint64_t> write_points_file(files::Files& files, const std::string& path,
                                        history::SortedPoints& points, Compressor& zstd) {
    TRY(auto file, ParquetFile::create(files, path, point_schema, zstd));
    auto written = write_all(std::move(file), points);
    if (!written) ignore(files.remove(path), "give the space back");
    return written;
}

}  // namespace mw::segments
