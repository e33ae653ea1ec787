#pragma once
// The payloads of history log frames (docs/formats/history-log.md). Pure functions over bytes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "data/history/head_snapshot.h"
#include "domain/decision.h"
#include "domain/point.h"

namespace mw::history::records {

inline constexpr std::uint32_t no_stream = 0xffffffff;

enum class Kind : std::uint8_t { series = 1, stream = 2, points = 3, decision = 4 };

struct Series {
    SeriesRef ref;
    std::string_view device, signal, unit;
    ValueType type = ValueType::number;
};
struct Stream {
    std::uint32_t index = 0;
    std::string_view device, stream;
};
struct RunRef {
    SeriesRef series;
    std::uint32_t points = 0;
    bool boxed = false;
};
// The boxes of a message as they lie in its record.
class StoredBoxes final : public Boxes {
 public:
    StoredBoxes() = default;
    StoredBoxes(ByteView integers, ByteView ends, ByteView characters)
        : integers_(integers), ends_(ends), characters_(characters) {}

 private:
    std::optional<std::string_view> text_at(std::uint64_t place) const override;
    std::optional<std::int64_t> integer_at(std::uint64_t place) const override;
    ByteView integers_, ends_, characters_;
};
// Columns are unaligned in the bytes; run() copies out.
struct Points {
    std::uint32_t stream = no_stream;
    std::uint64_t sequence = 0;
    Timestamp arrival;
    bool replayed = false;
    bool shared_times = false;
    bool one_quality = false;
    std::uint32_t points = 0;
    std::vector<RunRef> runs;
    ByteView times, values, quality;
    StoredBoxes boxes;
};
struct StoredDecision {
    std::uint32_t stream = no_stream;
    Decision decision;  // position.stream is left empty: `stream` says which
};
using Record = std::variant<Series, Stream, Points, StoredDecision>;

// Texts up to 65,535 bytes each.
std::size_t series_bytes(const Series& series);
void encode_series(const Series& series, std::span<std::uint8_t> into);
std::size_t stream_bytes(const Stream& stream);
void encode_stream(const Stream& stream, std::span<std::uint8_t> into);

// What of a batch can be said once.
struct PointsShape {
    bool shared_times = false;  // every run has the same times
    bool one_quality = false;
    std::size_t bytes = 0;
};
PointsShape shape_of(const Batch& batch);
void encode_points(const Batch& batch, std::span<const SeriesRef> series, std::uint32_t stream,
                   const PointsShape& shape, std::span<std::uint8_t> into);

std::size_t decision_bytes(const Decision& decision);
void encode_decision(const Decision& decision, std::uint32_t stream, std::span<std::uint8_t> into);

// corrupt: says the offset. Views point into the payload.
Result<Record> decode(ByteView payload);

// Copies the rows of one run into buffers; `at` is the number of points in the runs before it.
class RunReader {
 public:
    Columns read(const Points& points, std::uint32_t at, const RunRef& run);

 private:
    std::vector<Timestamp> times_;
    std::vector<double> values_;
    std::vector<Quality> quality_;
};

}  // namespace mw::history::records
