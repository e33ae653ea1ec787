#pragma once
// The catalog: which sealed file holds what, and what the dropped part of the log knew (series,
// newest values, stream positions). A log of its own (docs/formats/catalog.md). Opened at start;
// afterwards a seal's worker is its only user.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/history/segment.h"
#include "data/history/series.h"
#include "platform/files/files.h"

namespace mw::history {

struct LastValue {
    Timestamp time;  // the newest event time
    double value = 0;
    Quality quality;
    bool boxed = false;  // the value is beside it; this one means nothing

    // The value must be forgotten; by the time alone, late points are known.
    static LastValue erased_at(Timestamp time) { return {time, 0, {erased_code}, false}; }
    bool erased() const { return quality.code == erased_code; }
    static constexpr std::uint8_t erased_code = 63;  // bad, for a reason that no point has
};

// One seal or one compaction as the catalog records it, or everything (`full`), which replaces what
// came before. A compaction says generation and sealed_through 0: it changes neither.
struct CatalogEntry {
    struct Series {
        SeriesRef ref;
        std::string device, signal, unit;
        ValueType type = ValueType::number;
    };
    struct Newest {
        SeriesRef ref;
        LastValue last;
        BoxedValue boxed = std::int64_t{0};  // if last.boxed
    };
    struct Stream {
        std::uint32_t index = 0;
        std::string device, stream;
    };
    struct Position {
        std::uint32_t stream = 0;
        std::uint64_t sequence = 0;
    };
    bool full = false;
    std::uint64_t generation = 0;      // of this seal; in a full entry the newest one
    std::uint64_t sealed_through = 0;  // log frames up to here are in files
    std::vector<Series> series;
    std::vector<Newest> newest;
    std::vector<Stream> streams;
    std::vector<Position> positions;
    std::vector<std::string> replaced;  // paths of files whose rows are in others now, or gone
    std::vector<SegmentFile> files;     // relative paths
};

class Catalog {
 public:
    using Visitor = std::function<void(CatalogEntry)>;
    // Visits whole entries in order; one that a crash tore is left out.
    static Result<Catalog> open(files::Files& files, std::string directory, const Visitor& visit);

    // Durable when this returns; entering the same again after an error is safe. A full entry
    // starts a new segment and drops the older ones.
    Result<> enter(const CatalogEntry& entry);
    // Whether the next entry had better be a full one: the log holds several times what it says.
    bool wants_full() const;

    const files::LogOpenReport& report() const { return log_.report(); }

 private:
    explicit Catalog(files::AppendLog log) : log_(std::move(log)) {}
    files::AppendLog log_;
    std::uint64_t full_bytes_ = 0;  // size of the log after the last full entry
};

}  // namespace mw::history
