#pragma once
// Replays a recording with its own spacing: event time = start + (row time - first row time), at
// `speed` times real time. Keeps the start in its checkpoint, so a restart goes on at the very row.

#include <map>
#include <optional>

#include "device/sources/recorded_table.h"
#include "device/sources/sources.h"

namespace mw::sources {

struct ReplayOptions {
    std::string path;
    bool parquet = false;  // else CSV
    RecordingOptions table;
    std::map<std::string, std::string> signals;  // column -> signal; a missing one keeps its name
    double speed = 1;
    std::optional<Timestamp> start;  // of the first row; none: so that the last row is now
    std::size_t hold_after = 0;      // rows to play before holding; 0: all of them
    bool loop = false;               // begin again, behind the last row, when it has ended
};

Result<ReplayOptions> replay_options(const Json& description);

class Replay final : public Source {
 public:
    static Result<std::unique_ptr<Replay>> open(ReplayOptions options, SourceContext context);

    Task<> run(SourceSink& sink, Bytes checkpoint) override;
    const std::string& name() const override { return context_.name; }
    SourceStatus status() const override { return status_; }
    bool reconfigure(const Json& description) override;
    Result<> look_back(const Bytes& checkpoint, std::size_t rows,
                       const std::function<void(const Batch&)>& visit) override;

 private:
    // 24 bytes: version, next row (of all passes), event time of row 0.
    struct Position {
        std::uint64_t next_row = 0;
        Timestamp start;
    };
    Replay(ReplayOptions options, RecordedTable table, SourceContext context);
    Bytes encode(const Position& position) const;
    std::optional<Position> decode(const Bytes& checkpoint) const;
    nanoseconds pass_length() const;
    Timestamp event_time(const Position& position, std::uint64_t row) const;
    std::uint64_t end_row() const;
    void fill(Batch& batch, const Position& position, std::uint64_t from, std::uint64_t to) const;
    bool holds() const;

    ReplayOptions options_;
    RecordedTable table_;
    SourceContext context_;
    std::vector<std::string> signals_;
    SourceStatus status_;
    Event changed_;
};

}  // namespace mw::sources
