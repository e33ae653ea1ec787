#include "data/segments/point_columns.h"

#include <algorithm>

namespace mw::segments {
namespace {

// Longer names than this leave a row group without a range: the footer is read by every query.
constexpr std::size_t range_text_max = 256;

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
    if (column_.entries() == 0) range_[0] = range_[1] = key;
    if (column_.entries() == 0 || key != last_) {
        column_.enter(key);
        range_[0] = std::min(range_[0], key);
        range_[1] = std::max(range_[1], key);
        last_ = key;
    }
    column_.add(column_.entries() - 1, count);
}

ParquetChunk KeyColumn::chunk() {
    ParquetChunk chunk = column_.chunk();
    chunk.range.emplace(plain(range_[0]), plain(range_[1]));
    return chunk;
}

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

ParquetChunk TextColumn::chunk() {
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

}  // namespace mw::segments
