#include "data/history/records.h"

#include <algorithm>
#include <cstring>

#include "data/history/byte_cursor.h"

namespace mw::history::records {
namespace {

constexpr std::size_t points_head = 32;
constexpr std::size_t run_bytes = 8;
constexpr std::size_t decision_head = 72;
constexpr std::uint8_t flag_shared_times = 1;
constexpr std::uint8_t flag_one_quality = 2;
constexpr std::uint8_t flag_replayed = 4;
constexpr std::uint8_t flag_boxes = 8;
constexpr std::uint32_t run_is_boxed = 0x8000'0000;  // beside its points, where there are boxes

bool same_times(const Batch& batch) {
    if (batch.runs.size() < 2) return false;
    const auto& first = batch.runs.front();
    auto length = first.end - first.begin;
    return std::all_of(batch.runs.begin() + 1, batch.runs.end(), [&](const Run& run) {
        return run.end - run.begin == length &&
               std::memcmp(&batch.times[run.begin], &batch.times[first.begin],
                           length * sizeof(Timestamp)) == 0;
    });
}

std::size_t points_of(const Batch& batch) {
    std::size_t points = 0;
    for (const auto& run : batch.runs) points += run.end - run.begin;
    return points;
}

bool same_quality(const Batch& batch) {
    return std::all_of(batch.quality.begin(), batch.quality.end(),
                       [&](Quality q) { return q == batch.quality.front(); });
}

Error broken(const FieldReader& reader, const char* what) {
    return {Errc::corrupt, std::string("history frame: ") + what + " near offset " +
                               std::to_string(reader.offset())};
}

void encode_boxes(const BoxList& boxes, FieldWriter& out) {
    out.put(static_cast<std::uint32_t>(boxes.integers().size()));
    out.put(static_cast<std::uint32_t>(boxes.texts()));
    for (const auto integer : boxes.integers()) out.put(integer);
    for (const auto end : boxes.ends()) out.put(end);
    out.raw(boxes.characters().data(), boxes.characters().size());
}

Result<Record> decode_series(FieldReader reader) {
    Series series;
    series.type = value_type_of(reader.get<std::uint8_t>());
    reader.bytes(2);
    series.ref.index = reader.get<std::uint32_t>();
    reader.texts(series.device, series.signal, series.unit);
    if (!reader.at_end()) return broken(reader, "bad series");
    return Record(series);
}

Result<Record> decode_stream(FieldReader reader) {
    Stream stream;
    reader.bytes(3);
    stream.index = reader.get<std::uint32_t>();
    reader.texts(stream.device, stream.stream);
    if (!reader.at_end()) return broken(reader, "bad stream");
    return Record(stream);
}

Result<StoredBoxes> decode_boxes(FieldReader& reader) {
    const auto integers = reader.get<std::uint32_t>();
    const auto texts = reader.get<std::uint32_t>();
    const auto numbers = reader.bytes(std::size_t{integers} * sizeof(std::int64_t));
    const auto ends = reader.bytes(std::size_t{texts} * sizeof(std::uint32_t));
    if (!reader.ok()) return broken(reader, "bad boxes");
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < texts; ++i) {
        const auto end = load_le<std::uint32_t>(ends.data() + i * sizeof(std::uint32_t));
        if (end < last) return broken(reader, "texts that end before they begin");
        last = end;
    }
    return StoredBoxes(numbers, ends, reader.bytes(last));
}

Result<Record> decode_points(FieldReader reader) {
    Points points;
    auto flags = reader.get<std::uint8_t>();
    points.shared_times = flags & flag_shared_times;
    points.one_quality = flags & flag_one_quality;
    points.replayed = flags & flag_replayed;
    auto runs = reader.get<std::uint16_t>();
    points.stream = reader.get<std::uint32_t>();
    points.sequence = reader.get<std::uint64_t>();
    points.arrival.ns = reader.get<std::int64_t>();
    points.points = reader.get<std::uint32_t>();
    reader.bytes(4);
    std::uint64_t sum = 0;
    std::uint32_t longest = 0;
    for (std::size_t i = 0; i < runs && reader.ok(); ++i) {
        RunRef run{{reader.get<std::uint32_t>()}, reader.get<std::uint32_t>()};
        if (flags & flag_boxes) {
            run.boxed = run.points & run_is_boxed;
            run.points &= ~run_is_boxed;
        }
        if (points.shared_times && i > 0 && run.points != longest)
            return broken(reader, "runs of unequal length share their times");
        longest = std::max(longest, run.points);
        sum += run.points;
        points.runs.push_back(run);
    }
    if (sum != points.points) return broken(reader, "runs do not add up to the points");
    auto times = points.shared_times ? longest : points.points;
    points.times = reader.bytes(std::size_t{times} * sizeof(Timestamp));
    points.values = reader.bytes(std::size_t{points.points} * sizeof(double));
    points.quality = reader.bytes(points.one_quality ? 1 : points.points);
    if (flags & flag_boxes) {
        TRY(points.boxes, decode_boxes(reader));
    }
    if (!reader.at_end()) return broken(reader, "bad columns");
    return Record(std::move(points));
}

Result<Record> decode_decision(FieldReader reader) {
    StoredDecision stored;
    auto& d = stored.decision;
    reader.bytes(3);
    stored.stream = reader.get<std::uint32_t>();
    d.position.sequence = reader.get<std::uint64_t>();
    d.window_from.ns = reader.get<std::int64_t>();
    d.window_to.ns = reader.get<std::int64_t>();
    d.samples = reader.get<std::uint32_t>();
    d.inputs_quality.code = reader.get<std::uint8_t>();
    d.decision = reader.get<std::uint8_t>() != 0;
    reader.bytes(2);
    d.score = reader.get<double>();
    d.latency_us = reader.get<double>();
    reader.bytes(2);
    reader.texts(d.device.text, d.asset, d.use_case, d.model, d.version, d.bundle_hash, d.fallback);
    if (!reader.at_end()) return broken(reader, "bad decision");
    return Record(std::move(stored));
}

}  // namespace

