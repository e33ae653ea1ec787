#pragma once
// Lines of text into points (docs/formats/sources.md): CSV under column names, or JSON under one
// rule of the local MQTT's kind. No I/O; belongs to its source's loop. Limits: a line has 64 KiB;
// of a longer one nothing is kept but its count.

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/sources/mqtt_mapping.h"

namespace mw::sources {

constexpr std::size_t line_bytes_max = std::size_t{64} << 10;

struct LineFormat {
    // CSV, when there is no rule.
    std::vector<std::string> names;              // empty: the first line says them
    std::string time;                            // the column of the time; empty: when a line came
    std::int64_t time_unit_ns = 1;               // of numbers there
    std::map<std::string, std::string> signals;  // column -> signal
    std::map<std::string, std::string> units;    // by signal
    std::optional<MqttMapping> json;
};

// The description's `csv` or `json`, of which it has one. Errors name the place: "csv.time: ...".
Result<LineFormat> line_format(const Json& description);

class LineReader {
 public:
    struct Figures {
        std::uint64_t lines = 0;
        std::uint64_t points = 0;
        std::uint64_t refused = 0;   // lines that could not be read; too long ones are among them
        std::uint64_t too_long = 0;  //
        std::string refusal;         // why the last of them
    };

    explicit LineReader(LineFormat format);
    void begin();  // another program: its first line may be names again; half a line is dropped
    void take(ByteView piece);
    // What the oldest lines say, as one batch of at most 2,048 points; nothing when no whole line
    // is left. `lines_max` bounds how many it takes.
    std::optional<Batch> next(Timestamp now, std::size_t lines_max);
    std::size_t waiting() const { return lines_.size(); }  // whole lines
    const Figures& figures() const { return figures_; }

 private:
    Result<> read_csv(std::string_view line, Timestamp now, Batch& batch);
    Result<> read_names(std::string_view line);
    void refuse(Error error);

    LineFormat format_;
    std::vector<std::string> names_;
    char separator_ = ',';
    std::string open_;  // a line whose end has not come
    bool skipping_ = false;
    std::deque<std::string> lines_;
    Batch line_;
    Timestamp last_;  // that a line was given
    Figures figures_;
};

}  // namespace mw::sources
