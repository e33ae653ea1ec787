#pragma once
// The walk over one text: one pass, points in a flat column, then sorted into batches. Inner header
// of line_protocol.

#include <algorithm>

#include "protocols/line_protocol/series_memory.h"

namespace mw::line_protocol {

class Parser::Lines {
 public:
    Lines(Naming naming, Limits limits) : memory_(std::move(naming), limits), limits_(limits) {}
    void parse(std::string_view text, const Context& context, Parsed& into);
    std::size_t series() const { return memory_.series.size(); }

 private:
    // What the text said of a value: bits of a series' types, and whether it was rounded.
    enum Said : std::uint8_t { number = 1, integer = 2, boolean = 4, text = 8, rounded = 16 };
    struct Point {
        std::uint32_t series;
        std::uint8_t said;
        double value;  // may be a box of boxes_
        std::int64_t time;
    };

    void read_line();
    bool read_key();
    bool read_fields();
    bool read_value(std::uint32_t series);
    bool read_short_number(std::uint32_t series);
    bool read_number(std::uint32_t series);
    bool read_whole(std::uint32_t series, const char* begin);
    bool read_word(std::uint32_t series);
    bool read_text(std::uint32_t series);
    const char* end_of_text(const char* begin);
    bool read_time();
    bool end_line();
    const char* find_bare(const char* from, char wanted) const;
    void skip_line();
    void skip_spaces() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
    }
    bool ends_here() const {  // a value, a line
        return at_ == end_ || *at_ == '\n' || *at_ == ' ' || *at_ == ',' || *at_ == '\r';
    }
    void add(std::uint32_t series, double value, std::uint8_t said) {
        if (count_ == points_.size()) points_.resize(std::max<std::size_t>(1'024, 2 * count_));
        points_[count_++] = {series, said, value, 0};
    }
    bool fail(const char* at, std::string message);
    void note(const char* at, std::string message);
    void sort_into(Parsed& into, Timestamp arrival);
    void name_runs(Device& device, Batch& batch) const;
    void place_runs(Parsed& into, Timestamp arrival);
    void place_boxes(Parsed& into);

    SeriesMemory memory_;
    Limits limits_;
    std::uint64_t stamp_ = 0;
    std::vector<Point> points_;  // the first count_ of them
    std::size_t count_ = 0;
    BoxList boxes_;  // of points_
    std::string unescaped_;
    std::vector<std::uint32_t> touched_;  // devices of this parse

    // Of the text that is read.
    const Context* context_ = nullptr;
    Parsed* parsed_ = nullptr;
    const char* at_ = nullptr;
    const char* end_ = nullptr;
    const char* line_ = nullptr;  // where it begins
    std::size_t line_number_ = 0;
    std::size_t line_points_ = 0;  // count_ before it
    std::uint32_t key_ = 0;
    bool has_key_ = false;  // key_ is of the line before
};

}  // namespace mw::line_protocol
