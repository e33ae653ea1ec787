#include <algorithm>

#include "data/history/state.h"

namespace mw::history {
namespace {

constexpr std::size_t text_bytes_max = 4096;  // of a name; the log could say 65,535
constexpr std::size_t row_bytes = sizeof(Timestamp) + sizeof(double) + sizeof(Quality);
constexpr std::size_t expected_max = 32;  // the rest of a long batch is fetched as it goes on

Result<> check_texts(std::initializer_list<std::string_view> texts) {
    for (auto text : texts)
        if (text.size() > text_bytes_max)
            return Error{Errc::invalid_input, "a name of " + std::to_string(text.size()) +
                                                  " bytes; at most " +
                                                  std::to_string(text_bytes_max)};
    return {};
}

}  // namespace

Result<SeriesRef> History::State::resolve(const std::string& device, const std::string& signal,
                                          const std::string& unit, ValueType type) {
    auto known = series_.find(device, signal);
    if (known) {
        const auto& entry = series_.at(*known);
        type = widest(entry.type, type);
        if ((unit.empty() || entry.unit == unit) && entry.type == type) return *known;
    }
    TRY_VOID(check_texts({device, signal, unit}));
    if (device.empty()) return Error{Errc::invalid_input, "a series needs a device"};
    if (!known && series_.size() >= options_.series_max)
        return Error{Errc::overloaded, "there are " + std::to_string(series_.size()) +
                                           " series already, the limit (series_max)"};
    auto ref = known.value_or(series_.next());
    const std::string own_unit = unit.empty() && known ? series_.at(*known).unit : unit;
    records::Series record{ref, device, signal, own_unit, type};
    TRY_VOID(log_->append(records::series_bytes(record), [&](std::span<std::uint8_t> into) {
        records::encode_series(record, into);
    }));
    series_.declare(ref, device, signal, own_unit, type);
    undeclared_.push_back(ref);
    return ref;
}

std::optional<Ticket> History::State::stored(const std::string& device,
                                             const StreamPosition& position) const {
    if (position.sequence == 0) return std::nullopt;
    return stored_in(find_stream(device, position.stream), position.sequence);
}

Result<Ticket> History::State::append(const Batch& batch) {
    refs_.clear();
    if (auto ticket = stored(batch.device.text, batch.position)) {
        metrics_.resends.add();
        return *ticket;
    }
    for (const auto& run : batch.runs) {
        TRY(auto ref, resolve(batch.device.text, run.signal, run.unit, run.type));
        refs_.push_back(ref);
    }
    return append(batch, refs_);
}

Result<Ticket> History::State::append(const Batch& batch, std::span<const SeriesRef> series) {
    TRY_VOID(check(batch, series));
    std::optional<std::uint32_t> stream;
    if (batch.position.sequence != 0) {
        stream = find_stream(batch.device.text, batch.position.stream);
        if (auto ticket = stored_in(stream, batch.position.sequence)) {
            metrics_.resends.add();
            return *ticket;
        }
    } else if (batch.size() == 0) {
        return Ticket{};
    }
    auto shape = records::shape_of(batch);
    const auto head_bytes_more = batch.size() * row_bytes + batch.boxes.bytes();
    if (auto admitted = admit(head_bytes_more, shape.bytes); !admitted) {
        metrics_.refused.add(batch.size());
        if (seal_is_due()) begin_seal();
        return std::move(admitted).error();
    }
    if (batch.position.sequence != 0 && !stream) {
        TRY(stream, declare_stream(batch.device.text, batch.position.stream));
    }
    auto fill = [&](std::span<std::uint8_t> into) {
        records::encode_points(batch, series, stream.value_or(records::no_stream), shape, into);
    };
    TRY(auto number, log_->append(shape.bytes, fill));
    if (active_->empty()) active_since_ = parts_.loop.clock().steady();
    insert(batch, series);
    metrics_.points.add(batch.size());
    if (stream) keep_position(*stream, batch.position.sequence, {number});
    if (seal_is_due()) begin_seal();
    return Ticket{number};
}

Result<Ticket> History::State::append(const Decision& decision) {
    const auto& position = decision.position;
    std::optional<std::uint32_t> stream;
    if (position.sequence != 0) {
        stream = find_stream(decision.device.text, position.stream);
        if (auto ticket = stored_in(stream, position.sequence)) {
            metrics_.resends.add();
            return *ticket;
        }
    }
    TRY_VOID(check_texts({decision.device.text, decision.asset, decision.use_case, decision.model,
                          decision.version, decision.bundle_hash, decision.fallback}));
    auto bytes = records::decision_bytes(decision);
    if (auto admitted = admit(sizeof decision + bytes, bytes); !admitted) {
        metrics_.refused.add();
        if (seal_is_due()) begin_seal();
        return std::move(admitted).error();
    }
    if (position.sequence != 0 && !stream) {
        TRY(stream, declare_stream(decision.device.text, position.stream));
    }
    TRY(auto number, log_->append(bytes, [&](std::span<std::uint8_t> into) {
        records::encode_decision(decision, stream.value_or(records::no_stream), into);
    }));
    if (active_->empty()) active_since_ = parts_.loop.clock().steady();
    active_->add(decision);
    metrics_.decisions.add();
    if (stream) keep_position(*stream, position.sequence, {number});
    return Ticket{number};
}

Result<> History::State::check(const Batch& batch, std::span<const SeriesRef> series) const {
    auto wrong = [](std::string why) { return Error{Errc::invalid_input, "batch: " + why}; };
    if (batch.runs.size() != series.size()) return wrong("one series for each run is needed");
    if (batch.runs.size() > 65'535) return wrong("more than 65535 runs");
    if (batch.values.size() != batch.size() || batch.quality.size() != batch.size())
        return wrong("columns of unequal length");
    std::size_t points = 0;
    for (const auto& run : batch.runs) {
        if (run.begin > run.end || run.end > batch.size())
            return wrong("run of " + run.signal + " is outside the columns");
        points += run.end - run.begin;
    }
    if (points != batch.size()) return wrong("runs do not cover the columns once");
    for (auto ref : series)
        if (ref.index >= series_.size()) return wrong("unknown series");
    for (std::size_t i = 0; i < batch.boxes.texts(); ++i)
        if (batch.boxes.text_number(i).size() > text_value_bytes_max)
            return wrong("a text of more than " + std::to_string(text_value_bytes_max) + " bytes");
    return {};
}

Result<> History::State::admit(std::size_t head_bytes_more, std::size_t log_bytes) const {
    if (head_bytes() + head_bytes_more > options_.head_bytes_max) {
        std::string why = seal_failure_ ? "; sealing fails: " + seal_failure_->message
                                        : "; the seal has to catch up";
        return Error{Errc::overloaded, "history holds " + std::to_string(head_bytes()) +
                                           " bytes in memory, the limit is " +
                                           std::to_string(options_.head_bytes_max) + why};
    }
    return log_->admit(log_bytes);
}

Result<std::uint32_t> History::State::declare_stream(const std::string& device,
                                                     const std::string& stream) {
    TRY_VOID(check_texts({device, stream}));
    if (streams_.size() >= options_.streams_max)
        return Error{Errc::overloaded, "there are " + std::to_string(streams_.size()) +
                                           " streams already, the limit (streams_max)"};
    auto index = static_cast<std::uint32_t>(streams_.size());
    records::Stream record{index, device, stream};
    TRY_VOID(log_->append(records::stream_bytes(record), [&](std::span<std::uint8_t> into) {
        records::encode_stream(record, into);
    }));
    set_stream(index, device, stream);
    return index;
}

std::optional<std::uint32_t> History::State::find_stream(const std::string& device,
                                                         const std::string& stream) const {
    scratch_.assign(device);
    scratch_ += '\0';
    scratch_ += stream;
    auto found = stream_index_.find(scratch_);
    if (found == stream_index_.end()) return std::nullopt;
    return found->second;
}

std::optional<Ticket> History::State::stored_in(std::optional<std::uint32_t> stream,
                                                std::uint64_t sequence) const {
    if (!stream || sequence > streams_[*stream].sequence) return std::nullopt;
    return streams_[*stream].ticket;
}

void History::State::keep_position(std::uint32_t index, std::uint64_t sequence, Ticket ticket) {
    auto& stream = streams_[index];
    if (sequence <= stream.sequence) return;
    stream.sequence = sequence;
    stream.ticket = ticket;
    stream.changed = true;
}

void History::State::expect_soon(std::span<const SeriesRef> series) const {
    for (const auto ref : series.first(std::min(series.size(), expected_max))) {
        active_->prefetch_slot(ref);
        prefetch_newest(ref);
    }
}

void History::State::expect_next(std::span<const SeriesRef> series) const {
    for (const auto ref : series.first(std::min(series.size(), expected_max)))
        active_->prefetch_block(ref);
}

// With many series each has a memory of its own: what the next ones need is fetched meanwhile.
void History::State::insert(const Batch& batch, std::span<const SeriesRef> series) {
    constexpr std::size_t step = 2;
    const auto fetch = [&](std::size_t i) {
        if (i + 3 * step < series.size()) {
            active_->prefetch_slot(series[i + 3 * step]);
            prefetch_newest(series[i + 3 * step]);
        }
        if (i + 2 * step < series.size()) active_->prefetch_block(series[i + 2 * step]);
        if (i + step < series.size()) active_->prefetch_rows(series[i + step]);
    };
    for (std::size_t i = 0; i < series.size(); ++i) {
        fetch(i);
        const auto& run = batch.runs[i];
        auto rows = run.end - run.begin;
        insert(series[i], {{batch.times.data() + run.begin, rows},
                           {batch.values.data() + run.begin, rows},
                           {batch.quality.data() + run.begin, rows},
                           run.boxed ? &batch.boxes : nullptr});
    }
}

void History::State::insert(SeriesRef series, const Columns& rows) {
    if (rows.size() == 0) return;
    auto boundary = active_->touched(series) ? time_lowest : newest_time(series);
    auto added = active_->add(series, rows, boundary);
    if (added.late > 0) metrics_.late.add(added.late);
    if (added.replaced > 0) metrics_.replaced.add(added.replaced);
    std::size_t newest = 0;
    for (std::size_t i = 1; i < rows.size(); ++i)
        if (rows.times[i] >= rows.times[newest]) newest = i;  // of equals the last one won
    see_newest(series, rows.times[newest], rows.values[newest], rows.quality[newest], false);
    if (rows.boxes) keep_boxed(series, rows, newest);
}

// What see_newest() may just have taken.
void History::State::keep_boxed(SeriesRef series, const Columns& rows, std::size_t newest) {
    auto& last = newest_[series.index].last;
    if (last.time != rows.times[newest]) return;
    const double value = rows.values[newest];
    if (const auto text = rows.boxes->text(value))
        newest_boxed_[series.index] = std::string(*text);
    else if (const auto integer = rows.boxes->integer(value))
        newest_boxed_[series.index] = *integer;
    else
        return;
    last.boxed = true;
}

void History::State::see_newest(SeriesRef series, Timestamp time, double value, Quality quality,
                                bool boxed) {
    if (series.index >= newest_.size()) newest_.resize(series.index + 1);
    auto& newest = newest_[series.index];
    if (newest.known && time < newest.last.time) return;
    if (newest.last.boxed) newest_boxed_.erase(series.index);
    newest.last.time = time;
    newest.last.value = value;
    newest.last.quality = quality;
    newest.last.boxed = boxed;
    newest.known = newest.changed = true;
}

Timestamp History::State::newest_time(SeriesRef series) const {
    bool known = series.index < newest_.size() && newest_[series.index].known;
    return known ? newest_[series.index].last.time : time_lowest;
}

std::size_t History::State::head_bytes() const {
    return active_->bytes() + (sealing_ ? sealing_->bytes() : 0);
}

void History::State::update_gauges() {
    auto now = figures();
    metrics_.head_points.set(static_cast<double>(now.head_points));
    metrics_.head_bytes.set(static_cast<double>(now.head_bytes));
    metrics_.waiting_bytes.set(static_cast<double>(now.waiting_bytes));
}

}  // namespace mw::history
