#include "data/segments/series_directory.h"

#include <algorithm>
#include <array>

namespace mw::segments {
namespace {

Error bad_dictionary() { return Error{Errc::corrupt, "a dictionary without all its entries"}; }

Result<std::vector<std::string>> texts_of(const Bytes& dictionary) {
    std::vector<std::string> texts;
    for (std::size_t at = 0; at < dictionary.size();) {
        if (dictionary.size() - at < 4) return bad_dictionary();
        const std::size_t size = load_le<std::uint32_t>(&dictionary[at]);
        at += 4;
        if (size > dictionary.size() - at) return bad_dictionary();
        texts.emplace_back(text_of(ByteView(dictionary).subspan(at, size)));
        at += size;
    }
    return texts;
}

std::uint64_t number_at(const Bytes& dictionary, std::uint32_t code) {
    return load_le<std::uint64_t>(&dictionary[code * sizeof(std::uint64_t)]);
}

bool codes_below(const RowRuns& runs, std::size_t entries) {
    return std::all_of(runs.all().begin(), runs.all().end(),
                       [entries](const RowRuns::Run& run) { return run.value < entries; });
}

constexpr std::size_t number_columns = 3;
using Columns = std::array<const ColumnPage*, number_columns + series_texts>;

Columns columns_of(const SeriesDirectory::Pages& pages) {
    Columns columns{&pages.series, &pages.device_id, &pages.divisor};
    for (std::size_t i = 0; i < series_texts; ++i) columns[number_columns + i] = &pages.texts[i];
    return columns;
}

}  // namespace

Result<SeriesDirectory> SeriesDirectory::make(const Pages& pages) {
    SeriesDirectory directory;
    const Columns columns = columns_of(pages);
    for (std::size_t i = 0; i < columns.size(); ++i) {
        std::size_t entries = columns[i]->dictionary.size() / sizeof(std::uint64_t);
        if (i >= number_columns) {
            auto& texts = directory.texts_[i - number_columns];
            TRY(texts, texts_of(columns[i]->dictionary));
            entries = texts.size();
        }
        if (!codes_below(columns[i]->codes, entries)) return bad_dictionary();
    }
    std::array<std::size_t, columns.size()> at{};
    for (std::uint32_t row = 0; row < pages.series.rows;) {
        SeriesRows rows{.begin = row, .end = pages.series.rows};
        std::array<std::uint32_t, columns.size()> code;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const auto runs = columns[i]->codes.all();
            if (at[i] == runs.size()) return bad_dictionary();
            code[i] = runs[at[i]].value;
            rows.end = std::min(rows.end, runs[at[i]].end);
        }
        for (std::size_t i = 0; i < columns.size(); ++i)
            if (columns[i]->codes.all()[at[i]].end == rows.end) ++at[i];
        rows.series = number_at(pages.series.dictionary, code[0]);
        rows.device_id = number_at(pages.device_id.dictionary, code[1]);
        rows.divisor = std::bit_cast<double>(number_at(pages.divisor.dictionary, code[2]));
        std::copy_n(&code[number_columns], series_texts, rows.texts);
        directory.entries_.push_back(rows);
        row = rows.end;
    }
    return directory;
}

std::size_t SeriesDirectory::bytes() const {
    std::size_t bytes = sizeof *this + entries_.size() * sizeof(SeriesRows);
    for (const auto& texts : texts_)
        for (const std::string& text : texts) bytes += sizeof text + text.size();
    return bytes;
}

}  // namespace mw::segments
