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

std::vector<std::uint64_t> numbers_of(const Bytes& dictionary) {
    std::vector<std::uint64_t> numbers(dictionary.size() / sizeof(std::uint64_t));
    for (std::uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = number_at(dictionary, i);
    return numbers;
}

// By number of the text: whether it is asked for.
std::vector<bool> among(const std::vector<std::string>& texts,
                        const SeriesDirectory::Names& wanted) {
    std::vector<bool> all(texts.size(), !wanted);
    if (wanted)
        for (std::size_t i = 0; i < texts.size(); ++i)
            all[i] = std::binary_search(wanted->begin(), wanted->end(), texts[i]);
    return all;
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
    directory.entries_.reserve(pages.series.codes.all().size() + 1);
    std::array<std::size_t, columns.size()> at{};
    for (std::uint32_t row = 0; row < pages.series.rows;) {
        Entry entry{.begin = row};
        std::uint32_t end = pages.series.rows;
        std::array<std::uint32_t, columns.size()> code;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const auto runs = columns[i]->codes.all();
            if (at[i] == runs.size()) return bad_dictionary();
            code[i] = runs[at[i]].value;
            end = std::min(end, runs[at[i]].end);
        }
        for (std::size_t i = 0; i < columns.size(); ++i)
            if (columns[i]->codes.all()[at[i]].end == end) ++at[i];
        entry.series = number_at(pages.series.dictionary, code[0]);
        entry.device_id = code[1];
        entry.divisor = code[2];
        std::copy_n(&code[number_columns], series_texts, entry.texts);
        directory.entries_.push_back(entry);
        row = end;
    }
    directory.entries_.push_back({.begin = pages.series.rows});
    directory.device_ids_ = numbers_of(pages.device_id.dictionary);
    for (const std::uint64_t bits : numbers_of(pages.divisor.dictionary))
        directory.divisors_.push_back(std::bit_cast<double>(bits));
    directory.index_devices();
    return directory;
}

// Our writers sort rows by device and number its names as they come.
void SeriesDirectory::index_devices() {
    const auto& names = texts_[0];
    if (!std::is_sorted(names.begin(), names.end())) return;
    std::vector<std::uint32_t> first;
    first.reserve(names.size() + 1);
    for (std::uint32_t i = 0; i + 1 < entries_.size(); ++i) {
        const std::uint32_t device = entries_[i].texts[0];
        if (device + 1 == first.size()) continue;
        if (device != first.size()) return;
        first.push_back(i);
    }
    if (first.size() != names.size()) return;
    first.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
    first_of_device_ = std::move(first);
}

SeriesRows SeriesDirectory::rows_of(std::size_t at) const {
    const Entry& entry = entries_[at];
    SeriesRows rows{.begin = entry.begin, .end = entries_[at + 1].begin};
    std::copy_n(entry.texts, series_texts, rows.texts);
    rows.series = entry.series;
    rows.device_id = device_ids_[entry.device_id];
    rows.divisor = divisors_[entry.divisor];
    return rows;
}

void SeriesDirectory::choose_between(std::size_t first, std::size_t end,
                                     const std::vector<bool>& devices,
                                     const std::vector<bool>& signals,
                                     std::vector<SeriesRows>& out) const {
    for (std::size_t i = first; i < end; ++i)
        if (devices[entries_[i].texts[0]] && signals[entries_[i].texts[1]])
            out.push_back(rows_of(i));
}

std::vector<SeriesRows> SeriesDirectory::choose(const Names& devices, const Names& signals) const {
    std::vector<SeriesRows> chosen;
    const std::vector<bool> of_signals = among(texts_[1], signals);
    const auto& names = texts_[0];
    if (!devices || first_of_device_.empty() || devices->size() > names.size() / 4) {
        choose_between(0, entries_.size() - 1, among(names, devices), of_signals, chosen);
        return chosen;
    }
    const std::vector<bool> any(names.size(), true);
    for (const std::string& device : *devices) {
        const auto at = std::lower_bound(names.begin(), names.end(), device);
        if (at == names.end() || *at != device) continue;
        const auto code = static_cast<std::size_t>(at - names.begin());
        choose_between(first_of_device_[code], first_of_device_[code + 1], any, of_signals, chosen);
    }
    return chosen;
}

std::size_t SeriesDirectory::bytes() const {
    std::size_t bytes = sizeof *this + entries_.size() * sizeof(Entry) +
                        (device_ids_.size() + divisors_.size()) * sizeof(std::uint64_t) +
                        first_of_device_.size() * sizeof(std::uint32_t);
    for (const auto& texts : texts_)
        for (const std::string& text : texts) bytes += sizeof text + text.size();
    return bytes;
}

}  // namespace mw::segments
