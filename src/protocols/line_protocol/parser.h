#pragma once
// The Parser and what it needs to know: how lines are named, what is too much, what a request says.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/point.h"

namespace mw::line_protocol {

// How a signal is called after its measurement and field. Other tags follow, in order of their
// keys: "disk.used,fstype=ext4,path=/".
enum class SignalForm : std::uint8_t {
    dot,         // measurement.field
    underscore,  // measurement_field
    field,       // field
};

// What makes a line's series a device's signal.
struct Naming {
    // The first of these tags that a line has names its device; the others stay in the signal.
    std::vector<std::string> device_tags = {"mw_device", "host", "device"};
    SignalForm signal = SignalForm::dot;
};

struct Limits {
    std::size_t line_bytes = std::size_t{64} << 10;
    std::size_t fields = 1'000;      // of a line
    std::size_t name_bytes = 256;    // of a device or signal
    std::size_t errors = 10;         // described; all are counted
    std::size_t series = 1'000'000;  // remembered; beyond, a parse begins with an empty memory
    std::size_t points = 32'768;     // of a piece: a parse ends with the line that reaches it
};

// What the request says about all its lines.
struct Context {
    std::int64_t unit_ns = 1;      // of a timestamp
    Timestamp now;                 // of lines without a timestamp
    std::string device;            // of lines without a tag for it; empty: they are refused
    std::size_t lines_before = 0;  // of the text, in pieces that were parsed before
};

// "ns", "us", "ms", "s" and the names that 1.x clients use: n, u, m (minute), h; empty is ns.
std::optional<std::int64_t> precision_ns(std::string_view name);

struct LineError {
    std::size_t line = 0;    // from 1
    std::size_t column = 0;  // in bytes, from 1
    std::string message;     // what is wrong and what to do
};

// One batch per device, in the order in which they first appear; a run per signal, its points in
// the order of the text. Reused from parse to parse.
struct Parsed {
    std::vector<Batch> batches;  // the first `devices` of them
    std::size_t devices = 0;
    std::size_t points = 0;
    std::size_t lines = 0;          // with points, comments and empty ones not counted
    std::size_t refused = 0;        // lines, or text fields of lines
    std::size_t consumed = 0;       // bytes; less than there were: parse the rest as well
    std::size_t last_line = 0;      // the next piece's lines_before
    std::vector<LineError> errors;  // the first of them
};

class Parser {
 public:
    explicit Parser(Naming naming = {}, Limits limits = {});
    ~Parser();
    Parser(Parser&&) noexcept;
    Parser& operator=(Parser&&) noexcept;

    // Never fails as a whole: what can't be read is in `errors`, the rest in the batches. Points
    // are good, or uncertain(source_uncertain) where an integer does not fit into a double.
    // Arrival is context.now; stream and sequence stay empty.
    void parse(std::string_view text, const Context& context, Parsed& into);

    std::size_t series() const;  // remembered

 private:
    class Lines;
    std::unique_ptr<Lines> lines_;
};

}  // namespace mw::line_protocol
