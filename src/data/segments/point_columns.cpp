#include "data/segments/point_columns.h"

#include <algorithm>
#include <bit>

#include "data/segments/segments.h"

namespace mw::segments {
namespace {

// Longer names than this leave a row group without a range: the footer is read by every query.
constexpr std::size_t range_text_max = 256;

constexpr std::int64_t time_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t time_max = std::numeric_limits<std::int64_t>::max();

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

}  // namespace

std::uint32_t DictionaryColumn::enter(std::string_view text) {
    enter(static_cast<std::uint32_t>(text.size()));
    dictionary_.insert(dictionary_.end(), text.begin(), text.end());
    return entries_ - 1;
}

ParquetChunk DictionaryColumn::chunk() {
    const unsigned width = width_of_codes(entries_);
    codes_.assign(1, static_cast<std::uint8_t>(width));
    append_runs(codes_, runs_, width);
    return {.dictionary = dictionary_,
            .dictionary_entries = entries_,
            .values = codes_,
            .encoding = Encoding::rle_dictionary,
            .rows = rows_};
}

void DictionaryColumn::clear() {
    dictionary_.clear();
    entries_ = 0;
    runs_.clear();
    rows_ = 0;
}

void KeyColumn::add(std::uint64_t key, std::size_t count) {
    if (column_.entries() == 0 || key != last_) {
        column_.enter(key);
        last_ = key;
    }
    column_.add(column_.entries() - 1, count);
}

ParquetChunk KeyColumn::chunk() { return column_.chunk(); }

void TextColumn::add(const std::string& text, std::size_t count) {
    if (last_ == nullptr || last_->first != text) {
        const auto [at, fresh] = codes_.try_emplace(text, column_.entries());
        if (fresh) {
            column_.enter(std::string_view(text));
            if (at->second == 0 || text < smallest_) smallest_ = text;
            if (at->second == 0 || text > largest_) largest_ = text;
        }
        last_ = &*at;
    }
    column_.add(last_->second, count);
}

ParquetChunk TextColumn::chunk() { return column_.chunk(); }

ParquetChunk TextColumn::ranged_chunk() {
    ParquetChunk chunk = column_.chunk();
    if (smallest_.size() <= range_text_max && largest_.size() <= range_text_max)
        chunk.range.emplace(smallest_, largest_);
    return chunk;
}

void TextColumn::clear() {
    column_.clear();
    codes_.clear();
    last_ = nullptr;
}

ParquetChunk ByteColumn::chunk() { return column_.chunk(); }

ParquetChunk ByteColumn::ranged_chunk() {
    ParquetChunk chunk = column_.chunk();
    chunk.range.emplace(plain(smallest_), plain(largest_));
    return chunk;
}

void ByteColumn::clear() {
    column_.clear();
    entry_ = filled();
    smallest_ = 255;
    largest_ = 0;
}

void Levels::describe(ParquetChunk& chunk) {
    bytes_.clear();
    append_runs(bytes_, runs_, 1);
    chunk.levels = bytes_;
    chunk.rows = present_ + nulls_;
    chunk.nulls = nulls_;
}

void Levels::clear() {
    runs_.clear();
    present_ = nulls_ = 0;
}

bool SeriesNames::operator==(const SeriesNames& other) const {
    return series == other.series &&
           std::equal(std::begin(texts), std::end(texts), std::begin(other.texts),
                      [](const auto* a, const auto* b) { return a == b || *a == *b; });
}

bool NameColumns::add(const SeriesNames& names, std::size_t count) {
    const bool first = device_key_ == 0 || names.device() != device_;
    if (first) {
        device_ = names.device();
        device_key_ = device_id(device_);
    }
    series_.add(names.series, count);
    devices_.add(device_key_, count);
    for (std::size_t i = 0; i < series_texts; ++i) texts_[i].add(*names.texts[i], count);
    return first;
}

void NameColumns::add_keys(ParquetFile& file) {
    file.add_chunk(series_.chunk());
    file.add_chunk(devices_.chunk());
}

void NameColumns::add_texts(ParquetFile& file) {
    // Rows are sorted by device: the other names are all over a row group, their ranges no help.
    file.add_chunk(texts_[0].ranged_chunk());
    for (std::size_t i = 1; i < series_texts; ++i) file.add_chunk(texts_[i].chunk());
}

void NameColumns::clear() {
    series_.clear();
    devices_.clear();
    for (TextColumn& text : texts_) text.clear();
}

void TimeColumn::add(std::span<const std::int64_t> times, bool first_of_device) {
    const std::uint64_t seen[3] = {static_cast<std::uint64_t>(times.front()),
                                   static_cast<std::uint64_t>(times.back()), times.size()};
    const bool same = std::equal(std::begin(seen), std::end(seen), seen_);
    if (!first_of_device) shared_ = same;
    std::copy(std::begin(seen), std::end(seen), seen_);
    smallest_ = std::min(smallest_, times.front());
    largest_ = std::max(largest_, times.back());
    if (shared_ && !is_regular(times))
        times_.append(times, floor_of(times));
    else
        times_.append(times);
}

ParquetChunk TimeColumn::chunk() {
    const auto rows = times_.count();
    ParquetChunk chunk{.values = times_.finish(), .rows = rows};
    if (rows == 0) return chunk;
    chunk.encoding = Encoding::delta_binary_packed;
    // DuckDB splits ranges into day and time, and can't open a file whose first day begins before
    // an int64 of nanoseconds does.
    constexpr std::int64_t margin = 86'400'000'000'000;
    if (smallest_ >= time_min + margin && largest_ <= time_max - margin)
        chunk.range.emplace(plain(smallest_), plain(largest_));
    return chunk;
}

void TimeColumn::clear() {
    times_.clear();
    smallest_ = time_max;
    largest_ = time_min;
}

void ScaledColumn::add(const ScaledSeries& scaled, std::span<const double> values,
                       std::size_t begin, std::size_t end) {
    while (begin < end) {
        const bool exact = scaled.exact(begin);
        const std::size_t stop = scaled.end_of_run(begin, end);
        has_integer_.add(exact, stop - begin);
        has_raw_.add(!exact, stop - begin);
        if (exact)
            integers_.append(scaled.integers().subspan(begin, stop - begin));
        else
            raw_.insert(raw_.end(), values.begin() + begin, values.begin() + stop);
        begin = stop;
    }
}

void ScaledColumn::add_nulls(std::size_t count) {
    has_integer_.add(false, count);
    has_raw_.add(false, count);
}

ParquetChunk ScaledColumn::scaled_chunk() {
    ParquetChunk chunk;
    has_integer_.describe(chunk);
    chunk.values = integers_.finish();
    if (!chunk.values.empty()) chunk.encoding = Encoding::delta_binary_packed;
    return chunk;
}

ParquetChunk ScaledColumn::raw_chunk() {
    ParquetChunk chunk;
    has_raw_.describe(chunk);
    chunk.values = plain_bytes(raw_);
    return chunk;
}

void ScaledColumn::clear() {
    integers_.clear();
    has_integer_.clear();
    has_raw_.clear();
    raw_.clear();
}

void OptionalTextColumn::add(std::string_view text) {
    const auto [at, fresh] = codes_.try_emplace(std::string(text), column_.entries());
    if (fresh) column_.enter(text);
    column_.add(at->second, 1);
    has_text_.add(true, 1);
}

ParquetChunk OptionalTextColumn::chunk() {
    ParquetChunk chunk;
    if (column_.entries() > 0) chunk = column_.chunk();
    has_text_.describe(chunk);
    return chunk;
}

void OptionalTextColumn::clear() {
    column_.clear();
    codes_.clear();
    has_text_.clear();
}

ParquetChunk OptionalIntegerColumn::chunk() {
    ParquetChunk chunk;
    has_integer_.describe(chunk);
    chunk.values = integers_.finish();
    if (!chunk.values.empty()) chunk.encoding = Encoding::delta_binary_packed;
    return chunk;
}

void OptionalIntegerColumn::clear() {
    integers_.clear();
    has_integer_.clear();
}

}  // namespace mw::segments