std::size_t series_bytes(const Series& s) {
    return 8 + 6 + s.device.size() + s.signal.size() + s.unit.size();
}

void encode_series(const Series& s, std::span<std::uint8_t> into) {
    FieldWriter out(into);
    out.put(std::uint32_t(Kind::series) | std::uint32_t(s.type) << 8);
    out.put(s.ref.index);
    out.texts(s.device, s.signal, s.unit);
}

std::size_t stream_bytes(const Stream& s) { return 8 + 4 + s.device.size() + s.stream.size(); }

void encode_stream(const Stream& s, std::span<std::uint8_t> into) {
    FieldWriter out(into);
    out.put(std::uint32_t(Kind::stream));
    out.put(s.index);
    out.texts(s.device, s.stream);
}

PointsShape shape_of(const Batch& batch) {
    PointsShape shape;
    auto points = points_of(batch);
    shape.shared_times = same_times(batch);
    shape.one_quality = points > 0 && same_quality(batch);
    auto times = shape.shared_times ? batch.runs.front().end - batch.runs.front().begin : points;
    shape.bytes = points_head + batch.runs.size() * run_bytes + times * sizeof(Timestamp) +
                  points * sizeof(double) + (shape.one_quality ? 1 : points);
    if (!batch.boxes.empty()) shape.bytes += 2 * sizeof(std::uint32_t) + batch.boxes.bytes();
    return shape;
}

