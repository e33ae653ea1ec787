#pragma once
// The walk over one message: keys in any order, each shape closed when its object ends.
// Inner header of payload: the only one that sees simdjson.

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocols/payload/columns.h"
#include "protocols/payload/decoder.h"
#include "protocols/payload/name_table.h"

namespace mw::payload {

constexpr std::int64_t latest_ns = 9'200'000'000'000'000'000;  // the year 2261

class Decoder::Parser {
 public:
    explicit Parser(Limits limits);
    Result<void> decode(std::string_view payload, Batch& batch);
    const Limits& limits() const { return limits_; }

 private:
    using Value = simdjson::ondemand::value;

    // Where we are, for messages: "[3].frame.pressure[17]".
    struct Path {
        std::int64_t object = -1;
        std::string_view key = {};
        std::string_view signal = {};
        std::int64_t element = -1;
    };
    // One signal's points inside the object that is being read.
    struct Piece {
        std::string_view signal = {};
        std::uint32_t begin;
        std::uint32_t end;
    };
    // What "units" and "q" said about a signal, which may come before or after its values.
    struct Note {
        std::string_view signal = {};
        std::optional<std::string_view> unit = {};
        bool has_quality = false;
        std::uint32_t codes_begin = 0;  // in codes_; one code, or one per sample
        std::uint32_t codes_end = 0;
    };
    struct Shape {
        unsigned seen = 0;  // bits of the keys
        std::optional<std::string_view> signal;
        std::optional<Timestamp> start;  // t or t0
        std::int64_t step = 0;
        std::string_view unit;
        std::optional<Quality> quality;
    };

    Result<void> read(std::string_view payload, Batch& batch);
    Result<void> load(std::string_view payload);
    Result<void> read_array(Batch& batch);
    Result<void> read_object(simdjson::ondemand::object object, Batch& batch);
    Result<void> read_key(unsigned key, Value value, Shape& shape, Batch& batch);
    Result<void> read_values(Value value);
    Result<void> read_frame(Value value);
    Result<void> read_samples(Value value);
    Result<void> read_number(Value value);
    Result<void> read_odd_number(Value value);
    Result<void> read_text_value(std::string_view text);
    double exact(double nearest);
    Result<void> read_units(Value value);
    Result<void> read_quality(Value value, Shape& shape);
    Result<void> read_codes(Value value, Note& note);
    Result<void> read_sequence(Value value, Batch& batch);
    Result<Timestamp> read_time(Value value);
    Result<Quality> read_code(Value value);
    Result<std::string_view> read_text(Value value, std::size_t bytes_max);
    Result<std::string_view> read_signal(simdjson::ondemand::field& field);
    Result<Note*> note_for(std::string_view signal);

    Result<void> close_object(Shape& shape);
    Result<void> check_keys(const Shape& shape);
    Result<void> close_piece(const Shape& shape, const Piece& piece);

    Error fail(std::string_view what);
    Error fail(simdjson::error_code code, std::string_view wanted);
    std::string where();

    Limits limits_;
    simdjson::ondemand::parser json_;
    std::vector<char> padded_;
    std::size_t text_size_ = 0;
    simdjson::ondemand::document document_;

    Columns columns_;
    std::vector<Piece> pieces_;
    NameTable piece_names_;
    std::vector<Note> notes_;
    NameTable note_names_;
    std::vector<Quality> codes_;
    std::optional<std::uint64_t> sequence_;
    Path path_;
};

}  // namespace mw::payload
