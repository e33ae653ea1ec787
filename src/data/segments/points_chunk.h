#pragma once
// The columns of a points file, and rows of runs of one series written into DuckDB's chunks. Texts
// are enumerations: Parquet dictionaries without hashing a single row.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"
#include "data/segments/scaled.h"

namespace mw::segments {

// Texts in order of appearance, each once.
class Dictionary {
 public:
    std::uint32_t code(const std::string& text) {
        const auto [at, made] = codes_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
        if (made) texts_.push_back(text);
        return at->second;
    }
    const std::vector<std::string>& texts() const { return texts_; }

 private:
    std::unordered_map<std::string, std::uint32_t> codes_;
    std::vector<std::string> texts_;
};

enum class PointText : std::uint8_t { device, signal, unit, asset, site };
inline constexpr std::size_t point_texts = 5;
using PointDictionaries = std::array<Dictionary, point_texts>;

// What all rows of a run have in common.
struct RunKeys {
    std::uint64_t series = 0;
    std::uint64_t device_key = 0;
    int exponent = -1;  // of the divisor; -1: raw
    std::array<std::uint32_t, point_texts> texts{};
};

std::vector<duckdb::Column> point_file_columns(const PointDictionaries& dictionaries);

class PointsChunk {
 public:
    PointsChunk(const PointDictionaries& dictionaries, const std::vector<std::size_t>& wanted);

    // In front of a chunk's rows; then runs, one behind the other; then finish().
    void begin();
    void write(duckdb::OutputChunk& out, std::size_t to, const RunKeys& keys,
               const history::Columns& rows);
    void finish(duckdb::OutputChunk& out) const;

 private:
    void write_values(duckdb::OutputChunk& out, std::size_t to, int exponent,
                      std::span<const double> values);
    const PointDictionaries& dictionaries_;
    static constexpr std::size_t columns = 12;
    std::size_t at_[columns];
    std::uint64_t scaled_[duckdb::chunk_rows_max / 64] = {};
};

}  // namespace mw::segments