void encode_points(const Batch& batch, std::span<const SeriesRef> series, std::uint32_t stream,
                   const PointsShape& shape, std::span<std::uint8_t> into) {
    FieldWriter out(into);
    out.put(std::uint8_t(Kind::points));
    out.put(static_cast<std::uint8_t>(
        (shape.shared_times ? flag_shared_times : 0) | (shape.one_quality ? flag_one_quality : 0) |
        (batch.replayed ? flag_replayed : 0) | (batch.boxes.empty() ? 0 : flag_boxes)));
    out.put(static_cast<std::uint16_t>(batch.runs.size()));
    out.put(stream);
    out.put(batch.position.sequence);
    out.put(batch.arrival.ns);
    out.put(static_cast<std::uint32_t>(points_of(batch)));
    out.put(std::uint32_t{0});
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        out.put(series[i].index);
        const bool boxed = batch.runs[i].boxed && !batch.boxes.empty();
        out.put((batch.runs[i].end - batch.runs[i].begin) | (boxed ? run_is_boxed : 0));
    }
    auto column = [&](const auto& values, std::size_t runs) {
        for (std::size_t i = 0; i < runs; ++i) {
            const auto& run = batch.runs[i];
            out.raw(values.data() + run.begin, (run.end - run.begin) * sizeof values[0]);
        }
    };
    column(batch.times, shape.shared_times ? 1 : batch.runs.size());
    column(batch.values, batch.runs.size());
    if (shape.one_quality)
        out.put(batch.quality.front().code);
    else
        column(batch.quality, batch.runs.size());
    if (!batch.boxes.empty()) encode_boxes(batch.boxes, out);
}

std::size_t decision_bytes(const Decision& d) {
    return decision_head + d.device.text.size() + d.asset.size() + d.use_case.size() +
           d.model.size() + d.version.size() + d.bundle_hash.size() + d.fallback.size();
}

void encode_decision(const Decision& d, std::uint32_t stream, std::span<std::uint8_t> into) {
    FieldWriter out(into);
    out.put(std::uint32_t(Kind::decision));
    out.put(stream);
    out.put(d.position.sequence);
    out.put(d.window_from.ns);
    out.put(d.window_to.ns);
    out.put(d.samples);
    out.put(d.inputs_quality.code);
    out.put(std::uint8_t(d.decision));
    out.put(std::uint16_t{0});
    out.put(d.score);
    out.put(d.latency_us);
    out.put(std::uint16_t{0});
    out.texts(d.device.text, d.asset, d.use_case, d.model, d.version, d.bundle_hash, d.fallback);
}

Result<Record> decode(ByteView payload) {
    FieldReader reader(payload);
    switch (Kind{reader.get<std::uint8_t>()}) {
        case Kind::series:
            return decode_series(reader);
        case Kind::stream:
            return decode_stream(reader);
        case Kind::points:
            return decode_points(reader);
        case Kind::decision:
            return decode_decision(reader);
    }
    return broken(reader, "unknown kind");
}

std::optional<std::string_view> StoredBoxes::text_at(std::uint64_t place) const {
    constexpr std::size_t size = sizeof(std::uint32_t);
    if (place >= ends_.size() / size) return std::nullopt;
    const auto end_of = [&](std::uint64_t i) {
        return load_le<std::uint32_t>(ends_.data() + i * size);
    };
    const std::size_t begin = place == 0 ? 0 : end_of(place - 1);
    return text_of(characters_.subspan(begin, end_of(place) - begin));
}

std::optional<std::int64_t> StoredBoxes::integer_at(std::uint64_t place) const {
    constexpr std::size_t size = sizeof(std::int64_t);
    if (place >= integers_.size() / size) return std::nullopt;
    return load_le<std::int64_t>(integers_.data() + place * size);
}

Columns RunReader::read(const Points& points, std::uint32_t at, const RunRef& run) {
    const auto count = run.points;
    times_.resize(count);
    values_.resize(count);
    quality_.resize(count);
    if (count == 0) return {};
    auto from = points.shared_times ? 0 : std::size_t{at};
    std::memcpy(times_.data(), points.times.data() + from * sizeof(Timestamp),
                count * sizeof(Timestamp));
    std::memcpy(values_.data(), points.values.data() + std::size_t{at} * sizeof(double),
                count * sizeof(double));
    if (points.one_quality)
        std::fill(quality_.begin(), quality_.end(), Quality{points.quality[0]});
    else
        std::memcpy(quality_.data(), points.quality.data() + at, count);
    return {times_, values_, quality_, run.boxed ? &points.boxes : nullptr};
}

}  // namespace mw::history::records
