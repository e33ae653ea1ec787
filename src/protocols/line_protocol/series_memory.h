#pragma once
// What the parser remembers: the raw bytes of `measurement,tags` and of field keys lead to series,
// so that a name is taken apart and checked once. Inner header of line_protocol.

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "protocols/line_protocol/parser.h"

namespace mw::line_protocol {

struct Device {
    std::string name;
    std::uint64_t stamp = 0;  // the parse that the rest is about
    std::vector<std::uint32_t> series;
    std::uint64_t form = 0;  // of its last batch, whose runs were these series
    std::vector<std::uint32_t> form_series;
};

struct Series {
    std::uint32_t device = 0;
    std::string signal;
    std::uint64_t stamp = 0;
    std::uint32_t count = 0;
    std::uint8_t said = 0;       // of all its values so far: Lines::Said
    Timestamp* times = nullptr;  // where its next point goes
    double* values = nullptr;
    Quality* quality = nullptr;
};

// One `measurement,tags`, as it is written.
struct Key {
    struct Field {
        Field(std::string_view name, std::uint32_t found);
        // `raw=` in one comparison, where it is that short: (eight characters & mask) == word.
        std::uint64_t word = 0;
        std::uint64_t mask = 0;
        std::uint32_t size = 0;  // of raw
        std::uint32_t series = 0;
        std::string raw;
    };
    std::string raw;
    std::string fallback;  // the context's device, when no tag names it
    std::uint32_t device = 0;
    std::string measurement;
    std::string tags;  // ",k=v,k=v", sorted, without the device's
    std::vector<Field> fields;
    std::unordered_map<std::string_view, std::uint32_t> by_name;  // raw to index in `fields`
    std::uint32_t next = 0;  // the key that followed last time: the next one is likely the same
};

// A name's place in the text, for errors.
struct Misread {
    std::size_t at = 0;  // offset in what was given
    std::string message;
};

class SeriesMemory {
 public:
    SeriesMemory(Naming naming, Limits limits) : naming_(std::move(naming)), limits_(limits) {}

    std::deque<Key> keys;
    std::vector<Device> devices;
    std::vector<Series> series;

    void forget_if_full();
    // Index in `keys`; reads and remembers the name when it is new.
    bool find_key(std::string_view raw, const std::string& fallback, std::uint32_t& key,
                  Misread& why);
    // Index in `series`.
    bool find_field(std::uint32_t key, std::string_view raw, std::uint32_t& found, Misread& why);

 private:
    bool read_key(std::string_view raw, const std::string& fallback, Key& key, Misread& why);
    bool check(std::string_view name, const char* what, Misread& why) const;
    std::uint32_t device_of(const std::string& name);
    std::uint32_t series_of(std::uint32_t device, std::string signal);

    Naming naming_;
    Limits limits_;
    std::unordered_map<std::string_view, std::uint32_t> by_raw_;
    std::unordered_map<std::string, std::uint32_t> device_by_name_;
    std::unordered_map<std::string, std::uint32_t> series_by_name_;  // device, zero byte, signal
};

// "a\,b" to "a,b": a backslash goes where it stands before a comma, an equals sign or a space.
std::string unescape(std::string_view raw);

}  // namespace mw::line_protocol
