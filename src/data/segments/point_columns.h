#pragma once
// Columns of a row group while it grows. Each knows how it becomes a chunk.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "data/segments/parquet_encodings.h"
#include "data/segments/parquet_file.h"
#include "data/segments/scaled.h"

namespace mw::segments {

// A number as PLAIN bytes, for a chunk's range; lives as long as the number.
template <class T>
std::string_view plain(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Few values, long runs: a dictionary and codes.
class DictionaryColumn {
 public:
    // The next `count` rows have the value of `code`.
    void add(std::uint32_t code, std::size_t count) {
        add_run(runs_, code, static_cast<std::uint32_t>(count));
        rows_ += static_cast<std::uint32_t>(count);
    }
    std::uint32_t entries() const { return entries_; }
    // A new entry, PLAIN; its code is the number of entries before.
    template <class T>
    std::uint32_t enter(T value) {
        const std::size_t at = dictionary_.size();
        dictionary_.resize(at + sizeof value);
        store_le(dictionary_.data() + at, value);
        return entries_++;
    }
    std::uint32_t enter(std::string_view text);
    // The chunk; lives until the next call.
    ParquetChunk chunk();
    void clear();

 private:
    Bytes dictionary_;
    std::uint32_t entries_ = 0;
    std::vector<CodeRun> runs_;
    std::uint32_t rows_ = 0;
    Bytes codes_;
};

// A key of series or devices: equal ones stand together, so a new one is a new entry.
class KeyColumn {
 public:
    void add(std::uint64_t key, std::size_t count);
    ParquetChunk chunk();
    void clear() { column_.clear(); }

 private:
    DictionaryColumn column_;
    std::uint64_t last_ = 0;
};

class TextColumn {
 public:
    void add(const std::string& text, std::size_t count);
    ParquetChunk chunk();  // without a range
    ParquetChunk ranged_chunk();
    void clear();

 private:
    DictionaryColumn column_;
    std::unordered_map<std::string, std::uint32_t> codes_;
    const std::pair<const std::string, std::uint32_t>* last_ = nullptr;
    std::string smallest_, largest_;
};

// A byte a row, or what a byte stands for.
class ByteColumn {
 public:
    // What `code` means, as it stands in the dictionary.
    template <class T>
    void add(std::uint8_t code, T value, std::size_t count) {
        if (entry_[code] == none) entry_[code] = column_.enter(value);
        column_.add(entry_[code], count);
        smallest_ = std::min<std::int32_t>(smallest_, code);
        largest_ = std::max<std::int32_t>(largest_, code);
    }
    ParquetChunk chunk();  // without a range
    ParquetChunk ranged_chunk();
    void clear();

 private:
    static constexpr std::uint32_t none = ~0u;
    DictionaryColumn column_;
    std::array<std::uint32_t, 256> entry_ = filled();
    std::int32_t smallest_ = 255, largest_ = 0;
    static std::array<std::uint32_t, 256> filled() {
        std::array<std::uint32_t, 256> entries;
        entries.fill(none);
        return entries;
    }
};

// Which rows of an optional column have a value.
class Levels {
 public:
    void add(bool present, std::size_t count) {
        add_run(runs_, present, static_cast<std::uint32_t>(count));
        (present ? present_ : nulls_) += static_cast<std::uint32_t>(count);
    }
    void describe(ParquetChunk& chunk);
    void clear();

 private:
    std::vector<CodeRun> runs_;
    std::uint32_t present_ = 0, nulls_ = 0;
    Bytes bytes_;
};

inline constexpr std::size_t series_texts = 5;

// What rows of a series have in common. The texts outlive the series at hand.
struct SeriesNames {
    std::uint64_t series = 0;
    const std::string* texts[series_texts] = {};  // device, signal, unit, asset, site
    const std::string& device() const { return *texts[0]; }
    bool operator==(const SeriesNames& other) const;
};

// The schema of a file whose rows are of series: NameColumns around what is `between`.
template <std::size_t size>
constexpr std::array<ParquetColumn, size + 2 + series_texts> with_names(
    const ParquetColumn (&between)[size]) {
    constexpr auto key = ConvertedType::uint_64;
    std::array<ParquetColumn, size + 2 + series_texts> columns{};
    columns[0] = {"series", PhysicalType::int64, key};
    columns[1] = {"device_id", PhysicalType::int64, key};
    std::copy(std::begin(between), std::end(between), columns.begin() + 2);
    std::size_t at = size + 2;
    for (const char* name : {"device", "signal", "unit", "asset", "site"})
        columns[at++] = {name, PhysicalType::byte_array, ConvertedType::utf8};
    return columns;
}

// Two keys in front, five texts at the end.
class NameColumns {
 public:
    // True: the first rows of a device.
    bool add(const SeriesNames& names, std::size_t count);
    void add_keys(ParquetFile& file);
    void add_texts(ParquetFile& file);
    void clear();

 private:
    std::string device_;  // the last one
    std::uint64_t device_key_ = 0;
    KeyColumn series_, devices_;
    TextColumn texts_[series_texts];
};

// Times of one series after the other. The signals of a device are often sampled together: while
// they are, their times are laid out so that zstd finds each series to be the one before.
class TimeColumn {
 public:
    void add(std::span<const std::int64_t> times, bool first_of_device);
    ParquetChunk chunk();
    void clear();

 private:
    DeltaEncoder times_;
    std::uint64_t seen_[3] = {};  // first, last, number: of the series before
    bool shared_ = false;
    std::int64_t smallest_ = std::numeric_limits<std::int64_t>::max();
    std::int64_t largest_ = std::numeric_limits<std::int64_t>::min();
};

// Numbers as m above a divisor, or raw where that is not exact: two columns, of which a row has
// one.
class ScaledColumn {
 public:
    void add(const ScaledSeries& scaled, std::span<const double> values, std::size_t begin,
             std::size_t end);
    void add_nulls(std::size_t count);
    ParquetChunk scaled_chunk();
    ParquetChunk raw_chunk();
    void clear();

 private:
    DeltaEncoder integers_;
    Levels has_integer_, has_raw_;
    std::vector<double> raw_;
};

// Texts of the rows that have one.
class OptionalTextColumn {
 public:
    void add(std::string_view text);
    void add_nulls(std::size_t count) { has_text_.add(false, count); }
    ParquetChunk chunk();
    void clear();

 private:
    DictionaryColumn column_;
    std::unordered_map<std::string, std::uint32_t> codes_;
    Levels has_text_;
};

// Integers of the rows that have one.
class OptionalIntegerColumn {
 public:
    void add(std::int64_t value) {
        integers_.append({&value, 1});
        has_integer_.add(true, 1);
    }
    void add_nulls(std::size_t count) { has_integer_.add(false, count); }
    ParquetChunk chunk();
    void clear();

 private:
    DeltaEncoder integers_;
    Levels has_integer_;
};

// PLAIN, and not BYTE_STREAM_SPLIT: hyparquet can't read that in compressed pages of version 2.
inline ByteView plain_bytes(const std::vector<double>& values) {
    return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(double)};
}

// Times as the int64 that they are.
inline std::span<const std::int64_t> nanoseconds_of(std::span<const Timestamp> times) {
    static_assert(sizeof(Timestamp) == sizeof(std::int64_t));
    return {&times.data()->ns, times.size()};
}

}  // namespace mw::segments
